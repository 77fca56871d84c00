"""Driver for ELM327 and STN adapters, as a machine fed with bytes and time.

It brings the adapter up, finds the car's bus, keeps one command at a time in flight with a hard
deadline, and comes back by itself from resets, silence and a dead bus. Sources: ELM327 data sheet
(commands, replies), the behaviour of clones in the field.

Use: start(now); write what poll(now) returns; feed(data, now) with what comes back; then take()
the events:

    ("adapter", text)            what ATI says
    ("voltage", millivolts)      what ATRV says
    ("bus", protocol)            the car answers; requests may follow while `idle`
    ("nobus",)                   adapter alive, car silent; retried slowly
    ("lost",)                    adapter silent; retried with back-off
    ("found",)                   adapter answers again after start or "lost"
    ("reply", kind, messages, clean)   the answer to request(): messages as in isotp.py; clean
                                 tells that every line of it was understood
    ("error", name, detail)      resets, alerts

Only AT commands of the tables below and requests built by services.request() are ever sent.
"""

from agent.obd import services
from agent.obd.isotp import Reassembler
from agent.obd.replies import (
    ALERT,
    BANNER,
    BUS_ERROR,
    COUNTED,
    DONE,
    NO_BUS,
    NO_DATA,
    OVERFLOW,
    PROGRESS,
    RESET,
    SILENT,
    TIMEOUT,
    UNKNOWN,
    UNSUPPORTED,
    classify,
    millivolts,
    printable,
)

COMMAND_MS = 1000
RESET_MS = 5000
SEARCH_MS = 10000
# An ECU that says "response pending" has 5 s for the next word (P2*, ISO 14229-2); a request that
# is put off for longer than this in all is given up.
WAIT_MS = 5000
WAIT_LIMIT_MS = 30000
DRAIN_MS = 200
RESYNC_MS = 300
LOST_RETRY_MS = (2000, 4000, 8000, 10000)
# Longest real line: 29-bit header, eight bytes and spaces, 35 characters; banners stay below 60.
MAX_LINE = 96
MAX_TEXTS = 4  # lines of an AT command's answer that are kept; the longest answer has two
LOST_AFTER = 3  # requests in a row without any answer
BUS_ERRORS = 3  # in a row, then the bus is searched again
AUTO_EVERY = 4  # attempts: how often the search is automatic although a protocol is known

# Set-up commands in order; the protocol and the first request follow.
INIT = (b"ATZ", b"ATE0", b"ATL0", b"ATS0", b"ATH1", b"ATAT1", b"ATI", b"ATRV")
_SEARCHING = (b"SEARCHING", b"BUS INIT")
_FORGET = b"ATFE"  # after ERR94: forget events, else CAN stays blocked
_RETRY_FROM = 4  # after a failed search the set-up repeats from ATH1
_KEPT = (b"ATZ", b"ATRV")  # never left out, whatever the adapter answered before

LEGACY = "12345"  # protocols that are not CAN: headers off, one PID a request

# Modes of the machine
_OFF = 0
_DRAIN = 1
_INIT = 2
_PROTOCOL = 3
_CONNECT = 4
_NUMBER = 5
_HEADERS = 6
_READY = 7
_REQUEST = 8
_VOLTAGE = 9
_RESYNC = 10
_NOBUS = 11
_DOWN = 12

COUNTERS = (
    "requests",
    "timeouts",
    "no_prompt",  # an answer without the ">"
    "no_ok",  # an AT command answered, but not with OK
    "noise",  # lines with bytes no adapter sends
    "overlong",  # lines longer than MAX_LINE
    "unsolicited",  # lines nobody asked for
    "resets",
    "lost",
)

