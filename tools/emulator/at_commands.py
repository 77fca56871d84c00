"""The adapter's AT commands: one row each, as ELM Electronics' data sheet names them.

A row is (version that brought it, pattern of the command without AT and spaces, function,
meaning). The function gets the adapter and the pattern's groups and returns the answer's text;
what it needs of the adapter is `settings`, `protocol` and a few methods. None is answered with
`?`, as is a command without a row; SAID means that the adapter has said everything itself.
"""

import re
from dataclasses import dataclass

from tools.emulator import legacy

OK = "OK"
SAID = ""
TIMEOUT_UNIT = 0.004096  # s, of ATST
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
_LOW_POWER = 1.0  # s from ATLP until the adapter sleeps
_BAUD_UNIT = 4_000_000  # baud, divided by what ATBRD says
_BAUD_WAIT_UNIT = 0.005  # s, of ATBRT


@dataclass
class Settings:
    """What ATD and a reset put back."""

    linefeeds: bool
    timeout: int  # in units of 4.096 ms
    echo: bool = True
    spaces: bool = True
    headers: bool = False
    formatting: bool = True  # CAF: frames to messages
    length: bool = False  # D1: the frame's length after the header
    memory: bool = True
    long: bool = False  # AL: requests of eight bytes
    responses: bool = True  # R1
    adaptive: int = 1
    multiplier: int = 1  # CTM
    wait: float | None = None  # s instead of `timeout` (STPTO)
    header: int | None = None  # ATSH; None: to all ECUs
    priority: int = 0x18  # ATCP: the highest five bits of a 29-bit id
    receive: str | None = None  # ATCRA, hexadecimal with X for any digit
    filter: int | None = None  # ATCF
    mask: int | None = None  # ATCM
    flow_control: bool = True  # ATCFC
    flow_mode: int = 0  # ATFCSM
    flow_header: int | None = None
    flow_data: bytes = b""


@dataclass
class Protocol:
    """What ATSP chose; `found` once the car has answered in it."""

    number: str
    automatic: bool
    found: bool = False


def answer(adapter, command):
    """The answer to `command` (without AT and spaces), or None if there is no such command."""
    kind = adapter.kind
    if kind.lacks and re.fullmatch(kind.lacks, command):
        return None
    for version, pattern, function, _ in _ROWS:
        match = pattern.fullmatch(command)
        if match and version <= kind.version:
            return function(adapter, *match.groups())
    return None


def _switch(name):
    def function(adapter, digit):
        setattr(adapter.settings, name, digit == "1")
        return OK

    return function


def _constant(name, value):
    def function(adapter, *_):
        setattr(adapter.settings, name, value)
        return OK

    return function


def _accepted(adapter, *_):
    return OK


def _spaces(adapter, digit):
    adapter.settings.spaces = digit == "1" or adapter.kind.spaces_stuck
    return OK


def _echo(adapter, digit):
    adapter.settings.echo = digit == "1" or adapter.kind.echo_stuck
    return OK


def _timeout(adapter, digits):
    adapter.settings.timeout = int(digits, 16) or adapter.default_timeout()
    adapter.settings.wait = None
    return OK


def _adaptive(adapter, digit):
    adapter.settings.adaptive = int(digit)
    return OK


def _multiplier(adapter, digit):
    adapter.settings.multiplier = int(digit)
    return OK


def _set_protocol(adapter, automatic, number, keep=True):
    adapter.choose(Protocol(number, bool(automatic) or number == "0"), keep=keep)
    return OK


def _erase_protocol(adapter):
    return _set_protocol(adapter, True, "0")


def _try_protocol(adapter, automatic, number):
    return _set_protocol(adapter, automatic, number, keep=False)


def _close_protocol(adapter):
    adapter.protocol.found = adapter.initialized = False
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


def _priority(adapter, digits):
    adapter.settings.priority = int(digits, 16) & 0x1F
    return OK


def _receive(adapter, digits):
    adapter.settings.receive = digits or None
    if not digits:
        adapter.settings.filter = adapter.settings.mask = None
    return OK


def _id_setting(name):
    def function(adapter, digits):
        setattr(adapter.settings, name, int(digits, 16))
        return OK

    return function


def _automatic_receive(adapter):
    return _receive(adapter, "")


