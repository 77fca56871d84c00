"""GPS that fails and GPS that lies, from the emulated receiver to the room's database."""

import json
import math

import pytest

from tests.support import gpsd, micropython
from tests.support.brokers import Iotcore
from tests.support.system import System
from tools.emulator.scenario import parse
from tools.emulator.vehicle import Vehicle

SPOOF_AT = 48  # seconds of the scenario
SCENARIO = {
    "seed": 7,
    "route": {
        "limit": 60,
        "points": [{"at": [33.9900, -6.8500], "alt": 60}, [33.9960, -6.8470], [34.0060, -6.8420]],
    },
    "car": {"coolant": 85},
    "faults": [
        {"part": "gps", "kind": "no-fix", "at": 22, "for": 14},
        {"part": "gps", "kind": "spoof", "at": SPOOF_AT, "for": 4, "north": 3000},
    ],
}
DEGRADED = 2


@pytest.fixture(params=("cpython", "micropython"), scope="module")
def drive(request, tmp_path_factory):
    """(positions, events, truth) of a drive of a minute, as the room has them."""
    if request.param == "micropython" and micropython.find() is None:
        pytest.skip(micropython.HOW_TO_GET_IT)
    folder = tmp_path_factory.mktemp(request.param)
    path = folder / "scenario.json"
    path.write_text(json.dumps(SCENARIO))
    with Iotcore() as broker:
        system = System(folder, request.param, broker.port, scenario=path)
        try:
            system.start_room()
            system.start_agent()
            system.wait(lambda: ("gps_state", ["lost"]) in system.events(), 60, "the loss")
            system.wait(lambda: "gps_jump" in [e[0] for e in system.events()], 60, "the jump")
            system.wait(lambda: system.status()["uptime_ms"] > 58000, 30, "the end")
            system.stop_agent()
            positions, events = system.positions(), system.events()
        finally:
            system.close()
    truth = [json.loads(line) for line in (folder / "truth.jsonl").read_text().splitlines()]
    return positions, events, [row for row in truth if row["k"] == "gps"]


def test_while_gps_is_lost_the_car_goes_on_by_its_wheels(drive):
    positions, events, truth = drive
    car = Vehicle(parse(SCENARIO))
    reckoned = [row for row in positions if row["reckoned"]]
    assert len(reckoned) >= 2, "connected, a position goes out every five seconds"
    # The emulator's first epoch is of its second 0; the room dates what it receives.
    start, place = truth[0]["fix_utc"], car.motion.projection.metres
    for row in reckoned:
        assert row["speed"] > 0 and row["alt"] is None and row["heading_held"]
        true = car.at((row["utc"] - start) / 1000)
        x, y = place(true.lat, true.lon)
        at_x, at_y = place(row["lat"] / 1e6, row["lon"] / 1e6)
        assert math.hypot(at_x - x, at_y - y) < 40, row
    lost = [fields for name, fields in events if name == "gps_state"]
    assert lost[:3] == [["fix"], ["lost"], ["fix"]]


def test_nothing_old_is_sent_as_new(drive):
    positions, _, truth = drive
    sent = {(row["lat"], row["lon"]) for row in truth if row["valid"]}
    times = [row["t"] for row in positions if not row["reckoned"]]
    assert len(times) == len(set(times))
    for row in positions:
        assert row["reckoned"] or row["standing"] or (row["lat"], row["lon"]) in sent


def test_a_jump_is_told_at_once_and_its_positions_are_not_good(drive):
    positions, events, _ = drive
    jumps = [fields for name, fields in events if name == "gps_jump"]
    assert jumps and 2500 < jumps[0][0] < 3500
    far = [row for row in positions if row["lat"] > 34015000]
    assert far and all(row["quality"] == DEGRADED for row in far)


@pytest.mark.parametrize("interpreter", ["cpython", "micropython"])
def test_positions_of_a_running_gpsd_are_those_of_its_receiver(interpreter, tmp_path):
    """The receiver is gpsd's, the agent asks gpsd; what the room has is what the receiver sent."""
    if gpsd.find() is None:
        pytest.skip(gpsd.HOW_TO_GET_IT)
    if interpreter == "micropython" and micropython.find() is None:
        pytest.skip(micropython.HOW_TO_GET_IT)
    port = gpsd.free_port()
    source = {"port": None, "gpsd": {"host": "127.0.0.1", "port": port}}
    with Iotcore() as broker:
        system = System(tmp_path, interpreter, broker.port, gps=source)
        try:
            system.start_room()
            system.start_agent()  # first: it waits for gpsd
            with gpsd.RealGpsd(system.terminals["gps"], port):
                system.wait(lambda: ("gps_state", ["fix"]) in system.events(), 60, "a fix")
                system.wait(lambda: len(system.positions()) >= 3, 60, "positions")
            system.stop_agent()
            positions = [row for row in system.positions() if not row["reckoned"]]
        finally:
            system.close()
    truth = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text().splitlines()]
    sent = {(row["lat"], row["lon"]) for row in truth if row["k"] == "gps" and row["valid"]}
    for row in positions:
        near = min(abs(row["lat"] - lat) + abs(row["lon"] - lon) for lat, lon in sent)
        assert near <= 2, row  # gpsd tells degrees to nine places, from minutes to five
