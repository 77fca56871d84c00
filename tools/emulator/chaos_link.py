"""Scripts of bad links: what a link is like, and what happens to it when. Pure.

    {"about": "one line for people",
     "seed": 1,
     "round_trip_ms": 100, "jitter_ms": 10,            half of each in each direction
     "up_bytes_per_s": 125000, "down_bytes_per_s": null,
     "buffer_bytes": 65536,                            that may wait for the radio, a direction
     "events": [{"at": 5.0, "do": "stall", "for": 2.5}],
     "random": {"every": [2, 10], "for": [0.1, 4], "do": {"cut": 3, "stall": 1}}}

Everything may be absent. `random`: something happens after each pause of so many seconds, drawn
between the two; what it is by weight, and how long it lasts likewise.
"""

import random
from dataclasses import dataclass

KINDS = ("cut", "torn", "down", "stall", "half_open", "dark", "overtaken", "twice")
_NUMBERS = {"seed": 0, "round_trip_ms": 0, "jitter_ms": 0, "buffer_bytes": 1}
_RATES = ("up_bytes_per_s", "down_bytes_per_s")


class ScriptError(Exception):
    """The script cannot be used; the text names the key."""


@dataclass(frozen=True)
class LinkScript:
    """See the module. Rates are None where there is no limit."""

    seed: int = 0
    round_trip_ms: float = 0
    jitter_ms: float = 0
    up_bytes_per_s: float | None = None
    down_bytes_per_s: float | None = None
    buffer_bytes: int = 65536
    events: tuple = ()  # (second, what, for how many seconds)
    random: dict | None = None
    about: str = ""

    def schedule(self, seconds):
        """[(second, what, for how many seconds)] of so many seconds, in order."""
        rows = [row for row in self.events if row[0] < seconds]
        if self.random:
            rng = random.Random(self.seed)
            kinds = sorted(self.random["do"])
            weights = [self.random["do"][kind] for kind in kinds]
            at = rng.uniform(*self.random["every"])
            while at < seconds:
                kind = rng.choices(kinds, weights)[0]
                rows.append((at, kind, rng.uniform(*self.random["for"])))
                at += rng.uniform(*self.random["every"])
        return sorted(rows)


def parse(raw):
    """LinkScript of a parsed file. Raises ScriptError."""
    _keys(raw, "", [*LinkScript.__dataclass_fields__])
    values = dict(raw)
    for key, low in _NUMBERS.items():
        if key in raw:
            _number(raw[key], key, low)
    for key in _RATES:
        if raw.get(key) is not None:
            _number(raw[key], key, 1)
    events = raw.get("events", [])
    if not isinstance(events, list):
        raise ScriptError("events must be a list")
    values["events"] = tuple(_event(event, f"events[{i}]") for i, event in enumerate(events))
    if raw.get("random") is not None:
        _check_random(raw["random"])
    return LinkScript(**values)


def _event(raw, where):
    _keys(raw, where + ".", ("at", "do", "for"))
    if raw.get("do") not in KINDS:
        raise ScriptError(f"{where}.do must be one of {', '.join(KINDS)}")
    _number(raw.get("at"), where + ".at", 0)
    return raw["at"], raw["do"], _number(raw.get("for", 0), where + ".for", 0)


def _check_random(raw):
    _keys(raw, "random.", ("every", "for", "do"))
    for key in ("every", "for"):
        value = raw.get(key)
        if not isinstance(value, list) or len(value) != 2:
            raise ScriptError(f"random.{key} must be two numbers")
        low = _number(value[0], f"random.{key}[0]", 0.001 if key == "every" else 0)
        _number(value[1], f"random.{key}[1]", low)
    weights = raw.get("do")
    if not isinstance(weights, dict) or not weights:
        raise ScriptError("random.do must be an object of kinds and weights")
    _keys(weights, "random.do.", KINDS)
    for kind, weight in weights.items():
        _number(weight, f"random.do.{kind}", 0)


def _keys(raw, prefix, known):
    if not isinstance(raw, dict):
        raise ScriptError(f"{prefix[:-1] or 'the file'} must be an object")
    for key in raw:
        if key not in known:
            raise ScriptError(f"unknown key {prefix}{key}; known are {', '.join(known)}")


def _number(value, name, low):
    if isinstance(value, bool) or not isinstance(value, int | float) or value < low:
        raise ScriptError(f"{name} must be a number of at least {low}")
    return value
