"""Writes console-v1.json, a log-in at the console: python tests/vectors/make_console.py

The key is one that make_update.py makes from a seed: a TEST KEY, good for nothing else. The file is
the same each time. Look at the difference before committing it.
"""

import base64
import hashlib
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from make_update import make_key, modulus, sign  # noqa: E402

TARGET = Path(__file__).parent / "console-v1.json"
CONTEXT = b"pv1 console\n"
RANDOM = bytes(range(32))
SID = b"\x01\x02\x03\x04"
NOW = 5000


def make():
    key = make_key(b"technician")
    nonce = hashlib.sha256(RANDOM + SID + str(NOW).encode()).digest()[:16].hex()
    challenge = f"v-test0001/tech/service/{nonce}"
    return {
        "random": RANDOM.hex(),
        "sid": SID.hex(),
        "now": NOW,
        "modulus": modulus(key).hex(),
        "challenge": challenge,
        "answer": base64.b64encode(sign(key, CONTEXT + challenge.encode())).decode(),
    }


if __name__ == "__main__":
    TARGET.write_text(json.dumps(make(), indent=1) + "\n")
