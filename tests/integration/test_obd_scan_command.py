"""`patrol obd scan`, `vin` and `dtc` as a technician starts them: on the emulated car's adapter,
and on a small one of which the test decides every answer."""

import contextlib
import json
import os
import pty
import subprocess
import sys
import threading
import tty

import pytest

from agent.obd import services
from tests.support import micropython, obd_car
from tools.demo.children import Child
from tools.emulator.scenario import BUNDLED
from tools.obd.talk import Clear, Talk

VIN = "VF1RFB00X56789012"
FAULTS = [
    {"part": "car", "kind": "dtc", "at": 0, "code": "P0301", "confirm": 0.5},
    {"part": "car", "kind": "dtc", "at": 0, "code": "U0100", "ecu": "transmission", "confirm": 900},
]


@pytest.fixture
def emulated(tmp_path):
    """Starts an emulated car, its faults given -> the adapter's terminal."""
    children = []

    def start(faults=(), **obd):
        data = json.loads((BUNDLED / "casablanca-short.json").read_text())
        data["faults"] = list(faults)
        data["obd"] = {"baud": 115200, "adaptive": True, **obd}
        scenario = tmp_path / "scenario.json"
        scenario.write_text(json.dumps(data))
        command = [sys.executable, "-m", "tools.emulator", "--scenario", str(scenario)]
        child = Child("emulator", [*command, "--json", "--attached"], tmp_path / "emulator.log")
        children.append(child)
        return json.loads(child.first_line())["obd"]

    yield start
    for child in children:
        child.stop()


@contextlib.contextmanager
def small(table, silent=False):
    """A terminal with obd_car's adapter behind it -> (its name, the adapter)."""
    adapter = obd_car.Elm327(table, silent)
    master, slave = pty.openpty()
    tty.setraw(slave)
    stop = threading.Event()

    def serve():
        line = b""
        while not stop.is_set():
            try:
                byte = os.read(master, 1)
            except OSError:
                return
            line += byte
            if byte == b"\r":
                if line.strip():
                    os.write(master, adapter.command(line.lstrip()))
                line = b""

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield os.ttyname(slave), adapter
    finally:
        stop.set()
        os.write(slave, b"\r")  # what the thread waits for
        thread.join(5)
        os.close(slave)
        os.close(master)


