"""The emulated car on CAN: an ECU's ISO-TP under the tester's flow control, addressing, faults."""

import json

import pytest

from tools.emulator.can_car import CanCar, physical
from tools.emulator.can_isotp import Sender
from tools.emulator.ecu import car_ecus
from tools.emulator.scenario import BUNDLED, parse
from tools.emulator.vehicle import Vehicle

LONG = bytes(range(40))  # six frames


def sent(sender, seconds, step=0.0001):
    """[(second, frame)] of the next seconds."""
    found, t = [], 0.0
    while t < seconds:
        found += [(t, frame) for frame in sender.due(t)]
        t += step
    return found


def test_a_short_answer_needs_no_flow_control():
    sender = Sender(0x55)
    sender.send(b"\x41\x0d\x32", 0.01)
    ((at, frame),) = sent(sender, 1)
    assert at == pytest.approx(0.01, abs=0.001)
    assert frame == b"\x03\x41\x0d\x32\x55\x55\x55\x55" and sender.wake() is None


def test_a_long_answer_waits_for_flow_control_and_gives_up():
    sender = Sender()
    sender.send(LONG, 0.0)
    assert len(sender.due(0.5)) == 1 and sender.wake() == 1.0
    assert sender.due(1.1) == [] and sender.counters["abandoned"] == 1
    sender.flow(b"\x30\x00\x00", 1.2)  # too late
    assert sender.due(5.0) == []


def go(sender, t, flow):
    sender.send(LONG, t)
    first = sender.due(t)
    sender.flow(flow, t)
    return first


@pytest.mark.parametrize(
    ("code", "gap"), [(0, 0.0005), (5, 0.005), (0x7F, 0.127), (0xF5, 0.0005), (0x80, 0.127)]
)
def test_the_testers_separation_time_is_kept(code, gap):
    sender = Sender()
    (first,) = go(sender, 0.0, bytes((0x30, 0, code)))
    rows = sent(sender, 1)
    assert b"".join([first[2:]] + [frame[1:] for _, frame in rows])[:40] == LONG
    assert [frame[0] for _, frame in rows] == [0x21, 0x22, 0x23, 0x24, 0x25]
    times = [at for at, _ in rows]
    gaps = [b - a for a, b in zip(times, times[1:], strict=False)]
    assert min(gaps) >= gap - 0.0002 and max(gaps) <= gap + 0.0002


def test_the_testers_block_size_is_kept():
    sender = Sender()
    go(sender, 0.0, b"\x30\x02\x00")
    assert len(sent(sender, 0.5)) == 2
    sender.flow(b"\x31\x00\x00", 0.5)  # wait
    assert sender.due(1.4) == []
    sender.flow(b"\x30\x00\x00", 1.4)
    assert len(sender.due(1.45)) == 3 and sender.counters["abandoned"] == 0


def test_overflow_and_a_new_request_end_an_answer():
    sender = Sender()
    go(sender, 0.0, b"\x32\x00\x00")
    assert sender.due(2.0) == [] and sender.counters["abandoned"] == 1
    go(sender, 2.0, b"\x30\x01\x00")
    sender.cancel()
    assert sender.due(9.0) == [] and sender.wake() is None


def car(faults=(), **obd):
    data = json.loads((BUNDLED / "casablanca-short.json").read_text())
    data["obd"], data["faults"] = obd, list(faults)
    scenario = parse(data)
    vehicle = Vehicle(scenario)
    return CanCar(scenario, car_ecus(scenario, vehicle), vehicle.at)


def ask(machine, can_id, payload, t=1.0, is_extended=False, seconds=0.5):
    data = (bytes((len(payload),)) + payload).ljust(8, b"\0")
    machine.feed(can_id, is_extended, data, t)
    return machine.due(t + seconds)


def test_to_all_and_to_one():
    machine = car()
    assert [row[0] for row in ask(machine, 0x7DF, b"\x01\x0d")] == [0x7E8, 0x7E9]
    assert [row[0] for row in ask(machine, 0x7E1, b"\x01\x0d", 2)] == [0x7E9]
    assert ask(machine, 0x7E5, b"\x01\x0d", 3) == []
    assert ask(machine, 0x18DB33F1, b"\x01\x0d", 4, True) == []
    ((_, _, data),) = ask(machine, 0x7E0, b"\x31\x01", 5)
    assert data[:4] == b"\x03\x7f\x31\x11"  # service not supported, to its own address
    assert ask(machine, 0x7DF, b"\x31\x01", 6) == []
    machine = car(protocol="7")
    found = ask(machine, 0x18DB33F1, b"\x01\x0d", 1, True)
    assert [row[:2] for row in found] == [(0x18DAF110, True), (0x18DAF118, True)]
    assert physical(0x18DAF118) == 0x18DA18F1 and physical(0x7E9) == 0x7E1
    assert len(machine.log) == 1


def test_frames_of_ecus_mix():
    machine = car()
    firsts = ask(machine, 0x7DF, b"\x09\x0a")
    assert [(row[0], row[2][0] >> 4) for row in firsts] == [(0x7E8, 1), (0x7E9, 1)]
    for can_id in (0x7E0, 0x7E1):
        machine.feed(can_id, False, b"\x30\x00\x00", 1.5)
    ids = [row[0] for row in machine.due(2.0)]
    assert ids == [0x7E8, 0x7E9] * 3


def test_faults():
    def fault(kind, part="obd", **values):
        return car([{"part": part, "kind": kind, "at": 0, "for": 60, **values}])

    assert ask(fault("no-data"), 0x7DF, b"\x01\x0d") == []
    assert ask(fault("cranking", "car"), 0x7DF, b"\x01\x0d") == []
    assert ask(fault("slow", seconds=0.3), 0x7DF, b"\x01\x0d", seconds=0.25) == []
    machine = fault("pending", wait=2.0)
    assert [row[2][1:4] for row in ask(machine, 0x7DF, b"\x01\x0d")] == [b"\x7f\x01\x78"] * 2
    assert [row[2][1:3] for row in machine.due(4.0)] == [b"\x41\x0d"] * 2
    found = ask(fault("foreign"), 0x7DF, b"\x01\x0c")
    assert found[0][2] == b"\x03\x41\x0d\xc8\0\0\0\0" and len(found) == 3
