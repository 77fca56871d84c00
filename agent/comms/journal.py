"""The journal: sealed frames on the storage until the room has proved that it holds them.

Each lane has a chain of append-only segment files (`segment.py`). A segment is written by one
session only and never touched after a restart: what a power cut left torn at its end is skipped,
nothing is truncated or rewritten. A file goes when the room's sealed acknowledgements cover every
frame in it, or when the quota makes the oldest of the least precious lane go; that is a gap, and
gaps are reported. A failed write loses nothing as long as RAM holds it: what was not yet flushed
moves to a new file.

A machine over a `storage` (`agent/port/storage.py`, or a simulated one); time is an argument.
"""

from agent import port
from agent.comms import segment as seg
from agent.comms.gaps import Gaps
from agent.comms.seal import MAX_FRAME, OVERHEAD
from agent.records import ALERT, CRUMB, FINE, GAP_FULL, GAP_WRITE

_THIN_ORDER = (FINE, CRUMB, ALERT)  # what goes first when the room is used up
_MAX_SEGMENT_FRAMES = 128  # bounds a segment's list of numbers
_TRIES = 3  # of one flush, making room in between
# Bytes given up without a write succeeding: beyond it, it is not this journal that fills the
# storage, and giving up more would lose frames for nothing.
_MAX_IN_VAIN = 65536
MAX_TAIL = 8192  # unflushed bytes of a lane in RAM; reached, they are flushed before their time


class JournalError(Exception):
    """What the storage refused, in one line; the records stay in RAM as long as they fit."""


