"""A u-blox receiver's chip: takes UBX, acknowledges, and sends what it was told to.

`Ublox(...)` is a machine: `feed(data, now, rate)` takes what the other side wrote at `rate` baud
and gives back the answers, `due(now)` gives the epochs that have become due, `poll(now)` their
bytes. Both leave at `line` baud. Time is in ms since the start.

What it is set to is a Configuration; what its epochs say comes from a source:

    source.start_ms     UTC of time 0, for the alignment of epochs
    source.latency      ms from an epoch to its first byte
    source.sentences(at, period, kinds, style)   a list of bytes

`FixedPlace` is one, the car's drive another (device.py).
"""

import random
import struct
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from agent.gps import ubx
from agent.gps import ubx_setup as cfg
from tools.emulator.line import garble
from tools.emulator.sentences import KNOTS, ORDER, STYLES, Fix, Moment, Satellite, text, written

# MON-VER of each generation: software, hardware, extensions; and the rate of a new one's line.
GENERATIONS = {
    "6": ("7.03 (45969)", "00040007", (), 9600),
    "8": ("ROM CORE 3.01 (107888)", "00080000", ("FWVER=SPG 3.01", "PROTVER=18.00"), 9600),
    "9": ("EXT CORE 4.04 (7f89f7)", "00190000", ("FWVER=SPG 4.04", "PROTVER=32.01"), 38400),
    "10": ("ROM SPG 5.10 (7b202e)", "000A0000", ("FWVER=SPG 5.10", "PROTVER=34.10"), 38400),
}
LINE_RATES = (4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)
_KEY = {name.decode(): key for name, _, key in cfg.SENTENCES}
_BY_ID = {number: key for _, number, key in cfg.SENTENCES}
# After power-on: the sentences that u-blox receivers send, once a second.
_DEFAULT = {
    **{key: int(name in ("GGA", "GLL", "GSA", "GSV", "RMC", "VTG")) for name, key in _KEY.items()},
    cfg.KEY_IN_UBX: 1, cfg.KEY_OUT_UBX: 1, cfg.KEY_OUT_NMEA: 1, cfg.KEY_MODEL: 0,
    cfg.KEY_PERIOD: 1000, cfg.KEY_NAVIGATIONS: 1, cfg.KEY_ITFM: 0,
}  # fmt: skip
_ALL_LAYERS = cfg.LAYER_RAM | cfg.LAYER_BBR
# What a chip can be made to refuse: messages and keys.
REFUSALS = {
    "port": (cfg.CFG_PRT, cfg.KEY_BAUD),
    "model": (cfg.CFG_NAV5, cfg.KEY_MODEL),
    "sentences": (cfg.CFG_MSG, *_KEY.values()),
    "rate": (cfg.CFG_RATE, cfg.KEY_PERIOD),
    "jamming": (cfg.CFG_ITFM, cfg.KEY_ITFM),
    "save": (cfg.CFG_CFG,),
    "all": (cfg.CFG_VALSET, cfg.CFG_PRT, cfg.CFG_NAV5, cfg.CFG_MSG, cfg.CFG_RATE, cfg.CFG_ITFM,
            cfg.CFG_CFG),
}  # fmt: skip
_BANNER = "u-blox AG - www.u-blox.com"
_BOOT_MS = 300
_FASTEST_MS = 50


class Configuration:
    """Values by CFG-VALSET's keys, also where older messages set them: those of now, those kept
    over a reset, and the defaults."""

    def __init__(self, line):
        self._default = {**_DEFAULT, cfg.KEY_BAUD: line}
        self._kept, self._now = {}, {}

    def __contains__(self, key):
        return key in self._default

    def __getitem__(self, key):
        return self._now.get(key, self._kept.get(key, self._default[key]))

    def set(self, key, value, layers=cfg.LAYER_RAM):
        if layers & cfg.LAYER_RAM:
            self._now[key] = value
        if layers & cfg.LAYER_BBR:
            self._kept[key] = value

    def keep(self):
        """All as it is now."""
        self._kept |= self._now

    def reset(self):
        self._now = {}

    @property
    def line(self):
        return self[cfg.KEY_BAUD]

    @property
    def period(self):
        """ms between epochs."""
        return self[cfg.KEY_PERIOD] * self[cfg.KEY_NAVIGATIONS]

    @property
    def model(self):
        return self[cfg.KEY_MODEL]

    def kinds(self, count=0):
        """The kinds of sentences in epoch number `count`."""
        if not self[cfg.KEY_OUT_NMEA]:
            return ()
        every = {name: self[key] for name, key in _KEY.items()}
        return tuple(k for k in ORDER if every.get(k) and count % every[k] == 0)


