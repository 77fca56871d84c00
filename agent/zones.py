"""Zones on the map: entered, left, stayed in; the one in force names a profile and a speed limit.

Rows, from the configuration or the room: `[name, profile or null, limit km/h (0: none), dwell s
(0: none), shape]`. A shape is a circle `[lat, lon, metres]` or a polygon `[[lat, lon], ...]` of 3
to 32 corners (by the even-odd rule where its sides cross), in micro-degrees.

A zone is entered with the first fix inside and left with the first that is more than `MARGIN_CM`
outside: a car that stands at the border under a receiver's noise enters once and stays. Geometry is
flat around each zone's own centre, in cm: right to 1 % for the largest that is allowed.
"""

import math

from agent.const import const
from agent.records import QUALITY_MASK
from agent.reporting import MAX_LIMIT, MAX_ZONES

MAX_CORNERS = 32
MAX_NAME = 24  # as a profile's
_MAX_METRES = 50000  # radius: beyond it the Earth is not flat enough
_MAX_EXTENT = const(1000000)  # micro-degrees (110 km) from a polygon's first corner to any other
_MIN_METRES = 5  # below it a receiver's noise decides
_MAX_DWELL = 86400  # s
# Outside by more than this is left: a receiver in a street is seldom wrong by more, and a car at
# city speed has gone so far in two seconds.
MARGIN_CM = 2000
_CM_NUM, _CM_DEN = 111195, 10000  # cm per micro-degree of latitude, on a sphere of 6371.0 km
_ONE = const(16384)  # 1.0 in the fixed point of a cosine


class ZoneError(ValueError):
    """A row cannot be used; the text names it."""


class Zone:
    """One row, ready to be measured at."""

    __slots__ = ("name", "profile", "limit", "dwell_ms", "size", "_lat", "_lon", "_cosine",
                 "_radius", "_corners", "_box", "south", "north")  # fmt: skip

    def __init__(self, row):
        """Of a row that `check` accepts."""
        self.name, self.profile, kmh, dwell, shape = row
        self.limit = kmh * 250 // 9  # cm/s
        self.dwell_ms = dwell * 1000
        is_circle = isinstance(shape[0], int)
        self._lat, self._lon = shape[:2] if is_circle else shape[0]
        self._cosine = int(math.cos(math.radians(self._lat / 1000000)) * _ONE)
        self._radius = self._corners = None
        if is_circle:
            self._radius = r = shape[2] * 100
            self._box = self._grown(0, 0, 0, 0, r + MARGIN_CM)
            self.size = r * r * 355 // 113
        else:
            self._corners = corners = [self._local(lat, lon) for lat, lon in shape]
            lats = [lat - self._lat for lat, _ in shape]
            lons = [_around(lon - self._lon) for _, lon in shape]
            self._box = self._grown(min(lats), max(lats), min(lons), max(lons), MARGIN_CM)
            self.size = _area(corners)
        # Latitudes beyond which nothing can be inside: most zones are dismissed by them.
        self.south, self.north = self._lat + self._box[0], self._lat + self._box[1]

    def _grown(self, south, north, west, east, cm):
        """A box in micro-degrees from the centre, larger by `cm` on each side, and by rounding."""
        lat = cm * _CM_DEN // _CM_NUM + 2
        lon = cm * _CM_DEN * _ONE // (_CM_NUM * self._cosine) + 2
        return (south - lat, north + lat, west - lon, east + lon)

    def _local(self, lat, lon):
        """(east, north) of the zone's centre, or first corner, in cm."""
        x = _around(lon - self._lon) * self._cosine * _CM_NUM // (_ONE * _CM_DEN)
        return x, (lat - self._lat) * _CM_NUM // _CM_DEN

    def holds(self, lat, lon, margin):
        """True when the point is inside, or at most `margin` (up to MARGIN_CM) outside."""
        south, north, west, east = self._box
        if not south <= lat - self._lat <= north or not west <= _around(lon - self._lon) <= east:
            return False
        x, y = self._local(lat, lon)
        if self._corners is None:
            reach = self._radius + margin
            return x * x + y * y <= reach * reach
        return _is_inside(self._corners, x, y) or (
            margin > 0 and _is_near(self._corners, x, y, margin)
        )


def _around(dlon):
    if dlon > 180000000:
        return dlon - 360000000
    if dlon < -180000000:
        return dlon + 360000000
    return dlon


def _area(corners):
    """Shoelace formula, cm²."""
    double = 0
    bx, by = corners[-1]
    for x, y in corners:
        double += bx * y - x * by
        bx, by = x, y
    return abs(double) // 2


def _is_inside(corners, x, y):
    """Even-odd rule: a ray to the east crosses an odd number of sides."""
    inside = False
    bx, by = corners[-1]
    for ax, ay in corners:
        if (ay > y) != (by > y):
            # The side is to the east of the point, without a division.
            cross = (bx - ax) * (y - ay) - (x - ax) * (by - ay)
            if (cross > 0) == (by > ay):
                inside = not inside
        bx, by = ax, ay
    return inside


def _is_near(corners, x, y, margin):
    """True when a side is at most `margin` cm away."""
    bx, by = corners[-1]
    for ax, ay in corners:
        dx, dy, px, py = bx - ax, by - ay, x - ax, y - ay
        length = dx * dx + dy * dy
        along = px * dx + py * dy
        if along <= 0 or not length:
            is_near = px * px + py * py <= margin * margin
        elif along >= length:
            is_near = (x - bx) ** 2 + (y - by) ** 2 <= margin * margin
        else:
            is_near = (px * dy - py * dx) ** 2 <= margin * margin * length
        if is_near:
            return True
        bx, by = ax, ay
    return False


