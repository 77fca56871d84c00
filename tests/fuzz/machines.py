"""One piece of the fuzz of all machines, on either interpreter; prints a JSON line.

    python tests/fuzz/machines.py TARGET SEED COUNT
    MICROPYPATH=.:.frozen micropython -X heapsize=2M tests/fuzz/machines.py TARGET SEED COUNT

An input that makes a target raise is printed as hex, with the seed that leads to it. `held`: bytes
that the target holds more after the second half of its inputs than after the first, where the
interpreter tells (MicroPython).
"""

import gc
import json
import sys
import time

from tests.fuzz.generate import inputs
from tests.fuzz.targets import TARGETS


def _held():
    gc.collect()
    return gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0


def run(name, seed, count):
    """{"target", "seed", "inputs", "faults": [[hex, error], ...], "held", "seconds"}"""
    call, seeds = TARGETS[name]()
    faults = []
    began = time.time()
    middle = None
    for i, data in enumerate(inputs(seeds, seed, count)):
        if i == count // 2:
            middle = _held()
        try:
            call(data)
        except Exception as e:
            if len(faults) < 5:
                faults.append([data.hex(), "%s: %s" % (type(e).__name__, e)])
            call, seeds = TARGETS[name]()
    held = _held() - middle if middle else 0
    seconds = round(time.time() - began, 1)
    return {
        "target": name, "seed": seed, "inputs": count, "faults": faults, "held": held,
        "seconds": seconds,
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
