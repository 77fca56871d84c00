"""A serial line in one direction: when bytes have passed. No I/O."""

BITS_PER_BYTE = 10  # one start bit, eight data bits, one stop bit
_TOLERANCE = 0.03  # of the rate: a UART samples the middle of the last bit still right


def same_rate(a, b):
    """Do two ends with these baud rates understand each other?"""
    return abs(a - b) <= _TOLERANCE * b


class Line:
    def __init__(self, baud):
        self.byte_time = BITS_PER_BYTE / baud
        self.free = 0.0  # second at which the line has nothing more to carry

    def waiting(self, t):
        """Bytes that are still to be carried at second t."""
        return max(0.0, self.free - t) / self.byte_time

    def carry(self, count, t):
        """The second at which the last of `count` bytes, ready at t, has passed."""
        self.free = max(self.free, t) + count * self.byte_time
        return self.free


def garble(data, sent, heard, rng):
    """What a UART at `heard` baud makes of bytes sent at another rate: fewer or more, all wrong.

    `rng`: the random.Random that the noise comes from.
    """
    if not data or same_rate(sent, heard):
        return data
    count = max(1, min(len(data) * 2, len(data) * heard // sent))
    return bytes(rng.choice((0x00, 0x80, 0xE0, 0xF8, 0xFE, rng.randrange(256)))
                 for _ in range(count))  # fmt: skip
