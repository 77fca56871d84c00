"""Runs unit test files under MicroPython: each function named test_* is called with no arguments.

    MICROPYPATH=<repository>:.frozen micropython -X heapsize=2M tests/micropython.py FILE...

A function may raise Skip (any exception class of that name) to say why it does not apply here.
"""

import gc
import sys


def run(path):
    """(passed, failed, skipped) of one file."""
    folder, _, name = path.rpartition("/")
    sys.path.insert(0, folder or ".")
    counts = [0, 0, 0]
    try:
        module = __import__(name[:-3])
    except Exception as e:
        print("FAIL", path, "import")
        sys.print_exception(e)
        return [0, 1, 0]
    finally:
        sys.path.pop(0)
    for test in sorted(dir(module)):
        if not test.startswith("test_"):
            continue
        try:
            getattr(module, test)()
            counts[0] += 1
        except Exception as e:
            if type(e).__name__ == "Skip":
                print("skip", name + "::" + test, e)
                counts[2] += 1
                continue
            print("FAIL", name + "::" + test)
            sys.print_exception(e)
            counts[1] += 1
        gc.collect()
    return counts


total = [0, 0, 0]
for path in sys.argv[1:]:
    total = [a + b for a, b in zip(total, run(path))]  # noqa: B905 MicroPython has no strict
print("MicroPython: %d passed, %d failed, %d skipped" % tuple(total))
sys.exit(1 if total[1] or not total[0] else 0)
