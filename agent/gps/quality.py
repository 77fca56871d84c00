"""Judges fixes: good, degraded or none, with the reason; holds the heading of a standing car.

A fix is flagged, never deleted or moved. Thresholds are first proposals, to be tuned on the road.
"""

try:
    from micropython import const
except ImportError:

    def const(value):
        return value


from agent.gps.fix import DAY_MS, QUALITY_DEGRADED, QUALITY_GOOD

# HDOP x100 above which a position may be off by more than a street's width.
MAX_HDOP = const(500)
# Three satellites give a position only with an assumed altitude.
MIN_SATS = const(4)
# 70 m/s (252 km/h) is above what a patrol car does, in cm/s.
MAX_SPEED = const(7000)
# Fixes further apart than this, ms, say nothing about a jump.
JUMP_WINDOW_MS = const(10_000)
# A heading is held this long without a valid fix, ms; after that the car may have turned.
HOLD_MS = const(60_000)

REASON_NO_FIX = "no-fix"
REASON_ESTIMATED = "estimated"  # by the receiver's own dead reckoning
REASON_JUMP = "jump"
REASON_MODE = "2d"
REASON_HDOP = "hdop"
REASON_SATS = "satellites"
REASONS = (REASON_NO_FIX, REASON_ESTIMATED, REASON_JUMP, REASON_MODE, REASON_HDOP, REASON_SATS)


class Quality:
    """`judge(fix)` sets quality, reason and held heading of each fix, in order of time."""

    def __init__(self):
        self._last = None  # the last valid fix
        self._heading = None

    def judge(self, fix):
        """Complete `fix` in place."""
        if not fix.valid:
            fix.reason = REASON_NO_FIX
            return
        last = self._last
        if fix.quality != QUALITY_GOOD:
            fix.reason = REASON_ESTIMATED
        elif last is not None and _jumped(last, fix):
            fix.reason = REASON_JUMP
        elif fix.mode == 2:
            fix.reason = REASON_MODE
        elif fix.hdop is not None and fix.hdop > MAX_HDOP:
            fix.reason = REASON_HDOP
        elif fix.sats is not None and fix.sats < MIN_SATS:
            fix.reason = REASON_SATS
        if fix.reason is not None and fix.quality == QUALITY_GOOD:
            fix.quality = QUALITY_DEGRADED
        if fix.heading is not None:
            self._heading = fix.heading
        elif self._heading is not None:
            if fix.t - last.t <= HOLD_MS:
                fix.heading = self._heading
                fix.held = True
            else:
                self._heading = None
        self._last = fix


def _jumped(a, b):
    """Whether getting from fix a to fix b takes more than MAX_SPEED."""
    dt = (b.tod - a.tod) % DAY_MS
    if not 0 < dt <= JUMP_WINDOW_MS:
        return False
    north = b.lat - a.lat
    east = b.lon - a.lon
    if -10 < north < 10 and -10 < east < 10:
        return False  # about a metre
    if abs(east) > 180_000_000:
        east = 360_000_000 - abs(east)
    # 1 micro-degree of latitude is 11.1 cm; of longitude that times the cosine, here to 0.2 %
    # by Bhaskara's formula in whole degrees, times 1024.
    square = (abs(b.lat) // 1_000_000) ** 2
    cosine = (32400 - 4 * square) * 1024 // (32400 + square)
    north = north * 1113 // 100
    east = east * 1113 * cosine // 102400
    reach = MAX_SPEED * dt // 1000
    return north * north + east * east > reach * reach
