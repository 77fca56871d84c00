"""When a position or a reading is worth a record, and when a batch is to be sent: by profile.

Positions are kept in one of two ways:

- by rhythm (a profile without an error bound): when the profile's time is over, or the car went
  its distance, or turned by its angle, or something happened;
- by a bound on the error: whoever draws a straight line, in even time, between the positions that
  were kept is at every fix that was not kept within so many cm of it. The method is the opening
  window: fixes gather behind the last kept position for as long as one line to the newest fix
  passes all of them within the bound; the first that breaks it has the fix before it kept, and the
  window opens anew from there. At most `MAX_FIXES` gather, and one position is kept at the latest
  when the profile's standing rhythm is over (the longest silence).

What a bound costs is time: a fix is known to be needed only when a later one breaks the line. Who
hears the agent live draws the car ahead instead: from the last position that came it goes on with
that one's speed and heading (`ahead`). The agent reckons the same, and as soon as that is wrong by
more than `LIVE` times the bound, the newest position is kept and goes out (`poll`), at most once
in a report interval. So a car that drives on steadily, or stands, costs nothing but the longest
silence, and one that brakes or turns is on the map within seconds. Without a connection nobody
waits, and nothing but the bound decides. At an event, a loss of the fix and a stop `flush` keeps
the newest.

A reading is recorded at most every so often, by signal. A machine without I/O: `now` and the fixes'
times are uptime in ms.
"""

import math

from agent import signals
from agent.const import const
from agent.records import (
    HAS_ALT,
    HAS_HEADING,
    HAS_SATS,
    HAS_SPEED,
    HEADING_HELD,
    POSITION,
    QUALITY_MASK,
    VALUE,
)

_STILL = const(50)  # cm/s: below it a car stands, and its heading is noise
_CM_PER_MICRODEGREE = 11.1195  # of latitude, on a sphere of 6371.0 km
_CRUMB_MS = const(60000)  # a breadcrumb a minute ...
_CRUMB_CM = const(50000)  # ... or every 500 m is kept when fine telemetry must go
_JITTER_MS = const(
    50
)  # a rhythm of 1000 ms must not lose every other fix that comes a little early

# Fixes that gather behind the last kept position: a minute at 1 Hz, 10 KB on a chip. Each new fix
# is compared with all of them.
MAX_FIXES = 60
_GAP_MS = const(10000)  # between fixes further apart nothing is known: both ends are kept
MIN_ERROR_CM = 50  # a smaller bound is below what a receiver's noise lets through
# A reader that rounds what it draws to micro-degrees is wrong by half of one both ways: 8 cm.
_ROUNDING_CM = const(8)
# The live map may be wrong by so many times the bound of the track: 25 m on patrol, 5 m in pursuit.
# With 1 a frame is due at every change of speed, twice as many.
LIVE = 5
AHEAD_MS = 60000  # beyond that nobody knows: the car is drawn no further
_ONE = const(4096)  # 1.0 in the fixed point of a cosine
# On top of the cosine at the line's begin: its rounding, and its change over _FAR.
_MARGIN = const(6)
_FAR = const(
    50000
)  # micro-degrees of latitude (5.6 km): no line that others are measured at is longer

# Signals by how fast they are worth recording, ms; what is not named is slow.
_FAST = (signals.by_name("speed"), signals.by_name("rpm"))
_MEDIUM = (signals.by_name("load"), signals.by_name("throttle"))

MAX_LIMIT = 300  # km/h: of a profile or a zone
MAX_ZONES = (
    64  # each fix is measured at every one (`zones.py`, which is imported when there are any)
)

# Columns: name, ms between positions while moving, the same while standing, metres, degrees,
# ms until a batch is sent while connected, ms between readings (fast, medium, slow signals), cm
# that the drawn track may be wrong (0: no bound, the rhythm decides), speed limit km/h (0: none).
# With a bound the longest silence is the ms while standing, driving or not; the ms while moving,
# metres and degrees are not used: the error says it better. The last two columns may be absent: 0.
# Patrol: 5 m are a lane and a half, and twice what a receiver's noise is. Pursuit: where in the
# street. Event: every fix, as evidence. Parked: a car that does not move has no track.
PROFILES = (
    ("patrol", 1000, 30000, 150, 30, 5000, (1000, 5000, 30000), 500, 120),
    ("pursuit", 200, 1000, 25, 10, 1000, (500, 1000, 10000), 100, 0),
    ("parked", 300000, 300000, 150, 0, 60000, (300000, 300000, 300000), 0, 0),
    ("event", 200, 1000, 25, 10, 500, (200, 500, 5000), 0, 0),
)


