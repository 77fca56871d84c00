"""The way the car takes: way-points become a smooth path, and the path a timetable.

`Motion(route, duration, seed).at(t)` gives where the car is, how fast and which way it moves.
Corners become curves, so heading is continuous; speed keeps to the limit, to what a curve
allows and to what engine and brakes can do. Acceleration is constant between two path points,
so speed is exactly the derivative of the distance travelled.
"""

import bisect
import math
import random
from typing import NamedTuple

_STEP = 4.0  # metres between path points of a straight
_CURVE_STEP = 1.0  # ... and of a curve
_TURN_RADIUS = 14.0  # metres; a street corner, where the segments are long enough for it
_LONGEST_CUT = 25.0  # metres before and after a corner that a curve may take
_LATERAL = 2.2  # m/s^2 that a driver takes in a curve
_BRAKE = 2.0  # m/s^2
_ACCELERATE = 1.9  # m/s^2 from a standstill ...
_POWER = 20.0  # ... and W/kg: at v m/s no more than _POWER / v
_CRAWL = 2.0  # m/s through the tightest corner


class Place(NamedTuple):
    lat: float  # degrees
    lon: float
    alt: float  # metres
    speed: float  # m/s
    heading: float  # degrees, 0 <= heading < 360
    accel: float  # m/s^2 along the way
    slope: float  # rise over run
    distance: float  # metres since the start


class Projection:
    """Degrees and metres near one point: a plane touching the WGS 84 ellipsoid there."""

    def __init__(self, lat, lon):
        phi = math.radians(lat)
        self.lat, self.lon = lat, lon
        # Series for the length of a degree on the ellipsoid.
        self.metres_lat = 111132.954 - 559.822 * math.cos(2 * phi) + 1.175 * math.cos(4 * phi)
        self.metres_lon = 111412.84 * math.cos(phi) - 93.5 * math.cos(3 * phi)

    def metres(self, lat, lon):
        return (lon - self.lon) * self.metres_lon, (lat - self.lat) * self.metres_lat

    def degrees(self, x, y):
        return self.lat + y / self.metres_lat, self.lon + x / self.metres_lon


class _Node(NamedTuple):
    """A way-point, or a point of the path, in metres."""

    x: float
    y: float
    alt: float
    limit: float  # m/s from here to the next
    stop: float  # seconds standing here


class _Row(NamedTuple):
    """A line of the timetable: from second t on, until the next row."""

    t: float
    s: float  # metres
    v: float  # m/s at t
    a: float  # m/s^2


class Motion:
    """Where the car is at second t; before the start and after the end it stands."""

    def __init__(self, route, duration, seed):
        self.projection = Projection(route.points[0].lat, route.points[0].lon)
        self._path = _smooth(_way_points(route, duration, self.projection))
        self._s = _distances(self._path)
        self._headings = _headings(self._path)
        self._rows = _timetable(self._path, self._s, random.Random(f"{seed}/driver"))
        self._times = [row.t for row in self._rows]

    @property
    def arrival(self):
        """Second at which the route ends."""
        return self._rows[-1].t

    def at(self, t):
        i = max(0, bisect.bisect_right(self._times, t) - 1)
        row = self._rows[i]
        dt = max(0.0, t - row.t) if i + 1 < len(self._rows) else 0.0
        speed = max(0.0, row.v + row.a * dt)
        return self._place(row.s + row.v * dt + row.a * dt * dt / 2, speed, row.a)

    def _place(self, s, speed, accel):
        i = min(max(bisect.bisect_right(self._s, s) - 1, 0), len(self._s) - 2)
        here, there = self._path[i], self._path[i + 1]
        run = self._s[i + 1] - self._s[i]
        part = min(max((s - self._s[i]) / run, 0.0), 1.0)
        lat, lon = self.projection.degrees(
            here.x + (there.x - here.x) * part, here.y + (there.y - here.y) * part
        )
        climb = there.alt - here.alt
        heading = self._headings[i] + (self._headings[i + 1] - self._headings[i]) * part
        return Place(lat, lon, here.alt + climb * part, speed, heading % 360, accel, climb / run, s)


def _way_points(route, duration, projection):
    """The route's points as nodes, once, or as many laps as `duration` may need."""
    nodes, limit = [], route.limit
    for point, alt in zip(route.points, _altitudes(route), strict=True):
        limit = point.limit or limit
        x, y = projection.metres(point.lat, point.lon)
        nodes.append(_Node(x, y, alt, limit / 3.6, point.stop))
    if not route.loop:
        return nodes
    fastest = max(node.limit for node in nodes)
    lap = _distances(nodes + nodes[:1])[-1] / fastest + sum(node.stop for node in nodes)
    return nodes * math.ceil(duration / lap) + nodes[:1]


def _altitudes(route):
    """Metres for each point: given, or on the line between the given neighbours."""
    given = [(i, p.alt) for i, p in enumerate(route.points) if p.alt is not None]
    if not given:
        return [route.altitude] * len(route.points)
    made = []
    for i in range(len(route.points)):
        before = max((g for g in given if g[0] <= i), default=given[0])
        after = min((g for g in given if g[0] >= i), default=given[-1])
        span = after[0] - before[0]
        part = (i - before[0]) / span if span > 0 else 0.0
        made.append(before[1] + (after[1] - before[1]) * part)
    return made


