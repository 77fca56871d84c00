"""The GPS receiver: NMEA 0183 sentences for where the car is.

Per epoch RMC and GGA, with GSA and VTG as the scenario wants; positions to 10^-5 minutes (under
2 cm), speed to 0.001 knot, course to 0.01 degree, altitude to 0.1 m. Epochs lie on whole
multiples of 1/rate of UTC, as receivers align them. Below 0.1 m/s the course is blank, as
u-blox receivers freeze it there. Without a fix fields are blank and the status is V.

After a cold start or a reset the first fix is off by `gps.first_error` metres and closes in, with
few satellites and a high HDOP at first. What else goes wrong: faults.py.
"""

import math
import random
import time
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pynmea2

from tools.emulator.line import BITS_PER_BYTE
from tools.emulator.noise import Noise, Wander
from tools.emulator.truth import Reader
from tools.emulator.vehicle import Vehicle

_EPOCH_ZERO = datetime(1970, 1, 1, tzinfo=UTC)
_KNOTS = 3600 / 1852  # per m/s
_COURSE_FROM = 0.1  # m/s
# Satellites in view, GPS and GLONASS by their NMEA numbers; a fix uses the first so many.
_SATELLITES = (2, 5, 7, 13, 15, 20, 30, 66, 67, 76, 82, 83)
_ROLLOVER = timedelta(weeks=1024)  # the week number of the GPS signal has 10 bits
_RESTART = 1.0  # seconds of silence
# As long as the first fix is so many metres off, HDOP and satellites are poor.
_COARSE = 20.0


class Epoch(NamedTuple):
    at: float  # scenario second when the first byte may leave
    data: bytes
    row: dict  # truth row, without utc


