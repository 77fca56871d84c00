"""The SocketCAN path on python-can's virtual bus: an emulated car's control units on one side, on
the other the agent's port and machines, and the commands for a laptop.

PATROL_CAN names a vcan interface of Linux that is used instead:

    ip link add dev vcan0 type vcan && ip link set vcan0 up
    PATROL_CAN=vcan0 python -m pytest tests/integration/test_socketcan.py
"""

import asyncio
import itertools
import json
import os
import socket
import time

import can
import pytest
from typer.testing import CliRunner

from agent.obd import can_frames, services
from agent.obd.can_bus import CanBus
from agent.obd.poller import Obd
from agent.obd.scanner import Scanner
from agent.port import socketcan
from tools.cli import app
from tools.emulator.can_car import CanCar, LiveCar
from tools.emulator.ecu import car_ecus
from tools.emulator.scenario import BUNDLED, parse
from tools.emulator.vehicle import Vehicle

_channels = itertools.count()
VCAN = os.environ.get("PATROL_CAN")
VIN = "VF1RFB00X56789012"


def scenario(faults=(), **obd):
    data = json.loads((BUNDLED / "casablanca-short.json").read_text())
    data["obd"] = {"stored": ["P0133"], "pending": ["P0420"], **obd}
    data["faults"] = list(faults)
    return parse(data)


@pytest.fixture
def car():
    """Starts an emulated car -> (name of its bus for the agent, the CanCar)."""
    live = []

    def start(faults=(), **obd):
        while live:  # one car on a bus
            stop(live.pop())
        channel = VCAN or f"car-{next(_channels)}"
        interface = "socketcan" if VCAN else "virtual"
        made = scenario(faults, **obd)
        vehicle = Vehicle(made)
        machine = CanCar(made, car_ecus(made, vehicle), vehicle.at)
        live.append(LiveCar(machine, can.Bus(interface=interface, channel=channel)))
        live[-1].__enter__()
        return VCAN or f"virtual:{channel}", machine

    def stop(one):
        one.__exit__()
        assert one.failure is None

    yield start
    for one in live:
        stop(one)


def patrol(*arguments):
    return CliRunner().invoke(app, ["obd", *arguments])


def only_reading(machine):
    """Everything that was put on the car's bus, judged by hand: requests that read, and flow
    control to one control unit."""
    for _, can_id, _, data in machine.log:
        assert len(data) == 8
        if can_id in (0x7DF, 0x18DB33F1):
            assert data[0] <= 7 and not any(data[1 + data[0] :])
            assert data[1] in (0x01, 0x02, 0x03, 0x06, 0x07, 0x09, 0x0A, 0x19, 0x22)
        else:
            assert can_id in range(0x7E0, 0x7E8) or can_id & ~0xFF00 == 0x18DA00F1
            assert data[:3] in (b"\x30\x00\x00", b"\x32\x00\x00")


@pytest.mark.parametrize("protocol", ["6", "7"])
def test_vin_of_several_frames(car, protocol):
    name, machine = car(protocol=protocol)
    done = patrol("vin", "--port", name)
    assert done.exit_code == 0 and done.output == VIN + "\n"
    only_reading(machine)
    told = [row[1] for row in machine.log if row[3][0] == 0x30]
    assert told == [0x7E0 if protocol == "6" else 0x18DA10F1]


@pytest.mark.parametrize("protocol", ["6", "7"])
def test_a_scan(car, protocol):
    name, machine = car(protocol=protocol)
    done = patrol("scan", "--port", name, "--json")
    assert done.exit_code == 0, done.output
    seen = json.loads(done.stdout)
    assert seen["vin"] == VIN and seen["protocol_number"] == protocol
    ids = ["7E8", "7E9"] if protocol == "6" else ["18DAF110", "18DAF118"]
    assert [ecu["id"] for ecu in seen["ecus"]] == ids
    assert seen["ecus"][0]["name"] == "EngineControl" and seen["ecus"][1]["acronym"] == "TCM"
    assert [row["code"] for row in seen["dtcs"]["stored"]] == ["P0133"]
    assert [row["code"] for row in seen["dtcs"]["pending"]] == ["P0420"]
    assert seen["freeze_frame"]["code"] == "P0133" and len(seen["freeze_frame"]["values"]) > 30
    assert seen["readiness"]["mil"] and "0C" in seen["supported_pids"]
    assert seen["missing"] == []
    only_reading(machine)


