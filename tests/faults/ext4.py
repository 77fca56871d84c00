"""What ext4 (data=ordered, delayed allocation) may leave after a power cut: a model under Python's
own files.

`agent/port/storage.py` runs unchanged: its `open` and `os` are the model's. Buffering is Python's
own (io.BufferedWriter), so a write that failed is tried again by `close`, as in real life.

What fsync has not confirmed may be there or not, sector by sector, in any combination; a size that
was written without its data gives zeros. Names (made, removed, renamed) are lost until the folder
is synced, in any combination that respects their order. After a failed fsync the data is never
written again, although it can still be read ("fsyncgate").
"""

import contextlib
import io
import os
import stat

from agent.port import cpython, storage
from tests.support.simdisk import PowerCut

SECTOR = 512
FOLDER = "/journal"
EIO = 5
ENOSPC = 28


class Inode:
    """`data` as a reader sees it; `synced` as it is on the medium; `writes` since: (offset, data)
    of a sector or less."""

    def __init__(self, data=b""):
        self.data = bytearray(data)
        self.synced = bytes(data)
        self.writes = []
        self.dropped = []  # writes that a failed fsync gave up: they can be read until the cut

    def copy(self):
        fresh = Inode()
        fresh.data, fresh.synced = bytearray(self.data), self.synced
        fresh.writes, fresh.dropped = self.writes[:], self.dropped[:]
        return fresh

    def crashed(self, choose):
        """What a cut leaves. `choose(n)`: a number below n."""
        kind = choose(5)  # nothing of it, all, its beginning, any of it, any of it in full length
        count = len(self.writes)
        if kind == 0 or not count:
            return Inode(self.synced)
        if kind < 3:
            kept = self.writes[: count if kind == 1 else choose(count + 1)]
        else:
            kept = [w for w in self.writes if choose(2)]
        size = max([len(self.synced)] + [offset + len(data) for offset, data in kept])
        if kind == 4:
            size = len(self.data)
        result = bytearray(self.synced) + bytes(size - len(self.synced))
        for offset, data in kept:
            result[offset : offset + len(data)] = data
        return Inode(result)


class Ext4:
    """One folder. `faults`: {operation: errno}, or "cut"; operations are counted in `done`."""

    def __init__(self, names=None):
        self.names = names or {}  # name -> Inode, as seen
        self.durable = dict(self.names)
        self.pending = []  # [(name, Inode or None), ...] of each change that is not synced
        self.faults = {}
        self.done = 0
        self.before = None  # called before each operation
        self.is_dead = False

    def copy(self):
        known = {}

        def own(inode):
            if inode is None:
                return None
            if id(inode) not in known:
                known[id(inode)] = inode.copy()
            return known[id(inode)]

        fresh = Ext4({name: own(inode) for name, inode in self.names.items()})
        fresh.durable = {name: own(inode) for name, inode in self.durable.items()}
        fresh.pending = [[(n, own(inode)) for n, inode in change] for change in self.pending]
        return fresh

    def crashed(self, choose):
        """The Ext4 that the next start finds."""
        names = dict(self.durable)
        lost = set()
        kind = choose(4)  # no change, all, the first ones, any
        limit = choose(len(self.pending) + 1)
        for i, change in enumerate(self.pending):
            touched = {name for name, _ in change}
            keep = (False, True, i < limit, choose(2) == 1)[kind]
            if not keep or touched & lost:
                lost |= touched
                continue
            for name, inode in change:
                if inode is None:
                    names.pop(name, None)
                else:
                    names[name] = inode
        left = {}  # an inode has one content, whatever its names
        for inode in names.values():
            if id(inode) not in left:
                left[id(inode)] = inode.crashed(choose)
        return Ext4({name: left[id(inode)] for name, inode in names.items()})

    def operation(self, name):
        """Counts one; the errno that it is to fail with, or None."""
        if self.before:
            self.before()
        fault = self.faults.get(self.done)
        self.done += 1
        if fault == "cut":
            self.is_dead = True
            raise PowerCut(name)
        return fault

    def change(self, *changes):
        for name, inode in changes:
            if inode is None:
                self.names.pop(name, None)
            else:
                self.names[name] = inode
        self.pending.append(list(changes))

    # As `open` and `os` of the storage

    @contextlib.contextmanager
    def installed(self):
        """Within it the product's storage works on this."""
        fake = _Os(self)
        storage.os, storage.open, cpython.os = fake, self.open, fake
        try:
            yield cpython.Storage(FOLDER)
        finally:
            storage.os, cpython.os = os, os
            del storage.open
            self.is_dead = True

    def open(self, path, mode):
        name = path.split("/")[-1]
        inode = self.names.get(name)
        if mode == "rb":
            if inode is None:
                raise OSError(2, "no such file")
            return io.BytesIO(bytes(inode.data))
        if inode is None or mode == "wb":
            fault = self.operation("open " + name)
            if fault:
                raise OSError(fault, "open")
            inode = Inode()
            self.change((name, inode))
        return io.BufferedWriter(_Raw(self, inode))


