"""Ids, protocols and trouble codes as people and programs read them."""

from agent import signals
from agent.obd import dtc

# By the letter that ATDPN and the agent's drivers have (ELM327 data sheet, ATSP)
PROTOCOLS = {
    "1": "SAE J1850 PWM, 41.6 kbit/s",
    "2": "SAE J1850 VPW, 10.4 kbit/s",
    "3": "ISO 9141-2, 5 baud init",
    "4": "ISO 14230-4 KWP, 5 baud init",
    "5": "ISO 14230-4 KWP, fast init",
    "6": "ISO 15765-4 CAN, 11 bit, 500 kbit/s",
    "7": "ISO 15765-4 CAN, 29 bit, 500 kbit/s",
    "8": "ISO 15765-4 CAN, 11 bit, 250 kbit/s",
    "9": "ISO 15765-4 CAN, 29 bit, 250 kbit/s",
    "A": "SAE J1939 CAN, 29 bit, 250 kbit/s",
    "B": "user CAN 1",
    "C": "user CAN 2",
}


def protocol(letter):
    """The name of a protocol; None while it is unknown."""
    return None if letter is None else PROTOCOLS.get(letter, f"protocol {letter}")


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
