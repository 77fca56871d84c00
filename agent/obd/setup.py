"""The set-up of an adapter, step by step: its settings, its name and rate, the car's protocol.

    command() -> (text, ms)                    what to send next, and how long it may take
    answered(kind, texts, messages) -> result  GO_ON, READY, NO_CAR, or PARKED where `hold` is set

What it finds out goes to `events` as elm327.py describes them, and to `memory`.
"""

from agent import port
from agent.const import const
from agent.obd import services
from agent.obd.replies import DONE, UNSUPPORTED, millivolts

COMMAND_MS = 1000
_RESET_MS = 2500  # ATZ takes 0.6 to 1 s, of slow clones nearly two
SEARCH_MS = 10000

GO_ON = 0
READY = 1
NO_CAR = 2
PARKED = 3  # the adapter is set up, the car is not asked

# Commands in order; those without a text are made below.
STEPS = (
    b"ATZ",
    b"ATE0",
    b"ATL0",
    b"ATS0",
    b"ATH1",
    b"ATAT1",
    b"ATI",
    b"STI",  # an STN chip says its own name
    b"STDI",  # and the device it sits in
    b"",  # patience in the change of the rate
    b"",  # the change
    b"ATRV",
    b"",  # show all ECUs again, where one alone was wanted
    b"",  # ATSP with the protocol that worked last, or 0: search
    b"",  # the first request
    b"ATDPN",
)
_FIRST = const(0)
_RETRY = const(4)  # a search is repeated from ATH1
_NAME = const(6)
_FIRMWARE = const(7)
_DEVICE = const(8)
_PATIENCE = const(9)
_CHANGE = const(10)
_VOLTAGE = const(11)
_ALL_ECUS = const(12)
_PROTOCOL = const(13)
_REQUEST = const(14)
_NUMBER = const(15)
SHOW_ALL = (b"ATCRA", b"ATAR")
_WARM = b"ATWS"  # a reset that keeps the rate of the line
_FORGET = b"ATFE"  # after ERR94: forget events, else CAN stays blocked
# Commands that are left out once the adapter answered "?" to them
_OPTIONAL = (b"ATE0", b"ATL0", b"ATS0", b"ATH1", b"ATAT1")
_LEARNED = ("rate", "batch", "digit", "focus")  # in memory, of one adapter
_AUTO_EVERY = 4  # attempts: how often the search is automatic although a protocol is known
_BLOCKED_AFTER = 3  # searches in vain after ERR94, until somebody is told to switch the power off


