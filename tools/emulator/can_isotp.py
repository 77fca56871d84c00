"""An ECU's side of ISO-TP on a CAN bus (ISO 15765-2): requests in, answers out under flow control.

sender.send(payload, at)          queue an answer for second `at`
sender.flow(data, t)              a flow control frame from the tester
sender.due(t) -> [frame, ...]     frames that leave by second t
sender.wake() -> second or None
"""

from tools.emulator.isotp import segment

_WAIT = 1.0  # s for a flow control (N_Bs), then the answer is given up
_GAP = 0.0005  # s between frames where the tester asks for no more
_GO_ON, _WAIT_FRAME = 0, 1


class Sender:
    """One ECU's transmitter: one message after the other. counters: `abandoned` messages."""

    def __init__(self, padding=0):
        self._padding = padding
        self._messages = []  # (second, payload), in order
        self._frames = []  # of the message under way that are still to be sent
        self._next = 0.0  # second of the next of them
        self._block = None  # frames that may go before the next flow control; None: as many as like
        self._gap = _GAP
        self._waits_until = None  # for a flow control
        self.counters = {"abandoned": 0}

    def send(self, payload, at):
        self._messages.append((at, payload))
        self._messages.sort(key=lambda message: message[0])

    def cancel(self):
        """A new request: an ECU drops what it has not answered yet."""
        self._messages.clear()
        self._give_up()

    def flow(self, data, t):
        if self._waits_until is None or not data or data[0] >> 4 != 3:
            return
        status = data[0] & 0x0F
        if status == _WAIT_FRAME:
            self._waits_until = t + _WAIT
        elif status == _GO_ON and len(data) >= 3:
            self._waits_until = None
            self._block = data[1] or None
            self._gap = max(_GAP, _separation(data[2]))
            self._next = t + _GAP
        else:
            self._give_up()

    def wake(self):
        if self._waits_until is not None:
            return self._waits_until
        if self._frames:
            return self._next
        return self._messages[0][0] if self._messages else None

    def due(self, t):
        sent = []
        while (at := self.wake()) is not None and at <= t:
            if self._waits_until is not None:
                self._give_up()
            elif self._frames:
                sent.append(self._frames.pop(0))
                self._next = at + self._gap
                if self._block is not None:
                    self._block -= 1
                    if not self._block and self._frames:
                        self._waits_until = at + _WAIT
            else:
                _, payload = self._messages.pop(0)
                first, *self._frames = segment(payload, self._padding)
                sent.append(first)
                if self._frames:
                    self._waits_until = at + _WAIT
        return sent

    def _give_up(self):
        self.counters["abandoned"] += bool(self._frames)
        self._frames, self._waits_until, self._block = [], None, None


def _separation(code):
    """Seconds of an STmin; reserved codes mean the longest (ISO 15765-2, 9.6.5.5)."""
    if code <= 0x7F:
        return code / 1000
    return (code - 0xF0) / 10000 if 0xF1 <= code <= 0xF9 else 0.127
