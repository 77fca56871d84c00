"""The car's inputs (panic, siren, light bar, ignition) as debounced events; a machine without I/O.

A level must hold for DEBOUNCE_MS before it counts. Panic counts at once when it is pressed: a
bounce costs one event too many, waiting could cost a life.
"""

DEBOUNCE_MS = 50
_AT_ONCE = ("panic",)


class Inputs:
    """`feed(levels, now)` takes {name: True | False | None} and gives [(name, level), ...] of what
    changed; None says that the level is not known. The first level seen is reported only if it is
    on or unknown."""

    def __init__(self):
        self._levels = {}  # name -> what counts
        self._since = {}  # name -> (new level, when it was first seen)

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
            self._since.pop(name, None)
            is_first = name not in self._levels
            self._levels[name] = level
            if level or level is None or not is_first:
                changes.append((name, level))
        return changes
