"""Answers as people read them: lines of at most 80 columns, made one by one.

    for line in render(name, data, texts): ...

data is what the command gave, and never changed. Labels come from `texts.txt` in the terminal's
language; what has no label there is shown by its own name.
"""

from agent import port
from agent.console.limits import WIDTH
from agent.console.lines import (
    LABEL,
    age,
    ago,
    closed,
    date,
    degrees,
    megabytes,
    number,
    on_off,
    red,
    row,
    volts,
    word,
    wrap,
)

_QUALITIES = ("none", "good", "degraded", "reckoned")
_SOURCES = ("-", "gnss", "room", "rtc")
_SYSTEMS = "GSEB?JRI"  # letters of RINEX for the systems, in the order of `gps/sky.py`


def render(name, data, texts):
    """An iterator of lines."""
    drawer = _DRAWERS.get(name, _generic)
    return drawer(data, texts)


# Screens


def _status(d, texts):
    head = "%s  agent %s (%s)  %s  %s" % (
        d["vehicle"], d["version"], d["port"], texts.get("up", age(d["uptime"])), d["profile"],
    )  # fmt: skip
    yield head
    c = d["clock"]
    yield from row(texts, "time", date(c["utc"]), _SOURCES[c["source"] or 0])
    g = d["gps"]
    if d["position"]:
        lat, lon = d["position"]
        where = degrees(lat) + ", " + degrees(lon)
        yield from row(texts, "position", where, ago(texts, d["position_age"]))
    if g:
        quality = word(texts, _QUALITIES[g["quality"]])
        yield from row(texts, "gps", quality, word(texts, g["reason"]) if g["reason"] else None,
                       texts.get("sats", g["satellites"] or 0))  # fmt: skip
    car = d["car"]
    if car["state"]:
        values = ["%s %s" % (k, number(car[k])) for k in ("rpm", "speed", "coolant", "fuel")
                  if k in car]  # fmt: skip
        yield from row(texts, "car", word(texts, car["state"]), *values)
    ignition = "%s %s" % (texts.get("l.ignition"), on_off(texts, d["ignition"]))
    state = word(texts, d["power"]) if d["power"] else None
    yield from row(texts, "battery", volts(d["battery"]), ignition, state)
    k = d["link"]
    trip = None if k["round_trip"] is None else "%d ms" % k["round_trip"]
    yield from row(texts, "link", word(texts, k["state"]), k["broker"], trip)
    s = d["storage"]
    yield from row(texts, "journal", texts.get("left", s["left"]), texts.get("lost", s["lost"]),
                   "%s / %s" % (megabytes(s["bytes"]), megabytes(s["quota"])),
                   texts.get("free", megabytes(s["free"])))  # fmt: skip
    u = d["update"]
    if u:
        yield from row(texts, "update", word(texts, u["outcome"]), u["slot"])
    if not d["problems"]:
        yield from row(texts, "problems", texts.get("w.none"))
    for problem in d["problems"]:
        yield from _problem(problem, texts)


def _problem(p, texts):
    """What is wrong, in red, and what to do about it."""
    for line in row(texts, p["part"], _fault(p, texts)):
        yield red(line)
    yield from wrap(texts.get("d." + p["fault"]), "", LABEL)


def _fault(p, texts):
    text = texts.get("f." + p["fault"])
    return text % tuple(p["about"][: text.count("%s")]) if "%s" in text else text


def _selftest(d, texts):
    wrong = 0
    for p in d["parts"]:
        label = "%-9s" % word(texts, p["part"])
        verdict = "%-5s" % texts.get("v." + p["verdict"])
        if p["fault"]:
            wrong += 1
            for line in wrap(_fault(p, texts), label + verdict, 15):
                yield red(line)
            yield from wrap(texts.get("d." + p["fault"]), "", 15)
        else:
            yield (label + verdict).rstrip()
    yield texts.get("found", wrong)


