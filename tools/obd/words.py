"""Ids, protocols and trouble codes as people and programs read them."""

from agent import signals
from agent.obd import dtc, names

protocol = names.protocol  # its name by the letter that the agent's drivers have


def ecu(number):
    """7E8, 18DAF110, or the address of a bus before CAN: 10; "-" without a header."""
    return f"{number:X}" if number else "-"


def code(text, number=None):
    """A trouble code as JSON: what it means, and which ECU has it."""
    row = {"code": text, "text": dtc.text(text)}
    return row if number is None else {**row, "ecu": ecu(number)}


def value(signal, raw):
    """A signal's raw value as JSON."""
    return {
        "signal": signals.name(signal),
        "value": round(signals.physical(signal, raw), 6),
        "unit": signals.unit(signal),
    }
