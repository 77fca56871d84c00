"""Events in words: trouble codes with what they mean, values with units, readiness by name."""

from agent import signals
from agent.obd import dtc, readiness

_INCOMPLETE = "not ready: %s"


def event_text(name, fields):
    """What an event says, for people; None where its fields say it themselves. What does not have
    the expected form is left to the fields, too: it comes from outside."""
    writer = _WRITERS.get(name)
    if writer is None or not isinstance(fields, list):
        return None
    try:
        return writer(*fields)
    except (TypeError, ValueError, IndexError, KeyError, OverflowError):
        return None


def code_text(code):
    """ "P0301 Cylinder 1: misfire"; the code alone where it has no text."""
    text = dtc.text(code)
    return f"{code} {text}" if text else code


def value_text(signal, raw):
    """ "rpm 1726 rpm"."""
    unit = signals.unit(signal)
    shown = f"{signals.physical(signal, raw):.6g}"
    return f"{signals.name(signal)} {shown}" + (f" {unit}" if unit else "")


def _codes(kind, *codes):
    return f"{kind}: " + ("; ".join(code_text(code) for code in codes) or "none")


def _freeze_frame(ecu, code, *pairs):
    values = zip(pairs[::2], pairs[1::2], strict=True)
    text = ", ".join(value_text(signal, raw) for signal, raw in values)
    return f"{code_text(code)} (ECU {ecu:X}): {text}"


def _readiness(ecu, number):
    told = readiness.decode(int(number).to_bytes(4, "big"))
    waiting = readiness.incomplete(told)
    lamp = "MIL on" if told["mil"] else "MIL off"
    ready = _INCOMPLETE % ", ".join(waiting) if waiting else "all monitors ready"
    return f"ECU {ecu:X}: {lamp}, {told['codes']} codes, {ready}"


def _cleared(done, reason):
    return "trouble codes cleared" if done else f"trouble codes not cleared: {reason}"


_WRITERS = {
    "dtc": _codes,
    "freeze_frame": _freeze_frame,
    "readiness": _readiness,
    "dtc_cleared": _cleared,
}
