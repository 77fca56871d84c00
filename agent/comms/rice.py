"""Columns of integers as few bits: differences, zig-zag, Rice code; the best form per column.

The bytes of a set of columns of n rows each (`docs/wire.md` has them with an example):

    per column:  a head byte  tens << 7 | order << 5 | k,  the column's first value, and for order 2
                 and n > 1 the first difference, as zig-zagged varints (7 bits a byte, low first)
    then:        one stream of bits, high bit first, with the columns' residuals one after another

order 0, 1 or 2 says what the residual is the difference to: the value before, or where the last two
point to; order 0 is the distance to the first value. Noise is smallest in order 0 or 1, motion in
order 2: which it is differs by column and minute, so the encoder tries and takes the shortest. With
tens set the residuals are in units of ten: receivers give altitudes in decimetres, not in cm. A
residual is zig-zagged (0, -1, 1, -2 ... are 0, 1, 2, 3 ...) and Rice-coded (Rice and Plaunt, 1971):
its upper part in unary, ones closed by a zero, then its lower k bits. An upper part of 24 or more
is 24 ones, 6 bits with a length, and so many bits of the whole residual. k = 31: every residual is
0 and takes no bits at all. A column with a modulus (an angle) wraps around.
"""

_TENS = 0x80
ZERO = 31  # in place of k: nothing but zeros
_MAX_K = 30
_ESCAPE = 24  # ones
_LENGTH_BITS = 6
_MAX_BITS = 63  # of a residual: what the length can say
MAX_VARINT = 10  # bytes: 64 bits and a little


class RiceError(ValueError):
    """The bytes do not hold the columns that they should."""


def _zigzag(v):
    return 2 * v if v >= 0 else -2 * v - 1


def _unzigzag(z):
    return -((z + 1) >> 1) if z & 1 else z >> 1


def _residuals(values, order, modulus):
    """Zig-zagged residuals of a column behind what its head holds."""
    first = values[0]
    last = values[1] if order == 2 and len(values) > 1 else first
    step = last - first if order == 2 else 0
    out = []
    half = modulus >> 1
    for value in values[2 if order == 2 else 1 :]:
        d = value - last - step
        if modulus:
            d = (d + half) % modulus - half
        out.append(_zigzag(d))
        if order == 2:
            step = value - last
        if order:
            last = value
    return out


