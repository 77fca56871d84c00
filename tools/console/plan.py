"""What the screen asks by itself, how often, and how gently.

A console at 115200 baud is a thin line, and behind it is a chip that has a car to read. So one
question is under way at a time, and after each the line is left alone for as long as four answers
took: a fifth of the line's and the gateway's time at most, whatever they are. Where that does not
suffice for all, everything comes later by the same factor.
"""

# (command, period in s)
POLLED = (
    ("obd", 1.0),
    ("gps", 1.0),
    ("status", 3.0),
    ("link", 5.0),
    ("journal", 5.0),
    ("inputs", 5.0),
    ("power", 10.0),
    # These two ask the car itself, some seconds each: no more often than the agent does.
    ("dtc", 60.0),
    ("ready", 180.0),
)
REST = 4  # times the last answer's time nothing is asked
LEAST_S = 0.15  # and this long at least
_BETWEEN_S = 5.0  # from one question to the car to the next: the gauges stand still meanwhile
MOST_S = 10.0  # an answer that came late once does not make the screen stand still for long
AGAIN_S = 10.0  # until what was refused is asked again
_WAIT_S = 5.0  # for commands that are in no table
# Asks the car, with its own deadlines: how long each may take, s. Line and gateway rest meanwhile.
_CAR_S = {"scan": 300, "monitor": 180, "vin": 60, "freeze": 60, "ready": 60, "dtc": 30, "clear": 60}
# As long as is asked for: a trace, the receiver's own sentences.
_LONG_S = {"trace": 400, "gps": 70}
_TWO_WORDS = {
    "config diff": "config-diff", "config drop": "config", "config get": "config-get",
    "config set": "config", "dtc clear": "clear", "update": "update-state",
}  # fmt: skip
ENDLESS = ("watch",)  # goes on until a key: nothing for a line that others ask on


def name_of(command):
    """The command's name in the registry: "dtc" of "dtc", "clear" of "dtc clear"."""
    words = command.split()
    two = " ".join(words[:2])
    if two in _TWO_WORDS:
        return _TWO_WORDS[two]
    return words[0] if words else ""


def wait_s(command):
    """How long an answer to a command line may take, s."""
    name = name_of(command)
    if name in _LONG_S and command.split()[1:]:
        return _LONG_S[name]
    return _CAR_S.get(name, _WAIT_S)


def fresh_s(command):
    """How old an answer may be, s, before it is shown as stale: three periods and 1.5 s."""
    for name, period in POLLED:
        if name == command:
            return 3 * period + 1.5
    return 120.0


class Plan:
    """`due(now)` says what to ask next; `asked(command, now, took)` after each answer; in s."""

    def __init__(self, rows=POLLED):
        self._rows = rows
        self._last = {}  # command -> when it was asked last
        self._quiet_until = 0.0
        self._car_until = 0.0  # until then the car is not asked again: first everything else

    def due(self, now):
        """The command that is most overdue by parts of its period, or None: not yet."""
        if now < self._quiet_until:
            return None
        best, most = None, 0.0
        for name, period in self._rows:
            if name in _CAR_S and now < self._car_until:
                continue
            late = (now - self._last[name]) / period if name in self._last else float("inf")
            if late >= 1 and late > most:
                best, most = name, late
        return best

    def asked(self, command, now, took, was_refused=False):
        """An answer, or a refusal, came at `now` and took so long, s. What was refused, as the car
        was busy or asleep, is asked again sooner than its period says."""
        self._last[command] = now
        if was_refused:
            period = next((row[1] for row in self._rows if row[0] == command), 0)
            self._last[command] -= max(0, period - AGAIN_S)
        rest = REST * took
        if command in _CAR_S:
            rest = 0
            self._car_until = now + _BETWEEN_S
        self._quiet_until = now + min(MOST_S, max(LEAST_S, rest))

    def soon(self, command):
        """The next time this is due at once: what was just done has changed it."""
        self._last.pop(command, None)

    def wake(self, now):
        """Seconds until something can be due."""
        if now < self._quiet_until:
            return self._quiet_until - now
        waits = [period - (now - self._last.get(name, -1e9)) for name, period in self._rows]
        return max(0.0, min(waits, default=1.0))