class SetUp:
    """`memory` (dict) may be kept for next time; it holds

    "protocol"     one letter as ATDPN has it, or None
    "identity"     what the adapter is; another one voids all that follows
    "unsupported"  commands the adapter does not know
    "rate"         see baud.py: True where it can be raised, False where not, None while unknown
    "batch", "digit", "focus"  see abilities.py

    `hold`: stop before the car is asked anything. `rate`: a baud.Rate.
    """

    def __init__(self, counters, memory, events, rate):
        self._counters = counters
        self.memory = memory
        for key in ("protocol", "identity") + _LEARNED:
            memory.setdefault(key, None)
        memory.setdefault("unsupported", [])
        self._events = events
        self.protocol = None
        self.hold = False
        self.focus = None  # the ECU whose answers alone are shown
        self._rate = rate
        self._step = _FIRST
        self._forget = False
        self._refused = []  # of this set-up
        self._name = ""
        self._firmware = None
        self._told = None  # the identity that was told
        self._attempt = 0
        self._blocked = 0  # 0, or searches since ERR94
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

    @property
    def changing(self):
        """True while the adapter is asked for another rate."""
        return self._step == _CHANGE

    @property
    def is_stn(self):
        return self._firmware is not None

    @property
    def show_all(self):
        """The command that shows all ECUs' answers: the one without an address came later."""
        return SHOW_ALL[1 if SHOW_ALL[0].decode() in self.memory["unsupported"] else 0]

    def shown_all(self, kind):
        """What came of it."""
        first = SHOW_ALL[0].decode()
        if kind == UNSUPPORTED and first not in self.memory["unsupported"]:
            self.memory["unsupported"].append(first)
        else:
            self.focus = None

    def restart(self, forget=False, blocked=False):
        """From the beginning; `forget`: the adapter may want its event memory cleared, `blocked`:
        it has said so."""
        self._step = _FIRST
        self._forget = forget or blocked
        if blocked:
            self._blocked = 1
        self._refused = []
        self.focus = None

    def search(self, failed):
        """The adapter is set up; the car was not found (`failed`) or has gone."""
        self._step = _RETRY
        if failed:
            self._attempt += 1

    def lost(self):
        self._found = False

    def command(self):
        while self._is_left_out(self._step):
            self._step += 1
        step = self._step
        if step == _FIRST:
            return (_WARM if self._rate.is_raised else b"ATZ"), _RESET_MS
        if self._forget:
            return _FORGET, COMMAND_MS
        if step in (_PATIENCE, _CHANGE):
            return self._rate.wanted(self.is_stn)[step - _PATIENCE], COMMAND_MS
        if step == _ALL_ECUS:
            return self.show_all, COMMAND_MS
        if step == _PROTOCOL:
            return b"ATSP" + self._wanted_protocol(), COMMAND_MS
        if step == _REQUEST:
            return services.request(0x01, b"\x00"), SEARCH_MS
        return STEPS[step], COMMAND_MS

    def _is_left_out(self, step):
        if step == _DEVICE:
            return not self.is_stn
        if step in (_PATIENCE, _CHANGE):
            return self._rate.wanted(self.is_stn) is None
        if step == _ALL_ECUS:
            return self.focus is None
        command = STEPS[step]
        return command in _OPTIONAL and command.decode() in self.memory["unsupported"]

    def _wanted_protocol(self):
        known = self.memory["protocol"]
        if known is None or self._attempt % _AUTO_EVERY == 1:
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
        text = texts[0].strip() if texts else ""
        self._step += 1
        if step == _NAME:
            self._name = text
        elif step == _FIRMWARE:
            self._firmware = text if text.startswith("STN") else None
            if not self._firmware:
                self._identified("")
        elif step == _DEVICE:
            self._identified("" if kind == UNSUPPORTED else text)
        elif step == _CHANGE:
            if kind == UNSUPPORTED:
                self.memory["rate"] = False
        elif step == _VOLTAGE:
            found = millivolts(text)
            if found is not None:
                self._events.append(("voltage", found))
            if self.hold:
                return PARKED
        elif step == _ALL_ECUS:
            self.shown_all(kind)
            if self.focus is not None:
                self._step = _ALL_ECUS  # by the other command
        else:
            self._done(STEPS[step], kind)
        return GO_ON

    def _done(self, command, kind):
        """A setting was made, or not."""
        if kind == UNSUPPORTED:
            if command in _OPTIONAL:
                self._refused.append(command.decode())
                self.memory["unsupported"].append(command.decode())
        elif command != b"ATZ" and kind != DONE:
            self._counters["no_ok"] += 1

    def _identified(self, device):
        from agent.obd import identity  # once, and at another adapter

        title = identity.title(self._name, self._firmware, device)
        memory = self.memory
        if memory["identity"] != title:
            memory["identity"] = title
            memory["unsupported"] = list(self._refused)
            for key in _LEARNED:
                memory[key] = None
        if title and self._told != title:
            self._told = title
            kind = identity.kind(self._name, self._firmware, memory["unsupported"])
            self._events.append(("adapter", title, kind))
        port.forget("agent.obd.identity")

    def changed(self, worked):
        """The change of the rate is over."""
        self.memory["rate"] = worked
        self._step = _VOLTAGE

    def _car_answered(self, messages):
        for _, payload, _ in messages:
            if len(payload) == 6 and payload[0] == 0x41 and payload[1] == 0:
                self._step = _NUMBER
                return GO_ON
        if self._attempt == 0 and self.memory["protocol"] is not None:
            self._attempt = 1  # straight on with the automatic search
            self._step = _PROTOCOL
            return GO_ON
        if self._blocked:
            self._blocked += 1
            if self._blocked == _BLOCKED_AFTER + 1:
                text = "CAN stays blocked after ERR94: switch the adapter's power off and on"
                self._events.append(("error", "adapter_blocked", text))
        return NO_CAR

    def _protocol_known(self, texts):
        text = texts[0].strip().upper() if texts else ""
        if len(text) == 2 and text[0] == "A":
            text = text[1]  # "A6": protocol 6, found automatically
        self.protocol = text if len(text) == 1 and text in "123456789ABC" else None
        if self.protocol is not None:
            self.memory["protocol"] = self.protocol
        self._attempt = self._blocked = 0
        self._events.append(("bus", self.protocol))
        return READY
