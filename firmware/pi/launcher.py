"""Starts the agent from the slot that the boot code chooses, in this process (docs/update.md).

    python3 -B launcher.py ROOT --config FILE ...       what follows ROOT is the agent's

ROOT: the folder of the slots, with slotboot.py and slottree.py beside them. An agent that restarts
itself starts this file anew, so that each start is the boot code's choice. No update touches it.
"""

import os
import runpy
import sys

ROOT = os.path.abspath(sys.argv.pop(1))
sys.dont_write_bytecode = True  # nothing may write into a slot but an update
sys.path[0] = ROOT

from slotboot import choose  # noqa: E402
from slottree import Tree, new_hash  # noqa: E402

sys.path[0] = f"{ROOT}/{choose(Tree(ROOT), new_hash)}/app"
runpy.run_module("agent", run_name="__main__", alter_sys=True)
