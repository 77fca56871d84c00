"""Batches: records gathered into one plaintext, small by differences; back again: `unbatch.py`.

The plaintext is a MessagePack array of sections (`docs/wire.md`). The columns of a track or a
series are packed together by `columns.py`: a second of driving takes some three bytes, and a column
that does not change, or time at a steady rate, next to nothing.
"""

from agent import port
from agent.comms import columns, course
from agent.comms.columns import Kind
from agent.records import (
    ANCHOR,
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
# A track's columns in the order of the wire: index in the POSITION record, and the kind. Flags come
# first as they say which rows have a value; speed and heading before what follows from them. The
# first values' parameters are for an hour of uptime, a mid latitude, a town's altitude and speed.
TRACK = (
    (8, Kind(8)),
    (1, Kind(24)),
    (5, Kind(11, known=HAS_SPEED)),
    (6, Kind(15, modulus=36000, known=HAS_HEADING, held=HEADING_HELD)),
    (2, Kind(25)),
    (3, Kind(25)),
    (4, Kind(13, known=HAS_ALT)),
    (7, Kind(4, known=HAS_SATS)),
)
TRACK_KINDS = tuple([kind for _, kind in TRACK])
SERIES = (Kind(24), Kind(9))  # t, value


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
            sections.append([VALUE, signal, len(rows), columns.pack(both, SERIES)])
        for event in self._events:
            sections.append(list(event))
        return port.packb(sections)


def _track_section(rows):
    """Absent values repeat the last one and have their flag off."""
    track = []
    for index, kind in TRACK:
        track.append([row[index] for row in rows])
        if kind.known:
            _fill(track[-1], track[0], kind.known)
    shift(track, -1)
    return [POSITION, len(rows), columns.pack(track, TRACK_KINDS)]


def _fill(column, flags, known):
    last = 0
    for i, value in enumerate(column):
        if flags[i] & known and value is not None:
            last = value
        column[i] = last


def shift(track, sign):
    """Takes the path that speed and heading give out of the positions (-1), or back in (1)."""
    _, times, speeds, headings, lat, lon = track[:6]
    ways = course.path(times, speeds, headings, lat[0])
    for column, way in ((lat, ways[0]), (lon, ways[1])):
        for i, d in enumerate(way):
            column[i] += sign * d