@pytest.mark.parametrize("protocol", ["6", "7"])
def test_live_values(car, protocol):
    name, machine = car(protocol=protocol, latency=0.004)
    done = patrol(
        "watch", "--port", name, "--signals", "rpm,speed,coolant,load,throttle,fuel,odometer",
        "--seconds", "4", "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    *rows, summary = [json.loads(line) for line in done.stdout.splitlines()]
    assert summary["values"] == len(rows) > 150 and summary["values_per_second"] > 40
    assert summary["errors"] == summary["wrong_replies_refused"] == 0
    assert {row["signal"] for row in rows} == {
        "rpm", "speed", "coolant", "load", "throttle", "fuel", "odometer",
    }  # fmt: skip
    assert all(700 <= row["value"] <= 5000 for row in rows if row["signal"] == "rpm")
    assert all(84210 <= row["value"] < 84212 for row in rows if row["signal"] == "odometer")
    only_reading(machine)


def test_another_testers_answer_gives_no_value(car):
    """A speed of 200 km/h from the engine's own identifier, and a VIN's first frame."""
    for data in ("03410DC8", "1014490201585858"):
        name, machine = car([{"part": "obd", "kind": "foreign", "at": 0, "for": 60, "data": data}])
        done = patrol("watch", "--port", name, "--signals", "rpm", "--seconds", "2", "--json")
        assert done.exit_code == 0, done.output
        *rows, _ = [json.loads(line) for line in done.stdout.splitlines()]
        assert {row["signal"] for row in rows} == {"rpm"}
        only_reading(machine)


def test_an_engine_that_runs_keeps_its_codes(car):
    name, machine = car()
    done = patrol("dtc", "--port", name, "--clear", "--confirm", services.CLEAR_ORDER, "--json")
    assert done.exit_code == 1 and "the engine runs" in done.output
    only_reading(machine)
    done = patrol("dtc", "--port", name, "--json")
    assert [row["code"] for row in json.loads(done.stdout)["stored"]] == ["P0133"]


def test_nobody_on_the_bus():
    done = patrol("vin", "--port", "virtual:nobody")
    assert done.exit_code == 1
    assert done.output == "virtual:nobody: the car does not answer\n"


def test_what_is_no_can_interface():
    assert socketcan.is_can("can0") and socketcan.is_can("vcan12") and socketcan.is_can("virtual:x")
    assert socketcan.is_can("slcan:/dev/ttyACM0")
    for name in ("/dev/ttyUSB0", "/dev/serial/by-id/usb-1:0", "COM3", "eth0", "lo"):
        assert not socketcan.is_can(name), name
    for name in ("nothing-such:x", "can9"):
        done = patrol("vin", "--port", name)
        assert done.exit_code == 1 and len(done.output.splitlines()) == 1, done.output
        assert done.output.startswith("CAN " + name)


# As the agent uses it


async def agent_run(name, machine, seconds, done=lambda: False):
    """The agent's own loop over CanUart -> events."""
    uart = socketcan.CanUart(name)
    loop = asyncio.get_running_loop()
    began = loop.time()
    events = []

    def now():
        return int((loop.time() - began) * 1000)

    machine.start(now())
    try:
        while now() < seconds * 1000 and not done():
            out = machine.poll(now())
            if out:
                uart.write(out)
            if hasattr(machine, "take"):
                events += machine.take()
            data = await uart.read(machine.wake(now()))
            events += machine.feed(data, now()) or ()
    finally:
        uart.close()
    return events


def driver(counters, memory, bus_retry_ms=5000):
    return CanBus(counters, memory, bus_retry_ms, "can0")


@pytest.mark.parametrize("protocol", ["6", "7"])
def test_the_poller_in_the_agents_loop(car, protocol):
    name, machine = car(protocol=protocol, latency=0.004)
    obd = Obd({"voltage_ms": 0}, driver)
    events = asyncio.run(agent_run(name, obd, 4))
    kinds = {event[0] for event in events}
    assert {"value", "vin", "dtc", "state", "adapter"} <= kinds and "error" not in kinds
    assert [event[1] for event in events if event[0] == "vin"] == [VIN]
    assert [event[2] for event in events if event[:2] == ("dtc", "stored")] == [("P0133",)]
    only_reading(machine)


def test_the_scanner_in_the_agents_loop(car):
    name, machine = car()
    scanner = Scanner(driver=driver)
    asyncio.run(agent_run(name, scanner, 60, lambda: scanner.done))
    assert scanner.done and scanner.result["vin"] == VIN and not scanner.result["missing"]
    only_reading(machine)


def test_the_port_refuses_what_is_not_permitted(car):
    name, machine = car()
    line = socketcan.CanLine(name)
    try:
        for can_id, data in (
            (0x7DF, b"\x02\x10\x03"), (0x7DF, b"\x04\x2e\xf1\x90\x00"), (0x7E0, b"\x02\x01\x0c"),
            (0x7DF, b"\x03\x7f\x01\x11"), (0x123, b"\x02\x01\x0c"), (0x7E0, b"\x31\x00\x00"),
        ):  # fmt: skip
            record = can_frames.record(can_frames.FRAME, can_id, can_frames.padded(data))
            with pytest.raises(socketcan.CanError, match="may not be sent"):
                line.write(record)
        record = can_frames.record(can_frames.FRAME, 0x7DF, b"\x02\x01\x0c")
        with pytest.raises(socketcan.CanError):
            line.write(record)  # not padded
        assert line.counters["refused"] == 7
        line.write(can_frames.record(can_frames.FRAME, 0x7DF, can_frames.single(b"\x01\x0c")))
        assert line.read(1000)
    finally:
        line.close()
    assert len(machine.log) == 1


def test_frames_of_this_machine_count_too():
    """Linux marks frames of another program here as not received: a car emulated on vcan."""
    line = socketcan.CanLine("virtual:marks")
    try:
        message = can.Message(arbitration_id=0x7E8, is_extended_id=False, data=b"\x02\x41\x0d\x20")
        for is_rx in (True, False):
            message.is_rx = is_rx
            assert line.record(message) == can_frames.record(can_frames.FRAME, 0x7E8, message.data)
        for change in ({"is_remote_frame": True}, {"is_fd": True}, {"arbitration_id": 0x7DF}):
            fields = {"arbitration_id": 0x7E8, "is_extended_id": False, "dlc": 0, **change}
            assert line.record(can.Message(**fields)) == b""
        error = can.Message(is_error_frame=True, arbitration_id=0x20 | 0x80)
        assert line.record(error)[7:] == b"no acknowledgement, bus error"
        assert line.record(can.Message(is_error_frame=True, arbitration_id=0x02)) == b""
    finally:
        line.close()


def test_the_kernels_isotp_is_used_where_it_is(car):
    """A VIN comes as a message where the kernel has ISO-TP, else as frames."""
    there = True
    try:
        socket.socket(socket.AF_CAN, socket.SOCK_DGRAM, socket.CAN_ISOTP).close()
    except OSError:
        there = False
    assert socketcan.has_kernel_isotp() is there
    name, machine = car()
    for kernel in (None, False):
        line = socketcan.CanLine(name, kernel)
        try:
            request = can_frames.record(can_frames.FRAME, 0x7DF, can_frames.single(b"\x09\x02"))
            line.write(request)
            records, found = can_frames.Records(), []
            deadline = time.monotonic() + 1.5
            while time.monotonic() < deadline:
                found += records.feed(line.read(50))
        finally:
            line.close()
        if VCAN and there and kernel is None:
            whole = b"\x49\x02\x01" + VIN.encode()
            assert found == [(can_frames.BEGUN, 0x7E8, b""), (can_frames.MESSAGE, 0x7E8, whole)]
        else:  # the first frame alone: nobody tells the control unit to go on
            assert [row[0] for row in found] == [can_frames.FRAME] and found[0][2][0] == 0x10
    told = [row for row in machine.log if row[3][0] == 0x30]
    assert len(told) == (1 if VCAN and there else 0)
