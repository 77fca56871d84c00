"""Files of one folder, with a flush that is real; the same on every target.

`sync_file(f)` and `sync_folder(path)` are what differs: fsync on CPython, `flush` on MicroPython
(which syncs on littlefs and on its unix port alike; littlefs needs nothing for the folder).
"""

import os

from agent.const import const
from agent.port.errors import StorageError

_ENOSPC = const(28)
_EDQUOT = const(122)
_ENOENT = const(2)
_PIECE = const(256)
MAX_OPEN = 4  # a handle costs a block-sized cache on littlefs: one a lane is what is used


def _error(what, path, e):
    number = e.errno if hasattr(e, "errno") else (e.args[0] if e.args else 0)
    full = number in (_ENOSPC, _EDQUOT)
    reason = "the storage is full" if full else "error %s" % number
    return StorageError("%s %s: %s" % (what, path, reason), full)


def make_folders(path):
    """Creates `path` and what is missing above it. Raises StorageError."""
    done = "/" if path.startswith("/") else ""
    for part in path.split("/"):
        if not part:
            continue
        done += part
        try:
            os.mkdir(done)
        except OSError as e:
            try:
                os.listdir(done)
            except OSError:
                raise _error("create folder", done, e)
        done += "/"


class FileStorage:
    """One writer. Every failure is a StorageError that names the file."""

    def __init__(self, folder, sync_file, sync_folder):
        make_folders(folder)
        self._folder = folder
        self._sync_file = sync_file
        self._sync_folder = sync_folder
        self._open = {}
        self._new = set()  # files whose name is not yet known to be on the medium

    def _path(self, name):
        return self._folder + "/" + name

    def names(self):
        """Sorted list of the files' names."""
        try:
            return sorted(os.listdir(self._folder))
        except OSError as e:
            raise _error("list", self._folder, e)

    def free(self):
        """Bytes that the medium has left for us; None where it does not say. littlefs counts the
        blocks of files that are being written to twice, and comes to more than there are."""
        try:
            found = os.statvfs(self._folder)
        except (OSError, AttributeError):
            return None
        return found[1] * found[4] if found[4] <= found[2] else 0

    def unit(self):
        """Bytes that the medium gives to files at a time; 1 where it does not say."""
        try:
            return os.statvfs(self._folder)[0] or 1
        except (OSError, AttributeError):
            return 1

    def size(self, name):
        """Bytes in the file."""
        try:
            return os.stat(self._path(name))[6]
        except OSError as e:
            raise _error("look at", self._path(name), e)

    def read(self, name, offset=0, length=-1):
        """Up to `length` bytes from `offset`, all that follow with -1."""
        try:
            with open(self._path(name), "rb") as f:
                if offset:
                    f.seek(offset)
                return f.read(length) if length >= 0 else f.read()
        except OSError as e:
            raise _error("read", self._path(name), e)

    def append(self, name, data):
        """Writes at the end; on the medium for sure only after `sync`."""
        try:
            f = self._open.get(name)
            if f is None:
                if len(self._open) >= MAX_OPEN:
                    raise StorageError("append %s: more than %d files open" % (name, MAX_OPEN))
                f = open(self._path(name), "ab")  # noqa: SIM115 kept open between appends
                self._open[name] = f
                self._new.add(name)
            if f.write(data) != len(data):
                raise StorageError("append %s: the storage is full" % self._path(name), True)
        except OSError as e:
            raise _error("append", self._path(name), e)

    def sync(self, name):
        """What was appended to the file survives a power cut from here on."""
        f = self._open.get(name)
        if f is None:
            return
        try:
            self._sync_file(f)
            if name in self._new:
                self._sync_folder(self._folder)
                self._new.discard(name)
        except OSError as e:
            raise _error("flush", self._path(name), e)

    def close(self, name):
        """Gives the file's handle back; it may be appended to again."""
        f = self._open.pop(name, None)
        if f is not None:
            try:
                f.close()
            except OSError as e:
                raise _error("close", self._path(name), e)

    def remove(self, name):
        """Removes the file; no error where it is not there."""
        self._new.discard(name)
        try:
            self.close(name)
            os.remove(self._path(name))
        except OSError as e:
            if e.args and e.args[0] == _ENOENT:
                return
            raise _error("remove", self._path(name), e)

    def replace(self, name, data):
        """Writes the whole file so that after a power cut it is the old one or the new one."""
        path = self._path(name)
        try:
            with open(path + ".new", "wb") as f:
                f.write(data)
                self._sync_file(f)
            os.rename(path + ".new", path)
            self._sync_folder(self._folder)
        except OSError as e:
            raise _error("replace", path, e)

    # Files of any folder, by their paths: what a wipe erases

    def shred(self, path):
        """Overwrites a file with zeros and removes it; no error where it is not there. A flash or
        a file system that writes elsewhere keeps the old bytes: nobody here can help that."""
        try:
            with open(path, "r+b") as f:
                self._overwrite(f, b"", 0)
            os.remove(path)
        except OSError as e:
            if not e.args or e.args[0] != _ENOENT:
                raise _error("erase", path, e)

    def overwrite(self, path, text):
        """Writes the text (bytes) over a file that is there, and spaces over what is left of it."""
        try:
            with open(path, "r+b") as f:
                self._overwrite(f, text, 32)
        except OSError as e:
            raise _error("erase", path, e)

    def _overwrite(self, f, start, filling):
        left = f.seek(0, 2) - len(start)
        f.seek(0)
        f.write(start)
        piece = bytes([filling]) * _PIECE
        while left > 0:
            left -= f.write(piece[: min(left, _PIECE)])
        self._sync_file(f)
