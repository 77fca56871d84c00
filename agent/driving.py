"""How the car is driven: too fast, braked, accelerated or cornered hard, stopped by something.

In: every POSITION record, and the speed that the car's own computer tells (OBD), which is preferred
while it is fresh: it knows of wheels, not of satellites. Out: events `(name, t, peak, ms, extra)`:

    overspeed            peak cm/s, ms above the limit, the limit in cm/s
    harsh_braking        peak cm/s² along the way, ms, speed in cm/s when it began
    harsh_acceleration   the same
    harsh_cornering      peak cm/s² sideways, ms, speed in cm/s when it began
    collision            peak cm/s² along the way, ms that the fall took, speed in cm/s before it

`t` is the uptime at which it began. All but a collision are told when they are over, or have lasted
`_LONGEST_MS`: peak and length are known then. A rate is an average over about a second, because
the speed of OBD comes in steps of 1 km/h (28 cm/s) and a receiver's once a second.
"""

from agent.const import const
from agent.records import HEADING_HELD, QUALITY_MASK

_GOOD = const(1)
FRESH_MS = 2000  # a speed by OBD that is older leaves the word to the receiver
_LONGEST_MS = const(
    60000
)  # what lasts longer is told in pieces of a minute: somebody may be waiting

# Rates are measured against the youngest sample that is at least _BASE_MS old: one step of OBD's
# speed is then 0.35 m/s² at most. None is older than _SPAN_MS, so a gap gives no rate.
_BASE_MS = const(800)
_SPAN_MS = const(2500)
_SAMPLES = const(
    16
)  # of speed that are kept, at least _SPACING_MS apart: more than _BASE_MS at any rate
_SPACING_MS = const(100)
# A fall is measured over less than _BASE_MS, too, and then it looks steep when an answer of OBD
# came late and the next one early: so much is added to the time.
_JITTER_MS = const(100)

BRAKING = 400  # cm/s²: traffic stops with 3.4 (road design's comfortable deceleration) or less
ACCELERATION = 350  # cm/s²: an ordinary car's full throttle
CORNERING = 450  # cm/s²: half of what tyres hold on a dry road; ordinary driving is below 3
_OVER = const(139)  # cm/s (5 km/h) above the limit: what a speedometer may be wrong by
_TURN_SPEED = const(400)  # cm/s: below it a receiver's heading is noise

# A collision: faster than tyres can stop a car (about 1 g = 981 cm/s²), by 22 km/h and more: what
# opens an airbag is some 20.
_COLLISION = 1200  # cm/s²
COLLISION_FALL = 600  # cm/s
_FALL_MS = const(1500)  # the fall takes no longer ...
_FALL_MIN_MS = const(150)  # ... and is not measured over less: two answers may come close together
_CONFIRM_MS = const(1500)  # the longest that the second witness is waited for
_WITNESS_MS = const(500)  # so long after the fall the receiver's speed must know of it

# Columns: name, begins at (None: at the limit), ends below per cent of it, ms that it must last,
# ms below before it is over (two pushes on a pedal are one event).
EPISODES = (
    ("overspeed", None, 97, 3000, 2000),
    ("harsh_braking", BRAKING, 70, 0, 1000),
    ("harsh_acceleration", ACCELERATION, 70, 0, 1000),
    ("harsh_cornering", CORNERING, 70, 0, 1000),
)


class Episode:
    """A row of EPISODES under way: from when a value rises to when it has been low for a while."""

    __slots__ = ("name", "on", "off", "_row", "_since", "_until", "_peak", "_extra")

    def __init__(self, row):
        self.name = row[0]
        self._row = row
        self._since = None
        self.set(row[1])

    def set(self, on):
        """It begins at this value from now on; 0 or None: never."""
        self.on = on
        self.off = on * self._row[2] // 100 if on else 0

    def feed(self, value, began, t, extra):
        """The value of the time from `began` to `t`. The event that is over by it, or None."""
        if self._since is None:
            if self.on and value >= self.on:
                self._since, self._until, self._peak, self._extra = began, t, value, extra
            return None
        if t - self._until > _SPAN_MS:  # nothing was heard for a while: it ended back then
            done = self.end()
            self.feed(value, began, t, extra)
            return done
        if self.on and value >= self.off:
            self._until = t
            self._peak = max(self._peak, value)
            return self.end() if t - self._since >= _LONGEST_MS else None
        return self.end() if t - self._until >= self._row[4] else None

    def end(self):
        """The event of what is under way, or None when there is nothing or it was too short."""
        if self._since is None:
            return None
        since, self._since = self._since, None
        lasted = self._until - since
        if lasted < self._row[3]:
            return None
        return (self.name, since, self._peak, lasted, self._extra)

    def is_silent(self, now):
        """True when it is under way and nothing was heard of it for too long."""
        return self._since is not None and now - self._until > _SPAN_MS


