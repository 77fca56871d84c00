"""The GPS receiver: NMEA 0183 sentences for where the car is.

Per epoch RMC and GGA, with GSA and VTG as the scenario wants; positions to 10^-5 minutes (under
2 cm), speed to 0.001 knot, course to 0.01 degree, altitude to 0.1 m. Epochs lie on whole
multiples of 1/rate of UTC, as receivers align them. Below 0.1 m/s the course is blank, as
u-blox receivers freeze it there. Without a fix fields are blank and the status is V.
"""

import math
import time
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pynmea2

from tools.emulator.line import BITS_PER_BYTE
from tools.emulator.noise import Noise
from tools.emulator.truth import Reader
from tools.emulator.vehicle import Vehicle

_EPOCH_ZERO = datetime(1970, 1, 1, tzinfo=UTC)
_KNOTS = 3600 / 1852  # per m/s
_COURSE_FROM = 0.1  # m/s
# Satellites in view, GPS and GLONASS by their NMEA numbers; a fix uses the first so many.
_SATELLITES = (2, 5, 7, 13, 15, 20, 30, 66, 67, 76, 82, 83)


class Epoch(NamedTuple):
    at: float  # scenario second when the first byte may leave
    data: bytes
    row: dict  # truth row, without utc


class Receiver:
    """Makes epochs for a vehicle; knows no time and no UART."""

    def __init__(self, scenario, vehicle, start_ms):
        self._gps, self._faults = scenario.gps, scenario.faults
        self._vehicle, self._start_ms = vehicle, start_ms
        gps = scenario.gps
        self._noise = Noise(scenario.seed, gps.correlated, gps.white, gps.tau)
        self._reader = Reader()

    def epochs(self):
        """Epochs for ever, from the first aligned one after the start."""
        period = 1000 // self._gps.rate
        utc = -(-self._start_ms // period) * period
        while True:
            t = (utc - self._start_ms) / 1000
            error = self._noise.step(1 / self._gps.rate)
            if self._faults.active("gps", "silent", t) is None:
                sentences = self._sentences(t, utc, error)
                row = self._reader.row(sentences)
                yield Epoch(t + self._gps.latency, b"".join(sentences), row)
            utc += period

    def _sentences(self, t, utc, error):
        fix = None
        if t >= self._gps.cold_start and self._faults.active("gps", "no-fix", t) is None:
            fix = self._measure(t, error)
        # A receiver without a satellite ever seen has no time either.
        clock = _EPOCH_ZERO + timedelta(milliseconds=utc)
        timed = t >= self._gps.cold_start / 2
        hhmmss = f"{clock:%H%M%S}.{clock.microsecond // 10000:02d}" if timed else ""
        ddmmyy = f"{clock:%d%m%y}" if timed else ""
        build = {
            "RMC": lambda: _rmc(fix, hhmmss, ddmmyy),
            "VTG": lambda: _vtg(fix),
            "GGA": lambda: _gga(fix, hhmmss),
            "GSA": lambda: _gsa(fix),
        }
        talker = self._gps.talker
        return [
            pynmea2.NMEASentence.parse(
                f"${talker}{kind}," + ",".join(build[kind]())
            ).render(newline=True).encode("ascii")
            for kind in self._gps.sentences
        ]  # fmt: skip

    def _measure(self, t, error):
        """What the receiver takes for true: a _Fix."""
        state = self._vehicle.at(t)
        east, north = error.east, error.north
        reflection = self._faults.active("gps", "multipath", t)
        if reflection is not None:
            east += reflection.values["east"]
            north += reflection.values["north"]
        plane = self._vehicle.motion.projection
        speed = abs(state.speed + error.speed) if state.speed > 0 else abs(error.speed) / 2
        course = state.heading
        if state.speed > 0:
            course += math.degrees(math.atan2(error.across, max(state.speed, 0.01)))
        return _Fix(
            _angle(state.lat + north / plane.metres_lat, 2, "NS")
            + _angle(state.lon + east / plane.metres_lon, 3, "EW"),
            f"{state.alt + error.up:.1f}",
            speed,
            f"{course % 360:.2f}".replace("360.00", "0.00") if speed >= _COURSE_FROM else "",
            error.sats,
            error.hdop,
        )


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
