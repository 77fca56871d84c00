"""Carries out the table of attacks and prints it: attack, who refuses it, counter before and after.

python -m tests.security [cpython] [micropython]
"""

import sys
import tempfile
from pathlib import Path

from tests.security import attacks
from tests.security.scene import opened
from tests.support import micropython


def main(names):
    for name in names or ("cpython", "micropython"):
        if name == "micropython" and micropython.find() is None:
            print(micropython.HOW_TO_GET_IT)
            continue
        folder = tempfile.TemporaryDirectory(prefix="attacks-")
        with folder as path, opened(Path(path), name) as scene:
            print(attacks.text(name, attacks.run(scene)), flush=True)
            summary = scene.all_is_there()
            print(f"{summary['frames']} frames recorded, all in the room, once\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
