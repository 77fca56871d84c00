"""The pure codec gives what the port's codec gives, and refuses what it must."""

from agent import port
from agent.port import msgpack

EDGES = (0, 1, 127, 128, 255, 256, 65535, 65536, (1 << 32) - 1, 1 << 32, (1 << 64) - 1,
         -1, -32, -33, -128, -129, -32768, -32769, -(1 << 31),
         -(1 << 31) - 1, -(1 << 63))  # fmt: skip


def test_same_bytes_as_the_port():
    values = [None, True, False, "", "é" * 40, "x" * 300, b"", b"y" * 40, b"z" * 300, [], [[1], []]]
    values += list(EDGES)
    values.append(list(range(200)))
    values.append({1: "a"})
    values.append(values[:])
    for value in values:
        data = msgpack.packb(value)
        assert data == port.packb(value), value
        assert msgpack.unpackb(data) == value == port.unpackb(data)


def test_every_cut_is_refused():
    data = msgpack.packb([1, "text", b"bytes", [1000, -1000], None, 1 << 40])
    for cut in range(len(data)):
        for codec in (msgpack.unpackb, port.unpackb):
            try:
                codec(data[:cut])
                raise AssertionError(cut)
            except ValueError:
                pass


def test_declared_lengths_beyond_the_data_and_deep_nesting_are_refused():
    for data in (
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\x91" * 2000 + b"\x01",
        b"\xc1",
        b"\x01\x01",
        b"",
        b"\xa1\xff",
    ):
        for codec in (msgpack.unpackb, port.unpackb):
            try:
                codec(data)
                raise AssertionError(data[:8])
            except ValueError:
                pass


def test_seeded_noise_never_raises_anything_else():
    x = 12345
    for _ in range(2000):
        data = bytearray()
        for _ in range(x % 24):
            x = (x * 1103515245 + 12345) & 0x7FFFFFFF
            data.append(x >> 16 & 255)
        x = (x * 1103515245 + 12345) & 0x7FFFFFFF
        try:
            msgpack.unpackb(bytes(data))
        except ValueError:
            pass
