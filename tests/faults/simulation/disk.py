"""A vehicle's storage that is as bad as a real one may be; the interface of `agent.port.Storage`.

What was appended is visible at once and safe only after `sync` said so. What a power cut leaves of
the rest depends on the file system:

    littlefs  nothing of it, nor a new file's name
    ext4      any subset of its sectors, the others zero where the length was written and cut off
              where it was not; a new file's name or not; a removed file may be back

`kill` (of the process) leaves everything as it was seen last: the kernel lives on.

A failed sync is the worst of all (as on Linux): what it did not write is never written, though it
can be read for as long as power is on. Faults are armed for operations to come, counted from 1:
reads (names, size, read) apart from writes (append, sync, close, remove, replace).
"""

from contextlib import contextmanager

from agent.port.errors import StorageError
from agent.port.storage import MAX_OPEN

SECTOR = 512
WRITE_FAULTS = ("EIO", "ENOSPC", "torn", "full", "late", "lost", "cut", "kill")
READ_FAULTS = ("EIO", "cut", "kill")


class PowerCut(BaseException):
    """Power is gone in the middle of an operation. Nobody but the vehicle may catch it."""


class Killed(BaseException):
    """The process is gone in the middle of an operation; the machine lives on."""


_ENDS = {"cut": PowerCut, "kill": Killed}


class _File:
    __slots__ = ("data", "synced", "is_named", "doomed")

    def __init__(self, data=b"", is_named=False):
        self.data = bytearray(data)
        self.synced = len(data)  # bytes from the beginning that are on the medium
        self.is_named = is_named
        self.doomed = False  # a sync failed: what is behind `synced` never gets there


