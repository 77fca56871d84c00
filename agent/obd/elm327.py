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

from agent.obd import services, setup
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
    classify,
    millivolts,
    printable,
)
from agent.obd.setup import COMMAND_MS, LEGACY, SEARCH_MS

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
_SEARCHING = (b"SEARCHING", b"BUS INIT")

# Modes of the machine
_OFF = 0
_DRAIN = 1  # what was under way is thrown away
_SETUP = 2
_READY = 3
_REQUEST = 4
_VOLTAGE = 5
_RESYNC = 6  # after a time-out: wait for the prompt that did not come
_NO_BUS = 7  # until the next search
_DOWN = 8  # until the next start

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
    """One adapter. `memory`: see setup.SetUp."""

    def __init__(self, counters, memory, bus_retry_ms=5000):
        self.counters = counters
        for key in COUNTERS:
            counters.setdefault(key, 0)
        for key in COUNTED.values():
            counters.setdefault(key, 0)
        self.bus_retry_ms = bus_retry_ms
        self._events = []
        self._setup = setup.SetUp(counters, memory, self._events)
        self._isotp = Reassembler(counters)
        self._mode = _OFF
        self._line = b""
        self._overlong = False
        self._losses = 0  # in a row
        self._failures = 0  # requests without an answer in a row
        self._bus_errors = 0  # in a row
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
        protocol = self._setup.protocol
        return protocol is None or protocol not in LEGACY

    def start(self, now):
        """(Re)starts from nothing: drain, reset, set up, search."""
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
        self._no_bus(now, False)

    def take(self):
        """The events since the last call."""
        events = list(self._events)
        self._events.clear()
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
        if self._mode in (_DRAIN, _RESYNC) and self._wakeup:
            # Any character ends what the adapter is doing or wakes it; a space, unlike a
            # carriage return, does not make it repeat its last command.
            self._wakeup = False
            return b" "
        if now >= self._until:
            if self._mode in (_DRAIN, _NO_BUS):
                self._mode = _SETUP
            elif self._mode == _RESYNC:
                self._mode = _READY
            elif self._mode == _DOWN:
                self._begin(now)
                return self.poll(now)
        if self._mode == _SETUP:
            text, limit = self._setup.command()
            return self._send(text, limit, now)
        return None

    def wake(self, now):
        """-> ms until poll() has something to do; None when the owner's next request decides."""
        if self._sent is not None:
            due = self._deadline
        elif self._mode in (_READY, _OFF):
            return None
        elif self._mode in (_DRAIN, _RESYNC, _NO_BUS, _DOWN) and not self._wakeup:
            due = self._until
        else:
            return 0
        return max(0, due - now)

    # Commands

    def _begin(self, now, forget=False):
        self._clear()
        self._setup.restart(forget)
        self._line = b""
        self._overlong = False
        self._mode = _DRAIN
        self._wakeup = True
        self._resent = False
        self._until = now + DRAIN_MS

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
        # The data sheet warns of NUL bytes; 0xFF is what a glitch on an idle line looks like.
        # Where such a byte took a digit's place, the frame's length betrays it.
        size = len(line)
        line = line.replace(b"\x00", b"").replace(b"\xff", b"")
        if len(line) < size:
            self.counters["noise"] += 1
        line = line.strip(b" \t")
        if not line or self._mode in (_DRAIN, _DOWN, _OFF):
            return
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
        for_data = self._mode == _REQUEST or (self._mode == _SETUP and self._setup.searching)
        if for_data:
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
        if not for_data:
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
        self._events.append(("error", "adapter_reset", printable(line)))
        if self._mode == _REQUEST:
            self._events.append(("reply", RESET, [], False))
        self._begin(now, b"94" in line)

    def _alert(self, line):
        self.counters["alerts"] += 1
        self._events.append(("error", "adapter_alert", printable(line)))

    # Ends of answers

    def _prompt(self, now):
        if self._mode == _RESYNC:
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
                self._reply(self._kind if heard else TIMEOUT)
            if self._failures >= LOST_AFTER:
                self._lose(now)
            else:
                self._resync(now)
        elif heard:
            self._finish(now)
        elif self._setup.resetting or self._setup.searching or self._resent:
            self._lose(now)
        else:
            self._resent = True
            self._clear()  # the same step again, once

    def _finish(self, now):
        """An answer is complete: on with what its mode says."""
        mode = self._mode
        kind = self._kind
        texts = self._texts
        if mode == _REQUEST:
            self._reply(kind)
            if kind == SILENT and not self._isotp.messages:
                self._resync(now)  # that prompt belonged to an earlier command
            else:
                self._clear()
                self._mode = _READY
                self._judge_bus(kind, now)
            return
        self._isotp.end()
        self._clear()
        if mode == _VOLTAGE:
            found = millivolts(texts[0]) if texts else None
            if found is not None:
                self._events.append(("voltage", found))
            self._mode = _READY
            return
        self._resent = False
        self._losses = 0
        result = self._setup.answered(kind, texts, self._isotp.messages)
        if result == setup.READY:
            self._failures = 0
            self._mode = _READY
        elif result == setup.NO_CAR:
            self._no_bus(now, True)

    def _resync(self, now):
        """Gets adapter and driver into step again."""
        self._clear()
        self._mode = _RESYNC
        self._wakeup = True
        self._until = now + RESYNC_MS

    def _reply(self, kind):
        """Hands the answer to a request over."""
        self._isotp.end()
        messages = self._isotp.messages
        clean = self._isotp.errors == 0 and (kind == NO_DATA or (kind <= DONE and bool(messages)))
        if kind == OVERFLOW:
            messages = []  # characters are missing, nobody knows where
        self._events.append(("reply", kind, messages, clean))

    def _judge_bus(self, kind, now):
        if kind == BUS_ERROR:
            self._bus_errors += 1
        else:
            self._bus_errors = 0
        if kind == NO_BUS or self._bus_errors >= BUS_ERRORS:
            self._no_bus(now, False)

    def _no_bus(self, now, failed):
        """Waits before the next search; `failed`: the last one found nothing."""
        self._setup.search(failed)
        self._bus_errors = 0
        self._clear()
        self._mode = _NO_BUS
        self._until = now + self.bus_retry_ms
        self._events.append(("nobus",))

    def _lose(self, now):
        """Nothing comes from the adapter: start anew, later and later."""
        self.counters["lost"] += 1
        self._clear()
        self._mode = _DOWN
        self._until = now + LOST_RETRY_MS[min(self._losses, len(LOST_RETRY_MS) - 1)]
        self._losses += 1
        self._failures = 0
        self._resent = False
        if self._setup.found or self._losses == 1:
            self._events.append(("lost",))
        self._setup.lost()
