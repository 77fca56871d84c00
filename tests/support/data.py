"""Data that tests read: the repository's own vectors; and published data that is not in it, found
beside it or skipped with a message."""

import json
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


def own_vectors(name):
    """Parsed tests/vectors/`name`."""
    with open(__file__.rpartition("/support/")[0] + "/vectors/" + name) as f:
        return json.load(f)
