"""The OBD adapter: an ELM327 on a CAN car, as a machine without I/O.

    elm.feed(data, now) -> [Emission(at, data, rows)]   characters from the UART
    elm.poll(now)       -> the same                     when elm.wake() has come
    elm.wake()          -> second of the next thing that happens by itself, or None

`now` and `at` are scenario seconds. Each call returns *everything* that is still to be sent and
so replaces what the call before returned: what was due by `now` counts as sent, what was not is
void if a character stopped the request. `rows` are truth rows, true once the emission's last
byte has left.

Behaviour after ELM Electronics' ELM327 data sheet: carriage return runs a command, an empty one
repeats the last; spaces and control characters are ignored; a character before the prompt stops
a request (STOPPED), what follows it until that prompt is lost. A trailing odd digit is the number
of frames to wait for; without it the adapter waits ATST after the last frame. What it cannot do
yet: monitoring (ATMA), BUFFER FULL, protocols other than CAN.
"""

import random
from typing import NamedTuple

from tools.emulator import at_commands
from tools.emulator.at_commands import Protocol, Settings
from tools.emulator.isotp import segment
from tools.emulator.line import Line

_PROCESS = 0.001  # s from a carriage return to the first action
_RESET = 0.6  # s that ATZ takes
_WARM_START = 0.05  # s that ATWS takes
_TIMEOUT_UNIT = 0.004096  # s, of ATST
_FLOW_CONTROL = 0.0015  # s from a first frame to the first consecutive one
_FRAME_GAP = 0.0005  # s between consecutive frames: no separation time asked for, 500 kbit/s
_BUS_FAILURE = 0.06  # s until an error of the bus is reported
_MOST_DATA = 7  # bytes of a request: one single frame
_MOST_INPUT = 254  # characters of a command; further ones are dropped
_SHORTEST_WAIT = 0.032  # s that adaptive timing leaves at least
_FUNCTIONAL = (0x7DF, 0xDB33F1)
# What a fixed protocol says when the car speaks another one.
_WRONG_PROTOCOL = {
    **dict.fromkeys("12A", "NO DATA"),
    **dict.fromkeys("34", "BUS INIT: ...ERROR"),
    "5": "BUS INIT: ERROR",
    **dict.fromkeys("6789BC", "CAN ERROR"),
}


class Emission(NamedTuple):
    at: float  # scenario second before which the first byte must not leave
    data: bytes
    rows: tuple = ()


class _Arrival(NamedTuple):
    """A CAN frame on the bus."""

    at: float
    order: int
    ecu: object
    frame: bytes
    rows: tuple