def _flow_mode(adapter, digit):
    settings = adapter.settings
    if digit == "1" and settings.flow_header is None or digit != "0" and not settings.flow_data:
        return None  # what it needs has to be set before
    settings.flow_mode = int(digit)
    return OK


def _flow_data(adapter, digits):
    adapter.settings.flow_data = bytes.fromhex(digits)
    return OK


def _voltage(adapter):
    return f"{adapter.voltage():.1f}V"


def _calibrate(adapter, digits):
    """ATCV dddd: what is measured now is dd.dd V; 0000 takes that back."""
    adapter.calibrate(int(digits) / 100)
    return OK


def _ignition(adapter):
    return "ON" if adapter.state().ignition else "OFF"


def _defaults(adapter):
    adapter.defaults()
    return OK


def _can_status(adapter):
    sent = "OFF" if adapter.can_errors > 0xFF else f"{adapter.can_errors:02X}"
    return f"T:{sent} R:00"


def _key_words(adapter):
    words = legacy.KEY_WORDS.get(adapter.obd.protocol) if adapter.initialized else None
    return "1:{:02X} 2:{:02X}".format(*words) if words else "1:-- 2:--"


def _initiate(numbers):
    def function(adapter):
        if adapter.protocol.number not in numbers:
            return None
        adapter.initiate()
        return SAID

    return function


def _monitor(adapter, *_):
    adapter.monitor()
    return SAID


def _baud(adapter, digits):
    divisor = int(digits, 16)
    if not divisor:
        return None
    adapter.change_baud(round(_BAUD_UNIT / divisor), adapter.banner)
    return SAID


def _baud_wait(adapter, digits):
    adapter.baud_wait = (int(digits, 16) or 0x100) * _BAUD_WAIT_UNIT
    return OK


def _forget(adapter):
    adapter.can_blocked = False
    return OK


def _low_power(adapter):
    adapter.sleep(_LOW_POWER)
    return OK


def _buffer_dump(adapter):
    return " ".join(["00"] * 13)  # the length, then the first twelve bytes


def _store_byte(adapter, digits):
    adapter.stored_byte = digits
    return OK


def _needs_j1939(adapter, *_):
    if adapter.protocol.number != "A":
        return None
    adapter.monitor()
    return SAID


def _parameter(adapter, number, action):
    return OK if adapter.parameters.switch(int(number, 16), action == "ON") else None


def _parameter_value(adapter, number, value):
    return OK if adapter.parameters.set(int(number, 16), int(value, 16)) else None