class Profile:
    """One row of PROFILES, or one of the configuration."""

    __slots__ = ("name", "moving_ms", "still_ms", "distance_cm", "heading", "report_ms",
                 "signals_ms", "error_cm", "limit")  # fmt: skip

    def __init__(
        self, name, moving_ms, still_ms, metres, degrees, report_ms, signals_ms, error_cm=0, kmh=0
    ):
        self.name = name
        self.moving_ms = moving_ms
        self.still_ms = still_ms
        self.distance_cm = metres * 100
        self.heading = degrees * 100
        self.report_ms = report_ms
        self.signals_ms = signals_ms
        self.error_cm = error_cm
        self.limit = kmh * 250 // 9  # cm/s


def profiles(extra=()):
    """{name: Profile}: the built-in ones, and `extra` rows of the same columns (7 to 9)."""
    found = {}
    for row in list(PROFILES) + list(extra):
        found[row[0]] = Profile(*row)
    return found


def distance_cm(lat1, lon1, lat2, lon2):
    """Flat distance of two near points in micro-degrees: right to 0.1 % within some kilometres.

    The differences are exact integers; a float of 32 bits is enough for the factor."""
    dlat = lat2 - lat1
    x = _around(lon2 - lon1) * math.cos(math.radians(lat1 / 1000000))
    return int(math.sqrt(x * x + dlat * dlat) * _CM_PER_MICRODEGREE)


def _around(dlon):
    """A difference of longitudes the short way around the Earth."""
    if dlon > 180000000:
        return dlon - 360000000
    if dlon < -180000000:
        return dlon + 360000000
    return dlon


def between(a, b, t):
    """(lat, lon) at uptime `t` on the line between two POSITION records, as the room draws it."""
    span = b[1] - a[1]
    if span <= 0:
        return b[2], b[3]
    part = t - a[1]
    lon = a[3] + (2 * _around(b[3] - a[3]) * part + span) // (2 * span)
    return a[2] + (2 * (b[2] - a[2]) * part + span) // (2 * span), _around(lon)


def ahead(record, t):
    """(lat, lon) where the car of a POSITION record is expected at uptime `t`: it goes on with its
    speed and heading, `AHEAD_MS` at most; what stands, or has no speed or heading, stays."""
    speed, heading = record[5], record[6]
    if speed is None or heading is None or speed < _STILL:
        return record[2], record[3]
    way = speed * max(0, min(AHEAD_MS, t - record[1])) * 10 // 111195  # micro-degrees of latitude
    angle = math.radians(heading / 100)
    narrowing = max(0.01, math.cos(math.radians(record[2] / 1000000)))
    lon = record[3] + int(way * math.sin(angle) / narrowing)
    return record[2] + int(way * math.cos(angle)), _around(lon)


def _is_astray(record, fix, error_cm):
    """True when going on from `record` does not lead to `fix` within `error_cm`."""
    lat, lon = ahead(record, fix[1])
    return distance_cm(lat, lon, fix[2], fix[3]) > error_cm


