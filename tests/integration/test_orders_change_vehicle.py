"""Orders that change the vehicle itself, the crew's own switches, and a car whose engine is off: a
real room and real agents, on both interpreters."""

import json
import time

import pytest

from tests.support import micropython
from tests.support.brokers import Iotcore, free_port
from tests.support.system import System, order, states

_HEAP = "640K"
INPUTS = ("panic", "siren", "off_duty", "confirm")
# Standing, key on, engine off, for as long as a test lasts.
ENGINE_OFF = {
    "duration": 600,
    "route": {"points": [{"at": [33.59506, -7.61880], "stop": 600}, [33.59690, -7.61690]]},
    "gps": {"baud": 9600},
    "obd": {"stored": ["P0133"], "pending": ["P0420"]},
    "faults": [{"part": "car", "kind": "engine-off", "at": 0, "for": 600}],
}


@pytest.fixture(params=("cpython", "micropython"))
def make(request, tmp_path):
    """make(scenario): a System whose agent has reached the room; its inputs are files."""
    if request.param == "micropython" and micropython.find() is None:
        pytest.skip(micropython.HOW_TO_GET_IT)
    made = []
    with Iotcore() as broker:

        def make(scenario=None, **settings):
            path = tmp_path / "scenario.json"
            if scenario:
                path.write_text(json.dumps(scenario))
            inputs = {name: str(tmp_path / name) for name in INPUTS}
            for name in INPUTS:
                (tmp_path / name).write_text("0")
            system = System(
                tmp_path, request.param, broker.port, heap=_HEAP, inputs=inputs,
                scenario=path if scenario else None, **settings,
            )  # fmt: skip
            made.append(system)
            system.start_room()
            system.start_agent()
            reached(system)
            return system

        yield make
        for system in made:
            system.close()


def reached(system):
    system.wait(lambda: system.status().get("acknowledged", 0) >= 1, 40, "a connection")


def told(system, name):
    """Fields of the events of that name, in their order."""
    return [fields for event, fields in system.events() if event == name]


def start_anew(system, starts):
    """Until the agent has begun so many times, in the room's eyes."""

    def is_back():
        system.tend()
        return len(told(system, "boot")) >= starts

    system.wait(is_back, 60, f"start number {starts}")


def press(system, name, level=1):
    (system.folder / name).write_text(str(level))


def test_settings_from_the_room_hold_when_the_room_is_reached_and_go_back_when_not(make):
    system = make()
    assert order(system, "settings", role="look")["result"] == {"values": {}, "trial": None}
    for values, why in (
        ({"mqtt.keepalive_s": 3}, "config: mqtt.keepalive_s: 3 is not within 5 to 3600"),
        ({"mqtt.window": 8, "mqtt.windows": 8}, "config: mqtt.windows: there is no such key"),
        ({"keys.psk": "00"}, "config: keys.psk is not set from afar: they say whose orders are"),
        ({"reporting.profile": "racing"}, "config: reporting.profile: no profile 'racing'"),
    ):
        found = order(system, "config", "values=" + json.dumps(values))
        assert found["state"] == "refused" and found["why"].startswith(why), found

    new = {"reporting.profile": "pursuit", "mqtt.username": "car", "mqtt.password": "hunter2"}
    found = order(system, "config", "values=" + json.dumps(new), "seconds=60")
    assert found["state"] == "done", found
    shown = {**new, "mqtt.password": "(secret)"}
    assert found["result"] == {"trial": shown, "seconds": 60}
    assert found["arguments"]["values"] == shown
    start_anew(system, 2)
    system.wait(lambda: told(system, "config_state") == [["good", ""]], 30, "the outcome")
    assert order(system, "settings")["result"] == {"values": shown, "trial": None}
    assert order(system, "profile")["result"] == {"profile": "pursuit"}

    # A port where nobody is: the trial ends by itself, and the room hears of it.
    nowhere = json.dumps({"mqtt.port": free_port()})
    found = order(system, "config", "values=" + nowhere, "seconds=5")
    assert found["state"] == "done", found
    start_anew(system, 4)
    why = "the room was not reached within 5 s"
    system.wait(lambda: told(system, "config_state")[1:] == [["rolled_back", why]], 30, "it")
    assert order(system, "settings")["result"] == {"values": shown, "trial": None}
    # And as provisioned again.
    assert order(system, "config", "drop=*")["result"] == {"trial": {}, "seconds": 300}
    start_anew(system, 5)
    system.wait(lambda: told(system, "config_state")[2:] == [["good", ""]], 30, "the last one")
    summary = system.stop_agent()
    assert summary["left"] == 0 and summary["lost"] == 0
    received = [row[:2] for row in system.received()]
    assert len(received) == len(set(received))
    assert "hunter2" not in system.agent_text()


def test_the_crew_reads_and_goes_off_duty(make):
    system = make()
    number = order(system, "message", "text=Call the room")["order"]
    found = order(system, "read")
    assert found["state"] == "refused" and "for the crew" in found["why"]
    assert system.order_row(number)["read"] is None
    press(system, "confirm")
    system.wait(lambda: told(system, "message_read") == [[number]], 20, "that it was read")
    system.wait(lambda: system.order_row(number)["read"], 5, "the room's table")
    press(system, "confirm", 0)

    press(system, "off_duty")
    system.wait(lambda: told(system, "off_duty") == [[1]], 20, "off duty")
    found = order(system, "report")
    assert (found["state"], found["why"]) == ("refused", "report: the crew is off duty")
    assert order(system, "scan")["why"] == "scan: the crew is off duty"
    # What was recorded before came with the alert, or within a report's five seconds.
    time.sleep(6)
    count = len(system.positions())
    time.sleep(6)
    assert order(system, "ping")["state"] == "done"
    assert len(system.positions()) == count
    press(system, "panic")
    system.wait(lambda: len(system.positions()) > count, 20, "positions while panic is pressed")
    press(system, "panic", 0)
    press(system, "off_duty", 0)
    system.wait(lambda: told(system, "off_duty") == [[1], [0]], 20, "on duty")
    assert order(system, "report")["state"] == "done"
    assert system.stop_agent()["left"] == 0


def test_codes_are_cleared_while_the_engine_is_off(make):
    system = make(ENGINE_OFF)
    system.wait(lambda: ["polling"] in told(system, "obd_state"), 60, "the car's bus")
    found = order(system, "clear")
    assert found["state"] == "done", (found, system.agent_log())
    assert states(system, found["order"]) == ["received", "running", "done"]
    system.wait(lambda: told(system, "dtc_cleared") == [[1, ""]], 20, "the event")
    result = order(system, "scan", seconds=120)["result"]
    assert result["ecus"][0]["stored"] == []
