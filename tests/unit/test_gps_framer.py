"""Framer: sentences come out whatever surrounds them and however the bytes are cut."""

from agent.gps.framer import MAX_BINARY, MAX_LINE, Framer, checksum, crc24q, fletcher

RMC = b"GNRMC,223745.00,A,3806.62964,N,12237.61382,W,0.040,,110720,,,D,V"
GGA = b"GNGGA,223745.00,3806.62964,N,12237.61382,W,2,12,0.54,83.1,M,-29.5,M,,0000"
VTG = b"GNVTG,,T,,M,0.040,N,0.075,K,D"
NAMES = ("sentences", "checksum", "unchecked", "too_long", "noise", "binary")


def slow_xor(data):
    n = 0
    for byte in data:
        n ^= byte
    return n


def line(body, end=b"\r\n"):
    return b"$" + body + b"*" + ("%02X" % slow_xor(body)).encode() + end


def ubx(kind, payload):
    size = len(payload)
    inner = bytes([kind, 7, size & 255, size >> 8]) + payload
    return b"\xb5\x62" + inner + bytes(fletcher(inner))


def rtcm(payload):
    frame = bytes([0xD3, len(payload) >> 8, len(payload) & 255]) + payload
    crc = crc24q(frame)
    return frame + bytes([crc >> 16, crc >> 8 & 255, crc & 255])


def frame(data, size=0):
    framer = Framer()
    out = []
    size = size or len(data)
    for at in range(0, len(data), size):
        out += framer.feed(data[at : at + size])
    return out, framer


def counts(framer):
    return tuple([framer.counters[name] for name in NAMES])


