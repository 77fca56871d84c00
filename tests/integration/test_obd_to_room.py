"""The car's condition arrives in the room: codes, freeze frame, readiness, at a raised rate."""

import json
import subprocess
import sys

import pytest

from agent import signals
from tests.support import micropython
from tests.support.brokers import Iotcore
from tests.support.system import VEHICLE, System

FAST = {"journal": {"flush_ms": 500}, "mqtt": {"keepalive_s": 5, "connect_timeout_s": 5}}


@pytest.fixture(params=("cpython", "micropython"))
def system(request, tmp_path):
    if request.param == "micropython" and micropython.find() is None:
        pytest.skip(micropython.HOW_TO_GET_IT)
    broker = Iotcore().start()
    system = System(tmp_path, request.param, broker.port, **FAST)
    try:
        yield system
    finally:
        system.close()
        broker.stop()


def test_codes_frames_and_readiness(system):
    system.start_room()
    system.start_agent()

    def names():
        return {name for name, _ in system.events()}

    wanted = {"obd_adapter", "vin", "dtc", "freeze_frame", "readiness"}
    system.wait(lambda: wanted <= names(), 60, "the car's condition")
    events = system.events()
    assert [fields for name, fields in events if name == "obd_adapter"] == [
        ["ELM327 v1.5", "clone"]
    ]
    frame = next(fields for name, fields in events if name == "freeze_frame")
    assert frame[:2] == [0x7E8, "P0133"] and signals.by_name("rpm") in frame[2::2]
    codes = {fields[0]: fields[1:] for name, fields in events if name == "dtc"}
    assert codes["stored"] == ["P0133"] and codes["pending"] == ["P0420"]
    assert "obd: 115200 baud" in system.agent_log()
    told = said(system)
    assert told["freeze_frame"].startswith("P0133 ") and " rpm " in told["freeze_frame"]
    assert told["readiness"].startswith("ECU 7E")
    system.stop_agent()


def said(system):
    """{name of an event: its last text} by `patrol room events --json`."""
    command = [sys.executable, "-m", "tools.cli", "room", "events", VEHICLE, "--dir",
               str(system.room_folder), "--json"]  # fmt: skip
    done = subprocess.run(command, cwd=micropython.ROOT, capture_output=True, text=True, check=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {row["name"]: row["text"] for row in rows if "text" in row}
