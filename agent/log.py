"""Errors by name: a counter each, a line for people, and silence where the same thing repeats."""

REPEAT_MS = 60000  # the same fault is printed at most once a minute; it is counted each time
MAX_NAMES = 64  # faults told apart; names come from this code, so that is plenty
MAX_LINES = 32  # kept for the console
MAX_EVENTS = 12  # and so many events, with so many of their fields: about a kilobyte
MAX_FIELDS = 4


class Log:
    """`write(text)` prints a line somewhere."""

    def __init__(self, write):
        self._write = write
        self._told = {}
        self.counters = {}  # "part.Name" -> how often
        self.lines = []
        self.events = []  # (uptime, name, field, ...)

    def line(self, now, text):
        """A line for people, with the uptime in seconds before it."""
        text = "%6d.%03d %s" % (now // 1000, now % 1000, text)
        self.lines.append(text)
        if len(self.lines) > MAX_LINES:
            self.lines.pop(0)
        self._write(text)

    def event(self, name, t, fields):
        """What was recorded, for whoever asks what happened last."""
        self.events.append((t, name) + fields[:MAX_FIELDS])
        if len(self.events) > MAX_EVENTS:
            self.events.pop(0)

    def fault(self, now, part, name, text):
        """Counts a fault; True when it was also told, that is not within the last minute."""
        key = part + "." + name
        if key not in self.counters and len(self.counters) >= MAX_NAMES:
            key = "other"
        self.counters[key] = self.counters.get(key, 0) + 1
        told = self._told.get(key)
        if told is not None and now - told < REPEAT_MS:
            return False
        self._told[key] = now
        self.line(now, "%s: %s: %s" % (part, name, text))
        return True
