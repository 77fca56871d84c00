"""Which way to the network is used: the better one that works, and how it is left and found again.

    uplinks = Uplinks(("wifi", "lte"), {"wifi": 60000, "lte": 180000})
    uplinks.up("wifi", now)               it has an address
    uplinks.down("wifi", "away", now)     it could not, or has lost it
    uplinks.failed("timeout", now)        the link over the one in use came to nothing
    uplinks.worked(now)                   the room has answered over it
    for action, name in uplinks.poll(is_busy, now): ...

Actions: ("start", name), ("stop", name) of a way; ("use", name): the link may connect over it;
("leave", name): what the link has over it is to be dropped. A machine without I/O: the drivers are
the port's, the task is `agent/uplinking.py`. It decides by these rules:

- One way at a time. A second one comes up only while a better one is looked for: two at once cost
  power and heap, and which of them carries what is the network stack's word alone.
- Each way has a back-off of its own, by the cause that ended it; the best that may be tried is.
- A way on which the link fails so many times is left, whatever the driver says of it: an access
  point without a network behind it has an address to give as well.
- Who is on a worse way looks for a better one now and then, and changes when that one has stood
  for a while and nothing is under way. A better one that did not last is looked for ever more
  seldom.
"""

from agent.const import const

# Back-off in ms by cause: (first, longest). What a person has to mend is not asked often.
BACKOFF = {
    "away": (5000, 60000),  # no such network here, out of range
    "lost": (5000, 60000),  # it was up
    "timeout": (10000, 300000),
    "key": (60000, 1800000),  # the access point refuses the key
    "silent": (10000, 300000),  # the modem does not answer
    "reset": (1000, 60000),  # the modem has started anew by itself
    "sim": (60000, 600000),  # there is none
    "pin": (600000, 3600000),  # it is wrong, or missing: only a person can mend that
    "denied": (60000, 1800000),  # the network refuses the SIM
    "dial": (10000, 300000),
    "link": (60000, 900000),  # the link came to nothing over it
    "route": (0, 0),  # it may work, but another way has taken its route
    "fault": (30000, 600000),  # the driver failed
}
# What a failure of the link says about the way: TCP that never comes about may as well be the
# broker's fault, a connection that dies in silence seldom is. What is not here is the broker's.
WEIGHTS = {"network": 1, "timeout": 1, "keepalive": 2, "stalled": 2}
GRACE_MS = 20000  # attempts that fail for less time end no way: a broker starts anew within it
STEADY_MS = 60000  # a way that lasted so long is good: its back-off begins anew
BUSY_MS = const(60000)  # so long a change waits for what is under way
MAX_RETURN_MS = const(3600000)  # the longest between two looks for a better way

BETTER = "better"  # the cause of an end that a better way has made
OFF = "off"
STARTING = "starting"
UP = "up"


class _Way:
    def __init__(self, name, patience):
        self.name = name
        self.patience = patience  # ms from its start to an address
        self.state = OFF
        self.since = 0
        self.until = 0  # it is not started before
        self.failures = 0
        self.cause = None  # of its last end


