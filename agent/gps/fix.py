"""Puts sentences of one time stamp together to one Fix (an epoch).

In: tuples of nmea.parse and the uptime at which they came. Out: one Fix an epoch, as early as it
is certain to be complete.

A cycle is everything a receiver sends for one time stamp. It ends when a sentence with another
time stamp comes, when a sentence type without a time stamp repeats, or when the line falls quiet.
From the cycles seen, the assembler learns which types matter to a fix here, and from then on gives
the fix out at the last of those; what comes of the cycle after that changes nothing any more:

    RMC, GGA, GNS  waited for if any of the last 16 to 32 cycles had it (some receivers send GGA
                   less often than RMC: waiting loses a moment, not waiting loses the satellites)
    GLL            only if none of those three is sent
    VTG            only if no RMC is sent, or the RMC has no speed
    GSA            if each of those cycles had it (it often comes every fifth second only; its mode
                   then holds for the fixes until the next)
    ZDA            never: the date carries over

Receivers with a partial first cycle, changed settings or lost sentences are so given one cycle's
delay at worst, and never a wrong or a second fix.
"""

try:
    from micropython import const
except ImportError:

    def const(value):
        return value


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
# Cycles after which a type that no longer comes stops being waited for (up to twice as many).
_MEMORY = const(16)
# Cycles watched before anything is given out early; the first may have been joined in the middle.
_WATCH = const(2)
_ALL = const(127)  # types that a fix is made of
_POSITIONS = const(RMC | GGA | GNS)
_FULL = const(GGA | GNS)  # with satellites, HDOP and altitude
_TIMED = const(RMC | GGA | GNS | GLL | ZDA)
# Where a sentence belongs.
_SAME = const(0)
_NEW = const(1)
_STALE = const(2)


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
        "t",
        "utc",
        "tod",
        "lat",
        "lon",
        "alt",
        "speed",
        "heading",
        "held",
        "sats",
        "hdop",
        "mode",
        "valid",
        "quality",
        "reason",
    )

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