class Elm327:
    """`state_at(t)` gives the car's State; see ecu.car_ecus for `ecus`."""

    def __init__(self, scenario, ecus, state_at):
        self._obd, self._faults = scenario.obd, scenario.faults
        self._ecus, self._state_at = ecus, state_at
        self._random = random.Random(f"{scenario.seed}/obd")
        self._line = Line(scenario.obd.baud)
        self._pending = []
        self._resets = self._faults.begins("obd", "reset")
        self._saved = Protocol("0", True)
        self._now = 0.0
        self.counters = {"requests": 0, "commands": 0, "stopped": 0, "refused": 0, "resets": 0}
        self.banner = scenario.obd.banner
        self._restart()

    # -- what the edge calls

    def feed(self, data, now):
        self._advance(now)
        for byte in data:
            self._character(byte)
        return list(self._pending)

    def poll(self, now):
        self._advance(now)
        return list(self._pending)

    def wake(self):
        return self._resets[0].at if self._resets else None

    # -- what at_commands.py needs

    def state(self):
        return self._state_at(self._now)

    def defaults(self):
        self.settings = Settings(linefeeds=self._obd.linefeeds)

    def choose(self, protocol, keep):
        """Use `protocol`; `keep`: also after a reset."""
        self.protocol = protocol
        if keep:
            self._saved = Protocol(protocol.number, protocol.automatic)

    # -- characters in

    def _advance(self, now):
        self._now = now
        self._pending = [e for e in self._pending if e.at > now]
        while self._resets and self._resets[0].at <= now:
            fault = self._resets.pop(0)
            self.counters["resets"] += 1
            self._pending.clear()
            self._restart()
            self._say(f"\r\r{fault.values['text'] or self.banner}\r\r>", now)

    def _restart(self):
        self.defaults()
        self.protocol = Protocol(self._saved.number, self._saved.automatic)
        self._input, self._last = bytearray(), ""
        self._busy_until = self._deaf_until = 0.0
        self._asleep = False
        self._slowest = 0.0  # s, the slowest answer: what adaptive timing learns

    def _character(self, byte):
        now = self._now
        if self._faults.active("obd", "silent", now) or now < self._deaf_until:
            return
        if self._asleep:
            self._restart()
            self._boot(_WARM_START)
        elif now < self._busy_until:
            self.counters["stopped"] += 1
            self._pending.clear()
            self._busy_until = 0.0
            self._deaf_until = self._say("STOPPED\r\r>", now + _PROCESS)
        else:
            self._typed(byte)

    def _typed(self, byte):
        if self.settings.echo:
            self._say(chr(byte), self._now)
        if byte == 0x0D:
            text = self._input.decode("latin-1").upper()
            self._input = bytearray()
            self._last = text or self._last
            self._run(self._last)
        elif byte > 0x20 and len(self._input) < _MOST_INPUT:
            self._input.append(byte)

    def _run(self, text):
        if text in ("ATZ", "ATWS"):
            self.counters["commands"] += 1
            self._restart()
            self._boot(_RESET if text == "ATZ" else _WARM_START)
        elif text.startswith("AT"):
            self.counters["commands"] += 1
            self._reply(at_commands.answer(self, text[2:]) if text != "ATLP" else self._sleep())
        elif text and all(c in "0123456789ABCDEF" for c in text):
            self.counters["requests"] += 1
            self._request(text)
        else:
            self._reply(None if text else "")

    def _boot(self, seconds):
        self._deaf_until = self._now + seconds
        self._say(f"\r\r{self.banner}\r\r>", self._deaf_until)

    def _sleep(self):
        self._asleep = True
        return at_commands.OK

    # -- text out

    def _reply(self, text):
        if text is None:
            self.counters["refused"] += 1
            text = "?"
        self._say(f"{text}\r\r>", self._now + _PROCESS)

    def _say(self, text, at, rows=()):
        """Queue `text` for second `at`; returns when its last byte will have left."""
        if self._faults.active("obd", "silent", at):
            return at
        if self._pending:
            at = max(at, self._pending[-1].at)  # what was said before leaves before
        data = text.replace("\r", "\r\n" if self.settings.linefeeds else "\r").encode("latin-1")
        noise = self._faults.active("obd", "noise", at)
        if noise is not None:
            data = self._noisy(data, noise.values["rate"])
        self._pending.append(Emission(at, data, tuple(rows)))
        return self._line.carry(len(data), at)

    def _noisy(self, data, rate):
        made = bytearray()
        for byte in data:
            if self._random.random() < rate:
                made.append(self._random.choice((0x00, 0xFF)))
            made.append(byte)
        return bytes(made)

    # -- requests

    def _request(self, text):
        count = None
        if len(text) % 2:
            count, text = int(text[-1], 16), text[:-1]
        data = bytes.fromhex(text)
        too_many = len(data) > _MOST_DATA or data[:1] == b"\x01" and (
            len(data) - 1 > self._obd.max_pids
        )  # fmt: skip
        if not data or too_many or (count is not None and not self._obd.count_digit):
            self._reply(None)
            return
        start = self._now + _PROCESS
        failure = self._faults.active("obd", "error", start)
        if failure is not None:
            self._finish([(start + _BUS_FAILURE, failure.values["text"], ())])
            return
        protocol = self.protocol
        if protocol.automatic and not protocol.found:
            self._search(start, data, count)
        elif not protocol.automatic and protocol.number != self._obd.protocol:
            self._finish([(start + _BUS_FAILURE, _WRONG_PROTOCOL[protocol.number], ())])
        else:
            lines, end = self._exchange(start, data, count)
            self._finish(lines or [(end, "NO DATA", ())], end)

    def _search(self, start, data, count):
        """The first request with an automatic protocol: find out what the car speaks."""
        self._say("SEARCHING...", start)
        # The protocol that worked last is tried first.
        known = self.protocol.number == self._obd.protocol
        start += min(self._obd.search, 0.1) if known else self._obd.search
        lines, end = self._exchange(start, data, count)
        if not lines:
            self._finish([(end, "\rUNABLE TO CONNECT", ())])
            return
        self.protocol = Protocol(self._obd.protocol, True, found=True)
        if self.settings.memory:
            self._saved = Protocol(self._obd.protocol, True)
        self._say("\r", start)
        self._finish(lines, end)

    def _finish(self, lines, end=0.0):
        """Send `lines` of (second, text, rows), then the prompt not before `end`."""
        for at, text, rows in lines:
            self._say(text + "\r", at, rows)
        self._busy_until = self._say("\r>", max(end, lines[-1][0]))

    def _exchange(self, start, data, count):
        """Ask the ECUs: ([(second, text, rows)], second at which the prompt may come)."""
        wait = self._wait()
        deadline = start + wait
        lines = []
        for arrival in self._arrivals(start, data):
            if arrival.at > deadline:
                break  # too late: nobody listens any more
            lines.append((arrival.at, self._show(arrival), arrival.rows))
            deadline = arrival.at + wait
            if len(lines) == count:
                return lines, arrival.at
        if lines:
            self._slowest = max(self._slowest, lines[0][0] - start)
        return lines, deadline

    def _wait(self):
        wait = self.settings.timeout * _TIMEOUT_UNIT
        if not self._obd.adaptive or not self.settings.adaptive or not self._slowest:
            return wait
        learned = self._slowest * (4 if self.settings.adaptive == 1 else 2)
        return min(wait, max(_SHORTEST_WAIT, learned))

    def _arrivals(self, start, data):
        """Frames of all ECUs that answer, in the order of their coming."""
        if self._faults.active("obd", "no-data", start):
            return []
        slow = self._faults.active("obd", "slow", start)
        arrivals = []
        for ecu in self._ecus:
            at = start + self._obd.latency + ecu.delay + self._random.uniform(0, self._obd.jitter)
            at += slow.values["seconds"] if slow else 0.0
            state = self._state_at(at)
            if not state.ignition or not self._addressed(ecu) or not self._shown(ecu):
                continue
            answer = ecu.answer(data, state, self._functional())
            if answer is None:
                continue
            frames = segment(answer.payload, self._obd.padding)
            for i, frame in enumerate(frames):
                rows = tuple(answer.rows) if i + 1 == len(frames) else ()
                arrivals.append(_Arrival(at, len(arrivals), ecu, frame, rows))
                at += _FRAME_GAP if i else _FLOW_CONTROL
        return sorted(arrivals, key=lambda a: (a.at, a.order))

    def _functional(self):
        return self.settings.header is None or self.settings.header in _FUNCTIONAL

    def _addressed(self, ecu):
        """7E0 asks 7E8; with 29 bits DA10F1 asks 18DAF110."""
        header = self.settings.header
        if self._functional():
            return True
        if ecu.can_id <= 0x7FF:
            return header + 8 == ecu.can_id
        return header >> 8 & 0xFF == ecu.can_id & 0xFF

    def _shown(self, ecu):
        wanted = self.settings.receive
        name = _id_text(ecu.can_id)
        return wanted is None or (
            len(wanted) == len(name)
            and all(w in ("X", n) for w, n in zip(wanted, name, strict=True))
        )

    # -- frames as text

    def _show(self, arrival):
        """The line or, for a first frame without headers, two lines for one frame."""
        frame, settings = arrival.frame, self.settings
        kind = frame[0] >> 4
        if not settings.formatting:
            shown = frame
        elif kind == 0:
            shown = frame[: 1 + frame[0]] if settings.headers else frame[1 : 1 + frame[0]]
        elif settings.headers:
            shown = frame
        else:
            return self._numbered(frame, kind)
        if not settings.headers:
            return self._hex(shown)
        name = _id_text(arrival.ecu.can_id)
        if settings.spaces and len(name) == 8:
            name = " ".join(name[i : i + 2] for i in range(0, 8, 2))
        parts = [name] + (["8"] if settings.length else [])
        gap = " " if settings.spaces else ""
        return gap.join(parts) + gap + self._hex(shown)

    def _numbered(self, frame, kind):
        """A frame of a long answer without headers: `014`, `0: 49 02 ...`, `1: ...`."""
        gap = " " if self.settings.spaces else ""
        if kind == 1:
            size = (frame[0] & 0x0F) << 8 | frame[1]
            return f"{size:03X}{gap}\r0:{gap}{self._hex(frame[2:])}"
        return f"{frame[0] & 0x0F:X}:{gap}{self._hex(frame[1:])}"

    def _hex(self, data):
        # With spaces on, the adapter also writes one after the last byte.
        return "".join(f"{b:02X} " for b in data) if self.settings.spaces else data.hex().upper()


def _id_text(can_id):
    return f"{can_id:03X}" if can_id <= 0x7FF else f"{can_id:08X}"
