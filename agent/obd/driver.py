"""The driver's inner machine: one command at a time in flight, and what its answer leads to.

elm327.py has what its owner calls and the events; here is what happens by itself: set-up, lines,
deadlines, resets, the bus found and lost, the adapter lost and found.
"""

from agent.obd import answer, baud, setup
from agent.obd.answer import Answer
from agent.obd.baud import Rate
from agent.obd.lines import PROMPT, Lines
from agent.obd.replies import (
    ALERT,
    BANNER,
    BUS_ERROR,
    COUNTED,
    DONE,
    NO_BUS,
    NO_DATA,
    OVERFLOW,
    RESET,
    SILENT,
    TIMEOUT,
    UNKNOWN,
    UNSUPPORTED,
    classify,
    millivolts,
    printable,
)
from agent.obd.setup import COMMAND_MS, SEARCH_MS

# An ECU that says "response pending" has 5 s for the next word (P2*, ISO 14229-2); a request that
# is put off for longer than this in all is given up.
WAIT_MS = 5000
WAIT_LIMIT_MS = 30000
# After a line of data the prompt comes within ATST, 200 ms: when it does not it is lost.
QUIET_MS = 500
DRAIN_MS = 200
_RESYNC_MS = 300
# A silent adapter is asked for its name so often, each time for so long: it is to work again
# within 5 s of its return, the set-up takes two of them.
LOOK_MS = 700
LOOK_FOR_MS = 400
LOST_AFTER = 2  # commands in a row without any answer
BUS_ERRORS = 3  # in a row, then the bus is searched again
SEARCHING = (b"SEARCHING", b"BUS INIT")
LOOK = b"ATI"
SLEEP = (b"ATLP", b"STSLEEP")  # of an ELM327, of an STN
TIMEOUT_UNIT = 4096  # µs of one unit of ATST
MAX_TIMEOUT = 0xFF

# Modes of the machine
OFF = 0
DRAIN = 1  # what was under way is thrown away
SETUP = 2
READY = 3
_REQUEST = 4
_SETTING = 5  # a command of the owner's to the adapter itself
RESYNC = 6  # after a time-out: wait for the prompt that did not come
BUSLESS = 7  # until the next search
DOWN = 8  # silent; looked for
PARKED = 9  # set up, and the bus is left alone
ASLEEP = 10  # in low power
FALL_BACK = 11  # the rate could not be raised; the adapter comes back to the old one

COUNTERS = (
    "requests",
    "timeouts",
    "no_prompt",  # an answer without the ">"
    "no_ok",  # an AT command answered, but not with OK
    "unsolicited",  # lines nobody asked for
    "resets",
    "lost",
)


