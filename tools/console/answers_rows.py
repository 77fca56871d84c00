"""Answers about the gateway as rows: (label, value, "good" | "warn" | "bad" | None).

Each function takes the data of one command (agent/console/look.py, agent/console/states.py).
"""

from datetime import UTC, datetime

from tools.console.answers import FIX_FRESH_MS, position
from tools.console.fields import field, items, number, texts
from tools.console.language import t, word
from tools.console.words import plain, seconds, size

_SOURCES = {0: "none", 1: "GNSS", 2: "room", 3: "machine's own"}  # agent/records.py
_VOLTAGES = (("measured", "own reading"), ("adapter", "adapter"), ("module", "car's ECU"))
_SOON_MS = 30 * 86_400_000  # a certificate that ends within a month is told


def link_rows(data):
    state = texts(data, "state")
    rows = [(t("state"), word(state), "good" if state == "online" else "bad")]
    if state == "online":
        proved = field(data, "proved") is True
        rows.append(
            (t("room"), t("answers") if proved else t("silent"), "good" if proved else "warn")
        )
    tls = field(data, "tls")
    safe = "" if tls is None else (", TLS" if tls else t(", no TLS"))
    rows.append((t("broker"), (texts(data, "broker") or "-") + safe, None))
    trip = number(data, "round_trip")
    rows.append((t("round trip"), "-" if trip is None else f"{trip:.0f} ms", None))
    under_way = number(data, "unproved")
    if under_way is not None:
        rows.append((t("unproved"), _count(under_way), None))
    if field(data, "cause"):
        is_old = state == "online"
        cause = f"{texts(data, 'cause')}: {texts(data, 'detail') or '-'}"
        ago = seconds(number(data, "trouble"))
        rows.append((t("trouble"), t("%s, %s ago", cause, ago), None if is_old else "warn"))
    if state != "online" and number(data, "wait") is not None:
        rows.append((t("tries again"), t("in %s", seconds(number(data, "wait"))), None))
    return rows + certificate_rows(data)


def certificate_rows(data, now_ms=None):
    """Certificates with the day on which they end; now_ms: UTC, of this machine without."""
    now_ms = datetime.now(UTC).timestamp() * 1000 if now_ms is None else now_ms
    rows = []
    for row in items(data, "certificates")[:8]:
        name = {"cert": t("certificate"), "ca": t("authority")}.get(
            field(row, 0), texts(row, 0) or "-"
        )
        ends = number(row, 2)
        if ends is None:
            rows.append((name, t("cannot be read"), "bad"))
        else:
            judged = "bad" if ends < now_ms else "warn" if ends < now_ms + _SOON_MS else None
            rows.append((name, t("until %s", _day(ends)), judged))
    return rows


def journal_rows(data):
    counters = field(data, "counters")
    lost = number(counters, "frames_lost")
    errors = [number(counters, name) for name in ("write_errors", "read_errors")]
    rows = [
        (t("waiting"), _count(number(data, "left")), None),
        (t("takes"), size(number(data, "bytes")), None),
        (t("written"), _count(number(counters, "frames_journalled")), None),
        (t("proved"), _count(number(counters, "frames_acknowledged")), None),
        (t("lost"), _count(lost), "bad" if lost else None),
    ]
    if any(errors):
        counts = [f"{count or 0:.0f}" for count in errors]
        rows.append((t("errors"), t("%s writing, %s reading", *counts), "bad"))
    return rows


def _count(value):
    if value is None:
        return "-"
    return t("1 frame") if value == 1 else t("%s frames", f"{value:.0f}")


def gps_rows(data):
    fix = position(data)
    # What the receiver says of itself: model first, then software.
    rows = [
        (t("receiver"), ", ".join(plain(x, 40) for x in items(data, "receiver")[:2]) or "-", None)
    ]
    if fix is None:
        return [*rows, (t("position"), t("none"), "bad")]
    judged = "good" if fix.quality == "good" else "warn"
    rows += [
        (t("position"), fix.place(), None),
        (t("quality"), fix.quality_words(), judged),
        (t("satellites"), f"{fix.words('sats')}, hdop {fix.words('hdop')}", None),
        (t("age"), seconds(fix.age_ms), "warn" if (fix.age_ms or 0) > FIX_FRESH_MS else None),
    ]
    for name in ("antenna", "jamming"):
        said = texts(data, name)
        if said:
            rows.append((t(name), word(said), None if said in ("ok", "none") else "warn"))
    return rows