class Driving:
    """`feed_position`, `feed_speed` and `poll` return lists of events (see above)."""

    def __init__(self):
        self.counters = {"collisions_denied": 0}
        for row in EPISODES:
            self.counters[row[0]] = 0
        self.counters["collision"] = 0
        self._episodes = tuple([Episode(r) for r in EPISODES])
        self._over, self._brake, self._accelerate, self._corner = self._episodes
        self._limit = 0
        self._speeds = []  # (t, cm/s) of one source, the oldest first
        self._is_obd = False  # which source that is
        self._obd_at = None  # uptime of OBD's last speed
        self._gps = None  # (t, cm/s) of the last good fix
        self._headings = []  # (t, centi-degrees) of good fixes while driving
        self._fall = None  # a collision that is not confirmed yet: (t, peak, began, before)

    def set_limit(self, limit):
        """Speed limit in cm/s, 0 for none: the zone's, else the profile's. Another limit ends an
        overspeed that is under way: list of events."""
        if limit == self._limit:
            return []
        done = self._over.end()
        self._limit = limit
        self._over.set(limit + _OVER if limit else 0)
        return self._told([done])

    def feed_speed(self, speed, t):
        """A speed by OBD in cm/s, at uptime `t`."""
        if self._obd_at is not None and t <= self._obd_at:
            return []
        self._obd_at = t
        if not self._is_obd:
            self._is_obd = True
            self._speeds = []  # two sources differ: their difference is no acceleration
        return self._told(self._take(speed, t))

    def feed_position(self, record):
        """A POSITION record, of every fix."""
        t, speed, heading, flags = record[1], record[5], record[6], record[8]
        if speed is None or flags & QUALITY_MASK != _GOOD:
            self._headings = []
            return []
        if self._gps is not None and t <= self._gps[0]:
            return []
        self._gps = (t, speed)
        found = self._judge(t, speed) if self._is_obd else []
        if self._obd_at is None or t - self._obd_at > FRESH_MS:
            if self._is_obd:
                self._is_obd = False
                self._speeds = []
            found = found + self._take(speed, t)
        return self._told(found + self._turn(t, speed, heading, flags))

    def poll(self, now):
        """For what ends by silence; once a second is often enough."""
        found = None
        for episode in self._episodes:
            if episode.is_silent(now):
                found = found or []
                found.append(episode.end())
        if self._fall and now - self._fall[0] > _CONFIRM_MS:
            found = (found or []) + self._unheard()
        return self._told(found) if found else []

    def flush(self):
        """Ends what is under way: at a stop."""
        found = [e.end() for e in self._episodes]
        if self._fall:
            found += self._unheard()
        return self._told(found)

    def _told(self, events):
        found = [event for event in events if event is not None]
        for event in found:
            self.counters[event[0]] += 1
        return found

    # Along the way

    def _take(self, speed, t):
        """A sample of the speed that is preferred now. Events, among them None."""
        speeds = self._speeds
        if speeds and t - speeds[-1][0] > _SPAN_MS:
            speeds = self._speeds = []
        found = [self._over.feed(speed, t, t, self._limit)] + self._fell(speed, t)
        base = _base(speeds, t)
        if base is not None:
            began, before = base
            rate = (speed - before) * 1000 // (t - began)
            found.append(self._brake.feed(-rate, began, t, before))
            found.append(self._accelerate.feed(rate, began, t, before))
        _add(self._speeds, t, speed)
        return found

    def _fell(self, speed, t):
        """Looks for a collision in a new sample of speed."""
        if self._fall:
            return self._doubt(speed, t)
        for began, before in self._speeds:
            took = t - began
            if before - speed >= COLLISION_FALL and _FALL_MIN_MS <= took <= _FALL_MS:
                rate = (before - speed) * 1000 // (took + (_JITTER_MS if self._is_obd else 0))
                if rate >= _COLLISION and (self._fall is None or rate > self._fall[1]):
                    self._fall = (t, rate, began, before)
        return []

    def _doubt(self, speed, t):
        """The samples after a fall: one that is high again means that the fall was an error. One
        that is low confirms it, unless a receiver is at hand that can (`_judge`)."""
        fell, _, _, before = self._fall
        if before - speed < COLLISION_FALL:
            return self._deny()
        has_witness = self._is_obd and self._gps is not None and fell - self._gps[0] < FRESH_MS
        if has_witness and t - fell < _CONFIRM_MS:
            return []
        return [self._confirm()]

    def _judge(self, t, speed):
        """The receiver's word on a fall of OBD's speed: wheels that lock or an answer that is wrong
        do not stop a car."""
        if self._fall is None or t - self._fall[0] < _WITNESS_MS:
            return []
        if self._fall[3] - speed < COLLISION_FALL:
            self._speeds = []  # the same fall is not found again
            return self._deny()
        return [self._confirm()]

    def _unheard(self):
        """Nothing came after a fall. OBD's last word is believed: what breaks a car breaks lines. A
        receiver's is not: a reflection looks the same, and after it the fixes are not good."""
        return [self._confirm()] if self._is_obd else self._deny()

    def _deny(self):
        self._fall = None
        self.counters["collisions_denied"] += 1
        return []

    def _confirm(self):
        t, rate, began, before = self._fall
        self._fall = None
        self._speeds = []  # the same fall is not found again
        return ("collision", began, rate, t - began, before)

    # Sideways

    def _turn(self, t, speed, heading, flags):
        """Sideways acceleration is speed times rate of heading."""
        headings = self._headings
        if heading is None or flags & HEADING_HELD or speed < _TURN_SPEED:
            self._headings = []
            return []
        base = _base(headings, t)
        found = []
        if base is not None:
            # Centi-degrees a ms to radians a second: 1000 * pi / 18000 = 0.1745.
            turned = abs(heading - base[1]) % 36000
            turned = min(turned, 36000 - turned)
            if self._is_obd and self._speeds:
                speed = self._speeds[-1][1]
            rate = speed * turned * 1745 // ((t - base[0]) * 10000)
            found.append(self._corner.feed(rate, base[0], t, speed))
        _add(headings, t, heading)
        return found


def _add(samples, t, value):
    if not samples or t - samples[-1][0] >= _SPACING_MS:
        samples.append((t, value))
        if len(samples) > _SAMPLES:
            samples.pop(0)


def _base(samples, t):
    """The youngest sample that a rate can be measured against, or None."""
    for i in range(len(samples) - 1, -1, -1):
        age = t - samples[i][0]
        if age >= _BASE_MS:
            return samples[i] if age <= _SPAN_MS else None
    return None
