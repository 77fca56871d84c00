"""agent/comms/session.py: fixed keys give these bytes, on every interpreter; the room opens them.

The expected bytes were derived with another HMAC, X25519 and AES-CCM than the agent's.
"""

from agent import port
from agent.comms import hpke, seal
from agent.comms.session import (
    MAX_AGE_MS,
    MAX_FRAMES,
    Identity,
    ephemeral_private,
    open_steps,
)

ROOM_PRIVATE = bytes(range(32))
ROOM_PUBLIC = bytes.fromhex("8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f")
PSK = bytes(range(64, 96))
SEED = bytes(range(128, 160))
EPHEMERAL = "1425af9d53cc14edddf85f46b181d29b2a65ebfcd470fb58b255688a9655944f"
OPEN = (
    "10"
    "29fffccc9aa7b6083f0b650d2e013e2b88459b1d8fde0a124e41ae74ce7bda1c"
    "aabbccdd"
    "0003"
    "00000005"
    "94801dbe44e79d21add4c37f52d5b762"
)
SID = "5a31359e"
HELLO = "11 5a31359e 00000000 df4673d9a1 c0b14d9357035550090f0e6541437dc5"
EMPTY = "11 5a31359e 00000001 1001eadd453100f18b2755f5cfece2cf"
ORDER = "12 5a31359e 0000012c 019145911e c814bad936f48c2a46f1b488744163f1"


def unhex(text):
    return bytes.fromhex(text.replace(" ", ""))


def make(boot=5, seed=SEED, psk=PSK, public=ROOM_PUBLIC, now=1000):
    steps = open_steps(Identity("car-7", b"\xaa\xbb\xcc\xdd", public, psk, 3), boot, seed, now)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def room_keys(opening, psk=PSK):
    dh = port.x25519(ROOM_PRIVATE, opening.enc)
    return hpke.session_keys(
        dh,
        opening.enc,
        ROOM_PUBLIC,
        psk,
        "car-7",
        opening.key_id,
        opening.generation,
        opening.boot,
    )


def raises(error, function, *arguments):
    try:
        function(*arguments)
    except error as e:
        return str(e)
    raise AssertionError("%s was not raised" % error.__name__)


def test_the_ephemeral_key_comes_from_secret_seed_and_boot():
    assert port.x25519(ROOM_PRIVATE) == ROOM_PUBLIC
    assert ephemeral_private(PSK, 5, SEED).hex() == EPHEMERAL
    others = [
        ephemeral_private(PSK, 6, SEED),
        ephemeral_private(PSK, 5, bytes(32)),
        ephemeral_private(bytes(32), 5, SEED),
    ]
    assert len(set(others + [bytes.fromhex(EPHEMERAL)])) == 4


def test_a_session_open_and_its_frames():
    session = make()
    assert session.open_bytes.hex() == OPEN and session.sid.hex() == SID and session.boot == 5
    assert session.seal(b"hello") == (0, unhex(HELLO))
    assert session.seal(b"") == (1, unhex(EMPTY))
    assert session.next_number == 2


def test_the_room_opens_them():
    opening = seal.parse_open(bytes.fromhex(OPEN))
    assert (opening.key_id, opening.generation, opening.boot) == (b"\xaa\xbb\xcc\xdd", 3, 5)
    keys = room_keys(opening)
    opening.check(keys)
    box = seal.FrameBox("car-7", opening.enc, keys.up_key, keys.up_iv, seal.UP)
    assert box.open(unhex(HELLO)) == (0, b"hello")
    assert box.open(unhex(EMPTY)) == (1, b"")


def test_the_vehicle_opens_what_the_room_sends():
    session = make()
    assert session.open_down(unhex(ORDER)) == (300, b"order")
    raises(seal.FrameFormatError, session.open_down, unhex(HELLO))  # its own, reflected
    changed = unhex(ORDER)[:-1] + b"\x00"
    raises(seal.FrameSealError, session.open_down, changed)


def test_a_room_without_the_vehicles_secret_takes_no_session():
    opening = seal.parse_open(bytes.fromhex(OPEN))
    text = raises(seal.FrameSealError, opening.check, room_keys(opening, bytes(32)))
    assert text == "session open 5a31359e: wrong MAC"


def test_each_boot_has_keys_of_its_own_also_where_the_chip_repeats_its_random_numbers():
    assert make(boot=5).open_bytes == make(boot=5).open_bytes
    assert make(boot=6).sid != make(boot=5).sid
    assert make(seed=bytes(32)).sid != make().sid


def test_a_public_key_that_gives_zero_is_refused():
    assert "zero" in raises(hpke.KeyAgreementError, make, 5, SEED, PSK, bytes(32))


def test_a_session_is_spent_by_count_or_by_age():
    session = make(now=1000)
    assert not session.is_spent(1000 + MAX_AGE_MS - 1)
    assert session.is_spent(1000 + MAX_AGE_MS)
    session.next_number = MAX_FRAMES - 1
    assert not session.is_spent(2000)
    session.seal(b"")
    assert session.is_spent(2000)
