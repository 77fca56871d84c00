"""The adapter's AT commands: one row each, as ELM Electronics' data sheet names them.

A row is (pattern of the command without AT and spaces, function, meaning). The function gets
the adapter and the pattern's groups and returns the answer's text; what it needs of the adapter
is `settings`, `protocol` and a few methods. A command without a row is answered with `?`.
"""

import re
from dataclasses import dataclass

OK = "OK"
PROTOCOLS = {
    "0": "AUTO",
    "1": "SAE J1850 PWM",
    "2": "SAE J1850 VPW",
    "3": "ISO 9141-2",
    "4": "ISO 14230-4 (KWP 5BAUD)",
    "5": "ISO 14230-4 (KWP FAST)",
    "6": "ISO 15765-4 (CAN 11/500)",
    "7": "ISO 15765-4 (CAN 29/500)",
    "8": "ISO 15765-4 (CAN 11/250)",
    "9": "ISO 15765-4 (CAN 29/250)",
    "A": "SAE J1939 (CAN 29/250)",
    "B": "USER1 (CAN 11/125)",
    "C": "USER2 (CAN 11/50)",
}
_DEFAULT_TIMEOUT = 0x32  # in units of 4.096 ms: about 200 ms


@dataclass
class Settings:
    """What ATD and a reset put back."""

    linefeeds: bool
    echo: bool = True
    spaces: bool = True
    headers: bool = False
    formatting: bool = True  # CAF: frames to messages
    length: bool = False  # D1: the frame's length after the header
    memory: bool = True
    timeout: int = _DEFAULT_TIMEOUT
    adaptive: int = 1
    header: int | None = None  # ATSH; None: to all ECUs
    receive: str | None = None  # ATCRA, hexadecimal with X for any digit


@dataclass
class Protocol:
    """What ATSP chose; `found` once the car has answered in it."""

    number: str
    automatic: bool
    found: bool = False


def answer(adapter, command):
    """The answer to `command` (without AT and spaces), or None if there is no such command."""
    for pattern, function, _ in _ROWS:
        match = pattern.fullmatch(command)
        if match:
            return function(adapter, *match.groups())
    return None


def _switch(name):
    def function(adapter, digit):
        setattr(adapter.settings, name, digit == "1")
        return OK

    return function


def _accepted(adapter, *_):
    return OK


def _timeout(adapter, digits):
    adapter.settings.timeout = int(digits, 16) or _DEFAULT_TIMEOUT
    return OK


def _adaptive(adapter, digit):
    adapter.settings.adaptive = int(digit)
    return OK


def _set_protocol(adapter, automatic, number):
    adapter.choose(Protocol(number, bool(automatic) or number == "0"), keep=True)
    return OK


def _try_protocol(adapter, automatic, number):
    adapter.choose(Protocol(number, bool(automatic) or number == "0"), keep=False)
    return OK


def _close_protocol(adapter):
    adapter.protocol.found = False
    return OK


def _describe_protocol(adapter):
    protocol = adapter.protocol
    name = PROTOCOLS[protocol.number]
    return f"AUTO, {name}" if protocol.automatic and protocol.number != "0" else name


def _protocol_number(adapter):
    return ("A" if adapter.protocol.automatic else "") + adapter.protocol.number


def _header(adapter, digits):
    adapter.settings.header = int(digits, 16)
    return OK


def _receive(adapter, digits):
    adapter.settings.receive = digits or None
    return OK


def _voltage(adapter):
    return f"{adapter.state().voltage:.1f}V"


def _ignition(adapter):
    return "ON" if adapter.state().ignition else "OFF"


def _defaults(adapter):
    adapter.defaults()
    return OK


_ROWS = tuple(
    (re.compile(pattern), function, meaning)
    for pattern, function, meaning in (
        ("E([01])", _switch("echo"), "echo"),
        ("L([01])", _switch("linefeeds"), "line feed after every carriage return"),
        ("S([01])", _switch("spaces"), "spaces between bytes"),
        ("H([01])", _switch("headers"), "header and length bytes"),
        ("D([01])", _switch("length"), "data length code after the header"),
        ("CAF([01])", _switch("formatting"), "CAN auto formatting"),
        ("M([01])", _switch("memory"), "remember the protocol found"),
        ("ST([0-9A-F]{1,2})", _timeout, "wait for answers, in units of 4.096 ms"),
        ("AT([012])", _adaptive, "adaptive timing"),
        ("SP(A?)([0-9A-C])", _set_protocol, "set the protocol; A: else search"),
        ("SP([0-9A-C])(A)", lambda a, n, auto: _set_protocol(a, auto, n), "the same"),
        ("TP(A?)([0-9A-C])", _try_protocol, "try the protocol"),
        ("PC", _close_protocol, "close the protocol"),
        ("DP", _describe_protocol, "describe the protocol"),
        ("DPN", _protocol_number, "the protocol's number"),
        ("SH([0-9A-F]{3}|[0-9A-F]{6})", _header, "header of requests"),
        ("CRA([0-9A-FX]{3}|[0-9A-FX]{8}|)", _receive, "show answers of this id only"),
        ("RV", _voltage, "battery voltage"),
        ("IGN", _ignition, "ignition input"),
        ("I", lambda a: a.banner, "name and version"),
        ("@1", lambda a: "OBDII to RS232 Interpreter", "device description"),
        ("D", _defaults, "all settings to their defaults"),
        ("AL|NL|FE|BI|SS|AR|R[01]|V[01]|CFC[01]|CSM[01]|KW[01]", _accepted, "no effect here"),
        ("CP[0-9A-F]{2}|C[FM]([0-9A-F]{3}|[0-9A-F]{8})", _accepted, "no effect here"),
        ("FCS[HDM].*|TA[0-9A-F]{2}|SW[0-9A-F]{2}|PP.*O(N|FF)", _accepted, "no effect here"),
    )
)
