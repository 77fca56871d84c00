"""How a receiver's position differs from the truth.

The error of a moving receiver in the open is mostly slow (ionosphere, orbits, reflections from
far away) with a little jitter left by the receiver's own filter. Per axis:

    error(t) = c(t) + w(t)
    c: Gauss-Markov (Ornstein-Uhlenbeck), standard deviation `correlated` m, correlation time
       `tau` s: c' = c * exp(-dt/tau) + correlated * sqrt(1 - exp(-2 dt/tau)) * N(0, 1)
    w: white, standard deviation `white` m

Up is 1.8 times worse than east and north. Speed and heading come from Doppler, independent of
position: white, 0.03 m/s along and 0.04 m/s across the way; so heading is bad when slow.
Satellites and HDOP wander slowly. Everything follows from the seed and the epochs' spacing.

Between high walls (`Wander`) reflections pull the position to one side and about that side.
`LineNoise` is none of the position's but of the wire's: bytes changed, lost and added.
"""

import math
import random
from typing import NamedTuple

_UP = 1.8  # times worse than horizontal
_SPEED = 0.03  # m/s
_ACROSS = 0.04  # m/s


class Error(NamedTuple):
    east: float  # metres
    north: float
    up: float
    speed: float  # m/s
    across: float  # m/s
    sats: int
    hdop: float


class Noise:
    def __init__(self, seed, correlated, white, tau):
        self._random = random.Random(f"{seed}/gps")
        self._correlated, self._white, self._tau = correlated, white, tau
        self._slow = [self._random.gauss(0, 1) for _ in range(4)]

    def step(self, dt):
        """The Error `dt` seconds after the one before."""
        normal = self._random.gauss
        keep = math.exp(-dt / self._tau)
        fresh = math.sqrt(1 - keep * keep)
        self._slow = [c * keep + fresh * normal(0, 1) for c in self._slow]
        east, north, up, sky = self._slow
        return Error(
            east * self._correlated + normal(0, self._white),
            north * self._correlated + normal(0, self._white),
            (up * self._correlated + normal(0, self._white)) * _UP,
            normal(0, _SPEED),
            normal(0, _ACROSS),
            min(12, max(6, round(10 + 1.5 * sky))),
            max(0.6, 0.95 - 0.15 * sky),
        )


class Wander:
    """Urban multipath: `bias` m in one direction plus Gauss-Markov error as above, per axis."""

    def __init__(self, seed, bias, wander, tau, speed):
        self._random = random.Random(f"{seed}/walls")
        side = self._random.uniform(0, 2 * math.pi)
        self._east, self._north = bias * math.sin(side), bias * math.cos(side)
        self._wander, self._tau, self._speed = wander, tau, speed
        self._slow = [0.0, 0.0]

    def step(self, dt):
        """(east, north, extra speed, its course): metres, m/s and degrees, `dt` seconds later."""
        normal = self._random.gauss
        keep = math.exp(-dt / self._tau)
        fresh = math.sqrt(1 - keep * keep)
        self._slow = [c * keep + fresh * normal(0, 1) for c in self._slow]
        east, north = (c * self._wander for c in self._slow)
        speed = min(2.5, abs(normal(0, 1))) * self._speed
        return self._east + east, self._north + north, speed, self._random.uniform(0, 360)


class LineNoise:
    """What interference makes of bytes on the receiver's line, while the script says so."""

    _LONGEST = 8  # bytes that come from nowhere

    def __init__(self, seed, faults):
        self._random = random.Random(f"{seed}/line")
        self._faults = faults

    def spoil(self, data, t):
        fault = self._faults.active("gps", "noise", t)
        if fault is None:
            return data
        rng, rate, made = self._random, fault.values["rate"], bytearray()
        for byte in data:
            if rng.random() >= rate:
                made.append(byte)
                continue
            kind = rng.randrange(3)
            if kind == 0:
                made.append(byte ^ rng.randrange(1, 256))
            elif kind == 1:
                made += rng.randbytes(rng.randint(1, self._LONGEST))
                made.append(byte)
        return bytes(made)
