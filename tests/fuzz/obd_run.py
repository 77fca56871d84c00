"""One piece of the OBD fuzz, on either interpreter; prints a JSON line.

python tests/fuzz/obd_run.py SEED REPLIES structure|data|can
MICROPYPATH=.:.frozen micropython -X heapsize=2M tests/fuzz/obd_run.py SEED REPLIES structure
"""

import json
import sys
import time

from tests.fuzz import obd_can_fuzz, obd_fuzz, obd_spoil


def main(seed, replies, kind):
    began = time.time()
    if kind == "can":
        found = obd_can_fuzz.run(seed, replies)
    else:
        found = obd_fuzz.run(seed, replies, getattr(obd_spoil, kind))
    row = {
        "seed": seed,
        "kind": kind,
        "replies": found.replies,
        "left_clean": found.clean,
        "values": found.values,
        "others": found.others,
        "wrong": found.wrong_count,
        "stale": found.stale,
        "incomplete": found.incomplete,
        "seconds": round(time.time() - began, 1),
        "examples": [[str(part) for part in example] for example in found.wrong[:5]],
    }
    print(json.dumps(row))


main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
