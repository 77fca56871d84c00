"""The set-up of an adapter, step by step: its settings, the car's protocol, the first request.

    command() -> (text, ms)                    what to send next, and how long it may take
    answered(kind, texts, messages) -> result  GO_ON, READY or NO_CAR

What it finds out goes to `events` as elm327.py describes them, and to `memory`.
"""

from agent.obd import services
from agent.obd.replies import DONE, UNSUPPORTED, millivolts

COMMAND_MS = 1000
RESET_MS = 5000
SEARCH_MS = 10000

GO_ON = 0
READY = 1
NO_CAR = 2

# Commands in order; an empty one is a step of its own below.
STEPS = (
    b"ATZ",
    b"ATE0",
    b"ATL0",
    b"ATS0",
    b"ATH1",
    b"ATAT1",
    b"ATI",
    b"ATRV",
    b"ATSP",  # with the protocol that worked last, or 0: search
    b"",  # the first request
    b"ATDPN",
    b"ATH0",  # only on the buses before CAN
)
_FIRST = 0
_RETRY = 4  # a search is repeated from ATH1
_PROTOCOL = 8
_REQUEST = 9
_NUMBER = 10
_HEADERS = 11
_FORGET = b"ATFE"  # after ERR94: forget events, else CAN stays blocked
# Commands that are left out once the adapter answered "?" to them
_OPTIONAL = (b"ATE0", b"ATL0", b"ATS0", b"ATH1", b"ATAT1")
AUTO_EVERY = 4  # attempts: how often the search is automatic although a protocol is known

LEGACY = "12345"  # protocols that are not CAN: headers off, one PID a request


class SetUp:
    """`memory` (dict) may be kept for next time; it holds "protocol" (one letter or None) and
    "unsupported" (AT commands the adapter does not know)."""

    def __init__(self, counters, memory, events):
        self._counters = counters
        self.memory = memory
        memory.setdefault("protocol", None)
        memory.setdefault("unsupported", [])
        self._events = events
        self.protocol = None
        self._step = _FIRST
        self._forget = False
        self._identity = None
        self._attempt = 0
        self._found = False  # the adapter has answered since it was last lost

    @property
    def found(self):
        return self._found

    @property
    def searching(self):
        """True while the answer to the first request is awaited."""
        return self._step == _REQUEST

    @property
    def resetting(self):
        return self._step == _FIRST and not self._forget

    def restart(self, forget=False):
        """From the beginning; `forget`: the adapter wants its event memory cleared."""
        self._step = _FIRST
        self._forget = forget

    def search(self, failed):
        """The adapter is set up; the car was not found (`failed`) or has gone."""
        self._step = _RETRY
        if failed:
            self._attempt += 1

    def lost(self):
        self._found = False

    def command(self):
        while STEPS[self._step] in _OPTIONAL:
            if STEPS[self._step].decode() not in self.memory["unsupported"]:
                break
            self._step += 1
        if self._step == _FIRST:
            return b"ATZ", RESET_MS
        if self._forget:
            return _FORGET, COMMAND_MS
        if self._step == _PROTOCOL:
            return b"ATSP" + self._wanted_protocol(), COMMAND_MS
        if self._step == _REQUEST:
            return services.request(0x01, b"\x00"), SEARCH_MS
        return STEPS[self._step], COMMAND_MS

    def _wanted_protocol(self):
        known = self.memory["protocol"]
        if known is None or self._attempt % AUTO_EVERY == 1:
            return b"0"
        return known.encode()

    def answered(self, kind, texts, messages):
        step = self._step
        if not self._found:
            self._found = True
            self._events.append(("found",))
        if self._forget and step != _FIRST:
            self._forget = False
            return GO_ON
        if step == _REQUEST:
            return self._car_answered(messages)
        if step == _NUMBER:
            return self._protocol_known(texts)
        if step == _HEADERS:
            return self._ready()
        command = STEPS[step]
        self._step += 1
        if command == b"ATI":
            if texts and texts[0] != self._identity:
                self._identity = texts[0]
                self._events.append(("adapter", texts[0]))
        elif command == b"ATRV":
            found = millivolts(texts[0]) if texts else None
            if found is not None:
                self._events.append(("voltage", found))
        elif kind == UNSUPPORTED:
            if command in _OPTIONAL:
                self.memory["unsupported"].append(command.decode())
        elif command != b"ATZ" and kind != DONE:
            self._counters["no_ok"] += 1
        return GO_ON

    def _car_answered(self, messages):
        for _, payload, _ in messages:
            if len(payload) == 6 and payload[0] == 0x41 and payload[1] == 0:
                self._step = _NUMBER
                return GO_ON
        if self._attempt == 0 and self.memory["protocol"] is not None:
            self._attempt = 1  # straight on with the automatic search
            self._step = _PROTOCOL
            return GO_ON
        return NO_CAR

    def _protocol_known(self, texts):
        text = texts[0].strip().upper() if texts else ""
        if len(text) == 2 and text[0] == "A":
            text = text[1]  # "A6": protocol 6, found automatically
        self.protocol = text if len(text) == 1 and text in "123456789ABC" else None
        if self.protocol is not None:
            self.memory["protocol"] = self.protocol
            if self.protocol in LEGACY:
                self._step = _HEADERS
                return GO_ON
        return self._ready()

    def _ready(self):
        self._attempt = 0
        self._events.append(("bus", self.protocol))
        return READY
