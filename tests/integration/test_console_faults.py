"""The self-test of a real agent in a real trouble: the fault is called by its name, with a remedy.

The twelve that technicians meet most, made by the emulator, a broker, a file, a small file system;
the failed update is made, and looked at, in test_update_end_to_end.py. By the parts' states all of
them are judged in tests/unit/test_console_selftest.py.
"""

import contextlib
import json
import os
import subprocess

import pytest

from tests.support import micropython
from tests.support.brokers import Iotcore, Mosquitto
from tests.support.brokers import free_port as any_port
from tests.support.certificates import Authority
from tests.support.system import System
from tests.support.terminals import Terminal
from tests.support.verdicts import verdict
from tools.emulator import scenario


def car(folder, faults, **gps):
    """A scenario file: the short drive with these faults from the start."""
    raw = json.loads((scenario.BUNDLED / "casablanca-short.json").read_text())
    raw["gps"].update(gps)
    raw["faults"] = [{"at": 0, "for": 3600, **fault} for fault in faults]
    path = folder / "scenario.json"
    path.write_text(json.dumps(raw))
    return path


@contextlib.contextmanager
def agent(folder, interpreter, port, scenario=None, **settings):
    """(System, Terminal): an agent without a room."""
    if interpreter == "micropython" and micropython.find() is None:
        pytest.skip(micropython.HOW_TO_GET_IT)
    terminal = Terminal()
    console = {"port": terminal.path, **settings.pop("console", {})}
    system = System(
        folder, interpreter, port, scenario=scenario, heap="640K", console=console, **settings
    )
    try:
        system.start_agent(drain=0)
        yield system, terminal
    finally:
        system.close()
        terminal.close()


# (name, interpreter, faults, settings of the scenario's receiver, of the agent, part, fault)
CASES = (
    ("adapter dead", "micropython", [{"part": "obd", "kind": "silent"}], {}, {},
     "obd", "adapter_dead"),
    ("ECU asleep", "cpython", [{"part": "car", "kind": "ignition-off"}], {}, {},
     "obd", "ecu_asleep"),
    ("wrong baud", "micropython", [], {"chip": "8"},
     {"gps": {"baud": 4800, "configure": False}}, "gps", "wrong_baud"),
    ("antenna off", "cpython", [{"part": "gps", "kind": "antenna"}], {"chip": "8"}, {},
     "gps", "antenna_off"),
    ("no fix", "micropython", [{"part": "gps", "kind": "no-fix"}], {}, {}, "gps", "no_fix"),
    ("clock wrong", "cpython", [{"part": "gps", "kind": "rollover"}], {}, {},
     "clock", "clock_wrong"),
    ("battery low", "cpython", [{"part": "car", "kind": "voltage"}], {}, {},
     "power", "battery_low"),
)  # fmt: skip


# Each takes some twenty seconds; those in short runs are of a part each.
_SHORT = ("adapter dead", "antenna off", "clock wrong")
_LONG = pytest.mark.skipif(not os.environ.get("PATROL_LONG"), reason="PATROL_LONG=1 tries more")


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(row, id=row[0].replace(" ", "-"), marks=[] if row[0] in _SHORT else [_LONG])
        for row in CASES
    ],
)
def test_a_fault_of_the_car_is_called_by_its_name(tmp_path, case):
    _, interpreter, faults, gps, settings, part, fault = case
    path = car(tmp_path, faults, **gps)
    if faults and faults[0]["kind"] == "ignition-off":
        raw = json.loads(path.read_text())
        raw["route"]["points"][0]["stop"] = 3600  # with the ignition off it must be standing
        path.write_text(json.dumps(raw))
    with agent(tmp_path, interpreter, any_port(), path, **settings) as (_, terminal):
        row = verdict(terminal, part, fault, 75)
    assert row["verdict"] in ("fail", "warn")


def test_an_input_that_is_stuck(tmp_path):
    """The ignition's wire is off while the engine turns."""
    level = tmp_path / "ignition"
    level.write_text("0")
    inputs = {"ignition": str(level)}
    with agent(tmp_path, "micropython", any_port(), inputs=inputs, obd={"sleep": False}) as (
        _,
        terminal,
    ):
        assert verdict(terminal, "inputs", "input_stuck")["about"] == ["ignition"]


def test_a_broker_that_refuses(tmp_path):
    folder = tmp_path / "broker"
    folder.mkdir()
    passwords = folder / "passwords"
    passwords.write_text("")
    lines = ["allow_anonymous false", f"password_file {passwords}"]
    with (
        Mosquitto(folder, lines) as broker,
        agent(tmp_path, "cpython", broker.port) as (
            _,
            terminal,
        ),
    ):
        row = verdict(terminal, "link", "broker_refuses")
    assert "code 5" in row["about"][0]


def test_a_certificate_that_has_expired(tmp_path):
    authority = Authority(tmp_path / "authority")
    cert, key = authority.issue("v-test0001", days=-1)
    tls = {"ca": authority.ca(), "cert": cert, "key": key, "server_name": None}
    with (
        Iotcore() as broker,
        agent(tmp_path, "cpython", broker.port, mqtt={"tls": tls}) as (
            _,
            terminal,
        ),
    ):
        row = verdict(terminal, "link", "certificate_expired")
        assert row["about"] == ["cert"]
        shown = terminal.ask("link")
    assert "certificate valid until 20" in " ".join(shown.split())


def test_a_storage_that_is_full(tmp_path):
    """A file system of 256 KB on which others have left nothing."""
    folder = tmp_path / "journal"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True
    )
    if made.returncode:
        pytest.skip("only root mounts a file system")
    try:
        (folder / "old-logs").write_bytes(bytes(220 * 1024))
        with agent(tmp_path, "cpython", any_port()) as (_, terminal):
            row = verdict(terminal, "storage", "storage_full")
            assert 0 <= int(row["about"][0]) < 65536
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
