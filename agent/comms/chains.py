"""The files of the journal as they are written: one chain of segments a lane, one open at a time.

A flush writes what waits in RAM in one piece and returns when it is on the medium. Where that
fails, nothing is ever written behind what may be torn: the rest moves to a file of its own.
"""

from agent import port
from agent.comms import segment as seg
from agent.const import const
from agent.records import GAP_WRITE

_TRIES = const(3)  # of one flush, making room in between
# Bytes given up without a write succeeding: beyond it, it is not this journal that fills the
# storage, and giving up more would lose frames for nothing.
_MAX_IN_VAIN = const(65536)
MAX_TAIL = 8192  # unflushed bytes of a lane in RAM; reached, they are flushed before their time


class JournalError(Exception):
    """What the storage refused, in one line; the records stay in RAM as long as they fit."""


class Chains:
    """make_room(lane): gives up something that takes space on a full storage; returns the bytes.
    lose(lane, sid, span, reason): frames are in no segment any more.
    before_write(): called before frames are written."""

    def __init__(self, storage, shelf, counters, make_room, lose, before_write):
        self._storage = storage
        self._shelf = shelf
        self._counters = counters
        self._make_room = make_room
        self._lose = lose
        self._before_write = before_write
        self.session = None
        self.sequence = 0  # of the newest file
        self._in_vain = 0  # bytes given up since a write succeeded

    def open_one(self, lane):
        """The segment of the lane that takes more, or None."""
        for segment in reversed(self._shelf.segments):
            if segment.lane == lane and not segment.closed:
                return segment
        return None

    def active(self, lane):
        """The lane's segment that is appended to."""
        segment = self.open_one(lane)
        if segment:
            return segment
        segment = self._new(lane, self.session.sid)
        segment.tail.extend(seg.entry(seg.OPEN_LANE, self.session.open_bytes))
        self._shelf.segments.append(segment)
        return segment

    def _new(self, lane, sid):
        self.sequence += 1
        return seg.Segment(lane, self.sequence, sid)

    def flush(self, segment):
        """Writes a segment's tail, but for what the room has acknowledged by now: that costs the
        flash nothing. Returns the segment that the tail is in. Raises JournalError."""
        self.forget(segment)
        if segment.count == segment.durable:
            return segment
        self._before_write()
        tries = _TRIES
        while True:
            try:
                self._storage.append(segment.name, bytes(segment.tail))
                self._storage.sync(segment.name)
                break
            except port.StorageError as e:
                self._counters["write_errors"] += 1
                self.shut(segment)
                segment = self.move_tail(segment)
                tries -= 1
                may_thin = e.full and tries and self._in_vain < _MAX_IN_VAIN
                freed = self._make_room(segment.lane) if may_thin else 0
                self._in_vain += freed
                if not freed:
                    self._cap_tail(segment)
                    raise JournalError("journal: %s" % e)
        self._counters["flushes"] += 1
        self._in_vain = 0
        segment.size += len(segment.tail)
        segment.tail = bytearray()
        segment.durable = segment.count
        if segment.closed:
            self.shut(segment)
        return segment

    def forget(self, segment):
        """Acknowledged frames leave RAM before they were written. The ledger knows of them."""
        self._counters["frames_never_written"] += segment.forget_acked_tail()

    def move_tail(self, segment):
        """A new segment with what `segment` could not write; its file keeps what it has."""
        fresh = self._new(segment.lane, segment.sid)
        if segment.durable:
            # A segment with something written and a tail is always of the session in force: its
            # open need not be read back from a storage that fails.
            fresh.tail.extend(seg.entry(seg.OPEN_LANE, self.session.open_bytes))
        fresh.tail.extend(segment.tail)
        fresh.closed = segment.closed
        segment.split(segment.durable, fresh)
        fresh.index = fresh.read_index(self._storage)
        segment.tail = b""
        segment.closed = True
        self._shelf.put_away(segment)
        self._shelf.segments.append(fresh)
        if not segment.count:
            self.remove(segment)
        return fresh

    def _cap_tail(self, segment):
        """Bounds what waits in RAM while the storage refuses: the oldest frames go, as a gap."""
        offsets = segment.index.offsets
        place = 0
        while place < segment.count and segment.bytes() - offsets[place] > MAX_TAIL:
            place += 1
        if not place:
            return
        kept = seg.Segment(segment.lane, segment.sequence, segment.sid)
        end = offsets[place] if place < segment.count else segment.bytes()
        kept.tail = segment.tail[: seg.OPENING] + segment.tail[end:]
        kept.closed = segment.closed
        segment.split(place, kept)
        kept.index = kept.read_index(self._storage)
        self._shelf.segments[self._shelf.segments.index(segment)] = kept
        self._lose(segment.lane, segment.sid, self._shelf.span(segment), GAP_WRITE)

    def close(self, segment):
        """No more appends to it: flushed, and its handle given back. Raises JournalError."""
        segment.closed = True
        if segment.tail:
            segment = self.flush(segment)
        if segment.count:
            self.shut(segment)
        else:
            self.remove(segment)

    def shut(self, segment):
        """Gives back the file's handle, and the RAM of what is written and closed."""
        if segment.closed and not segment.tail:
            segment.tail = b""
            self._shelf.put_away(segment)
        try:
            self._storage.close(segment.name)
        except port.StorageError:
            self._counters["write_errors"] += 1

    def remove(self, segment):
        """The segment and its file."""
        self._shelf.remove(segment)
        self.remove_file(segment.name)

    def remove_file(self, name):
        """What cannot be removed is found again at the next start."""
        try:
            self._storage.remove(name)
        except port.StorageError:
            self._counters["write_errors"] += 1
