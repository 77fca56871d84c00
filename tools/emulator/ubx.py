"""A u-blox receiver's side of UBX: takes configuration, acknowledges, and sends what it was told.

`Ublox(...)` is a machine: `feed(data, now, rate)` takes what the other side wrote at `rate` baud
and gives back the answers, `poll(now)` gives the sentences that have become due. Both leave at
`line` baud; who listens at another rate gets `garble` of them. Time is in ms.

Its positions are fixed: the subject here is the configuration, not the drive.
"""

import random
import struct
from functools import reduce

from agent.gps import ubx

# Defaults after power-on: the sentences that u-blox receivers send, once a second.
_DEFAULT = {b"GGA": 1, b"GLL": 1, b"GSA": 1, b"GSV": 1, b"RMC": 1, b"VTG": 1}
_BODIES = {
    b"RMC": "GNRMC,{time},A,3335.24000,N,00737.00000,W,12.500,84.20,010726,,,A,V",
    b"VTG": "GNVTG,84.20,T,,M,12.500,N,23.150,K,A",
    b"GGA": "GNGGA,{time},3335.24000,N,00737.00000,W,1,09,0.90,41.0,M,46.0,M,,",
    b"GSA": "GNGSA,A,3,02,05,07,13,15,20,30,,,,,,1.60,0.90,1.30,1",
    b"GSV": "GPGSV,1,1,03,02,40,120,35,05,61,210,41,07,22,300,30,1",
    b"GLL": "GNGLL,3335.24000,N,00737.00000,W,{time},A,A",
    b"ZDA": "GNZDA,{time},01,07,2026,00,00",
    b"GST": "GNGST,{time},8.0,,,,1.0,1.0,1.8",
    b"GNS": "GNGNS,{time},3335.24000,N,00737.00000,W,AANN,09,0.90,41.0,46.0,,,V",
}
_BANNER = "GNTXT,01,01,02,u-blox AG - www.u-blox.com"
_START_MS = 36_000_000  # ten o'clock
# MON-VER of each generation: software, hardware, extensions; and the default rate.
GENERATIONS = {
    "6": ("7.03 (45969)", "00040007", (), 9600),
    "8": ("ROM CORE 3.01 (107888)", "00080000", ("FWVER=SPG 3.01", "PROTVER=18.00"), 9600),
    "9": ("EXT CORE 4.04 (7f89f7)", "00190000", ("FWVER=SPG 4.04", "PROTVER=32.01"), 38400),
    "10": ("ROM SPG 5.10 (7b202e)", "000A0000", ("FWVER=SPG 5.10", "PROTVER=34.10"), 38400),
}
_BY_ID = {number: name for name, number, _ in ubx.SENTENCES}
_BY_KEY = {key: name for name, _, key in ubx.SENTENCES}


def sentence(body):
    check = reduce(lambda a, b: a ^ b, body.encode())
    return f"${body}*{check:02X}\r\n".encode()


