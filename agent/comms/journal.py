"""The journal: sealed frames on the storage until the room has proved that it holds them.

Each lane has a chain of append-only segment files (`segment.py`). A segment is written by one
session only and never touched after a restart: what a power cut left torn at its end is skipped,
nothing is truncated or rewritten. A file goes when the room's sealed acknowledgements cover every
frame in it, or when the quota makes the oldest of the least precious lane go; that is a gap, and
gaps are reported. Before it goes, the ledger (`ledger.py`) says why. A failed write loses nothing
as long as RAM holds it: what was not yet flushed moves to a new file.

A machine over a `storage` (`agent/port/storage.py`, or a simulated one); time is an argument.
docs/journal.md tells why it is as it is.
"""

from agent import port
from agent.comms import ledger as ledgers
from agent.comms import quota as quotas
from agent.comms import segment as seg
from agent.comms.chains import MAX_TAIL, Chains, JournalError
from agent.comms.quota import MAX_SEGMENTS, THIN_ORDER
from agent.comms.seal import MAX_FRAME, OVERHEAD
from agent.comms.shelf import Shelf
from agent.records import ALERT, GAP_FULL

CURSOR_FRAMES = 64  # acknowledged frames that a restart may send again: it bounds the ledger's wear
LEDGER_MS = 60000  # the longest that the ledger waits with what it knows


