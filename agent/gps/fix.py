"""Puts sentences of one time stamp together to one Fix (an epoch).

In: rows of nmea.Decoder and the uptime at which they came. Out: one Fix an epoch, as early as it
is certain to be complete.

A cycle is everything a receiver sends for one time stamp. It ends when a sentence with another
time stamp comes, when a sentence type without a time stamp repeats, or when the line falls quiet.
From the cycles seen, it learns which types matter to a fix here (see habits.py), and from then on
the fix is given out at the last of those; what comes of the cycle after that changes nothing any
more.

A sentence without a time stamp is of the cycle under way, but behind a damaged one it may as well
be of the next, whose beginning was lost: it is then left out, up to the next time stamp.

Receivers with a partial first cycle, changed settings or lost sentences are so given one cycle's
delay at worst, and never a wrong or a second fix.

What must be fast is RMC and GGA, on an ESP32: there an object's attributes cost more than anything
else here. So their rows are copied as they come, and a Fix is made once, at the end. Functions are
small, as MicroPython puts the variables of large ones on the heap.
"""

from agent.const import const
from agent.gps.habits import Habits

# As in nmea.py (a test holds them together): MicroPython puts only a file's own constants into the
# code, an imported one is looked up each time.
RMC = const(1)
GGA = const(2)
GNS = const(4)
GLL = const(8)
ZDA = const(16)
VTG = const(32)
GSA = const(64)
NO_FIX = const(0)
ESTIMATED = const(2)

QUALITY_NONE = const(0)
QUALITY_GOOD = const(1)
QUALITY_DEGRADED = const(2)
QUALITY_DEAD_RECKONED = const(3)

DAY_MS = const(86_400_000)
# How long a GSA's mode holds, ms: receivers send it at least every 5 s.
GSA_HOLDS_MS = const(10_000)
_POSITIONS = const(RMC | GGA | GNS)
_FULL = const(GGA | GNS)  # with satellites, HDOP and altitude
_TIMED = const(RMC | GGA | GNS | GLL | ZDA)
# Where a sentence belongs.
_SAME = const(0)
_NEW = const(1)
_STALE = const(2)
_NOWHERE = const(3)
# Fields of the rows of RMC, GGA and GNS, see nmea.py; GLL has the first five.
_STATUS = const(2)
_LAT = const(3)
_LON = const(4)
_SPEED = const(5)  # of RMC
_HEADING = const(6)
_DAY = const(7)
_SATS = const(5)  # of GGA and GNS
_HDOP = const(6)
_ALT = const(7)
_NOTHING = (0, None, NO_FIX, None, None, None, None, None)  # where there was no such sentence


class Fix:
    """One epoch. None is "the receiver did not say"; nothing is ever made up.

    t        uptime ms when the epoch's first sentence came
    utc      ms since 1970, or None while date or time is unknown (in a leap second it repeats)
    tod      ms of the UTC day (to 86400999 in a leap second), or None
    lat, lon micro-degrees      alt  cm above mean sea level     speed  cm/s
    heading  centi-degrees      held True: heading is the last one known, the car stands still
    sats     satellites used    hdop x100    mode  1 none, 2 2D, 3 3D
    valid    the receiver vouches for the position; while False, lat to heading are None
    quality  QUALITY_*          reason  why it is not good: one of quality.REASONS, or None
    """

    __slots__ = (
        "t", "utc", "tod", "lat", "lon", "alt", "speed", "heading", "held", "sats", "hdop", "mode",
        "valid", "quality", "reason",
    )  # fmt: skip

    def __init__(self, t, tod=None):
        self.t = t
        self.utc = None
        self.tod = tod
        self.lat = None
        self.lon = None
        self.alt = None
        self.speed = None
        self.heading = None
        self.held = False
        self.sats = None
        self.hdop = None
        self.mode = 1
        self.valid = False
        self.quality = QUALITY_NONE
        self.reason = None


class _Valid(Fix):
    """A valid fix that holds only what differs from one to the next; the rest is its class's until
    it is assigned.

    MicroPython makes room for an object's attributes in small steps, and that is most of what a Fix
    costs: ten take half as long as fifteen.
    """

    held = False
    mode = 3
    valid = True
    quality = QUALITY_GOOD
    reason = None
    utc = None

    def __init__(self, t, tod):
        self.t = t
        self.tod = tod


