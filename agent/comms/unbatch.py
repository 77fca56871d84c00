"""Batches read: a plaintext back into records. Who only sends, as a vehicle does, never loads it.

The same as batch.py, columns.py and rice.py, the other way round; the bits are in `docs/wire.md`.
"""

from agent import port
from agent.comms.batch import SERIES, TRACK, TRACK_KINDS, shift
from agent.comms.columns import GAP_K, K_BITS, LARGE, MORE, SHAPES, UNITS
from agent.comms.rice import MAX_ONES, PLAIN, RiceError
from agent.records import ANCHOR, EVENT, GAP, POSITION, VALUE

MAX_ROWS = 600  # what is accepted in a section, before room is made for it
MAX_RECORDS = 4096  # ... and in a plaintext, as rows that repeat take no bytes


class BatchError(ValueError):
    """A plaintext that is no batch of this version."""


def decode(plaintext):
    """List of the batch's records. Raises BatchError, never anything else."""
    try:
        sections = port.unpackb(plaintext)
    except (ValueError, TypeError) as e:
        raise BatchError("no MessagePack: %s" % e)
    if not isinstance(sections, list):
        raise BatchError("not a list of sections")
    records = []
    for section in sections:
        if not isinstance(section, list) or not section:
            raise BatchError("a section is no list")
        reader = _READERS.get(section[0]) if isinstance(section[0], int) else None
        if reader is None:
            raise BatchError("section of kind %r" % (section[0],))
        reader(section, records)
        if len(records) > MAX_RECORDS:
            raise BatchError("more than %d records" % MAX_RECORDS)
    return records


def _columns(section, index, kinds):
    """Columns of a section that has their number of rows at `index` and their bytes behind it."""
    if len(section) != index + 2:
        raise BatchError("section %d of %d fields" % (section[0], len(section)))
    n, data = section[index:]
    if not isinstance(n, int) or not 0 < n <= MAX_ROWS or not isinstance(data, bytes):
        raise BatchError("a section of %r rows" % (n,))
    try:
        return n, unpack(data, n, kinds)
    except RiceError as e:
        raise BatchError(str(e))


def _read_track(section, records):
    n, track = _columns(section, 1, TRACK_KINDS)
    shift(track, 1)
    for i in range(n):
        row = [POSITION] + [None] * len(TRACK)  # noqa: RUF005
        flags = track[0][i]
        for (index, kind), column in zip(TRACK, track):  # noqa: B905
            if not kind.known or flags & kind.known:
                row[index] = column[i]
        records.append(tuple(row))


def _read_series(section, records):
    if len(section) < 2 or not isinstance(section[1], int):
        raise BatchError("a series of %d fields" % len(section))
    n, (times, values) = _columns(section, 2, SERIES)
    for i in range(n):
        records.append((VALUE, times[i], section[1], values[i]))


def _read_plain(size, exact):
    """Reader of a section that is its record; the fields after the kind begin with integers."""

    def read(section, records):
        if len(section) < size or (exact and len(section) != size):
            raise BatchError("section %d of %d fields" % (section[0], len(section)))
        if not isinstance(section[1], int):
            raise BatchError("section %d without a time" % section[0])
        records.append(tuple(section))

    return read


def _read_anchor(section, records):
    if len(section) != 5 or not all(isinstance(field, int) for field in section):
        raise BatchError("an anchor of %d fields" % len(section))
    records.append(tuple(section))


_READERS = {
    ANCHOR: _read_anchor,
    POSITION: _read_track,
    VALUE: _read_series,
    EVENT: _read_plain(3, False),
    GAP: _read_plain(7, True),
}


def unpack(data, n, kinds):
    """Lists of n integers, one for each of `kinds`. Raises RiceError. n is the caller's to cap:
    rows that repeat take no bytes."""
    reader = Reader(data)
    columns = []
    for kind in kinds:
        first = unzigzag(reader.code(kind.first_k))
        values = [first] * n
        columns.append(values)
        is_repeating = bool(kind.held and n > 1 and reader.take(1))
        coded = kind.coded(columns[0], is_repeating)
        if not coded:
            continue
        rows = _take_column(reader, len(coded))
        at = 0
        for i in range(1, n):
            values[i] = values[i - 1]
            if at < len(coded) and coded[at] == i:
                values[i] = first + rows[at]
                if kind.modulus:
                    values[i] %= kind.modulus
                at += 1
    reader.finish()
    return columns


def _take_column(reader, count):
    """`count` rows as they count from the first value."""
    shape, index, k = reader.code(0), reader.code(0), reader.take(K_BITS)
    if shape >= len(SHAPES) or index >= len(UNITS):
        raise RiceError("a column of shape %d, unit %d" % (shape, index))
    order, is_sparse = SHAPES[shape]
    residuals = _take_sparse(reader, count, k) if is_sparse else _take_dense(reader, count, k)
    rows = []
    row = step = large = 0
    for z in residuals:
        d = unzigzag(z)
        if order == 0:
            row = d
        elif order == 1:
            row += d
        else:
            row += step + d
            step += d if z >= large else d >> 1
            large = LARGE << k
        rows.append(row * UNITS[index])
    return rows


def _take_dense(reader, count, k):
    residuals = []
    more = k
    for _ in range(count):
        z = reader.code(more)
        residuals.append(z)
        more = k + MORE if z >= LARGE << k else k
    return residuals


def _take_sparse(reader, count, k):
    residuals = [0] * count
    at = -1
    while at < count - 1:
        gap = reader.code(GAP_K)
        if not gap:
            break
        at += gap
        if at >= count:
            raise RiceError("a residual beyond the last row")
        residuals[at] = 1 + reader.code(k)
    return residuals


def unzigzag(z):
    return -((z + 1) >> 1) if z & 1 else z >> 1


class Reader:
    """The other way. Each method raises RiceError."""

    def __init__(self, data):
        self._data = data
        self._at = 0
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

    def code(self, k):
        ones = 0
        while self.take(1):
            ones += 1
            if ones > MAX_ONES:
                raise RiceError("more than %d ones" % MAX_ONES)
        if ones < PLAIN:
            return ones << k | self.take(k)
        bits = k + ones - 3
        return (2 << k) + (1 << bits) + self.take(bits)

    def finish(self):
        """Nothing but the zero bits of the last byte may be left."""
        if self._at < len(self._data) or self._acc:
            raise RiceError("bytes are left over")
