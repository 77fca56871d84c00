"""Revoked vehicles and generations, older ones that still open a backlog, several room keys."""

from dataclasses import replace

import pytest

from agent import port
from agent.records import POSITION
from tests.support.rooms import (
    ROOM_KEY,
    ROOM_KEY_ID,
    T0,
    Car,
    acknowledged,
    make_room,
    psk,
    stored,
)
from tools.room.keys import RoomKey, Secret, key_id

CAR = "v-one"
NEW_PSK = port.sha256(b"the second generation")


def position(t):
    return (POSITION, t, 33_990_000, -6_850_000, 7500, 1400, 9000, 9, 0x5D)


@pytest.fixture
def room(tmp_path):
    room = make_room(tmp_path, CAR)
    yield room
    room.store.close()


def revoke(room):
    room.keys = replace(room.keys, vehicles={}, revoked=frozenset({CAR}))


def test_a_revoked_vehicle_is_refused_and_counted(room):
    car = Car(CAR)
    car.start()
    frames = [car.frame(position(1000 * i)) for i in range(4)]
    assert car.hear(room.handle([car.open(), *frames[:2]], T0))
    before = stored(room.store, CAR)
    revoke(room)
    # In mid-drain: the session that was open is closed to it, and nothing is answered any more.
    assert room.handle(frames[2:], T0 + 1000) == []
    car.start()
    birth = (car.topic("p"), b"\x01" + car.session.sid)
    assert room.handle([car.open(), car.frame(position(0)), birth], T0 + 2000) == []
    assert room.counters["revoked"] == 5 and room.counters["unknown_vehicle"] == 0
    assert stored(room.store, CAR) == before
    for ms in range(3000, 60000, 1000):
        assert room.handle([], T0 + ms) == []
    room.greet(T0 + 60000)
    assert room.handle([], T0 + 60000) == []


def test_an_older_generation_still_opens_a_backlog(room):
    old = Car(CAR)
    old.start()
    opening, backlog = old.open(), [old.frame(position(1000 * i), lane="b") for i in range(3)]
    room.keys = replace(room.keys, vehicles={CAR: Secret(NEW_PSK, 2, {1: psk(CAR)})})
    new = Car(CAR, generation=2, secret=NEW_PSK)
    new.start()
    said = new.hear(room.handle([new.open(), opening, *backlog], T0))
    assert acknowledged(said) == {new.session.sid: set(), old.session.sid: {0, 1, 2}}


def test_a_revoked_generation_opens_nothing(room):
    old = Car(CAR)
    old.start()
    frames = [old.frame(position(1000 * i), lane="b") for i in range(3)]
    room.handle([old.open(), frames[0]], T0)
    secret = Secret(NEW_PSK, 3, {2: bytes(32)}, frozenset({1}))
    room.keys = replace(room.keys, vehicles={CAR: secret})
    assert room.handle([frames[1]], T0) == []
    assert room.counters["unknown_session"] == 1
    assert stored(room.store, CAR) == {old.session.sid: {0}}
    old.start()
    assert room.handle([old.open(), old.frame(position(0))], T0) == []
    assert room.counters["revoked"] == 1
    # One that never was is a mistake of another kind.
    for generation, counter in ((0, "wrong_generation"), (4, "wrong_generation")):
        stranger = Car(CAR, generation=generation)
        stranger.start()
        before = room.counters[counter]
        assert room.handle([stranger.open()], T0) == []
        assert room.counters[counter] == before + 1


def test_a_secret_of_one_generation_does_not_open_as_another(room):
    """The generation is part of what the keys are derived from."""
    room.keys = replace(room.keys, vehicles={CAR: Secret(NEW_PSK, 2, {1: psk(CAR)})})
    for generation, secret in ((1, NEW_PSK), (2, psk(CAR))):
        car = Car(CAR, generation=generation, secret=secret)
        car.start()
        assert room.handle([car.open()], T0) == []
    assert room.counters["wrong_mac"] == 2 and room.counters["opens"] == 0


def test_an_old_room_key_opens_until_it_is_retired(room):
    private = port.sha256(b"the room's second key")
    pair = RoomKey(private, port.x25519(private))
    new_id = key_id(pair.public)
    car = Car(CAR)
    car.start()
    room.keys = replace(
        room.keys, room_key_id=new_id, room_keys={ROOM_KEY_ID: ROOM_KEY, new_id: pair}
    )
    first = car.session
    frames = [car.frame(position(1000 * i), lane="b") for i in range(2)]
    said = car.hear(room.handle([car.open(), frames[0]], T0))
    assert acknowledged(said) == {first.sid: {0}}
    car.identity.room_key_id, car.identity.room_public = new_id, pair.public
    car.start()
    said = car.hear(room.handle([car.open(), frames[1], car.frame(position(0))], T0))
    assert acknowledged(said) == {first.sid: {0, 1}, car.session.sid: {0}}
    room.keys = replace(room.keys, room_keys={new_id: pair})
    car.identity.room_key_id, car.identity.room_public = ROOM_KEY_ID, ROOM_KEY.public
    car.start()
    assert room.handle([car.open()], T0) == []
    assert room.counters["unknown_room_key"] == 1
