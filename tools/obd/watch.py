"""What `patrol obd watch` counts and shows: the last value of each signal, with its age."""

from rich.table import Table

from agent import signals

# Counters of the driver that tell of replies that were not what was asked for. A second ECU that
# has the same PID is not wrong, only not the one that is listened to.
REFUSED = ("refused", "incomplete", "headerless")


class Watch:
    """`take(event)` for each event of the driver."""

    def __init__(self, counters):
        self._counters = counters
        self.values = {}  # signal id -> (raw, uptime ms)
        self.state = "starting"
        self.adapter = self.vin = None
        self.count = self.errors = 0
        self.first = self.last = None  # uptime of the first value, and of the newest

    def take(self, event):
        kind = event[0]
        if kind == "value":
            _, signal, raw, t = event
            self.values[signal] = (raw, t)
            self.count += 1
            self.first = t if self.first is None else self.first
            self.last = t
        elif kind == "state":
            self.state = event[1]
            if event[1] == "lost":
                self.errors += 1
        elif kind == "adapter":
            self.adapter = event[1]
        elif kind == "vin":
            self.vin = event[1]
        elif kind == "error":
            self.errors += 1

    def refused(self):
        return sum(self._counters[name] for name in REFUSED)

    def summary(self, now):
        """The last line of --json. The rate counts from the first value on."""
        seconds = 0 if self.first is None else (now - self.first) / 1000
        return {
            "values_per_second": round(self.count / seconds, 1) if seconds > 0 else 0.0,
            "values": self.count,
            "errors": self.errors,
            "wrong_replies_refused": self.refused(),
            "state": self.state,
            "adapter": self.adapter,
        }

    def table(self, now, limit_ms):
        """A rich Table; a value older than `limit_ms` is not shown as if it were of now."""
        table = Table("signal", "value", "unit", "age", title=self._title())
        table.columns[1].justify = table.columns[3].justify = "right"
        for signal in sorted(self.values):
            raw, t = self.values[signal]
            age = now - t
            shown = f"{signals.physical(signal, raw):g}" if age <= limit_ms else "-"
            table.add_row(signals.name(signal), shown, signals.unit(signal), f"{age / 1000:.1f} s")
        return table

    def _title(self):
        return f"{self.adapter or 'no adapter yet'}: {self.state}, {self.count} values"


def value_row(event):
    """A ("value", ...) event as the JSON line of --json."""
    _, signal, raw, t = event
    return {
        "t": t,
        "signal": signals.name(signal),
        "value": signals.physical(signal, raw),
        "unit": signals.unit(signal),
    }
