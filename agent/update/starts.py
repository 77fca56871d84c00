"""What is started after crashes: the agent, or the minimal boot. Counts and remembers crashes.

A copy of this file lies beside the slots as `slotstart.py`, as `agent/update/boot.py` does, and is
never written by an update. It imports nothing of the agent, and takes its storage as an argument.

    starts = Starts(storage, how, was_trial, slot)    before `boot.choose`: what ended the last run
    slot = starts.choose(slot, is_trial, is_whole)    after it: the slot, and `is_minimal`
    starts.crashed(EXCEPTION, text)                   the agent has ended otherwise than by order
    told(storage), healthy(...), again(storage)       what the running agent says of it

A crash is an exception that ends the agent, a watchdog's bite, or a reset that nobody asked for; a
power cut is none, nor is a restart by order or the end of a sleep. MAX_ROW crashes without the
agent having been healthy in between lead to the minimal boot (docs/starting.md). A release on trial
has a count of its own in the pointer: its crashes are told and not counted here.

The record is one small file that is replaced as a whole, and only at a crash and what follows one:
the RTC's memory would forget it with each power cut, and NVS is nothing that `patrol flash` or a
test can look into. It needs no second copy as the pointer does: lost, it costs the count. The
layout is fixed, since a gateway's boot code reads what agents of any later date write:

    version 1, crashes in a row 1, kind of the last 1, flags 1, minimal boots since the last try of
    the full agent 1, slot of the last crash 1, length of the text 2, text, CRC-32 4 (big-endian)
"""

import binascii
import struct

NAME = "crashes"
MAX_ROW = 3  # once may be chance, twice bad luck
MAX_TEXT = 480  # characters of a traceback, its end: what the room keeps of a text
EVERY = 10  # of so many starts of the minimal boot one is a try of the full agent instead
_WAIT_S = 10  # before a start after more than MAX_ROW crashes, doubled with each
_MAX_WAIT_S = 600
_MOST = 255  # a row is not counted further

# What ended the last run.
NOTHING = 0  # power, an order, a sleep
EXCEPTION = 1  # of Python; the text is its traceback
WATCHDOG = 2  # nobody has fed it: the agent hung
RESET = 3  # nobody asked for it: the interpreter itself has crashed
ENDED = 4  # the agent gave up; the text says why
COUNTED = 5  # a crash that `crashed` has written down already
KINDS = ("nothing", "exception", "watchdog", "reset", "ended")

# In the RTC's memory, which outlives every reset but that of the power: why one was asked for. On
# the flash it would be two writes for each restart.
MARK_MEANT = b"meant"  # also written by agent/port/esp32.py
MARK_COUNTED = b"counted"

_UNTOLD, _AGAIN, _OTHER, _MINIMAL = 1, 2, 4, 8  # flags
_VERSION = 1
_FORM = ">BBBBBBH"
_HEAD = 8


class Record:
    def __init__(self):
        self.row = 0  # crashes since the agent was healthy
        self.kind = NOTHING
        self.is_untold = False  # the room's journal has not got it
        self.is_again = False  # the next start is a try of the full agent
        self.is_other = False  # the minimal boot is of the other slot
        self.is_minimal = False  # the last start was the minimal boot
        self.minimals = 0
        self.slot = 0  # place of the slot that has crashed
        self.text = ""  # the last traceback that nobody was told

    def encode(self):
        text = self.text.encode()
        flags = self.is_untold * _UNTOLD + self.is_again * _AGAIN
        flags += self.is_other * _OTHER + self.is_minimal * _MINIMAL
        head = struct.pack(
            _FORM, _VERSION, self.row, self.kind, flags, self.minimals, self.slot, len(text)
        )
        return head + text + struct.pack(">I", binascii.crc32(head + text))


def decode(data):
    """Record of a file's bytes, None where they are not sound."""
    if len(data) < _HEAD + 4 or data[0] != _VERSION:
        return None
    if binascii.crc32(data[:-4]) != struct.unpack(">I", data[-4:])[0]:
        return None
    r = Record()
    _, r.row, r.kind, flags, r.minimals, r.slot, length = struct.unpack(_FORM, data[:_HEAD])
    if length != len(data) - _HEAD - 4 or r.kind >= len(KINDS) or r.slot > 1:
        return None
    r.is_untold, r.is_again = bool(flags & _UNTOLD), bool(flags & _AGAIN)
    r.is_other, r.is_minimal = bool(flags & _OTHER), bool(flags & _MINIMAL)
    try:
        r.text = data[_HEAD:-4].decode()
    except UnicodeError:
        return None
    return r


