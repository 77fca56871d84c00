"""The car's diagnostics straight from its CAN bus, without an adapter (ISO 15765-4).

CanBus has the interface of elm327.Elm, so that poller, scan and everything above them work on it
as they do on an adapter; instead of an adapter's text its bytes are the records of can_frames.py.
It sends a request to all ECUs at once, puts their answers together, tells them to go on where an
answer takes several frames (or lets the kernel do both), and knows when an exchange is over: after
as many frames as the caller counts on, or when every ECU has had its time.

The controller's bit rate is the operating system's to set; `bitrate` says what it is. 11-bit
identifiers are tried first, then those of 29 bits, and what answered is kept in `memory`.

Only requests that services.py makes are ever sent, and flow control.
"""

from agent.const import const
from agent.obd import can_frames, replies, services
from agent.obd.can_isotp import Receiver

# An ECU has 50 ms to begin its answer (P2, ISO 15765-4); gateways and this machine's own delays
# take more, so that it is what an ELM327 waits by itself.
REPLY_MS = 200
# Once one ECU has answered, the others have as long: they were asked at the same moment.
OTHERS_MS = 60
_UNIT = const(4096)  # µs of one unit of timeout(), as an adapter has it
# "Response pending": as in elm327.py
WAIT_MS = 5000
WAIT_LIMIT_MS = 30000
# However little the owner wants to wait (timeout()): what the standard gives an ECU
LEAST_REPLY_MS = 50
# The kernel has begun to put a message together: as long as ISO 15765-2 gives it for a frame (N_Cr)
BEGUN_MS = 1000
BUS_ERRORS = 3  # exchanges in a row with errors and without an answer, then the bus is searched

_PROTOCOLS = {500000: ("6", "7"), 250000: ("8", "9")}  # as ATDPN names them, 11 and 29 bits

KIND = "can"  # in the event "adapter", beside the kinds of identity.py

# Modes of the machine
_OFF = const(0)
_SEARCH = const(1)  # the first request is to be sent, or under way
_READY = const(2)
_REQUEST = const(3)
_NO_BUS = const(4)  # until the next search
_PARKED = const(5)  # the car is left alone

COUNTERS = (
    "requests",
    "no_data",
    "bus_errors",
    "no_bus",
    "unsolicited",  # frames that nobody asked for
)


