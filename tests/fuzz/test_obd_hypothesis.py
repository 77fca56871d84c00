"""The OBD fuzz by hypothesis: whatever text comes for an answer, cut and mixed as hypothesis likes.

The seeded generator (obd_spoil.py) spoils in ways that were thought of; hypothesis looks for others
and shrinks what it finds. PATROL_FUZZ_EXAMPLES sets how many of each are tried.
"""

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.obd import can_frames, pids, services
from agent.obd.can_isotp import Receiver
from agent.obd.isotp import Reassembler
from tests.fuzz import obd_fuzz, obd_spoil
from tests.fuzz.obd_car import PIDS, Car, Chance, Style, frames

EXAMPLES = int(os.environ.get("PATROL_FUZZ_EXAMPLES", "150"))
SETTINGS = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
asked_of_engine = st.lists(st.sampled_from(PIDS[0]), min_size=1, max_size=6, unique=True)


def value_of(found, pid, car, ecu):
    """Is what services.live() made of a PID the ECU's?"""
    payload, start = found
    return payload[start : start + pids.LENGTHS[pid]] == car.data(ecu, pid)


@SETTINGS
@given(st.data(), asked_of_engine, st.integers(0, 1 << 30))
def test_damaged_lines_through_reassembly_and_services(data, asked, seed):
    """One ECU's answer; hypothesis chooses the damages. No wrong data under a right PID."""
    chance = Chance(seed)
    style = Style(chance)
    style.ecus = 1
    car = Car(style)
    car.epoch = seed & 0xFF
    request = b"\x01" + bytes(asked)
    payload, roles = car.answer(0, request)
    lines = [list(line) for line in frames(style.names[0], payload, roles, style)]
    operations = data.draw(st.lists(st.sampled_from(obd_spoil.STRUCTURE), max_size=4))
    operations = obd_spoil.together(operations)
    reassembler = Reassembler({})
    # Frames that are whole first: what the driver knows of this adapter's padding.
    for line in frames(style.names[0], *car.answer(0, b"\x01\x0d"), style):
        reassembler.line(line[0].encode("latin-1"), 0)
    reassembler.begin()
    for operation in operations:
        if lines:
            operation(lines, chance, car, request)
    for line in lines:
        reassembler.line(line[0].replace("\x00", "").replace("\xff", "").encode("latin-1"), 0)
    reassembler.end()
    for ecu, message, _ in reassembler.messages:
        if f"{ecu:X}" != style.names[0]:
            continue
        try:
            found = services.live(message, bytes(asked))
        except services.ReplyError:
            continue
        for pid, start in found:
            assert value_of((message, start), pid, car, 0), (asked, operations, lines)


@SETTINGS
@given(st.binary(max_size=40), st.binary(min_size=1, max_size=6))
def test_any_payload(payload, asked):
    """What is taken has the service, the PIDs that were asked for, each once, and fills exactly."""
    try:
        found = services.live(payload, asked)
    except services.ReplyError:
        return
    assert payload[0] == 0x41 and len({pid for pid, _ in found}) == len(found)
    for pid, start in found:
        assert pid in asked and payload[start - 1] == pid
        assert start + pids.LENGTHS[pid] <= len(payload)


@SETTINGS
@given(st.lists(st.text("0123456789ABCDEFGH :<>\r", max_size=24), max_size=8))
def test_any_lines(lines):
    """Nothing raises, and no message is longer or more than its caps."""
    reassembler = Reassembler({})
    for line in lines:
        reassembler.line(line.encode(), 0)
    reassembler.end()
    for _, payload, _ in reassembler.messages:
        assert 0 < len(payload) <= 512


@SETTINGS
@given(st.lists(st.tuples(st.sampled_from((0x7E8, 0x7E9)), st.binary(max_size=9)), max_size=40))
def test_any_frames(rows):
    """On CAN: a message is just the bytes of its frames, in their order, as long as announced."""
    receiver = Receiver({})
    receiver.begin(0x01)
    for number, data in rows:
        answer = receiver.frame(number, data, 0)
        assert answer in (None, can_frames.GO_ON, can_frames.TOO_LONG)
    for number, payload, _ in receiver.messages:
        assert payload[0] in (0x41, 0x7F) and len(payload) <= 512
        stream = b""
        for ecu, data in rows:
            if ecu == number and data:
                stream += data[2:] if data[0] >> 4 == 1 else data[1:]
        assert payload in stream


@SETTINGS
@given(st.integers(0, 1 << 30))
def test_whole_drives(seed):
    """A whole driver, poller and car from any seed."""
    found = obd_fuzz.run(seed, 40)
    assert found.wrong_count == 0, found.wrong