class Uplinks:
    """`current`: name of the way in use, or None. `counters`: starts, uses, and ends by cause."""

    def __init__(self, names, patience, fails=3, return_ms=300000, hold_ms=10000):
        """names: in order of preference; patience: {name: ms}. fails: weights of failures of the
        link that end a way."""
        self._ways = [_Way(name, patience[name]) for name in names]
        self._fails = fails
        self._failed = 0  # weights, since the room answered over this way
        self._failing_since = None
        self._return_ms = return_ms
        self._hold_ms = hold_ms
        self._return_wait = return_ms
        self._return_at = 0
        self._used_since = 0
        self._way = None
        self._actions = []
        self.counters = {"starts": 0, "uses": 0, "renewed": 0}
        self.causes = {}  # of ends; bounded by BACKOFF's rows

    @property
    def current(self):
        return self._way.name if self._way else None

    def state(self, name):
        """(state, since when, cause of its last end or None)."""
        way = self._named(name)
        return way.state, way.since, way.cause

    # What happens

    def up(self, name, now):
        way = self._named(name)
        if way.state != STARTING:
            return
        way.state = UP
        way.since = now
        if self._way is None:
            self._use(way, now)

    def down(self, name, cause, now):
        way = self._named(name)
        if way.state == OFF:
            return
        was_up = way.state == UP
        self._end(way, cause, now)
        if way is not self._way and was_up and self._way is not None:
            # It had taken the route; whether the one in use has it back nobody tells.
            self.counters["renewed"] += 1
            self._end(self._way, "route", now)

    def failed(self, cause, now):
        """The link's connection over the way in use, or an attempt, has ended."""
        if self._way is None:
            return
        weight = WEIGHTS.get(cause, 0)
        self._failed += weight
        if weight and self._failing_since is None:
            self._failing_since = now
        if self._failed >= self._fails and (weight > 1 or now - self._failing_since >= GRACE_MS):
            self._end(self._way, "link", now)

    def worked(self, now):
        """The room has answered over the way in use."""
        self._failed = 0
        self._failing_since = None
        way = self._way
        if way is None:
            return
        way.until = now  # whatever it was left alone for
        if now - self._used_since >= STEADY_MS:
            way.failures = 0
            if way is self._ways[0]:
                self._return_wait = self._return_ms

    # What to do

    def poll(self, is_busy, now):
        """List of actions to carry out now. is_busy: something is under way that a change of the
        way would delay."""
        for way in self._ways:
            if way.state == STARTING and now - way.since >= way.patience:
                self._end(way, "timeout", now)
        if self._way is None:
            self._seek(now)
        elif self._way is not self._ways[0]:
            self._improve(is_busy, now)
        actions = self._actions
        self._actions = []
        return actions

    def _seek(self, now):
        """No way is in use."""
        for way in self._ways:
            if way.state == UP:  # it was looked for while another was in use that has gone
                self._use(way, now)
                return
        if any([way.state == STARTING for way in self._ways]):
            return
        free = [way for way in self._ways if now >= way.until]
        if not free:
            # Better a way that came to nothing than none: the next failures take their time.
            free = [way for way in self._ways if way.cause in ("link", BETTER)]
            free.sort(key=_until)
        if free:
            self._start(free[0], now)

    def _improve(self, is_busy, now):
        """A worse way is in use."""
        better = self._ways[: self._ways.index(self._way)]
        for way in better:
            if way.state == UP:
                stood = now - way.since
                if stood >= self._hold_ms and (not is_busy or stood >= self._hold_ms + BUSY_MS):
                    old = self._way
                    self._actions.append(("leave", old.name))
                    old.cause = BETTER
                    self._stop(old, now)
                    self._use(way, now)
            if way.state != OFF:
                return
        if now < self._return_at:
            return
        self._return_at = now + self._return_wait
        for way in better:
            if now >= way.until:
                self._start(way, now)
                return

    def _start(self, way, now):
        way.state = STARTING
        way.since = now
        self.counters["starts"] += 1
        self._actions.append(("start", way.name))

    def _stop(self, way, now):
        way.state = OFF
        way.since = now
        self._actions.append(("stop", way.name))

    def _use(self, way, now):
        self._way = way
        self._failed = 0
        self._failing_since = None
        self._used_since = now
        self._return_at = now + self._return_wait
        self.counters["uses"] += 1
        self._actions.append(("use", way.name))

    def _end(self, way, cause, now):
        """It has ended, or is ended: it is left alone for a while."""
        cause = cause if cause in BACKOFF else "fault"
        self.causes[cause] = self.causes.get(cause, 0) + 1
        first, longest = BACKOFF[cause]
        if way is self._way:
            if now - self._used_since >= STEADY_MS:
                way.failures = 0
            elif way is self._ways[0] and len(self._ways) > 1:
                self._return_wait = min(MAX_RETURN_MS, 2 * self._return_wait)
            self._way = None
            self._actions.append(("leave", way.name))
        way.cause = cause
        way.until = now + min(longest, first << min(way.failures, 16))
        if cause != "route":
            way.failures += 1
        self._stop(way, now)

    def _named(self, name):
        for way in self._ways:
            if way.name == name:
                return way
        raise ValueError(name)


def _until(way):
    return way.until
