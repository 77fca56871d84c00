"""The newest value of each signal, as long as it is true: a value has an age.

A value that is older than its limit is absent. It is never repeated, shown or sent as if it were of
now; when the ECU answers again there is a new one.
"""

# Signals that are kept: more than any car has been seen to give.
MAX_SIGNALS = 256


class Readings:
    def __init__(self):
        self._values = {}  # signal id -> (raw, uptime ms, limit ms)

    def take(self, signal, raw, t, limit):
        """A value of uptime `t`, true for `limit` ms."""
        if signal in self._values or len(self._values) < MAX_SIGNALS:
            self._values[signal] = (raw, t, limit)

    def get(self, signal, now):
        """The raw value, or None: there is none, or it is too old."""
        found = self._values.get(signal)
        if found is None or now - found[1] > found[2]:
            return None
        return found[0]

    def age(self, signal, now):
        """ms since the value came, however old it is; None where none ever came."""
        found = self._values.get(signal)
        return None if found is None else now - found[1]

    def live(self, now):
        """[(signal id, raw, age in ms), ...] of all that is true now, in order of id."""
        found = []
        for signal in sorted(self._values):
            raw, t, limit = self._values[signal]
            if now - t <= limit:
                found.append((signal, raw, now - t))
        return found
