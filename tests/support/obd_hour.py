"""An hour of emulated driving for the OBD machine under MicroPython: its heap, minute by minute.

    .venv/bin/python -m tests.support.obd_hour [--minutes 60] [--heap 256K] [--interpreter NAME]

The car has two ECUs, codes that come and go, a flat battery, a cranking reset, noise and a silent
adapter in it. Prints what is allocated after a collection, each minute; fails where there is growth
after the first five.
"""

import argparse
import json
import sys

from tests.support.obd_bench import fault, scenario
from tests.support.obd_virtual import Drive

SETTLED_MINUTE = 5
MARGIN_BYTES = 512  # a list that is being filled when the minute ends


def car(minutes):
    """The hour's trouble, the same each ten minutes."""
    rows = [fault("car", "dtc", 100, 400, code="P0301", confirm=20.0)]
    for begin in range(0, minutes * 60, 600):
        rows += [
            fault("car", "dtc", begin + 60, 240, code="P0420", confirm=10.0),
            fault("obd", "noise", begin + 150, 10, rate=0.02),
            fault("obd", "line-error", begin + 200, 5, rate=0.3),
            fault("obd", "error", begin + 240, 4, text="BUS BUSY"),
            fault("obd", "corrupt", begin + 270, 5, rate=0.02, hex=False),
            fault("obd", "mid-reply", begin + 300, 3),
            fault("car", "cranking", begin + 360, 1.2, text="LV RESET"),
            fault("obd", "silent", begin + 420, 12),
            fault("obd", "no-data", begin + 480, 10),
        ]
    route = {"points": [[33.5951, -7.6188], [33.6016, -7.6139], [33.6050, -7.6242]], "loop": True}
    return scenario(route=route, duration=minutes * 60, faults=rows, obd={"stored": ["P0133"]})


def minutes_of(minutes, name="micropython", heap="256K"):
    """Yields (minute, bytes allocated after a collection, values so far)."""
    with Drive(car(minutes), name, {"rates": [38400, 115200]}, heap) as drive:
        values = 0
        for minute in range(1, minutes + 1):
            drive.run(minute * 60.0)
            values += len(drive.of("value"))
            yield minute, int(drive.peer.ask("memory")), values
            drive.events.clear()
            drive.written.clear()
            drive.asked.clear()


def grown(rows):
    """Bytes that the heap has grown since the fifth minute: the last minutes' least over it."""
    settled = max(used for minute, used, _ in rows if minute <= SETTLED_MINUTE)
    return max(used for _, used, _ in rows) - settled


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--heap", default="256K")
    parser.add_argument("--interpreter", default="micropython")
    options = parser.parse_args()
    rows = []
    for row in minutes_of(options.minutes, options.interpreter, options.heap):
        rows.append(row)
        print(f"minute {row[0]:3}: {row[1]:7} bytes, {row[2]:6} values", flush=True)
    growth = grown(rows)
    print(json.dumps({"minutes": len(rows), "heap": options.heap, "values": rows[-1][2],
                      "bytes_after_5_min": rows[min(len(rows), SETTLED_MINUTE) - 1][1],
                      "bytes_at_the_end": rows[-1][1], "growth": growth}))  # fmt: skip
    return growth > MARGIN_BYTES


if __name__ == "__main__":
    sys.exit(main())
