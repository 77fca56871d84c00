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
MON_VER = 0x0A04
MON_HW = 0x0A09
MON_RF = 0x0A38

# States of the antenna (MON-HW aStatus, MON-RF antStatus) and of the interference monitor.
ANTENNA = ("init", "unknown", "ok", "short", "open")
JAMMING = ("unknown", "ok", "warning", "critical")

_SYNC = b"\xb5b"
_FLAGS_JAMMING = const(2)  # MON-HW: the state's place in the flags
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


# --- what the receiver tells ---


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
