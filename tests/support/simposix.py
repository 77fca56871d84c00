"""A file system in RAM that promises what POSIX does, and no more; stands in for `os` and `open`.

Written data is on the medium only after fsync of the file, a name (new, renamed, removed) only
after fsync of its folder. `power_cut(random)` gives what the next start may find: of everything
that was not synced, anything. Each changing call counts; `cut_at` raises PowerCut before the one
with that number.
"""

import errno
import stat


class PowerCut(BaseException):
    """Nothing may catch it."""


class _Inode:
    def __init__(self, is_folder=False):
        self.is_folder = is_folder
        self.data = bytearray()
        self.synced = b""
        self.entries = {}  # of a folder: name -> _Inode
        self.synced_entries = {}


class SimPosix:
    """`os` for the module under test; `open` is its `open`."""

    O_RDONLY = 0

    def __init__(self, root=None):
        self.root = root or _Inode(True)
        self.calls = 0
        self.cut_at = None
        self._fds = {}

    def install(self, monkeypatch, module):
        monkeypatch.setattr(module, "os", self)
        monkeypatch.setattr(module, "open", self.file, raising=False)

    def _count(self):
        if self.calls == self.cut_at:
            raise PowerCut
        self.calls += 1

    def _find(self, path):
        at = self.root
        for part in path.split("/"):
            if part:
                if not at.is_folder:
                    raise OSError(errno.ENOTDIR, path)
                if part not in at.entries:
                    raise OSError(errno.ENOENT, path)
                at = at.entries[part]
        return at

    def _above(self, path):
        folder, _, name = path.rpartition("/")
        found = self._find(folder)
        if not found.is_folder:
            raise OSError(errno.ENOTDIR, path)
        return found, name

    def stat(self, path):
        found = self._find(path)
        mode = stat.S_IFDIR if found.is_folder else stat.S_IFREG
        return (mode, 0, 0, 0, 0, 0, len(found.data), 0, 0, 0)

    def listdir(self, path):
        return list(self._find(path).entries)

    def mkdir(self, path):
        folder, name = self._above(path)
        if name in folder.entries:
            raise OSError(errno.EEXIST, path)
        self._count()
        folder.entries[name] = _Inode(True)

    def remove(self, path):
        folder, name = self._above(path)
        if self._find(path).is_folder:
            raise OSError(errno.EISDIR, path)
        self._count()
        del folder.entries[name]

    def rename(self, old, new):
        inode = self._find(old)
        source, source_name = self._above(old)
        target, target_name = self._above(new)
        self._count()
        target.entries[target_name] = inode
        del source.entries[source_name]

    def open(self, path, _flags):
        fd = len(self._fds) + 100
        self._fds[fd] = self._find(path)
        return fd

    def close(self, fd):
        del self._fds[fd]

    def fsync(self, fd):
        inode = self._fds.get(fd, fd)  # a file says its inode itself
        self._count()
        if inode.is_folder:
            inode.synced_entries = dict(inode.entries)
        else:
            inode.synced = bytes(inode.data)

    def file(self, path, mode):
        if mode == "rb":
            return _File(self, self._find(path))
        folder, name = self._above(path)
        if name not in folder.entries:
            self._count()
            folder.entries[name] = _Inode()
        inode = folder.entries[name]
        if inode.is_folder:
            raise OSError(errno.EISDIR, path)
        if mode == "wb" and inode.data:
            self._count()
            inode.data = bytearray()
        return _File(self, inode)

    def power_cut(self, random):
        """The SimPosix after it. random: a random.Random."""
        return SimPosix(self._left(self.root, random, {}))

    def _left(self, inode, random, seen):
        if id(inode) in seen:
            return seen[id(inode)]
        after = seen[id(inode)] = _Inode(inode.is_folder)
        if inode.is_folder:
            for name in sorted(set(inode.entries) | set(inode.synced_entries)):
                now, before = inode.entries.get(name), inode.synced_entries.get(name)
                kept = now if now is before or random.random() < 0.5 else before
                if kept is not None:
                    after.entries[name] = self._left(kept, random, seen)
            after.synced_entries = dict(after.entries)
            return after
        after.data = bytearray(_unsynced(inode, random))
        after.synced = bytes(after.data)
        return after


def _unsynced(inode, random):
    """What may be read of a file: what was synced, and of what came after it a part, zeros, or
    nothing."""
    data, synced = bytes(inode.data), inode.synced
    if data == synced:
        return synced
    if not data.startswith(synced):
        return random.choice((data, synced, b"", data[: len(data) // 2]))
    rest = data[len(synced) :]
    part = rest[: len(rest) * random.randrange(5) // 4]
    return synced + random.choice((part, bytes(len(rest)), part + bytes(len(rest) - len(part))))


class _File:
    def __init__(self, system, inode):
        self._system = system
        self._inode = inode
        self._at = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def seek(self, at):
        self._at = at

    def read(self, length=-1):
        end = len(self._inode.data) if length < 0 else self._at + length
        piece = bytes(self._inode.data[self._at : end])
        self._at += len(piece)
        return piece

    def write(self, data):
        self._system._count()
        self._inode.data.extend(data)  # "ab", or "wb" of a file that was emptied
        return len(data)

    def flush(self):
        pass

    def fileno(self):
        return self._inode

    def close(self):
        pass