def _smooth(nodes):
    """Way-points to path points: straights in steps, corners as curves with their speed."""
    path = [nodes[0]]
    for before, corner, after in zip(nodes, nodes[1:], nodes[2:], strict=False):
        turn = _turn(before, corner, after)
        if turn is None:
            _straight(path, corner, before.limit)
        else:
            entry, way_out, radius, length = turn
            _straight(path, entry, before.limit)
            speed = max(_CRAWL, min(before.limit, math.sqrt(_LATERAL * radius)))
            _curve(path, entry, corner, way_out, speed, length)
    _straight(path, nodes[-1], nodes[-2].limit)
    return path


def _turn(before, corner, after):
    """(entry, exit, radius, length) of the curve at `corner`; None where the way is straight."""
    back, ahead = math.dist(before[:2], corner[:2]), math.dist(corner[:2], after[:2])
    if back < 1 or ahead < 1:
        return None
    ux, uy = (corner.x - before.x) / back, (corner.y - before.y) / back
    wx, wy = (after.x - corner.x) / ahead, (after.y - corner.y) / ahead
    angle = abs(math.atan2(ux * wy - uy * wx, ux * wx + uy * wy))
    if angle < math.radians(1):
        return None
    half = math.tan(min(angle, math.radians(170)) / 2)
    cut = min(max(_TURN_RADIUS, _TURN_RADIUS * half), _LONGEST_CUT, 0.45 * back, 0.45 * ahead)
    entry = corner._replace(x=corner.x - ux * cut, y=corner.y - uy * cut)
    way_out = corner._replace(x=corner.x + wx * cut, y=corner.y + wy * cut, stop=0.0)
    # The tightest place of the curve is at its middle: a parabola's radius there.
    radius = cut * math.cos(angle / 2) ** 2 / max(math.sin(angle / 2), 1e-6)
    return entry, way_out, radius, 2 * cut


def _straight(path, end, limit):
    """Append the straight from the path's end to `end`, which keeps its stop."""
    start = path[-1]
    # At least one point between, so that two stops are never neighbours.
    count = max(2, round(math.dist(start[:2], end[:2]) / _STEP))
    path[-1] = start._replace(limit=limit)
    for i in range(1, count):
        path.append(_between(start, end, i / count)._replace(limit=limit, stop=0.0))
    path.append(end._replace(limit=limit))


def _curve(path, entry, corner, way_out, speed, length):
    """Append a quadratic Bezier curve from `entry` (already there) to `way_out`."""
    path[-1] = path[-1]._replace(limit=speed)
    count = max(4, round(length / _CURVE_STEP))
    for i in range(1, count + 1):
        part = i / count
        point = _between(_between(entry, corner, part), _between(corner, way_out, part), part)
        path.append(point._replace(limit=speed, stop=0.0))


def _between(a, b, part):
    x, y, alt = (p + (q - p) * part for p, q in zip(a[:3], b[:3], strict=True))
    return a._replace(x=x, y=y, alt=alt)


def _distances(path):
    made = [0.0]
    for a, b in zip(path, path[1:], strict=False):
        made.append(made[-1] + max(math.dist(a[:2], b[:2]), 1e-6))
    return made


def _headings(path):
    """Degrees at each path point, not wrapped, so that they can be interpolated."""
    chords = []
    for a, b in zip(path, path[1:], strict=False):
        heading = math.degrees(math.atan2(b.x - a.x, b.y - a.y))
        if chords:
            heading = chords[-1] + (heading - chords[-1] + 180) % 360 - 180
        chords.append(heading)
    inner = [(a + b) / 2 for a, b in zip(chords, chords[1:], strict=False)]
    return [chords[0], *inner, chords[-1]]


def _timetable(path, s, rng):
    """Rows from the first second to the last, ending at a standstill."""
    v = _speeds(path, s, rng)
    rows, t = [], 0.0
    for i, node in enumerate(path):
        if v[i] == 0.0 and node.stop > 0:
            rows.append(_Row(t, s[i], 0.0, 0.0))
            t += node.stop
        if i + 1 < len(path):
            dt = 2 * (s[i + 1] - s[i]) / (v[i] + v[i + 1])
            rows.append(_Row(t, s[i], v[i], (v[i + 1] - v[i]) / dt))
            t += dt
    rows.append(_Row(t, s[-1], 0.0, 0.0))
    return rows


def _speeds(path, s, rng):
    """m/s at each path point: as fast as limit, curve, engine and brakes allow, no faster."""
    one, other = rng.uniform(0, 6.28), rng.uniform(0, 6.28)
    v = []
    for i, node in enumerate(path):
        # A driver's speed wanders below the limit; traffic is in the stops of the route.
        mood = 0.92 + 0.05 * math.sin(s[i] / 310 + one) + 0.03 * math.sin(s[i] / 97 + other)
        v.append(0.0 if node.stop > 0 else min(node.limit, path[i - 1].limit) * mood)
    v[0] = v[-1] = 0.0
    for i in range(len(v) - 2, -1, -1):
        v[i] = min(v[i], math.sqrt(v[i + 1] ** 2 + 2 * _BRAKE * (s[i + 1] - s[i])))
    for i in range(1, len(v)):
        most = min(_ACCELERATE, _POWER / max(v[i - 1], 1.0))
        v[i] = min(v[i], math.sqrt(v[i - 1] ** 2 + 2 * most * (s[i] - s[i - 1])))
    return v