def is_straight(a, b, fixes, error_cm):
    """True when the line from record `a` to `b` passes each of `fixes` within `error_cm`.

    Exact integers, times the line's duration so that nothing is divided; what is not exact (the
    cosine) is rounded to the safe side."""
    if not fixes:
        return True
    dlat = b[2] - a[2]
    if not -_FAR < dlat < _FAR:
        return False
    dlon = _around(b[3] - a[3])
    span = b[1] - a[1]
    cosine = int(math.cos(math.radians(a[2] / 1000000)) * _ONE) + _MARGIN
    limit = max(0, error_cm - _ROUNDING_CM) * span * (_ONE * 10000) // 111195
    limit *= limit
    for fix in fixes:
        part = fix[1] - a[1]
        x = (_around(fix[3] - a[3]) * span - dlon * part) * cosine
        y = ((fix[2] - a[2]) * span - dlat * part) * _ONE
        if x * x + y * y > limit:
            return False
    return True


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
    """`feed`, `poll` and `flush` give the positions to record, `value` the readings; `is_crumb`
    says which lane a position takes."""

    def __init__(self, profile):
        self._last = None  # the last POSITION record that was recorded
        self._fixes = []  # those since then that one line to the newest passes within the bound
        self._error_cm = 0  # the bound that they were measured by
        self._crumb = None  # the last one that was a breadcrumb
        self._values = {}  # signal id -> uptime of its last record
        self._force = False
        self._told = None  # the newest POSITION record that went out while connected, as far as
        self._told_at = None  # `poll` knows, and when
        self.use(profile)

    def use(self, profile):
        """Another profile is in force from the next fix on."""
        self.profile = profile
        self._force = True

    def event(self):
        """Something happened: the next fix is recorded whatever the profile says."""
        self._force = True

    def feed(self, record):
        """Takes the POSITION record of a fix: list of those to be kept now, oldest first. It may
        hold an earlier one, this one, both or none."""
        last = self._last
        newest = self._fixes[-1] if self._fixes else last
        if newest is None:
            return self._keep([], record)
        if self._error_cm and not 0 < record[1] - newest[1] <= _GAP_MS:
            return self._keep(self._fixes[-1:], record)  # no line joins these two
        if self._force or self._is_overdue(last, newest, record):
            is_one = is_straight(last, record, self._fixes, self._error_cm)
            return self._keep([] if is_one else [newest], record)
        if not self._error_cm:
            return self._keep([], record) if self._is_due(last, record) else []
        fixes = self._fixes
        if len(fixes) < MAX_FIXES and is_straight(last, record, fixes, self._error_cm):
            fixes.append(record)
            return []
        self._last = newest
        self._fixes = [record]
        return [newest]

    def _is_overdue(self, last, newest, record):
        """True when a profile with a bound is to keep this fix whatever the line says."""
        if not self._error_cm:
            return False
        is_silent = record[1] - last[1] + _JITTER_MS >= self.profile.still_ms
        return is_silent or record[8] & QUALITY_MASK != newest[8] & QUALITY_MASK

    def _keep(self, kept, record):
        """`kept` and the record, which the window opens from anew."""
        self._last = record
        self._fixes = []
        self._error_cm = self.profile.error_cm
        self._force = False
        return kept + [record]  # noqa: RUF005

    def flush(self):
        """List of what is to be kept so that the newest fix is (one record or none): at a report,
        an event, a lost fix, a stop. A profile without a bound has nothing waiting."""
        kept = self._fixes[-1:]
        if kept:
            self._last = kept[0]
            self._fixes = []
        return kept

    def poll(self, now, is_leaving=False):
        """For the time while connected: like `flush`, once the car is not where whoever listens
        draws it by `ahead`, and the report interval is over; else an empty list.

        What it returns is to go out now. is_leaving: a batch goes out now anyway, with all that
        was kept: the newest joins it where the last kept one does not lead to it."""
        kept = []
        if self._fixes and (self._is_to_join() if is_leaving else self._is_to_go(now)):
            kept = self.flush()
        if kept or is_leaving:
            self._told = self._last
            self._told_at = now
        return kept

    def _is_to_join(self):
        return _is_astray(self._last, self._fixes[-1], self._error_cm)

    def _is_to_go(self, now):
        if self._told_at is not None and now - self._told_at + _JITTER_MS < self.profile.report_ms:
            return False
        return _is_astray(self._told or self._last, self._fixes[-1], LIVE * self._error_cm)

    def _is_due(self, last, record):
        profile = self.profile
        speed = record[5]
        is_moving = speed is None or speed >= _STILL
        age = record[1] - last[1] + _JITTER_MS
        if age >= (profile.moving_ms if is_moving else profile.still_ms):
            return True
        if profile.distance_cm and (
            distance_cm(last[2], last[3], record[2], record[3]) >= profile.distance_cm
        ):
            return True
        if record[8] & QUALITY_MASK != last[8] & QUALITY_MASK:
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
        if last is not None and t - last + _JITTER_MS < wait:
            return None
        self._values[signal] = t
        return (VALUE, t, signal, raw)
