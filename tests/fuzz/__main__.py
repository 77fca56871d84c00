"""All parts that read what comes from outside, by the million, on both interpreters.

    python -m tests.fuzz                        ten million inputs and more: some ten minutes
    python -m tests.fuzz --inputs N --micropython N --atheris N --target NAME --seed N --jobs N

--inputs: by seeded generator on CPython, shared by the targets as their speed allows;
--micropython: of each target; --atheris: guided by coverage, of each target, where it is installed.
An input that makes a part raise is printed as hex: a case for that part's unit test. Exit code 1
where there was one, or where a part holds ever more memory.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.fuzz.targets import TARGETS  # noqa: E402
from tools import interpreter  # noqa: E402

# Shares of the inputs: what is fast, and hostile by nature, gets the most.
_SHARES = {
    "frame": 2, "msgpack": 4, "message": 4, "batch": 2, "nmea": 2, "gpsd": 2, "obd": 1, "mqtt": 2,
    "release": 1, "console": 1, "modem": 1,
}  # fmt: skip
_PIECE = 100_000
# A table that grows to its cap in the second half of a run is no leak: 64 names of faults, say.
_MOST_HELD = 16_384


def _run(command):
    done = subprocess.run(
        command, cwd=ROOT, env=interpreter.environment(), capture_output=True, text=True
    )
    for line in reversed(done.stdout.splitlines()):
        if line.startswith("{"):
            return json.loads(line)
    raise RuntimeError(f"{' '.join(command)}: {done.stdout[-500:]}{done.stderr[-2000:]}")


def _pieces(chosen, names):
    """(kind, command) of everything that is to be run."""
    whole = sum(_SHARES[name] for name in names)
    for name in names:
        count = chosen.inputs * _SHARES[name] // whole
        for number, at in enumerate(range(0, count, _PIECE)):
            seed, share = chosen.seed + number, min(_PIECE, count - at)
            yield "cpython", [sys.executable, "tests/fuzz/machines.py", name, str(seed), str(share)]
    program = interpreter.find()
    if program is None:
        print("MicroPython skipped:", interpreter.HOW_TO_GET_IT)
    elif chosen.micropython:
        for name in names:
            yield "micropython", [
                program, "-X", "heapsize=2M", "tests/fuzz/machines.py", name,
                str(chosen.seed + 1_000_000), str(chosen.micropython),
            ]  # fmt: skip
    if find_spec("atheris") is None:
        print("atheris skipped: it is not installed (pip install atheris; x86-64 only)")
    elif chosen.atheris:
        for name in names:
            yield "atheris", [
                sys.executable, "tests/fuzz/guided.py", name, str(chosen.seed), str(chosen.atheris),
            ]  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=10_000_000)
    parser.add_argument("--micropython", type=int, default=50_000)
    parser.add_argument("--atheris", type=int, default=100_000)
    parser.add_argument("--target", choices=sorted(TARGETS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    chosen = parser.parse_args()
    names = [chosen.target] if chosen.target else list(TARGETS)
    began = time.monotonic()
    totals, failed = {}, False
    jobs = list(_pieces(chosen, names))
    with ThreadPoolExecutor(chosen.jobs) as pool:
        running = {pool.submit(_run, command): kind for kind, command in jobs}
        for done, job in enumerate(as_completed(running), 1):
            row, kind = job.result(), running[job]
            total = totals.setdefault((row["target"], kind), [0, 0, 0])
            total[0] += row["inputs"]
            total[1] += len(row["faults"])
            total[2] = max(total[2], row["held"])
            for data, error in row["faults"]:
                print(f"  FAULT {row['target']} ({kind}, seed {row['seed']}): {error}\n    {data}")
            failed = failed or bool(row["faults"]) or row["held"] > _MOST_HELD
            print(f"\r{done} of {len(jobs)} pieces", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    for (name, kind), (count, faults, held) in sorted(totals.items()):
        print(f"{name:10} {kind:12} {count:>10} inputs {faults:>3} faults, {held:>6} bytes held")
    summary = {
        "inputs": sum(total[0] for total in totals.values()),
        "faults": sum(total[1] for total in totals.values()),
        "seconds": round(time.monotonic() - began),
    }
    print(json.dumps(summary))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