class Random:
    """The same small generator on both interpreters."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self.state >> 8) % n

    def bytes(self, n):
        return bytes([self.below(256) for _ in range(n)])


def test_checksum_of_any_length():
    random = Random(1)
    for size in list(range(0, 70)) + [127, 128, 129, 255, 256, 257, 1000]:
        data = random.bytes(size)
        assert checksum(data) == slow_xor(data)
        assert checksum(b"\0" * size) == 0


def test_every_body_length_up_to_the_cap():
    longest = MAX_LINE - 6  # `$`, `*HH`, CR LF
    for size in range(1, longest + 1):
        body = bytes([65 + (size * 7 + i * i) % 26 for i in range(size)])
        assert frame(line(body))[0] == [body]
    for size in (longest + 1, longest + 2, 200, 500):
        out, framer = frame(line(b"A" * size) + line(RMC))
        assert out == [RMC]
        assert counts(framer) == (1, 0, 0, 1, 0, 0)


def test_crc24q_and_fletcher_vectors():
    # RTCM 10403: the CRC of a message with its own CRC is 0; CRC-24Q check value of "123456789".
    assert crc24q(b"123456789") == 0xCDE703
    # UBX-MON-VER poll, as every u-blox manual shows it: b5 62 0a 04 00 00 0e 34.
    assert fletcher(bytes([0x0A, 0x04, 0, 0])) == (0x0E, 0x34)


def test_line_ends_of_all_kinds():
    for end in (b"\r\n", b"\n", b"\r", b"\0", b"", b"\r\r\n", b"\r\n\0\0"):
        out, framer = frame(line(RMC, end) + line(GGA, end))
        assert out == [RMC, GGA]
        assert counts(framer) == (2, 0, 0, 0, 0, 0)


def test_lower_case_checksum():
    text = line(VTG)
    assert text[-4:-2] == b"3E"
    assert frame(text.replace(b"*3E", b"*3e"))[0] == [VTG]


def test_sentence_is_out_with_its_last_digit():
    framer = Framer()
    text = line(RMC)
    assert framer.feed(text[:-3]) == []
    assert framer.feed(text[-3:-2]) == [RMC]
    assert framer.feed(text[-2:]) == []


def test_checksum_is_required():
    out, framer = frame(b"$" + RMC + b"\r\n" + line(GGA))
    assert out == [GGA]
    assert counts(framer) == (1, 0, 1, 0, 0, 0)
    for bad in (b"*00", b"*", b"*0", b"*zz", b"* 1", b"*+1"):
        out, framer = frame(b"$" + RMC + bad + b"\r\n" + line(GGA))
        assert out == [GGA]
        assert framer.counters["checksum"] == 1


def test_every_dollar_resynchronises():
    for n in range(1, len(RMC)):
        out, framer = frame(b"$" + RMC[:n] + line(GGA))
        assert out == [GGA]
        assert counts(framer) == (1, 0, 1, 0, 0, 0)
    assert frame(b"$$$" + line(GGA))[0] == [GGA]
    assert frame(b"$GPRMC*4" + line(GGA))[0] == [GGA]


def test_a_line_feed_ends_a_line():
    # The checksum over both lines is right, but these are two lines.
    body = b"GPTXT,1\nGPTXT,2"
    out, framer = frame(line(body) + line(GGA))
    assert out == [GGA]
    assert framer.counters["unchecked"] == 1


def test_noise_is_counted_by_byte():
    out, framer = frame(b"boot: ok\r\n" + line(RMC) + b"#?\r\n" + line(GGA))
    assert out == [RMC, GGA]
    assert counts(framer) == (2, 0, 0, 0, 10, 0)


def test_binary_frames_are_skipped():
    for binary in (ubx(1, b"$GPRMC,1*00\r\n"), ubx(1, b""), rtcm(b"$" * 60), rtcm(b"")):
        out, framer = frame(line(RMC) + binary + line(GGA) + binary + binary + line(VTG))
        assert out == [RMC, GGA, VTG]
        assert counts(framer) == (3, 0, 0, 0, 0, 3)
    # One that holds a good sentence is still binary.
    assert frame(ubx(1, line(RMC)))[0] == []
    # Inside a cut-off line.
    out, framer = frame(b"$GPRM" + ubx(1, line(RMC)) + line(GGA))
    assert out == [GGA]
    assert framer.counters["binary"] == 1


def test_largest_binary_frames():
    assert frame(ubx(1, b"$" * MAX_BINARY) + line(GGA))[0] == [GGA]
    assert frame(rtcm(b"$" * 1023) + line(GGA))[0] == [GGA]


def test_what_only_looks_like_binary():
    damaged = bytearray(ubx(1, b"x" * 40))
    damaged[20] ^= 1
    for header in (
        b"\xb5",
        b"\xd3",
        b"\xb5\x62\x01\x07\xff\xff",  # longer than any frame
        b"\xd3\x05",
        b"\xb5\xb5\xd3\xd3",
        bytes(damaged),
    ):
        out, framer = frame(header + line(RMC) + line(GGA))
        assert out == [RMC, GGA]
        assert framer.counters["binary"] == 0
        assert framer.counters["noise"] == len(header) - header.count(b"\0")
    # A header whose frame never comes holds sentences back for no more than its own length.
    out, framer = frame(b"\xb5\x62\x01\x07\xff\x03" + line(RMC) * 20)
    assert out == [RMC] * 20
    assert framer.counters["noise"] == 6


def test_what_is_held_back_is_bounded():
    for start in (b"$", b"\xb5\x62\x01\x07\xff\x03", b"\xd3\x03\xff", b"\xb5", b"noise"):
        framer = Framer()
        framer.feed(start)
        for _ in range(3000):
            framer.feed(b"x")
            assert framer.pending <= MAX_BINARY + 8


def test_every_cut_gives_the_same():
    data = (
        b"noise\xb5\r\n"
        + line(RMC)
        + ubx(1, b"ab$cd*00")
        + b"$GPRMC,12"
        + line(GGA, b"\n")
        + b"$GPTXT,no checksum\r\n"
        + rtcm(b"$GP\xb5\x62")
        + b"$" + b"y" * 140 + b"\xd3\r\n\xd3\x00"
        + line(VTG, b"\0")
        + b"$GPVTG*12\r\n"
        + line(RMC)
    )  # fmt: skip
    whole, framer = frame(data)
    assert whole == [RMC, GGA, VTG, RMC]
    assert counts(framer)[:4] == (4, 1, 2, 1)
    assert framer.counters["binary"] == 2
    expected = counts(framer)
    for size in range(1, 60):
        out, framer = frame(data, size)
        assert out == whole, size
        assert counts(framer) == expected, size
    for cut in range(1, len(data)):
        framer = Framer()
        assert framer.feed(data[:cut]) + framer.feed(data[cut:]) == whole, cut
        assert counts(framer) == expected, cut


def test_noise_and_flips_never_invent_or_hang():
    """Seeded: damaged streams give only true sentences, the same for every cut, and recover."""
    true = (RMC, GGA, VTG)
    clean = line(RMC) + line(GGA) + ubx(1, b"$abc") + line(VTG)
    for seed in range(40):
        random = Random(seed)
        data = bytearray(clean * 3)
        for _ in range(random.below(12)):
            data[random.below(len(data))] ^= 1 << random.below(8)
        data = bytes(data)
        at = random.below(len(data))
        data = data[:at] + random.bytes(random.below(80)) + data[at:]
        whole, framer = frame(data)
        expected = counts(framer)
        invented = [s for s in whole if s not in true]
        # XOR lets two flips of the same bit through: such a sentence keeps its length.
        assert all([len(s) in (len(RMC), len(GGA), len(VTG)) for s in invented])
        for size in (1, 2, 3, 5, 17, 64):
            out, again = frame(data, size)
            assert out == whole
            assert counts(again) == expected
        # More than any false header can hold back, then all is well again.
        assert framer.feed(line(VTG) * 40)[-3:] == [VTG] * 3


def test_accepts_bytearray():
    out = Framer().feed(bytearray(line(RMC)))
    assert out == [RMC]
    assert isinstance(out[0], bytes)
