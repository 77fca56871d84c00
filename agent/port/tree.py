"""Files below one folder, named by paths; what an update is written through.

Stands on nothing but `os` and `hashlib`, as a copy of it lies beside the slots for the boot code,
where there is no agent to import `const` or anything else from. What differs between interpreters
is probed for: `flush` syncs on MicroPython (littlefs and its unix port alike, and littlefs needs
nothing for folders); where `os.fsync` is, it is needed.
"""

import hashlib
import os

ENOENT = 2
ENOTDIR = 20
IS_FOLDER = 0x4000  # of st_mode, on every port

new_hash = hashlib.sha256  # an object with update() and digest(); digest() once


class TreeError(OSError):
    """A file could not be read, written or removed; the text names it."""


def _error(what, path, e):
    return TreeError("%s %s: error %s" % (what, path, e.args[0] if e.args else 0))


def _sync_file(f):
    f.flush()
    if hasattr(os, "fsync"):
        os.fsync(f.fileno())


def _sync_folder(path):
    if not hasattr(os, "fsync"):
        return
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class Tree:
    """One writer. Names are paths below `root`, with "/"; every failure is a TreeError."""

    def __init__(self, root):
        self._root = "" if root == "/" else root
        self._name = None  # of the one file that is open
        self._file = None
        self._is_new = False

    def _path(self, name):
        return self._root + "/" + name

    def _above(self, name):
        """The folder that the name lies in, made where it is missing."""
        parts = name.split("/")[:-1]
        path = self._root
        for part in parts:
            above = path
            path += "/" + part
            if not _is_folder(path):
                os.mkdir(path)
                _sync_folder(above or "/")
        return path or "/"

    def names(self, folder):
        """Sorted list of all files below the folder, as paths from the root; [] without it."""
        found = []
        folders = [folder]
        while folders:
            at = folders.pop()
            try:
                entries = os.listdir(self._path(at)) if _is_folder(self._path(at)) else ()
                for entry in entries:
                    name = at + "/" + entry
                    (folders if _is_folder(self._path(name)) else found).append(name)
            except OSError as e:
                raise _error("list", self._path(at), e)
        return sorted(found)

    def size(self, name):
        """Bytes in the file, None where it is not there."""
        try:
            return os.stat(self._path(name))[6]
        except OSError as e:
            if e.args and e.args[0] in (ENOENT, ENOTDIR):
                return None
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
            if self._name != name:
                self.close()
                self._above(name)
                self._is_new = self.size(name) is None
                self._file = open(self._path(name), "ab")  # noqa: SIM115 open between appends
                self._name = name
            if self._file.write(data) != len(data):
                raise TreeError("append %s: the storage is full" % self._path(name))
        except OSError as e:
            raise e if isinstance(e, TreeError) else _error("append", self._path(name), e)

    def sync(self):
        """What was appended survives a power cut from here on."""
        if self._file is None:
            return
        try:
            _sync_file(self._file)
            if self._is_new:
                _sync_folder(self._path(self._name).rpartition("/")[0] or "/")
                self._is_new = False
        except OSError as e:
            raise _error("flush", self._path(self._name), e)

    def close(self):
        """Gives the open file's handle back."""
        f, name = self._file, self._name
        self._file = self._name = None
        if f is not None:
            try:
                f.close()
            except OSError as e:
                raise _error("close", self._path(name), e)

    def remove(self, name):
        """Removes the file for good; no error where it is not there."""
        if self._name == name:
            self.close()
        path = self._path(name)
        try:
            os.remove(path)
            _sync_folder(path.rpartition("/")[0] or "/")
        except OSError as e:
            if e.args and e.args[0] in (ENOENT, ENOTDIR):
                return
            raise _error("remove", path, e)

    def replace(self, name, data):
        """Writes the whole file so that after a power cut it is the old one or the new one."""
        if self._name == name:
            self.close()
        path = self._path(name)
        try:
            folder = self._above(name)
            with open(path + ".new", "wb") as f:
                if f.write(data) != len(data):
                    raise TreeError("replace %s: the storage is full" % path)
                _sync_file(f)
            os.rename(path + ".new", path)
            _sync_folder(folder)
        except OSError as e:
            raise e if isinstance(e, TreeError) else _error("replace", path, e)


def _is_folder(path):
    try:
        return bool(os.stat(path)[0] & IS_FOLDER)
    except OSError:
        return False
