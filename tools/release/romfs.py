"""The image of a chip's ROM partition, made by the gateway's own code (`agent/update/rom.py`)."""

import hashlib

from agent.update import boot, rom
from tools.release.build import index_of

_SEGMENT, _PREPARE, _WRITE = 2, 3, 4


class _Files:
    """What the boot code reads a slot by."""

    def __init__(self, slot, files):
        self._files = {f"{slot}/app/{name}": data for name, data in files.items()}
        self._files[f"{slot}/files"] = index_of(files)

    def read(self, name, at=0, count=None):
        return self._files[name][at : None if count is None else at + count]


class Partition:
    """A ROM partition in memory: `ioctl` as `vfs.rom_ioctl`."""

    def __init__(self, size):
        self.data = bytearray(b"\xff" * size)

    def ioctl(self, operation, number=0, *arguments):
        if operation == _SEGMENT:
            return memoryview(self.data)
        if operation == _PREPARE:
            self.data[: arguments[0]] = b"\xff" * arguments[0]
        if operation == _WRITE:
            at, data = arguments
            self.data[at : at + len(data)] = data
        return 1 if operation == 1 else 0


def image(files):
    """The image's bytes of {path in the slot: bytes}."""
    size = sum(len(data) + 200 for data in files.values()) + rom.PIECE
    partition = Partition(size)
    return bytes(rom.place(_Files("a", files), "a", boot.rows, partition.ioctl, hashlib.sha256))
