"""Runs a deck of this folder under ngspice in batch mode."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from string import Template

HERE = Path(__file__).resolve().parent
_PATIENCE = 120  # s: a deck that does not converge shall not hang the tests
HOW_TO_GET_IT = "ngspice is not installed: apt install ngspice"


class SpiceError(Exception):
    """The simulator gave no result; the text is what it said."""


def is_there():
    return shutil.which("ngspice") is not None


def simulate(deck, **values):
    """Fills the deck's $NAMES in and runs it. Gives {vector: [value, ...]}; the first vector is the
    scale (time, or the swept voltage). Raises SpiceError, also where a run stopped before its END:
    the simulator writes what it has and calls that a success."""
    with tempfile.TemporaryDirectory(prefix="ngspice-") as folder:
        out = Path(folder) / "out.txt"
        text = Template((HERE / f"{deck}.cir").read_text()).substitute(values, OUT=out)
        path = Path(folder) / f"{deck}.cir"
        path.write_text(text)
        done = subprocess.run(["ngspice", "-b", str(path)], capture_output=True, text=True,
                              timeout=_PATIENCE)  # fmt: skip
        if not out.exists():
            raise SpiceError(f"{deck}: {(done.stdout + done.stderr)[-800:]}")
        lines = out.read_text().splitlines()
    names = lines[0].split()
    rows = [[float(cell) for cell in line.split()] for line in lines[1:]]
    if "END" in values and rows[-1][0] < values["END"] * 0.999:
        raise SpiceError(f"{deck}: stopped at {rows[-1][0]:g} s of {values['END']:g} s")
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}
