"""A serial line in one direction: when bytes have passed. No I/O."""

BITS_PER_BYTE = 10  # one start bit, eight data bits, one stop bit


class Line:
    def __init__(self, baud):
        self.byte_time = BITS_PER_BYTE / baud
        self.free = 0.0  # second at which the line has nothing more to carry

    def carry(self, count, t):
        """The second at which the last of `count` bytes, ready at t, has passed."""
        self.free = max(self.free, t) + count * self.byte_time
        return self.free
