"""A copied gateway: the room notices that one identity is in two places."""

import pytest

from agent.records import POSITION
from tests.integration.test_room_core import fail
from tests.support.rooms import T0, Car, make_room
from tools.room.store import StoreError
from tools.room.twins import AGAIN_MS, BIRTHS, FRAMES, WITHIN_MS

RETURNS = FRAMES[1]
CAR = "v-one"


def position(t):
    return (POSITION, t, 33_990_000, -6_850_000, 7500, 1400, 9000, 9, 0x5D)


@pytest.fixture
def room(tmp_path):
    room = make_room(tmp_path, CAR)
    yield room
    room.store.close()


def gateways(room, boots=(10, 11), now=T0):
    """The original and its copy: one secret, different random numbers."""
    cars = [Car(CAR, seed=i) for i in range(2)]
    for car, boot in zip(cars, boots, strict=True):
        car.start(boot)
        room.handle([car.open()], now)
    return cars


def alarms(room):
    return [e.fields for e in room.store.events(CAR) if e.name == "duplicate_identity"]


def test_two_gateways_that_drive_at_the_same_time(room):
    cars = gateways(room)
    for i in range(2 + RETURNS):
        assert alarms(room) == [] and room.counters["duplicate_identity"] == 0
        room.handle([cars[i % 2].frame(position(1000 * i))], T0 + 60000 * i)
    assert alarms(room) == [["frames", RETURNS, cars[i % 2 - 1].session.sid.hex()]]
    event = room.store.events(CAR)[0]
    assert (event.session.sid, event.t) == (cars[i % 2].session.sid, 1000 * (1 + RETURNS))
    assert room.counters["duplicate_identity"] == 1
    # Told once an hour, and the frames are stored all the same: which is the copy nobody knows.
    now = T0 + 60000 * (1 + RETURNS)
    for i in range(10):
        room.handle([cars[i % 2].frame(position(10000 + i))], now + 60000 * i)
    assert len(alarms(room)) == 1 and room.counters["frames"] == 2 + RETURNS + 10
    for i in range(2 * RETURNS + 1):
        room.handle([cars[i % 2].frame(position(20000 + i))], now + AGAIN_MS + i)
    assert len(alarms(room)) == 2


def test_they_take_the_connection_from_each_other(room):
    """The broker knows the client by its certificate: each birth ends the other's connection. The
    copy lies on a desk and has nothing to send."""
    cars = gateways(room)
    for i in range(2 + BIRTHS[1]):
        car = cars[i % 2]
        birth = (car.topic("p"), b"\x01" + car.session.sid)
        room.handle([cars[0].frame(position(1000 * i)), birth], T0 + 60000 * i)
        assert alarms(room) == []
    room.handle([cars[0].frame(position(0), lane="a")], T0 + 60000 * i + 1)
    assert alarms(room) == [["births", BIRTHS[1], cars[i % 2 - 1].session.sid.hex()]]


def test_a_boot_number_that_comes_twice(room):
    cars = gateways(room, boots=(10, 10))
    room.handle([cars[1].frame(position(0))], T0 + 1)
    assert alarms(room) == [["boot", 10, cars[0].session.sid.hex()]]


def test_a_new_generation_may_begin_to_count_anew(tmp_path, room):
    cars = gateways(room, boots=(1, 2))
    keys = make_room(tmp_path, CAR, store=room.store, generation=2).keys
    room.keys = keys
    new = Car(CAR, generation=2)
    new.start(1)
    room.handle([new.open(), new.frame(position(0))], T0)
    assert room.counters["frames"] == 1 and alarms(room) == []
    assert cars[0].session.sid != new.session.sid


def test_one_gateway_raises_no_alarm(room):
    """New sessions, their backlog and doubled births, for a day, with old frames in between."""
    car = Car(CAR)
    earlier = []
    now = T0
    for hour in range(24):
        car.start()
        now = T0 + hour * 3600000
        births = [(car.topic("p"), b"\x01" + car.session.sid)] * 2
        room.handle([car.open(), *births, car.frame(position(0))], now)
        room.handle([*earlier, car.frame(position(1000)), *earlier], now + 1000)
        gone = [(car.topic("p"), b"\x00" + car.session.sid)]
        room.handle([*gone, car.frame(position(2000))], now + 2000)
        # What a broker held up comes when the next session is already there, once.
        earlier = [car.frame(position(3000)), car.frame(position(4000), lane="b")]
    assert room.counters["duplicate_identity"] == 0 and alarms(room) == []
    assert room.counters["frames"] == 24 * 3 + 23 * 2


def test_a_batch_that_comes_again_counts_once(room):
    first, second = gateways(room)
    batch = [first.frame(position(0)), second.frame(position(0)), first.frame(position(1000))]
    real, room.store.commit = room.store.commit, fail
    for _ in range(2 * RETURNS):
        with pytest.raises(StoreError):
            room.handle(batch, T0)
    room.store.commit = real
    room.handle(batch, T0)
    assert room.counters["frames"] == 3 and alarms(room) == []


def test_returns_of_long_ago_do_not_count(room):
    cars = gateways(room)
    for i in range(4 * RETURNS):
        room.handle([cars[i % 2].frame(position(i))], T0 + i * WITHIN_MS // (RETURNS - 1))
    assert alarms(room) == []


def test_births_of_sessions_that_nobody_opened_prove_nothing(room):
    car = gateways(room)[0]
    for i in range(4 * BIRTHS[1]):
        room.handle([(car.topic("p"), b"\x01" + bytes([i % 2] * 4))], T0 + i)
    room.handle([car.frame(position(0))], T0 + 100)
    assert alarms(room) == [] and room.counters["presence"] == 4 * BIRTHS[1]