class _Raw(io.RawIOBase):
    """An open file, as io.BufferedWriter wants it."""

    def __init__(self, disk, inode):
        self._disk = disk
        self._inode = inode

    def writable(self):
        return True

    def fileno(self):
        return self._inode

    def write(self, data):
        disk, inode = self._disk, self._inode
        data = bytes(data)
        if disk.is_dead:
            return len(data)  # a buffer that is thrown away with its process
        fault = disk.operation("write")
        if fault == EIO:
            raise OSError(fault, "write")
        if fault:
            data = data[: len(data) // 2]
            if not data:
                raise OSError(fault, "write")
            disk.faults[disk.done] = fault  # the rest is refused as well
        start = at = len(inode.data)
        inode.data += data
        while data:
            part = data[: SECTOR - at % SECTOR]
            inode.writes.append((at, part))
            at += len(part)
            data = data[len(part) :]
        return at - start


class _Os:
    """The module `os`, with this disk in place of files."""

    O_RDONLY = 0

    def __init__(self, disk):
        self._disk = disk

    def __getattr__(self, name):
        return getattr(os, name)

    def mkdir(self, path):
        raise OSError(17, "exists")

    def listdir(self, path):
        return list(self._disk.names)

    def stat(self, path):
        name = path.split("/")[-1]
        if name not in self._disk.names:
            raise OSError(2, "no such file")
        size = len(self._disk.names[name].data)
        return (stat.S_IFREG, 0, 0, 0, 0, 0, size, 0, 0, 0)

    def open(self, path, flags):
        return "folder"

    def close(self, fd):
        pass

    def fsync(self, fd):
        disk = self._disk
        fault = disk.operation("fsync")
        if fd == "folder":
            if fault:
                raise OSError(fault, "fsync")
            disk.durable = dict(disk.names)
            disk.pending = []
            return
        if fault:
            fd.dropped += fd.writes
            fd.writes = []
            raise OSError(fault, "fsync")
        synced = bytearray(fd.data)
        for offset, data in fd.dropped:
            synced[offset : offset + len(data)] = bytes(len(data))
        fd.synced = bytes(synced)
        fd.writes = []

    def remove(self, path):
        name = path.split("/")[-1]
        if name not in self._disk.names:
            raise OSError(2, "no such file")
        fault = self._disk.operation("remove " + name)
        if fault:
            raise OSError(fault, "remove")
        self._disk.change((name, None))

    def rename(self, old, new):
        old, new = old.split("/")[-1], new.split("/")[-1]
        fault = self._disk.operation("rename " + old)
        if fault:
            raise OSError(fault, "rename")
        inode = self._disk.names[old]
        self._disk.change((old, None), (new, inode))
