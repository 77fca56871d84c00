"""agent/comms/rice.py: numbers as bits, there and back."""

from agent.comms import rice, unbatch


def noise(seed):
    x = seed
    while True:
        x = (x * 1103515245 + 12345) & 0x7FFFFFFF
        yield x >> 8


def bits(z, k):
    """The code of z as text, cut to its size."""
    writer = rice.Writer()
    writer.code(z, k)
    text = "".join(["{:08b}".format(byte) for byte in writer.finish()])
    assert "1" not in text[rice.size(z, k) :] and len(text) - rice.size(z, k) < 8
    return text[: rice.size(z, k)]


def test_signed_numbers():
    assert [rice.zigzag(v) for v in (0, -1, 1, -2, 2)] == [0, 1, 2, 3, 4]
    for v in (0, 1, -1, 63, -64, 1 << 70, -(1 << 70)):
        assert unbatch.unzigzag(rice.zigzag(v)) == v


def test_lengths():
    assert [rice.length(z) for z in (0, 1, 2, 255, 256, 65535, 65536)] == [0, 1, 2, 8, 9, 16, 17]
    assert rice.length((1 << 82) - 1) == 82


def test_few_ones_count_as_rice_has_it():
    assert [bits(z, 0) for z in range(4)] == ["0", "10", "110", "1110"]
    assert [bits(z, 2) for z in (0, 3, 4, 15)] == ["000", "011", "1000", "111011"]


def test_more_ones_count_twice_as_much_each():
    assert [bits(z, 0) for z in (4, 5, 6, 9, 10)] == [
        "111100", "111101", "11111000", "11111011", "1111110000",
    ]  # fmt: skip
    assert bits(80, 3) == "1111110" + "000000"
    assert bits(10, 6) == "0001010"


def test_numbers_of_every_size_there_and_back():
    for k in (0, 1, 3, 7, 18, 25):
        writer = rice.Writer()
        numbers = list(range(50))
        for n in range(2, 56):
            numbers += [(1 << n) - 1, 1 << n, (1 << n) + 1, 3 << n]
        for z in numbers:
            writer.code(z, k)
        reader = unbatch.Reader(writer.finish())
        assert [reader.code(k) for _ in numbers] == numbers
        reader.finish()


def test_plain_bits_share_the_stream():
    writer = rice.Writer()
    writer.put(1, 1)
    writer.code(77, 2)
    writer.put(9, 4)
    reader = unbatch.Reader(writer.finish())
    assert (reader.take(1), reader.code(2), reader.take(4)) == (1, 77, 9)
    reader.finish()


def refused(act):
    try:
        act()
    except rice.RiceError:
        return True
    return False


def test_what_is_cut_or_too_long_is_refused():
    assert refused(lambda: unbatch.Reader(b"").take(1))
    assert refused(lambda: unbatch.Reader(b"\xff").code(0))
    assert refused(lambda: unbatch.Reader(b"\xff" * 100).code(0))
    assert refused(lambda: unbatch.Reader(b"\x00").finish())
    reader = unbatch.Reader(b"\x01")
    reader.take(4)
    assert refused(reader.finish)
    assert not refused(lambda: rice.Writer().code((1 << 58) + 1, 0))
    assert refused(lambda: rice.Writer().code((1 << 58) + 2, 0))


def test_as_many_ones_as_are_written_are_read():
    writer = rice.Writer()
    writer.code((1 << 58) + 1, 0)
    assert unbatch.Reader(writer.finish()).code(0) == (1 << 58) + 1
