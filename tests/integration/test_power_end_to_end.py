"""A car that is parked, sleeps, and is woken: the real agent on both interpreters, in a car park
whose attendant (the test) powers it up as a board's wires would."""

import json

import pytest

from tests.support import micropython
from tests.support.brokers import Iotcore
from tests.support.system import System

# A heartbeat a day; the rest as short as it may be.
_POWER = {"linger_s": 2, "alarm_s": 1, "heartbeat_s": 86400, "heartbeat_awake_s": 10}

# A few metres to the parking place, where the key is drawn.
_PARKING = {
    "name": "A parking place in Casablanca",
    "start": "now",
    "duration": 600,
    "route": {"limit": 30, "points": [[33.59506, -7.61880], [33.59560, -7.61830]]},
    "faults": [{"part": "car", "kind": "ignition-off", "at": 8, "for": 592}],
}


@pytest.fixture(params=("cpython", "micropython"))
def car(request, tmp_path):
    if request.param == "micropython" and micropython.find() is None:
        pytest.skip(micropython.HOW_TO_GET_IT)
    wires = {name: tmp_path / name for name in ("ignition", "panic", "power_fail")}
    for path in wires.values():
        path.write_text("0")
    wires["ignition"].write_text("1")
    inputs = {name: str(path) for name, path in wires.items()}
    scenario = tmp_path / "parking.json"
    scenario.write_text(json.dumps(_PARKING))
    with Iotcore() as broker:
        system = System(
            tmp_path, request.param, broker.port, scenario=scenario, power=_POWER, inputs=inputs
        )
        system.wires = wires
        try:
            system.begin()
            yield system
        finally:
            system.close()


def told(system, *names):
    return [(name, fields) for name, fields in system.events() if name in names]


def delivered(system):
    """All that the agent has left has come to the room."""
    kept = system.journalled()
    return not kept or kept <= {(sid, number) for sid, number, _ in system.received()}


def test_parked_asleep_woken_by_panic_and_nothing_lost(car):
    car.wait(lambda: car.status().get("acknowledged", 0) >= 3, 40, "a drive")
    car.wires["ignition"].write_text("0")
    rest = car.wait_asleep(60)
    assert rest == {"ms": 86400000, "wake": ["panic", "ignition"], "low": False, "failed": False}
    assert delivered(car)
    assert [e[1] for e in told(car, "power")[-2:]] == [["parked", "ignition"], ["asleep", "time"]]
    assert told(car, "stop") == [("stop", ["asleep"])]
    assert ("profile", ["parked"]) in car.events()
    assert not told(car, "panic")

    # The button is pressed, and let go before the gateway is up.
    car.start_agent(woken="panic")
    car.wait(lambda: told(car, "panic") == [("panic", [1]), ("panic", [0])], 40, "panic")
    boots = [fields[-1] for _, fields in told(car, "boot")]
    assert boots == ["start", "panic"]
    # Nothing is the matter any more: it sleeps again.
    rest = car.wait_asleep(60)
    assert told(car, "power")[-2:] == [
        ("power", ["parked", "panic"]),
        ("power", ["asleep", "time"]),
    ]
    assert delivered(car)

    # A sign of life, in which the supply fails.
    car.start_agent(woken="timer")
    car.wires["power_fail"].write_text("1")
    rest = car.wait_asleep(40)
    assert rest["ms"] == 60000 and rest["failed"]
    car.wires["power_fail"].write_text("0")
    car.start_agent(woken="timer")
    car.wait_asleep(60)
    assert [e[1] for e in told(car, "power")[-3:]] == [
        ["asleep", "power_fail"],
        ["parked", "timer"],
        ["asleep", "time"],
    ]
    assert [e[1] for e in told(car, "power_fail")][0] == [1]
    assert [fields[-1] for _, fields in told(car, "boot")] == ["start", "panic", "timer", "timer"]

    # Each number of each session has come: nothing is lost, nothing came twice.
    numbers = {}
    for sid, number, _ in car.received():
        numbers.setdefault(sid, []).append(number)
    assert len(numbers) == 4
    for found in numbers.values():
        assert sorted(found) == list(range(len(found)))
