"""Whether the car stands, and where: its reported position is then frozen.

In a street with high walls reflections move the position of a parked car by tens to hundreds of
metres. Two witnesses know better than the receiver: the wheels (OBD speed 0) and the ignition
(off). Against a witness it takes more than a displacement to believe that the car moves, because
that is just what reflections look like: the receiver's own speed must say so too, which is measured
by Doppler and hardly suffers from reflections (towing, a ferry). That holds on when the witness
falls silent, as an adapter does that sleeps: whoever drives off has a speed. A position that was
frozen without a witness is let go by displacement alone.
"""

from agent.const import const
from agent.gps.deadreckoning import FRESH_MS
from agent.gps.plane import distance

# A witness must say so for this long, ms: at the halt of a traffic jam the car goes on sooner.
STILL_MS = const(5000)
# Further away than this, cm, for so many fixes in succession: the car moves, or is moved.
_AWAY_CM = const(2500)
AWAY_FIXES = const(3)
# The receiver says that it moves: 7 km/h. Reflections bring a parked receiver to 1 m/s.
_MOVING = const(200)
# Without a witness: so slow (cm/s) for so long (ms) within so many cm. A queue creeps faster.
_GPS_STILL = const(30)
GPS_STILL_MS = const(30_000)
_GPS_STILL_CM = const(1000)
# Without a witness the car may have been moved while GPS was lost for so long, ms.
LOSS_MS = const(60_000)

HELD = const(1)
DISPLACED = const(2)


class Standstill:
    """`feed(fix, ...)` for each valid fix: HELD, DISPLACED (let go just now) or 0.

    anchor: (lat, lon, alt, quality) while the position is frozen, else None; away_cm: how far from
    it the receiver says we are.
    """

    def __init__(self, by_gps):
        """by_gps: without a witness, the receiver's speed near 0 may freeze its position."""
        self.anchor = None
        self.away_cm = 0
        self._by_gps = by_gps
        self._zero = None  # uptime since which the wheels stand; None: they turn
        self._obd_t = None
        self._off = None  # uptime since which the ignition is off
        self._slow = None  # (uptime, lat, lon) since which the receiver says we stand
        self._candidate = None  # (t, lat, lon, alt, quality): the last sound fix
        self._witnessed = False  # the anchor is by a witness
        self._away = self._moving = 0  # fixes in succession
        self._towed_t = None  # uptime of the last fix that moved against a witness
        self._t = None  # of the last fix

    def obd_speed(self, speed, now):
        """The wheels turn with `speed` cm/s."""
        if speed > 0:
            self._zero = self._towed_t = None
            self._let_go()
        elif self._zero is None or now - self._obd_t > FRESH_MS:
            self._zero = now
        self._obd_t = now

    def ignition(self, level, now):
        """True or 1 is on, False or 0 off, None unknown."""
        if level is None or level:
            self._off = None
        elif self._off is None:
            self._off = now

    def feed(self, fix, sound, quality):
        """`sound`: its position may be frozen; `quality` is then the frozen position's."""
        now = fix.t
        since = self._witness(now)
        if self._t is not None and now - self._t > LOSS_MS and since is None:
            self._let_go()
            self._slow = None
        self._t = now
        self._watch_speed(fix, sound)
        if self.anchor is not None:
            self._witnessed = self._witnessed or since is not None
            return self._watch_anchor(fix)
        if sound:
            self._candidate = (now, fix.lat, fix.lon, fix.alt, quality)
        began = self._stands(now, since)
        candidate = self._candidate
        if began is None or candidate is None or candidate[0] < began:
            return 0
        self.anchor = candidate[1:]
        self._witnessed = since is not None
        self._away = self._moving = 0
        self._towed_t = None
        return HELD

    def _witness(self, now):
        """Uptime since which a witness says that the car stands, or None."""
        if self._obd_t is not None and now - self._obd_t <= FRESH_MS:
            if self._zero is None:
                return None
            return self._zero if self._off is None else min(self._zero, self._off)
        return self._off

    def _stands(self, now, since):
        """Since when the car stands, if for long enough, or None."""
        if since is not None:
            begun = since if self._towed_t is None else max(since, self._towed_t)
            return since if now - begun >= STILL_MS else None
        wheels = self._obd_t is not None and now - self._obd_t <= FRESH_MS
        slow = self._slow
        if not self._by_gps or wheels or slow is None:
            return None
        return slow[0] if now - slow[0] >= GPS_STILL_MS else None

    def _watch_speed(self, fix, sound):
        slow = self._slow
        if fix.speed is None or fix.speed > _GPS_STILL or not sound:
            self._slow = None
        elif slow is None or distance(slow[1], slow[2], fix.lat, fix.lon) > _GPS_STILL_CM:
            self._slow = (fix.t, fix.lat, fix.lon)
        is_moving = fix.speed is not None and fix.speed >= _MOVING
        self._moving = self._moving + 1 if is_moving else 0
        if is_moving and self._towed_t is not None:
            self._towed_t = fix.t

    def _watch_anchor(self, fix):
        anchor = self.anchor
        self.away_cm = distance(anchor[0], anchor[1], fix.lat, fix.lon)
        far = self.away_cm > _AWAY_CM
        if self._witnessed and fix.speed is not None and fix.speed < _MOVING:
            far = False
        self._away = self._away + 1 if far else 0
        if self._away >= AWAY_FIXES:
            self._let_go()
            self._slow = None
            self._towed_t = fix.t
            return DISPLACED
        if not self._witnessed and self._moving >= AWAY_FIXES:
            self._let_go()
            self._slow = None
            return 0
        return HELD

    def _let_go(self):
        self.anchor = None
        self._candidate = None
        self._away = 0
