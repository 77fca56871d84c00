"""Runs first at each start: the boot code chooses a slot, and its files come first in sys.path.

On the unix port PATROL_ROOT names the folder of the slots: a virtual gateway is

    PATROL_ROOT=... MICROPYPATH=firmware/esp32:.frozen micropython -c "import boot, main" --config FILE
"""  # noqa: E501 one line to copy

import os
import sys

ROOT = os.getenv("PATROL_ROOT", "/") if hasattr(os, "getenv") else "/"
sys.path.insert(0, ROOT)

from slotboot import choose, rows  # noqa: E402
from slottree import Tree, new_hash  # noqa: E402

tree = Tree(ROOT)
slot = choose(tree, new_hash)
sys.path[0] = ("" if ROOT == "/" else ROOT) + "/" + slot + "/app"
if sys.platform == "esp32":
    import vfs
    from slotrom import start

    why = start(tree, slot, rows, new_hash, vfs, sys.path)
    if why:
        print("the ROM partition is not used:", why)
