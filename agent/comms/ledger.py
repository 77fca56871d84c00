"""What the journal must still know of frames that it no longer holds.

For each session: which numbers the room has acknowledged, and where it ended; and the gaps. The
ledger is written before a file is removed: nothing leaves the storage before it is written down
why. It is a snapshot of one to three hundred bytes, appended as an entry to a file of its own; the
last sound one counts. A full file is followed by another before it goes, and after a start a new
one is begun, so nothing ever stands behind a torn entry.
"""

from agent import port
from agent.comms import segment as seg
from agent.comms.gaps import DONE, MAX_GAPS, TAKEN, WAITS, Gaps
from agent.comms.intervals import merged, shortened
from agent.const import const

LANE = "c"  # of the files' names and their entries
FILE_BYTES = 4096  # a file is left when it is larger: it is read in one piece
MAX_ACCOUNTS = 64  # sessions; with the following a snapshot stays below a frame's cap
_MAX_DONE = const(8)  # sessions of which nothing is left to do, remembered
_MAX_RANGES = const(24)  # of one session
_MAX_ALL_RANGES = const(96)
_MAX_OLD = const(4)  # files that cannot be removed; the next start finds them
_VERSION = const(1)
# A file whose removal gives a storage that is full the room to write down what else must go.
SPARE = "spare"
_SPARE_BYTES = const(1024)  # a block on either file system, and more than most snapshots
CLEAN = "clean"  # how a session ended: with all its frames on the medium
CUT = "cut"  # by a power cut, or killed: what had not been flushed is lost
# ... and what of it had to be given up since is more than can be listed: nothing of it is left.
GONE = "gone"


class Account:
    """One session. `settled`: numbers that the room has acknowledged, `end`: the first number that
    was never used, as far as can be proved, or None while it runs; `state` as a gap's."""

    __slots__ = ("sid", "settled", "end", "how", "state")

    def __init__(self, sid, settled=(), end=None, how=None, state=WAITS):
        self.sid = sid
        self.settled = [list(r) for r in settled]
        self.end = end
        self.how = how
        self.state = state

    def top(self):
        """The highest number that was acknowledged, or -1."""
        return self.settled[-1][1] if self.settled else -1


def _stored(state):
    """A state as it is kept: what was taken and is in no frame waits again after a start."""
    if state == TAKEN:
        return WAITS
    return list(state) if isinstance(state, tuple) else state


def _restored(state):
    return tuple(state) if isinstance(state, list) else state


