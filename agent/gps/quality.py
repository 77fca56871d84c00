"""Judges fixes: good, degraded, dead-reckoned or none, with the reason.

The parts, each a machine of its own: plausibility (first fixes, jumps, stuck, the wheels' speed),
standstill (the frozen position of a car that stands), deadreckoning (positions while GPS is lost),
timetrust (rollover, steps of the clock). A fix is flagged, never deleted, and moved only to where
the car was when it came to stand; the heading of a standing car is held.

    good           None, or "standing": frozen at a good position
    degraded       the other reasons; "standing" if frozen at a degraded position
    dead-reckoned  "reckoned" by the wheels (made by `poll`), "estimated" by the receiver itself
    none           "no-fix"

Thresholds are proposals of practice, to be tuned on the road.
"""

from agent.const import const
from agent.gps.deadreckoning import DeadReckoner
from agent.gps.fix import (
    QUALITY_DEAD_RECKONED,
    QUALITY_DEGRADED,
    QUALITY_GOOD,
    QUALITY_NONE,
    Fix,
)
from agent.gps.plausibility import (
    JUMP_TELL_CM,
    LOSS_MS,
    SETTLE_EPOCHS,
    Settling,
    SpeedCheck,
    StuckCheck,
    jumped,
)
from agent.gps.standstill import DISPLACED, HELD, Standstill
from agent.gps.timetrust import TRUSTED, TimeTrust

# HDOP x100 above which a position may be off by more than a street's width.
_MAX_HDOP = const(500)
# Three satellites give a position only with an assumed altitude.
_MIN_SATS = const(4)
# A heading is held this long without a valid fix, ms; after that the car may have turned.
HOLD_MS = const(60_000)
# Without a valid fix for so long, ms, GPS is lost: one epoch of 1 Hz was left out.
LOST_MS = const(1500)
# Reckoned fixes come this far apart, ms.
_RECKON_MS = const(1000)
# Events kept until they are taken: each kind comes seconds apart, a reader within a second.
MAX_EVENTS = const(16)

REASON_NO_FIX = "no-fix"
REASON_ESTIMATED = "estimated"  # by the receiver's own dead reckoning
REASON_RECKONED = "reckoned"  # by ours
REASON_STANDING = "standing"  # the position is frozen
REASON_DISPLACED = "displaced"  # it was, until this fix: without the wheels turning
REASON_JUMP = "jump"
REASON_STUCK = "stuck"
REASON_SPEED = "speed"  # GPS and wheels are apart
REASON_MODE = "2d"
REASON_HDOP = "hdop"
REASON_SATS = "satellites"
REASON_SETTLING = "settling"  # first fixes after a start, a loss or a jump
REASONS = (
    REASON_NO_FIX, REASON_ESTIMATED, REASON_RECKONED, REASON_STANDING, REASON_DISPLACED,
    REASON_JUMP, REASON_STUCK, REASON_SPEED, REASON_MODE, REASON_HDOP, REASON_SATS,
    REASON_SETTLING,
)  # fmt: skip
# The position may be off by a street's width, but it is one to freeze.
_COARSE = (None, REASON_MODE, REASON_HDOP, REASON_SATS)

# How often a fix came out so, what was noticed, and `events_lost` (nobody took them).
COUNTERS = (
    "good", "degraded", "reckoned", "none", "held", "displaced", "jumps", "stuck", "speed_apart",
    "rollover", "time_steps", "leap_seconds", "events_lost",
)  # fmt: skip