def power_rows(data):
    volts = number(data, "battery")
    rows = [(t("battery"), "-" if volts is None else _volts(volts), None)]
    rows += _machine_rows(field(data, "machine"))
    for key, label in (
        ("measured", "own reading"),
        ("adapter", "adapter"),
        ("module", "car's ECU"),
    ):
        if number(data, key) is not None:
            rows.append((t(label), _volts(number(data, key)), None))
    rows.append((t("ignition"), _level(field(data, "ignition")), None))
    return [*rows, (t("car's bus"), word(texts(data, "obd")), None)]


def _machine_rows(machine):
    """Of power states; none where the gateway never sleeps."""
    if not isinstance(machine, dict):
        return []
    why = texts(machine, "why")
    said = t("%s for %s", word(texts(machine, "state")), seconds(number(machine, "since")))
    rows = [(t("state"), said + (f", {word(why)}" if why else ""), None)]
    if field(machine, "hold"):
        rows.append((t("asleep"), t("not while: %s", word(texts(machine, "hold"))), None))
    elif number(machine, "sleeps") is not None:
        rows.append((t("asleep"), t("in %s", seconds(number(machine, "sleeps"))), None))
    wakes = [word(plain(name, 12)) for name in items(machine, "wakes")[:8]]
    if number(machine, "timer") is not None:
        wakes.append(t("timer after %s", seconds(number(machine, "timer"))))
    rows.append((t("woken by"), ", ".join(wakes) or t("nothing"), None if wakes else "warn"))
    cutout, is_low = number(machine, "cutout"), field(machine, "low") is True
    if cutout is not None:
        rows.append((t("cut-out"), _volts(cutout) + (t(", battery is low") if is_low else ""),
                     "bad" if is_low else None))  # fmt: skip
    return rows


def _volts(mv):
    return f"{mv / 1000:.1f} V"


def input_rows(data):
    if not isinstance(data, dict) or not data:
        return [(t("inputs"), t("none is wired"), None)]
    return [_input(plain(name, 12), row) for name, row in list(data.items())[:16]]


def _input(name, row):
    text = t("%s, for %s", _level(field(row, 0)), seconds(number(row, 1)))
    is_stuck = field(row, 2) is True
    return word(name), text + (t(", stuck") if is_stuck else ""), "bad" if is_stuck else None


def _level(value):
    return {True: t("on"), False: t("off")}.get(value, "-") if isinstance(value, bool) else "-"


def clock_rows(data):
    utc = number(data, "utc")
    machine = number(data, "machine")
    source = number(data, "source")
    rows = [
        ("UTC", _moment(utc), "warn" if utc is None else None),
        (t("source"), t(_SOURCES.get(source, "-")), None),
        (t("own clock"), _moment(machine), None),
    ]
    off = None if utc is None or machine is None else abs(utc - machine)
    return [*rows, (t("apart by"), seconds(off), "warn" if (off or 0) > 60_000 else None)]


def version_rows(data):
    rows = [
        (t("vehicle"), texts(data, "vehicle") or "-", None),
        (t("agent"), f"{texts(data, 'version') or '-'}, {texts(data, 'port') or '-'}", None),
        (t("running for"), seconds(number(data, "uptime")), None),
        (t("profile"), texts(data, "profile") or "-", None),
    ]
    free = number(data, "storage", "free")
    if free is not None:
        rows.append((t("storage free"), size(free), None))
    update = field(data, "update")
    if isinstance(update, dict):
        trial = field(update, "trial") is True
        text = t("slot %s, %s", texts(update, "slot"), word(texts(update, "outcome")))
        text += t(", on trial") if trial else ""
        rows.append((t("release"), text, "warn" if trial else None))
    return rows


# (title, command, rows of its data): the report's view of the gateway
GATEWAY = (
    ("Agent", "status", version_rows),
    ("Position", "gps", gps_rows),
    ("Link and certificates", "link", link_rows),
    ("Journal", "journal", journal_rows),
    ("Clock", "time", clock_rows),
    ("Power", "power", power_rows),
    ("Inputs", "inputs", input_rows),
)


def _day(ms):
    when = _utc(ms)
    return when.strftime("%Y-%m-%d") if when else "-"


def _moment(ms):
    when = _utc(ms) if ms is not None else None
    return when.strftime("%Y-%m-%d %H:%M:%S") if when else "-"


def _utc(ms):
    try:
        return datetime.fromtimestamp(ms / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None
