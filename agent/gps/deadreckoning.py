"""Where the car is while GPS is lost: from the last good fix on, by OBD speed and last heading.

What the wheels measure differs from the way over ground by a factor (tyres, wear, the ECU's
rounding): it is learned from GPS while the car drives fast enough for both to be exact. There is
no gyroscope, so a bend in a tunnel is not seen: the error is taken to grow with the distance, and
reckoning stops before it is worth nothing.
"""

from agent.const import const
from agent.gps.plane import moved

# An OBD speed older than this, ms, is no speed: it is asked for several times a second, and in
# 2 s of hard braking a car loses some 60 km/h.
FRESH_MS = const(2000)
# Reckoning stops after this time or distance: by then a bend not seen is a block's width.
MAX_MS = const(60_000)
MAX_CM = const(50_000)
# The scale is learned above 10 m/s: a km/h of the OBD's rounding is there below 3 %, GPS's noise
# below 1 %.
_LEARN_FROM = const(1000)
# Fix and OBD speed that far apart in time, ms, do not describe the same moment.
_LEARN_WITHIN_MS = const(700)
# Per 10,000. What differs more is slip, a jump or another unit, not a tyre.
_LEARN_BAND = const(1000)
# Samples before the scale is believed, and those after which old ones begin to fade.
LEARNED = const(10)
_FADE = const(512)
# The error of a reckoned position: of the fix it began with, and per cent of the distance.
_ERROR_CM = const(1000)
_ERROR_PERCENT = const(10)
_ERROR_PERCENT_UNLEARNED = const(20)


class DeadReckoner:
    """`obd_speed` and `begin` take the measurements, `at(now)` reckons.

    distance, error_cm: of the position last given, in cm.
    """

    def __init__(self):
        self.distance = 0
        self.error_cm = 0
        self._speed = None  # the last OBD speed, cm/s, and when
        self._speed_t = 0
        self._origin = None  # (t, lat, lon, heading)
        self._way = 0  # cm * ms by the wheels from the origin to the last OBD speed
        self._gps = self._obd = 1  # sums of speeds: their ratio is the scale
        self._samples = 0

    def obd_speed(self, speed, now):
        """The wheels turn with `speed` cm/s at uptime `now`."""
        dt = now - self._speed_t
        if self._speed is None or not 0 <= dt <= FRESH_MS:
            self._origin = None  # a part of the way is missing
        else:
            self._way += (speed + self._speed) * dt // 2
        self._speed = speed
        self._speed_t = now

    def fresh(self, now):
        """The OBD speed of now in cm/s, or None."""
        return self._speed if self._speed is not None and now - self._speed_t <= FRESH_MS else None

    def learned(self):
        return self._samples >= LEARNED

    def scale(self):
        """Way over ground per way by the wheels, times 10,000; 10000 until it is learned."""
        return self._gps * 10000 // self._obd if self.learned() else 10000

    def learn(self, fix):
        """Compare the speeds of a good fix and of the wheels."""
        wheels = self._speed
        if wheels is None or fix.speed is None or abs(fix.t - self._speed_t) > _LEARN_WITHIN_MS:
            return
        if fix.speed < _LEARN_FROM or wheels < _LEARN_FROM:
            return
        if abs(fix.speed - wheels) * 10000 > _LEARN_BAND * wheels:
            return
        if self._samples == 0:
            self._gps = self._obd = 0
        elif self._samples >= _FADE:
            self._samples //= 2
            self._gps //= 2
            self._obd //= 2
        self._samples += 1
        self._gps += fix.speed
        self._obd += wheels

    def begin(self, fix):
        """A good fix: what is reckoned from now on begins here."""
        if self.fresh(fix.t) is None:
            self._origin = None
            return
        self._origin = (fix.t, fix.lat, fix.lon, fix.heading)
        # So that of the stretch between two OBD speeds only what comes after the fix counts.
        self._way = self._speed * (self._speed_t - fix.t)

    def at(self, now):
        """(lat, lon, speed, heading) at uptime `now`, or None: never began, or it is over."""
        origin = self._origin
        speed = self.fresh(now)
        if origin is None or speed is None:
            return None
        t, lat, lon, heading = origin
        scale = self.scale()
        way = max(0, self._way + speed * (now - self._speed_t)) // 1000 * scale // 10000
        if now - t > MAX_MS or way > MAX_CM or (heading is None and way):
            self._origin = None
            return None
        self.distance = way
        percent = _ERROR_PERCENT if self.learned() else _ERROR_PERCENT_UNLEARNED
        self.error_cm = _ERROR_CM + way * percent // 100
        if way:
            lat, lon = moved(lat, lon, way, heading)
        return lat, lon, speed * scale // 10000, heading
