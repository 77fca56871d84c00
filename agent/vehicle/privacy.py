"""Off duty: what is not recorded while the crew's switch says so; a machine without I/O.

Neither position, speed and manner of driving nor readings of the car are recorded then. Panic goes
before the switch, while it is pressed and for a while after. A switch that cannot be read counts as
on duty: a cut cable must not hide a car.
"""

from agent.const import const
from agent.records import EVENT, EVENT_CODES, POSITION, VALUE

AFTER_PANIC_MS = 600000  # help is on its way for about that long
_SETTLE_MS = const(1000)  # after a start, until the switch was read: nothing is recorded before
# Events that say where the car is or how it is driven.
_HIDDEN = (
    "zone_enter", "zone_leave", "zone_dwell", "profile", "overspeed", "harsh_braking",
    "harsh_acceleration", "harsh_cornering", "collision", "gps_jump", "gps_displaced", "gps_speed",
    "gps_stuck", "freeze_frame",
)  # fmt: skip


class Privacy:
    """`is_private(off_duty, panic, now)`: levels True, False, or None where they are not known."""

    def __init__(self):
        self._panic_until = None
        self._is_known = False
        self._codes = [EVENT_CODES[name] for name in _HIDDEN]

    def is_private(self, off_duty, panic, now):
        if panic:
            self._panic_until = now + AFTER_PANIC_MS
        if off_duty is not None:
            self._is_known = True
        if self._panic_until is not None and now < self._panic_until:
            return False
        if off_duty is None:
            return not self._is_known and now < _SETTLE_MS
        return off_duty

    def hides(self, record):
        """True for a record that is not made while off duty."""
        return record[0] in (POSITION, VALUE) or (record[0] == EVENT and record[2] in self._codes)
