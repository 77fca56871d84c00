"""A journal's life of some seconds, told the same way each time, on a storage that may fail."""

from agent.comms.journal import Journal, JournalError
from agent.records import ALERT, CRUMB, FINE
from tests.support.sessions import PlainSession, undelivered

FLUSH_MS = 1000
ROOM = 1 << 16


class Story:
    """`play()` it; it may end or fail at any operation. `check` is what must hold afterwards."""

    def __init__(self, disk, name="first"):
        self.disk = disk
        self.name = name
        self.appended = {}  # (sid, number) -> text
        self.lanes = {}  # (sid, number) -> lane
        self.waiting = []  # (key, uptime)
        self.flushed = []
        self.acked = []
        self.errors = 0

    def start(self):
        self.journal = Journal(self.disk, ROOM, 500, FLUSH_MS)
        self.journal.recover()
        self.session = PlainSession(self.name)
        self.try_(self.journal.begin, self.session)

    def try_(self, action, *args):
        """True when the journal did not refuse."""
        try:
            action(*args)
            return True
        except JournalError:
            self.errors += 1
            return False

    def append(self, lane, size, now):
        key = (self.session.sid, self.session.next_number)
        self.appended[key] = b"%d " % key[1] + lane.encode() * size
        self.lanes[key] = lane
        self.waiting.append((key, now))
        if self.try_(self.journal.append, lane, self.appended[key], now) and lane == ALERT:
            self.flushed.append(key)

    def poll(self, now):
        if self.try_(self.journal.poll, now):
            self.flushed += [key for key, t in self.waiting if now - t >= FLUSH_MS]

    def flush(self):
        if self.try_(self.journal.flush):
            self.flushed += [key for key, _ in self.waiting]

    def acknowledge(self, upto, ranges):
        for n in range(upto):
            self.acked.append((self.session.sid, n))
        for first, last in ranges:
            self.acked += [(self.session.sid, n) for n in range(first, last + 1)]
        self.journal.acknowledge(self.session.sid, upto, ranges)

    def play(self):
        self.start()
        for lane, now in ((FINE, 0), (CRUMB, 100), (FINE, 200), (ALERT, 300), (FINE, 400)):
            self.append(lane, 100, now)
        self.poll(1100)
        self.poll(1400)
        self.acknowledge(1, [[3, 3]])
        for now in range(1500, 2500, 200):
            self.append(FINE, 120, now)
        self.append(ALERT, 30, 2500)
        self.acknowledge(4, [[6, 7]])
        self.append(CRUMB, 10, 2600)
        self.poll(3700)
        self.append(FINE, 50, 3800)
        self.append(FINE, 50, 3900)
        self.flush()
        self.append(FINE, 20, 4000)
        self.acknowledge(9, [[12, 13]])
        for now in range(5000, 8000, 300):
            self.append((FINE, FINE, CRUMB)[now // 300 % 3], 90, now)
            self.poll(now)
        self.append(ALERT, 30, 8000)
        self.poll(9000)
        self.append(CRUMB, 20, 9100)

    def check(self, journal):
        """What the journal gives after a power cut is what it may, and all that it must."""
        given = undelivered(journal)
        keys = [(sid, number) for sid, number, _ in given]
        for sid, number, text in given:
            assert self.appended[(sid, number)] == text
        for key in self.flushed:
            assert key in keys or key in self.acked, key
        return keys

    def lost(self):
        """Keys of the frames in the gaps that were reported."""
        found = []
        for lane, sid, first, last, _, count in self.journal.take_gaps():
            keys = [(sid, n) for n in range(first, last + 1) if self.lanes[(sid, n)] == lane]
            missing = [key for key in keys if key not in self.acked]
            assert len(missing) <= count <= len(keys)
            found += missing
        return found
