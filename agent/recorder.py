"""Records become batches, batches become frames in the journal. A machine; time is an argument.

One batch a lane gathers records. It is closed when it is full, and while connected also when the
profile's report interval is over; an alert's at once. Each lane's batches carry the clock's anchor
when it has changed or is old, so that no lane hangs on another lane's frame to be dated.
"""

from agent.comms.batch import Batch
from agent.comms.journal import JournalError
from agent.comms.seal import MAX_FRAME, OVERHEAD
from agent.const import const
from agent.records import ALERT, CRUMB, EVENT, EVENT_CODES, FINE, GAP

_ANCHOR_MS = const(600000)  # an unchanged anchor is repeated in a lane after that long
_LOOK_MS = const(500)  # gaps are looked for so often; looking takes memory
_TELL_MS = const(
    5000
)  # between two reports of gaps: a storage that thins makes one after the other
OFFLINE_MS = 60000  # the longest that a record waits in RAM for company while not connected


class Recorder:
    """`add(lane, record, now)`; `poll(now)`; raises the journal's JournalError."""

    def __init__(self, journal, clock):
        self._journal = journal
        self._clock = clock
        self._batches = {ALERT: Batch(), CRUMB: Batch(), FINE: Batch()}
        self._anchors = {}  # lane -> (the last anchor in it, when)
        self._told = None  # when gaps were last reported
        self._look_at = None  # when there may be gaps to report
        self.records = 0
        self.is_online = False
        self.report_ms = 5000

    def add(self, lane, record, now):
        """Takes a record; True when a frame was written because of it."""
        batch = self._batches[lane]
        if batch.started is None:
            self._add_anchor(lane, batch, now)
        batch.add(record, now)
        self.records += 1
        if lane == ALERT or batch.is_full():
            self._close(lane, now)
            return True
        return False

    def new_session(self):
        """Frames are of another session from here on: each is dated by anchors of its own."""
        self._anchors = {}

    def _add_anchor(self, lane, batch, now):
        anchor = self._clock.anchor
        if anchor is None:
            return
        last = self._anchors.get(lane)
        if last is None or last[0] is not anchor or now - last[1] >= _ANCHOR_MS:
            self._anchors[lane] = (anchor, now)
            batch.add(anchor, now)
            self.records += 1

    def _close(self, lane, now):
        batch = self._batches[lane]
        # The clock may have become known, or better, while the records gathered.
        self._add_anchor(lane, batch, now)
        self._batches[lane] = Batch()
        self._write(lane, batch, now)

    def _write(self, lane, batch, now):
        """A frame of the batch; two where it is too large for one: wild values pack badly."""
        plaintext = batch.encode()
        if len(plaintext) <= MAX_FRAME - OVERHEAD or batch.records == 1:
            self._journal.append(lane, plaintext, now)
            return
        for half in batch.halves():
            self._write(lane, half, now)

    def _tell(self, now):
        """Gaps, and ends of earlier sessions, in a frame of their own. Only while connected: until
        then the journal keeps them, and gaps in a row become one."""
        if not self.is_online or (self._told is not None and now - self._told < _TELL_MS):
            return False
        gaps = self._journal.take_gaps()
        ends = self._journal.take_ends()
        if not gaps and not ends:
            return False
        self._told = now
        batch = Batch()
        self._add_anchor(CRUMB, batch, now)
        for lane, sid, first, last, reason, _ in gaps:
            batch.add((GAP, now, lane, sid, first, last, reason), now)
        for sid, end, how in ends:
            batch.add((EVENT, now, EVENT_CODES["session_end"], sid, end, how), now)
        self.records += batch.records
        self._journal.report(CRUMB, batch.encode(), now)
        return True

    def is_due(self, now):
        """True when `poll` will close a batch now."""
        limit = self.report_ms if self.is_online else OFFLINE_MS
        for lane in (CRUMB, FINE):
            started = self._batches[lane].started
            if started is not None and now - started >= limit:
                return True
        return False

    def poll(self, now):
        """Closes what is due; True when a frame was written. Call it a few times a second."""
        wrote = False
        if self._look_at is None or now >= self._look_at:
            self._look_at = now + _LOOK_MS
            wrote = self._tell(now)
        limit = self.report_ms if self.is_online else OFFLINE_MS
        for lane in (CRUMB, FINE):
            started = self._batches[lane].started
            if started is not None and now - started >= limit:
                self._close(lane, now)
                wrote = True
        return wrote

    def close_all(self, now):
        """All that was recorded is in the journal."""
        refused = None
        try:
            self._tell(now)
        except JournalError as e:
            refused = e
        for lane in (ALERT, CRUMB, FINE):
            if self._batches[lane].started is not None:
                try:
                    self._close(lane, now)
                except JournalError as e:
                    refused = e
        if refused:
            raise refused

    def flush(self, now):
        """All that was recorded is in the journal, and the journal on the medium."""
        try:
            self.close_all(now)
        finally:
            self._journal.flush()
