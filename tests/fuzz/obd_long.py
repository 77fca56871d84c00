"""The OBD fuzz by the million, on both interpreters.

    python -m tests.fuzz.obd_long                 a million spoilt replies and more: some minutes
    python -m tests.fuzz.obd_long --replies N --micropython N --can N --data N --seed N --jobs N

Prints what came of every piece, and a JSON line in the end: replies that were spoilt, values that
came out all the same, and how many were `wrong`, by class of damage (obd_spoil.py). Exit code 1
where structure or CAN gave a wrong one. `data` is what no one can tell from a right answer: that
there are wrong values is no failure there, it shows what the other figures are worth.
"""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tools import interpreter  # noqa: E402

_PIECE = 50_000  # replies of one process
_SUMS = ("replies", "left_clean", "values", "others", "wrong", "stale", "incomplete", "seconds")
_SEEDS_APART = 1_000  # more than the cars of a piece


def _piece(program, seed, replies, kind):
    command = [*program, "tests/fuzz/obd_run.py", str(seed), str(replies), kind]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=interpreter.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"seed {seed}, {kind}: {done.stdout}{done.stderr}")
    row = json.loads(done.stdout.splitlines()[-1])
    for example in row["examples"]:
        print("  WRONG:", *example, flush=True)
    return row


def campaign(pool, program, seed, replies, kind):
    """All pieces of one kind -> the sums."""
    jobs = []
    for number, at in enumerate(range(0, replies, _PIECE)):
        share = min(_PIECE, replies - at)
        jobs.append(pool.submit(_piece, program, seed + number * _SEEDS_APART, share, kind))
    total = dict.fromkeys(_SUMS, 0)
    for job in jobs:
        row = job.result()
        for key in _SUMS:
            total[key] = round(total[key] + row[key], 1)
        print(f"{kind}, seed {row['seed']}: {row['replies']} replies, {row['values']} values,",
              f"{row['wrong']} wrong", flush=True)  # fmt: skip
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replies", type=int, default=1_000_000, help="structure, CPython")
    parser.add_argument("--micropython", type=int, default=100_000, help="structure, MicroPython")
    parser.add_argument("--can", type=int, default=200_000, help="frames on CAN")
    parser.add_argument("--data", type=int, default=50_000, help="digits of values changed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    chosen = parser.parse_args()
    python = [sys.executable]
    result = {}
    with ThreadPoolExecutor(chosen.jobs) as pool:
        result["structure"] = campaign(pool, python, chosen.seed, chosen.replies, "structure")
        program = interpreter.find()
        if program is None:
            print("MicroPython skipped:", interpreter.HOW_TO_GET_IT)
        else:
            micropython = [program, "-X", "heapsize=2M"]
            result["micropython"] = campaign(
                pool, micropython, chosen.seed + 500_000, chosen.micropython, "structure"
            )
        result["can"] = campaign(pool, python, chosen.seed, chosen.can, "can")
        result["data"] = campaign(pool, python, chosen.seed, chosen.data, "data")
    print(json.dumps(result))
    return any(result[kind]["wrong"] for kind in result if kind != "data")


if __name__ == "__main__":
    sys.exit(main())
