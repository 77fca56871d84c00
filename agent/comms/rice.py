"""Numbers as few bits: zig-zag, a Rice code whose tail grows, and the stream of bits they go into.

A number is zig-zagged (0, -1, 1, -2 ... are 0, 1, 2, 3 ...) and coded with a parameter k, as
`docs/wire.md` has it with an example:

    u < 4 ones, a zero, k bits           Rice's code: 2^k numbers to each count of ones
    u >= 4 ones, a zero, k + u - 3 bits  then twice as many numbers to each further one

Differences in what a car's sensors tell are mostly noise and small: Rice's code (Rice and Plaunt,
1971) is near the best for them. A few are large, where a car brakes or turns, and would take dozens
of ones: the tail grows as exponential Golomb codes do (Teuhola, 1978).
"""

PLAIN = 4  # ones from which on the tail grows
MAX_ONES = 60  # enough for 2^58 where k is 0; positions and times take less than 2^50


class RiceError(ValueError):
    """The bytes do not hold the numbers that they should, or a number is too large for the code."""


def zigzag(v):
    return 2 * v if v >= 0 else -2 * v - 1


def length(z):
    """Bits that z takes: MicroPython's integers have no bit_length."""
    n = 0
    while z > 255:
        n += 8
        z >>= 8
    while z:
        n += 1
        z >>= 1
    return n


def size(z, k):
    """Bits that z takes in the code with parameter k."""
    q = z >> k
    return q + 1 + k if q < PLAIN else 2 * length(q - 2) + 2 + k


class Writer:
    """Bits into bytes, the high bit of a byte first."""

    def __init__(self):
        self._out = bytearray()
        self._acc = 0
        self._count = 0

    def put(self, value, bits):
        """`value`, which has no more than `bits` bits."""
        acc = self._acc << bits | value
        count = self._count + bits
        while count >= 8:
            count -= 8
            self._out.append(acc >> count)
            acc &= (1 << count) - 1
        self._acc = acc
        self._count = count

    def code(self, z, k):
        """z >= 0 with parameter k. Raises RiceError."""
        q = z >> k
        if q < PLAIN:
            self.put(((2 << q) - 2) << k | z & ((1 << k) - 1), q + 1 + k)
            return
        ones = length(q - 2) + 2
        if ones > MAX_ONES:
            raise RiceError("a value jumps too far")
        bits = k + ones - 3
        self.put((2 << ones) - 2, ones + 1)
        self.put(z - (2 << k) - (1 << bits), bits)

    def finish(self):
        """The bytes; zero bits fill the last one."""
        if self._count:
            self.put(0, 8 - self._count)
        return bytes(self._out)
