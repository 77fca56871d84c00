"""The answer to the command in flight, gathered line by line.

begin(command, for_data)
line(text, now)  -> what the driver has to do about it: one of the marks below
kind             the answer's worst line, as replies.py sorts them
texts            lines of an AT or ST command's answer
isotp            frames and messages of a request's answer (isotp.py)
"""

from agent.obd import replies, services
from agent.obd.isotp import Reassembler
from agent.obd.replies import ALERT, BANNER, COUNTED, PROGRESS, RESET, SILENT, UNKNOWN

_MAX_TEXTS = 4  # lines of an AT command's answer that are kept; the longest answer has two
_SEARCHING = b"SEARCHING"

# Marks
TAKEN = 0
GOES_ON = 1  # the search is under way: more time
PENDING = 2  # an ECU asks for more time
WAS_RESET = 3  # the adapter has lost its settings
ALERTED = 4  # the adapter is about to sleep


class Answer:
    def __init__(self, counters):
        self.counters = counters
        self.isotp = Reassembler(counters)
        self.begin(None, False)

    def begin(self, command, for_data):
        """A command is sent (None: no one is); `for_data`: what comes may be frames."""
        self.command = command
        self.for_data = for_data
        self.kind = SILENT
        self.texts = []
        self.last_at = None  # when the last line of data came
        self.put_off = False  # an ECU has asked for more time
        self._first = True
        self.isotp.begin()

    @property
    def heard(self):
        """True when there was any word."""
        return bool(self.texts or self.isotp.messages or self.kind != SILENT)

    def line(self, text, now):
        first = self._first
        self._first = False
        if first and text.replace(b" ", b"") == self.command:
            return TAKEN  # echo
        if self.for_data:
            if text.startswith(_SEARCHING):
                text = text[len(_SEARCHING) :].lstrip(b". ")
                if not text:
                    self._first = first
                    return GOES_ON
            before = len(self.isotp.messages)
            if self.isotp.line(text, now):
                self.last_at = now
                if len(self.isotp.messages) > before and _is_wait(self.isotp.messages[-1][1]):
                    self.put_off = True
                    return PENDING
                return TAKEN
        kind = replies.classify(text)
        if kind == PROGRESS:
            return GOES_ON
        if kind == RESET or (kind == BANNER and self.command not in NAMING):
            return WAS_RESET
        if kind == ALERT:
            return ALERTED
        if not self.for_data:
            if len(self.texts) < _MAX_TEXTS:
                self.texts.append(replies.printable(text))
            if kind == UNKNOWN:
                kind = SILENT  # names, numbers, volts: whoever asked will judge
        self.worse(kind)
        return TAKEN

    def worse(self, kind):
        """Lets a line's kind count for the whole answer."""
        if self.command is None:
            return
        if kind in COUNTED:
            self.counters[COUNTED[kind]] += 1
        if kind > self.kind:
            self.kind = kind


# Commands whose answer is the adapter's name
NAMING = (b"ATZ", b"ATWS", b"ATI", b"STI", b"STDI")


def _is_wait(payload):
    refusal = services.negative(payload)
    return refusal is not None and refusal[1] == services.WAIT
