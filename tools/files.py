"""Files that hold secrets, or that somebody reads while they are written."""

import contextlib
import fcntl
import os
import tempfile
from pathlib import Path


def private_folder(path):
    """Makes the folder, and those above it that are missing, for the owner alone (mode 700)."""
    path = Path(path)
    if not path.is_dir():
        if path.parent != path:
            private_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    return path


def write_private(path, content):
    """Writes the whole file or nothing (mode 600); the old one stays until the new one is safe.

    content: text, or bytes as they are."""
    path = Path(path)
    fd, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # of mode 600
    try:
        with os.fdopen(fd, "wb") as f:
            f.write(content.encode() if isinstance(content, str) else content)
            f.flush()
            os.fsync(f.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name survives a power cut, too
    finally:
        os.close(folder)


@contextlib.contextmanager
def locked(folder):
    """Whoever reads a file of the folder to write it anew does so alone."""
    fd = os.open(Path(folder) / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
