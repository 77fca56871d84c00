"""How fast the backlog goes: a token bucket, and a window that leaves the link's queue empty.

`Bucket` keeps the backlog to a configured rate. `Window` keeps it out of the way of everything
else: it measures by the PUBACKs how long the link's queue is and lets only so much of the backlog
be under way that an alert never waits behind more than TARGET_MS of it. The method is LEDBAT
(RFC 6817, section 2.4): queueing delay = round trip now - the shortest one known; the window grows
in proportion to what is left to the target and shrinks beyond it. The round trip is used in place
of a one-way delay, as MQTT gives no other; so a queue on the way down slows the backlog, too.
"""

from agent.const import const

TARGET_MS = 15
_SEGMENT = const(1460)  # bytes by which the window grows in a round trip without a queue
_FIRST = const(4 * _SEGMENT)
_LEAST = const(2 * _SEGMENT)  # RFC 6817: MIN_CWND of 2 segments
_MOST = const(1 << 20)
_TRIP_MS = const(100)  # until a round trip is known
_STEP_MS = const(5)  # how often something is sent while the window is spread over the round trip
# The shortest round trip is that of this span and the one before: a handover changes it. At its end
# the backlog pauses until none is under way, so that its own queue does not become the measure.
_BASE_MS = const(60000)


class Bucket:
    """`rate` bytes a second, 0: no limit. A second's worth at most; may be overdrawn by a frame."""

    def __init__(self, rate):
        self._rate = rate
        self._level = 0  # in 1/1000 byte, so that often filled by little is not filled by nothing
        self._at = 0

    def start(self, now):
        """What gathered while there was no connection does not count."""
        self._at = now

    def fill(self, now):
        self._level = min(1000 * self._rate, self._level + self._rate * (now - self._at))
        self._at = now

    def is_open(self):
        return not self._rate or self._level > 0

    def spend(self, count):
        self._level -= 1000 * count

    def wake(self, now):
        """ms until it is open, None when it is."""
        if self.is_open():
            return None
        return max(0, self._at - self._level // self._rate + 1 - now)


class Window:
    """`fill(now)` before `is_open`; `sent` and `acked` for what is of the backlog, `sample` for
    every round trip."""

    def __init__(self):
        self.start(0)

    def start(self, now):
        """A new connection: nothing is known of it."""
        self.size = _FIRST
        self.used = 0
        self.base = None  # the shortest round trip, ms
        self._this = None  # of this span
        self._before = None  # of the span before
        self._span_at = now
        # The queue that stands, not a burst's: the shortest round trips within this one and the
        # one before.
        self._least = [None, None]
        self._trip_at = now
        self._credit = _FIRST
        self._filled = now
        self._is_fast = True  # slow start: doubles in a round trip until a queue is seen
        self._is_pausing = False
        self._shrunk_at = now

    def fill(self, now):
        """Spreads the window over the round trip: sent in one burst, it would be a queue."""
        passed = min(now - self._filled, 1000)
        self._filled = now
        rate = self._rate()
        most = 2 * _STEP_MS * rate
        if self._credit < most:
            self._credit = min(most, self._credit + passed * rate)

    def _rate(self):
        """Bytes in a ms: a window in four fifths of a round trip, so that it can be filled."""
        return max(1, self.size * 5 // (4 * max(1, self.base or _TRIP_MS)))

    def is_open(self):
        return self.used < self.size and self._credit > 0 and not self._is_pausing

    def wake(self, now):
        """ms until it is open by time alone, None where it is, or where only PUBACKs help."""
        if self._credit > 0 or self.used >= self.size or self._is_pausing:
            return None
        return max(_STEP_MS, 1 - self._credit // self._rate())

    def sent(self, count):
        self.used += count
        self._credit -= count

    def acked(self, count, now):
        """So many bytes of the backlog have reached the broker."""
        was_full = 4 * self.used >= 3 * self.size
        self.used = max(0, self.used - count)
        if self._is_pausing:
            # The next round trip is one without a queue of our own making.
            self._is_pausing = self.used > 0
            return
        queue = self.queue()
        if self._is_fast and queue * 4 < TARGET_MS:
            self.size += count if was_full else 0  # what was not used says nothing
        else:
            self._is_fast = False
            self._follow(queue, count if was_full or queue > TARGET_MS else 0, now)
        self.size = max(_LEAST, min(self.size, _MOST))

    def queue(self):
        """ms that the link's queue takes, as far as is known."""
        known = [x for x in self._least if x is not None]
        return min(known) - self.base if known else 0

    def _follow(self, queue, count, now):
        if queue <= 2 * TARGET_MS:
            # RFC 6817: GAIN * off_target * bytes_newly_acked * MSS / cwnd, GAIN 1.
            self.size += (TARGET_MS - queue) * count * _SEGMENT // (TARGET_MS * self.size)
        elif now - self._shrunk_at >= self.base + queue:
            self.size = self.size * 3 // 4  # once in a round trip: what comes in it tells of before
            self._shrunk_at = now

    def sample(self, ms, now):
        """A publish came to the broker and its PUBACK back in so many ms."""
        if now - self._span_at >= _BASE_MS:
            self._span_at = now
            self._before = self._this
            self._this = None
            self._is_pausing = self.used > 0
        self._this = ms if self._this is None else min(self._this, ms)
        self.base = self._this if self._before is None else min(self._this, self._before)
        if now - self._trip_at >= self.base:
            self._trip_at = now
            self._least = [None, self._least[0]]
        self._least[0] = ms if self._least[0] is None else min(self._least[0], ms)
