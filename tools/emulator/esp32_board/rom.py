"""Runs under MicroPython on a PC: memory outside the collected heap, as a chip's mapped flash is.

The unix port maps no files. But the environment that a program is started with lies in memory that
its kernel tells the place of (proc(5), /proc/PID/stat, fields 50 and 51), and nothing moves it:
`filling` makes an environment of so many bytes (run by CPython), `memory` is those bytes.
"""

import sys

NAME = "PATROL_ROM_%d"
_PIECE = 100000  # Linux takes 128 KiB for one variable, MAX_ARG_STRLEN
_BEGIN, _END = 50, 51


def filling(size):
    """{name: value}: variables that take at least `size` bytes."""
    return {NAME % i: "x" * _PIECE for i in range(size // _PIECE + 1)}


def memory(size):
    """A bytearray of `size` bytes outside the heap. Raises OSError without such an environment."""
    import uctypes

    with open("/proc/self/stat") as f:
        text = f.read()
    fields = text[text.rindex(")") + 2 :].split()  # begins with field 3
    begin, end = int(fields[_BEGIN - 3]), int(fields[_END - 3])
    if end - begin < size:
        raise OSError("the environment has %d bytes, %d are wanted" % (end - begin, size))
    return uctypes.bytearray_at(begin, size)


class Rom:
    """One ROM partition: `ioctl` as `vfs.rom_ioctl`. The memory is what is read; `keep(at, data)`,
    where it is given, is told of each write, so that it can be kept in a file."""

    def __init__(self, place, keep=None):
        self.memory = memoryview(place)
        self._keep = keep

    def ioctl(self, operation, number=0, *arguments):
        if operation == 1:
            return 1
        if number:
            return -22  # EINVAL
        if operation == 2:
            return self.memory
        if operation == 3:
            for at in range(0, arguments[0], 4096):
                self._put(at, b"\xff" * 4096)
            return 4096
        if operation == 4:
            self._put(*arguments)
        return 0

    def _put(self, at, data):
        self.memory[at : at + len(data)] = data
        if self._keep:
            self._keep(at, data)


def mount(image):
    """An image's file at /rom, in memory outside the heap."""
    import vfs

    with open(image, "rb") as f:
        size = f.seek(0, 2)
        f.seek(0)
        place = memoryview(memory(size))
        at = 0
        while at < size:
            at += f.readinto(place[at : at + 4096])
    vfs.mount(vfs.VfsRom(place), "/rom")


def main(image, path, module, *argv):
    """Calls `main(argv)` of a module; path: where modules and tables are that the image has not,
    with ":" between the folders."""
    mount(image)
    sys.path[:] = ["/rom"] + path.split(":")
    __import__(module)
    return sys.modules[module].main(list(argv))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
