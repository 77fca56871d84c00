"""Runs all tests: CPython's by pytest, then the unit tests again under MicroPython.

    python tests/run.py [pytest arguments]          without any: all tests, several at once

Ends with how many tests ran on each interpreter. MicroPython's part is skipped, with a word on how
to get it, where there is no interpreter for this processor.
"""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools import interpreter  # noqa: E402

_HEAP = "2M"  # the unit tests; the agent's own limit is held by its integration tests
# Most tests wait for processes: more workers than CI has cores, two of them.
_TOGETHER = ["-n", "5", "--dist", "worksteal"]
_ALSO_ON_MICROPYTHON = ["tests/conformance/test_published_vectors.py"]


def on_cpython(arguments):
    """(exit code, passed, failed, skipped)"""
    command = [sys.executable, "-m", "pytest", "-ra", *(arguments or _TOGETHER)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    last = ""
    for line in process.stdout:
        print(line, end="", flush=True)
        last = line if re.search(r"\d+ (passed|failed|skipped|error)", line) else last
    return process.wait(), *_counts(last)


def _counts(line):
    found = {word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|skipped|error)", line)}
    failed = found.get("failed", 0) + found.get("error", 0)
    return found.get("passed", 0), failed, found.get("skipped", 0)


def on_micropython(program):
    """The same as `on_cpython`; each file in a fresh interpreter, as on a chip after a reset."""
    files = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "tests/unit").glob("test_*.py"))
    total = [0, 0, 0]
    code = 0

    def run(path):
        return subprocess.run(
            [program, "-X", f"heapsize={_HEAP}", "tests/micropython.py", path],
            cwd=ROOT,
            env=interpreter.environment(),
            capture_output=True,
            text=True,
            timeout=300,
        )

    paths = files + _ALSO_ON_MICROPYTHON
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(run, paths))
    for path, done in zip(paths, results, strict=True):
        lines = (done.stdout + done.stderr).strip().splitlines()
        counts = _counts(lines[-1]) if lines else (0, 0, 0)
        if done.returncode or len(lines) > 1:
            print(f"{path}:", *lines, sep="\n  ", flush=True)
        if done.returncode and not counts[1]:
            counts = (counts[0], 1, counts[2])
        code = code or done.returncode
        total = [a + b for a, b in zip(total, counts, strict=True)]
    return code, *total


def main():
    code, *cpython = on_cpython(sys.argv[1:])
    print()
    program = interpreter.find()
    micropython = [0, 0, 0]
    if program is None:
        print("MicroPython tests skipped:", interpreter.HOW_TO_GET_IT)
    else:
        mp_code, *micropython = on_micropython(program)
        code = code or mp_code
    line = "{:<12} {} passed, {} failed, {} skipped"
    print(line.format("CPython:", *cpython))
    print(line.format("MicroPython:", *micropython))
    total = [a + b for a, b in zip(cpython, micropython, strict=True)]
    print("{} passed, {} failed, {} skipped".format(*total))
    return code


if __name__ == "__main__":
    sys.exit(main())