class Zones:
    """`feed` fixes in, events out; `profile()` and `limit()` of the zone that is in force."""

    def __init__(self, rows=(), profiles=None):
        """profiles: names that a row may use, None for any. Raises ZoneError."""
        self._profiles = profiles
        self._zones = []
        self._since = {}  # name -> uptime of the entry, of the zones that the car is in
        self._stayed = {}  # name -> True, of those whose dwell was told
        self.counters = {"entered": 0, "left": 0, "refused": 0}
        self.set_zones(rows)

    def set_zones(self, rows):
        """Takes the place of all zones. A zone of the same name stays entered until a fix says
        otherwise; a zone that is gone is left: list of such events. Raises ZoneError and changes
        nothing when a row is wrong."""
        try:
            check(rows, self._profiles)
        except ZoneError:
            self.counters["refused"] += 1
            raise
        # The smallest first: the first that the car is in is in force.
        self._zones = sorted([Zone(row) for row in rows], key=lambda z: (z.size, z.name))
        names = [zone.name for zone in self._zones]
        return [self._leave(name) for name in sorted(self._since) if name not in names]

    def feed(self, record, now):
        """Takes the POSITION record of every fix. List of ("leave", name), ("enter", name) and
        ("dwell", name, seconds), in this order."""
        if not record[8] & QUALITY_MASK:
            return []
        lat, lon = record[2:4]
        left, entered = [], []
        for zone in self._zones:
            name = zone.name
            is_near = zone.south <= lat <= zone.north
            if name in self._since:
                if not (is_near and zone.holds(lat, lon, MARGIN_CM)):
                    left.append(self._leave(name))
            elif is_near and zone.holds(lat, lon, 0):
                self._since[name] = now
                self.counters["entered"] += 1
                entered.append(("enter", name))
        return left + entered + self._dwelling(now)

    def _leave(self, name):
        self._since.pop(name)
        self._stayed.pop(name, None)
        self.counters["left"] += 1
        return ("leave", name)

    def _dwelling(self, now):
        found = []
        for zone in self.inside():
            name = zone.name
            if zone.dwell_ms and name not in self._stayed:
                stay = now - self._since[name]
                if stay >= zone.dwell_ms:
                    self._stayed[name] = True
                    found.append(("dwell", name, stay // 1000))
        return found

    def inside(self):
        """The zones that the car is in, the smallest first."""
        return [zone for zone in self._zones if zone.name in self._since]

    def profile(self):
        """Name of the profile of the smallest zone that names one, or None."""
        for zone in self.inside():
            if zone.profile is not None:
                return zone.profile
        return None

    def limit(self):
        """Speed limit in cm/s of the smallest zone that has one, or 0."""
        for zone in self.inside():
            if zone.limit:
                return zone.limit
        return 0


def check(rows, profiles=None):
    """Raises ZoneError, which names the row, unless all rows can be used."""
    if not isinstance(rows, (list, tuple)) or len(rows) > MAX_ZONES:
        raise ZoneError("zones must be a list of at most %d rows" % MAX_ZONES)
    names = {}
    for i, row in enumerate(rows):
        where = "zones[%d]" % i
        if not isinstance(row, (list, tuple)) or len(row) != 5:
            raise ZoneError("%s must be name, profile, km/h, dwell s, shape" % where)
        name, profile, limit, dwell, shape = row
        if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME:
            raise ZoneError("%s: the name must be a text of 1 to %d" % (where, MAX_NAME))
        where = "%s (%s)" % (where, name)
        if name in names:
            raise ZoneError("%s: the name is zones[%d]'s already" % (where, names[name]))
        names[name] = i
        if profile is not None and (
            not isinstance(profile, str) or (profiles is not None and profile not in profiles)
        ):
            raise ZoneError("%s: no profile %r" % (where, profile))
        _within(where + ": limit", limit, 0, MAX_LIMIT)
        _within(where + ": dwell", dwell, 0, _MAX_DWELL)
        _check_shape(where, shape)


def _within(where, value, low, high):
    if not isinstance(value, int) or isinstance(value, bool):
        raise ZoneError("%s must be an integer" % where)
    if not low <= value <= high:
        raise ZoneError("%s: %d is not within %d to %d" % (where, value, low, high))


def _check_shape(where, shape):
    if not isinstance(shape, (list, tuple)) or len(shape) < 3:
        raise ZoneError("%s: a shape is [lat, lon, metres] or three corners and more" % where)
    if not isinstance(shape[0], (list, tuple)):
        if len(shape) != 3:
            raise ZoneError("%s: a circle is [lat, lon, metres]" % where)
        _check_point(where, shape[:2])
        _within(where + ": radius", shape[2], _MIN_METRES, _MAX_METRES)
        return
    if len(shape) > MAX_CORNERS:
        raise ZoneError("%s: %d corners are more than %d" % (where, len(shape), MAX_CORNERS))
    for corner in shape:
        if not isinstance(corner, (list, tuple)) or len(corner) != 2:
            raise ZoneError("%s: a corner is [lat, lon]" % where)
        _check_point(where, corner)
    lat, lon = shape[0]
    for corner in shape:
        if max(abs(corner[0] - lat), abs(_around(corner[1] - lon))) > _MAX_EXTENT:
            raise ZoneError("%s: a corner is further than a degree from the first" % where)
    if not _area([(_around(corner[1] - lon), corner[0] - lat) for corner in shape]):
        raise ZoneError("%s: the corners enclose nothing" % where)


def _check_point(where, point):
    # Beyond 89 degrees a degree of longitude has no length to speak of.
    _within(where + ": latitude", point[0], -89000000, 89000000)
    _within(where + ": longitude", point[1], -180000000, 180000000)
