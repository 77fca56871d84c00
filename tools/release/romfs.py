"""The image of a chip's ROM partition, made by the gateway's own code (`agent/update/rom.py`)."""

import hashlib

from agent.update import boot, rom
from tools.emulator.esp32_board.rom import Rom
from tools.release.build import index_of


class _Files:
    """What the boot code reads a slot by."""

    def __init__(self, slot, files):
        self._files = {f"{slot}/app/{name}": data for name, data in files.items()}
        self._files[f"{slot}/files"] = index_of(files)

    def read(self, name, at=0, count=None):
        return self._files[name][at : None if count is None else at + count]


def image(files):
    """The image's bytes of {path in the slot: bytes}."""
    size = sum(len(data) + 200 for data in files.values()) + rom.PIECE
    partition = Rom(bytearray(b"\xff" * size))
    return bytes(rom.place(_Files("a", files), "a", boot.rows, partition.ioctl, hashlib.sha256))
