"""A higher rate on the line to the adapter (ELM327 data sheet: AT BRD; STN manual: ST BR).

The adapter says OK at the old rate, changes, waits, says its name at the new one, and keeps it only
if a carriage return comes in time; else it falls back by itself. So does the driver: a Bluetooth or
Wi-Fi module between the two cannot follow, and costs one attempt.
"""

from agent.const import const
from agent.obd.replies import BANNER, DONE

WAIT_MS = 200  # the adapter's patience in each step: enough for a busy computer
_LATE_MS = const(300)  # what the line and the owner may take on top
# What a fall-back takes: both waits of the adapter, with its prompt at the end.
FALL_BACK_MS = 2 * WAIT_MS + _LATE_MS
_DIVIDEND = const(4000000)  # ATBRD takes the divisor of 4 MHz
# A UART still samples the last bit right when the rate is off by this, in thousandths.
_TOLERANCE = const(25)

_OFFERED = const(1)  # waiting for the adapter's OK
_CHANGED = const(2)  # waiting for its name at the new rate
_ACCEPTED = const(3)  # waiting for its OK to our carriage return

# What comes of a line
WORKED = 1
ANSWER = 2  # a carriage return is due


def commands(rate, stn):
    """(the one that sets the patience, the one that changes), or None for a rate that the adapter
    cannot have."""
    if stn:
        return b"STBRT%d" % WAIT_MS, b"STBR%d" % rate
    divisor = (_DIVIDEND + rate // 2) // rate
    if not 1 <= divisor <= 255 or abs(_DIVIDEND // divisor - rate) * 1000 > rate * _TOLERANCE:
        return None
    return b"ATBRT%02X" % (WAIT_MS // 5), b"ATBRD%02X" % divisor


class Rate:
    """The line's rate: the usual one, or the raised one once memory["rate"] is True (False: the
    adapter or what lies between cannot). `rates`: (usual, raised), or None: it stays as it is.
    Tells ("baud", rate) in `events` whenever the owner has to change it."""

    def __init__(self, rates, memory, events):
        self._rates = rates if rates and rates[1] and rates[1] > rates[0] else None
        self._memory = memory
        self._events = events
        self._step = 0
        self.is_raised = False

    def wanted(self, stn):
        """The commands that raise the rate now, or None."""
        if self._rates is None or self.is_raised or self._memory["rate"] is False:
            return None
        return commands(self._rates[1], stn)

    def offer(self):
        """The command that changes the rate goes out."""
        self._step = _OFFERED

    @property
    def is_changing(self):
        """True from the adapter's OK on: what it says now is said at the new rate."""
        return self._step > _OFFERED

    @property
    def was_raised(self):
        """Raised before, and not now."""
        return bool(self._rates is not None and self._memory["rate"] and not self.is_raised)

    def line(self, kind):
        """A line since offer(), by its kind -> WORKED, ANSWER or None."""
        if self._step == _OFFERED and kind == DONE:
            self._step = _CHANGED
            self._use(True)
        elif self._step == _CHANGED and kind == BANNER:
            self._step = _ACCEPTED
            return ANSWER
        elif self._step == _ACCEPTED and kind == DONE:
            self._step = 0
            return WORKED
        return None

    def end(self):
        """Nothing comes any more of an offer."""
        was_changing = self.is_changing
        self._step = 0
        if was_changing:
            self._use(False)

    def other(self):
        """The adapter is silent: it may be at the other of the two rates."""
        if self._rates is not None and self._memory["rate"]:
            self._use(not self.is_raised)

    def _use(self, raised):
        self.is_raised = raised
        self._events.append(("baud", self._rates[1 if raised else 0]))
