"""agent/comms/seal.py: what is a frame, what is none, and by which name it is refused."""

from agent.comms import seal
from agent.comms.hpke import Keys
from agent.comms.seal import DOWN, MAX_FRAME, OVERHEAD, UP, FrameBox, Open, header, parse_open

ENC = bytes(range(32))
KEY = bytes(range(100, 132))
IV = bytes(range(13))
OTHERS = (
    FrameBox("car-8", ENC, KEY, IV, UP),
    FrameBox("car-7", ENC, KEY[:-1] + b"x", IV, UP),
    FrameBox("car-7", ENC, KEY, IV[:-1] + b"x", UP),
)


def box(kind=UP):
    return FrameBox("car-7", ENC, KEY, IV, kind)


def raises(error, function, *arguments):
    try:
        function(*arguments)
    except seal.FrameError as e:
        assert type(e) is error, type(e)
        return str(e)
    raise AssertionError("%s was not raised" % error.__name__)


def test_a_frame_is_header_text_and_tag():
    frame = box().seal(0x01020304, b"text")
    assert frame[:9] == b"\x11" + seal.session_id(ENC) + b"\x01\x02\x03\x04"
    assert len(frame) == 4 + OVERHEAD and OVERHEAD == 25
    assert header(frame) == (UP, seal.session_id(ENC), 0x01020304)
    assert box().open(frame) == (0x01020304, b"text")
    assert box().open(memoryview(frame)) == (0x01020304, b"text")


def test_each_number_seals_the_same_text_differently():
    frames = [box().seal(n, b"text")[9:] for n in (0, 1, 255, 256, 0xFFFFFFFF)]
    assert len(set(frames)) == 5


def test_no_flipped_bit_passes():
    frame = box().seal(7, b"text")
    for i in range(8 * len(frame)):
        bad = bytearray(frame)
        bad[i // 8] ^= 1 << i % 8
        error = seal.FrameSealError
        if i < 8:
            error = seal.FrameFormatError
        elif i < 40:
            error = seal.FrameSessionError
        raises(error, box().open, bytes(bad))


def test_another_vehicle_key_or_iv_does_not_open_it():
    frame = box().seal(7, b"text")
    for other in OTHERS:
        assert raises(seal.FrameSealError, other.open, frame) == (
            "frame 7 of session %s does not open" % seal.session_id(ENC).hex()
        )


def test_up_and_down_are_told_apart():
    down = box(DOWN).seal(7, b"text")
    assert down[0] == 0x12
    assert raises(seal.FrameFormatError, box().open, down) == "frame of type 0x12"


def test_frames_of_impossible_size_are_refused_before_any_cryptography():
    for size in (0, 1, 9, OVERHEAD - 1, MAX_FRAME + 1):
        text = raises(seal.FrameFormatError, box().open, b"\x11" * size)
        assert text == "frame of %d bytes" % size
    for size in (0, MAX_FRAME - OVERHEAD):
        assert box().open(box().seal(1, bytes(size))) == (1, bytes(size))


def test_an_open_is_59_bytes_and_comes_back():
    keys = Keys(bytes(32))
    opening = Open(ENC, b"room", 0x0102, 0x03040506)
    data = opening.seal(keys)
    assert len(data) == 59 and data[:43] == b"\x10" + ENC + b"room\x01\x02\x03\x04\x05\x06"
    again = parse_open(bytearray(data))
    assert (again.enc, again.key_id, again.generation) == (ENC, b"room", 0x0102)
    assert again.boot == 0x03040506 and again.sid == seal.session_id(ENC) == opening.sid
    again.check(keys)


def test_no_flipped_bit_in_an_open_passes_its_check():
    keys = Keys(bytes(32))
    data = Open(ENC, b"room", 1, 2).seal(keys)
    raises(seal.FrameSealError, parse_open(data).check, Keys(bytes(31) + b"x"))
    for i in range(8, 8 * len(data)):
        bad = bytearray(data)
        bad[i // 8] ^= 1 << i % 8
        raises(seal.FrameSealError, parse_open(bad).check, keys)
    raises(seal.FrameSealError, Open(ENC, b"room", 1, 2).check, keys)  # never sealed


def test_what_is_no_open_is_refused():
    data = Open(ENC, b"room", 1, 2).seal(Keys(bytes(32)))
    for bad in (b"", data[:-1], data + b"\x00", b"\x11" + data[1:], b"\x20" + data[1:]):
        text = raises(seal.FrameFormatError, parse_open, bad)
        assert text == "session open: %d bytes are none" % len(bad)
