"""A storage in RAM that behaves as badly as a real one; the same interface as `port.Storage`.

What was appended is unsynced until `sync`, and so is a new file's name; a removed file may come
back until some later sync. `power_cut(kept)` decides what becomes of all that. Operations are
numbered from 0, writing ones (append, sync, close, remove, replace) and reading ones (names, size,
read) apart; `faults` and `read_faults` say what happens at which:

    EIO, ENOSPC   it fails, having done nothing
    TORN, FULL    the same, but an append has written half
    LATE          it fails with EIO although it was done (a sync that reports an error)
    CUT           PowerCut is raised before it is done
"""

from agent.port.errors import StorageError
from agent.port.storage import MAX_OPEN

EIO = "EIO"
ENOSPC = "ENOSPC"
TORN = "EIO, torn"
FULL = "ENOSPC, torn"
LATE = "late"
CUT = "cut"

# What a power cut leaves of a file's unsynced bytes: (numerator, denominator) of them, or zeros in
# their place, as ext4 does where the length was written and the data was not.
NONE = (0, 1)
ALL = (1, 1)
ZEROS = None
KEPT = (NONE, (1, 4), (1, 2), (3, 4), ALL, ZEROS)


class PowerCut(Exception):
    """Not a StorageError: nothing in the agent may catch it."""


class SimDisk:
    """`files`: {name: bytearray} as a reader sees them; `capacity`: bytes, or None."""

    def __init__(self, files=None, capacity=None):
        self.files = files if files is not None else {}
        self._synced = {name: len(data) for name, data in self.files.items()}
        self._removed = {}
        self.capacity = capacity
        self.faults = {}
        self.read_faults = {}
        self.writes = 0
        self.reads = 0
        self.syncs = 0
        self.broken = None  # EIO or ENOSPC: every append fails so
        self.unreadable = ()  # names of files whose reads fail
        self.open = set()

    def power_cut(self, kept):
        """The SimDisk that the next start finds; this one stays as it is."""
        files = {}
        for name, data in self._removed.items():
            if kept is NONE:
                files[name] = bytearray(data)
        for name, data in self.files.items():
            synced = self._synced.get(name, 0)
            rest = bytes(data[synced:])
            size = len(rest)
            rest = bytes(size) if kept is ZEROS else rest[: size * kept[0] // kept[1]]
            if kept is NONE and name not in self._synced:
                continue  # nor its name
            files[name] = bytearray(bytes(data[:synced]) + rest)
        return SimDisk(files)

    def _fault(self, fault, name):
        if fault == CUT:
            raise PowerCut(f"at {name}")
        if fault is not None:
            raise StorageError(f"{name}: {fault}", fault in (ENOSPC, FULL))

    def _write(self, name):
        """The fault that the operation itself raises when it is done, or half done."""
        fault = self.faults.get(self.writes)
        self.writes += 1
        if fault not in (TORN, FULL, LATE):
            self._fault(fault, name)
        return fault

    def _read(self, name):
        fault = self.read_faults.get(self.reads)
        self.reads += 1
        self._fault(EIO if name in self.unreadable else fault, name)

    def names(self):
        self._read("names")
        return sorted(self.files)

    def size(self, name):
        self._read(name)
        if name not in self.files:
            raise StorageError(f"look at {name}: error 2")
        return len(self.files[name])

    def read(self, name, offset=0, length=-1):
        self._read(name)
        if name not in self.files:
            raise StorageError(f"read {name}: error 2")
        end = len(self.files[name]) if length < 0 else offset + length
        return bytes(self.files[name][offset:end])

    def append(self, name, data):
        fault = self._write(name)
        if name not in self.open and len(self.open) >= MAX_OPEN:
            raise StorageError(f"append {name}: too many files open")
        self.open.add(name)
        if self.broken:
            self._fault(self.broken, name)
        used = sum([len(f) for f in self.files.values()])
        is_full = self.capacity is not None and used + len(data) > self.capacity
        written = data[: len(data) // 2] if fault in (TORN, FULL) or is_full else data
        self.files.setdefault(name, bytearray()).extend(written)
        self._fault(FULL if is_full else fault, name)

    def sync(self, name):
        fault = self._write(name)
        if name not in self.open:
            return
        if fault in (None, LATE):
            self._synced[name] = len(self.files[name])
            self._removed = {}
            self.syncs += 1
        self._fault(fault, name)

    def close(self, name):
        self.open.discard(name)  # the handle is gone also when closing failed
        self._fault(self._write(name), name)

    def remove(self, name):
        self.open.discard(name)
        fault = self._write(name)
        if fault in (None, LATE):
            data = self.files.pop(name, None)
            synced = self._synced.pop(name, None)
            if synced is not None:
                self._removed[name] = data[:synced]
        self._fault(fault, name)

    def replace(self, name, data):
        fault = self._write(name)
        if fault in (None, LATE):
            self.files[name] = bytearray(data)
            self._synced[name] = len(data)
        self._fault(fault, name)
