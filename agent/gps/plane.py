"""Short ways on the earth in whole centimetres: flat, right to 0.5 % within some kilometres."""

import math

from agent.const import const

# 1 micro-degree of latitude is 11.13 cm at the equator's radius, in 1/100 cm.
_UNIT = const(1113)
_ONE = const(65536)
# Cosine at 89 degrees: nearer to the poles east and west say nothing any more.
_LEAST = const(1144)
_HALF_TURN = const(180_000_000)


def _cosine(lat):
    return max(_LEAST, int(math.cos(lat * 1.7453292e-8) * _ONE))


def offset(lat, lon, to_lat, to_lon):
    """(north, east) in cm from one place to another, both in micro-degrees."""
    east = to_lon - lon
    if east > _HALF_TURN:
        east -= 2 * _HALF_TURN
    elif east < -_HALF_TURN:
        east += 2 * _HALF_TURN
    return (to_lat - lat) * _UNIT // 100, east * _UNIT * _cosine(to_lat) // (100 * _ONE)


def distance(lat, lon, to_lat, to_lon):
    """cm between two places."""
    north, east = offset(lat, lon, to_lat, to_lon)
    return root(north * north + east * east)


def root(square):
    """The integer square root, by Newton's steps: a float of 32 bits would lose metres."""
    if square < 2:
        return square
    guess = int(math.sqrt(square)) + 1
    while True:
        better = (guess + square // guess) // 2
        if -2 < better - guess < 2:
            return min(better, guess)
        guess = better


def moved(lat, lon, way, heading):
    """(lat, lon) after `way` cm in direction `heading` (centi-degrees)."""
    angle = heading * 1.7453292e-4
    north = int(way * math.cos(angle))
    east = int(way * math.sin(angle))
    to_lat = lat + (north * 100 + _UNIT // 2) // _UNIT
    cosine = _cosine(to_lat)
    to_lon = lon + (east * 100 * _ONE + _UNIT * cosine // 2) // (_UNIT * cosine)
    return to_lat, (to_lon + _HALF_TURN) % (2 * _HALF_TURN) - _HALF_TURN
