"""What the console's answers hold, in the form that screen and report need. This file and its
neighbours answers_car.py and answers_rows.py alone know the answers' JSON, which is made by
agent/console/look.py and states.py.

An answer comes from outside, also when it comes from a gateway: a field that is not there, or of
another kind than expected, gives None, "-" or no row, never an error.
"""

import json
import re
from dataclasses import dataclass
from itertools import islice

from agent.console import show
from tools.console import language
from tools.console.fields import field, items, number, texts
from tools.console.language import t, word
from tools.console.words import plain, seconds

BATTERY = ("battery",)
# Ages in ms from which on a value is stale: what the agent itself takes for true (docs/obd.md,
# "Ages"), and 1.5 s until it is asked for again.
GAUGE_FRESH_MS = {"rpm": 4500, "speed": 4500}
FIX_FRESH_MS = 4500
_QUALITIES = ("none", "good", "degraded", "dead-reckoned")  # agent/gps/fix.py
# Letters of the systems as RINEX 3 has them (section 3.5), by the numbers of agent/gps/sky.py
_SYSTEMS = {0: "G", 1: "S", 2: "E", 3: "C", 5: "J", 6: "R", 7: "I"}
_VERDICTS = {"ok": "good", "warn": "warn", "fail": "bad", "wait": None, "none": None}
_MAX_LINES = 2000
_COLOURS = re.compile("\x1b\\[[0-9;]*m")  # of what is wrong; the screen has its own


# Values of the car


@dataclass
class Reading:
    value: float
    unit: str
    age_ms: float | None


_UNITS = {"celsius": "°C", "percent": "%"}  # VSS's names, as a gauge shows them


def readings(data):
    """{short name: Reading} of an answer to `obd`."""
    found = {}
    for row in items(data, "values"):
        value = number(row, 1)
        name = field(row, 0)
        if value is not None and isinstance(name, str):
            unit = texts(row, 2) or ""
            found[name] = Reading(value, _UNITS.get(unit, unit), number(row, 3))
    return found


# Position and sky


@dataclass
class Position:
    lat: float  # degrees
    lon: float
    speed: float | None  # km/h
    heading: float | None  # degrees
    altitude: float | None  # m
    quality: str
    reason: str | None
    sats: float | None
    in_view: float | None
    hdop: float | None
    age_ms: float | None

    def place(self):
        return place(self.lat, self.lon)

    def quality_words(self):
        """ "good", "degraded: hdop" """
        return word(self.quality) + (f": {word(self.reason)}" if self.reason else "")

    def words(self, name):
        """Speed, altitude, hdop or satellites, with their unit."""
        if name == "speed":
            return "-" if self.speed is None else f"{self.speed:.1f} km/h"
        if name == "altitude":
            return "-" if self.altitude is None else f"{self.altitude:.0f} m"
        if name == "hdop":
            return "-" if self.hdop is None else f"{self.hdop:.1f}"
        if self.sats is None:
            return "-"
        # A receiver that tells no sky has none in view, and uses some all the same.
        is_told = self.in_view is not None and self.in_view >= self.sats
        if not is_told:
            return f"{self.sats:.0f}"
        return t("%s of %s in view", f"{self.sats:.0f}", f"{self.in_view:.0f}")


def position(data):
    """The fix of an answer to `gps`, or None. Its age is that of the last fix that holds."""
    fix = [number(data, "fix", i) for i in range(5)]
    if fix[0] is None or fix[1] is None or abs(fix[0]) > 90e6 or abs(fix[1]) > 180e6:
        return None
    quality = number(data, "quality")
    known = quality is not None and 0 <= quality < len(_QUALITIES)
    hdop = number(data, "hdop")
    return Position(
        fix[0] / 1e6,
        fix[1] / 1e6,
        None if fix[3] is None else fix[3] * 0.036,
        None if fix[4] is None else fix[4] / 100 % 360,
        None if fix[2] is None else fix[2] / 100,
        _QUALITIES[int(quality)] if known else "-",
        texts(data, "reason"),
        number(data, "satellites"),
        number(data, "in_view"),
        None if hdop is None else hdop / 100,
        number(data, "fixed"),
    )