def _gps(d, texts):
    yield from row(texts, "receiver", d["receiver"] and d["receiver"][0], closed(texts, d["open"]))
    quality = word(texts, _QUALITIES[d["quality"]])
    reason = word(texts, d["reason"]) if d["reason"] else None
    yield from row(texts, "quality", quality, reason, texts.get("sats", d["satellites"] or 0))
    fix = d.get("fix")
    if fix and fix[0] is not None:
        where = degrees(fix[0]) + ", " + degrees(fix[1])
        alt = None if fix[2] is None else "%d m" % (fix[2] // 100)
        speed = None if fix[3] is None else "%d km/h" % (fix[3] * 9 // 250)
        course = None if fix[4] is None else "%d deg" % (fix[4] // 100)
        yield from row(texts, "position", where, alt, speed, course)
    yield from row(texts, "antenna", word(texts, d["antenna"]))
    yield from row(texts, "jamming", word(texts, d["jamming"]))
    if d["sky"]:
        yield texts.get("sky")
        for system, number, up, round_, snr in d["sky"]:
            name = "?" if system is None or system >= len(_SYSTEMS) else _SYSTEMS[system]
            bar = "-" if snr is None else "%2d %s" % (snr, "#" * (snr // 2))
            cells = (name, number, _cell(up, 9), _cell(round_, 8), bar)
            yield "  %s %3d %s %s   %s" % cells
    for line in d.get("raw", ()):
        yield line[:WIDTH]


def _cell(value, width):
    text = "-" if value is None else str(value)
    return " " * (width - len(text)) + text


def _link(d, texts):
    yield from row(
        texts, "state", word(texts, d["state"]), d["broker"], "TLS" if d["tls"] else None
    )
    for which, _, ends in d["certificates"]:
        until = texts.get("until", date(ends)) if ends is not None else texts.get("w.unread")
        yield from row(texts, which, until)
    trip = "-" if d["round_trip"] is None else "%d ms + %d ms" % (d["round_trip"], d["queue"])
    yield from row(texts, "trip", trip)
    counts = "%d bytes, %d / %d" % (d["window"], d["pubacks_outstanding"], d["unproved"])
    yield from row(texts, "window", counts)
    for name, state, since, signal, cause in d.get("ways") or ():
        dbm = None if signal is None else "%d dBm" % signal
        yield from row(texts, name, word(texts, state), dbm, ago(texts, since), cause)
    if d["wait"] is not None:
        yield from row(texts, "wait", age(d["wait"]))
    if d["cause"]:
        yield from row(texts, "cause", d["cause"], ago(texts, d["trouble"]), d["detail"])


def _inputs(d, texts):
    for name in sorted(d):
        level, since, is_stuck = d[name]
        when = since is not None and ago(texts, since)
        told = is_stuck and red(texts.get("w.stuck"))
        yield from row(texts, name, on_off(texts, level), when, told)
    if not d:
        yield texts.get("w.none")


def _power(d, texts):
    from agent.console import show_power

    port.forget("agent.console.show_power")
    return show_power.draw(d, texts)


def _time(d, texts):
    yield from row(texts, "time", date(d["utc"]), _SOURCES[d["source"] or 0])
    if d["uncertainty"] is not None:
        yield from row(texts, "uncertainty", "%d ms" % d["uncertainty"])
    yield from row(texts, "machine", date(d["machine"]))
    yield from row(texts, "uptime", age(d["uptime"]))


def _events(d, texts):
    for event in d["events"]:
        fields = " ".join([str(field) for field in event[2:]])
        yield from wrap(fields, "%-14s %-16s" % (ago(texts, event[0]), event[1]), 32)
    if not d["events"]:
        yield texts.get("w.none")


def _log(d, texts):
    for line in d["lines"]:
        yield from wrap(line, "", 0)


def _config(d, texts):
    if not isinstance(d["value"], (dict, list)):
        yield "%s = %s" % (d["key"], d["value"])
        return
    yield from _generic(d["value"], texts)


def _differences(d, texts):
    for key, said, held in d["differences"]:
        yield from wrap(texts.get("differs", said, held), key, max(len(key) + 2, 24))
    if not d["differences"]:
        yield texts.get("w.none")


def _generic(d, texts, depth=0):
    """Any data: names and values, one a line, groups moved in."""
    lead = "  " * depth
    if isinstance(d, dict):
        for key in sorted(d):
            value = d[key]
            if value and (isinstance(value, dict) or _is_rows(value)):
                yield lead + key
                yield from _generic(value, texts, depth + 1)
            else:
                shown = "-" if value is None else number(value)
                yield from wrap(shown, "%s%s" % (lead, key), max(26, len(lead + key) + 1))
    elif isinstance(d, (list, tuple)):
        for value in d:
            if isinstance(value, dict):
                yield from _generic(value, texts, depth)
            else:
                yield from wrap(number(value), lead, len(lead))
    elif d is None:
        yield texts.get("done")
    else:
        yield from wrap(number(d), lead, len(lead))


def _is_rows(value):
    return isinstance(value, (list, tuple)) and bool(value) and isinstance(value[0], (dict, list))


_DRAWERS = {
    "status": _status,
    "selftest": _selftest,
    "gps": _gps,
    "link": _link,
    "inputs": _inputs,
    "power": _power,
    "time": _time,
    "events": _events,
    "log": _log,
    "config-get": _config,
    "config-diff": _differences,
}
