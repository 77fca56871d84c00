"""Room workers that share a vehicle: none is left with numbers that the vehicle refuses as old."""

from agent.comms.inbox import WINDOW
from tests.support.rooms import T0, Car, acknowledged, make_room
from tools.room.answers import DOWN_BLOCK
from tools.room.core import Room
from tools.room.sqlite import SqliteStore

CAR = "v-one"


def test_a_worker_that_comes_back_to_a_vehicle_is_heard_at_once(tmp_path):
    """Another one has served it meanwhile, by more frames than the vehicle's window is wide."""
    car = Car(CAR)
    car.start()
    first = make_room(tmp_path, CAR)
    other = Room(SqliteStore(tmp_path / "room.db"), first.keys)
    now = T0
    assert car.hear(first.handle([car.open()], now))
    for _ in range(WINDOW + 2 * DOWN_BLOCK):
        now += 1000
        assert len(car.hear(other.handle([car.frame()], now))) == 1
    said = car.hear(first.handle([car.frame()], now))  # fails where the car refuses it
    assert acknowledged(said) == {car.session.sid: {WINDOW + 2 * DOWN_BLOCK}}


def test_as_long_as_they_take_turns_no_number_is_wasted(tmp_path):
    car = Car(CAR)
    car.start()
    first = make_room(tmp_path, CAR)
    other = Room(SqliteStore(tmp_path / "room.db"), first.keys)
    now = T0
    first.handle([car.open()], now)
    for i in range(4 * DOWN_BLOCK):
        now += 1000
        assert car.hear((first, other)[i % 2].handle([car.frame()], now))
    assert first.store.reserve_down(first.vehicle(CAR).current, 1) <= 6 * DOWN_BLOCK
