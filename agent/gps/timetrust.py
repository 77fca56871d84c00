"""Whether a receiver's date and time are to be believed.

A date before `not_before` comes from a receiver whose 10-bit week number rolled over (IS-GPS-200,
20.3.3.3.1.1): it is 1,024 weeks early, or 2,048, or its battery-backed clock is wrong: nothing is
added to it, it is only not trusted. Its position is as good as any.
"""

from agent.const import const
from agent.gps.fix import DAY_MS

# Epochs in succession whose time goes with uptime before it is trusted.
TRUST_AFTER = const(3)
# How far they may differ, ms: a slow line's jitter. The error when the leap seconds are not known
# yet is whole seconds.
_AGREE_MS = const(500)
_LEAP_MS = const(1000)

UNKNOWN = "unknown"
UNPROVED = "unproved"
TRUSTED = "trusted"
ROLLOVER = "rollover"


class TimeTrust:
    """`feed(fix)` for each valid fix; `state` is one of the four above."""

    def __init__(self, not_before=None):
        """not_before: UTC ms before which no date can be true; None: any may."""
        self.state = UNKNOWN
        self._not_before = not_before
        self._offset = None
        self._count = 0
        self._leap = False  # the epoch before was within a leap second

    def feed(self, fix):
        """The name of what is worth telling ("rollover", "step", "leap"), or None."""
        if fix.utc is None:
            if self.state == ROLLOVER or fix.tod is None:
                self.state = UNKNOWN
            return None
        offset = fix.utc - fix.t
        before = self._offset
        was_leap = self._leap
        self._offset = offset
        self._leap = fix.tod is not None and fix.tod >= DAY_MS
        if self._not_before is not None and fix.utc < self._not_before:
            was = self.state
            self.state = ROLLOVER
            self._count = 0
            return "rollover" if was != ROLLOVER else None
        told = None
        if before is not None and abs(offset - before) <= _AGREE_MS:
            self._count += 1
        elif was_leap and before is not None and abs(offset + _LEAP_MS - before) <= _AGREE_MS:
            # 23:59:60 counts as 00:00:00, which then comes again: UTC stood still for a second.
            told = "leap"
            self._count += 1
        else:
            if self.state == TRUSTED:
                told = "step"
            self._count = 1
        self.state = TRUSTED if self._count >= TRUST_AFTER else UNPROVED
        return told