class Assembler:
    """`add(row, now, out)` appends the fixes a sentence completes to `out`.

    counters: `epochs` fixes given out; `late` sentences that would have mattered but came after
    their fix was given out; `repeated` sentences of a time stamp that already had that type.
    open: an epoch has begun and was not given out.
    """

    # No properties here: they make MicroPython look for one at each assignment to any attribute of
    # the class, which then takes ten times as long.

    def __init__(self, counters=None):
        self.counters = {} if counters is None else counters
        for name in ("epochs", "late", "repeated"):
            self.counters[name] = 0
        self.open = False
        self._habits = Habits()
        self._need = 0  # by them
        # The cycle
        self._tod = None  # time stamp of the cycle
        self._t = 0  # when it began
        self._before = None  # time stamp of the cycle before
        self._status = NO_FIX  # what its fix came to
        self._seen = 0  # types that came in this cycle, also after its fix was given out
        self._quiet = False  # the line fell quiet: a sentence without time begins a new cycle
        self._damaged = True  # something was lost since the last time stamp, as before the first
        self._adopts = True  # a time stamp may be given to a cycle that has none yet
        # What it says: rows of nmea.decode, the first two void unless their type was seen
        self._rmc = list(_NOTHING)
        self._full = list(_NOTHING)  # GGA or GNS, several as one
        self._gll = None  # status by GLL
        self._first = None  # a GLL, if its position came before RMC's
        self._vtg = None
        self._day = None
        # Its GSA, which may hold for more cycles
        self._gsa_mode = None
        self._gsa_hdop = None
        self._gsa_t = 0
        # The last time known: (utc, t of it)
        self._utc = None
        self._utc_t = 0

    def missing(self):
        """Whether the open epoch may lack a sentence: one that the cycles before taught to wait
        for, or any before they taught that."""
        return self.open and (not self._need or self._need & ~self._seen != 0)

    def quiet(self):
        """The line was silent long enough that the next sentence opens a new cycle."""
        self._quiet = True

    def damaged(self):
        """Something was lost before the next sentence."""
        self._damaged = True

    def close(self, out):
        """Give out the open epoch, if any, complete or not."""
        if self.open:
            self._give(out)

    def add(self, s, now, out):
        """Take one row of nmea.decode or .parse, but none of sky.py's types; append the fixes that
        it completes (0 to 2) to `out`."""
        kind = s[0]
        if not kind & _TIMED:
            is_same = not (self._quiet or self._damaged or kind & self._seen & ~GSA)
        else:
            is_same = s[1] == self._tod and s[1] is not None
            if is_same:
                self._quiet = self._damaged = False  # it was held up, not silent
        if not (is_same and self.open) and not self._belongs(s, now, out):
            return
        if kind == RMC:
            self._day = s[_DAY]
            if self._seen & RMC:
                self._again(s)
            else:
                self._rmc[:] = s
        elif kind & _FULL:
            if self._seen & _FULL:
                self._merge(s)
            else:
                self._full[:] = s
        else:
            self._take(kind, s, now)
        self._seen |= kind
        if not self._need & ~self._seen and self._need and not self._lacks_speed():
            self._give(out)

    # --- cycles ---

    def _belongs(self, s, now, out):
        """Find the cycle of a sentence, open or close one if need be. False: it came too late."""
        kind = s[0]
        place = self._place(kind, s)
        if place == _NEW:
            if self.open:
                self._give(out)
            self._begin(now, s[1] if kind & _TIMED else None)
        elif place == _NOWHERE:
            return False
        elif place == _STALE or not self.open:
            self._after(kind, s, place, now)
            return False
        return True

    def _lacks_speed(self):
        """Whether a valid RMC has no speed and VTG, which may, is still to come."""
        if not self._habits.vtg & ~self._seen or not self._seen & RMC:
            return False
        return self._rmc[_STATUS] and self._rmc[_SPEED] is None

    def _place(self, kind, s):
        """Which cycle a sentence is of that has not the time stamp of the one under way: _SAME,
        _STALE (the one before), _NEW, or _NOWHERE."""
        tod = s[1] if kind & _TIMED else None
        if tod is None:
            # Of the cycle under way, unless that cannot be.
            if self._quiet:
                return _NEW
            if self._damaged:
                return self._uncertain(kind)
            return _NEW if self._seen & kind & ~GSA else _SAME
        if tod == self._tod:
            return _SAME
        if tod == self._before:
            return _STALE
        if self._tod is not None or self._quiet or self._damaged or not self._adopts:
            return _NEW
        if not self.open or self._seen & kind:
            return _NEW
        self._tod = tod  # until now only sentences without time
        return _SAME

    def _uncertain(self, kind):
        """The same for one without time behind damage."""
        self._adopts = False
        if not kind & _TIMED:
            return _NOWHERE
        return _SAME if self._tod is None and self._seen and not self._seen & kind else _NEW

    def _begin(self, now, tod):
        if self._seen:
            self._need = self._habits.learn(self._seen)
        self.open = True
        self._before = self._tod
        self._tod = tod
        self._t = now
        self._seen = 0
        self._adopts = self._quiet or not self._damaged or self._tod is None
        self._quiet = self._damaged = False
        self._gll = self._first = self._vtg = self._day = None

    def _after(self, kind, s, place, now):
        """A sentence that comes after the fix it belongs to was given out."""
        if kind & _POSITIONS:
            repeated = place == _SAME and self._seen & kind
            self.counters["repeated" if repeated else "late"] += 1
        elif kind == GSA:
            self._gsa(s, now)
        elif kind == ZDA and s[2] is not None and self._status and s[1] == self._tod:
            self._utc = s[2] * DAY_MS + s[1]
            self._utc_t = self._t
        if place == _SAME:
            self._seen |= kind

    # --- what the sentences say ---

    def _take(self, kind, s, now):
        """All types but RMC, GGA and GNS."""
        if kind == GSA:
            self._gsa(s, now)
        elif kind == VTG:
            self._vtg = s
        elif kind == GLL:
            if s[_STATUS]:
                self._gll = self._gll or s[_STATUS]
                rmc_has = self._seen & RMC and self._rmc[_LAT] is not None
                if self._first is None and not rmc_has and s[_LAT] is not None:
                    self._first = s
        elif self._day is None:
            self._day = s[2]

    def _again(self, s):
        """One more RMC: the last one decides, but the first position stays."""
        rmc = self._rmc
        lat, lon = rmc[_LAT], rmc[_LON]
        rmc[:] = s
        if lat is not None:
            rmc[_LAT] = lat
            rmc[_LON] = lon

    def _merge(self, s):
        """One more GGA or GNS: it counts as far as it says something. But several talkers may each
        count their own satellites: the most is a lower bound."""
        full = self._full
        if s[_STATUS]:
            full[_STATUS] = s[_STATUS]
        for i in (_LAT, _LON, _HDOP, _ALT):
            if s[i] is not None:
                full[i] = s[i]
        if s[_SATS] is not None and (full[_SATS] is None or s[_SATS] > full[_SATS]):
            full[_SATS] = s[_SATS]

    def _gsa(self, s, now):
        """One GSA a constellation may come: the best mode of a cycle counts."""
        mode = s[1]
        if mode is not None and self._seen & GSA and self._gsa_mode is not None:
            mode = max(mode, self._gsa_mode)
        self._gsa_mode = mode
        self._gsa_hdop = s[2]
        self._gsa_t = now

    def _give(self, out):
        """Make the fix of what came."""
        self.open = False
        full = self._full if self._seen & _FULL else _NOTHING
        row = self._position(full)
        if row is None:
            self._status = NO_FIX
            fix = Fix(self._t, self._tod)
        else:
            fix = _Valid(self._t, self._tod)
            fix.lat = row[_LAT]
            fix.lon = row[_LON]
            fix.alt = full[_ALT]
            self._complete(fix)
        fix.sats = full[_SATS]
        fix.hdop = full[_HDOP]
        if row is not None and full[_HDOP] is None and self._seen & GSA:
            fix.hdop = self._gsa_hdop
        if fix.tod is not None:
            self._date(fix)
        self.counters["epochs"] += 1
        out.append(fix)

    def _position(self, full):
        """The row whose position counts, None if there is no valid one. Sets the status."""
        rmc = self._rmc if self._seen & RMC else _NOTHING
        row = full  # often with more digits than RMC's
        if full[_LAT] is None:
            row = self._first or rmc
        status = full[_STATUS] or self._gll
        if self._seen & RMC:
            status = rmc[_STATUS]
        self._status = status
        if not status or self._tod is None or row[_LAT] is None:
            return None
        return row if row[_LAT] or row[_LON] else None  # 0,0: not initialised yet

    def _complete(self, fix):
        """What there is beside the position; mode and quality where they are not 3D and good."""
        rmc = self._rmc if self._seen & RMC else _NOTHING
        fix.speed = rmc[_SPEED]
        fix.heading = rmc[_HEADING]
        if self._vtg is not None:
            if fix.speed is None:
                fix.speed = self._vtg[1]
            if fix.heading is None:
                fix.heading = self._vtg[2]
        mode = self._gsa_mode
        if mode is None or mode < 2 or self._t - self._gsa_t > GSA_HOLDS_MS:
            mode = 2 if fix.alt is None else 3
        if mode != 3:
            fix.mode = mode
        if self._status == ESTIMATED:
            fix.quality = QUALITY_DEAD_RECKONED

    def _date(self, fix):
        """UTC by the epoch's own date, or carried on from the last one over midnight."""
        tod = fix.tod
        if fix.valid and self._day is not None:
            fix.utc = self._utc = self._day * DAY_MS + tod
            self._utc_t = fix.t
        elif self._utc is not None:
            # The day that brings the time of day nearest to where the uptime says we are.
            expected = self._utc + fix.t - self._utc_t
            fix.utc = tod + (expected - tod + DAY_MS // 2) // DAY_MS * DAY_MS
            if fix.valid:
                self._utc = fix.utc
                self._utc_t = fix.t
