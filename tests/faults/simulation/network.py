"""Connections over a network that loses, delays, stalls and forgets.

A `Line` is one TCP connection: what goes in at one end comes out at the other in its order, later,
or not at all. Two lines know nothing of each other: what a dead one still carries may arrive after
what was sent over its successor.
"""

CLIENT, BROKER = 0, 1  # the two ends of a line
_OTHER = (BROKER, CLIENT)


class Route:
    """The way between a party and the broker, with what is wrong with it at the moment."""

    def __init__(self, scheduler, latency, jitter, bandwidth):
        """latency, jitter: ms one way; bandwidth: bytes a ms."""
        self._scheduler = scheduler
        self.latency = latency
        self.jitter = jitter
        self.bandwidth = bandwidth
        self.is_down = False  # nobody gets through, connections are cut
        self.stalled_until = 0
        self.slow = 1  # times the delay, and the bandwidth divided by it
        self.lines = []  # that are open at either end

    def heal(self):
        self.is_down = False
        self.stalled_until = self._scheduler.now
        self.slow = 1

    def delay(self, size):
        """ms that this many bytes take now."""
        ms = self.latency + self._scheduler.random.randrange(self.jitter + 1)
        ms = (ms + size // self.bandwidth) * self.slow
        return max(ms, self.stalled_until - self._scheduler.now)

    def cut(self):
        """Connections end; what is on its way is lost from some point on."""
        for line in list(self.lines):
            line.reset()

    def darken(self, ends=(CLIENT, BROKER)):
        """Connections go half-open: nothing sent by these ends arrives any more, nobody is told."""
        for line in self.lines:
            for end in ends:
                line.is_dark[end] = True


class Line:
    """`deliver[end](message)` and `ended[end](cause)` are set by who holds the end."""

    def __init__(self, scheduler, route):
        self._scheduler = scheduler
        self._route = route
        self.is_open = [True, True]
        self.is_dark = [False, False]  # nothing sent by that end arrives
        self.deliver = [None, None]
        self.ended = [None, None]
        self._last = [0, 0]  # when the newest of what an end sent arrives
        self._lost_from = None  # what was sent after this time never arrives
        self.sent_at = [scheduler.now, scheduler.now]  # when an end last sent something
        self.heard_at = [scheduler.now, scheduler.now]  # when an end last got something
        route.lines.append(self)

    def send(self, end, message, size):
        """Into the line at this end."""
        if not self.is_open[end]:
            return
        self.sent_at[end] = self._scheduler.now
        if self.is_dark[end] or self._lost_from is not None:
            return
        # A ms between two of them keeps their order.
        when = max(self._last[end] + 1, self._scheduler.now + self._route.delay(size))
        self._last[end] = when
        self._scheduler.at(when, self._arrive, _OTHER[end], message, self._scheduler.now)

    def _arrive(self, end, message, sent):
        if not self.is_open[end] or self.is_dark[_OTHER[end]]:
            return
        if self._lost_from is not None and sent >= self._lost_from:
            return
        self.heard_at[end] = self._scheduler.now
        self.deliver[end](message)

    def close(self, end):
        """This end is done with it. What it sent arrives, and then the other end hears of it."""
        if not self.is_open[end]:
            return
        self.is_open[end] = False
        self._tidy()
        if not self.is_dark[end] and self.is_open[_OTHER[end]]:
            when = max(self._last[end] + 1, self._scheduler.now + self._route.delay(40))
            self._scheduler.at(when, self._end, _OTHER[end], "peer")

    def reset(self):
        """Both ends hear of it soon, each for itself, and lose what came late."""
        random = self._scheduler.random
        self._lost_from = self._scheduler.now - random.randrange(200)
        for end in (CLIENT, BROKER):
            if self.is_open[end]:
                self._scheduler.after(random.randrange(100), self._end, end, "network")

    def _end(self, end, cause):
        if self.is_open[end]:
            self.is_open[end] = False
            self._tidy()
            self.ended[end](cause)

    def _tidy(self):
        if not any(self.is_open) and self in self._route.lines:
            self._route.lines.remove(self)
