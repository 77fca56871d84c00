"""Orders from the room to a running agent and back, on both interpreters."""

import json
import subprocess
import sys
import time

import pytest

from tests.support import micropython
from tests.support.brokers import Iotcore
from tests.support.system import VEHICLE, System, order, states

# A scan of the car takes 35 KB beside everything else, more than the demo's heap has left.
_HEAP = "640K"


@pytest.fixture(params=("cpython", "micropython"))
def system(request, tmp_path):
    if request.param == "micropython" and micropython.find() is None:
        pytest.skip(micropython.HOW_TO_GET_IT)
    with Iotcore() as broker:
        system = System(tmp_path, request.param, broker.port, heap=_HEAP)
        try:
            system.begin()
            yield system
        finally:
            system.close()


def test_every_order_is_carried_out_and_told(system):
    found = order(system, "ping")
    assert found["state"] == "done" and found["result"]["link"] == "online"
    assert states(system, found["order"]) == ["received", "running", "done"]

    found = order(system, "report")
    lat, lon = found["result"]["position"]
    assert found["state"] == "done" and 33_000_000 < lat < 34_000_000 and lon < -7_000_000

    assert order(system, "profile", "name=pursuit")["result"] == {"profile": "pursuit"}
    system.wait(lambda: ("profile", ["pursuit"]) in system.events(), 20, "the profile")
    assert order(system, "profile")["result"] == {"profile": "patrol"}
    found = order(system, "profile", "name=racing")
    assert (found["state"], found["why"]) == ("refused", "profile: there is none named 'racing'")

    found = order(system, "journal")
    assert found["result"]["counters"]["frames_journalled"] > 0
    found = order(system, "log", "lines=3")
    assert len(found["result"]["lines"]) == 3
    assert order(system, "counters")["result"]["orders"]["done"] >= 6

    found = order(system, "message", "text=Call the room, channel 4")
    assert found["state"] == "done"
    system.wait(
        lambda: [m[1] for m in system.status()["messages"]] == ["Call the room, channel 4"],
        5, "the message",
    )  # fmt: skip

    found = order(system, "update", "signed=00")
    why = "update: there is no group update in the configuration"
    assert (found["state"], found["why"]) == ("refused", why)

    summary = system.stop_agent()
    assert summary["counters"]["orders"]["refused"] == 2
    assert summary["left"] == 0 and not summary["faults"]


def test_the_room_scans_a_car_and_clears_no_codes_while_its_engine_runs(system):
    system.wait(lambda: ("obd_state", ["polling"]) in system.events(), 60, "the car's bus")
    found = order(system, "scan", seconds=120)
    assert found["state"] == "done", (found, system.agent_log())
    result = found["result"]
    assert result["vin"] == "VF1RFB00X56789012"
    engine = result["ecus"][0]
    assert engine["stored"] == ["P0133"] and engine["pending"] == ["P0420"]
    assert 0x0C in engine["pids"] and "readiness" in engine and engine["freeze"]["code"] == "P0133"
    found = order(system, "clear")
    assert (found["state"], found["why"]) == ("refused", "service 04: the engine runs")
    told = ("dtc_cleared", [0, "service 04: the engine runs"])
    system.wait(lambda: told in system.events(), 20, "the attempt")


def test_a_zone_from_the_room_switches_the_profile_within_a_fix_and_outlives_a_restart(system):
    zone = ["match", "pursuit", 0, 0, [33_595_060, -7_618_800, 20_000]]
    found = order(system, "zones", "rows=" + json.dumps([zone]))
    assert (found["state"], found["result"]) == ("done", {"zones": 1}), found
    system.wait(lambda: ("profile", ["pursuit"]) in system.events(), 20, "the profile")
    told = [e for e in system.events() if e[0] in ("zone_enter", "zone_leave", "profile")]
    assert told == [("zone_enter", ["match"]), ("profile", ["pursuit"])]
    found = order(system, "zones", "rows=" + json.dumps([["bad", "pursuit", 0, 0, [1, 2]]]))
    assert found["state"] == "refused" and "bad" in found["why"]

    system.stop_agent()
    system.start_agent()
    system.wait(lambda: system.events().count(("zone_enter", ["match"])) == 2, 40, "the zone")
    assert order(system, "zones", "rows=[]")["state"] == "done"
    system.wait(lambda: ("profile", ["patrol"]) in system.events(), 20, "the profile")
    told = [e for e in system.events() if e[0] in ("zone_leave", "profile")]
    assert told[-2:] == [("zone_leave", ["match"]), ("profile", ["patrol"])]


def test_an_order_for_a_car_that_is_away_waits_for_it(system):
    system.stop_agent()
    words = ["order", VEHICLE, "ping", "--dir", str(system.room_folder), "--for", "120", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "tools.cli", "room", *words], capture_output=True, text=True
    )
    number = json.loads(done.stdout)["order"]
    time.sleep(2)
    assert states(system, number) == []
    system.start_agent()
    system.wait(lambda: "done" in states(system, number), 40, "the order")
    assert states(system, number) == ["received", "running", "done"]


def test_restart_ends_the_agent_cleanly(system):
    before = system.status()["session"]
    found = order(system, "restart")
    assert found["state"] == "done"

    def is_back():
        system.tend()
        return system.status().get("session") not in (None, before)

    system.wait(is_back, 40, "the new session")
    system.wait(lambda: [e[0] for e in system.events()].count("boot") == 2, 20, "its start")
    assert ("stop", ["asked to"]) in system.events()
    assert order(system, "ping")["state"] == "done"