def _in_tens(residuals):
    """(flag, residuals): divided by ten where all of them can be."""
    if not any(residuals) or any([_unzigzag(z) % 10 for z in residuals]):
        return 0, residuals
    return _TENS, [_zigzag(_unzigzag(z) // 10) for z in residuals]


def _length(z):
    """Bits that z takes: MicroPython's integers have no bit_length."""
    n = 0
    while z:
        n += 1
        z >>= 1
    return n


def _cost(residuals, k):
    bits = 0
    for z in residuals:
        q = z >> k
        bits += q + 1 + k if q < _ESCAPE else _ESCAPE + _LENGTH_BITS + _length(z)
    return bits


def _best_k(residuals):
    """(bits, k): the mean tells k to within one or two."""
    if not any(residuals):
        return 0, ZERO
    near = min(_MAX_K, _length(sum(residuals) // len(residuals)))
    best = None
    for k in range(max(0, near - 3), near + 1):
        cost = _cost(residuals, k)
        if best is None or cost < best[0]:
            best = (cost, k)
    return best


class _Writer:
    def __init__(self):
        self.out = bytearray()
        self._acc = 0
        self._count = 0

    def put(self, value, bits):
        """The lowest `bits` of `value`."""
        self._acc = self._acc << bits | value
        self._count += bits
        while self._count >= 8:
            self._count -= 8
            self.out.append(self._acc >> self._count)
            self._acc &= (1 << self._count) - 1

    def finish(self):
        if self._count:
            self.put(0, 8 - self._count)
        return self.out


def pack(columns, moduli):
    """bytes of `columns`, lists of equal length >= 1; `moduli`: 0, or what a column wraps at."""
    heads = bytearray()
    writer = _Writer()
    for values, modulus in zip(columns, moduli):  # noqa: B905 MicroPython has no strict
        best = None
        for order in (1, 2, 0):
            tens, residuals = _in_tens(_residuals(values, order, modulus))
            bits, k = _best_k(residuals)
            if order == 2 and len(values) > 1:
                bits += 8  # its second varint, at least
            if best is None or bits < best[0]:
                best = (bits, tens | order << 5, k, residuals)
        _, form, k, residuals = best
        order = form >> 5 & 3
        heads.append(form | k)
        _put_varint(heads, _zigzag(values[0]))
        if order == 2 and len(values) > 1:
            _put_varint(heads, _zigzag(values[1] - values[0]))
        if k != ZERO:
            for z in residuals:
                _put_residual(writer, z, k)
    return bytes(heads + writer.finish())


def _put_varint(out, z):
    while z > 127:
        out.append(z & 127 | 128)
        z >>= 7
    out.append(z)


def _put_residual(writer, z, k):
    q = z >> k
    if q < _ESCAPE:
        writer.put((1 << (q + 1)) - 2, q + 1)
        if k:
            writer.put(z & ((1 << k) - 1), k)
        return
    length = _length(z)
    if length > _MAX_BITS:
        raise RiceError("a value jumps by more than %d bits" % _MAX_BITS)
    writer.put((1 << _ESCAPE) - 1, _ESCAPE)
    writer.put(length, _LENGTH_BITS)
    writer.put(z, length)


class _Reader:
    def __init__(self, data, at):
        self._data = data
        self._at = at
        self._acc = 0
        self._count = 0

    def take(self, bits):
        while self._count < bits:
            if self._at >= len(self._data):
                raise RiceError("columns end too early")
            self._acc = self._acc << 8 | self._data[self._at]
            self._at += 1
            self._count += 8
        self._count -= bits
        value = self._acc >> self._count
        self._acc &= (1 << self._count) - 1
        return value

    def residual(self, k):
        q = 0
        while q < _ESCAPE and self.take(1):
            q += 1
        if q < _ESCAPE:
            return q << k | (self.take(k) if k else 0)
        length = self.take(_LENGTH_BITS)
        if length > _MAX_BITS:
            raise RiceError("a residual of %d bits" % length)
        return self.take(length)

    def is_at_end(self):
        return self._at == len(self._data) and not self._acc


def unpack(data, n, moduli):
    """Lists of n integers, one for each of `moduli`. Raises RiceError. n is the caller's to cap:
    columns of zeros take no bytes."""
    heads = []
    at = 0
    for _ in moduli:
        if at >= len(data):
            raise RiceError("columns end too early")
        form, k = data[at], data[at] & 31
        order = form >> 5 & 3
        if order > 2:
            raise RiceError("a column of order %d" % order)
        first, at = _take_varint(data, at + 1)
        step = 0
        if order == 2 and n > 1:
            step, at = _take_varint(data, at)
        heads.append((form, k, first, step))
    reader = _Reader(data, at)
    columns = []
    for (form, k, first, step), modulus in zip(heads, moduli):  # noqa: B905
        columns.append(_column(reader, n, form, k, first, step, modulus))
    if not reader.is_at_end():
        raise RiceError("bytes are left over")
    return columns


def _take_varint(data, at):
    z = 0
    for i in range(MAX_VARINT):
        if at + i >= len(data):
            raise RiceError("columns end too early")
        z |= (data[at + i] & 127) << 7 * i
        if data[at + i] < 128:
            return _unzigzag(z), at + i + 1
    raise RiceError("a number of more than %d bytes" % MAX_VARINT)


def _column(reader, n, form, k, first, step, modulus):
    order = form >> 5 & 3
    unit = 10 if form & _TENS else 1
    out = [first]
    last = first
    if order == 2 and n > 1:
        last = first + step
        out.append(last)
    while len(out) < n:
        d = 0 if k == ZERO else unit * _unzigzag(reader.residual(k))
        value = (first if not order else last + step) + d
        if modulus:
            value %= modulus
        if order == 2:
            step = value - last
        if order:
            last = value
        out.append(value)
    return out
