"""The car's inputs (panic, siren, light bar, ignition ...) as debounced events; no I/O here.

A level must hold for DEBOUNCE_MS before it counts. Panic counts at once when it is pressed: a
bounce costs one event too many, waiting could cost a life. A supply that fails counts at once as
well: there may be no 50 ms more.

A loose contact changes for hours. Of each input but panic `MAX_CHANGES` a minute are told; the
level that it has then is told when the minute is over.
"""

from agent.const import const

DEBOUNCE_MS = 50
_AT_ONCE = ("panic", "power_fail")
_NEVER_HELD_BACK = ("panic",)
MAX_CHANGES = 12
_MINUTE_MS = const(60000)

# An input that is on for longer is stuck: a button that jams, a wire that was cut or pinched. The
# one table of these limits: the room is told by it (`input_stuck`), the self-test judges by it, and
# the battery is spared by it (`power.py`). That an input is stuck takes nothing away: an alarm
# stays one. So a limit may be near what is usual; but what is often told is no longer read.
STUCK_MS = {
    # A button that springs back. Whoever is in need for longer has pressed it, and let it go.
    "panic": 300000,
    "confirm": 60000,  # a tap
    "siren": 7200000,  # an escort over land; in town it sounds for minutes
    "light_bar": 43200000,  # a road block that lasts for the longest shift
    "tamper": 3600000,  # the gateway is being worked at
    "door": 3600000,  # the car is being loaded
    "power_fail": 600000,  # no store lasts that long
    # ignition and off_duty may be on for days.
}


class Inputs:
    """`feed(levels, now)` takes {name: True | False | None} and gives [(name, level), ...] of what
    changed; None says that the level is not known. The first level seen is reported only if it is
    on or unknown."""

    def __init__(self):
        self._levels = {}  # name -> what counts
        self._since = {}  # name -> (new level, when it was first seen)
        self._on_at = {}  # name of what is on -> since when
        self._told_stuck = set()
        self._changes = {}  # name -> [when the minute began, changes told in it]
        self.changed = {}  # name -> uptime of the change to what counts

    def level(self, name):
        """True, False, or None while nothing is known of the input."""
        return self._levels.get(name)

    def feed(self, levels, now):
        changes = []
        for name in sorted(levels):
            level = levels[name]
            if name in self._levels and level == self._levels[name]:
                self._since.pop(name, None)
                continue
            seen = self._since.get(name)
            if seen is None or seen[0] != level:
                self._since[name] = seen = (level, now)
            if now - seen[1] < DEBOUNCE_MS and not (name in _AT_ONCE and level):
                continue
            is_first = name not in self._levels
            if not is_first and not self._may_change(name, now):
                continue
            self._since.pop(name, None)
            self.changed[name] = seen[1]
            self._take(name, level, seen[1])
            if level or level is None or not is_first:
                changes.append((name, level))
        return changes

    def woke(self, name, now):
        """The gateway was woken by this input: it is on, and that has been told."""
        self._take(name, True, now)

    def stuck(self, now):
        """Sorted names of the inputs that are on for longer than anybody means them to be."""
        return sorted([n for n, t in self._on_at.items() if now - t >= STUCK_MS.get(n, now + 1)])

    def newly_stuck(self, now):
        """The same, each name once until it was off again."""
        found = [name for name in self.stuck(now) if name not in self._told_stuck]
        self._told_stuck.update(found)
        return found

    def _take(self, name, level, since):
        self._levels[name] = level
        if level:
            self._on_at[name] = since
        else:
            self._on_at.pop(name, None)
            self._told_stuck.discard(name)

    def _may_change(self, name, now):
        if name in _NEVER_HELD_BACK:
            return True
        minute = self._changes.get(name)
        if minute is None or now - minute[0] >= _MINUTE_MS:
            minute = self._changes[name] = [now, 0]
        minute[1] += 1
        return minute[1] <= MAX_CHANGES
