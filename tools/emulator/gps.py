"""The GPS receiver in the car: what it measures, and the sentences that say so.

Epochs lie on whole multiples of their period in UTC, as receivers align them. Below 0.1 m/s the
course is blank, as u-blox receivers freeze it there. Without a fix fields are blank and the status
is V. Which sentences it sends at what rate is the scenario's to say, or, of a receiver with a
u-blox chip, its configuration's (device.py).

After a cold start or a reset the first fix is off by `gps.first_error` metres and closes in, with
few satellites and a high HDOP at first. What else goes wrong: faults.py.
"""

import math
import random
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from tools.emulator.noise import LineNoise, Noise, Wander
from tools.emulator.sentences import Fix, Moment, Satellite, Style, written
from tools.emulator.truth import Reader

_EPOCH_ZERO = datetime(1970, 1, 1, tzinfo=UTC)
_COURSE_FROM = 0.1  # m/s
# Satellites in view: number, elevation, azimuth. A fix uses the first so many.
_SKY = (
    (2, 40, 120), (5, 61, 210), (7, 22, 300), (13, 35, 65), (15, 55, 20), (20, 18, 255),
    (30, 71, 160), (66, 33, 40), (67, 58, 310), (76, 25, 190), (82, 47, 95), (83, 12, 350),
)  # fmt: skip
# ... of a receiver that knows GPS alone.
_GPS_SKY = _SKY[:7] + ((6, 44, 330), (9, 15, 80), (19, 29, 225), (25, 38, 275), (29, 11, 10))
_ROLLOVER = timedelta(weeks=1024)  # the week number of the GPS signal has 10 bits
_RESTART = 1.0  # seconds of silence
# As long as the first fix is so many metres off, HDOP and satellites are poor.
_COARSE = 20.0
# Interference costs so many satellites and dB, and makes the DOPs so many times worse.
_JAMMED_SATELLITES, _JAMMED_DB, _JAMMED_DOP = 4, 12, 2.0
_FEWEST = 3  # satellites that give a fix


class Epoch(NamedTuple):
    at: float  # scenario second when the first byte may leave
    data: bytes
    row: dict  # truth row, without utc


class Receiver:
    """Makes epochs for a vehicle; knows no time and no UART."""

    def __init__(self, scenario, vehicle, start_ms):
        self.start_ms = start_ms
        self._gps, self._faults, self._seed = scenario.gps, scenario.faults, scenario.seed
        self._vehicle = vehicle
        gps = scenario.gps
        self._noise = Noise(scenario.seed, gps.correlated, gps.white, gps.tau)
        self._side = random.Random(f"{scenario.seed}/first").uniform(0, 2 * math.pi)
        self._first = None  # second of the first fix after a cold start or reset
        self._walls = None  # (fault, Wander) while reflections are about
        self._stuck = None  # (fault, Fix)

    def epochs(self):
        """Epochs for ever, from the first aligned one after the start, as the scenario says."""
        gps = self._gps
        period = 1000 // gps.rate
        reader, noise = Reader(), LineNoise(self._seed, self._faults)
        style = Style(gps.talker)
        utc = -(-self.start_ms // period) * period
        while True:
            t = (utc - self.start_ms) / 1000
            moment = self.moment(t, period / 1000)
            if not self._is_silent(t):
                kinds = gps.sentences
                if self._faults.active("gps", "antenna", t):
                    kinds = ("TXT", *kinds)
                sentences = [s for kind in kinds for s in written(kind, moment, style)]
                data = noise.spoil(b"".join(sentences), t)
                yield Epoch(t + gps.latency, data, reader.row(sentences))
            utc += period

    def moment(self, t, dt, is_gps_only=False):
        """What the receiver knows at second t, `dt` seconds after it was asked before."""
        error = self._noise.step(dt)
        start, fix = self._starts(t), None
        jamming = self._faults.active("gps", "jamming", t)
        if start is not None:
            self._first = None
        elif not self._is_covered(t):
            self._first = t if self._first is None else self._first
            fix = self._measure(t, dt, error)
            if jamming is not None:
                sats = max(_FEWEST, fix.sats - _JAMMED_SATELLITES)
                fix = fix._replace(sats=sats, hdop=fix.hdop * _JAMMED_DOP)
        # A receiver without a satellite ever seen has no time either.
        clock = None
        if start is None or t >= (start[0] + start[1]) / 2:
            clock = _EPOCH_ZERO + timedelta(milliseconds=self.start_ms + round(t * 1000))
            if self._faults.active("gps", "rollover", t):
                clock -= _ROLLOVER
        view = ()
        if clock is not None and not self._faults.active("gps", "antenna", t):
            level = None if fix is None else error.sats - (_JAMMED_DB if jamming else 0)
            view = _view(_GPS_SKY if is_gps_only else _SKY, fix, level)
        antenna = self._faults.active("gps", "antenna", t)
        return Moment(fix, clock, view, antenna.values["state"].upper() if antenna else "OK")

    def _is_silent(self, t):
        reset = self._faults.active("gps", "reset", t)
        if reset is not None and t < reset.at + _RESTART:
            return True
        return any(self._faults.active("gps", kind, t) for kind in ("silent", "unplugged"))

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
        jamming = self._faults.active("gps", "jamming", t)
        if jamming is not None and jamming.values["state"] == "critical":
            return True
        return any(self._faults.active("gps", kind, t) for kind in ("no-fix", "antenna"))

    def _measure(self, t, dt, error):
        """What the receiver takes for true: a Fix."""
        stuck = self._faults.active("gps", "stuck", t)
        if stuck is not None and self._stuck is not None and self._stuck[0] == stuck:
            return self._stuck[1]
        state = self._vehicle.at(t)
        speed = abs(state.speed + error.speed) if state.speed > 0 else abs(error.speed) / 2
        course = state.heading
        if state.speed > 0:
            course += math.degrees(math.atan2(error.across, max(state.speed, 0.01)))
        east, north, more, aside = self._pull(t, dt)
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
        fix = Fix(
            state.lat + north / plane.metres_lat,
            state.lon + east / plane.metres_lon,
            state.alt + error.up,
            speed,
            course if speed >= _COURSE_FROM else None,
            4 if is_coarse else error.sats,
            error.hdop + first / _COARSE if is_coarse else error.hdop,
        )
        self._stuck = None if stuck is None else (stuck, fix)
        return fix

    def _pull(self, t, dt):
        """What reflections and false signals add: (east, north, speed, its course)."""
        east, north, speed, course = 0.0, 0.0, 0.0, 0.0
        walls = self._faults.active("gps", "wander", t)
        if walls is None:
            self._walls = None
        else:
            if self._walls is None or self._walls[0] != walls:
                seed = f"{self._seed}/{walls.at}"
                self._walls = (walls, Wander(seed, **walls.values))
            east, north, speed, course = self._walls[1].step(dt)
        for kind in ("multipath", "spoof"):
            fault = self._faults.active("gps", kind, t)
            if fault is not None:
                east += fault.values["east"]
                north += fault.values["north"]
        return east, north, speed, course


def _view(sky, fix, level):
    """The Satellites of `sky`; level: dB more or less than at the horizon of a good day, None:
    none is heard."""
    used = fix.sats if fix else 0
    return tuple(
        Satellite(n, up, round_, None if level is None else 20 + up // 4 + level, i < used)
        for i, (n, up, round_) in enumerate(sky)
    )
