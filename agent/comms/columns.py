"""Columns of integers as one stream of bits, each in the form that suits it.

For one column after another (`docs/wire.md` has the bits and an example):

    its first value;  where there are more rows: its form (shape, unit, k) and its residuals

A residual is what a value differs from what was expected, counted in units of 1, 10, 100 or 1000:
receivers give altitudes in decimetres and times in whole seconds. What is expected is, by order,

    0  the first value: for what jumps to and fro about it
    1  the value before
    2  the value before and a step. The step takes over the residual: half of it where it is small,
       for that is noise, all of it where it is large, for then the car began or ceased to brake

After a large residual the next one has a larger k, as what begins takes more than a second. A
sparse column has the distance to each residual that is not zero instead of the zeros.

Rows whose flag says that the value is not there, and rows with a heading that is still the held
one, repeat the value before and take no bits. The flags are therefore the first column.

What form a column gets is the encoder's choice: it decides about bytes, never about right or wrong.
"""

from agent.comms.rice import Writer, length, size, zigzag
from agent.const import const

UNITS = (1, 10, 100, 1000)
# Shapes: (order, is sparse), the commoner first, as they take fewer bits.
SHAPES = ((1, False), (2, False), (1, True), (2, True), (0, False), (0, True))
K_BITS = 4
_MAX_K = const(15)
LARGE = 6  # a residual of 6 * 2^k, zig-zagged, is large
MORE = 3  # bits that k has more after a large one
GAP_K = 2


class Kind:
    """What both ends know of a column before its first bit."""

    __slots__ = ("first_k", "modulus", "known", "held")

    def __init__(self, first_k, modulus=0, known=0, held=0):
        self.first_k = first_k  # parameter of the first value's code
        self.modulus = modulus  # what it wraps at: 36000 for an angle
        self.known = known  # bit of the first column that says that a row has a value, or 0
        self.held = held  # bit of the first column that says that a row may repeat, or 0

    def coded(self, flags, is_repeating):
        """Numbers of the rows behind the first that have a residual."""
        known, held = self.known, self.held if is_repeating else 0
        if not known and not held:
            return range(1, len(flags))
        return [
            i
            for i in range(1, len(flags))
            if (not known or flags[i] & known) and not flags[i] & held
        ]


def pack(columns, kinds):
    """bytes of `columns`, lists of equal length >= 1, with a Kind each. A row without a value
    holds the one before it. Raises RiceError where a value jumps by more than any real one."""
    writer = Writer()
    flags = columns[0]
    for values, kind in zip(columns, kinds):  # noqa: B905 MicroPython has no strict
        first = values[0]
        writer.code(zigzag(first), kind.first_k)
        is_repeating = False
        if kind.held and len(values) > 1:
            held = [i for i in range(1, len(values)) if flags[i] & kind.held]
            is_repeating = all([values[i] == values[i - 1] for i in held])
            writer.put(int(is_repeating), 1)
        rows = [values[i] - first for i in kind.coded(flags, is_repeating)]
        if rows:
            _put_column(writer, rows, kind.modulus)
    return writer.finish()


def _put_column(writer, rows, modulus):
    """Form and residuals of rows that count from the first value."""
    index = _unit(rows)
    unit = UNITS[index]
    if unit > 1:
        rows = [row // unit for row in rows]
    order, is_sparse, k, residuals = _choose(rows, modulus // unit)
    writer.code(SHAPES.index((order, is_sparse)), 0)
    writer.code(index, 0)
    writer.put(k, K_BITS)
    if is_sparse:
        _put_sparse(writer, residuals, k)
        return
    large = LARGE << k
    more = k
    for z in residuals:
        writer.code(z, more)
        more = k + MORE if z >= large else k


def _put_sparse(writer, residuals, k):
    gap = 1
    for z in residuals:
        if z:
            writer.code(gap, GAP_K)
            writer.code(z - 1, k)
            gap = 1
        else:
            gap += 1
    if gap > 1:
        writer.code(0, GAP_K)


def _unit(rows):
    """Index of the largest unit that all rows are multiples of; 0 where they are all 0."""
    index = len(UNITS) - 1 if any(rows) else 0
    for row in rows:
        while row % UNITS[index]:
            index -= 1
        if not index:
            break
    return index


def _residuals(rows, order, k, modulus):
    """Zig-zagged residuals. k matters to order 2 alone."""
    out = []
    last = step = 0
    half = modulus >> 1
    large = 0  # the first step is taken whole
    for row in rows:
        d = row - last - step
        if modulus:
            d = (d + half) % modulus - half
        z = 2 * d if d >= 0 else -2 * d - 1
        out.append(z)
        if order == 2:
            last += step + d
            step += d if z >= large else d >> 1
            large = LARGE << k
        elif order:
            last = row
    return out


def _choose(rows, modulus):
    """(order, is_sparse, k, residuals) that take few bits: the least there is, or a little more."""
    best = None
    for order in (1, 2, 0):
        residuals = _residuals(rows, order, 0, modulus)
        # Not their sum, which a few large ones would decide.
        total = sum([length(z) for z in residuals])
        if best is None or total < best[0]:
            best = (total, order, residuals)
    total, order, residuals = best
    zeros = residuals.count(0)
    is_sparse = 2 * zeros > len(residuals)
    # The mean length is one or two above the best k.
    k = min(_MAX_K, total // max(1, len(residuals) - (zeros if is_sparse else 0)))
    best = None
    while k >= 0:
        if order == 2:
            residuals = _residuals(rows, order, k, modulus)
        bits = _cost([z - 1 for z in residuals if z] if is_sparse else residuals, k)
        if best is not None and bits >= best[0]:
            break
        best = (bits, k, residuals)
        k -= 1
    return order, is_sparse, best[1], best[2]


def _cost(residuals, k):
    """Bits that the residuals take, near enough to choose by: without what follows large ones."""
    bits = 0
    for z in residuals:
        q = z >> k
        bits += q + 1 + k if q < 4 else size(z, k)
    return bits
