"""What speaks against a fix: first fixes, jumps, a stuck position, a speed that the wheels deny.

All of it only flags. A jump or a speed that is not the wheels' may be a spoofed signal, a
reflection or a fault: the one who reads the events decides.
"""

from agent.const import const
from agent.gps.fix import DAY_MS
from agent.gps.plane import distance

# 70 m/s (252 km/h) is above what a patrol car does, in cm/s.
_MAX_SPEED = const(7000)
# Fixes nearer to each other than this, ms, are compared by their own time, which knows no jitter.
_JUMP_WINDOW_MS = const(10_000)
# After a longer gap the receiver's first position may be off by so much, cm, without a jump.
_JUMP_SLACK_CM = const(20_000)
# A smaller jump is a reflection's, only flagged; from here on it is told and the fix must settle.
JUMP_TELL_CM = const(10_000)

# After a start or a loss of so many ms the receiver begins anew: its filter still converges.
LOSS_MS = const(10_000)
# So many epochs in succession must fit each other, and at least so long (for 5 and 10 Hz), before
# a fix is good: receivers need 3 to 5 s until the first position has come to rest.
SETTLE_EPOCHS = const(4)
SETTLE_MS = const(3000)
# They fit if they are no further apart than half as much again as the speed says, plus this, cm.
_SETTLE_CM = const(1000)

# GPS and wheels so far apart, cm/s, for more than so long, ms: the fix is degraded ...
_APART = const(500)
_APART_MS = const(3000)
# ... and this (15 km/h), for so long, is told: no braking or slipping lasts for 10 s.
_SPOOF = const(417)
_SPOOF_MS = const(10_000)

# The wheels turn this fast (11 km/h), the position is the same to the last digit for so long, ms.
_STUCK_SPEED = const(300)
_STUCK_MS = const(3000)


def jumped(before, fix):
    """cm from `before` (t, tod, lat, lon) to a fix if no car drives that fast, else 0."""
    t, tod, lat, lon = before
    slack = 0
    dt = fix.t - t if tod is None or fix.tod is None else (fix.tod - tod) % DAY_MS
    if fix.t - t > _JUMP_WINDOW_MS:
        dt = fix.t - t
        slack = _JUMP_SLACK_CM
    elif not 0 < dt <= _JUMP_WINDOW_MS:
        return 0
    if -10 < fix.lat - lat < 10 and -10 < fix.lon - lon < 10:
        return 0  # about a metre
    way = distance(lat, lon, fix.lat, fix.lon)
    return way if way > _MAX_SPEED * dt // 1000 + slack else 0


class Settling:
    """After `restart`, `feed` says True (and so does `active`) until enough epochs in succession
    fitted each other."""

    def __init__(self, epochs):
        """epochs: 0 never distrusts a first fix."""
        self._epochs = epochs
        self.restart()

    def restart(self):
        self.active = self._epochs > 0
        self._count = 0
        self._since = 0

    def feed(self, fix, before, fits):
        """fits: nothing else speaks against the fix; before: (t, tod, lat, lon) or None."""
        if not self.active:
            return False
        if not fits or (self._count and not _near(before, fix)):
            self._count = 0
        if not self._count:
            self._since = fix.t
        self._count += 1
        self.active = self._count <= self._epochs or fix.t - self._since <= SETTLE_MS
        return self.active


def _near(before, fix):
    way = distance(before[2], before[3], fix.lat, fix.lon)
    speed = _MAX_SPEED if fix.speed is None else fix.speed
    return way <= speed * (fix.t - before[0]) * 3 // 2000 + _SETTLE_CM


class SpeedCheck:
    """Compares GPS speed with the wheels'. `told` while they are apart for _SPOOF_MS."""

    def __init__(self):
        self.told = False
        self._apart = None  # uptime since
        self._spoof = None

    def feed(self, speed, wheels, t):
        """(is the fix to be degraded, is `told` new). Speeds in cm/s; None: nothing is known."""
        if speed is None or wheels is None:
            self._apart = self._spoof = None
            return False, False
        gap = abs(speed - wheels)
        self._apart = _since(self._apart, gap > _APART, t)
        self._spoof = _since(self._spoof, gap > _SPOOF, t)
        told = self._spoof is not None and t - self._spoof > _SPOOF_MS
        is_new = told != self.told
        self.told = told
        return told or (self._apart is not None and t - self._apart > _APART_MS), is_new


class StuckCheck:
    """A position that stays the same to the last digit while the wheels turn."""

    def __init__(self):
        self.told = False
        self._since = None

    def feed(self, fix, before, wheels):
        """Is `told` new."""
        same = before is not None and before[2] == fix.lat and before[3] == fix.lon
        turning = wheels is not None and wheels >= _STUCK_SPEED
        self._since = _since(self._since, same and turning, fix.t)
        told = self._since is not None and fix.t - self._since >= _STUCK_MS
        is_new = told != self.told
        self.told = told
        return is_new


def _since(since, holds, t):
    """Uptime since which something holds, or None."""
    return (t if since is None else since) if holds else None
