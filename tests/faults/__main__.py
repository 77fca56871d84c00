"""`make faults`: the whole proof of the storage. Prints what was done and which laws did not hold.

python -m tests.faults [--quick]
"""

import json
import subprocess
import sys
import time

from agent.port import cpython
from tests.faults import broken, on_ext4
from tests.support.micropython import HOW_TO_GET_IT, ROOT, environment, find


def _littlefs(*arguments):
    program = find()
    if program is None:
        return {"skipped": HOW_TO_GET_IT}
    done = subprocess.run(
        [program, "-X", "heapsize=16M", "-m", "tests.faults.cuts_littlefs", *map(str, arguments)],
        cwd=ROOT, env=environment(), capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        return {"broken": {"it did not end": 1}, "output": done.stdout + done.stderr}
    return json.loads(done.stdout.splitlines()[-1])


def _without_crc(check, *arguments):
    mend = broken.leave_out_crc()
    try:
        return check(*arguments)
    finally:
        mend()


def _without(name, replacement, check, *arguments):
    """With a function of the port for CPython replaced."""
    real = getattr(cpython, name)
    setattr(cpython, name, replacement)
    try:
        return check(*arguments)
    finally:
        setattr(cpython, name, real)


def _checks(few):
    """(what, whether a law must be seen broken, function that gives the figures)"""
    ext4 = on_ext4.power_cuts
    stories = range(1, 2 if few > 1 else 10)
    return (
        ("power cuts, ext4", False, lambda: ext4(20000 // few)),
        ("power cuts, littlefs", False, lambda: _littlefs(2000 // few)),
        ("failing operations, ext4", False, lambda: on_ext4.failing_operations(stories)),
        ("flipped bits", False, lambda: on_ext4.flipped_bits(few)),
        ("broken: cursor before data, ext4", True, lambda: ext4(1500, 50, broken.CursorFirst)),
        ("broken: cursor before data, littlefs", True, lambda: _littlefs(400, 50, "cursor")),
        ("broken: file removed before the ledger, ext4", True,
         lambda: ext4(300, 1, broken.LateLedger)),
        ("broken: no CRC check, power cuts", True, lambda: _without_crc(ext4, 1500, 10)),
        ("broken: no CRC check, flipped bits", True,
         lambda: _without_crc(on_ext4.flipped_bits, 211)),
        ("broken: no fsync of the file", True,
         lambda: _without("_sync_file", lambda f: f.flush(), ext4, 300)),
        ("broken: no fsync of the folder", True,
         lambda: _without("_sync_folder", lambda path: None, ext4, 300)),
    )  # fmt: skip


def main(arguments):
    few = 9 if "--quick" in arguments else 1
    failed = 0
    for what, must_break, check in _checks(few):
        began = time.monotonic()
        figures = check()
        laws = figures.pop("broken", {})
        good = "skipped" in figures or bool(laws) == must_break
        failed += not good
        said = ", ".join(f"{key} {value}" for key, value in figures.items())
        found = ", ".join(f"{law} {count} times" for law, count in laws.items()) or "every law held"
        verdict = ("found" if must_break else "ok") if good else "FAILED"
        print(f"{verdict:7}{what}: {said}; {found} ({time.monotonic() - began:.0f} s)", flush=True)
    print(f"{failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
