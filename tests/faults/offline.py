"""Days without a link at 1 Hz, with a quota for one of them: the product's recorder and journal.

    micropython -X heapsize=512K -m tests.faults.offline FOLDER [HOURS]

Runs on both interpreters; under MicroPython it is this program, which measures the heap each hour
and prints one JSON line. `Drive` also tells what was recorded, so that a test can compare it with
what is delivered in the end.
"""

import gc
import json
import sys

from agent import port
from agent.clock import Clock
from agent.comms import unbatch
from agent.comms.journal import Journal
from agent.comms.reader import Reader
from agent.recorder import Recorder
from agent.records import ALERT, CRUMB, EVENT, FINE, GAP, LANES, POSITION
from tests.support.sessions import PlainSession, text

SEGMENT = 16384
FLUSH_MS = 10000
# Bytes that 24 h of it need, and no hour more: with the shares that alerts and breadcrumbs have of
# their own.
QUOTA_DAY = 460000
HOUR = 3600
_ALERT_EVERY = 1200  # s
_CRUMB_EVERY = 60
_SESSION_S = 24 * HOUR


def position(second):
    """A fix of a car that drives through a town."""
    speed = 300 + 1000 * (second // 7 % 5) // 4 + second * 7 % 13
    lat, lon = 33990000 + 118 * (second % 9000) + second % 3, -6849800 - 60 * (second % 7000)
    heading = (second * 31 + second // 60 * 900) % 36000
    return (POSITION, 1000 * second, lat, lon, 7500 + second % 40, speed, heading, 9, 0x5D)


class Drive:
    """`hour()` after `hour()`; then `deliver()`."""

    def __init__(self, storage, quota):
        self.journal = Journal(storage, quota, SEGMENT, FLUSH_MS)
        self.journal.recover()
        self._storage = storage
        self.sessions = []
        self.lanes = {ALERT: 0, CRUMB: 0, FINE: 0}  # records of each
        self._begin()
        self.recorder = Recorder(self.journal, Clock())
        self.second = 0

    def _begin(self):
        self.sessions.append(PlainSession(f"session {len(self.sessions)}"))
        self.journal.begin(self.sessions[-1])

    def _add(self, lane, record):
        self.recorder.add(lane, record, 1000 * self.second)
        self.lanes[lane] += 1

    def hour(self):
        """3,600 seconds of it."""
        for _ in range(HOUR):
            if self.second and self.second % _SESSION_S == 0:
                self.recorder.close_all(1000 * self.second)
                self._begin()
            here = position(self.second)
            self._add(FINE, here)
            if self.second % _CRUMB_EVERY == 0:
                self._add(CRUMB, here)
            if self.second % _ALERT_EVERY == 0:
                self._add(ALERT, (EVENT, 1000 * self.second, 3, self.second % 2))
            if self.second % 5 == 0:
                self.recorder.poll(1000 * self.second)
                self.journal.poll(1000 * self.second)
            self.second += 1

    def deliver(self, take):
        """The link is there: take(lane, sid, number, records) for each frame, until all that there
        is has been acknowledged."""
        now = 1000 * self.second
        self.recorder.is_online = True
        self.recorder.close_all(now)
        self.recorder.poll(now)
        for lane, _ in LANES:
            reader = Reader(self.journal, lane)
            while True:
                found = reader.next()
                if found is None:
                    break
                segment, number, frame = found
                take(lane, segment.sid, number, unbatch.decode(text(frame)))
        for session in self.sessions:
            self.journal.acknowledge(session.sid, session.next_number, [])


def measure(folder, hours):
    """What a day's journal and three days' cost in RAM."""
    drive = Drive(port.Storage(folder), QUOTA_DAY)
    heap = []
    for _ in range(hours):
        drive.hour()
        gc.collect()
        heap.append(gc.mem_alloc())
    found = {ALERT: 0, CRUMB: 0, FINE: 0}
    gaps = []

    def take(lane, sid, number, records):
        for record in records:
            if record[0] == GAP:
                gaps.append(record)
            elif record[0] == (EVENT if lane == ALERT else POSITION):
                found[lane] += 1

    drive.deliver(take)
    journal = drive.journal
    figures = {
        "heap": heap,
        "recorded": drive.lanes,
        "delivered": found,
        "left": journal.frames_left(),
        "gaps": [[g[2], g[4], g[5], g[6]] for g in gaps],
        "lost": journal.counters["frames_lost"],
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    measure(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 72)
