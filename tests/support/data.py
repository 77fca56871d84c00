"""Published data that is not in the repository: found beside it, or skipped with a message."""

import os


class Skip(Exception):
    """The test does not apply here; the text says why."""


def _skip(text):
    try:
        import pytest
    except ImportError:
        raise Skip(text)
    pytest.skip(text)


def read(variable, folder, path):
    """Text of `path` in the folder that the environment variable names, else in ../shared."""
    base = os.getenv(variable) or "../shared/" + folder
    try:
        with open(base + "/" + path) as f:
            return f.read()
    except OSError:
        _skip("%s is not in %s (set %s)" % (path, base, variable))


def vectors(path):
    return read("PATROL_VECTORS", "vectors", path)
