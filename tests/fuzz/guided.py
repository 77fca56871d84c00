"""One target under atheris: inputs that reach new code are kept and changed on. CPython only.

    python tests/fuzz/guided.py TARGET SEED COUNT

Prints a JSON line as machines.py does.
"""

import json
import mmap
import os
import sys
import tempfile
import time
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["agent"]):
    from tests.fuzz.targets import TARGETS


def main(name, seed, count):
    call, seeds = TARGETS[name]()
    began = time.time()
    tried = mmap.mmap(-1, 8)  # shared with the child: how many inputs it has tried
    with tempfile.TemporaryDirectory() as folder:
        corpus, told = Path(folder, "corpus"), Path(folder, "faults")
        corpus.mkdir()
        told.touch()
        for i, data in enumerate(seeds):
            (corpus / str(i)).write_bytes(data)

        def once(data):
            nonlocal call
            tried[:] = (int.from_bytes(tried[:], "big") + 1).to_bytes(8, "big")
            try:
                call(data)
            except Exception as e:
                with open(told, "a") as f:
                    f.write(json.dumps([data.hex(), f"{type(e).__name__}: {e}"]) + "\n")
                call, _ = TARGETS[name]()

        pid = os.fork()  # libFuzzer ends the process that it runs in
        if pid == 0:
            options = [f"-runs={count}", f"-seed={seed}", "-max_len=600", "-verbosity=0"]
            atheris.Setup([sys.argv[0], *options, str(corpus)], once)
            atheris.Fuzz()
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        faults = [json.loads(line) for line in told.read_text().splitlines()[:5]]
    if status and not faults:
        faults = [["", f"the fuzzer ended with {status}"]]
    row = {
        "target": name, "seed": seed, "inputs": int.from_bytes(tried[:], "big"), "faults": faults,
        "held": 0, "seconds": round(time.time() - began, 1),
    }  # fmt: skip
    print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