class Journal:
    """`recover()`, then `begin(session)`, then `append`; delivery reads through `reader.py`.

    quota, segment_size: bytes; flush_ms: the longest that routine records may wait in RAM.
    """

    def __init__(self, storage, quota, segment_size, flush_ms):
        self.storage = storage
        self._quota = quota
        self._segment_size = segment_size
        self._flush_ms = flush_ms
        self._session = None
        self._sequence = 0
        self._due = {}  # lane -> uptime by which its tail must be on the medium
        self._in_vain = 0  # bytes given up since a write succeeded
        self.segments = []  # by sequence
        self.counters = {
            "frames_recovered": 0,
            "frames_journalled": 0,
            "frames_acknowledged": 0,
            "frames_lost": 0,
            "segments_freed": 0,
            "segments_torn": 0,
            "read_errors": 0,
            "write_errors": 0,
            "gaps_forgotten": 0,
            "flushes": 0,
        }
        self._gaps = Gaps(self.counters)

    # Start and end

    def recover(self):
        """Reads what an earlier run left. Returns the number of frames still to be delivered.

        A file that cannot be read now is left alone: the next start may read it. Raises
        StorageError where not even the names can be had."""
        for name in self.storage.names():
            if len(name) != 9 or name[0] not in _THIN_ORDER or not name[1:].isdigit():
                continue
            self._sequence = max(self._sequence, int(name[1:]))
            try:
                segment, torn = seg.recover(self.storage, name)
            except port.StorageError:
                self.counters["read_errors"] += 1
                continue
            if torn:
                self.counters["segments_torn"] += 1
            if segment is None:
                self._remove_file(name)
            else:
                self.segments.append(segment)
        self.segments.sort(key=lambda s: s.sequence)
        self.counters["frames_recovered"] = self.frames_left()
        return self.counters["frames_recovered"]

    def begin(self, session):
        """Frames are of `session` from here on. Segments of the session before are closed.

        Raises JournalError where the storage refused; the new session is in force all the same."""
        try:
            self._each(self._close, [s for s in self.segments if not s.closed])
        finally:
            self._session = session

    def close(self):
        """A clean end: all flushed, files without anything undelivered removed."""
        try:
            self._each(self._close, [s for s in self.segments if s.tail or not s.closed])
        finally:
            self._sweep()

    def _each(self, action, segments):
        """`action` for every segment, also when the storage refuses one; that is raised then."""
        refused = None
        for segment in segments:
            try:
                if segment in self.segments:  # making room for one may have cost another
                    action(segment)
            except JournalError as e:
                refused = e
        if refused:
            raise refused

    # Writing

    def append(self, lane, plaintext, now):
        """Seals and keeps one plaintext; returns its frame number.

        Where only more precious lanes are left to make room, the frame is lost at once, as a gap.
        Raises JournalError where the storage refused: the frame is then kept in RAM and tried
        again, up to MAX_TAIL a lane, beyond which the oldest are lost and counted as a gap.
        """
        if len(plaintext) + OVERHEAD > MAX_FRAME:
            # Written, it would be unreadable, and so would all that follows it in its segment.
            raise JournalError("journal: a batch of %d bytes is no frame" % len(plaintext))
        number, frame = self._session.seal(plaintext)
        data = seg.entry(lane, frame)
        self.counters["frames_journalled"] += 1
        if not self._make_room(lane, len(data) + seg.OPENING):
            self._lose(lane, self._session.sid, [number], GAP_FULL)
            return number
        segment = self._active(lane)
        segment.add(number, data)
        self._due.setdefault(lane, now if lane == ALERT else now + self._flush_ms)
        if lane == ALERT or len(segment.tail) >= MAX_TAIL or self._is_complete(segment):
            segment = self._flush(segment)
            if self._is_complete(segment):
                self._close(segment)
        return number

    def _is_complete(self, segment):
        """True when the next frame of its lane begins a new segment."""
        is_large = segment.bytes() >= self._segment_size
        return is_large or len(segment.numbers) >= _MAX_SEGMENT_FRAMES

    def _active(self, lane):
        """The lane's segment that is appended to."""
        for segment in reversed(self.segments):
            if segment.lane == lane and not segment.closed:
                return segment
        return self._new_segment(lane)

    def _new_segment(self, lane):
        self._sequence += 1
        segment = seg.Segment(lane, self._sequence, self._session.sid)
        segment.tail.extend(seg.entry(seg.OPEN_LANE, self._session.open_bytes))
        self.segments.append(segment)
        return segment

    def poll(self, now):
        """Flushes what has waited its time; returns ms until the next flush is due, or None.

        Raises JournalError where the storage refuses; it is tried again a flush time later."""
        wait = None
        refused = None
        for lane in list(self._due):
            left = self._due[lane] - now
            if left > 0:
                wait = left if wait is None else min(wait, left)
                continue
            self._due[lane] = now + self._flush_ms
            try:
                self._each(self._flush, [s for s in self.segments if s.lane == lane and s.tail])
                self._due.pop(lane)
            except JournalError as e:
                refused = e
        if refused:
            raise refused
        return wait

    def flush(self):
        """All that was appended survives a power cut from here on. Raises JournalError."""
        self._each(self._flush, [s for s in self.segments if s.tail])
        self._due.clear()

    def _flush(self, segment):
        """Writes a segment's tail; returns the segment that it is in now. On a failure the tail
        moves into a file of its own, so that nothing ever follows a torn entry."""
        tries = _TRIES
        while True:
            try:
                self.storage.append(segment.name, bytes(segment.tail))
                self.storage.sync(segment.name)
                break
            except port.StorageError as e:
                self.counters["write_errors"] += 1
                self._shut(segment)
                segment = self._move_tail(segment)
                tries -= 1
                may_thin = e.full and tries and self._in_vain < _MAX_IN_VAIN
                freed = self._thin(segment.lane, True) if may_thin else 0
                self._in_vain += freed
                if not freed:
                    self._cap_tail(segment)
                    raise JournalError("journal: %s" % e)
        self.counters["flushes"] += 1
        self._in_vain = 0
        segment.size += len(segment.tail)
        segment.tail = bytearray()
        segment.durable = len(segment.numbers)
        if segment.closed:
            self._shut(segment)
        return segment

    def _move_tail(self, segment):
        """A new segment with what `segment` could not write; its file keeps what it has."""
        self._sequence += 1
        fresh = seg.Segment(segment.lane, self._sequence, segment.sid)
        if segment.durable:
            # A segment with something written and a tail is always of the session in force: its
            # open need not be read back from a storage that fails.
            fresh.tail.extend(seg.entry(seg.OPEN_LANE, self._session.open_bytes))
        fresh.tail.extend(segment.tail)
        fresh.closed = segment.closed
        segment.split(segment.durable, fresh)
        segment.tail = bytearray()
        segment.closed = True
        self.segments.append(fresh)
        if not segment.numbers:
            self._remove(segment)
        return fresh

    def _cap_tail(self, segment):
        """Bounds what waits in RAM while the storage refuses: the oldest frames go, as a gap."""
        count = 0
        offset = seg.OPENING
        while len(segment.tail) - offset > MAX_TAIL and count < len(segment.numbers):
            offset = segment.skip(self.storage, offset)
            count += 1
        if not count:
            return
        gone = segment.unacked()
        kept = seg.Segment(segment.lane, segment.sequence, segment.sid)
        segment.split(count, kept)
        kept.tail = segment.tail[: seg.OPENING] + segment.tail[offset:]
        kept.closed = segment.closed
        self.segments[self.segments.index(segment)] = kept
        self._lose(segment.lane, segment.sid, gone[: len(gone) - kept.left], GAP_WRITE)

    def _close(self, segment):
        """No more appends to it: flushed, and its handle given back."""
        segment.closed = True
        if segment.tail:
            self._flush(segment)
        self._shut(segment)

    def _shut(self, segment):
        try:
            self.storage.close(segment.name)
        except port.StorageError:
            self.counters["write_errors"] += 1

    # Room

    def size(self):
        """Bytes of the quota in use."""
        return sum([s.bytes() for s in self.segments])

    def _make_room(self, lane, size):
        """True when the quota takes so many bytes more of this lane."""
        while self.size() + size > self._quota and self._thin(lane, False):
            pass
        return self.size() + size <= self._quota

    def _thin(self, lane, is_written):
        """Gives up the oldest segment of the least precious lane, but of none that is more precious
        than `lane`; with `is_written` only one that takes space on the storage. Returns the bytes
        it took, 0 when there is none."""
        for candidate in _THIN_ORDER[: _THIN_ORDER.index(lane) + 1]:
            for segment in self.segments:
                if segment.lane != candidate or not (segment.size or not is_written):
                    continue
                self._remove(segment)
                self._lose(candidate, segment.sid, segment.unacked(), GAP_FULL)
                return segment.bytes()
        return 0

    def _lose(self, lane, sid, numbers, reason):
        if numbers:
            self._gaps.add(lane, sid, numbers, reason, self._holds_between)

    def _holds_between(self, lane, sid, first, last):
        """True when frames of the lane from `first` to `last` are still to be delivered."""
        mine = [s for s in self.segments if s.lane == lane and s.sid == sid and s.left]
        return any([first <= n <= last for s in mine for n in s.unacked()])

    def drop(self, segment, index, reason):
        """Gives up the segment's frames from `index` on: the medium no longer gives them back.
        What still waits in RAM behind them moves into a file of its own."""
        if segment.tail and index < segment.durable:
            self._shut(segment)
            self._move_tail(segment)
        lost = seg.Segment(segment.lane, segment.sequence, segment.sid)
        segment.split(index, lost)
        segment.durable = min(segment.durable, index)
        segment.closed = True
        self._shut(segment)
        self._lose(segment.lane, segment.sid, lost.unacked(), reason)
        self._sweep()

    def take_gaps(self):
        """[lane, sid, first, last, reason, count] of what was lost since the last call: all frames
        of that lane and session from `first` to `last` that the room does not hold. Numbers are
        shared by the lanes, so `count` may be less than the span."""
        return self._gaps.take()

    # Delivery

    def holds(self, sid, number):
        """True while the frame is here and not acknowledged."""
        for s in self.segments:
            # The lanes share the numbers: that one lies in a segment's span says nothing yet.
            if s.sid == sid and s.left and s.numbers[0] <= number <= s.numbers[-1]:
                is_here = number in s.unacked()
                if is_here:
                    return True
        return False

    def frames_left(self):
        """Frames that the room has not acknowledged."""
        return sum([s.left for s in self.segments])

    def acknowledge(self, sid, upto, ranges):
        """The room holds all frames of `sid` below `upto`, and the inclusive `ranges`. Frees what
        is covered; returns how many frames that was. Sessions not in the journal are ignored."""
        freed = 0
        for segment in self.segments:
            if segment.left and segment.sid == sid:
                freed += segment.acknowledge(upto, ranges)
        if freed:
            self.counters["frames_acknowledged"] += freed
            self._sweep()
        return freed

    def _sweep(self):
        """Removes files that hold nothing undelivered."""
        for segment in list(self.segments):
            if segment.closed and not segment.left:
                self._remove(segment)
                self.counters["segments_freed"] += 1

    def _remove(self, segment):
        self.segments.remove(segment)
        self._remove_file(segment.name)

    def _remove_file(self, name):
        try:
            self.storage.remove(name)
        except port.StorageError:
            self.counters["write_errors"] += 1