def place(lat, lon):
    """Degrees as "33.595060 N  7.618800 W"."""
    north, east = "N" if lat >= 0 else "S", "E" if lon >= 0 else "W"
    return f"{abs(lat):.6f} {north}  {abs(lon):.6f} {east}"


def last_position(data):
    """(place, its age in ms) by an answer to `status`, or None: there was none."""
    lat, lon = number(data, "position", 0), number(data, "position", 1)
    if lat is None or lon is None:
        return None
    return place(lat / 1e6, lon / 1e6), number(data, "position_age")


@dataclass
class Satellite:
    label: str  # "G12"
    elevation: float | None  # degrees
    azimuth: float | None
    snr: int | None  # dB-Hz


def satellites(data):
    found = []
    for row in items(data, "sky")[:128]:
        own = number(row, 1)
        if own is None:
            continue
        system = field(row, 0)
        letter = _SYSTEMS.get(system, "?") if isinstance(system, int) else "?"
        snr = number(row, 4)
        label = f"{letter}{int(own) % 1000:02d}"
        found.append(
            Satellite(label, number(row, 2), number(row, 3), None if snr is None else int(snr))
        )
    return found


# The self-test


@dataclass
class Verdict:
    part: str
    verdict: str  # as the gateway says it: ok, warn, fail, wait, none
    judged: str | None  # "good", "warn", "bad"; None: nothing to judge
    text: str
    todo: str | None


def summary(data):
    """ "2 of 9 parts not well: power, link" """
    found = verdicts(data)
    wrong = [v.part for v in found if v.judged in ("bad", "warn")]
    if not wrong:
        return t("all %s parts are well", len(found))
    names = ", ".join(map(word, wrong))
    return t("%s of %s parts not well: %s", len(wrong), len(found), names)


_UNSAID = {"ok": "is well", "wait": "cannot be told yet", "none": "is not there"}


def verdicts(data):
    """[Verdict, ...] of an answer to `selftest`, in its order."""
    found = []
    for row in items(data, "parts")[:64]:
        verdict = texts(row, "verdict") or "-"
        fault = field(row, "fault")
        about = [plain(value, 60) for value in items(row, "about")]
        text, todo = t(_UNSAID.get(verdict, "-")), None
        if isinstance(fault, str):
            text = explain("f", fault, about) or plain(fault, 40)
            todo = explain("d", fault, about)
        found.append(
            Verdict(texts(row, "part") or "-", verdict, _VERDICTS.get(verdict, "warn"), text, todo)
        )
    return found


def explain(kind, fault, about):
    """The console's own words for a fault ("f") or its remedy ("d"), or None."""
    name = f"{kind}.{plain(fault, 40)}"
    text = language.gateway().get(name)
    if text == name:
        return None
    for value in about:
        text = text.replace("%s", value, 1)
    return plain(text)


def problems(data):
    """[(judged, text), ...] of an answer to `status`."""
    return [
        (v.judged, f"{word(v.part)}: {v.text}")
        for v in verdicts({"parts": items(data, "problems")})
    ]


def vehicle(visit):
    return texts(visit.data("status"), "vehicle")


def headline(visit):
    """Words for the line on top: vehicle, agent, how it is with it."""
    data = visit.data("status")
    if data is None:
        return [visit.port]
    wrong = len(items(data, "problems"))
    return [
        vehicle(visit) or "-",
        t("agent %s", texts(data, "version") or "-"),
        t("up %s", seconds(number(data, "uptime"))),
        t("%s problems", wrong) if wrong > 1 else t("1 problem") if wrong else t("no problems"),
    ]


def lines(name, data):
    """An answer as the console itself would write it, line by line; as JSON where its form is not
    the command's."""
    if name == "help":
        found = [str(line) for line in items(data, "lines")]
        return [plain(_COLOURS.sub("", line)) for line in found]
    try:
        found = list(islice(show.render(name, data, language.gateway()), _MAX_LINES))
    except Exception:  # drawn by the agent's code, which takes its own data for granted
        found = [json.dumps(data)]
    return [plain(_COLOURS.sub("", line)) for line in found]
