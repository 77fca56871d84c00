"""What goes wrong, and when: the fault script of a scenario.

A script is a list of rows `{"part", "kind", "at", "for", ...}`: at second `at`, for `for`
seconds, the named part of the car has the named fault. A new fault is a row in KINDS and a
question `script.active(part, kind, t)` at the place where it bites.
"""

import re
from dataclasses import dataclass, field

# (part, kind) -> further keys with their defaults. Meaning:
KINDS = {
    # The receiver sees no satellites: sentences go on, without a position.
    ("gps", "no-fix"): {},
    # The receiver says nothing at all.
    ("gps", "silent"): {},
    # A reflection moves the position so many metres; it still claims to be good.
    ("gps", "multipath"): {"east": 80.0, "north": 40.0},
    # High walls: the position is off by `bias` metres in a seeded direction and wanders about that
    # (standard deviation and correlation time as in noise.py); it claims to be good. The receiver's
    # filter follows, so that it says up to some `speed` m/s.
    ("gps", "wander"): {"bias": 40.0, "wander": 60.0, "tau": 30.0, "speed": 0.4},
    # Rock overhead, no fix: all the time, or between these metres of the route.
    ("gps", "tunnel"): {"from": 0.0, "to": 0.0},
    # The antenna's cable is off, or short (`state`): no fix, and the receiver says so by a TXT
    # sentence and where a u-blox is asked.
    ("gps", "antenna"): {"state": "open"},
    # The receiver restarts and knows nothing: silent for a second, without time for the first half,
    # without a fix for the whole, then as after a cold start. A u-blox chip forgets what it was set
    # to as far as it was not saved.
    ("gps", "reset"): {},
    # Interference: fewer satellites and worse DOPs, or (`state` critical) no fix. A u-blox that
    # watches for it says which.
    ("gps", "jamming"): {"state": "warning"},
    # Each byte on the line is changed, lost or preceded by random ones with this probability.
    ("gps", "noise"): {"rate": 0.005},
    # The receiver hears nothing: its input is not connected.
    ("gps", "deaf"): {},
    # Its plug is out: silent, and where gpsd has it gpsd says so.
    ("gps", "unplugged"): {},
    # A false signal: so many metres off from one epoch to the next, and a speed in m/s (below 0:
    # the true one).
    ("gps", "spoof"): {"east": 0.0, "north": 2000.0, "speed": -1.0},
    # Position, speed and course stay what they were; time goes on.
    ("gps", "stuck"): {},
    # The date is 1,024 weeks early.
    ("gps", "rollover"): {},
    # The adapter neither hears nor says anything.
    ("obd", "silent"): {},
    # The adapter restarts at `at` by itself, says `text` (None: its banner), forgets everything.
    ("obd", "reset"): {"text": None},
    # The adapter works, no ECU answers.
    ("obd", "no-data"): {},
    # Every request is answered with this text: BUS BUSY, CAN ERROR, BUFFER FULL ...
    ("obd", "error"): {"text": "CAN ERROR"},
    # NUL and 0xFF bytes get into the line.
    ("obd", "noise"): {"rate": 0.05},
    # The ECUs answer so much later.
    ("obd", "slow"): {"seconds": 0.15},
    # The ECUs say "response pending" (7F xx 78) first and answer so many seconds later.
    ("obd", "pending"): {"wait": 1.5},
    # Another tester's traffic on CAN, just before the own answer: a frame of this id ("": the
    # engine's) and data (length byte first; here a speed of 200 km/h).
    ("obd", "foreign"): {"id": "", "data": "03410DC8", "rate": 1.0},
    # Hexadecimal digits of data become others, or (hex false) characters that are none.
    ("obd", "corrupt"): {"rate": 0.02, "hex": True},
    # The adapter marks lines of data as wrong; it shows their bytes all the same.
    ("obd", "line-error"): {"text": "<DATA ERROR", "rate": 1.0},
    # Answers without their OK, or without the closing prompt.
    ("obd", "no-ok"): {"rate": 1.0},
    ("obd", "no-prompt"): {"rate": 1.0},
    # The adapter stops after so many bytes and stays deaf and dumb until the fault is over.
    ("obd", "mid-reply"): {"after": 12},
    # The adapter says `text` by itself at `at` (ACT ALERT, LP ALERT, with ! in front) and sleeps
    # so many seconds later, unless a character comes.
    ("obd", "alert"): {"text": "ACT ALERT", "sleep": 60.0},
    # The battery's voltage is this.
    ("car", "voltage"): {"volts": 10.5},
    # The starter turns: the voltage falls, ECUs are silent. Unless the adapter survives it is dead
    # meanwhile and says `text` at the end (None: its banner; ERR94 blocks CAN until ATFE).
    ("car", "cranking"): {"volts": 7.2, "text": None, "survives": False},
    # A malfunction that lasts `for` seconds (0: for good): the code is pending at once, stored
    # with freeze frame and lamp after `confirm` seconds, and permanent if it says so.
    ("car", "dtc"): {"code": "P0301", "ecu": "engine", "confirm": 20.0, "permanent": True},
    # Somebody clears the codes of all control units, or takes the battery off.
    ("car", "cleared"): {},
    # Ignition off: ECUs silent, battery voltage without alternator. The car must be standing.
    ("car", "ignition-off"): {},
    # Key on, engine off: ECUs answer, the engine's speed is 0. The car must be standing.
    ("car", "engine-off"): {},
}

