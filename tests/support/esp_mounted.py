"""Runs under MicroPython: mounts the file system in a flash file and tells what is on it.

    micropython tests/support/esp_mounted.py FLASH AT SIZE

Nothing is said of its parameters: MicroPython finds them, as it does on the chip.
"""

import json
import sys

import vfs

sys.path.append("tools/emulator/esp32_board")
from start import Partition  # noqa: E402

flash, at, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
vfs.mount(Partition(flash, at, size), "/flash")
sys.path.insert(0, "/flash")

from slotboot import choose, is_whole  # noqa: E402
from slottree import Tree, new_hash  # noqa: E402

tree = Tree("/flash")
found = {
    "slot": choose(tree, new_hash),
    "is_whole": is_whole(tree, "a", new_hash),
    "config": json.loads(tree.read("config.json")),
    "key_bytes": tree.size("tls/key.der"),
    "files": len(tree.names("a")),
}
# Old images must be written to, too.
tree.replace("note", b"by MicroPython")
found["note"] = tree.read("note").decode()
tree.remove("note")
vfs.umount("/flash")
print(json.dumps(found))