class Ledger:
    """`load()` once; `save()` before anything is removed. Both raise StorageError."""

    def __init__(self, storage, counters):
        self._storage = storage
        self._counters = counters
        self.accounts = []  # oldest first
        self.gaps = Gaps(counters)
        self.is_dirty = False
        self.freed = 0  # frames acknowledged since it was saved
        self._sequence = 0
        self._size = None  # of the file that is appended to; None: a new one is begun
        self._old = []  # files that go when a new one is there
        self._has_spare = False

    # On the storage

    def load(self, names):
        """The newest sound snapshot. Files that cannot be read now are left alone."""
        self._has_spare = SPARE in names
        mine = [name for name in names if seg.is_name(name, LANE)]
        mine.sort()
        found = None
        for name in reversed(mine):
            self._sequence = max(self._sequence, int(name[1:]))
            try:
                found = found or self._last_of(self._storage.read(name))
            except port.StorageError:
                self._counters["read_errors"] += 1
                continue
            self._old.append(name)
        if found:
            self.accounts, self.gaps.rows = found

    def _last_of(self, data):
        """What the last sound entry of a file says, or None. Behind one that a flipped bit broke
        the next is looked for."""
        found = None
        at = 0
        while at + seg.ENTRY_HEAD <= len(data):
            head = data[at : at + seg.ENTRY_HEAD]
            end = at + seg.ENTRY_HEAD + int.from_bytes(head[:2], "big")
            is_likely = head[6] == ord(LANE) and end <= len(data)
            parsed = is_likely and seg.parse_entry(head, data[at + seg.ENTRY_HEAD : end])
            found = parsed[1] if parsed else found
            at = end if parsed else at + 1
        return found and parse(found)

    def save(self):
        """Returns when it is on the medium. Raises StorageError."""
        try:
            self._write()
        except port.StorageError as e:
            if not e.full or not self._has_spare:
                raise
            self._has_spare = False
            self._storage.remove(SPARE)
            self._write()

    def keep_spare(self):
        """Makes the spare file where it is missing and there is room."""
        if self._has_spare:
            return
        try:
            self._storage.append(SPARE, bytes(_SPARE_BYTES))
            self._storage.sync(SPARE)
            self._has_spare = True
        except port.StorageError:
            self._counters["write_errors"] += 1
            self._remove(SPARE)
        self._close(SPARE)

    def _write(self):
        data = seg.entry(LANE, port.packb(self._snapshot()))
        is_new = self._size is None or self._size + len(data) > FILE_BYTES
        if is_new:
            if self._size is not None:
                self._old.append(seg.name_of(LANE, self._sequence))
            self._sequence += 1
            self._size = 0
            data += data  # two copies: a bit that flips later must not leave a file without any
        name = seg.name_of(LANE, self._sequence)
        try:
            self._storage.append(name, data)
            self._storage.sync(name)
        except port.StorageError:
            self._size = None
            self._close(name)
            # There is nothing sound in a new one; it would only fill a storage that is full.
            if not is_new or not self._remove(name):
                self._old.append(name)
            raise
        self._close(name)
        self._size += len(data)
        self.is_dirty = False
        self.freed = 0
        self._counters["ledger_writes"] += 1
        if is_new:
            self._old = [old for old in self._old if not self._remove(old)][-_MAX_OLD:]

    def _remove(self, name):
        """True when the file is gone."""
        try:
            self._storage.remove(name)
            return True
        except port.StorageError:
            self._counters["write_errors"] += 1
            return False

    def _close(self, name):
        try:
            self._storage.close(name)
        except port.StorageError:
            self._counters["write_errors"] += 1

    def _snapshot(self):
        ranges = sum([len(a.settled) for a in self.accounts])
        most = _MAX_RANGES if ranges <= _MAX_ALL_RANGES else _MAX_ALL_RANGES // MAX_ACCOUNTS
        accounts = []
        for a in self.accounts:
            settled = shortened(a.settled[:], most)
            accounts.append([a.sid, settled, a.end, a.how, _stored(a.state)])
        return [_VERSION, accounts, [gap[:6] + [_stored(gap[6])] for gap in self.gaps.rows]]

    # What it knows

    def account(self, sid):
        """The session's Account; made where there is none."""
        for account in self.accounts:
            if account.sid == sid:
                return account
        account = Account(sid)
        self.accounts.append(account)
        self._forget()
        return account

    def _forget(self):
        """Keeps the list short: first what is done, beyond MAX_ACCOUNTS what is oldest."""
        done = [a for a in self.accounts if a.state == DONE]
        for account in done[: max(0, len(done) - _MAX_DONE)]:
            self._drop(account)
        while len(self.accounts) > MAX_ACCOUNTS:
            self._drop(self.accounts[0])
            self._counters["accounts_forgotten"] += 1

    def _drop(self, account):
        self.accounts.remove(account)
        rows = self.gaps.rows
        self.gaps.rows = [g for g in rows if g[1] != account.sid or g[6] != DONE]

    def settle(self, sid, upto, ranges, freed):
        """The room has acknowledged these, and `freed` frames of the journal with them."""
        account = self.account(sid)
        below = [[0, upto - 1]] if upto else []
        account.settled = shortened(merged(account.settled, below, ranges), _MAX_RANGES)
        self.freed += freed
        self.is_dirty = True

    def add_gap(self, lane, sid, span, reason, shelf):
        """A gap as of `Gaps.add`. Where there are too many, a session of which the journal has
        nothing more takes one number in place of its gaps: all from there on is lost, as far as it
        has not arrived."""
        rows = self.gaps.rows
        if len(rows) >= MAX_GAPS and not any([gap[6] == DONE for gap in rows]):
            self._fold(sid, shelf)
        self.gaps.add(lane, sid, span, reason, shelf.has_between)
        self.is_dirty = True

    def _fold(self, but, shelf):
        here = set([segment.sid for segment in shelf.segments])
        for account in self.accounts:
            mine = self.gaps.of(account.sid)
            if mine and account.end is not None and account.sid != but and account.sid not in here:
                self.gaps.rows = [gap for gap in self.gaps.rows if gap[1] != account.sid]
                first = account.settled[0] if account.settled else (0, -1)
                account.end = 0 if first[0] else first[1] + 1
                account.how, account.state = GONE, WAITS
                return

    # Telling the room

    def told(self, state):
        """What was taken is in this frame, (sid, number); with None in none: it waits again."""
        for gap in self.gaps.rows:
            if gap[6] == TAKEN:
                gap[6] = state
        for account in self.accounts:
            if account.state == TAKEN:
                account.state = state
        self.is_dirty = True

    def take_ends(self):
        """[(sid, end, how)] of the sessions whose end is to be told; they count as taken."""
        found = []
        for account in self.accounts:
            if account.end is not None and account.state is WAITS:
                account.state = TAKEN
                found.append((account.sid, account.end, account.how))
        return found

    def resolve(self, sid, upto, ranges, outcome):
        """Frames of the session came to their end: what was told in them is DONE, or WAITS again
        when they are lost."""
        for gap in self.gaps.rows:
            if _is_in(gap[6], sid, upto, ranges):
                gap[6] = outcome
                self.is_dirty = True
        for account in self.accounts:
            if _is_in(account.state, sid, upto, ranges):
                account.state = outcome
                self.is_dirty = True

    def frames(self):
        """(sid, number) of the frames in which something was told that is not done."""
        states = [gap[6] for gap in self.gaps.rows] + [a.state for a in self.accounts]
        return [state for state in states if isinstance(state, tuple)]


def _is_in(state, sid, upto, ranges):
    if not isinstance(state, tuple) or state[0] != sid:
        return False
    number = state[1]
    return number < upto or any([first <= number <= last for first, last in ranges])


def parse(data):
    """(accounts, gap rows) of a snapshot's bytes, or None where it is none of this version."""
    try:
        version, accounts, rows = port.unpackb(data)
        if version != _VERSION:
            return None
        found = [Account(a[0], a[1], a[2], a[3], _restored(a[4])) for a in accounts]
        return found, [row[:6] + [_restored(row[6])] for row in rows]
    except (ValueError, TypeError, IndexError):
        return None
