"""Names for temporary files, and their removal, on both interpreters."""

import os

from agent import port


def temporary(name):
    """A path that nobody else uses."""
    folder = os.getenv("TMPDIR") or "/tmp"
    return f"{folder}/patrol-test-{name}-{port.random_bytes(4).hex()}"


def remove_all(path):
    """A file, or a folder with all in it; no error where it is not there."""
    remove = os.remove
    try:
        for name in os.listdir(path):
            remove_all(path + "/" + name)
        remove = os.rmdir
    except OSError:
        pass  # a file, or nothing
    try:  # noqa: SIM105 MicroPython has no contextlib
        remove(path)
    except OSError:
        pass
