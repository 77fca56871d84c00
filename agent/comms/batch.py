"""Batches: records gathered into one plaintext, small by differences; and back again.

The plaintext is a MessagePack array of sections (`docs/wire.md`). The columns of a track or a
series are packed together by `columns.py`: a second of driving takes some three bytes, and a column
that does not change, or time at a steady rate, next to nothing.
"""

from agent import port
from agent.comms import columns, course
from agent.comms.columns import Kind
from agent.comms.rice import RiceError
from agent.records import (
    ANCHOR,
    EVENT,
    GAP,
    HAS_ALT,
    HAS_HEADING,
    HAS_SATS,
    HAS_SPEED,
    HEADING_HELD,
    POSITION,
    VALUE,
)

MAX_POSITIONS = 60  # a minute at 1 Hz: beyond that a lost frame hurts more than its header costs
MAX_VALUES = 240  # readings in a batch: about 1 KB, what a small chip seals and sends at once
MAX_EVENTS = 16
MAX_ROWS = 600  # what a reader accepts in a section, before it makes room for it
MAX_RECORDS = 4096  # ... and in a plaintext, as rows that repeat take no bytes
# A track's columns in the order of the wire: index in the POSITION record, and the kind. Flags come
# first as they say which rows have a value; speed and heading before what follows from them. The
# first values' parameters are for an hour of uptime, a mid latitude, a town's altitude and speed.
_TRACK = (
    (8, Kind(8)),
    (1, Kind(24)),
    (5, Kind(11, known=HAS_SPEED)),
    (6, Kind(15, modulus=36000, known=HAS_HEADING, held=HEADING_HELD)),
    (2, Kind(25)),
    (3, Kind(25)),
    (4, Kind(13, known=HAS_ALT)),
    (7, Kind(4, known=HAS_SATS)),
)
_TRACK_KINDS = tuple([kind for _, kind in _TRACK])
_SERIES = (Kind(24), Kind(9))  # t, value


class BatchError(ValueError):
    """A plaintext that is no batch of this version."""


class Batch:
    """Gathers records of one lane until somebody encodes it."""

    def __init__(self):
        self.clear()

    def clear(self):
        self._anchors = []
        self._track = []
        self._series = {}
        self._events = []
        self._values = 0
        self.records = 0
        self.started = None  # uptime of the oldest record

    def is_full(self):
        """True when nothing more should be added before it is encoded."""
        return (
            len(self._track) >= MAX_POSITIONS
            or self._values >= MAX_VALUES
            or len(self._events) >= MAX_EVENTS
        )

    def add(self, record, now):
        """Takes a record of any kind; `now` starts the batch's age."""
        kind = record[0]
        if kind == POSITION:
            self._track.append(record)
        elif kind == VALUE:
            self._series.setdefault(record[2], []).append(record)
            self._values += 1
        elif kind == ANCHOR:
            self._anchors.append(record)
        else:
            self._events.append(record)
        self.records += 1
        if self.started is None:
            self.started = now

    def halves(self):
        """Two batches with half of the records each, for one that is too large for a frame."""
        every = self._anchors + self._track
        for signal in sorted(self._series):
            every = every + self._series[signal]
        every = every + self._events
        middle = len(every) // 2
        parts = (Batch(), Batch())
        for i, record in enumerate(every):
            parts[i >= middle].add(record, self.started)
        return parts

    def encode(self):
        """The plaintext. Equal records give equal bytes on every interpreter."""
        sections = [list(a) for a in self._anchors]
        if self._track:
            sections.append(_track_section(self._track))
        for signal in sorted(self._series):
            rows = self._series[signal]
            both = [[row[1] for row in rows], [row[3] for row in rows]]
            sections.append([VALUE, signal, len(rows), columns.pack(both, _SERIES)])
        for event in self._events:
            sections.append(list(event))
        return port.packb(sections)


def _track_section(rows):
    """Absent values repeat the last one and have their flag off."""
    track = []
    for index, kind in _TRACK:
        track.append([row[index] for row in rows])
        if kind.known:
            _fill(track[-1], track[0], kind.known)
    _shift(track, -1)
    return [POSITION, len(rows), columns.pack(track, _TRACK_KINDS)]


def _fill(column, flags, known):
    last = 0
    for i, value in enumerate(column):
        if flags[i] & known and value is not None:
            last = value
        column[i] = last


def _shift(track, sign):
    """Takes the path that speed and heading give out of the positions (-1), or back in (1)."""
    _, times, speeds, headings, lat, lon = track[:6]
    ways = course.path(times, speeds, headings, lat[0])
    for column, way in ((lat, ways[0]), (lon, ways[1])):
        for i, d in enumerate(way):
            column[i] += sign * d


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
        return n, columns.unpack(data, n, kinds)
    except RiceError as e:
        raise BatchError(str(e))


def _read_track(section, records):
    n, track = _columns(section, 1, _TRACK_KINDS)
    _shift(track, 1)
    for i in range(n):
        row = [POSITION] + [None] * len(_TRACK)  # noqa: RUF005
        flags = track[0][i]
        for (index, kind), column in zip(_TRACK, track):  # noqa: B905
            if not kind.known or flags & kind.known:
                row[index] = column[i]
        records.append(tuple(row))


def _read_series(section, records):
    if len(section) < 2 or not isinstance(section[1], int):
        raise BatchError("a series of %d fields" % len(section))
    n, (times, values) = _columns(section, 2, _SERIES)
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