class Driver:
    """One adapter. `memory`: see setup.SetUp. `rates`: (rate of the line, rate to raise it to), or
    None where it stays as it is."""

    def __init__(self, counters, memory, bus_retry_ms=5000, rates=None):
        self.counters = counters
        for key in COUNTERS:
            counters.setdefault(key, 0)
        for key in COUNTED.values():
            counters.setdefault(key, 0)
        self.bus_retry_ms = bus_retry_ms
        self._events = []
        self._lines = Lines(counters)
        self._answer = Answer(counters)
        memory.setdefault("rate", None)
        self._rate = Rate(rates, memory, self._events)
        self._setup = setup.SetUp(counters, memory, self._events, self._rate)
        self._mode = OFF
        self._back_to = READY  # where a setting or a resync ends
        self._failures = 0  # commands without an answer in a row
        self._bus_errors = 0  # in a row
        self._resent = False
        self._until = 0
        self._wakeup = False
        self._wanted_focus = None  # of the last listen()
        self._now_out = None  # bytes that go out before anything else
        self.latency = None  # ms from the last request to the last line of data
        self.tail = None  # ms from there to the prompt
        self._clear()

    def _clear(self):
        """No command in flight."""
        self._answer.begin(None, False)
        self._sent = None
        self._sent_at = 0
        self._deadline = 0

    # Commands

    def _begin(self, now, forget=False, blocked=False):
        self._clear()
        self._setup.restart(forget, blocked)
        self._lines.clear()
        self._mode = DRAIN
        self._wakeup = True
        self._resent = False
        self._rate.end()
        self._now_out = None
        self._until = now + DRAIN_MS

    def _ask(self, text, now):
        self.counters["requests"] += 1
        self._mode = _REQUEST
        self._answer.isotp.protocol = self._setup.protocol
        return self._send(text, COMMAND_MS, now)

    def _set(self, text, now):
        self._back_to = PARKED if self._mode == PARKED else READY
        self._mode = _SETTING
        return self._send(text, COMMAND_MS, now)

    def _send(self, text, deadline, now):
        searching = self._mode == SETUP and self._setup.searching
        if searching:
            self._answer.isotp.protocol = None
        self._sent = text
        self._sent_at = now
        self._deadline = now + deadline
        self._answer.begin(text, searching or self._mode == _REQUEST)
        return text + b"\r"

    # Lines

    def _take_line(self, line, now):
        if line is None:
            self._answer.worse(UNKNOWN)
        elif line == PROMPT:
            self._prompt(now)
        elif self._mode in (DRAIN, OFF, FALL_BACK):
            return
        elif self._mode == DOWN:
            if _is_word(line):
                # Back at the usual rate it was reset; what it said then nobody could read, and it
                # may have been ERR94.
                self._begin(now, self._rate.was_raised)
        elif self._sent is None:
            self._unasked(line, now)
        else:
            self._answered(line, now)

    def _unasked(self, line, now):
        kind = classify(line)
        if kind in (RESET, BANNER):
            self._reset(line, now)
        elif kind == ALERT:
            self._alert(line)
        elif self._mode != RESYNC:
            self.counters["unsolicited"] += 1

    def _answered(self, line, now):
        """One line of the answer to the command in flight."""
        if self._mode == SETUP and self._setup.changing:
            self._change(line, now)
            if self._rate.is_changing:
                return
        mark = self._answer.line(line, now)
        if mark == answer.GOES_ON:
            self._more_time(self._sent_at + SEARCH_MS)
        elif mark == answer.TAKEN:
            if self._answer.last_at == now and not self._answer.put_off:
                self._deadline = min(self._deadline, now + QUIET_MS)
        elif mark == answer.PENDING:
            self._more_time(min(now + WAIT_MS, self._sent_at + WAIT_LIMIT_MS))
        elif mark == answer.WAS_RESET:
            self._reset(line, now)
        elif mark == answer.ALERTED:
            self._alert(line)

    def _more_time(self, deadline):
        if deadline > self._deadline:
            self._deadline = deadline

    def _reset(self, line, now):
        """The adapter has lost its settings."""
        self.counters["resets"] += 1
        self._events.append(("error", "adapter_reset", printable(line)))
        if self._mode == _REQUEST:
            self._events.append(("reply", RESET, [], False))
        self._begin(now, blocked=b"94" in line)

    def _alert(self, line):
        self.counters["alerts"] += 1
        self._events.append(("error", "adapter_alert", printable(line)))

    # The line's rate

    def _change(self, line, now):
        was_changing = self._rate.is_changing
        result = self._rate.line(classify(line))
        if self._rate.is_changing and not was_changing:
            self._deadline = now + baud.FALL_BACK_MS
        if result == baud.ANSWER:
            self._now_out = b"\r"
        elif result == baud.WORKED:
            self._clear()
            self._setup.changed(True)
            self._mode = RESYNC  # the prompt
            self._back_to = SETUP
            self._until = now + _RESYNC_MS

    def _fall_back(self, now):
        self._rate.end()
        self._clear()
        self._lines.clear()
        self._setup.changed(False)
        self._mode = FALL_BACK
        self._until = now + baud.FALL_BACK_MS

    # Ends of answers

    def _prompt(self, now):
        if self._mode == RESYNC:
            self._mode = self._back_to
        elif self._sent is not None and self._mode != DOWN and not self._rate.is_changing:
            if self._sent in (b"ATZ", b"ATWS") and not self._answer.texts:
                return  # the prompt of an earlier command; the banner is still to come
            self._failures = 0
            self._rate.end()
            self._finish(now)

    def _expire(self, now):
        """Ends the command in flight at its deadline."""
        if self._sent is None or now < self._deadline:
            return
        self._lines.clear()
        if self._mode == DOWN:
            self._clear()
            self._until = now + LOOK_MS - LOOK_FOR_MS
            self._rate.other()
            return
        if self._rate.is_changing:
            self._fall_back(now)
            return
        heard = self._answer.heard
        self.counters["no_prompt" if heard else "timeouts"] += 1
        if self._mode in (_REQUEST, _SETTING):
            self._late(heard, now)
        elif heard:
            self._finish(now)
        elif self._setup.resetting or self._setup.searching or self._resent or self._rate.is_raised:
            # At a raised rate one silence is enough to suspect a reset to the usual one.
            self._lose(now)
        else:
            self._resent = True
            self._clear()  # the same step again, once

    def _late(self, heard, now):
        """A request or a setting without its prompt."""
        if not self._answer.isotp.messages and not self._answer.texts:
            self._failures += 1
        if self._mode == _REQUEST:
            self._back_to = READY
            self._reply(self._answer.kind if heard else TIMEOUT, now)
        if self._failures >= (1 if self._rate.is_raised else LOST_AFTER):
            self._lose(now)
        else:
            self._resync(now)

    def _finish(self, now):
        """An answer is complete: on with what its mode says."""
        kind = self._answer.kind
        texts = self._answer.texts
        messages = self._answer.isotp.messages
        if self._mode == _REQUEST:
            self._back_to = READY
            self._reply(kind, now)
            if kind == SILENT and not messages:
                self._resync(now)  # that prompt belonged to an earlier command
            else:
                self._clear()
                self._mode = READY
                self._judge_bus(kind, now)
            return
        self._answer.isotp.end()
        sent = self._sent
        self._clear()
        if self._mode == _SETTING:
            self._mode = self._back_to
            self._was_set(sent, kind, texts)
            return
        self._resent = False
        result = self._setup.answered(kind, texts, messages)
        if result == setup.READY:
            self._failures = 0
            self._mode = READY
        elif result == setup.NO_CAR:
            self._no_bus(now, True)
        elif result == setup.PARKED:
            self._mode = PARKED
            self._events.append(("parked",))

    def _was_set(self, sent, kind, texts):
        if sent == b"ATRV":
            found = millivolts(texts[0]) if texts else None
            if found is not None:
                self._events.append(("voltage", found))
        elif sent in setup.SHOW_ALL:
            self._setup.shown_all(kind)
        elif sent.startswith(b"ATCRA"):
            self._setup.memory["focus"] = kind == DONE
            if kind == DONE:
                self._setup.focus = self._wanted_focus
        elif sent in SLEEP:
            if kind == UNSUPPORTED:
                self._setup.memory["unsupported"].append(sent.decode())
            else:
                self._mode = ASLEEP

    def _resync(self, now):
        """Gets adapter and driver into step again."""
        self._clear()
        self._mode = RESYNC
        self._wakeup = True
        self._until = now + _RESYNC_MS

    def _reply(self, kind, now):
        """Hands the answer to a request over."""
        isotp = self._answer.isotp
        isotp.end()
        messages = isotp.messages
        last = self._answer.last_at
        self.latency = None if last is None else last - self._sent_at
        self.tail = None if last is None else now - last
        clean = isotp.errors == 0 and (kind == NO_DATA or (kind <= DONE and bool(messages)))
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
        self._events.append(("nobus",))
        if self._setup.hold:
            self._mode = PARKED
            return
        self._mode = BUSLESS
        self._until = now + self.bus_retry_ms

    def _lose(self, now):
        """Nothing comes from the adapter: look for it until it answers."""
        self._clear()
        self._mode = DOWN
        self._until = now + LOOK_MS - LOOK_FOR_MS
        self._failures = 0
        self._resent = False
        if self._setup.found or self.counters["lost"] == 0:
            self.counters["lost"] += 1
            self._events.append(("lost",))
        self._setup.lost()
        self._rate.other()


def _is_word(line):
    """Is a line something that an adapter says, and not noise at another rate?"""
    return classify(line) != UNKNOWN or (len(line) > 2 and len(printable(line)) == len(line))