class Journal:
    """`recover()`, then `begin(session)`, then `append`; delivery reads through `reader.py`.

    quota, segment_size: bytes; flush_ms: the longest that routine records may wait in RAM; unit:
    bytes that the storage gives at a time.
    """

    def __init__(self, storage, quota, segment_size, flush_ms, unit=1):
        self.storage = storage
        self._quota = quota
        self._unit = unit
        self._segment_size, self._segment_frames = quotas.segment_caps(quota, segment_size, unit)
        self._flush_ms = flush_ms
        self._due = {}  # lane -> uptime by which its tail must be on the medium
        self._ledger_due = None  # uptime by which the ledger must be
        self.counters = {
            "frames_recovered": 0,
            "frames_journalled": 0,
            "frames_acknowledged": 0,
            "frames_lost": 0,
            "frames_cut": 0,
            "frames_never_written": 0,
            "segments_freed": 0,
            "segments_torn": 0,
            "read_errors": 0,
            "write_errors": 0,
            "gaps_forgotten": 0,
            "accounts_forgotten": 0,
            "flushes": 0,
            "ledger_writes": 0,
        }
        self.shelf = Shelf(storage, self.counters, unit)
        self.ledger = ledgers.Ledger(storage, self.counters)
        self._chains = Chains(
            storage, self.shelf, self.counters, self._thin_written, self._lose, self._before_write
        )
        self._unwritten = 0  # frames_never_written when the ledger was last written

    @property
    def segments(self):
        """All segments, by sequence."""
        return self.shelf.segments

    # Start and end

    def recover(self):
        """Reads what an earlier run left. Returns the number of frames still to be delivered.

        A file that cannot be read now is left alone: the next start may read it. Raises
        StorageError where not even the names can be had."""
        from agent.comms.audit import audit  # at a start alone

        names = self.storage.names()
        ruins = []  # names of files that hold nothing to keep
        for name in names:
            if seg.is_name(name, THIN_ORDER):
                self._recover_file(name, ruins)
        self.segments.sort(key=lambda s: s.sequence)
        self.ledger.load(names)
        self._account_for(ruins)
        for account in self.ledger.accounts:
            self.shelf.acknowledge(account.sid, 0, account.settled)
        try:
            audit(self.shelf, self.ledger)
        except port.StorageError:
            self.counters["read_errors"] += 1
        port.forget("agent.comms.audit")
        # Not before it is written down that something of their sessions is lost.
        if ruins and self._save_ledger():
            for name in ruins:
                self._chains.remove_file(name)
        for sid, number in self.ledger.frames():
            self._look_at_reports(sid, (number, number))  # it may never have been written
        for segment in self.segments[:]:
            if not segment.left:
                self._chains.remove(segment)
        self.counters["frames_recovered"] = self.frames_left()
        return self.counters["frames_recovered"]

    def _account_for(self, ruins):
        """The sessions of files that broke as a whole are known, so that their end is told."""
        for name in ruins:
            try:
                sid = seg.session_of(self.storage, name)
            except port.StorageError:
                continue
            if sid is not None:
                self.ledger.account(sid)
                self.ledger.is_dirty = True

    def _recover_file(self, name, ruins):
        self._chains.sequence = max(self._chains.sequence, int(name[1:]))
        try:
            segment, torn = seg.recover(self.storage, name)
        except port.StorageError:
            self.counters["read_errors"] += 1
            return
        if torn:
            self.counters["segments_torn"] += 1
        if segment is None:
            ruins.append(name)
        else:
            self.segments.append(segment)

    def begin(self, session):
        """Frames are of `session` from here on. Segments of the session before are closed.

        Raises JournalError where the storage refused; the new session is in force all the same."""
        before = self._chains.session
        try:
            self._each(self._chains.close, [s for s in self.segments if not s.closed])
        finally:
            self._chains.session = session
            if before is not None:
                self._end(before)
            # On the medium before its first frame: however it ends, the next start tells of it.
            self.ledger.account(session.sid)
            self.ledger.is_dirty = True
            self._save_ledger()
            self.ledger.keep_spare()

    def _end(self, session):
        """The session has used its last number. While something of it waits in RAM for a storage
        that works, a cut would make it untrue: it is then left open, and the next start ends it."""
        if session.next_number and not any([s.tail for s in self.segments if s.sid == session.sid]):
            account = self.ledger.account(session.sid)
            account.end, account.how = session.next_number, ledgers.CLEAN
            self.ledger.is_dirty = True

    def close(self):
        """A clean end: all flushed, files without anything undelivered removed."""
        try:
            self._each(self._chains.close, [s for s in self.segments if s.tail or not s.closed])
        finally:
            if self._chains.session is not None:
                self._end(self._chains.session)
            self._sweep()
            self._save_ledger()

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

        Where the quota has no room that this lane may use, the frame is lost at once, as a gap.
        Raises JournalError where the storage refused: the frame is then kept in RAM and tried
        again, up to MAX_TAIL a lane, beyond which the oldest are lost and counted as a gap.
        """
        if len(plaintext) + OVERHEAD > MAX_FRAME:
            # Written, it would be unreadable, and so would all that follows it in its segment.
            raise JournalError("journal: a batch of %d bytes is no frame" % len(plaintext))
        number, frame = self._chains.session.seal(plaintext)
        data = seg.entry(lane, frame)
        self.counters["frames_journalled"] += 1
        if not self._make_room(lane, len(data)):
            self._lose(lane, self._chains.session.sid, (number, number, 1), GAP_FULL)
            return number
        segment = self._chains.active(lane)
        segment.add(number, data)
        self._due.setdefault(lane, now if lane == ALERT else now + self._flush_ms)
        if lane == ALERT or len(segment.tail) >= MAX_TAIL or self._is_complete(segment):
            segment = self._chains.flush(segment)
            if self._is_complete(segment):
                self._chains.close(segment)
        return number

    def report(self, lane, plaintext, now):
        """Appends the plaintext that tells the room what `take_gaps` and `take_ends` gave. When the
        room has acknowledged that frame they are forgotten; should it be lost, they are given
        again. Raises JournalError as `append` does."""
        session = self._chains.session
        number = session.next_number
        try:
            self.append(lane, plaintext, now)
        finally:
            is_sealed = session.next_number != number
            self.ledger.told((session.sid, number) if is_sealed else None)
            self._look_at_reports(session.sid, (number, number))

    def _is_complete(self, segment):
        """True when the next frame of its lane begins a new segment."""
        return segment.bytes() >= self._segment_size or segment.count >= self._segment_frames

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
                mine = [s for s in self.segments if s.lane == lane and s.tail]
                self._each(self._chains.flush, mine)
                self._due.pop(lane)
            except JournalError as e:
                refused = e
        self._poll_ledger(now)
        if refused:
            raise refused
        return wait

    def _poll_ledger(self, now):
        if not self.ledger.is_dirty:
            self._ledger_due = None
        elif self._ledger_due is None:
            self._ledger_due = now + LEDGER_MS
        elif now >= self._ledger_due:
            self._ledger_due = now + LEDGER_MS
            if self._save_ledger():
                self.ledger.keep_spare()

    def _save_ledger(self):
        """True when it is on the medium. Where that refuses, what it would have said is said less
        exactly after the next start; so nothing else waits for it."""
        if not self.ledger.is_dirty:
            return True
        try:
            self.ledger.save()
            self._unwritten = self.counters["frames_never_written"]
            return True
        except port.StorageError:
            self.counters["write_errors"] += 1
            return False

    def _before_write(self):
        """What is written has higher numbers than what the room had before its time came: without
        the ledger those would look like lost in a power cut."""
        if self.counters["frames_never_written"] != self._unwritten:
            self._save_ledger()

    def flush(self):
        """All that was appended survives a power cut from here on, and what had to go is written
        down. Raises JournalError."""
        self._each(self._chains.flush, [s for s in self.segments if s.tail])
        self._due.clear()
        self._save_ledger()

    # Room

    def size(self):
        """Bytes of the quota in use."""
        return sum(self.shelf.sizes().values())

    def _make_room(self, lane, size):
        """True when the quota takes so many bytes more of this lane. Also where something had to go
        and the ledger cannot be written: then the storage is ill, and RAM holds the frame."""
        while True:
            sizes = self.shelf.sizes()
            more = self._growth(lane, size)
            if not quotas.fits(self._quota, sizes, lane, more):
                lanes = quotas.gives_way(self._quota, sizes, lane, more)
            elif len(self.segments) >= MAX_SEGMENTS and not self._chains.open_one(lane):
                lanes = THIN_ORDER  # many short sessions: it is their number that must be bounded
            else:
                return True
            segment = self._oldest(lanes, False)
            if segment is None:
                return False
            if not self._give_up(segment):
                return True

    def _growth(self, lane, size):
        """What an entry of so many bytes makes the lane's files larger by."""
        segment = self._chains.open_one(lane)
        before = segment.bytes() if segment else 0
        after = before + size + (0 if segment else seg.OPENING)
        return quotas.taken(after, self._unit) - quotas.taken(before, self._unit)

    def _thin_written(self, lane):
        """Makes room on a storage that is full, though the quota is not; returns the bytes."""
        segment = self._oldest(THIN_ORDER[: THIN_ORDER.index(lane) + 1], True)
        return segment.bytes() if segment and self._give_up(segment) else 0

    def _oldest(self, lanes, is_written):
        """The oldest segment of the first of the lanes that has one, with `is_written` one that
        takes space on the storage; or None."""
        for lane in lanes:
            for segment in self.segments:
                if segment.lane == lane and (segment.size or not is_written):
                    return segment
        return None

    def _give_up(self, segment):
        """The segment's frames become a gap. False, and nothing has changed, where the ledger
        cannot be written: what is on the storage must not go without a word."""
        place = self.segments.index(segment)
        span = self.shelf.span(segment)
        gaps, counters = self.ledger.gaps.copy(), dict(self.counters)
        self.shelf.remove(segment)
        self._lose(segment.lane, segment.sid, span, GAP_FULL)
        if segment.size and not self._save_ledger():
            self.segments.insert(place, segment)
            self.ledger.gaps.rows = gaps
            self.counters["frames_lost"] = counters["frames_lost"]
            self.counters["gaps_forgotten"] = counters["gaps_forgotten"]
            return False
        self._chains.remove_file(segment.name)
        return True

    def _lose(self, lane, sid, span, reason):
        """Frames of the lane are in no segment any more; `span` as of `Shelf.span`."""
        if span:
            self.ledger.add_gap(lane, sid, span, reason, self.shelf)
            self._look_at_reports(sid, span)

    def _look_at_reports(self, sid, span):
        """What was told in frames that were lost is to be told again."""
        for report in self.ledger.frames():
            if report[0] == sid and span[0] <= report[1] <= span[1] and not self.holds(*report):
                self.ledger.resolve(sid, 0, [[report[1], report[1]]], None)

    def drop(self, segment, place, reason):
        """Gives up the segment's frames from `place` on: the medium no longer gives them back.
        What still waits in RAM behind them moves into a file of its own."""
        if segment.tail and place < segment.durable:
            self._chains.shut(segment)
            self._chains.move_tail(segment)
        lost = self.shelf.span(segment, place)
        segment.cut(place, self.shelf.index(segment))
        self._chains.shut(segment)
        self._lose(segment.lane, segment.sid, lost, reason)
        self._sweep()

    # What the room must be told

    def take_gaps(self):
        """[lane, sid, first, last, reason, count] of what was lost: all frames of that lane and
        session from `first` to `last` that the room does not hold. Numbers are shared by the lanes,
        so `count` may be less than the span. Each is given once, and again after a restart unless
        it was told (`report`)."""
        return self.ledger.gaps.take()

    def take_ends(self):
        """[(sid, end, how)] of earlier sessions: frames from number `end` on never come any more.
        Given as gaps are."""
        current = self._chains.session.sid if self._chains.session else None
        return [end for end in self.ledger.take_ends() if end[0] != current]

    # Delivery

    def holds(self, sid, number):
        """True while the frame is here and not acknowledged."""
        return self.shelf.holds(sid, number)

    def frames_left(self):
        """Frames that the room has not acknowledged."""
        return sum([s.left for s in self.segments])

    def acknowledge(self, sid, upto, ranges):
        """The room holds all frames of `sid` below `upto`, and the inclusive `ranges`. Frees what
        is covered; returns how many frames that was. Sessions not in the journal are ignored."""
        freed = self.shelf.acknowledge(sid, upto, ranges)
        if freed:
            self.counters["frames_acknowledged"] += freed
            self.ledger.settle(sid, upto, ranges, freed)
            self.ledger.resolve(sid, upto, ranges, ledgers.DONE)
            self._sweep()
            self._forget_tails()
            if self.ledger.freed >= CURSOR_FRAMES:
                self._save_ledger()
        return freed

    def _forget_tails(self):
        """A lane of which the room has all that waits in RAM has nothing to flush."""
        for lane in list(self._due):
            mine = [s for s in self.segments if s.lane == lane and s.tail]
            if not any([s.has_open_tail() for s in mine]):
                self._due.pop(lane)
                for segment in mine:
                    self._chains.forget(segment)

    def _sweep(self):
        """Removes files that hold nothing undelivered."""
        spent = [s for s in self.segments if s.closed and not s.left]
        if spent:
            self._save_ledger()
        for segment in spent:
            self._chains.remove(segment)
            self.counters["segments_freed"] += 1