class Disk:
    """`ledger`: told of frames that get durable and of files that go (`ledger.py`)."""

    def __init__(self, scheduler, ledger, system, capacity):
        """system: "littlefs" or "ext4"; capacity: bytes."""
        self._random = scheduler.random
        self._scheduler = scheduler
        self._ledger = ledger
        self._system = system
        self.capacity = capacity
        self.files = {}
        self._removed = {}  # name -> _File whose removal is not yet on the medium
        self._open = set()
        self._armed = {"write": {}, "read": {}}  # operation's number -> fault
        self._done = {"write": 0, "read": 0}
        self.broken = None  # EIO or ENOSPC: every append fails so
        self.is_unreadable = False
        self.read_errors = 0
        self.is_behind_ledger = False  # its ledger was synced, and no file removed since
        self._end = None  # PowerCut or Killed: nothing happens until the vehicle has understood
        self.counters = {"writes": 0, "syncs": 0, "failed": 0, "power_cuts": 0}

    # What goes wrong

    def arm(self, kind, operation, fault):
        """The `operation`-th "write" or "read" from now on has this fault."""
        self._armed[kind][self._done[kind] + operation] = fault

    def disarm(self):
        self._armed = {"write": {}, "read": {}}
        self.broken = None
        self.is_unreadable = False

    @contextmanager
    def quiet(self):
        """Reads of the judge: nothing fails, nothing is counted."""
        armed, done, broken = self._armed, dict(self._done), self.is_unreadable
        self._armed, self.is_unreadable = {"write": {}, "read": {}}, False
        try:
            yield
        finally:
            self._armed, self._done, self.is_unreadable = armed, done, broken

    def rot(self, lanes):
        """One bit of what is on the medium changes, in a segment of one of these lanes."""
        segments = [n for n in sorted(self.files) if n[0] in lanes and n[1:].isdigit()]
        names = [n for n in segments if self.files[n].synced]
        if names:
            name = self._random.choice(names)
            file = self.files[name]
            at = self._random.randrange(file.synced)
            file.data[at] ^= 1 << self._random.randrange(8)
            self._scheduler.trace("disk", "rots", name, at)
            self._ledger.rotten(name, at)

    def _fault(self, kind):
        if self._end is not None:
            raise self._end
        self._done[kind] += 1
        armed = self._armed[kind]
        fault = armed.pop(self._done[kind], None) if armed else None
        if fault in _ENDS:
            self._end = _ENDS[fault]
            raise self._end
        return fault

    def _fail(self, what, name, fault):
        self.counters["failed"] += 1
        self._scheduler.trace("disk", "fails", what, name, fault)
        raise StorageError(f"{what} {name}: {fault}", fault in ("ENOSPC", "full"))

    def kill(self):
        """The process ends: handles are gone, the data is not."""
        self._end = None
        self._open = set()

    def power_cut(self):
        """What the next start finds is all that is left, and it is on the medium."""
        self.counters["power_cuts"] += 1
        self._end = None
        self._open = set()
        left = {}
        for name, file in self._removed.items():
            if self._system == "ext4" and self._random.random() < 0.5:
                left[name] = _File(file.data[: file.synced], True)
        for name, file in self.files.items():
            if not file.is_named and (self._system == "littlefs" or self._random.random() < 0.5):
                continue
            left[name] = _File(file.data[: file.synced] + self._survivors(file), True)
        self.files = left
        self._removed = {}
        self._ledger.power_was_cut(self)

    def _survivors(self, file):
        """What is left of the bytes that were not synced."""
        rest = bytes(file.data[file.synced :])
        if not rest or file.doomed or self._system == "littlefs":
            return b""
        chance = self._random.random()
        if chance < 0.25:
            return b""
        if chance < 0.4:
            return rest
        if chance < 0.6:
            return bytes(self._random.randrange(len(rest) + 1))
        kept = bytearray(rest[: self._random.randrange(len(rest) + 1)])
        start = file.synced
        at = start - start % SECTOR
        while at < start + len(kept):
            if self._random.random() < 0.4:
                first, last = max(at, start) - start, min(at + SECTOR - start, len(kept))
                kept[first:last] = bytes(last - first)
            at += SECTOR
        return bytes(kept)

    # The interface

    def _read(self, what, name):
        fault = self._fault("read")
        if fault or self.is_unreadable:
            self.read_errors += 1
            self._fail(what, name, fault or "EIO")

    def names(self):
        self._read("list", "")
        return sorted(self.files)

    def size(self, name):
        self._read("look at", name)
        return len(self._file("look at", name).data)

    def read(self, name, offset=0, length=-1):
        self._read("read", name)
        data = self._file("read", name).data
        return bytes(data[offset:] if length < 0 else data[offset : offset + length])

    def _file(self, what, name):
        if name not in self.files:
            raise StorageError(f"{what} {name}: error 2")
        return self.files[name]

    def used(self):
        return sum([len(file.data) for file in self.files.values()])

    def append(self, name, data):
        if self._end is not None:
            raise self._end
        self.counters["writes"] += 1
        if name not in self._open and len(self._open) >= MAX_OPEN:
            raise StorageError(f"append {name}: more than {MAX_OPEN} files open")
        self._open.add(name)
        file = self.files.setdefault(name, _File())
        try:
            fault = self._fault("write")
        except (PowerCut, Killed):
            # The kernel may have taken any part of it.
            self._write(name, file, data[: self._random.randrange(len(data) + 1)])
            raise
        fault = fault or self.broken
        if fault is None and self.used() + len(data) > self.capacity:
            fault = "full"
        if fault in ("torn", "full"):
            self._write(name, file, data[: self._random.randrange(len(data))])
        elif fault in (None, "late", "lost"):
            self._write(name, file, data)
        if fault:
            self._fail("append", name, fault)

    def _write(self, name, file, data):
        start = len(file.data)
        file.data.extend(data)
        self._ledger.appended(name, start, data)

    def sync(self, name):
        fault = self._fault("write")
        self.counters["syncs"] += 1
        file = self.files.get(name)
        if name not in self._open or file is None:
            return
        if fault == "lost":
            file.doomed = True
        if fault in (None, "late") and not file.doomed:
            file.synced = len(file.data)
            if not file.is_named:
                file.is_named = True
                self._removed = {}  # the folder was synced, too
        if fault is None:
            # Also where an earlier failure makes it untrue: who believes it loses frames.
            self._ledger.synced(name, len(file.data))
            self.is_behind_ledger = name[0] == "c"
        if fault:
            self._fail("flush", name, fault)

    def close(self, name):
        if name not in self._open:
            return
        fault = self._fault("write")
        self._open.discard(name)  # the handle is gone also when closing fails
        if fault in ("EIO", "ENOSPC"):
            self._fail("close", name, fault)

    def remove(self, name):
        self._ledger.giving_up(name)
        fault = self._fault("write")
        self._open.discard(name)
        self.is_behind_ledger = False
        if fault in (None, "late", "lost") and name in self.files:
            self._ledger.removed(name)
            self._removed[name] = self.files.pop(name)
            if not self._removed[name].is_named:
                del self._removed[name]
        if fault:
            self._fail("remove", name, fault)

    def replace(self, name, data):
        try:
            fault = self._fault("write")
        except (PowerCut, Killed):
            if self._random.random() < 0.5:
                self.files[name] = _File(data, True)
            elif self._random.random() < 0.5:
                self.files[name + ".new"] = _File(data[: len(data) // 2], True)
            raise
        fault = fault or self.broken
        if fault in (None, "late"):
            self.files[name] = _File(data, True)
            self.files.pop(name + ".new", None)
            self._removed = {}
        if fault:
            self._fail("replace", name, fault)
