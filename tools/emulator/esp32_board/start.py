"""Runs under MicroPython: an ESP32's start, from a flash file.

    micropython start.py OPTIONS FLASH

OPTIONS: a file with   {"flash": FILE, "at": N, "size": N, "uarts": {"1": PATH}, "pins": {"7": 1},
                        "cause": N, "memory": FILE, "rom": [AT, SIZE] or null,
                        "wire": DESCRIPTOR, "cut": [N, Q] or null}

FLASH is there for whoever looks for it among the processes.

What the firmware does before boot.py: the partition is mounted at "/", by the parameters that
MicroPython finds itself; boot.py and main.py run in one namespace.
"""

import json
import os
import sys

import vfs

_BLOCK = 4096
_COUNT, _SIZE, _ERASE = 4, 5, 6  # of ioctl
_ERASED = b"\xff" * _BLOCK
_HOST = "/host"  # where this machine's files are


class Partition:
    """The block device of a partition, over the flash file. A write clears bits only.

    cut: (number of the write or erase that the power fails in, quarters of it that are done), or
    None; on_cut(): called then, does not return."""

    def __init__(self, path, at, size, cut=None, on_cut=None):
        self._file = open(path, "r+b")  # noqa: SIM115 open as long as the board runs
        self._at, self._size = at, size
        self._cut, self._on_cut = cut, on_cut
        self._writes = 0

    def readblocks(self, block, buffer, offset=0):
        self._file.seek(self._at + block * _BLOCK + offset)
        self._file.readinto(buffer)

    def writeblocks(self, block, buffer, offset=None):
        if offset is None:
            self.ioctl(_ERASE, block)
        at = self._at + block * _BLOCK + (offset or 0)
        self._file.seek(at)
        old = int.from_bytes(self._file.read(len(buffer)), "big")
        both = old & int.from_bytes(bytes(buffer), "big")
        self._write(at, both.to_bytes(len(buffer), "big"))

    def _write(self, at, data):
        is_last = self._cut and self._writes == self._cut[0]
        self._writes += 1
        self._file.seek(at)
        self._file.write(data[: len(data) * self._cut[1] // 4] if is_last else data)
        if is_last:
            self._on_cut()

    def ioctl(self, operation, argument):
        if operation == _COUNT:
            return self._size // _BLOCK
        if operation == _SIZE:
            return _BLOCK
        if operation == _ERASE:
            self._write(self._at + argument * _BLOCK, _ERASED)
        return 0


class Sys:
    """The module `sys` of a chip."""

    platform = "esp32"

    def __getattr__(self, name):
        return getattr(sys, name)


class Vfs:
    """The module `vfs` of a chip with a ROM partition."""

    def __init__(self, rom_ioctl):
        self.rom_ioctl = rom_ioctl

    def __getattr__(self, name):
        return getattr(vfs, name)


def _map_rom(path, at, size):
    """The partition of the flash file in this process's memory, and mounted where it is an image,
    as the firmware does."""
    from rom import Rom, memory

    file = open(path, "r+b")  # noqa: SIM115 open as long as the board runs
    place = memoryview(memory(size))
    file.seek(at)
    for begin in range(0, size, _BLOCK):
        file.readinto(place[begin : begin + _BLOCK])

    def keep(offset, data):
        file.seek(at + offset)
        file.write(data)

    sys.modules["vfs"] = Vfs(Rom(place, keep).ioctl)
    try:
        vfs.mount(vfs.VfsRom(place), "/rom")
        return ["/rom", "/rom/lib"]
    except OSError:
        return []


def main(options):
    import board

    board.setup(
        dict([(int(n), _HOST + path) for n, path in options["uarts"].items()]),
        dict([(int(n), level) for n, level in options["pins"].items()]),
        options["cause"],
        _HOST + options["memory"],
        options["wire"],
    )
    sys.modules["machine"] = sys.modules["esp32"] = board
    sys.modules["sys"] = Sys()
    partition = Partition(
        options["flash"], options["at"], options["size"], options["cut"], lambda: board.end("cut")
    )
    rom = _map_rom(options["flash"], *options["rom"]) if options["rom"] else []
    vfs.umount("/")
    vfs.mount(vfs.VfsPosix("/"), _HOST)
    vfs.mount(partition, "/")
    os.chdir("/")
    sys.path[:] = ["", ".frozen", "/lib"] + rom
    names = {"__name__": "__main__"}
    for name in options.get("run", ("boot.py", "main.py")):
        if name in os.listdir("/"):
            execfile("/" + name, names)  # noqa: F821 a builtin of MicroPython


if __name__ == "__main__":
    with open(sys.argv[1]) as f:
        options = json.load(f)
    main(options)