class CanBus:
    """One controller, called `name`. `memory` (dict) may be kept for next time; it holds
    "protocol", and what abilities.py has of an adapter: frames can be counted here."""

    can = True
    # There is no adapter that could sleep; resting, nothing is sent and the car's bus may.
    can_sleep = False
    asleep = False
    focus = None  # answers of all ECUs are taken, always
    tail = 0  # ms from the last word to the prompt of an adapter

    def __init__(self, counters, memory, bus_retry_ms=5000, name="CAN", bitrate=500000):
        if bitrate not in _PROTOCOLS:
            raise ValueError("obd: %r bit/s is not a rate of diagnostics" % (bitrate,))
        self.counters = counters
        for key in COUNTERS:
            counters.setdefault(key, 0)
        self.memory = memory
        memory.setdefault("protocol", None)
        if memory.get("identity") != name:  # what was learned of an adapter says nothing here
            memory["identity"] = name
            memory["batch"] = None
        memory["digit"] = True
        memory["focus"] = False
        self.bus_retry_ms = bus_retry_ms
        self._name = name
        self._letters = _PROTOCOLS[bitrate]
        self._events = []
        self._records = can_frames.Records()
        self._receiver = Receiver(counters)
        self._mode = _OFF
        self._is_extended = False
        self._tries = 0  # forms of identifiers that this search has tried
        self._out = b""  # flow control that is to be sent
        self._until = 0
        self._failures = 0
        self._reply_ms = REPLY_MS
        self._is_resting = False
        self.latency = None  # ms from the last request to the last word of its answers
        self._clear()

    def _clear(self):
        """No exchange under way."""
        self._is_waiting = False
        self._sent_at = 0
        self._frames = 0  # that the caller counts on; 0: unknown
        self._others_until = None
        self._pending = {}  # ecu -> until when it has asked for patience
        self._had_error = False

    # What the owner calls

    @property
    def idle(self):
        """True when a request may be made."""
        return self._mode == _READY

    def start(self, now):
        """(Re)starts from nothing."""
        self._clear()
        self._out = b""
        self._events.append(("found",))
        self._events.append(("adapter", self._name, KIND))
        self._begin_search()

    def request(self, service, data, frames, now):
        """-> bytes to write. Only while idle. Raises services.ServiceRefused."""
        text = services.request(service, data)
        self._mode = _REQUEST
        return self._send(text, frames, now)

    def clear(self, order, rpm, age, now):
        """The order to clear trouble codes, as services.clear_request(). Only while idle."""
        text = services.clear_request(order, rpm, age)
        self._mode = _REQUEST
        return self._send(text, 0, now)

    def voltage(self, now):
        """A CAN controller has no voltmeter: nothing is asked, no event comes."""
        return None

    def timeout(self, units, now):
        """How long an answer is waited for, in units of 4.096 ms; 0: the default. Takes no time
        and no bytes."""
        self._reply_ms = max(LEAST_REPLY_MS, units * _UNIT // 1000) if units else REPLY_MS
        return None

    def listen(self, ecu, now):
        """The answers of one ECU alone: as all of them are taken, there is nothing to set."""
        return None

    @property
    def parked(self):
        """True while the car is left alone."""
        return self._mode == _PARKED

    def rest(self):
        """Leave the car alone until release(): no request, no search."""
        self._is_resting = True
        if self._mode in (_READY, _NO_BUS):
            self._park()

    def release(self, now):
        """The end of rest(): the bus is searched at once."""
        self._is_resting = False
        if self._mode == _PARKED:
            self._begin_search()

    def sleep(self, now):
        """Nothing here has a low power of its own."""
        return None

    def wake_up(self, now):
        pass

    def search(self, now):
        """The owner finds the bus dead (nothing but NO DATA): look for it again."""
        self._no_bus(now)

    def take(self):
        """The events since the last call."""
        events = list(self._events)
        self._events.clear()
        return events

    def feed(self, data, now):
        """Records from the port, cut anywhere (or none, to let deadlines pass)."""
        for kind, can_id, content in self._records.feed(data):
            if kind == can_frames.ERROR:
                self._bus_error(content)
                continue
            number = can_frames.ecu(can_id)
            is_ours = number is not None and (number > 0x7FF) == self._is_extended
            if not is_ours or not self._is_waiting:
                self.counters["unsolicited"] += 1
                continue
            if kind == can_frames.BEGUN:
                until = self._pending.get(number, 0)
                self._pending[number] = max(until, now + BEGUN_MS)
                continue
            before = len(self._receiver.messages)
            if kind == can_frames.MESSAGE:
                self._receiver.message(number, content, now)
            else:
                answer = self._receiver.frame(number, content, now)
                if answer is not None:
                    target = can_frames.physical(number)
                    frame = can_frames.padded(answer)
                    self._out += can_frames.record(can_frames.FRAME, target, frame)
            for message in self._receiver.messages[before:]:
                self._patience(message)
                self.latency = now - self._sent_at
                self._others_until = now + OTHERS_MS
        self._expire(now)

    def poll(self, now):
        """-> bytes to write, or None."""
        if self._out:
            out = self._out
            self._out = b""
            return out
        self._expire(now)
        if self._mode == _NO_BUS and now >= self._until:
            self._begin_search()
        if self._mode == _SEARCH and not self._is_waiting:
            self._receiver.begin(0x01)
            return self._send(services.request(0x01, b"\x00"), 0, now)
        return None

    def wake(self, now):
        """-> ms until poll() has something to do; None when the owner's next request decides."""
        if self._out or (self._mode == _SEARCH and not self._is_waiting):
            return 0
        if self._is_waiting:
            return max(0, self._deadline() - now)
        if self._mode == _NO_BUS:
            return max(0, self._until - now)
        return None

    # Exchanges

    def _send(self, text, frames, now):
        payload = bytes([int(text[at : at + 2], 16) for at in range(0, len(text), 2)])
        self.counters["requests"] += 1
        self._clear()
        self._is_waiting = True
        self._sent_at = now
        self._frames = frames
        self._receiver.begin(payload[0])
        target = can_frames.functional(self._is_extended)
        return can_frames.record(can_frames.FRAME, target, can_frames.single(payload))

    def _patience(self, message):
        number, payload, t = message
        refusal = services.negative(payload)
        if refusal is not None and refusal[1] == services.WAIT:
            self._pending[number] = min(t + WAIT_MS, self._sent_at + WAIT_LIMIT_MS)
        else:
            self._pending.pop(number, None)

    def _deadline(self):
        """When the exchange is over if nothing more comes."""
        deadline = self._sent_at + self._reply_ms
        if self._others_until is not None:
            deadline = min(deadline, self._others_until)
        for until in self._pending.values():
            deadline = max(deadline, until)
        due = self._receiver.next_due()
        return deadline if due is None else max(deadline, due)

    def _expire(self, now):
        if not self._is_waiting:
            return
        self._receiver.expire(now)
        counted = self._frames and self._receiver.heard >= self._frames
        if now < self._deadline() and (not counted or self._receiver.is_open or self._pending):
            return
        self._receiver.end()
        messages = self._receiver.messages
        is_clean = self._receiver.errors == 0
        had_error = self._had_error
        self._clear()
        if self._mode == _SEARCH:
            self._searched(messages, now)
            return
        if messages:
            kind = replies.DONE
        elif had_error:
            kind = replies.BUS_ERROR
        else:
            kind = replies.NO_DATA
            self.counters["no_data"] += 1
        self._mode = _READY
        self._events.append(("reply", kind, messages, is_clean and kind != replies.BUS_ERROR))
        self._failures = self._failures + 1 if kind == replies.BUS_ERROR else 0
        if self._failures >= BUS_ERRORS:
            self._no_bus(now)

    # Finding the car

    def _park(self):
        self._clear()
        self._mode = _PARKED
        self._events.append(("parked",))

    def _begin_search(self):
        if self._is_resting:
            self._park()
            return
        known = self.memory["protocol"]
        if known in self._letters:
            self._is_extended = known == self._letters[1]
        else:
            self._is_extended = False
        self._tries = 0
        self._mode = _SEARCH

    def _searched(self, messages, now):
        for _, payload, _ in messages:
            if len(payload) == 6 and payload[1] == 0:
                letter = self._letters[1 if self._is_extended else 0]
                self.memory["protocol"] = letter
                self._mode = _READY
                self._failures = 0
                self._events.append(("bus", letter))
                return
        self._tries += 1
        if self._tries < 2:
            self._is_extended = not self._is_extended
        else:
            self._no_bus(now)

    def _no_bus(self, now):
        self.counters["no_bus"] += 1
        self._clear()
        self._failures = 0
        self._mode = _NO_BUS
        self._until = now + self.bus_retry_ms
        self._events.append(("nobus",))

    def _bus_error(self, content):
        self.counters["bus_errors"] += 1
        if not self._had_error:
            self._had_error = True  # once an exchange: a broken bus has thousands
            self._events.append(("error", "bus_error", replies.printable(content)))