class Sent(NamedTuple):
    """An epoch of the chip."""

    at: int  # ms
    sentences: list  # bytes each


class FixedPlace:
    """A receiver on a roof in Casablanca, on 1 July 2026 from ten o'clock on."""

    start_ms = 1_782_900_000_000 - _BOOT_MS
    latency = 0
    _FIX = Fix(33.587333333, -7.616666667, 41.0, 12.5 / KNOTS, 84.2, 9, 0.9)
    _VIEW = tuple(
        Satellite(n, 60 - 3 * i, 40 * i % 360, 41 - i, i < 9)
        for i, n in enumerate((2, 5, 7, 13, 15, 20, 66, 67, 76, 82))
    )

    def sentences(self, at, period, kinds, style):
        clock = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=self.start_ms + at)
        moment = Moment(self._FIX, clock, self._VIEW)
        return [s for kind in kinds for s in written(kind, moment, style)]


class Ublox:
    """refuse: numbers of CFG messages and keys that are answered with a NAK; mute: takes nothing
    in; early: the answer to a change of the rate leaves at the old one; deaf: so many messages in a
    row are lost before one is understood; line: the rate of its line after power-on.

    antenna, jamming: the codes that it tells, as in ubx.ANTENNA and ubx.JAMMING.
    """

    def __init__(self, generation="10", refuse=(), mute=False, early=False, deaf=0, line=None,
                 source=None, boot=_BOOT_MS):  # fmt: skip
        self.generation, self.refuse, self.mute, self.early = generation, set(refuse), mute, early
        self.deaf = deaf
        self.modern = int(generation) >= 9
        self.style = STYLES[generation]
        self.config = Configuration(line or GENERATIONS[generation][3])
        self.antenna, self.jamming = 2, 1
        self.counters = {"ack": 0, "nak": 0, "unknown": 0, "resets": 0}
        self.on = True
        self._source = source or FixedPlace()
        self._boot = boot
        self._rng = random.Random(f"{generation}/garbled")
        self._power_up(0)

    def _power_up(self, now):
        self.config.reset()
        self.line = self.config.line
        self._scanner = ubx.Scanner()
        self._next_line = None
        self._last = now + self._boot - 1  # the next epoch is the first aligned one after this
        self._starting = True
        self._said = None  # of the antenna
        self._count = 0

    def reset(self, now):
        """The supply failed for a moment: everything not saved is forgotten."""
        self.counters["resets"] += 1
        self._power_up(now)

    def wake(self):
        """When `due` next has something; None while it is off."""
        if not self.on:
            return None
        period, start = self.config.period, self._source.start_ms
        return ((self._last + start) // period + 1) * period - start + self._source.latency

    def due(self, now):
        """The epochs that are due by `now`, in order."""
        self._changed()
        if not self.on:
            self._last = now + self._boot
        made = []
        while self.on and self.wake() <= now:
            at = self.wake() - self._source.latency
            made.append(Sent(at + self._source.latency, self._notices() + self._epoch(at)))
        return made

    def poll(self, now):
        """What is due by `now`, as bytes."""
        return b"".join(s for sent in self.due(now) for s in sent.sentences)

    def _notices(self):
        made = []
        if self._starting:
            made.append(text(_BANNER, self.style))
            self._starting = False
        if self._said != self.antenna:
            self._said = self.antenna
            made.append(text(f"ANTSTATUS={ubx.ANTENNA[self.antenna].upper()}", self.style))
        return made if self.config[cfg.KEY_OUT_NMEA] else []

    def _epoch(self, at):
        kinds = self.config.kinds(self._count)
        self._count += 1
        self._last = at
        return self._source.sentences(at, self.config.period, kinds, self.style)

    def feed(self, data, now, rate=None):
        """Answers to bytes that were written at `rate` baud (None: the right one)."""
        self._changed()
        if self.mute or not self.on or self._starting:
            return b""
        out = b""
        heard = garble(data, rate or self.line, self.line, self._rng)
        for message, payload in self._scanner.feed(heard):
            if self.deaf:
                self.deaf -= 1
            elif self.config[cfg.KEY_IN_UBX]:
                out += self._message(message, payload)
        return out if self.config[cfg.KEY_OUT_UBX] else b""

    def _changed(self):
        if self._next_line is not None:
            self.line, self._next_line = self._next_line, None

    def _message(self, message, payload):
        if message == ubx.MON_VER and not payload:
            return ubx.frame(ubx.MON_VER, self._version())
        jamming = self.jamming if self.config[cfg.KEY_ITFM] else 0
        if message == ubx.MON_HW and not payload and not self.modern:
            data = bytearray(60)
            data[20], data[22] = self.antenna, jamming << 2
            return ubx.frame(ubx.MON_HW, bytes(data))
        if message == ubx.MON_RF and not payload and self.modern:
            block = bytes((0, jamming, self.antenna, 1)) + bytes(20)
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
        if message == cfg.CFG_VALSET:
            return self.modern and self._valset(payload)
        if self.generation == "10":
            return False  # an M9 still understands the older ones
        read = struct.unpack_from
        values = {}
        if message == cfg.CFG_PRT and len(payload) == 20 and payload[0] == 1:
            into, out = read("<HH", payload, 12)
            values = {cfg.KEY_BAUD: read("<I", payload, 8)[0], cfg.KEY_IN_UBX: into & 1,
                      cfg.KEY_OUT_UBX: out & 1, cfg.KEY_OUT_NMEA: out >> 1 & 1}  # fmt: skip
        elif message == cfg.CFG_MSG and len(payload) == 3 and payload[1] in _BY_ID:
            if payload[0] != cfg.NMEA_CLASS or (self.generation == "6" and payload[1] == 0x0D):
                return False
            values = {_BY_ID[payload[1]]: payload[2]}
        elif message == cfg.CFG_RATE and len(payload) == 6:
            values = dict(zip((cfg.KEY_PERIOD, cfg.KEY_NAVIGATIONS), read("<HH", payload),
                              strict=True))  # fmt: skip
        elif message == cfg.CFG_NAV5 and len(payload) == 36:
            values = {cfg.KEY_MODEL: payload[2]} if payload[0] & 1 else {}
        elif message == cfg.CFG_ITFM and len(payload) == 8:
            values = {cfg.KEY_ITFM: payload[3] >> 7}
        elif message == cfg.CFG_CFG and len(payload) in (12, 13):
            if read("<I", payload, 4)[0]:
                self.config.keep()
        else:
            return False
        return self._set(values, cfg.LAYER_RAM)

    def _valset(self, payload):
        try:
            layers, items = cfg.valset_items(payload)
        except ubx.UbxError:
            return False
        # There is no flash here; and one bad key spoils the message.
        if not layers or layers & ~_ALL_LAYERS or any(k in self.refuse for k, _ in items):
            return False
        return self._set(dict(items), layers)

    def _set(self, values, layers):
        """All of them or, if one cannot be, none."""
        for key, value in values.items():
            if key not in self.config:
                return False
            if key == cfg.KEY_BAUD and value not in LINE_RATES:
                return False
            if key == cfg.KEY_PERIOD and value < _FASTEST_MS:
                return False
            if key == cfg.KEY_NAVIGATIONS and not 1 <= value <= 127:
                return False
        for key, value in values.items():
            self.config.set(key, value, layers)
        if self.early and cfg.KEY_BAUD in values:
            self._next_line = self.config.line
        else:
            self.line = self.config.line
        return True
