"""u-blox's binary protocol UBX: frames found in a byte stream, and the few messages used here.

A frame: b5 62, class, id, length u16, payload, two Fletcher bytes over class to payload; all
little-endian. A message is named by one number, class << 8 | id. What is encoded or decoded:

    message         number  layout after                                      generations
    CFG-PRT         0x0600  M8 interface description, 20 bytes for a UART     5 to 8
    CFG-MSG         0x0601  3 bytes: class, id, rate on the port it came by   5 to 8
    CFG-RATE        0x0608  period ms, navigations per output, time base      5 to 8
    CFG-CFG         0x0609  masks clear, save, load; devices                  5 to 8
    CFG-NAV5        0x0624  36 bytes; only the dynamic model is masked in     5 to 8
    CFG-ITFM        0x0639  interference monitor on                           6 to 8
    CFG-VALSET      0x068a  version, layers, 2 reserved, (key u32, value)...  9 and later
    ACK-ACK, -NAK   0x0501, 0x0500: class and id of the message answered      all
    MON-VER         0x0a04  software[30], hardware[10], extension[30]...      all
    MON-HW          0x0a09  antenna and jamming, one RF path                  5 to 8
    MON-RF          0x0a38  the same, a block an RF path                      9 and later

Sources: "u-blox 8 / u-blox M8 Receiver description including protocol specification"
(UBX-13003221, protocol 15 to 23.01), sections UBX-CFG, UBX-ACK, UBX-MON; "u-blox M10 SPG 5.10
Interface description" (UBX-21035062, protocol 34.10), the same sections and "Configuration
interface". CFG-VALSET takes the place of the older CFG messages above protocol 23.01.
"""

import struct

from agent.const import const
from agent.gps.framer import MAX_BINARY, fletcher

ACK_NAK = 0x0500
ACK_ACK = 0x0501
CFG_PRT = 0x0600
CFG_MSG = 0x0601
CFG_RATE = 0x0608
CFG_CFG = 0x0609
CFG_NAV5 = 0x0624
CFG_ITFM = 0x0639
CFG_VALSET = 0x068A
MON_VER = 0x0A04
MON_HW = 0x0A09
MON_RF = 0x0A38

AUTOMOTIVE = 4  # dynamic model, CFG-NAV5 dynModel and CFG-NAVSPG-DYNMODEL

# Configuration keys; bits 28..30 of a key tell the size of its value.
KEY_BAUD = 0x40520001  # CFG-UART1-BAUDRATE
KEY_IN_UBX = 0x10730001  # CFG-UART1INPROT-UBX
KEY_OUT_UBX = 0x10740001  # CFG-UART1OUTPROT-UBX
KEY_OUT_NMEA = 0x10740002  # CFG-UART1OUTPROT-NMEA
KEY_MODEL = 0x20110021  # CFG-NAVSPG-DYNMODEL
KEY_PERIOD = 0x30210001  # CFG-RATE-MEAS, ms
KEY_NAVIGATIONS = 0x30210002  # CFG-RATE-NAV
KEY_ITFM = 0x1041000D  # CFG-ITFM-ENABLE
LAYER_RAM = 1
LAYER_BBR = 2  # kept while the backup supply lasts
_VALUE_SIZE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8}

# NMEA sentences: name, id in class 0xf0 (CFG-MSG), key CFG-MSGOUT-NMEA_ID_*_UART1.
SENTENCES = (
    (b"GGA", 0x00, 0x209100BB),
    (b"GLL", 0x01, 0x209100CA),
    (b"GSA", 0x02, 0x209100C0),
    (b"GSV", 0x03, 0x209100C5),
    (b"RMC", 0x04, 0x209100AC),
    (b"VTG", 0x05, 0x209100B1),
    (b"GST", 0x07, 0x209100D4),
    (b"ZDA", 0x08, 0x209100D9),
    (b"GNS", 0x0D, 0x209100B6),
)
NMEA_CLASS = 0xF0

# States of the antenna (MON-HW aStatus, MON-RF antStatus) and of the interference monitor.
ANTENNA = ("init", "unknown", "ok", "short", "open")
JAMMING = ("unknown", "ok", "warning", "critical")

_SYNC = b"\xb5b"
_FLAGS_JAMMING = const(2)  # MON-HW: the state's place in the flags
_VERSION = const(30)  # bytes of a text in MON-VER
_HARDWARE = const(10)
_BLOCK = const(24)  # bytes a path in MON-RF


class UbxError(Exception):
    """A payload that its message cannot have."""


class Scanner:
    """`feed(data)` -> list of (message, payload) whose checksum is right; all else is passed over.

    Holds back one frame at most. counters: `ubx` frames, `ubx_checksum` frames refused.
    """

    def __init__(self, counters=None):
        self.counters = {} if counters is None else counters
        for name in ("ubx", "ubx_checksum"):
            self.counters[name] = 0
        self._tail = b""

    def reset(self):
        """Forget an unfinished frame: what comes next is not its continuation."""
        self._tail = b""

    def feed(self, data):
        tail = self._tail
        if not tail and data.find(b"\xb5") < 0:
            return []
        buf = tail + data
        end = len(buf)
        out = []
        pos = 0
        while True:
            pos = buf.find(_SYNC, pos)
            if pos < 0:
                self._tail = b"\xb5" if buf and buf[-1] == 0xB5 else b""
                return out
            size = buf[pos + 4] | buf[pos + 5] << 8 if end - pos >= 6 else 0
            if size > MAX_BINARY:
                pos += 2
                continue
            if end - pos < size + 8:
                self._tail = buf[pos:]
                return out
            last = pos + 6 + size
            if fletcher(buf[pos + 2 : last]) != (buf[last], buf[last + 1]):
                self.counters["ubx_checksum"] += 1
                pos += 2
                continue
            self.counters["ubx"] += 1
            out.append((buf[pos + 2] << 8 | buf[pos + 3], buf[pos + 6 : last]))
            pos = last + 2