class Quality:
    """`judge(fix)` completes each fix in place, in order of time; `poll(now)` makes reckoned ones.

    quality.obd_speed(cm_s, now)     each reading of the wheels' speed
    quality.ignition(level, now)     True on, False off, None unknown; at the start and each change
    quality.judge(fix)
    fix = quality.poll(now)          every 50 ms or so
    events = quality.take_events()   [(name, fields ...)]:

    ("gps_jump", metres, t)             no car gets there so fast
    ("gps_displaced", metres, t)        moved without the wheels turning or the ignition on
    ("gps_speed", 1|0, gps, wheels, t)  apart by 15 km/h for 10 s, or again together; cm/s
    ("gps_stuck", 1|0, t)               the wheels turn, the position stays, or moves again
    ("gps_time", kind, t)               "rollover", "step", "leap"

    time: one of timetrust's states, as of the last valid fix; time_trusted: whether it may date
    anything. error_cm: how far the last reckoned fix may be off.
    """

    def __init__(self, counters=None, not_before=None, settle=SETTLE_EPOCHS, hold_by_gps=False):
        """counters: a dict to count in; not_before: UTC ms before which a date is a rollover;
        settle: first fixes to distrust; hold_by_gps: without OBD and ignition a speed near 0 may
        freeze the position (captures are to be read as the receiver said, so not by default)."""
        self.counters = {} if counters is None else counters
        for name in COUNTERS:
            self.counters[name] = 0
        self._time = TimeTrust(not_before)
        self._settling = Settling(settle)
        self._speeds = SpeedCheck()
        self._stuck = StuckCheck()
        self._still = Standstill(hold_by_gps)
        self._reckoner = DeadReckoner()
        self._events = []
        self._last = None  # (t, tod, lat, lon) of the last valid fix, as the receiver said it
        self._heading = None
        self._lost = False  # the receiver says that it has no fix
        self._next = 0  # uptime of the next reckoned fix

    @property
    def time(self):
        return self._time.state

    @property
    def time_trusted(self):
        return self._time.state == TRUSTED

    @property
    def standing(self):
        """The reported position is frozen."""
        return self._still.anchor is not None

    @property
    def error_cm(self):
        return self._reckoner.error_cm

    @property
    def scale(self):
        """Way over ground per way by the wheels, times 10,000."""
        return self._reckoner.scale()

    def obd_speed(self, speed, now):
        """The wheels' speed in cm/s, as measured at uptime `now`."""
        self._still.obd_speed(speed, now)
        self._reckoner.obd_speed(speed, now)

    def ignition(self, level, now):
        self._still.ignition(level, now)

    def take_events(self):
        """What was noticed since the last call."""
        events = self._events
        if events:
            self._events = []
        return events

    def judge(self, fix):
        """Complete `fix` in place."""
        if not fix.valid:
            fix.reason = REASON_NO_FIX
            self._lost = True
            self.counters["none"] += 1
            return
        said = (fix.t, fix.tod, fix.lat, fix.lon)
        self._watch_time(fix)
        fix.reason = self._reason(fix)
        if fix.reason is not None and fix.quality == QUALITY_GOOD:
            fix.quality = QUALITY_DEGRADED
        self._hold(fix)
        if fix.quality == QUALITY_GOOD:
            if fix.reason is None:
                self._reckoner.learn(fix)
            self._reckoner.begin(fix)
        self._last = said
        self._lost = False
        self._next = 0
        self._count(fix)

    def poll(self, now):
        """The reckoned fix that is due while GPS is lost, or None. Its `valid` is True, as of fixes
        that a receiver estimates; it has no time: it is no source for the clock."""
        last = self._last
        if last is None or now < self._next or not (self._lost or now - last[0] > LOST_MS):
            return None
        place = self._reckoner.at(now)
        if place is None:
            return None
        # A steady rhythm, unless we were held up.
        late = now - self._next
        self._next = (self._next if late < _RECKON_MS else now) + _RECKON_MS
        fix = Fix(now)
        fix.lat, fix.lon, fix.speed, fix.heading = place
        fix.held = fix.heading is not None
        fix.valid = True
        fix.quality = QUALITY_DEAD_RECKONED
        fix.reason = REASON_RECKONED
        self._count(fix)
        return fix

    def _count(self, fix):
        quality = fix.quality
        name = "good" if quality == QUALITY_GOOD else "degraded"
        if quality == QUALITY_DEAD_RECKONED:
            name = "reckoned"
        elif quality == QUALITY_NONE:
            name = "none"
        self.counters[name] += 1

    def _tell(self, *event):
        if len(self._events) >= MAX_EVENTS:
            self.counters["events_lost"] += 1
        else:
            self._events.append(event)

    def _watch_time(self, fix):
        told = self._time.feed(fix)
        if told is not None:
            name = {"step": "time_steps", "leap": "leap_seconds"}.get(told, told)
            self.counters[name] += 1
            self._tell("gps_time", told, fix.t)

    def _reason(self, fix):
        """What speaks against the fix, the gravest first, or None; all checks see each fix."""
        last = self._last
        wheels = self._reckoner.fresh(fix.t)
        if last is not None and fix.t - last[0] > LOSS_MS:
            self._settling.restart()
        jump = jumped(last, fix) if last is not None else 0
        if jump:
            self.counters["jumps"] += 1
            if jump >= JUMP_TELL_CM:
                if not self._settling.active:  # else the receiver's filter still converges
                    self._tell("gps_jump", jump // 100, fix.t)
                self._settling.restart()
        if self._stuck.feed(fix, last, wheels):
            self.counters["stuck"] += self._stuck.told
            self._tell("gps_stuck", int(self._stuck.told), fix.t)
        apart, is_new = self._speeds.feed(fix.speed, wheels, fix.t)
        if is_new:
            self.counters["speed_apart"] += self._speeds.told
            self._tell("gps_speed", int(self._speeds.told), fix.speed, wheels, fix.t)
        reason = self._grave(fix, jump, apart)
        unsettled = self._settling.feed(fix, last, reason is None)
        return REASON_SETTLING if reason is None and unsettled else reason

    def _grave(self, fix, jump, apart):
        if fix.quality != QUALITY_GOOD:
            return REASON_ESTIMATED
        if jump:
            return REASON_JUMP
        if self._stuck.told:
            return REASON_STUCK
        if apart:
            return REASON_SPEED
        if fix.mode == 2:
            return REASON_MODE
        if fix.hdop is not None and fix.hdop > _MAX_HDOP:
            return REASON_HDOP
        if fix.sats is not None and fix.sats < _MIN_SATS:
            return REASON_SATS
        return None

    def _hold(self, fix):
        """Freeze the position of a car that stands; hold its heading."""
        still = self._still
        state = still.feed(fix, fix.reason in _COARSE, fix.quality)
        if state == DISPLACED:
            self.counters["displaced"] += 1
            self._tell("gps_displaced", still.away_cm // 100, fix.t)
            fix.reason = REASON_DISPLACED
            if fix.quality == QUALITY_GOOD:
                fix.quality = QUALITY_DEGRADED
        if state == HELD:
            self.counters["held"] += 1
            fix.lat, fix.lon, fix.alt, fix.quality = still.anchor
            fix.reason = REASON_STANDING
            fix.speed = 0
        if fix.heading is not None and (state != HELD or self._heading is None):
            self._heading = fix.heading
        elif self._heading is not None:
            if fix.t - self._last[0] <= HOLD_MS:
                fix.heading = self._heading
                fix.held = True
            else:
                self._heading = None
