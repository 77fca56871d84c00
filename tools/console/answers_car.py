"""Answers about the car: trouble codes, freeze frames, readiness, tests, identity.

The answers hold what the agent's scan found (agent/obd/scan.py): numbers, which become words here
by the agent's own tables. A row that does not have its form is left out and counted by nobody: the
report says only what is certain.
"""

from dataclasses import dataclass

from agent.obd import dtc, monitors
from tools.console import language
from tools.console.fields import field, items, number, texts
from tools.console.language import t
from tools.console.words import plain
from tools.obd import words

NO_TEXT = "the maker's own code"
KINDS = ("stored", "pending", "permanent")
_MAX_ECUS = 16  # more than any bus has that answers to OBD
_MAX_ROWS = 256
_WRONG = (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError)


def _ecus(data):
    """[(name of the ECU, its row), ...]"""
    return [(_ecu(row), row) for row in items(data, "ecus")[:_MAX_ECUS]]


def _ecu(row):
    own = number(row, "id")
    return words.ecu(int(own)) if own is not None and 0 <= own < 1 << 32 else "-"


@dataclass
class Code:
    kind: str
    code: str
    text: str | None  # what it means; None: the maker's own
    ecu: str


def codes(data):
    """[Code, ...] of an answer to `dtc`: stored ones first."""
    found = []
    for kind in KINDS:
        for ecu, row in _ecus(data):
            for code in items(row, kind)[:_MAX_ROWS]:
                shown = plain(code, 12)
                found.append(Code(kind, shown, _meaning(shown), ecu))
    return found


def _meaning(code):
    try:
        return dtc.text(code)
    except _WRONG:
        return None


def lamp(data):
    """Whether the engine lamp is on, by an answer to `ready`; None: not told."""
    told = [field(row, "readiness", "mil") for _, row in _ecus(data)]
    told = [lamp for lamp in told if isinstance(lamp, bool)]
    return any(told) if told else None


def frames(data):
    """[(title, [(signal, value, unit), ...]), ...] of an answer to `freeze`."""
    found = []
    for ecu, row in _ecus(data):
        code = field(row, "freeze", "code")
        if not isinstance(code, str):
            continue
        code = plain(code, 12)
        values = [_value(pair) for pair in items(row, "freeze", "values")[:_MAX_ROWS]]
        title = t("%s %s, ECU %s", code, _meaning(code) or t(NO_TEXT), ecu)
        found.append((title, [value for value in values if value]))
    return found


def _value(pair):
    signal, raw = number(pair, 0), number(pair, 1)
    if signal is None or raw is None:
        return None
    try:
        row = words.value(int(signal), raw)
        return row["signal"], row["value"], row["unit"]
    except _WRONG:
        return None


def readiness(data):
    """[(title, [(monitor, state, whether it is done or not there), ...]), ...] of `ready`."""
    found = []
    for ecu, row in _ecus(data):
        told = field(row, "readiness")
        if not isinstance(told, dict):
            continue
        lamp = t("lamp on") if field(told, "mil") is True else t("lamp off")
        count = number(told, "codes")
        shown = "-" if count is None else f"{count:.0f}"
        title = t("ECU %s: %s, %s codes", ecu, lamp, shown)
        rows = []
        for pair in items(told, "monitors")[:_MAX_ROWS]:
            name, state = texts(pair, 0), texts(pair, 1)
            if name and state:
                rows.append((name, state, state != "incomplete"))
        found.append((title, rows))
    return found


@dataclass
class Test:
    ecu: str
    name: str
    value: float
    lowest: float
    highest: float
    unit: str
    passed: bool


def tests(data):
    """[Test, ...] of an answer to `monitor`: failed ones first."""
    found = []
    for ecu, row in _ecus(data):
        for test in items(row, "tests")[:_MAX_ROWS]:
            one = _test(ecu, test)
            if one:
                found.append(one)
    return sorted(found, key=lambda t: t.passed)


def _test(ecu, row):
    numbers = [number(row, i) for i in range(6)]
    if None in numbers:
        return None
    mid, tid, uasid, *raw = [int(value) for value in numbers]
    try:
        scale = monitors.scale(uasid)
        value, low, high = [
            x if scale is None else round(monitors.physical(uasid, x), 6) for x in raw
        ]
        name = f"{mid:02X} {monitors.monitor_name(mid) or ''}, {tid:02X}"
        name = f"{name} {monitors.test_name(tid) or ''}".rstrip()
        unit = scale[3] if scale else f"raw, scale {uasid:02X}"
        return Test(ecu, name, value, low, high, unit, monitors.passed(*raw))
    except _WRONG:
        return None


def vin(visit):
    return texts(visit.data("vin"), "vin")


def car_rows(visit):
    """[(label, value), ...]: what identifies car, adapter and bus."""
    obd = visit.data("obd")
    rows = [("VIN", vin(visit) or "-")] if visit.data("vin") is not None else []
    if obd is not None:
        letter = field(obd, "protocol")
        known = words.protocol(plain(letter, 12)) if isinstance(letter, str) else None
        rows += [
            (t("adapter"), texts(obd, "adapter") or "-"),
            (t("protocol"), known or "-"),
            (t("car's bus"), language.word(texts(obd, "state"))),
        ]
    told = lamp(visit.data("ready"))
    if told is not None:
        rows.append((t("engine lamp"), t("ON") if told else t("off")))
    return rows


def ecus(visit):
    """[[ECU, name, calibrations, verification numbers], ...]"""
    found = []
    for ecu, row in _ecus(visit.data("vin")):
        name = " ".join(filter(None, (texts(row, "acronym"), texts(row, "name"))))
        lists = [
            ", ".join(plain(x, 40) for x in items(row, key)[:8]) or "-"
            for key in ("calibrations", "verifications")
        ]
        found.append([ecu, name or "-", *lists])
    return found
