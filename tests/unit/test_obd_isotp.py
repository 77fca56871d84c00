"""Reassembly of ISO-TP messages from an adapter's lines."""

from agent.obd.isotp import MAX_MESSAGE, MAX_MESSAGES, Reassembler


def exchange(*lines):
    """-> (messages without times, counters that are not zero, all lines were data)"""
    counters = {}
    isotp = Reassembler(counters)
    isotp.begin()
    taken = [isotp.line(line, 5) for line in lines]
    isotp.end()
    found = [(ecu, payload) for ecu, payload, _ in isotp.messages]
    wrong = {}
    for key in counters:
        if counters[key]:
            wrong[key] = counters[key]
    assert isotp.errors == sum(wrong.values())
    return found, wrong, all(taken)


VIN = b"\x49\x02\x011HGCM82633A004210"


def test_single_frames():
    for line, ecu in (
        (b"7E8064100BE3FA813", 0x7E8),  # trimmed
        (b"7E8064100BE3FA81300", 0x7E8),  # padded
        (b"7E8 06 41 00 BE 3F A8 13 ", 0x7E8),
        (b"7ef064100be3fa813", 0x7EF),
        (b"18DAF110064100BE3FA813", 0x18DAF110),
        (b"18 DA F1 10 06 41 00 BE 3F A8 13 AA", 0x18DAF110),
        (b"4100BE3FA813", 0),
        (b"41 00 BE 3F A8 13 ", 0),
    ):
        assert exchange(line) == ([(ecu, b"\x41\x00\xbe\x3f\xa8\x13")], {}, True), line


def test_the_time_is_that_of_the_last_frame():
    isotp = Reassembler({})
    isotp.begin()
    isotp.line(b"7E8100A430403010420", 10)
    isotp.line(b"7E82101714321000000", 17)
    assert isotp.messages[0][2] == 17


def test_multi_frame_11_bit():
    lines = (b"7E8101449020131484743", b"7E8214D383236333341", b"7E82230303432313000")
    # 20 bytes: six in the first frame, seven in each other
    assert exchange(b"7E81014490201314847", b"7E821434D3832363333", b"7E82241303034323130") == (
        [(0x7E8, VIN)],
        {},
        True,
    )
    assert exchange(*lines)[0] == []  # nine bytes in a frame do not exist


def test_multi_frame_29_bit():
    lines = (b"18DAF1101014490201314847", b"18DAF11021434D3832363333", b"18DAF1102241303034323130")
    assert exchange(*lines) == ([(0x18DAF110, VIN)], {}, True)


def test_headerless_multi_frame():
    lines = (b"014", b"0:490201314847", b"1:434D3832363333", b"2:41303034323130")
    assert exchange(*lines) == ([(0, VIN)], {}, True)
    lines = (b"014 ", b"0: 49 02 01 31 48 47 ", b"1: 43 4D 38 32 36 33 33 ", b"2: 41303034323130")
    assert exchange(*lines) == ([(0, VIN)], {}, True)
    padded = (b"00A", b"0:410C1AF80D32", b"1:0480114000AAAA")
    assert exchange(*padded)[0] == [(0, b"\x41\x0c\x1a\xf8\x0d\x32\x04\x80\x11\x40")]


def test_two_ecus_interleaved():
    lines = (
        b"7E8100A430403010420",
        b"7E9100A4304C1000123",
        b"7E82101714321000000",
        b"7E92143211234000000",
    )
    assert exchange(*lines) == (
        [
            (0x7E8, b"\x43\x04\x03\x01\x04\x20\x01\x71\x43\x21"),
            (0x7E9, b"\x43\x04\xc1\x00\x01\x23\x43\x21\x12\x34"),
        ],
        {},
        True,
    )


def test_two_ecus_without_headers_cannot_be_told_apart():
    lines = (b"014", b"0:490201314847", b"014", b"0:490201314847", b"1:43", b"1:43")
    found, wrong, _ = exchange(*lines)
    assert found == [] and wrong["isotp_ambiguous"] == 1