_HEX = "[0-9A-F]"
_ROWS = tuple(
    (version, re.compile(pattern), function, meaning)
    for version, pattern, function, meaning in (
        (1.0, "E([01])", _echo, "echo"),
        (1.0, "L([01])", _switch("linefeeds"), "line feed after every carriage return"),
        (1.3, "S([01])", _spaces, "spaces between bytes"),
        (1.0, "H([01])", _switch("headers"), "header and length bytes"),
        (1.3, "D([01])", _switch("length"), "data length code after the header"),
        (1.0, "CAF([01])", _switch("formatting"), "CAN auto formatting"),
        (1.0, "M([01])", _switch("memory"), "remember the protocol found"),
        (1.0, "R([01])", _switch("responses"), "wait for answers"),
        (1.0, "AL", _constant("long", True), "long messages"),
        (1.0, "NL", _constant("long", False), "messages of normal length"),
        (1.0, f"ST({_HEX}{{1,2}})", _timeout, "wait for answers, in units of 4.096 ms"),
        (2.1, "[CJ]TM([15])", _multiplier, "units of ATST times 1 or 5"),
        (1.2, "AT([012])", _adaptive, "adaptive timing"),
        (1.3, "SP00", _erase_protocol, "erase the protocol that is saved"),
        (1.0, "SP(A?)([0-9A-C])", _set_protocol, "set the protocol; A: else search"),
        (1.0, "SP([0-9A-C])(A)", lambda a, n, auto: _set_protocol(a, auto, n), "the same"),
        (1.0, "TP(A?)([0-9A-C])", _try_protocol, "try the protocol"),
        (1.4, "SS", _accepted, "search in the order of SAE J1978"),
        (1.0, "PC", _close_protocol, "close the protocol"),
        (1.0, "DP", _describe_protocol, "describe the protocol"),
        (1.0, "DPN", _protocol_number, "the protocol's number"),
        (1.0, f"SH({_HEX}{{3}}|{_HEX}{{6}})", _header, "header of requests"),
        (2.0, f"SH({_HEX}{{8}})", _header, "header of requests, 29 bits"),
        (1.0, f"CP({_HEX}{{2}})", _priority, "highest bits of a 29-bit header"),
        (1.4, "CRA()", _receive, "show all answers to this tester"),
        (1.3, f"CRA({_HEX}{{3}}|{_HEX}{{8}})", _receive, "show answers of this id only"),
        (2.0, "CRA([0-9A-FX]{3}|[0-9A-FX]{8})", _receive, "the same, X for any digit"),
        (1.0, f"CF({_HEX}{{3}}|{_HEX}{{8}})", _id_setting("filter"), "id filter"),
        (1.0, f"CM({_HEX}{{3}}|{_HEX}{{8}})", _id_setting("mask"), "id mask"),
        (1.2, "AR", _automatic_receive, "receive address by itself"),
        (1.2, f"(?:SR|RA|TA|IIA){_HEX}{{2}}", _accepted, "receive and tester address"),
        (1.0, "CFC([01])", _switch("flow_control"), "send flow controls"),
        (1.1, "FCSM([012])", _flow_mode, "flow control: which parts are given"),
        (1.1, f"FCSH({_HEX}{{3}}|{_HEX}{{8}})", _id_setting("flow_header"), "its header"),
        (1.1, f"FCSD((?:{_HEX}{{2}}){{1,5}})", _flow_data, "its data"),
        (1.4, f"CEA(?:{_HEX}{{2}})?", _accepted, "extended address"),
        (1.4, f"CSM[01]|PB{_HEX}{{4}}", _accepted, "silent monitoring; protocol B"),
        (1.3, "V[01]", _accepted, "frames of variable length"),
        (1.0, "CS", _can_status, "error counters of CAN"),
        (1.2, "IFR[0-2HS456]", _accepted, "in-frame responses"),
        (1.0, f"IB(?:10|12|15|48|96)|SW{_HEX}{{2}}|WM(?:{_HEX}{{2}}){{1,6}}", _accepted, "ISO bus"),
        (1.2, "KW[01]", _accepted, "check key words"),
        (1.3, "KW", _key_words, "key words"),
        (1.4, "FI", _initiate("5"), "fast initiation"),
        (1.4, "SI", _initiate("34"), "slow initiation"),
        (1.0, "BI", _accepted, "bypass the initialization"),
        (1.0, f"MA|M[RT]{_HEX}{{2}}", _monitor, "show what is on the bus"),
        (1.2, f"DM1|MP{_HEX}{{4,6}}{_HEX}?", _needs_j1939, "J1939 messages"),
        (1.3, "J[ES]|JHF[01]", _accepted, "form of J1939"),
        (1.0, "BD", _buffer_dump, "dump the buffer"),
        (1.0, "RV", _voltage, "battery voltage"),
        (1.0, r"CV(\d{4})", _calibrate, "calibrate the voltage"),
        (1.4, "IGN", _ignition, "ignition input"),
        (1.2, f"BRD({_HEX}{{2}})", _baud, "try a baud rate"),
        (1.2, f"BRT({_HEX}{{2}})", _baud_wait, "how long to wait for the other side then"),
        (1.0, "I", lambda a: a.banner, "name and version"),
        (1.0, "@1", lambda a: a.kind.device, "device description"),
        (1.3, "@2", lambda a: a.identifier, "device identifier, if one was stored"),
        (1.3, "@3([ -~]{12})", lambda a, text: a.identify(text), "store it, once"),
        (1.4, f"SD({_HEX}{{2}})", _store_byte, "save a byte"),
        (1.4, "RD", lambda a: a.stored_byte, "read it"),
        (1.0, "D", _defaults, "all settings to their defaults"),
        (1.4, "LP", _low_power, "sleep until a character comes"),
        (1.3, "FE", _forget, "forget events"),
        (2.0, "AMC", lambda a: "00", "activity monitor count"),
        (2.0, f"AMT{_HEX}{{2}}", _accepted, "activity monitor time-out"),
        (1.1, "PPS", lambda a: a.parameters.summary(), "programmable parameters"),
        (1.0, f"PP({_HEX}{{2}})(ON|OFF)", _parameter, "use a programmable parameter, or not"),
        (1.0, f"PP({_HEX}{{2}})SV({_HEX}{{2}})", _parameter_value, "its value"),
    )
)
