"""The OBD adapter: an ELM327, an STN or a clone, as a machine without I/O.

    elm.feed(data, now, baud) -> [Emission(at, data, rows, baud)]   characters from the UART
    elm.poll(now)             -> the same                           when elm.wake() has come
    elm.wake()                -> second of the next thing that happens by itself, or None

`now` and `at` are scenario seconds. Each call returns *everything* that is still to be sent and
so replaces what the call before returned: what was due by `now` counts as sent, what was not is
void if a character stopped the request. `rows` are truth rows, true once the emission's last
byte has left. `baud` is the rate of the sender, as far as it is known: once the adapter has
changed its own, what comes at another rate is lost.

Behaviour after ELM Electronics' ELM327 data sheet: carriage return runs a command, an empty one
repeats the last; spaces and control characters are ignored; a character before the prompt stops
a request (STOPPED), what follows it until that prompt is lost. Commands are in at_commands.py
and st_commands.py, requests in talk.py, the kinds of adapters in adapters.py. It cannot show
other traffic on the bus: monitoring waits for a character, as behind a gateway.
"""

import random
from dataclasses import replace
from typing import NamedTuple

from tools.emulator import adapters, at_commands, parameters, st_commands, talk
from tools.emulator.at_commands import Protocol, Settings
from tools.emulator.bus import Bus
from tools.emulator.line import Line, same_rate
from tools.emulator.mischief import Mischief

_PROCESS = 0.001  # s from a carriage return to the first action
_RESET = 0.6  # s that ATZ takes
_WARM_START = 0.05  # s that ATWS takes
_BAUD_WAIT = 0.075  # s, ATBRT after a reset
_MOST_DATA = 7  # bytes of a request: one single frame; eight with ATAL
_MOST_INPUT = 254  # characters of a command; further ones are dropped
_BUFFER = 512  # bytes that wait for the UART (data sheet); with more it is BUFFER FULL
_HEX = frozenset("0123456789ABCDEF")


class Emission(NamedTuple):
    at: float  # scenario second before which the first byte must not leave
    data: bytes
    rows: tuple = ()
    baud: int = 0  # at which it is sent


