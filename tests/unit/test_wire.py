"""Each interpreter makes tests/vectors/wire-v1.json's bytes from the same records and keys."""

from agent import port
from agent.comms import batch, inbox, seal, unbatch
from agent.comms import session as sessions
from agent.port import curve25519
from tests.support.data import own_vectors


def make_session(v):
    unhex = bytes.fromhex
    identity = sessions.Identity(
        v["vehicle"],
        unhex(v["room_key_id"]),
        unhex(v["room_public"]),
        unhex(v["psk"]),
        v["psk_generation"],
    )
    return curve25519.run(sessions.open_steps(identity, v["boot"], unhex(v["random"]), 0))


def as_record(fields):
    if fields[0] == 5:
        fields[3] = bytes.fromhex(fields[3])
    return tuple(fields)


def test_session_open_and_frames_are_byte_identical():
    v = own_vectors("wire-v1.json")
    session = make_session(v)
    assert session.open_bytes.hex() == v["session_open"]
    assert session.sid.hex() == v["session_id"]
    for frame in v["frames"]:
        gathered = batch.Batch()
        for fields in frame["records"]:
            gathered.add(as_record(fields), 0)
        plaintext = gathered.encode()
        assert plaintext.hex() == frame["plaintext"]
        number, sealed = session.seal(plaintext)
        assert number == frame["number"]
        assert sealed.hex() == frame["frame"]


def test_the_acknowledgement_opens():
    v = own_vectors("wire-v1.json")
    session = make_session(v)
    box = inbox.Inbox()
    box.set_session(session)
    ack = v["acknowledgement"]
    message = box.take(bytes.fromhex(ack["frame"]), 0)
    assert message == ("ack", ack["utc"], [(session.sid, ack["upto"], ack["ranges"])])
    assert box.take(bytes.fromhex(ack["frame"]), 0) is None
    assert box.counters["replayed"] == 1


def test_the_rooms_side_opens_them():
    v = own_vectors("wire-v1.json")
    opening = seal.parse_open(bytes.fromhex(v["session_open"]))
    assert port.x25519(bytes.fromhex(v["room_private"])).hex() == v["room_public"]
    keys = v["keys"]
    box = seal.FrameBox(
        v["vehicle"],
        opening.enc,
        bytes.fromhex(keys["up_key"]),
        bytes.fromhex(keys["up_iv"]),
        seal.UP,
    )
    for frame in v["frames"]:
        number, plaintext = box.open(bytes.fromhex(frame["frame"]))
        assert number == frame["number"]
        want = [as_record(fields) for fields in frame["records"]]
        assert sorted([str(r) for r in unbatch.decode(plaintext)]) == sorted([str(r) for r in want])
