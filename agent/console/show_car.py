"""What was asked of the car, as people read it (see `show.py`): codes and values with names."""

from agent import signals
from agent.console import lines
from agent.obd import dtc

_KINDS = ("stored", "pending", "permanent")


def render(name, data, texts):
    return _DRAWERS[name](data, texts)


def _ecu(number):
    return "%X" % number if number else "-"


def _value(signal, raw):
    """One line of a frozen value."""
    return signals.name(signal), lines.number(signals.rounded(signal, raw)), signals.unit(signal)


def _missing(d, texts):
    for row in d["missing"]:
        ecu = "" if row["ecu"] is None else _ecu(row["ecu"]) + " "
        yield from lines.row(texts, "missing", "%s%s: %s" % (ecu, row["what"], row["reason"]))


def _codes(d, texts):
    count = 0
    for ecu in d["ecus"]:
        for kind in _KINDS:
            for code in ecu.get(kind, ()):
                count += 1
                text = dtc.text(code) or texts.get("w.maker")
                label = "%-10s %-6s %-4s" % (lines.word(texts, kind), code, _ecu(ecu["id"]))
                yield from lines.wrap(text, label, 23)
    if not count:
        yield texts.get("w.none")


def _dtc(d, texts):
    yield from _codes(d, texts)
    yield from _missing(d, texts)


def _freeze_of(d, texts):
    found = False
    for ecu in d["ecus"]:
        frame = ecu.get("freeze")
        if frame and frame["code"]:
            found = True
            yield texts.get("freeze", frame["code"], _ecu(ecu["id"]))
            for signal, raw in frame["values"]:
                yield ("  %-42s %10s %s" % _value(signal, raw)).rstrip()
    if not found:
        yield texts.get("w.none")


def _freeze(d, texts):
    yield from _freeze_of(d, texts)
    yield from _missing(d, texts)


def _ready_of(d, texts):
    from agent.obd import readiness

    for ecu in d["ecus"]:
        told = ecu.get("readiness")
        if told is None:
            continue
        lamp = texts.get("mil", lines.on_off(texts, told["mil"]), told["codes"])
        yield "%s  %s" % (_ecu(ecu["id"]), lamp)
        for name, state in told["monitors"]:
            if state != readiness.NOT_SUPPORTED:
                yield "  %-32s %s" % (name, lines.word(texts, state))


def _ready(d, texts):
    yield from _ready_of(d, texts)
    yield from _missing(d, texts)


def _vin_of(d, texts):
    from agent.obd import names

    yield from lines.row(texts, "vin", d["vin"])
    for ecu in d["ecus"]:
        parts = [ecu.get("acronym"), ecu.get("name")] + list(ecu.get("calibrations", ()))
        parts += ["CVN %s" % text for text in ecu.get("verifications", ())]
        if "standard" in ecu:
            parts.append(names.name("S", ecu["standard"]))
        if "fuel" in ecu:
            parts.append(names.name("F", ecu["fuel"]))
        yield from lines.row(texts, _ecu(ecu["id"]), *parts)


def _vin(d, texts):
    yield from _vin_of(d, texts)
    yield from _missing(d, texts)


def _monitor_of(d, texts):
    from agent.obd import monitors

    for ecu in d["ecus"]:
        for mid, tid, uasid, value, low, high in ecu.get("tests", ()):
            shown = []
            for raw in (value, low, high):
                number = monitors.physical(uasid, raw)
                shown.append(str(raw) if number is None else "%.6g" % number)
            scale = monitors.scale(uasid)
            is_passed = monitors.passed(value, low, high)
            text = "%s (%s .. %s) %s  %s" % (
                shown[0], shown[1], shown[2], scale[3] if scale else "",
                texts.get("v.ok" if is_passed else "v.fail"),
            )  # fmt: skip
            label = "%s %s, %s" % (
                _ecu(ecu["id"]), monitors.monitor_name(mid) or "%02X" % mid,
                monitors.test_name(tid) or "%02X" % tid,
            )  # fmt: skip
            yield from lines.wrap(label, "", 0)
            line = "    " + text
            yield line if is_passed else lines.red(line)


def _monitor(d, texts):
    yield from _monitor_of(d, texts)
    yield from _missing(d, texts)


def _scan(d, texts):
    yield from _vin_of(d, texts)
    yield ""
    yield from _codes(d, texts)
    yield ""
    yield from _freeze_of(d, texts)
    yield ""
    yield from _ready_of(d, texts)
    yield from _monitor_of(d, texts)
    yield from _missing(d, texts)


_DRAWERS = {
    "dtc": _dtc,
    "freeze": _freeze,
    "ready": _ready,
    "vin": _vin,
    "monitor": _monitor,
    "scan": _scan,
}