def frame(message, payload=b""):
    """The bytes of one message; with an empty payload most are a poll."""
    body = struct.pack("<BBH", message >> 8, message & 0xFF, len(payload)) + payload
    a, b = fletcher(body)
    return _SYNC + body + bytes((a, b))


# --- configuration of generations 5 to 8 ---


def cfg_prt(baud):
    """UART 1: 8N1 at `baud`, UBX and NMEA in and out."""
    return frame(CFG_PRT, struct.pack("<BBHIIHHHH", 1, 0, 0, 0x08D0, baud, 0x07, 0x03, 0, 0))


def cfg_msg(message_class, message_id, rate):
    return frame(CFG_MSG, bytes((message_class, message_id, rate)))


def cfg_rate(period):
    """A navigation every `period` ms, aligned to GPS time."""
    return frame(CFG_RATE, struct.pack("<HHH", period, 1, 1))


def cfg_nav5(model):
    return frame(CFG_NAV5, struct.pack("<HB", 1, model) + bytes(33))


def cfg_itfm():
    """Interference monitor on, with the thresholds and algorithm bits the description fixes."""
    return frame(CFG_ITFM, struct.pack("<II", 0xAD62ACF3, 0x0000031E))


def cfg_save():
    """Keep the present configuration in every memory that there is."""
    return frame(CFG_CFG, struct.pack("<IIIB", 0, 0x1F1F, 0, 0x17))


# --- configuration of generation 9 and later ---


def cfg_valset(items, layers):
    """`items`: (key, value) pairs; the receiver takes all of them or none."""
    payload = bytes((0, layers, 0, 0))
    for key, value in items:
        size = _VALUE_SIZE[key >> 28 & 7]
        payload += struct.pack("<I", key) + struct.pack("<I", value)[:size]
    return frame(CFG_VALSET, payload)


def valset_items(payload):
    """(layers, ((key, value), ...)) of a CFG-VALSET; raises UbxError."""
    if len(payload) < 4 or payload[0] > 1:
        raise UbxError("CFG-VALSET: no version 0 or 1")
    items = []
    pos = 4
    while pos < len(payload):
        key = int.from_bytes(payload[pos : pos + 4], "little")
        size = _VALUE_SIZE.get(key >> 28 & 7)
        if size is None or pos + 4 + size > len(payload):
            raise UbxError("CFG-VALSET: key %08x does not fit" % key)
        items.append((key, int.from_bytes(payload[pos + 4 : pos + 4 + size], "little")))
        pos += 4 + size
    return payload[1], tuple(items)


# --- what the receiver tells ---


def mon_ver(payload):
    """(software, hardware, protocol x100 or None) of a MON-VER; raises UbxError.

    The protocol stands in an extension, as 'PROTVER=34.10' or, in older ones, 'PROTVER 18.00'.
    """
    if len(payload) < _VERSION + _HARDWARE:
        raise UbxError("MON-VER of %d bytes" % len(payload))
    protocol = None
    for at in range(_VERSION + _HARDWARE, len(payload), _VERSION):
        text = _text(payload[at : at + _VERSION])
        if text.startswith("PROTVER") and protocol is None:
            whole, _, part = text[8:].partition(".")
            part = (part + "00")[:2]
            if whole.isdigit() and part.isdigit() and len(whole) < 4:
                protocol = int(whole) * 100 + int(part)
    return _text(payload[:_VERSION]), _text(payload[_VERSION : _VERSION + _HARDWARE]), protocol


def mon_hw(payload):
    """(antenna, jamming): words of ANTENNA and JAMMING. Same places in 60 and 68 bytes."""
    if len(payload) < 28:
        raise UbxError("MON-HW of %d bytes" % len(payload))
    return _antenna(payload[20]), JAMMING[payload[22] >> _FLAGS_JAMMING & 3]


def mon_rf(payload):
    """(antenna, jamming), each the worst of all RF paths."""
    if len(payload) < 4 or not payload[1] or len(payload) < 4 + payload[1] * _BLOCK:
        raise UbxError("MON-RF of %d bytes" % len(payload))
    blocks = range(4, 4 + payload[1] * _BLOCK, _BLOCK)
    antenna = max([payload[at + 2] for at in blocks])
    return _antenna(antenna), JAMMING[max([payload[at + 1] & 3 for at in blocks])]


def _antenna(code):
    return ANTENNA[code] if code < len(ANTENNA) else "unknown"


def _text(field):
    return "".join([chr(c) for c in field.split(b"\0")[0] if 32 <= c < 127])
