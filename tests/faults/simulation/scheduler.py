"""Virtual time: one queue of what happens next, one source of chance, one trace.

Nothing in the simulation reads a clock, sleeps, or rolls dice anywhere else. What falls on the same
millisecond happens in an order that the seed decides, so that races are tried both ways. The trace
is a running digest of all that happened: two runs with one digest were the same run.
"""

import heapq
import random
import zlib
from collections import deque

KEPT_LINES = 400  # of the trace, for who reads a failure


class Scheduler:
    """`now`: ms since the world began. `random`: the only chance there is."""

    def __init__(self, seed, echo=None):
        """echo(text): gets every line of the trace as it happens, for a replay."""
        self.now = 0
        self.random = random.Random(seed)
        self.events = 0
        self.lines = deque(maxlen=KEPT_LINES)
        self._digest = 0
        self._queue = []
        self._count = 0
        self._echo = echo

    def at(self, when, call, *arguments):
        """Calls at the time `when`, or now if that is past. Returns what `cancel` takes."""
        self._count += 1
        item = [max(when, self.now), self.random.random(), self._count, call, arguments]
        heapq.heappush(self._queue, item)
        return item

    def after(self, ms, call, *arguments):
        return self.at(self.now + ms, call, *arguments)

    @staticmethod
    def cancel(item):
        if item is not None:
            item[3] = None

    def run(self, until, is_over=None):
        """Runs what is due up to the time `until`, or until `is_over()`; True in the latter case.
        Without it, `now` is `until` afterwards."""
        queue = self._queue
        while queue and queue[0][0] <= until:
            item = heapq.heappop(queue)
            if item[3] is None:
                continue
            self.now = item[0]
            self.events += 1
            item[3](*item[4])
            if is_over is not None and is_over():
                return True
        self.now = until
        return False

    def trace(self, who, what, *details):
        """Notes what happened; details are integers and texts."""
        text = f"{self.now:>9} {who} {what}"
        if details:
            text += " " + " ".join(map(str, details))
        self._digest = zlib.crc32(text.encode(), self._digest)
        self.lines.append(text)
        if self._echo is not None:
            self._echo(text)

    def digest(self):
        """8 hex digits of everything that happened so far."""
        return f"{zlib.crc32(str(self.events).encode(), self._digest):08x}"