class Assembler:
    """`add(sentence, now, out)` appends the fixes a sentence completes to `out`.

    counters: `epochs` fixes given out; `late` sentences that would have mattered but came after
    their fix was given out; `repeated` sentences of a time stamp that already had that type.
    """

    def __init__(self, counters=None):
        self.counters = {} if counters is None else counters
        for name in ("epochs", "late", "repeated"):
            self.counters[name] = 0
        # The cycle
        self._fix = None  # the epoch being put together; None once given out
        self._tod = None  # time stamp of the cycle
        self._t = 0  # when it began
        self._before = None  # time stamp of the cycle before
        self._valid = False  # what its fix came to
        self._seen = 0  # types that came in this cycle, also after its fix was given out
        self._quiet = True  # the line fell quiet: a sentence without time begins a new cycle
        # What it says
        self._rmc = None  # status by RMC, which decides when there is one
        self._other = NO_FIX  # best status by the others
        self._day = None
        self._vtg_speed = None
        self._vtg_heading = None
        self._gsa_mode = None
        self._gsa_hdop = None
        self._gsa_t = 0
        # The last time known: (utc, t of it)
        self._utc = None
        self._utc_t = 0
        # What was learned
        self._need = 0
        self._vtg = 0
        self._cycles = 0
        self._learned = 0  # the last cycle's types, while nothing new can come of the same ones
        self._any = self._any_before = 0
        self._each = self._each_before = _ALL

    @property
    def open(self):
        """True while an epoch has begun and was not given out."""
        return self._fix is not None

    @property
    def missing(self):
        """True while the open epoch may lack a sentence: one that the cycles before taught to wait
        for, or any before they taught that."""
        return self._fix is not None and (not self._need or self._need & ~self._seen != 0)

    def quiet(self):
        """The line was silent long enough that the next sentence opens a new cycle."""
        self._quiet = True

    def close(self, out):
        """Give out the open epoch, if any, complete or not."""
        if self._fix is not None:
            self._give(out)

    def add(self, s, now, out):
        """Take one tuple of nmea.parse; append completed fixes (0 to 2) to `out`."""
        kind = s[0]
        fix = self._fix
        if kind & _TIMED and s[1] == self._tod and s[1] is not None:
            self._quiet = False  # it was held up, not silent
            if fix is None:
                self._after(kind, s, now, _SAME)
                return
        elif kind > _ALL:
            return  # of the sky, see sky.py
        else:
            place = self._place(kind, s)
            if place == _NEW:
                if fix is not None:
                    self._give(out)
                self._begin(now, s[1] if kind & _TIMED else None)
                fix = self._fix
            elif place == _STALE or fix is None:
                self._after(kind, s, now, place)
                return
        # The two types of nearly all receivers here, the others by a call.
        if kind == RMC:
            self._rmc = s[2]
            self._day = s[7]
            if s[2]:
                if fix.lat is None:
                    fix.lat = s[3]
                    fix.lon = s[4]
                fix.speed = s[5]
                fix.heading = s[6]
        elif kind & _FULL:
            # Several talkers may each count their own satellites: the most is a lower bound.
            sats = s[5]
            if sats is not None and (fix.sats is None or sats > fix.sats):
                fix.sats = sats
            if s[6] is not None:
                fix.hdop = s[6]
            if s[2]:
                self._other = s[2]
                if s[3] is not None:  # often with more digits than RMC's
                    fix.lat = s[3]
                    fix.lon = s[4]
                if s[7] is not None:
                    fix.alt = s[7]
        else:
            self._take(kind, s, now)
        self._seen = seen = self._seen | kind
        need = self._need
        if (
            need
            and seen & need == need
            and (fix.speed is not None or not self._vtg & ~seen or not self._rmc)
        ):
            self._give(out)

    # --- cycles ---

    def _place(self, kind, s):
        """Which cycle a sentence is of that has not the time stamp of the one under way:
        _SAME, _STALE (the one before) or _NEW."""
        if not kind & _TIMED:
            # Without a time stamp: of the cycle under way, unless that cannot be.
            return _NEW if self._quiet or (kind == VTG and self._seen & VTG) else _SAME
        tod = s[1]
        if tod is None:
            return _NEW if self._quiet or self._seen & kind else _SAME
        if tod == self._before:
            return _STALE
        if self._tod is None and self._fix and not self._quiet and not self._seen & kind:
            self._tod = self._fix.tod = tod  # until now only sentences without time
            return _SAME
        return _NEW

    def _begin(self, now, tod):
        if self._seen:
            self._learn()
        self._before = self._tod
        self._tod = tod
        self._fix = Fix(now, tod)
        self._t = now
        self._seen = 0
        self._quiet = False
        self._rmc = None
        self._other = NO_FIX
        self._day = None
        self._vtg_speed = self._vtg_heading = None

    def _after(self, kind, s, now, place):
        """A sentence that comes after the fix it belongs to was given out."""
        if kind & _POSITIONS:
            repeated = place == _SAME and self._seen & kind
            self.counters["repeated" if repeated else "late"] += 1
        elif kind == GSA:
            self._gsa(s, now)
        elif kind == ZDA and s[2] is not None and self._valid and s[1] == self._tod:
            self._utc = s[2] * DAY_MS + s[1]
            self._utc_t = self._t
        if place == _SAME:
            self._seen |= kind

    def _learn(self):
        """A cycle is over: work out which types the next one's fix has to wait for."""
        seen = self._seen
        self._cycles += 1
        if self._cycles < _WATCH:
            self._any = seen  # perhaps a part of a cycle only: says what comes, not what does not
            return
        if self._cycles % _MEMORY == 0:
            self._any_before = self._any
            self._each_before = self._each
            self._any = 0
            self._each = _ALL
        elif seen == self._learned:
            return
        self._learned = seen
        self._any |= seen
        self._each &= seen
        got = self._any | self._any_before
        need = got & _POSITIONS
        if not need:
            need = got & GLL
        self._vtg = got & VTG
        if not got & RMC:
            need |= self._vtg
        self._need = need | (self._each & self._each_before & GSA) if need else 0

    # --- what the sentences say ---

    def _take(self, kind, s, now):
        """All types but RMC, GGA and GNS."""
        fix = self._fix
        if kind == GSA:
            self._gsa(s, now)
        elif kind == VTG:
            self._vtg_speed = s[1]
            self._vtg_heading = s[2]
        elif kind == GLL:
            if s[2]:
                if not self._other:
                    self._other = s[2]
                if fix.lat is None:
                    fix.lat = s[3]
                    fix.lon = s[4]
        elif self._day is None:
            self._day = s[2]

    def _gsa(self, s, now):
        """One GSA a constellation may come: the best mode of a cycle counts."""
        mode = s[1]
        if mode is not None and self._seen & GSA and self._gsa_mode is not None:
            mode = max(mode, self._gsa_mode)
        self._gsa_mode = mode
        self._gsa_hdop = s[2]
        self._gsa_t = now

    def _give(self, out):
        fix = self._fix
        self._fix = None
        status = self._other if self._rmc is None else self._rmc
        if fix.tod is None or fix.lat is None or (fix.lat == 0 and fix.lon == 0):
            status = NO_FIX  # 0,0 is what an uninitialised receiver sends
        if status:
            self._valid = fix.valid = True
            if fix.speed is None:
                fix.speed = self._vtg_speed
            if fix.heading is None:
                fix.heading = self._vtg_heading
            if fix.hdop is None and self._seen & GSA:
                fix.hdop = self._gsa_hdop
            mode = self._gsa_mode
            if mode is None or mode < 2 or fix.t - self._gsa_t > GSA_HOLDS_MS:
                mode = 3 if fix.alt is not None else 2
            fix.mode = mode
            fix.quality = QUALITY_DEAD_RECKONED if status == ESTIMATED else QUALITY_GOOD
        else:
            self._valid = False
            fix.lat = fix.lon = fix.alt = fix.speed = fix.heading = None
        if fix.tod is not None:
            self._date(fix)
        self.counters["epochs"] += 1
        out.append(fix)

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
