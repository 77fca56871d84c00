"""A recorded NMEA capture in place of the emulated receiver.

Lines are replayed as they stand, also damaged ones; lines beginning with # are comments. They
are grouped into cycles: a new one begins when a sentence's time differs from the cycle's, or
when a kind of timed sentence comes again. The next cycle follows after the difference
of their times, or after one second where that is missing, zero or absurd.
"""

import bisect
from itertools import pairwise
from typing import NamedTuple

from tools.emulator.gps import Epoch
from tools.emulator.line import BITS_PER_BYTE
from tools.emulator.route import Place, Projection
from tools.emulator.truth import Reader, time_of_day

# Which field of a sentence, counted after its name, holds the time of day.
_TIME_FIELD = {"RMC": 0, "GGA": 0, "GNS": 0, "GBS": 0, "GST": 0, "ZDA": 0, "GLL": 4}
_DAY = 86_400_000
_LONGEST_GAP = 60_000  # ms; longer ones are cuts in the capture
_GAP = 1000  # ms where the capture does not say
_BAUDS = (4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)


class CaptureError(ValueError):
    """A capture without a single sentence."""


class _Cycle(NamedTuple):
    at: float  # seconds since the first cycle
    lines: list


class Capture:
    """The capture in file `path`; `epochs`, `baud` and `motion` are all that the rest needs."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self._cycles = _timed(_cycles(file.read()))
        if not self._cycles:
            raise CaptureError(f"{path}: no NMEA sentences in it")

    def epochs(self):
        reader = Reader()
        for cycle in self._cycles:
            yield Epoch(cycle.at, b"".join(cycle.lines), reader.row(cycle.lines))

    def baud(self, least):
        """The usual baud rate, `least` or more, at which no cycle delays the next."""
        needed = least
        for cycle, after in pairwise(self._cycles):
            bits = BITS_PER_BYTE * sum(map(len, cycle.lines))
            needed = max(needed, bits / (after.at - cycle.at))
        return next((baud for baud in _BAUDS if baud >= needed), _BAUDS[-1])

    def motion(self, scenario):
        """The captured drive for vehicle.Vehicle, so that OBD speed agrees with the capture."""
        valid = [(e.at, e.row) for e in self.epochs() if e.row and e.row["valid"]]
        # A cycle that the capture cuts off may lack its speed.
        fixes = [(at, row) for at, row in valid if row["speed"] is not None]
        return _Recorded(fixes, scenario.route)


class _Recorded:
    """Like route.Motion, from fixes: straight between them, speed interpolated."""

    def __init__(self, fixes, route):
        first = fixes[0][1] if fixes else None
        lat = first["lat"] / 1e6 if first else route.points[0].lat
        lon = first["lon"] / 1e6 if first else route.points[0].lon
        self.projection = Projection(lat, lon)
        self._times = [at for at, _ in fixes] or [0.0]
        self._places = [Place(lat, lon, route.altitude, 0.0, 0.0, 0.0, 0.0, 0.0)]
        if fixes:
            self._places = _places(fixes, route.altitude)
        self.arrival = self._times[-1]

    def at(self, t):
        i = bisect.bisect_right(self._times, t) - 1
        if i < 0 or i + 1 >= len(self._places):
            return self._places[max(i, 0)]._replace(speed=0.0, accel=0.0)
        a, b = self._places[i], self._places[i + 1]
        span = self._times[i + 1] - self._times[i]
        part = (t - self._times[i]) / span
        mixed = Place(*(x + (y - x) * part for x, y in zip(a, b, strict=True)))
        return mixed._replace(heading=a.heading, accel=(b.speed - a.speed) / span)


def _places(fixes, altitude):
    """A Place for each (second, truth row); what a row leaves open stays as it was."""
    made, distance, heading, before = [], 0.0, 0.0, None
    for at, row in fixes:
        speed = row["speed"] / 100
        altitude = altitude if row["alt"] is None else row["alt"] / 100
        heading = heading if row["heading"] is None else row["heading"] / 100
        if before is not None:
            distance += (before[1] + speed) / 2 * (at - before[0])
        made.append(
            Place(row["lat"] / 1e6, row["lon"] / 1e6, altitude, speed, heading, 0.0, 0.0, distance)
        )
        before = (at, speed)
    return made


def _cycles(data):
    """Lists of lines, each line as it stands but ending in CR LF."""
    cycles, lines, stamp, kinds = [], [], None, set()
    for line in data.split(b"\n"):
        line = line.rstrip(b"\r")
        if not line or line.startswith(b"#"):
            continue
        kind, time = _kind(line)
        another_time = time is not None and stamp is not None and time != stamp
        again = kind in kinds
        if lines and (another_time or again):
            cycles.append((stamp, lines))
            lines, stamp, kinds = [], None, set()
        lines.append(line + b"\r\n")
        stamp = time if stamp is None else stamp
        if kind is not None:
            kinds.add(kind)
    return cycles + ([(stamp, lines)] if lines else [])


def _kind(line):
    """(kind with talker, time of day in ms or None) of a timed sentence, else (None, None)."""
    fields = line.split(b"*")[0].decode("latin-1").split(",")
    place = _TIME_FIELD.get(fields[0][3:])
    if not line.startswith(b"$") or place is None or len(fields) <= place + 1:
        return None, None
    return fields[0], time_of_day(fields[place + 1])


def _timed(cycles):
    made, at, before = [], 0, None
    for i, (stamp, lines) in enumerate(cycles):
        if i:
            gap = (stamp - before) % _DAY if stamp is not None and before is not None else 0
            at += gap if 0 < gap <= _LONGEST_GAP else _GAP
        before = stamp
        made.append(_Cycle(at / 1000, lines))
    return made
