"""`patrol bench console`: what the technician's console costs a chip's heap."""

import json
import subprocess
import tempfile
from pathlib import Path

from tools import interpreter, provision
from tools.demo.children import find_micropython

HEAP = "768K"
_MODULE = "tools.bench.console_heap"


def run():
    """The figures as a dict, in bytes of MicroPython's heap on this machine, where a word is twice
    as long as on a chip: of an agent whose modules are run in place (docs/memory.md), and as `mpy`
    of one that is loaded into the heap. Raises ChildError where there is no MicroPython."""
    program = find_micropython()
    rom, environment = interpreter.in_rom(HEAP, _MODULE, [interpreter.ROOT])
    figures = _measure(rom, interpreter.ROOT, environment)
    where = interpreter.compiled()  # MicroPython looks for the agent where it is first
    environment = interpreter.environment(where)
    environment["MICROPYPATH"] = f"{where}:{interpreter.ROOT}:.frozen"
    figures["mpy"] = _measure(
        [program, "-X", f"heapsize={HEAP}", "-m", _MODULE], where, environment
    )
    return figures


def _measure(command, where, environment):
    with tempfile.TemporaryDirectory(prefix="patrol-console-") as name:
        folder = Path(name)
        provision.create_room(folder / "room", {"host": "127.0.0.1", "port": 1883})
        _, config = provision.create_vehicle(
            folder / "room",
            "v-bench001",
            gps=("/dev/none", 9600),
            obd=("/dev/none", 38400),
            journal=folder / "journal",
        )
        done = subprocess.run(
            [*command, str(config)],
            cwd=where,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
    if done.returncode:
        raise RuntimeError(f"console heap: {done.stdout}{done.stderr}")
    found = json.loads(done.stdout.splitlines()[-1])
    rows = [
        {"command": command, "peak_bytes": peak, "idle_bytes": idle}
        for command, peak, idle in found["commands"]
    ]
    return {
        "rows": rows,
        "closed_bytes": found["closed"],
        "open_idle_bytes": found["open"],
        "open_peak_bytes": found["peak"],
        "left_after_close_bytes": found["left"],
        "left_after_second_close_bytes": found["left_again"],
        "heapsize": HEAP,
    }