class Elm:
    """One adapter. `memory` (dict) holds what was learned about it and may be kept for next time:
    "protocol" (one letter or None) and "unsupported" (list of AT commands it does not know)."""

    def __init__(self, counters, memory, bus_retry_ms=5000):
        self.counters = counters
        for key in COUNTERS:
            counters.setdefault(key, 0)
        for key in COUNTED.values():
            counters.setdefault(key, 0)
        self.memory = memory
        memory.setdefault("protocol", None)
        memory.setdefault("unsupported", [])
        self.bus_retry_ms = bus_retry_ms
        self.protocol = None
        self._isotp = Reassembler(counters)
        self._events = []
        self._mode = _OFF
        self._line = b""
        self._overlong = False
        self._identity = None
        self._attempt = 0
        self._losses = 0
        self._failures = 0
        self._bus_errors = 0
        self._alive = False
        self._forget = False
        self._step = 0
        self._resent = False
        self._until = 0
        self._wakeup = False
        self._clear()

    def _clear(self):
        """No command in flight."""
        self._sent = None
        self._sent_at = 0
        self._deadline = 0
        self._kind = SILENT
        self._texts = []
        self._first = False

    # What the owner calls

    @property
    def idle(self):
        """True when a request may be made."""
        return self._mode == _READY

    @property
    def can(self):
        """True when the car's bus is CAN: several PIDs a request, frames counted."""
        return self.protocol is None or self.protocol not in LEGACY

    def start(self, now):
        """(Re)starts from nothing: drain, reset, set up, search."""
        self._attempt = 0
        self._begin(now)

    def request(self, service, data, frames, now):
        """-> bytes to write. Only while idle. Raises services.ServiceRefused."""
        text = services.request(service, data, frames)
        self.counters["requests"] += 1
        self._mode = _REQUEST
        return self._send(text, COMMAND_MS, now)

    def voltage(self, now):
        """Asks for the battery's voltage -> bytes to write. Only while idle."""
        self._mode = _VOLTAGE
        return self._send(b"ATRV", COMMAND_MS, now)

    def search(self, now):
        """The owner finds the bus dead (nothing but NO DATA): look for it again."""
        self._no_bus(now)

    def take(self):
        """The events since the last call."""
        events = self._events
        self._events = []
        return events

    def feed(self, data, now):
        """Bytes from the adapter, cut anywhere (or none, to let deadlines pass)."""
        if data:
            pieces = data.replace(b"\n", b"\r").replace(b">", b"\r>\r").split(b"\r")
            pieces[0] = self._line + pieces[0]
            last = len(pieces) - 1
            for index in range(last):
                self._end_of_line(pieces[index], now)
            self._line = pieces[last]
            if len(self._line) > MAX_LINE:
                self._line = b""
                self._overlong = True
            elif self._sent is not None and self._line.startswith(_SEARCHING):
                # The line ends only when the search does.
                self._more_time(self._sent_at + SEARCH_MS)
        self._expire(now)

    def poll(self, now):
        """-> bytes to write, or None."""
        self._expire(now)
        if self._sent is not None:
            return None
        mode = self._mode
        if mode == _DRAIN:
            if self._wakeup:
                # Any character ends what the adapter is doing or wakes it; a space, unlike a
                # carriage return, does not make it repeat its last command.
                self._wakeup = False
                return b" "
            if now >= self._until:
                self._mode = mode = _INIT
                self._step = 0
        elif mode == _RESYNC:
            if self._wakeup:
                self._wakeup = False
                return b" "
            if now >= self._until:
                self._mode = _READY
        elif mode == _NOBUS:
            if now >= self._until:
                self._mode = mode = _INIT
                self._step = _RETRY_FROM
        elif mode == _DOWN and now >= self._until:
            self._begin(now)
            return self.poll(now)
        return self._next_command(mode, now)

    def wake(self, now):
        """-> ms until poll() has something to do; None when the owner's next request decides."""
        if self._sent is not None:
            due = self._deadline
        elif self._mode in (_READY, _OFF):
            return None
        elif self._mode in (_DRAIN, _RESYNC, _NOBUS, _DOWN) and not self._wakeup:
            due = self._until
        else:
            return 0
        return max(0, due - now)

    # Commands

    def _begin(self, now):
        self._clear()
        self._line = b""
        self._overlong = False
        self._mode = _DRAIN
        self._wakeup = True
        self._resent = False
        self._until = now + DRAIN_MS

    def _next_command(self, mode, now):
        """The next command of the set-up -> bytes or None."""
        if mode == _INIT:
            skipped = self.memory["unsupported"]
            while self._step < len(INIT):
                command = INIT[self._step]
                if command == b"ATE0" and self._forget:
                    self._forget = False
                    self._step -= 1  # ATFE takes ATZ's place once more
                    return self._send(_FORGET, COMMAND_MS, now)
                if command in _KEPT or command.decode() not in skipped:
                    return self._send(command, COMMAND_MS if self._step else RESET_MS, now)
                self._step += 1
            self._mode = mode = _PROTOCOL
        if mode == _PROTOCOL:
            return self._send(b"ATSP" + self._wanted_protocol(), COMMAND_MS, now)
        if mode == _CONNECT:
            return self._send(services.request(0x01, b"\x00"), SEARCH_MS, now)
        if mode == _NUMBER:
            return self._send(b"ATDPN", COMMAND_MS, now)
        if mode == _HEADERS:
            return self._send(b"ATH0", COMMAND_MS, now)
        return None

    def _wanted_protocol(self):
        known = self.memory["protocol"]
        if known is None or self._attempt % AUTO_EVERY == 1:
            return b"0"
        return known.encode()

    def _send(self, text, deadline, now):
        self._sent = text
        self._sent_at = now
        self._deadline = now + deadline
        self._kind = SILENT
        self._texts = []
        self._first = True
        self._isotp.begin()
        return text + b"\r"

    # Lines

    def _end_of_line(self, line, now):
        if self._overlong or len(line) > MAX_LINE:
            self._overlong = False
            self.counters["overlong"] += 1
            self._worse(UNKNOWN)
            return
        if line == b">":
            self._prompt(now)
            return
        # The data sheet warns of NUL bytes; 0xFF is what an idle line's glitch looks like.
        line = line.replace(b"\x00", b"").strip(b" \t\xff")
        if not line or self._mode in (_DRAIN, _DOWN, _OFF):
            return
        if b"\xff" in line:
            self.counters["noise"] += 1
        if self._sent is None:
            self._unasked(line, now)
        else:
            self._answer(line, now)

    def _unasked(self, line, now):
        kind = classify(line)
        if kind in (RESET, BANNER):
            self._reset(line, now)
        elif kind == ALERT:
            self._alert(line)
        elif self._mode != _RESYNC:
            self.counters["unsolicited"] += 1

    def _answer(self, line, now):
        """One line of the answer to the command in flight."""
        first = self._first
        self._first = False
        if first and line.replace(b" ", b"") == self._sent:
            return  # echo
        if self._mode in (_REQUEST, _CONNECT):
            if line.startswith(_SEARCHING[0]):
                self._more_time(self._sent_at + SEARCH_MS)
                line = line[9:].lstrip(b". ")
                if not line:
                    return
            before = len(self._isotp.messages)
            if self._isotp.line(line, now):
                if len(self._isotp.messages) > before:
                    self._message(self._isotp.messages[-1][1], now)
                return
        kind = classify(line)
        if kind == PROGRESS:
            self._more_time(self._sent_at + SEARCH_MS)
            return
        if kind == RESET or (kind == BANNER and self._sent not in (b"ATZ", b"ATI")):
            self._reset(line, now)
            return
        if kind == ALERT:
            self._alert(line)
            return
        if self._mode not in (_REQUEST, _CONNECT):
            if len(self._texts) < MAX_TEXTS:
                self._texts.append(printable(line))
            if kind == UNKNOWN:
                kind = SILENT  # names, numbers, volts: whoever asked will judge
        self._worse(kind)

    def _worse(self, kind):
        """Lets a line's kind count for the whole reply."""
        if self._sent is None:
            return
        if kind in COUNTED:
            self.counters[COUNTED[kind]] += 1
        if kind > self._kind:
            self._kind = kind

    def _message(self, payload, now):
        refusal = services.negative(payload)
        if refusal is not None and refusal[1] == services.WAIT:
            self._more_time(min(now + WAIT_MS, self._sent_at + WAIT_LIMIT_MS))

    def _more_time(self, deadline):
        if deadline > self._deadline:
            self._deadline = deadline

    def _reset(self, line, now):
        """The adapter has lost its settings."""
        self.counters["resets"] += 1
        self._forget = b"94" in line
        self._events.append(("error", "adapter_reset", printable(line)))
        if self._mode == _REQUEST:
            self._events.append(("reply", RESET, [], False))
        self._begin(now)

    def _alert(self, line):
        self.counters["alerts"] += 1
        self._events.append(("error", "adapter_alert", printable(line)))

    # Ends of answers

    def _prompt(self, now):
        if self._mode == _RESYNC and not self._wakeup:
            self._mode = _READY
        elif self._sent is not None:
            if self._sent == b"ATZ" and not self._texts:
                return  # the prompt of an earlier command; the banner is still to come
            self._failures = 0
            self._finish(now)

    def _expire(self, now):
        """Ends the command in flight at its deadline."""
        if self._sent is None or now < self._deadline:
            return
        heard = self._texts or self._isotp.messages or self._kind != SILENT
        if heard:
            self.counters["no_prompt"] += 1
        else:
            self.counters["timeouts"] += 1
        self._line = b""
        if self._mode in (_REQUEST, _VOLTAGE):
            if not self._isotp.messages and not self._texts:
                self._failures += 1
            if self._mode == _REQUEST:
                self._reply(TIMEOUT)
            self._clear()
            if self._failures >= LOST_AFTER:
                self._lose(now)
            else:
                self._mode = _RESYNC
                self._wakeup = True
                self._until = now + RESYNC_MS
        elif heard:
            self._finish(now)
        elif self._sent == b"ATZ" or self._mode == _CONNECT or self._resent:
            self._lose(now)
        else:
            self._resent = True
            self._clear()  # the same step again, once

    def _finish(self, now):
        """An answer is complete: on with what its mode says."""
        mode = self._mode
        kind = self._kind
        texts = self._texts
        sent = self._sent
        if mode == _REQUEST:
            self._reply(kind)
            self._clear()
            self._mode = _READY
            self._judge_bus(kind, now)
            return
        self._isotp.end()
        messages = self._isotp.messages
        self._clear()
        self._resent = False
        if mode == _CONNECT:
            self._connected(messages, now)
        elif mode == _INIT:
            self._step_done(sent, kind, texts)
        elif mode == _PROTOCOL:
            self._mode = _CONNECT
        elif mode == _NUMBER:
            self._protocol_known(texts)
        elif mode == _HEADERS:
            self._ready()
        elif mode == _VOLTAGE:
            self._report_voltage(texts)
            self._mode = _READY

    def _reply(self, kind):
        """Hands the answer to a request over."""
        self._isotp.end()
        clean = self._isotp.errors == 0 and kind in (SILENT, DONE, NO_DATA)
        messages = self._isotp.messages
        if kind == OVERFLOW:
            messages = []  # characters are missing, nobody knows where
        self._events.append(("reply", kind, messages, clean))

    def _judge_bus(self, kind, now):
        if kind == BUS_ERROR:
            self._bus_errors += 1
        else:
            self._bus_errors = 0
        if kind == NO_BUS or self._bus_errors >= BUS_ERRORS:
            self._no_bus(now)

    def _step_done(self, sent, kind, texts):
        self._step += 1
        if not self._alive:
            self._alive = True
            self._losses = 0
            self._events.append(("found",))
        if kind == UNSUPPORTED:
            name = sent.decode()
            if name not in self.memory["unsupported"] and sent in INIT:
                self.memory["unsupported"].append(name)
        elif sent == b"ATI":
            if texts and texts[0] != self._identity:
                self._identity = texts[0]
                self._events.append(("adapter", texts[0]))
        elif sent == b"ATRV":
            self._report_voltage(texts)
        elif sent != b"ATZ" and kind != DONE:
            self.counters["no_ok"] += 1

    def _report_voltage(self, texts):
        found = millivolts(texts[0]) if texts else None
        if found is not None:
            self._events.append(("voltage", found))

    def _connected(self, messages, now):
        """The first request's answer: is there a car?"""
        for _, payload, _ in messages:
            if len(payload) == 6 and payload[0] == 0x41 and payload[1] == 0:
                self._mode = _NUMBER
                return
        if self._attempt == 0 and self.memory["protocol"] is not None:
            self._attempt = 1  # straight on with the automatic search
            self._mode = _PROTOCOL
            return
        self._no_bus(now)

    def _no_bus(self, now):
        self._attempt += 1
        self._bus_errors = 0
        self._clear()
        self._mode = _NOBUS
        self._until = now + self.bus_retry_ms
        self._events.append(("nobus",))

    def _protocol_known(self, texts):
        text = texts[0].strip().upper() if texts else ""
        if len(text) == 2 and text[0] == "A":
            text = text[1]  # "A6": protocol 6, found automatically
        self.protocol = text if len(text) == 1 and text in "123456789ABC" else None
        if self.protocol is not None:
            self.memory["protocol"] = self.protocol
        if self.can:
            self._ready()
        else:
            self._mode = _HEADERS

    def _ready(self):
        self._attempt = 0
        self._failures = 0
        self._mode = _READY
        self._events.append(("bus", self.protocol))

    def _lose(self, now):
        """Nothing comes from the adapter: start anew, later and later."""
        self.counters["lost"] += 1
        self._clear()
        self._mode = _DOWN
        self._until = now + LOST_RETRY_MS[min(self._losses, len(LOST_RETRY_MS) - 1)]
        self._losses += 1
        self._failures = 0
        if self._alive or self._losses == 1:
            self._events.append(("lost",))
        self._alive = False
