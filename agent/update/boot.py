"""Which of two slots starts: the code that stands before everything that can be updated.

A copy of this file and of `agent/port/tree.py` lies beside the slots and is never written by an
update. It imports nothing of the agent, `const` neither, and takes its storage as an argument. The
layouts below are fixed: a release of any later date is started by the boot code that a gateway left
the bench with.

    pointer-1, pointer-2    the pointer, two copies alternately written
    a/, b/                  the slots, each with
        manifest            the signed manifest that it was downloaded by
        files               the index: what belongs to the release
        whole               SHA-256 of the index, written when everything was read back
        app/...             the files; the folder goes first into sys.path

A pointer is version 1, sequence 4, slot 1, trial 1, tries 1, attempt 1, outcome 1, floor 4,
minimum 4, generation 4, order 8, CRC-32 4 (big-endian, the CRC over all before it). An index is one
row a file: size 3, SHA-256 32, length of the path 1, path in ASCII from `app/` on.

A new release is started on trial: at most MAX_TRIES times, each counted *before* the start, until
it has proved itself (`agent/update/slots.py`). Otherwise the slot that was good before is started
again, by this code, with nobody's help.
"""

import binascii
import struct

SLOTS = ("a", "b")
MAX_TRIES = 3  # one that is cut off by the ignition key twice still has a third
MAX_INDEX = 24576  # 256 files with paths of 60 characters; read in one piece

# How the last order ended.
OPEN = 0  # accepted; being downloaded, ready, or on trial
GOOD = 1  # committed
CRASHED = 2  # started MAX_TRIES times, and never said that it was well
UNWELL = 3  # ran, and did not reach the room in its time
BROKEN = 4  # not whole when it was to be started, or its files did not come right

_POINTERS = ("pointer-1", "pointer-2")
_FORM = ">BIBBBBBIII8s"
POINTER_SIZE = 30
POINTER_VERSION = 1
ROW_SIZE = 36  # of an index, without the path
PIECE = 4096  # read and hashed at once


class Pointer:
    """What is known over a restart. Slots are places in SLOTS."""

    def __init__(self):
        self.sequence = 0  # of the copy; the greater one counts
        self.slot = 0  # the one that is good
        self.trial = 0  # 1: the other one is on trial
        self.tries = 0  # starts of the trial so far
        self.attempt = 0  # of the order: the room may give it again with a greater one
        self.outcome = GOOD
        self.floor = 0  # lowest release counter that is accepted
        self.minimum = 0  # what `floor` becomes when the trial is committed
        self.generation = 0  # of the newest order that was accepted
        self.order = bytes(8)  # which order that was

    def encode(self):
        """The 34 bytes of a copy."""
        head = struct.pack(
            _FORM, POINTER_VERSION, self.sequence, self.slot, self.trial, self.tries, self.attempt,
            self.outcome, self.floor, self.minimum, self.generation, self.order,
        )  # fmt: skip
        return head + struct.pack(">I", binascii.crc32(head))

    def end(self, outcome):
        """The trial is over; what was good stays so."""
        self.trial = 0
        self.tries = 0
        self.outcome = outcome


def decode(data):
    """Pointer of a copy's bytes, None where they are not sound."""
    if len(data) != POINTER_SIZE + 4 or data[0] != POINTER_VERSION:
        return None
    if binascii.crc32(data[:POINTER_SIZE]) != struct.unpack(">I", data[POINTER_SIZE:])[0]:
        return None
    p = Pointer()
    fields = struct.unpack(_FORM, data[:POINTER_SIZE])
    _, p.sequence, p.slot, p.trial, p.tries, p.attempt, p.outcome = fields[:7]
    p.floor, p.minimum, p.generation, p.order = fields[7:]
    return p if p.slot < 2 and p.trial < 2 else None


def load(storage):
    """The newer sound copy; a fresh Pointer where neither is."""
    newest = Pointer()
    for name in _POINTERS:
        try:
            found = decode(storage.read(name)) if storage.size(name) is not None else None
        except OSError:
            found = None  # the other copy tells, a step older at most
        if found is not None and found.sequence > newest.sequence:
            newest = found
    return newest


def store(storage, pointer):
    """Writes the older copy and reads it back. Raises OSError."""
    pointer.sequence += 1
    name = _POINTERS[pointer.sequence % 2]
    data = pointer.encode()
    storage.replace(name, data)
    if storage.read(name) != data:
        raise OSError("pointer %s does not read back" % name)


def rows(index):
    """Generator of (path, size, SHA-256) of an index's bytes. Raises ValueError."""
    at = 0
    while at < len(index):
        end = at + ROW_SIZE + (index[at + 35] if at + ROW_SIZE <= len(index) else 0)
        if end > len(index) or end == at + ROW_SIZE:
            raise ValueError("the index ends within a row")
        size = index[at] << 16 | index[at + 1] << 8 | index[at + 2]
        yield index[at + ROW_SIZE : end].decode(), size, index[at + 3 : at + 35]
        at = end


def file_hash_steps(storage, name, new_hash):
    """Generator that yields once a piece and returns the file's SHA-256. Raises OSError."""
    digest = new_hash()
    at = 0
    while True:
        piece = storage.read(name, at, PIECE)
        if not piece:
            return digest.digest()
        digest.update(piece)
        at += len(piece)
        yield


def file_hash(storage, name, new_hash):
    """SHA-256 of a file. Raises OSError."""
    steps = file_hash_steps(storage, name, new_hash)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def is_whole(storage, slot, new_hash, is_thorough=True):
    """True when the slot holds what it was released with. Without is_thorough only the index and
    the files' sizes are looked at, which costs a chip a tenth of the time."""
    try:
        if not 0 < (storage.size(slot + "/files") or 0) <= MAX_INDEX:
            return False
        index = storage.read(slot + "/files")
        digest = new_hash()
        digest.update(index)
        if storage.read(slot + "/whole") != digest.digest():
            return False
        for path, size, expected in rows(index):
            name = slot + "/app/" + path
            if storage.size(name) != size:
                return False
            if is_thorough and file_hash(storage, name, new_hash) != expected:
                return False
        return True
    except (OSError, ValueError):
        return False


def choose(storage, new_hash, is_thorough=True):
    """Name of the slot to start now, "a" or "b". Raises nothing: something must start.

    is_thorough: False for a start out of deep sleep, where nobody can have written meanwhile.
    """
    p = load(storage)
    if p.trial:
        if p.tries >= MAX_TRIES:
            p.end(CRASHED)
        elif not is_whole(storage, SLOTS[1 - p.slot], new_hash):
            p.end(BROKEN)
        else:
            p.tries += 1
            if _stored(storage, p):
                return SLOTS[1 - p.slot]
            # A try that is not counted might be repeated for ever.
            return SLOTS[p.slot]
        _stored(storage, p)
    is_good = is_whole(storage, SLOTS[p.slot], new_hash, is_thorough)
    # Where neither is whole, the one that was good last is the better guess.
    if not is_good and is_whole(storage, SLOTS[1 - p.slot], new_hash):
        p.slot = 1 - p.slot
        if p.sequence:  # else it is fresh from the bench, which used slot b
            p.outcome = BROKEN
        _stored(storage, p)
    return SLOTS[p.slot]


def _stored(storage, pointer):
    try:
        store(storage, pointer)
        return True
    except OSError:
        return False