def patrol(*arguments, typed=None):
    command = [sys.executable, "-m", "tools.cli", "obd", *arguments]
    return subprocess.run(
        command, cwd=micropython.ROOT, input=typed, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip


def test_a_whole_car_as_json(emulated):
    port = emulated(FAULTS)
    done = patrol("scan", "--port", port, "--baud", "115200", "--json")
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    seen = json.loads(done.stdout)
    assert seen["adapter"].startswith("ELM327") and 12 < seen["voltage"] < 15
    assert seen["protocol"] == "ISO 15765-4 CAN, 11 bit, 500 kbit/s"
    assert seen["protocol_number"] == "6"
    assert seen["vin"] == VIN and len(seen["vin"]) == 17
    engine, gearbox = seen["ecus"]
    assert (engine["id"], engine["acronym"], engine["name"]) == ("7E8", "ECM", "EngineControl")
    assert (gearbox["id"], gearbox["acronym"], gearbox["name"]) == ("7E9", "TCM", "TransmisCtrl")
    assert engine["calibrations"] == ["PV1-ENGINE-2.0.7"] and engine["verifications"] == [
        "1791BC82"
    ]
    assert {"0C", "0D", "05", "A6"} <= set(engine["supported_pids"])
    assert gearbox["supported_pids"] == ["01", "05", "0C", "0D", "1C"]
    assert seen["supported_pids"] == engine["supported_pids"]
    row = {"code": "P0301", "text": "Cylinder 1: misfire", "ecu": "7E8"}
    assert row in seen["dtcs"]["stored"] and row in seen["dtcs"]["permanent"]
    (pending,) = [row for row in seen["dtcs"]["pending"] if row["ecu"] == "7E9"]
    assert pending["code"] == "U0100" and pending["text"]
    assert seen["readiness"]["mil"] and seen["readiness"]["codes"] == len(seen["dtcs"]["stored"])
    assert seen["readiness"]["monitors"]["misfire"] in ("complete", "incomplete")
    frame = seen["freeze_frame"]
    assert frame["code"] == "P0301" and frame["ecu"] == "7E8" and frame["text"]
    values = {row["signal"]: row["value"] for row in frame["values"]}
    assert 700 <= values["rpm"] <= 5000 and values["odometer"] == 84210
    assert engine["in_use"]["OBDCOND"] == 412 and engine["tests"] is None
    assert seen["missing"] == []


def test_a_whole_car_for_people(emulated):
    done = patrol("scan", "--port", emulated(FAULTS), "--baud", "115200", "--tests")
    assert done.returncode == 0, done.stderr
    for word in (VIN, "P0301", "Cylinder 1: misfire", "permanent", "Freeze frame of P0301",
                 "Readiness", "misfire", "MIL on", "Test results", "passed"):  # fmt: skip
        assert word in done.stdout, word


def test_vin(emulated):
    port = emulated()
    done = patrol("vin", "--port", port, "--baud", "115200")
    assert (done.returncode, done.stdout, done.stderr) == (0, VIN + "\n", "")
    done = patrol("vin", "--port", port, "--baud", "115200", "--json")
    seen = json.loads(done.stdout)
    assert seen["vin"] == VIN and seen["ecus"] == [{"ecu": "7E8", "vin": VIN}]


def test_trouble_codes(emulated):
    port = emulated(FAULTS)
    done = patrol("dtc", "--port", port, "--baud", "115200", "--json")
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert "P0301" in [row["code"] for row in seen["stored"]]
    assert ("U0100", "7E9") in [(row["code"], row["ecu"]) for row in seen["pending"]]
    assert [row["code"] for row in seen["permanent"]] == ["P0301"]
    assert "clear" not in seen
    done = patrol("dtc", "--port", port, "--baud", "115200")
    assert done.returncode == 0 and "P0301" in done.stdout and "misfire" in done.stdout


def test_an_older_bus(emulated):
    port = emulated(protocol="5")
    done = patrol("vin", "--port", port, "--baud", "115200", "--json")
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["vin"] == VIN and seen["protocol"] == "ISO 14230-4 KWP, fast init"


def clearable():
    """A car that stands with its engine off."""
    table = obd_car.answers()
    table["010C"] = {obd_car.ENGINE: "410C0000", obd_car.GEARBOX: "410C0000"}
    table["04"] = {obd_car.ENGINE: "44", obd_car.GEARBOX: "44"}
    return table


CONFIRMED = ("--clear", "--confirm", services.CLEAR_ORDER)


def test_clearing():
    with small(clearable()) as (port, adapter):
        done = patrol("dtc", "--port", port, *CONFIRMED, "--json")
        assert done.returncode == 0, done.stderr
        seen = json.loads(done.stdout)
        assert seen["clear"] == {"cleared": True, "reason": None, "ecus": ["7E8", "7E9"]}
        assert adapter.log.count("04") == 1
        assert seen["stored"] == [{"code": "P0301", "text": "Cylinder 1: misfire", "ecu": "7E8"}]
        # The words can also be typed; anything else is no order.
        adapter.log.clear()
        done = patrol("dtc", "--port", port, "--clear", typed=services.CLEAR_ORDER + "\n")
        assert done.returncode == 0, done.stderr
        assert adapter.log.count("04") == 1
    for words in ("yes", "", "Clear Trouble Codes"):
        with small(clearable()) as (port, adapter):
            done = patrol("dtc", "--port", port, "--clear", "--confirm", words)
            assert done.returncode == 2 and services.CLEAR_ORDER in done.stderr
            assert adapter.log == []  # not even looked at


@pytest.mark.parametrize(
    ("speeds", "reason"),
    [
        ({obd_car.ENGINE: "410C0001"}, "the engine runs"),
        ({obd_car.ENGINE: "410C0000", obd_car.GEARBOX: "410C0C00"}, "the engine runs"),
        # The one that is not heard may be the one whose engine runs.
        ({obd_car.GEARBOX: "410C0000"}, "the engine's speed is not known"),
        ({obd_car.ENGINE: "410C0000"}, "the engine's speed is not known"),
        ({}, "the engine's speed is not known"),
        ({obd_car.ENGINE: "410D00"}, "the engine's speed is not known"),
        ({obd_car.ENGINE: "7F0122"}, "the engine's speed is not known"),
    ],
)
def test_clearing_is_refused(speeds, reason):
    table = clearable()
    table["010C"] = speeds
    with small(table) as (port, adapter):
        done = patrol("dtc", "--port", port, *CONFIRMED)
        assert done.returncode == 1 and reason in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert "04" not in adapter.log and "010C" in adapter.log


def test_a_car_that_refuses_to_clear():
    table = clearable()
    table["04"] = {obd_car.ENGINE: "7F0422", obd_car.GEARBOX: "44"}
    with small(table) as (port, _):
        done = patrol("dtc", "--port", port, *CONFIRMED, "--json")
    assert done.returncode == 1 and "ECU 7E8: conditions not correct" in done.stderr
    assert json.loads(done.stdout)["clear"]["ecus"] == ["7E9"]


def test_a_running_engine_keeps_its_codes(emulated):
    port = emulated(FAULTS)
    done = patrol("dtc", "--port", port, "--baud", "115200", *CONFIRMED)
    assert done.returncode == 1 and "the engine runs" in done.stderr
    done = patrol("dtc", "--port", port, "--baud", "115200", "--json")
    assert "P0301" in [row["code"] for row in json.loads(done.stdout)["stored"]]


@pytest.mark.parametrize("command", ["scan", "vin", "dtc"])
def test_what_is_wrong_is_said_in_a_line(command, emulated):
    done = patrol(command, "--port", "/dev/there-is-none")
    assert done.returncode == 1 and done.stderr.startswith("/dev/there-is-none: ")
    assert len(done.stderr.splitlines()) == 1
    with small({}, silent=True) as (port, _):
        done = patrol(command, "--port", port)
    assert (done.returncode, done.stderr) == (1, f"{port}: the adapter does not answer\n")
    off = [{"part": "car", "kind": "ignition-off", "at": 0, "for": 900}]
    port = emulated(off, search_in_vain=1.0, search=0.5)
    done = patrol(command, "--port", port, "--baud", "115200")
    assert done.returncode == 1
    assert done.stderr.startswith(f"{port}: the car does not answer (ELM327"), done.stderr


def test_a_car_without_a_vin():
    table = obd_car.answers()
    table["0902"] = {}
    with small(table) as (port, _):
        done = patrol("vin", "--port", port, "--json")
    assert done.returncode == 1 and "no ECU tells a VIN" in done.stderr
    assert json.loads(done.stdout)["vin"] is None


def test_wrong_use():
    assert patrol("scan").returncode == 2
    assert patrol("dtc", "--port", "x", "--confirm", services.CLEAR_ORDER).returncode == 2
    for command in ("watch", "scan", "vin", "dtc"):
        done = patrol(command, "--help")
        assert done.returncode == 0 and "Example: patrol obd " + command in done.stdout


def test_every_service_through_the_commands_way():
    """What the commands are made of lets nothing through but what the allow-list has."""
    refused, asked = [], []

    def steps(talk):
        for service in range(256):
            for data in (b"", b"\x01", b"\x02\x00", b"\x0c"):
                try:
                    yield service, data
                    asked.append(service)
                except services.ServiceRefused:
                    refused.append(service)
        for rpm, age in ((None, None), (1, 0), (0, 9999)):
            with contextlib.suppress(services.ServiceRefused):
                yield Clear(services.CLEAR_ORDER, rpm, age)
                asked.append(0x04)
        return "end"

    adapter, talk = obd_car.Elm327(obd_car.answers()), Talk(steps)
    now = 0
    talk.start(now)
    while not talk.done:
        out = talk.poll(now)
        data = adapter.command(out) if out and out.strip() else b""
        talk.feed(data, now + 1)
        now += 50 if out is None else 10
    assert talk.result == "end", talk.error
    reading = {0x01, 0x02, 0x03, 0x06, 0x07, 0x09, 0x0A, 0x19, 0x22}
    assert set(asked) <= reading and set(range(256)) - reading <= set(refused)
    sent = {int(text[:2], 16) for text in adapter.log if text[:2] not in ("AT", "ST")}
    assert sent <= reading and len(sent) > 6
