"""The ST commands of an STN adapter, beside its AT commands (OBD Solutions' reference manual).

Rows as in at_commands.py: (pattern of the command without ST and spaces, function, meaning).
The manual's filters, sleep triggers and factory settings are accepted and have no effect.
"""

import re

from tools.emulator.at_commands import OK, SAID, Protocol

# STP number, the ELM327's number, what STPRS says, bits a second.
_PRESETS = (
    (11, "1", "SAE J1850 PWM", 41600),
    (12, "2", "SAE J1850 VPW", 10400),
    (22, "3", "ISO 9141-2 (5 baud autoinit)", 10400),
    (24, "4", "ISO 14230-4 (5 baud autoinit)", 10400),
    (25, "5", "ISO 14230-4 (fast autoinit)", 10400),
    (33, "6", "ISO 15765, 11-bit Tx, 500kbps, DLC=8", 500000),
    (34, "7", "ISO 15765, 29-bit Tx, 500kbps, DLC=8", 500000),
    (35, "8", "ISO 15765, 11-bit Tx, 250kbps, DLC=8", 250000),
    (36, "9", "ISO 15765, 29-bit Tx, 250kbps, DLC=8", 250000),
    (42, "A", "J1939 (29-bit Tx)", 250000),
)
_LONGEST = 65.534  # s: an infinite time-out; V: the most that STVR shows
_BAUDS = (38, 10_000_000)
_RELEASED = "[2021.03.09]"


def answer(adapter, command):
    """The answer to `command` (without ST and spaces); None: `?`, also from an adapter that has
    no ST commands."""
    if not adapter.kind.firmware:
        return None
    for pattern, function, _ in _ROWS:
        match = pattern.fullmatch(command)
        if match:
            return function(adapter, *match.groups())
    return None


def _preset(adapter):
    return next((row for row in _PRESETS if row[1] == adapter.protocol.number), None)


def _set_preset(adapter, digits):
    for number, letter, _, _ in _PRESETS:
        if number == int(digits):
            adapter.choose(Protocol(letter, False), keep=False)
            return OK
    return None


def _preset_number(adapter):
    row = _preset(adapter)
    return str(row[0]) if row else "AUTO"


def _preset_text(adapter):
    row = _preset(adapter)
    return row[2] if row else "AUTO"


def _bus_rate(adapter):
    row = _preset(adapter)
    return str(row[3]) if row else None


def _open(adapter):
    if adapter.protocol.number in ("3", "4", "5"):
        adapter.initiate()
        return SAID
    return OK


def _close(adapter):
    adapter.protocol.found = adapter.initialized = False
    return OK


def _timeout(adapter, digits):
    adapter.settings.wait = int(digits) / 1000 or _LONGEST
    return OK


def _baud(adapter, digits):
    if not _BAUDS[0] <= int(digits) <= _BAUDS[1]:
        return None
    adapter.change_baud(int(digits), adapter.kind.firmware)
    return SAID


def _baud_now(adapter, digits):
    if not _BAUDS[0] <= int(digits) <= _BAUDS[1]:
        return None
    adapter.switch_baud(int(digits))
    return SAID


def _baud_wait(adapter, digits):
    adapter.baud_wait = int(digits) / 1000
    return OK


def _write_baud(adapter):
    adapter.default_baud = adapter.baud
    return OK


def _voltage(adapter, digits):
    volts = adapter.voltage()
    return f"{volts:.{int(digits or 2)}f}" if volts < _LONGEST else "--.--"


def _steps(adapter):
    return f"0x{min(0xFFF, round(adapter.voltage() / 32 * 0xFFF)):03X}"


def _serial(adapter):
    return adapter.kind.firmware[3:7] + "00041768"


def _information(adapter):
    kind = adapter.kind
    return "\r".join(
        (
            f"Device: {kind.hardware}",
            f"Firmware: {kind.firmware} {_RELEASED}",
            "Mfr: OBD Solutions LLC",
            f"Serial #: {_serial(adapter)}",
        )
    )


def _transmit(adapter, text):
    """STPX h:7E0,d:010C,t:50,r:1: one request with settings of its own."""
    given = {}
    for part in text.split(","):
        key, colon, value = part.partition(":")
        if not colon or key not in ("H", "D", "T", "R", "X", "F") or key in given:
            return None
        given[key] = value
    data = given.get("D", "")
    header = given.get("H", "")
    decimal = all(given.get(key, "0").isdigit() for key in ("T", "R"))
    if not decimal or len(data) % 2 or not re.fullmatch("([0-9A-F]{2})+", data):
        return None
    if header and not re.fullmatch("[0-9A-F]{3}|[0-9A-F]{6}|[0-9A-F]{8}", header):
        return None
    adapter.transmit(
        bytes.fromhex(data),
        header=int(header, 16) if header else None,
        count=int(given["R"]) if "R" in given else None,
        wait=int(given["T"]) / 1000 if "T" in given else None,
    )
    return SAID


def _monitor(adapter, *_):
    adapter.monitor()
    return SAID


def _sleep(adapter, seconds):
    adapter.sleep(float(seconds or 0))
    return OK


def _accepted(adapter, *_):
    return OK


_ROWS = tuple(
    (re.compile(pattern), function, meaning)
    for pattern, function, meaning in (
        ("I", lambda a: a.kind.firmware, "firmware"),
        ("IX", lambda a: f"{a.kind.firmware} {_RELEASED}", "firmware and its date"),
        ("DI", lambda a: a.kind.hardware, "device"),
        ("DIX", _information, "all about the device"),
        ("DIC[EP][SO]|DITPO", lambda a: "14", "starts, power-ons, seconds since"),
        ("MFR", lambda a: "OBD Solutions LLC", "maker"),
        ("SN", _serial, "serial number"),
        (r"VR(\d)?", _voltage, "voltage"),
        ("VRX", _steps, "voltage as steps of the converter"),
        ("CALSTAT", lambda a: "ANALOG IN: READY", "voltage calibration"),
        (r"P(\d{2})", _set_preset, "protocol preset"),
        ("PR", _preset_number, "its number"),
        ("PRS", _preset_text, "its name"),
        ("PBRR", _bus_rate, "its rate"),
        (r"PBR\d+|PCB[01]|PTOT\d+|PTRQ\d+", _accepted, "rate, check byte, timing"),
        ("PO", _open, "open the protocol"),
        ("PC", _close, "close it"),
        (r"PTO(\d+)", _timeout, "wait for answers, ms"),
        ("PX(.+)", _transmit, "one request with its own header, time-out, count"),
        (r"BR(\d+)", _baud, "try a baud rate"),
        (r"BRT(\d+)", _baud_wait, "how long to wait for the other side then, ms"),
        (r"SBR(\d+)", _baud_now, "change the baud rate without asking"),
        ("WBR", _write_baud, "keep it for the next start"),
        ("MA?(?:[0-9]+)?", _monitor, "show what is on the bus"),
        (r"SLEEP(\d*)", _sleep, "sleep after so many seconds"),
        ("F(?:A|AC|[BP]C|FCC|PGC)|F(?:BA|FCA|PA|PGA).+", _accepted, "filters"),
        ("C(?:AF|FCPA|FCPC|MM|SEG[RT]|STM|TOR|TR).*", _accepted, "CAN"),
        ("(?:UIL|UFC|IAT|IIAP|IP|ITW|SL).*", _accepted, "lamps, flow control, ISO, sleep triggers"),
    )
)