class Elm327:
    """`state_at(t)` gives the car's State; see ecu.car_ecus for `ecus`."""

    def __init__(self, scenario, ecus, state_at):
        self.obd, self.faults = scenario.obd, scenario.faults
        self.kind = adapters.of(scenario.obd)
        self.banner = self.kind.banner
        self._state_at = state_at
        rng = random.Random(f"{scenario.seed}/obd")
        self.bus = Bus(scenario, ecus, state_at, rng)
        self._mischief = Mischief(scenario.faults, self.kind, rng)
        self.parameters = parameters.Parameters(self.kind.timeout)
        self.default_baud = self.baud = scenario.obd.baud
        self._changed_baud = False  # ever
        self._line = Line(self.baud)
        self._pending = []
        self._timers = []  # (second, function), in order of time
        self._saved = Protocol("0", True)
        self._now = 0.0
        self._factor = 1.0  # of measured volts, by ATCV
        self.identifier = self.stored_byte = None
        self.can_blocked = False  # after ERR94
        self.counters = {
            "requests": 0, "commands": 0, "stopped": 0, "refused": 0, "resets": 0, "overflows": 0,
            "framing": 0,
        }  # fmt: skip
        self._restart()
        self._plan()

    # -- what the edge calls

    def feed(self, data, now, baud=None):
        self._advance(now)
        if baud is not None and self._changed_baud and not same_rate(baud, self.baud):
            self.counters["framing"] += len(data)
        else:
            for byte in data:
                self._character(byte)
        return list(self._pending)

    def poll(self, now):
        self._advance(now)
        return list(self._pending)

    def wake(self):
        return self._timers[0][0] if self._timers else None

    # -- what commands and requests need

    def state(self):
        return self._state_at(self._now)

    def voltage(self):
        return self.state().voltage * self._factor

    def calibrate(self, volts):
        self._factor = volts / self.state().voltage if volts else 1.0

    def default_timeout(self):
        return self.parameters.value(parameters.TIMEOUT, self.kind.timeout)

    def defaults(self):
        value = self.parameters.value
        self.settings = Settings(
            linefeeds=self.kind.linefeeds,
            timeout=self.default_timeout(),
            echo=value(parameters.ECHO, 0x00) == 0x00,
            headers=value(parameters.HEADERS, 0xFF) == 0x00,
            adaptive=min(2, value(parameters.ADAPTIVE, 1)),
        )

    def choose(self, protocol, keep):
        """Use `protocol`; `keep`: also after a reset."""
        if protocol.number != self.protocol.number:
            self.initialized = protocol.found
        self.protocol = protocol
        if keep:
            self._saved = Protocol(protocol.number, protocol.automatic)

    def identify(self, text):
        if self.identifier is not None:
            return None  # it can be stored once
        self.identifier = text
        return at_commands.OK

    def initiate(self):
        """BUS INIT without a request."""
        self._deliver(*talk.initialize(self, self._now + _PROCESS))

    def monitor(self):
        self._busy_until = float("inf")

    def transmit(self, data, header, count, wait):
        """A request with settings of its own; None: those that hold."""
        kept = self.settings
        own = {"header": header, "wait": wait}
        self.settings = replace(kept, **{k: v for k, v in own.items() if v is not None})
        self._ask(data, count)
        self.settings = kept

    def sleep(self, seconds):
        """Sleep after that time, if nothing comes before."""
        asked = self._now
        self._at(asked + seconds, lambda: self._fall_asleep(asked))

    def change_baud(self, baud, name):
        """ATBRD: OK at the old rate, then the name at the new one; who has understood answers
        with a carriage return, else the old rate comes back."""
        old, left = self.baud, self._say("OK\r", self._now + _PROCESS)
        self._set_baud(baud)
        self._deaf_until = self._say(f"{name}\r", left + self.baud_wait)
        self._trial = old
        self._at(self._deaf_until + self.baud_wait, lambda: self._fall_back(old))

    def switch_baud(self, baud):
        """STSBR: OK at the old rate, the prompt at the new one, whoever listens."""
        left = self._say("OK\r", self._now + _PROCESS)
        self._set_baud(baud)
        self._end(left + self.baud_wait)

    # -- time

    def _plan(self):
        """Timers for what the scenario's script does to the adapter."""
        for row in self.faults.begins("obd", "reset"):
            self._at(row.at, lambda row=row: self._reset(row.values["text"]))
        for row in self.faults.begins("car", "cranking"):
            if not row.values["survives"]:
                at = row.at + row.length
                self._at(at, lambda row=row: self._reset(row.values["text"]))
        for row in self.faults.begins("obd", "alert"):
            self._at(row.at, lambda row=row: self._alert(row.values))

    def _at(self, second, function):
        self._timers.append((second, function))
        self._timers.sort(key=lambda timer: timer[0])

    def _advance(self, now):
        self._pending = [e for e in self._pending if e.at > now]
        while self._timers and self._timers[0][0] <= now:
            self._now, function = self._timers.pop(0)
            function()
        self._now = now

    def _reset(self, text):
        self.counters["resets"] += 1
        self._pending.clear()
        self._restart()
        self.can_blocked = self.can_blocked or "ERR94" in (text or "")
        self._say(f"\r\r{text or self.banner}\r\r>", self._now)

    def _alert(self, values):
        if self._asleep:
            return
        self._say(f"\r{values['text']}\r\r>", self._now)
        self.sleep(values["sleep"])

    def _fall_asleep(self, since):
        self._asleep = self._heard <= since

    def _fall_back(self, old):
        if self._trial == old:
            self._trial = None
            self._set_baud(old)
            self._end(self._now)

    def _set_baud(self, baud):
        self._changed_baud = True
        self.baud = baud
        free = self._line.free
        self._line = Line(baud)
        self._line.free = free

    def _restart(self, warm=False):
        if not warm:
            baud = self.parameters.value(parameters.BAUD, 0)
            baud = round(4_000_000 / baud) if baud else self.default_baud
            if baud != self.baud:
                self._set_baud(baud)
        self.defaults()
        self.protocol = Protocol(self._saved.number, self._saved.automatic)
        self.initialized = False
        self.can_errors = 0
        self.slowest = 0.0  # s, the slowest answer: what adaptive timing learns
        self.baud_wait = _BAUD_WAIT
        self._input, self._last = bytearray(), ""
        self._busy_until = self._deaf_until = 0.0
        self._heard = -1.0  # second of the last character
        self._asleep = False
        self._trial = None  # the baud rate to come back to

    # -- characters in

    def _character(self, byte):
        now = self._now
        if self._mischief.deaf(now) or now < self._deaf_until:
            return
        self._heard = now
        if self._asleep:
            self._restart(warm=True)
            self._boot(_WARM_START)
        elif self._trial is not None:
            if byte == 0x0D:
                self._trial = None
                self._reply(at_commands.OK)
        elif now < self._busy_until:
            self.counters["stopped"] += 1
            self._pending.clear()
            self._line.free = min(self._line.free, now)
            self._busy_until = 0.0
            self._say("STOPPED\r", now + _PROCESS)
            self._deaf_until = self._end(now + _PROCESS)
        else:
            self._typed(byte)

    def _typed(self, byte):
        if self.settings.echo or self.kind.echo_stuck:
            self._say(chr(byte), self._now)
        if byte == 0x0D:
            text = self._input.decode("latin-1").upper()
            self._input = bytearray()
            self._last = text or self._last
            self._run(self._last)
        elif byte > 0x20 and len(self._input) < _MOST_INPUT:
            self._input.append(byte)

    def _run(self, text):
        is_command = text[:2] in ("AT", "ST")
        self.counters["commands"] += is_command
        if text in ("ATZ", "ATWS"):
            self._restart(warm=text == "ATWS")
            self._boot(_RESET if text == "ATZ" else _WARM_START)
        elif is_command:
            module = at_commands if text[0] == "A" else st_commands
            said = module.answer(self, text[2:])
            if said != at_commands.SAID:
                self._reply(said)
        elif text and set(text) <= _HEX:
            self.counters["requests"] += 1
            self._request(text)
        elif text:
            self._reply(None)
        else:
            self._end(self._now + _PROCESS)

    def _boot(self, seconds):
        self._deaf_until = self._now + seconds
        self._say(f"\r\r{self.banner}\r\r>", self._deaf_until)

    # -- requests

    def _request(self, text):
        count, kind = None, self.kind
        if len(text) % 2:
            count, text = int(text[-1], 16), text[:-1]
        if not text or (count is not None and kind.digit == "refused"):
            self._reply(None)
            return
        self._ask(bytes.fromhex(text), None if kind.digit == "ignored" else count)

    def _ask(self, data, count):
        settings, kind = self.settings, self.kind
        if kind.two_bytes:
            data = data[:2]
        if data[0] == 0x01 and len(data) - 1 > kind.most_pids and kind.more_pids == "cut":
            data = data[: 1 + kind.most_pids]
        too_many = data[0] == 0x01 and len(data) - 1 > kind.most_pids
        if too_many or len(data) > _MOST_DATA + (settings.long or not settings.formatting):
            self._reply(None)
            return
        if not settings.formatting and 1 < data[0] < len(data):
            data = data[1 : 1 + data[0]]  # the frame's length came with it
        self._deliver(*talk.request(self, data, count, self._now + _PROCESS))

    def _deliver(self, lines, end):
        """Say the lines, then the prompt not before `end`."""
        for line in lines:
            text, rows = line.text, line.rows
            if line.is_data:
                text, rows = self._mischief.data(text, rows, line.at)
            if self._line.waiting(line.at) + len(text) > _BUFFER:
                self.counters["overflows"] += 1
                self._say("BUFFER FULL\r", line.at)
                end = line.at
                break
            self._say(text, line.at, rows)
        self._busy_until = self._end(end)

    # -- text out

    def _reply(self, text):
        at = self._now + _PROCESS
        if text is None:
            self.counters["refused"] += 1
            text = "?"
        self._say(f"{self._mischief.ok(text, at)}\r", at)
        self._end(at)

    def _end(self, at):
        """The empty line and the prompt; returns when they will have left."""
        return self._say("\r" + self._mischief.prompt(at), at)

    def _say(self, text, at, rows=()):
        """Queue `text` for second `at`; returns when its last byte will have left."""
        if self._mischief.deaf(at):
            return at
        if self._pending:
            at = max(at, self._pending[-1].at)  # what was said before leaves before
        data = text.replace("\r", "\r\n" if self.settings.linefeeds else "\r").encode("latin-1")
        data = self._mischief.raw(data, at)
        self._pending.append(Emission(at, data, tuple(rows), self.baud))
        return self._line.carry(len(data), at)