# What texts must look like: (part, kind, key) -> (regular expression, what the error says).
_TEXTS = {
    ("gps", "antenna", "state"): ("open|short", "must be open or short"),
    ("gps", "jamming", "state"): ("warning|critical", "must be warning or critical"),
    ("car", "dtc", "code"): ("[PCBU][0-3][0-9A-F]{3}", "must be a code such as P0133"),
    ("car", "dtc", "ecu"): ("engine|transmission|hybrid|body", "is no control unit"),
    ("obd", "foreign", "id"): ("([0-9A-F]{3}|[0-9A-F]{8})?", "must be 3 or 8 hexadecimal digits"),
    ("obd", "foreign", "data"): ("([0-9A-F]{2}){1,8}", "must be 1 to 8 bytes in hexadecimal"),
}


class FaultError(ValueError):
    """A fault row that cannot be used; the text begins with the offending key."""


@dataclass(frozen=True)
class Fault:
    part: str
    kind: str
    at: float  # seconds of scenario
    length: float  # seconds; the fault is active for at <= t < at + length
    values: dict = field(default_factory=dict)


class Script:
    """Faults in order of time."""

    def __init__(self, rows=()):
        self._rows = tuple(sorted(rows, key=lambda f: f.at))

    def __iter__(self):
        return iter(self._rows)

    def active(self, part, kind, t):
        """The fault of that part and kind that holds at second t, or None."""
        for row in self._rows:
            if row.at > t:
                return None
            if row.part == part and row.kind == kind and t < row.at + row.length:
                return row
        return None

    def begins(self, part, kind):
        """Faults of that part and kind, in order of time."""
        return [row for row in self._rows if row.part == part and row.kind == kind]


def parse(rows):
    """A Script from a JSON list; raises FaultError."""
    if not isinstance(rows, list):
        raise FaultError("faults: must be a list")
    return Script([_row(row, f"faults[{i}]") for i, row in enumerate(rows)])


def _row(row, path):
    if not isinstance(row, dict):
        raise FaultError(f"{path}: must be an object")
    row = dict(row)
    part, kind = row.pop("part", None), row.pop("kind", None)
    if (part, kind) not in KINDS:
        known = ", ".join(sorted(f"{p}/{k}" for p, k in KINDS))
        raise FaultError(f"{path}.kind: {part}/{kind} is unknown (known: {known})")
    at = _seconds(row.pop("at", None), f"{path}.at")
    length = _seconds(row.pop("for", 0), f"{path}.for")
    values = dict(KINDS[part, kind])
    for key, value in row.items():
        if key not in values:
            raise FaultError(f"{path}.{key}: unknown key for {part}/{kind}")
        default = values[key]
        fits = isinstance(value, str) if default is None else isinstance(value, type(default))
        if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
            value, fits = float(value), True
        if not fits:
            raise FaultError(f"{path}.{key}: {value!r} does not fit")
        pattern, text = _TEXTS.get((part, kind, key), (None, None))
        if pattern is not None and not re.fullmatch(pattern, value):
            raise FaultError(f"{path}.{key}: {text}, not {value!r}")
        values[key] = value
    return Fault(part, kind, at, length, values)


def _seconds(value, path):
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise FaultError(f"{path}: must be seconds, not {value!r}")
    return float(value)
