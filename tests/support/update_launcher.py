"""What stands before the slots, in a few lines: firmware/esp32/boot.py, or the Pi's launcher.

    python|micropython update_launcher.py ROOT ROOM KILL

KILL: the process dies by SIGKILL before its writing operation with this number; -1: never.
"""

import sys

ROOT, ROOM, KILL = sys.argv[1], sys.argv[2], int(sys.argv[3])
sys.path.insert(0, ROOT)  # slotboot and slottree, as the bench left them

import os  # noqa: E402

from slotboot import choose  # noqa: E402
from slottree import Tree, new_hash  # noqa: E402


class Dying(Tree):
    """Counts what writes, and dies at the appointed number, as by a power switch."""

    count = 0

    def _step(self):
        if Dying.count == KILL:
            if hasattr(os, "kill"):
                os.kill(os.getpid(), 9)
            os.system("kill -9 $PPID")
        Dying.count += 1

    def append(self, name, data):
        self._step()
        Tree.append(self, name, data)

    def sync(self):
        self._step()
        Tree.sync(self)

    def remove(self, name):
        self._step()
        Tree.remove(self, name)

    def replace(self, name, data):
        self._step()
        Tree.replace(self, name, data)


tree = Dying(ROOT)
slot = choose(tree, new_hash)
print("slot", slot)
sys.path[0] = ROOT + "/" + slot + "/app"

from agent import gateway  # noqa: E402

code = gateway.main(ROOT, ROOM, slot, tree)
print("writes", Dying.count)
sys.exit(code)
