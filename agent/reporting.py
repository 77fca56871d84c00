"""When a position or a reading is worth a record, and when a batch is to be sent: by profile.

A position is recorded when the profile's time is over, or the car went its distance, or turned by
its angle, or something happened. A reading is recorded at most every so often, by signal. A machine
without I/O: `now` and the fixes' times are uptime in ms.
"""

import math

from agent import signals
from agent.records import (
    HAS_ALT,
    HAS_HEADING,
    HAS_SATS,
    HAS_SPEED,
    HEADING_HELD,
    POSITION,
    VALUE,
)

_STILL = 50  # cm/s: below it a car stands, and its heading is noise
_CM_PER_MICRODEGREE = 11.1195  # of latitude, on a sphere of 6371.0 km
_CRUMB_MS = 60000  # a breadcrumb a minute ...
_CRUMB_CM = 50000  # ... or every 500 m is kept when fine telemetry must go

# Signals by how fast they are worth recording, ms; what is not named is slow.
_FAST = (signals.by_name("speed"), signals.by_name("rpm"))
_MEDIUM = (signals.by_name("load"), signals.by_name("throttle"))

# Columns: name, ms between positions while moving, the same while standing, metres, degrees,
# ms until a batch is sent while connected, ms between readings (fast, medium, slow signals).
PROFILES = (
    ("patrol", 1000, 30000, 150, 30, 5000, (1000, 5000, 30000)),
    ("pursuit", 200, 1000, 25, 10, 1000, (500, 1000, 10000)),
    ("parked", 300000, 300000, 150, 0, 60000, (300000, 300000, 300000)),
    ("event", 200, 1000, 25, 10, 500, (200, 500, 5000)),
)


class Profile:
    """One row of PROFILES, or one of the configuration."""

    __slots__ = ("name", "moving_ms", "still_ms", "distance_cm", "heading", "report_ms",
                 "signals_ms")  # fmt: skip

    def __init__(self, name, moving_ms, still_ms, metres, degrees, report_ms, signals_ms):
        self.name = name
        self.moving_ms = moving_ms
        self.still_ms = still_ms
        self.distance_cm = metres * 100
        self.heading = degrees * 100
        self.report_ms = report_ms
        self.signals_ms = signals_ms


def profiles(extra=()):
    """{name: Profile}: the built-in ones, and `extra` rows of the same columns."""
    found = {}
    for row in list(PROFILES) + list(extra):
        found[row[0]] = Profile(*row)
    return found


def distance_cm(lat1, lon1, lat2, lon2):
    """Flat distance of two near points in micro-degrees: right to 0.1 % within some kilometres.

    The differences are exact integers; a float of 32 bits is enough for the factor."""
    dlat = lat2 - lat1
    dlon = lon2 - lon1
    if dlon > 180000000:
        dlon -= 360000000
    elif dlon < -180000000:
        dlon += 360000000
    x = dlon * math.cos(math.radians(lat1 / 1000000))
    return int(math.sqrt(x * x + dlat * dlat) * _CM_PER_MICRODEGREE)


def turn(a, b):
    """Smallest angle between two headings in centi-degrees."""
    d = abs(a - b) % 36000
    return min(d, 36000 - d)


def position_record(fix, t, quality):
    """The POSITION record of a valid fix, dated `t`."""
    flags = quality
    if fix.alt is not None:
        flags |= HAS_ALT
    if fix.speed is not None:
        flags |= HAS_SPEED
    if fix.heading is not None:
        flags |= HAS_HEADING
        if fix.held:
            flags |= HEADING_HELD
    if fix.sats is not None:
        flags |= HAS_SATS
    return (POSITION, t, fix.lat, fix.lon, fix.alt, fix.speed, fix.heading, fix.sats, flags)


class Reporting:
    """`position` and `value` say whether to record, `is_crumb` which lane a position takes."""

    def __init__(self, profile):
        self._last = None  # the last POSITION record that was recorded
        self._crumb = None  # the last one that was a breadcrumb
        self._values = {}  # signal id -> uptime of its last record
        self._force = False
        self.use(profile)

    def use(self, profile):
        """Another profile is in force from the next fix on."""
        self.profile = profile
        self._force = True

    def event(self):
        """Something happened: the next fix is recorded whatever the profile says."""
        self._force = True

    def position(self, record):
        """True when this POSITION record is to be kept."""
        last = self._last
        if last is None or self._force or self._is_due(last, record):
            self._last = record
            self._force = False
            return True
        return False

    def _is_due(self, last, record):
        profile = self.profile
        speed = record[5]
        is_moving = speed is None or speed >= _STILL
        # Half a typical epoch of tolerance: a rhythm of 1000 ms must not lose every other fix.
        age = record[1] - last[1] + 50
        if age >= (profile.moving_ms if is_moving else profile.still_ms):
            return True
        if profile.distance_cm and (
            distance_cm(last[2], last[3], record[2], record[3]) >= profile.distance_cm
        ):
            return True
        if record[8] & 3 != last[8] & 3:
            return True  # the quality changed
        if profile.heading and is_moving and record[6] is not None and last[6] is not None:
            return turn(record[6], last[6]) >= profile.heading
        return False

    def is_crumb(self, record):
        """True when this recorded position is the breadcrumb of its minute or 500 m."""
        last = self._crumb
        if (
            last is None
            or record[1] - last[1] >= _CRUMB_MS
            or distance_cm(last[2], last[3], record[2], record[3]) >= _CRUMB_CM
        ):
            self._crumb = record
            return True
        return False

    def value(self, signal, raw, t):
        """The VALUE record of a reading when it is due, else None."""
        fast, medium, slow = self.profile.signals_ms
        wait = fast if signal in _FAST else medium if signal in _MEDIUM else slow
        last = self._values.get(signal)
        if last is not None and t - last + 50 < wait:
            return None
        self._values[signal] = t
        return (VALUE, t, signal, raw)