class Receiver:
    """Makes epochs for a vehicle; knows no time and no UART."""

    def __init__(self, scenario, vehicle, start_ms):
        self._gps, self._faults, self._seed = scenario.gps, scenario.faults, scenario.seed
        self._vehicle, self._start_ms = vehicle, start_ms
        gps = scenario.gps
        self._noise = Noise(scenario.seed, gps.correlated, gps.white, gps.tau)
        self._reader = Reader()
        self._side = random.Random(f"{scenario.seed}/first").uniform(0, 2 * math.pi)
        self._first = None  # second of the first fix after a cold start or reset
        self._walls = None  # (fault, Wander) while reflections are about
        self._stuck = None  # (fault, _Fix)

    def epochs(self):
        """Epochs for ever, from the first aligned one after the start."""
        period = 1000 // self._gps.rate
        utc = -(-self._start_ms // period) * period
        while True:
            t = (utc - self._start_ms) / 1000
            error = self._noise.step(1 / self._gps.rate)
            if not self._is_silent(t):
                sentences = self._sentences(t, utc, error)
                row = self._reader.row(sentences)
                yield Epoch(t + self._gps.latency, b"".join(sentences), row)
            utc += period

    def _is_silent(self, t):
        reset = self._faults.active("gps", "reset", t)
        restarting = reset is not None and t < reset.at + _RESTART
        return restarting or self._faults.active("gps", "silent", t) is not None

    def _starts(self, t):
        """(begin, end) of the start that the receiver is in at second t, or None."""
        reset = self._faults.active("gps", "reset", t)
        if reset is not None:
            return reset.at, reset.at + reset.length
        return (0.0, self._gps.cold_start) if t < self._gps.cold_start else None

    def _is_covered(self, t):
        tunnel = self._faults.active("gps", "tunnel", t)
        if tunnel is not None:
            begin, end = tunnel.values["from"], tunnel.values["to"]
            if end <= begin or begin <= self._vehicle.motion.at(t).distance < end:
                return True
        return any(self._faults.active("gps", kind, t) for kind in ("no-fix", "antenna"))

    def _sentences(self, t, utc, error):
        start, fix = self._starts(t), None
        if start is not None:
            self._first = None
        elif not self._is_covered(t):
            self._first = t if self._first is None else self._first
            fix = self._measure(t, error)
        # A receiver without a satellite ever seen has no time either.
        clock = _EPOCH_ZERO + timedelta(milliseconds=utc)
        if self._faults.active("gps", "rollover", t):
            clock -= _ROLLOVER
        timed = start is None or t >= (start[0] + start[1]) / 2
        hhmmss = f"{clock:%H%M%S}.{clock.microsecond // 10000:02d}" if timed else ""
        ddmmyy = f"{clock:%d%m%y}" if timed else ""
        build = {
            "RMC": lambda: _rmc(fix, hhmmss, ddmmyy),
            "VTG": lambda: _vtg(fix),
            "GGA": lambda: _gga(fix, hhmmss),
            "GSA": lambda: _gsa(fix),
            "TXT": lambda: ("01", "01", "02", "ANTSTATUS=OPEN"),
        }
        talker = self._gps.talker
        kinds = self._gps.sentences
        if self._faults.active("gps", "antenna", t):
            kinds = ("TXT", *kinds)
        return [
            pynmea2.NMEASentence.parse(
                f"${talker}{kind}," + ",".join(build[kind]())
            ).render(newline=True).encode("ascii")
            for kind in kinds
        ]  # fmt: skip

    def _measure(self, t, error):
        """What the receiver takes for true: a _Fix."""
        stuck = self._faults.active("gps", "stuck", t)
        if stuck is not None and self._stuck is not None and self._stuck[0] == stuck:
            return self._stuck[1]
        state = self._vehicle.at(t)
        speed = abs(state.speed + error.speed) if state.speed > 0 else abs(error.speed) / 2
        course = state.heading
        if state.speed > 0:
            course += math.degrees(math.atan2(error.across, max(state.speed, 0.01)))
        east, north, more, aside = self._pull(t)
        speed += more
        if more > state.speed:
            course = aside
        spoof = self._faults.active("gps", "spoof", t)
        if spoof is not None and spoof.values["speed"] >= 0:
            speed = spoof.values["speed"]
        first = self._gps.first_error * math.exp(-(t - self._first) / self._gps.first_tau)
        east += error.east + first * math.sin(self._side)
        north += error.north + first * math.cos(self._side)
        is_coarse = first > _COARSE
        plane = self._vehicle.motion.projection
        fix = _Fix(
            _angle(state.lat + north / plane.metres_lat, 2, "NS")
            + _angle(state.lon + east / plane.metres_lon, 3, "EW"),
            f"{state.alt + error.up:.1f}",
            speed,
            f"{course % 360:.2f}".replace("360.00", "0.00") if speed >= _COURSE_FROM else "",
            4 if is_coarse else error.sats,
            error.hdop + first / _COARSE if is_coarse else error.hdop,
        )
        self._stuck = None if stuck is None else (stuck, fix)
        return fix

    def _pull(self, t):
        """What reflections and false signals add: (east, north, speed, its course)."""
        east, north, speed, course = 0.0, 0.0, 0.0, 0.0
        walls = self._faults.active("gps", "wander", t)
        if walls is None:
            self._walls = None
        else:
            if self._walls is None or self._walls[0] != walls:
                seed = f"{self._seed}/{walls.at}"
                self._walls = (walls, Wander(seed, **walls.values))
            east, north, speed, course = self._walls[1].step(1 / self._gps.rate)
        for kind in ("multipath", "spoof"):
            fault = self._faults.active("gps", kind, t)
            if fault is not None:
                east += fault.values["east"]
                north += fault.values["north"]
        return east, north, speed, course


class _Fix(NamedTuple):
    position: tuple  # four fields: latitude, N or S, longitude, E or W
    alt: str
    speed: float  # m/s
    course: str
    sats: int
    hdop: float


def drive(scenario, start_ms=None):
    """Run the receiver through the whole scenario, without time or I/O.

    Yields (sentences of an epoch as bytes, truth row with its nominal utc). `start_ms` is the
    UTC in ms for scenarios that start "now"; by default the clock is read once.
    """
    start_ms = start_ms or scenario.start_ms or time.time_ns() // 1_000_000
    receiver = Receiver(scenario, Vehicle(scenario), start_ms)
    for epoch in receiver.epochs():
        if epoch.at - scenario.gps.latency >= scenario.duration:
            return
        done = epoch.at + len(epoch.data) * BITS_PER_BYTE / scenario.gps.baud
        yield epoch.data, {**epoch.row, "utc": start_ms + round(done * 1000)}


def _angle(degrees, width, sides):
    """([d]ddmm.mmmmm, hemisphere letter); rounded once, so that 60.00000 minutes cannot occur."""
    whole, minutes = divmod(round(abs(degrees) * 60 * 100000), 60 * 100000)
    text = f"{whole:0{width}d}{minutes // 100000:02d}.{minutes % 100000:05d}"
    return text, sides[degrees < 0]


def _rmc(fix, hhmmss, ddmmyy):
    if fix is None:
        return (hhmmss, "V", "", "", "", "", "", "", ddmmyy, "", "", "N")
    knots = f"{fix.speed * _KNOTS:.3f}"
    return (hhmmss, "A", *fix.position, knots, fix.course, ddmmyy, "", "", "A")


def _vtg(fix):
    if fix is None:
        return ("", "", "", "", "", "", "", "", "N")
    knots, kmh = f"{fix.speed * _KNOTS:.3f}", f"{fix.speed * 3.6:.3f}"
    return (fix.course, "T", "", "M", knots, "N", kmh, "K", "A")


def _gga(fix, hhmmss):
    if fix is None:
        return (hhmmss, "", "", "", "", "0", "00", "99.99", "", "", "", "", "", "")
    return (hhmmss, *fix.position, "1", f"{fix.sats:02d}", f"{fix.hdop:.2f}", fix.alt, "M",
            "46.0", "M", "", "")  # fmt: skip


def _gsa(fix):
    if fix is None:
        return ("A", "1", *[""] * 12, "99.99", "99.99", "99.99")
    used = [f"{n:02d}" for n in _SATELLITES[: fix.sats]]
    dops = (f"{fix.hdop * 1.8:.2f}", f"{fix.hdop:.2f}", f"{fix.hdop * 1.5:.2f}")
    return ("A", "3", *used, *[""] * (12 - len(used)), *dops)