def load(storage):
    """The Record; a fresh one where there is none. Raises nothing: something must start."""
    try:
        found = decode(storage.read(NAME)) if storage.size(NAME) else None
    except OSError:
        found = None
    return found or Record()


def _stored(storage, record):
    try:
        storage.replace(NAME, record.encode())
        return True
    except OSError:
        return False


def ended_by(machine, mark):
    """What ended the last run. machine: the chip's module; mark: what the RTC's memory holds.

    machine.reset() and a crash of the interpreter itself are one cause to MicroPython, HARD_RESET;
    a brown-out counts as power (ports/esp32/modmachine.c). SOFT_RESET is somebody at the prompt."""
    cause = machine.reset_cause()
    if cause == machine.WDT_RESET:
        return WATCHDOG
    if cause != machine.HARD_RESET or mark == MARK_MEANT:
        return NOTHING
    return COUNTED if mark == MARK_COUNTED else RESET


def clip(text):
    """The end of a text, which says most of a traceback, in ASCII: one byte a character, whatever
    an exception's text holds."""
    out = ""
    for c in text[-MAX_TEXT:]:
        out += c if " " <= c <= "~" or c == "\n" else "?"
    return out


class Starts:
    """how: NOTHING, WATCHDOG, RESET or COUNTED; was_trial: the last run was one on trial; slot: the
    place of its slot."""

    def __init__(self, storage, how, was_trial, slot):
        self._storage = storage
        self._record = load(storage)
        self._is_trial = was_trial
        self._slot = 1 - slot if self._record.is_minimal and self._record.is_other else slot
        self.is_minimal = False
        self._is_after_crash = how != NOTHING
        if how in (WATCHDOG, RESET):
            self.crashed(how, "")

    @property
    def has_record(self):
        """There is something that the agent is to tell, or to forget when it is healthy."""
        r = self._record
        return bool(r.row or r.is_untold)

    @property
    def wait_s(self):
        """Seconds to wait before the agent is started: a minimal boot that crashes, too, must not
        wear the flash and drain the battery. 0 after a power cut: perhaps somebody is at it."""
        more = self._record.row - MAX_ROW
        if more <= 0 or not self._is_after_crash:
            return 0
        return min(_MAX_WAIT_S, _WAIT_S << min(more - 1, 10))

    def crashed(self, kind, text):
        """Counts a crash of the run that ends or has ended. False where it could not be written."""
        r = self._record
        r.kind, r.slot, r.is_untold = kind, self._slot, True
        r.text = clip(text) or r.text
        if not self._is_trial:
            r.row = min(r.row + 1, _MOST)
            if r.is_minimal:
                r.is_other = not r.is_other  # perhaps the other slot's can
        return _stored(self._storage, r)

    def choose(self, slot, is_trial, is_whole):
        """Place of the slot to start; then `is_minimal`. slot: of `boot.choose`; is_trial: it is on
        trial; is_whole(slot): that slot can be started."""
        r = self._record
        before = r.encode()
        self._is_trial = is_trial
        is_due = r.row >= MAX_ROW and not is_trial
        is_full = r.is_again or r.minimals >= EVERY - 1
        r.is_minimal = is_due and not is_full
        if is_due:
            r.minimals = r.minimals + 1 if r.is_minimal else 0
            r.is_again = False
        if r.is_minimal and r.is_other and not is_whole(1 - slot):
            r.is_other = False
        if r.encode() != before and not _stored(self._storage, r) and is_due:
            r.is_minimal = True  # a try that is not counted might be repeated for ever
        self.is_minimal = r.is_minimal
        self._slot = 1 - slot if r.is_minimal and r.is_other else slot
        return self._slot


# The running agent


def told(storage):
    """The crash is in the journal. Raises OSError."""
    r = load(storage)
    r.is_untold = False
    r.text = ""
    storage.replace(NAME, r.encode())


def healthy(storage, is_minimal, is_adopted=False):
    """The agent has run long enough: the row is over. That of the minimal boot leaves the row at
    which it is due. is_adopted: the slot that runs has become the good one. Raises OSError."""
    r = load(storage)
    before = r.encode()
    r.row = min(r.row, MAX_ROW) if is_minimal else 0
    r.is_other = r.is_other and not is_adopted
    if not r.row and not r.is_untold:
        storage.remove(NAME)
    elif r.encode() != before:
        storage.replace(NAME, r.encode())


def again(storage):
    """The next start is a try of the full agent. Raises OSError."""
    r = load(storage)
    r.is_again = True
    storage.replace(NAME, r.encode())
