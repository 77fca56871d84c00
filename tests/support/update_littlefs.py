"""Runs under MicroPython: power cuts at every write and erase of an update on littlefs.

    micropython -X heapsize=16M tests/support/update_littlefs.py KIND FRACTIONS

A block device in RAM loses its power at the n-th write, of which a fraction still lands. Then the
gateway starts on what the device holds and lives to the update's end. Prints a JSON line.
"""

import gc
import json
import sys

import vfs

from agent.port.tree import Tree
from tests.support.update_life import live, older, releases

BLOCK = 4096  # as on the ESP32
BLOCKS = 40
FRACTIONS = (0, 1, 2, 3)  # quarters of the write that land
_ERASED = b"\xff" * BLOCK
_EIO = -5


class RamDevice:
    """`cut_at`: number of the writing operation that the power fails in; None: never."""

    def __init__(self, data=None):
        self.data = bytearray(data) if data is not None else bytearray(b"\xff" * BLOCK * BLOCKS)
        self._view = memoryview(self.data)
        self.operations = 0
        self.cut_at = None
        self.fraction = 0
        self.is_dead = False

    def readblocks(self, block, buf, offset=0):
        at = block * BLOCK + offset
        buf[:] = self._view[at : at + len(buf)]

    def _written(self, at, data, size):
        """What lands of a write. An error is returned, not raised: it must pass through littlefs,
        which closes what was open."""
        if self.is_dead:
            return _EIO
        self.is_dead = self.operations == self.cut_at
        self.operations += 1
        if self.is_dead:
            size = size * self.fraction // 4
        self.data[at : at + size] = memoryview(data)[:size]
        return _EIO if self.is_dead else 0

    def writeblocks(self, block, buf, offset=0):
        return self._written(block * BLOCK + offset, buf, len(buf))

    def ioctl(self, op, arg):
        if op == 4:
            return BLOCKS
        if op == 5:
            return BLOCK
        return self._written(arg * BLOCK, _ERASED, BLOCK) if op == 6 else 0


def mounted(device, action):
    """Runs `action(tree)` with the device mounted."""
    vfs.mount(vfs.VfsLfs2(device, progsize=256, readsize=256, lookahead=32), "/flash")
    tree = Tree("/flash")
    try:
        return action(tree)
    finally:
        try:  # noqa: SIM105 MicroPython has no contextlib
            tree.close()
        except OSError:
            pass  # the power is gone
        vfs.umount("/flash")


def main(kind, per_operation):
    """per_operation: how many of FRACTIONS each operation is cut with, in turn."""
    old, new = releases()
    fresh = RamDevice()
    vfs.VfsLfs2.mkfs(fresh, progsize=256, readsize=256, lookahead=32)
    mounted(fresh, lambda tree: (old.install(tree, "a"), older().install(tree, "b")))
    image = bytes(fresh.data)
    whole = RamDevice(image)
    starts = mounted(whole, lambda tree: live(tree, old, new, kind))
    cuts = 0
    for n in range(whole.operations):
        for i in range(per_operation):
            device = RamDevice(image)
            device.cut_at = n
            device.fraction = FRACTIONS[(n + i * len(FRACTIONS) // per_operation) % len(FRACTIONS)]
            try:
                mounted(device, lambda tree: live(tree, old, new, kind))
            except Exception:
                if not device.is_dead:
                    raise
            assert device.is_dead
            mounted(RamDevice(device.data), lambda tree: live(tree, old, new, kind))
            cuts += 1
            gc.collect()
    print(json.dumps({"operations": whole.operations, "cuts": cuts, "starts": starts}))


main(sys.argv[1], int(sys.argv[2]))
