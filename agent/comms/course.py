"""Where speed and heading lead: a track's positions are sent as what they differ from that.

A moving car's accelerations are in its speed already, so the difference is little more than the
receiver's noise: half the bits. Both ends compute the same path in integers only, by this file or
by `docs/wire.md`; how good it is decides about bytes, never about right or wrong.
"""

from agent.const import const

# sin of 0..90 whole degrees, times 32768, rounded to nearest.
_SINES = (
    0, 572, 1144, 1715, 2286, 2856, 3425, 3993, 4560, 5126, 5690, 6252, 6813, 7371, 7927, 8481,
    9032, 9580, 10126, 10668, 11207, 11743, 12275, 12803, 13328, 13848, 14365, 14876, 15384, 15886,
    16384, 16877, 17364, 17847, 18324, 18795, 19261, 19720, 20174, 20622, 21063, 21498, 21926,
    22348, 22763, 23170, 23571, 23965, 24351, 24730, 25102, 25466, 25822, 26170, 26510, 26842,
    27166, 27482, 27789, 28088, 28378, 28660, 28932, 29197, 29452, 29698, 29935, 30163, 30382,
    30592, 30792, 30983, 31164, 31336, 31499, 31651, 31795, 31928, 32052, 32166, 32270, 32365,
    32449, 32524, 32588, 32643, 32688, 32723, 32748, 32763, 32768,
)  # fmt: skip
_ONE = const(32768)
# A micro-degree of latitude is 11.1195 cm; times 1000 ms a second, times _ONE, times 2 as the speed
# at both ends of a step is added up.
_UNIT = const(728727552)
_LEAST_COSINE = const(572)  # of the latitude: beyond 89 degrees no car drives


def sine(angle):
    """sin times 32768 of centi-degrees, whatever turn: the table, and straight lines between."""
    angle %= 36000
    sign = 1
    if angle >= 18000:
        angle -= 18000
        sign = -1
    if angle > 9000:
        angle = 18000 - angle
    degree, part = divmod(angle, 100)
    if not part:
        return sign * _SINES[degree]
    return sign * ((_SINES[degree] * (100 - part) + _SINES[degree + 1] * part) // 100)


def path(times, speeds, headings, lat):
    """(dlat, dlon): lists of micro-degrees from the first row on. ms, cm/s, centi-degrees; `lat`:
    the first row's latitude in micro-degrees."""
    narrowing = max(_LEAST_COSINE, sine(9000 - abs(lat) // 10000))
    north = east = 0
    dlat = [0]
    dlon = [0]
    for i in range(1, len(times)):
        turn = (headings[i] - headings[i - 1] + 18000) % 36000 - 18000
        middle = headings[i - 1] + turn // 2
        way = (speeds[i - 1] + speeds[i]) * (times[i] - times[i - 1])
        north += way * sine(middle + 9000)
        east += way * sine(middle)
        dlat.append(north // _UNIT)
        dlon.append(east * _ONE // (_UNIT * narrowing))
    return dlat, dlon
