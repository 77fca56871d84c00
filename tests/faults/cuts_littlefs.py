"""Power cuts on MicroPython's littlefs, over a block device in RAM; runs under MicroPython only.

    micropython -X heapsize=16M -m tests.faults.cuts_littlefs CUTS [SEED [BROKEN]]

A story is run once while the device writes down each of its operations. Then each is torn: the
flash holds all operations before it and a part of itself (nothing, a quarter, a half, three
quarters of what it writes or erases). From there the vehicle boots again, and every few cuts a
second cut comes at an operation of that boot. Prints one line of JSON.

BROKEN: `cursor` or `crc` or `ledger`, a journal broken on purpose (`broken.py`).
"""

import gc
import json
import os
import sys

from agent import port
from agent.comms.journal import Journal
from tests.faults import life
from tests.faults.life import Lost, Random, World

try:
    import vfs
except ImportError:  # before MicroPython 1.23 it was part of os
    vfs = os

BLOCKS = 48
BLOCK = 4096  # an erase block of the flash of every ESP32
_MOUNT = "/flash"
_FOLDER = "/flash/journal"
_ERASED = b"\xff" * BLOCK
FRACTIONS = ((0, 1), (1, 4), (1, 2), (3, 4))
_SECOND = 5  # one cut of so many is followed by another
_EIO = 5


class Flash:
    """A block device as MicroPython wants it (extended interface). `log`: [(offset, bytes)] of what
    was written since it was set, an erased block as bytes 0xff. `fail`: {operation: errno}."""

    def __init__(self, image=None):
        self.image = image or bytearray(_ERASED * BLOCKS)
        self.log = None
        self.on_write = None
        self.fail = {}
        self.erases = 0
        self.writes = 0

    def readblocks(self, block, buffer, offset=0):
        at = block * BLOCK + offset
        buffer[:] = self.image[at : at + len(buffer)]

    def _change(self, at, data):
        if self.on_write:
            self.on_write()
        fault = self.fail.get(self.writes)
        self.writes += 1
        if fault:
            return -fault  # an exception would leave littlefs in the middle of what it does
        if self.log is not None:
            self.log.append((at, data))
        self.image[at : at + len(data)] = data
        return 0

    def writeblocks(self, block, buffer, offset=0):
        return self._change(block * BLOCK + offset, bytes(buffer))

    def ioctl(self, operation, argument):
        if operation == 4:
            return BLOCKS
        if operation == 5:
            return BLOCK
        if operation == 6:
            self.erases += 1
            return self._change(argument * BLOCK, _ERASED)
        return 0


def mounted(flash, action):
    """action(storage) on the file system that is on the flash. Its files are closed afterwards, for
    a finaliser must not find its file system gone; that is not part of what the flash logs."""
    vfs.mount(vfs.VfsLfs2(flash), _MOUNT)
    storage = None
    try:
        storage = port.Storage(_FOLDER)
        action(storage)
    finally:
        image = bytes(flash.image)
        flash.log, flash.on_write = None, None
        for name in list(storage._open) if storage else ():
            try:  # noqa: SIM105 MicroPython has no contextlib
                storage.close(name)
            except port.StorageError:
                pass
        gc.collect()
        vfs.umount(_MOUNT)
        flash.image[:] = image


def formatted():
    flash = Flash()
    vfs.VfsLfs2.mkfs(flash)
    return flash


def torn(image, operation, fraction):
    """The image with a part of the operation done."""
    at, data = operation
    count = len(data) * fraction[0] // fraction[1]
    image = bytearray(image)
    image[at : at + count] = data[:count]
    return image


class Cuts:
    """`run(cuts)`; then `done`, `second` and `broken`, the laws that did not hold."""

    def __init__(self, make_journal):
        self._make_journal = make_journal
        self.done = self.second = 0
        self.broken = {}

    def run(self, cuts, seed):
        while self.done + self.second < cuts:
            flash = formatted()
            image = bytearray(flash.image)
            world = World()
            log, marks = self._story(flash, world, seed)
            for k, operation in enumerate(log):
                for fraction in FRACTIONS:
                    self._cut(torn(image, operation, fraction), world.fork(marks[k]), seed + k)
                    if self.done + self.second >= cuts:
                        return
                at, data = operation
                image[at : at + len(data)] = data
                gc.collect()
            seed += 1

    def _story(self, flash, world, seed):
        return self._logged(flash, world, lambda s: life.story(s, world, self._make_journal, seed))

    def _logged(self, flash, world, action):
        """What `action` writes on the flash, and the world's marks before each of it."""
        log, marks = [], []
        flash.log = log
        flash.on_write = lambda: marks.append(world.marks())
        mounted(flash, action)
        return log, marks

    def _cut(self, image, world, seed):
        self.done += 1
        try:
            if self.done % _SECOND == 0:
                image = self._cut_again(image, world, seed)
            mounted(Flash(image), lambda s: life.settle(s, world, self._make_journal))
        except Lost as e:
            text = str(e).split(":")[0]
            self.broken[text] = self.broken.get(text, 0) + 1

    def _cut_again(self, image, world, seed):
        """The image after the next boot was cut, too; `world` is taken back to that moment."""
        self.second += 1
        random = Random(seed * 31 + self.done)
        flash = Flash(bytearray(image))
        log, marks = self._logged(
            flash, world, lambda s: life.go_on(s, world, self._make_journal, random.below(1 << 20))
        )
        k = random.below(len(log) + len(log) // 4)  # sometimes behind the last operation
        for at, data in log[:k]:
            image[at : at + len(data)] = data
        if k < len(log):
            world.back_to(marks[k])
            image = torn(image, log[k], FRACTIONS[random.below(4)])
        return image


def failing(cuts, seed):
    """EIO of the flash at each operation of a story, then the next boot: (runs, broken)."""
    flash = formatted()
    clean = bytes(flash.image)
    count = len(Cuts(Journal)._story(flash, World(), seed)[0])
    runs = 0
    broken = {}
    for k in range(0, count, max(1, 4 * count // cuts)):
        flash = Flash(bytearray(clean))
        flash.fail = {k: _EIO}
        world = World()
        try:
            mounted(flash, lambda s, world=world: life.story(s, world, seed=seed))
        except (OSError, port.StorageError):
            continue  # already the mount, or the folder: no agent runs then
        runs += 1
        try:
            mounted(Flash(flash.image), lambda s, world=world: life.settle(s, world))
        except Lost as e:
            text = str(e).split(":")[0]
            broken[text] = broken.get(text, 0) + 1
    return runs, broken


def main(cuts, seed=1, broken=None):
    if broken:
        from tests.faults import broken as journals

        make = {"cursor": journals.CursorFirst, "ledger": journals.LateLedger}.get(broken, Journal)
        if broken == "crc":
            journals.leave_out_crc()
    else:
        make = Journal
    run = Cuts(make)
    run.run(cuts, seed)
    figures = {"cuts": run.done + run.second, "second_cuts": run.second, "broken": run.broken}
    if not broken:
        figures["failing_operations"], failed = failing(cuts, seed)
        figures["broken"].update(failed)
    print(json.dumps(figures))


if __name__ == "__main__":
    main(int(sys.argv[1]), *[int(a) if a.isdigit() else a for a in sys.argv[2:]])
