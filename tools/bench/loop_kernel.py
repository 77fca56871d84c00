"""Where a process sleeps in the kernel without wanting to: what holds it that it cannot help.

A read or poll of a terminal, also one that must not wait (VMIN and VTIME 0, O_NONBLOCK, a time-out
of 0), first has the kernel's worker deliver what the other end has written: n_tty_read and
n_tty_poll call flush_work (drivers/tty in Linux), and sleep, uninterruptibly, until a kernel thread
has had a processor. On a machine that others keep busy that takes tens of milliseconds. The process
neither computes then nor waits for a processor itself, so /proc/PID/schedstat does not tell. The
state D and the place in /proc/PID/wchan do: a read that waited for the line to speak would be in
state S.
"""

import threading
import time
from pathlib import Path

PLACE = "__flush_work"
_PERIOD_S = 0.002


class Sampler(threading.Thread):
    """Looks at a process every 2 ms until `stop`. `seen`: [(UNIX time, place)] of those looks that
    found it in state D; a place that the kernel does not tell is "0"."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self._files = Path(f"/proc/{pid}/stat"), Path(f"/proc/{pid}/wchan")
        self._ending = threading.Event()
        self.seen = []

    def run(self):
        stat, place = self._files
        while not self._ending.wait(_PERIOD_S):
            try:
                if stat.read_bytes().rpartition(b") ")[2][:1] == b"D":
                    self.seen.append((time.time(), place.read_text()))
            except OSError:
                return  # it has ended

    def stop(self):
        self._ending.set()
        self.join()

    def held_ms(self, begin, end):
        """ms of the span of UNIX time in which the kernel's worker was waited for: from the first
        look that saw it to the last, and half a period on either side."""
        found = [at for at, place in self.seen if place == PLACE and begin <= at <= end]
        return round((found[-1] - found[0] + _PERIOD_S) * 1000, 1) if found else 0.0

    def total_ms(self):
        return round(sum(place == PLACE for _, place in self.seen) * _PERIOD_S * 1000)
