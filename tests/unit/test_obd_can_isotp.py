"""ISO-TP from CAN frames: what is put together, what the ECU is told, and what is dropped."""

from agent.obd.can_frames import GO_ON, TOO_LONG
from agent.obd.can_isotp import NEXT_FRAME_MS, Receiver
from agent.obd.isotp import MAX_MESSAGES
from tests.support import obd_can

ECU = 0x7E8
OTHER = 0x7E9
VIN = b"\x49\x02\x01W0L000051T2123456"


def receiver(service=0x09):
    made = Receiver({})
    made.begin(service)
    return made


def counted(made):
    """The counters that are not zero."""
    return {key: made.counters[key] for key in made.counters if made.counters[key]}


def test_a_single_frame():
    made = receiver(0x01)
    assert made.frame(ECU, b"\x03\x41\x0d\x32\x00\x00\x00\x00", 5) is None
    assert made.messages == [(ECU, b"\x41\x0d\x32", 5)] and made.heard == 1
    assert not made.is_open and not counted(made)


def test_frames_without_padding():
    made = receiver(0x01)
    made.frame(ECU, b"\x03\x41\x0d\x32", 5)
    assert made.messages == [(ECU, b"\x41\x0d\x32", 5)]
    for data in (
        b"",
        b"\x03",
        b"\x03\x41\x0d",
        b"\x03\x41\x0d\x32\x00",
        b"\x03\x41\x0d\x32\x00\x00\x00",
    ):
        made = receiver(0x01)
        made.frame(ECU, data, 5)
        assert not made.messages and made.errors == 1, data


def test_a_long_message_needs_flow_control():
    made = receiver()
    frames = obd_can.segment(VIN)
    assert len(frames) == 3
    assert made.frame(ECU, frames[0], 0) == GO_ON and made.is_open
    assert made.frame(ECU, frames[1], 1) is None and made.frame(ECU, frames[2], 2) is None
    assert made.messages == [(ECU, VIN, 2)] and made.heard == 3 and not counted(made)


def test_all_lengths():
    for size in range(1, 300):
        payload = b"\x49" + bytes([n & 0xFF for n in range(size - 1)])
        for padding in (0x00, 0x55, 0xFF):
            made = receiver()
            for frame in obd_can.segment(payload, padding):
                made.frame(ECU, frame, 0)
            assert made.messages == [(ECU, payload, 0)], size
            assert made.heard == (1 if size <= 7 else 1 + size // 7)


def test_ecus_that_answer_at_once():
    other = b"\x49\x02\x011HGCM82633A004210"
    made = receiver()
    for mine, theirs in zip(obd_can.segment(VIN), obd_can.segment(other)):  # noqa: B905
        made.frame(OTHER, theirs, 0)
        made.frame(ECU, mine, 0)
    assert sorted(made.messages) == [(ECU, VIN, 0), (OTHER, other, 0)] and not counted(made)


def test_every_frame_missing_doubled_or_exchanged():
    payload = b"\x49" + bytes(range(100, 180))
    frames = obd_can.segment(payload)
    for index in range(len(frames)):
        made = receiver()
        for frame in frames[:index] + frames[index + 1 :]:
            made.frame(ECU, frame, 0)
        made.end()
        assert not made.messages, index
        made = receiver()
        for frame in frames[: index + 1] + frames[index:]:
            made.frame(ECU, frame, 0)
        # A first frame twice is a message begun anew; a last one twice comes after the message.
        assert made.messages in ([], [(ECU, payload, 0)]), index
        assert bool(made.messages) == (index in (0, len(frames) - 1))
        for other in range(index + 1, len(frames)):
            mixed = list(frames)
            mixed[index], mixed[other] = mixed[other], mixed[index]
            made = receiver()
            for frame in mixed:
                made.frame(ECU, frame, 0)
            made.end()
            assert not made.messages, (index, other)


def test_sixteen_lost_frames_do_not_close_up():
    payload = b"\x49" + bytes([n & 0xFF for n in range(300)])
    frames = obd_can.segment(payload)
    made = receiver()
    for frame in frames[:4] + frames[20:]:
        made.frame(ECU, frame, 0)
    made.end()
    assert not made.messages and made.counters["isotp_incomplete"] == 1


def test_a_late_frame_costs_its_message():
    frames = obd_can.segment(VIN)
    made = receiver()
    made.frame(ECU, frames[0], 100)
    assert made.next_due() == 100 + NEXT_FRAME_MS
    made.expire(100 + NEXT_FRAME_MS - 1)
    assert made.is_open
    made.expire(100 + NEXT_FRAME_MS)
    assert not made.is_open and made.counters["isotp_late"] == 1 and made.next_due() is None
    made.frame(ECU, frames[1], 700)
    assert not made.messages and made.counters["isotp_stray"] == 1


def test_answers_to_another_tester():
    made = receiver(0x01)
    assert made.frame(ECU, obd_can.segment(VIN)[0], 0) is None  # no flow control: it isn't ours
    made.frame(ECU, b"\x03\x7f\x22\x31\x00\x00\x00\x00", 0)
    made.frame(ECU, b"\x03\x43\x01\x03\x00\x00\x00\x00", 0)
    assert not made.messages and made.errors == 0 and made.heard == 0
    assert made.counters["isotp_foreign"] == 3
    made.frame(ECU, b"\x03\x7f\x01\x78\x00\x00\x00\x00", 0)
    assert made.messages == [(ECU, b"\x7f\x01\x78", 0)] and made.heard == 0
    made.frame(ECU, b"\x03\x7f\x01\x31\x00\x00\x00\x00", 0)
    assert made.heard == 1


def test_what_is_no_frame():
    for data in (b"", b"\x00" * 8, b"\x08" + bytes(7), b"\x0f" + bytes(7), b"\x30" + bytes(7),
                 b"\x40" + bytes(7), b"\xf1" + bytes(7), b"\x10\x07\x49" + bytes(5),
                 b"\x10\x09\x49\x02", b"\x10"):  # fmt: skip
        made = receiver()
        assert made.frame(ECU, data, 0) is None
        assert not made.messages and made.errors == 1, data


def test_too_long():
    made = receiver()
    assert made.frame(ECU, b"\x12\x01\x49\x02\x01ABC", 0) == TOO_LONG  # 513 bytes
    assert not made.is_open and made.counters["isotp_too_long"] == 1
    assert made.frame(ECU, b"\x12\x00\x49\x02\x01ABC", 0) == GO_ON
    for number in range(MAX_MESSAGES + 4):
        made.message(OTHER, b"\x49\x02", number)
    assert len(made.messages) == MAX_MESSAGES and made.counters["isotp_too_long"] == 5


def test_messages_of_the_kernel():
    made = receiver()
    made.message(ECU, VIN, 7)
    assert made.messages == [(ECU, VIN, 7)] and made.heard == 3
    made.message(ECU, b"", 8)  # it has lost one
    assert made.errors == 1
    made.message(ECU, b"\x41\x0d\x32", 9)
    assert len(made.messages) == 1 and made.counters["isotp_foreign"] == 1