def test_sequence_number_wraps():
    payload = bytes(range(6 + 7 * 20))
    size = len(payload)
    lines = ["7E81%03X%s" % (size, payload[:6].hex())]
    for number in range(20):
        part = payload[6 + 7 * number : 13 + 7 * number]
        lines.append("7E82%X%s" % ((number + 1) & 15, part.hex()))
    assert exchange(*[line.encode() for line in lines]) == ([(0x7E8, payload)], {}, True)


FIRST = b"7E81014490201314847"
SECOND = b"7E821434D3832363333"
THIRD = b"7E82241303034323130"


def test_what_is_refused():
    for lines, counter in (
        ((b"7E80641",), "isotp_short"),
        ((b"7E804410C1A",), "isotp_short"),
        ((b"7E803410D3200",), "isotp_short"),  # neither trimmed nor padded
        ((b"7E800",), "isotp_malformed"),
        ((b"7E8",), "isotp_too_long"),  # reads as a headerless length of 2024
        ((b"7E808410C1AF80D320000",), "isotp_malformed"),
        ((b"7E8064100BE3FA8130000",), "isotp_malformed"),  # nine bytes
        ((b"7E8300000",), "isotp_malformed"),  # flow control
        ((b"7E0064100BE3FA813",), "isotp_foreign"),
        ((b"123064100BE3FA813",), "isotp_foreign"),
        ((b"18DAF210064100BE3FA813",), "isotp_foreign"),
        ((b"18DB33F1064100BE3FA813",), "isotp_foreign"),
        ((b"4100BE3FA81300FF",), "isotp_malformed"),
        ((b"7E810144902013148",), "isotp_short"),
        ((b"7E8101449020131484",), "isotp_malformed"),  # a digit lost: no header to be seen
        ((b"7E81007490201314847",), "isotp_short"),  # seven bytes need no first frame
        ((b"7E81FFF490201314847",), "isotp_too_long"),
        ((SECOND,), "isotp_stray"),
        ((b"1:43",), "isotp_stray"),
        ((FIRST, THIRD), "isotp_sequence"),
        ((FIRST, SECOND, SECOND), "isotp_sequence"),
        ((FIRST, b"7E82143"), "isotp_short"),
        ((FIRST, SECOND), "isotp_incomplete"),
        ((FIRST,), "isotp_incomplete"),
        ((b"014", b"0:4902013148"), "isotp_short"),
        ((b"014", b"1:43"), "isotp_sequence"),
        ((b"001",), "isotp_malformed"),
    ):
        found, wrong, _ = exchange(*lines)
        assert found == [] and counter in wrong, (lines, wrong)


def test_a_first_frame_ends_the_message_before():
    found, wrong, _ = exchange(FIRST, FIRST, SECOND, THIRD)
    assert found == [(0x7E8, VIN)] and wrong == {"isotp_incomplete": 1}


def test_a_trimmed_frame_among_padded_ones_has_lost_bytes():
    isotp = Reassembler({})
    isotp.begin()
    isotp.line(b"7E803410D3200000000", 0)
    isotp.line(b"7E804410CF80000", 0)  # 41 0C 1A F8 00 00 00 without its 1A
    assert len(isotp.messages) == 1
    for _ in range(20):
        isotp.begin()
        isotp.line(b"7E803410D32", 0)
    assert len(isotp.messages) == 1  # the adapter has changed its ways


def test_text_is_not_data():
    for line in (b"NO DATA", b"DATA ERROR", b"STOPPED", b"?", b"BUS BUSY", b"FB ERROR", b"12.4V",
                 b"7E8064100BE3FA813<DATA ERROR", b"CAN ERROR", b"OK", b"ACT ALERT", b"ERR94",
                 b"7E8064100BE3FG813", b":", b"0:", b"0:XY", b"X:00"):  # fmt: skip
        found, _, taken = exchange(line)
        assert found == [] and (not taken or line == b"0:"), line


def test_bounded():
    isotp = Reassembler({})
    isotp.begin()
    for number in range(1000):
        isotp.line(b"7E803410D32", number)
        isotp.line(b"18DAF1%02X100A430403010420" % (number % 256), number)
        isotp.line(b"7E8%03X" % (number % 4096), number)
    assert len(isotp.messages) <= MAX_MESSAGES
    assert len(isotp._open) <= 8 and len(isotp._pads) <= 16
    assert MAX_MESSAGE <= 4095
