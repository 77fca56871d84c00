"""Reassembly of ISO-TP messages (ISO 15765-2) from CAN frames, with the flow control it takes.

The sibling of isotp.py, for a controller of our own instead of an adapter's text. Frames come with
CRC and exact length here, so that a frame is right or not there at all; what can go wrong is that
one is missing, late, another tester's, or a confused ECU's. Such a message is dropped and counted,
and never completed by guessing.

Of several ECUs that answer at once each has a message of its own, however their frames mix.
"""

from agent.obd.can_frames import FRAME_SIZE, GO_ON, MAX_MESSAGE, TOO_LONG
from agent.obd.isotp import MAX_ECUS, MAX_MESSAGES
from agent.obd.services import NEGATIVE, WAIT

# From one frame of a message to the next (N_Cr) an ECU has 150 ms (ISO 15765-4). What is measured
# is when this machine came to read them: on a busy one that is later, and nothing else shows.
NEXT_FRAME_MS = 500

COUNTERS = (
    "isotp_malformed",  # no frame of ISO 15765-2
    "isotp_foreign",  # an answer to something that was not asked
    "isotp_short",  # fewer bytes than announced
    "isotp_sequence",  # a consecutive frame missing or out of order
    "isotp_stray",  # a consecutive frame without its first frame
    "isotp_incomplete",  # the exchange ended before the message did
    "isotp_late",  # the next frame did not come in time
    "isotp_too_long",  # more than a cap allows
)


class Receiver:
    """The frames of one exchange: begin(), frame()..., then `messages` as in isotp.py, `errors`.

    `heard` counts the frames of its answers, "response pending" left out.
    """

    def __init__(self, counters):
        self.counters = counters
        for key in COUNTERS:
            counters.setdefault(key, 0)
        self._service = 0
        self.begin(0)

    def begin(self, service):
        """Forgets everything; only answers to this service are taken."""
        self._service = service
        self.messages = []
        self.errors = 0
        self.heard = 0
        self._open = {}  # ecu -> [length, next sequence number, bytearray, when its frame came]

    @property
    def is_open(self):
        """True while a message is incomplete."""
        return bool(self._open)

    def end(self):
        """The exchange is over: what is unfinished is counted and dropped."""
        for _ in self._open:
            self._error("isotp_incomplete")
        self._open = {}

    def next_due(self):
        """When the earliest of the awaited frames is late; None when none is awaited."""
        if not self._open:
            return None
        return min([message[3] for message in self._open.values()]) + NEXT_FRAME_MS

    def expire(self, now):
        """Drops messages whose next frame is late."""
        for number in list(self._open):
            if now >= self._open[number][3] + NEXT_FRAME_MS:
                self._drop(number, "isotp_late")

    def frame(self, number, data, now):
        """One frame of an ECU -> what it is to be told as flow control, or None."""
        kind = data[0] >> 4 if data else 15
        if kind == 0:
            self._single(number, data, now)
        elif kind == 1:
            return self._first(number, data, now)
        elif kind == 2:
            self._consecutive(number, data, now)
        else:
            # Flow control from an ECU would answer a request of many frames: there are none.
            self._drop(number, "isotp_malformed")
        return None

    def message(self, number, payload, now):
        """A whole message, which the kernel has put together."""
        self._open.pop(number, None)
        if not payload:
            self._error("isotp_malformed")
        elif self._is_foreign(payload):
            self.counters["isotp_foreign"] += 1
        else:
            self.heard += len(payload) // 7 if len(payload) > 7 else 0
            self._complete(number, payload, now)

    def _single(self, number, data, now):
        if number in self._open:
            self._drop(number, "isotp_incomplete")
        length = data[0]
        if length == 0 or length > 7:
            self._error("isotp_malformed")
        elif not _holds(data, 1 + length):
            self._error("isotp_short")
        elif self._is_foreign(data[1 : 1 + length]):
            self.counters["isotp_foreign"] += 1
        else:
            self._complete(number, data[1 : 1 + length], now)

    def _first(self, number, data, now):
        if number in self._open:
            self._drop(number, "isotp_incomplete")
        length = (data[0] & 0x0F) << 8 | (data[1] if len(data) > 1 else 0)
        if len(data) != FRAME_SIZE or length < FRAME_SIZE:
            self._error("isotp_short")
        elif self._is_foreign(data[2:]):
            # Whoever asked for it will tell the ECU to go on.
            self.counters["isotp_foreign"] += 1
        elif length > MAX_MESSAGE or len(self._open) >= MAX_ECUS:
            self._error("isotp_too_long")
            return TOO_LONG
        else:
            self.heard += 1
            self._open[number] = [length, 1, bytearray(data[2:]), now]
            return GO_ON
        return None

    def _consecutive(self, number, data, now):
        message = self._open.get(number)
        if message is None:
            self.counters["isotp_stray"] += 1  # of another tester's message, or of a dropped one
            return
        if data[0] & 0x0F != message[1]:
            self._drop(number, "isotp_sequence")
            return
        missing = message[0] - len(message[2])
        if not _holds(data, 1 + min(missing, 7)):
            self._drop(number, "isotp_short")
            return
        message[2].extend(data[1 : 1 + missing])
        message[1] = (message[1] + 1) & 0x0F
        message[3] = now
        if missing > 7:
            self.heard += 1
        else:
            self._open.pop(number)
            self._complete(number, bytes(message[2]), now)

    def _is_foreign(self, payload):
        if payload[0] == NEGATIVE:
            return len(payload) != 3 or payload[1] != self._service
        return payload[0] != self._service + 0x40

    def _complete(self, number, payload, now):
        if len(self.messages) >= MAX_MESSAGES:
            self._error("isotp_too_long")
            return
        self.messages.append((number, payload, now))
        if payload[0] != NEGATIVE or payload[2] != WAIT:
            self.heard += 1

    def _drop(self, number, key):
        self._open.pop(number, None)
        self._error(key)

    def _error(self, key):
        self.counters[key] += 1
        self.errors += 1


def _holds(data, needed):
    """Eight bytes, or exactly those that count (ISO 15765-2, 9.6.2.3); an ECU sends no others."""
    return len(data) == FRAME_SIZE or len(data) == needed