def garble(data, sent, heard, seed=0):
    """What a UART at `heard` baud makes of bytes sent at another rate: fewer or more, all wrong."""
    if sent == heard:
        return data
    rng = random.Random(f"{seed} {len(data)} {sent} {heard}")
    count = max(1, min(len(data) * 2, len(data) * heard // sent)) if data else 0
    return bytes(rng.choice((0x00, 0x80, 0xE0, 0xF8, 0xFE, rng.randrange(256)))
                 for _ in range(count))  # fmt: skip


class Ublox:
    """refuse: names or numbers of CFG messages or keys answered with a NAK; mute: takes nothing in;
    early: the answer to a change of the rate leaves at the old one; deaf: so many messages in a row
    are lost before one is understood."""

    def __init__(self, generation="10", refuse=(), mute=False, early=False, deaf=0, line=None):
        self.generation, self.refuse, self.mute, self.early = generation, set(refuse), mute, early
        self.deaf = deaf
        self.modern = int(generation) >= 9
        self.antenna, self.jamming = 2, 1  # codes: ok, ok
        self.counters = {"ack": 0, "nak": 0, "unknown": 0, "resets": 0}
        self.saved = None
        self.on = True
        self._power_up(0, line)

    def _power_up(self, now, line=None):
        self.line = line or GENERATIONS[self.generation][3]
        self.period, self.model, self.itfm = 1000, 0, False
        self.rates = dict(_DEFAULT)
        if self.saved:
            self.line, self.period, self.model, self.rates = self.saved
            self.rates = dict(self.rates)
        self._scanner = ubx.Scanner()
        self._next_line = None
        self._due = now + 300
        self._banner = True

    def reset(self, now):
        """The supply failed for a moment: everything not saved is forgotten."""
        self.counters["resets"] += 1
        self._power_up(now)

    def poll(self, now):
        """Sentences due by `now`."""
        self._changed()
        out = b""
        while self.on and now >= self._due:
            if self._banner:
                out += sentence(_BANNER)
                self._banner = False
            out += self._epoch(self._due)
            self._due += self.period
        if not self.on:
            self._due = now + 300
        return out

    def _epoch(self, at):
        s, ms = divmod(_START_MS + at, 1000)
        text = f"{s // 3600 % 24:02d}{s // 60 % 60:02d}{s % 60:02d}.{ms // 10:02d}"
        return b"".join(sentence(body.format(time=text)) for name, body in _BODIES.items()
                        if self.rates.get(name))  # fmt: skip

    def feed(self, data, now, rate=None):
        """Answers to bytes that were written at `rate` baud (None: the right one)."""
        self._changed()
        if self.mute or not self.on or self._banner:  # the banner ends the start-up
            return b""
        out = b""
        for message, payload in self._scanner.feed(garble(data, rate or self.line, self.line)):
            if self.deaf:
                self.deaf -= 1
                continue
            out += self._message(message, payload, now)
        return out

    def _changed(self):
        if self._next_line is not None:
            self.line, self._next_line = self._next_line, None

    def _message(self, message, payload, now):
        if message == ubx.MON_VER and not payload:
            return ubx.frame(ubx.MON_VER, self._version())
        if message == ubx.MON_HW and not payload and not self.modern:
            data = bytearray(60)
            data[20], data[22] = self.antenna, (self.jamming if self.itfm else 0) << 2
            return ubx.frame(ubx.MON_HW, bytes(data))
        if message == ubx.MON_RF and not payload and self.modern:
            block = bytes((0, self.jamming if self.itfm else 0, self.antenna, 1)) + bytes(20)
            return ubx.frame(ubx.MON_RF, b"\0\1\0\0" + block)
        if message >> 8 != 0x06:
            self.counters["unknown"] += 1
            return b""
        agreed = message not in self.refuse and self._configure(message, payload)
        self.counters["ack" if agreed else "nak"] += 1
        answer = ubx.ACK_ACK if agreed else ubx.ACK_NAK
        return ubx.frame(answer, bytes((message >> 8, message & 0xFF)))

    def _version(self):
        software, hardware, extensions, _ = GENERATIONS[self.generation]
        texts = [software.encode().ljust(30, b"\0"), hardware.encode().ljust(10, b"\0")]
        return b"".join(texts + [e.encode().ljust(30, b"\0") for e in extensions])

    def _configure(self, message, payload):
        """Apply a CFG message; False: not known here, or not well-formed."""
        if message == ubx.CFG_VALSET:
            return self.modern and self._valset(payload)
        if self.modern:
            return False  # M10; an M9 would still understand most of them
        if message == ubx.CFG_PRT and len(payload) == 20 and payload[0] == 1:
            self._set_line(struct.unpack_from("<I", payload, 8)[0])
        elif message == ubx.CFG_MSG and len(payload) == 3 and payload[1] in _BY_ID:
            if payload[0] != ubx.NMEA_CLASS or (self.generation == "6" and payload[1] == 0x0D):
                return False
            self.rates[_BY_ID[payload[1]]] = payload[2]
        elif message == ubx.CFG_RATE and len(payload) == 6:
            self.period = struct.unpack_from("<H", payload)[0]
        elif message == ubx.CFG_NAV5 and len(payload) == 36:
            if payload[0] & 1:
                self.model = payload[2]
        elif message == ubx.CFG_ITFM and len(payload) == 8:
            self.itfm = bool(payload[3] & 0x80)
        elif message == ubx.CFG_CFG and len(payload) in (12, 13):
            self._save()
        else:
            return False
        return True

    def _valset(self, payload):
        try:
            layers, items = ubx.valset_items(payload)
        except ubx.UbxError:
            return False
        known = {ubx.KEY_BAUD, ubx.KEY_IN_UBX, ubx.KEY_OUT_UBX, ubx.KEY_OUT_NMEA, ubx.KEY_MODEL,
                 ubx.KEY_PERIOD, ubx.KEY_NAVIGATIONS, ubx.KEY_ITFM, *_BY_KEY}  # fmt: skip
        if layers & 4 or any(key not in known or key in self.refuse for key, _ in items):
            return False  # no flash here; and one bad key spoils the message
        for key, value in items:
            if key == ubx.KEY_BAUD:
                self._set_line(value)
            elif key == ubx.KEY_PERIOD:
                self.period = value
            elif key == ubx.KEY_MODEL:
                self.model = value
            elif key == ubx.KEY_ITFM:
                self.itfm = bool(value)
            elif key in _BY_KEY:
                self.rates[_BY_KEY[key]] = value
        if layers & ubx.LAYER_BBR:
            self._save()
        return True

    def _save(self):
        line = self._next_line or self.line
        self.saved = (line, self.period, self.model, dict(self.rates))

    def _set_line(self, rate):
        if self.early:
            self._next_line = rate
        else:
            self.line = rate
