"""NOR flash over a file: a write clears bits and sets none, an erase sets whole sectors.

So what is written without an erase is the AND of old and new, as on the chip: a flasher that
forgets to erase does not pass here either.
"""

import mmap
import os

SECTOR = 4096
_ERASED = b"\xff" * SECTOR
SIZES = {f"{n}MB": n << 20 for n in (1, 2, 4, 8, 16)}


class NorError(Exception):
    """The flash refuses an operation; the text says which."""


class Nor:
    """`path` is made, erased, where it is missing. Raises OSError; NorError for a file of another
    size. `is_protected`: writes and erases have no effect, as with the protection bits set."""

    def __init__(self, path, size):
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)  # it will hold a vehicle's keys
        try:
            found = os.fstat(fd).st_size
            if found == 0:
                os.write(fd, _ERASED * (size // SECTOR))
            elif found != size:
                raise NorError(f"{path} has {found} bytes, the flash {size}")
            self._map = mmap.mmap(fd, size)
        finally:
            os.close(fd)
        self.size = size
        self.is_protected = False
        self.erased = self.written = 0  # sectors, bytes

    def read(self, at, count):
        """`count` bytes from `at`. Raises NorError."""
        self._check(at, count)
        return self._map[at : at + count]

    def write(self, at, data):
        self._check(at, len(data))
        if self.is_protected:
            return
        end = at + len(data)
        old = self._map[at:end]
        if old.count(0xFF) != len(old):
            both = int.from_bytes(old, "big") & int.from_bytes(data, "big")
            data = both.to_bytes(len(old), "big")
        self._map[at:end] = data
        self.written += len(data)

    def erase(self, at, count):
        """Whole sectors only."""
        if at % SECTOR or count % SECTOR:
            raise NorError(f"erase of {count} bytes at {at:#x} is not made of sectors")
        self._check(at, count)
        if self.is_protected:
            return
        for sector in range(at, at + count, SECTOR):
            self._map[sector : sector + SECTOR] = _ERASED
        self.erased += count // SECTOR

    def close(self):
        self._map.close()

    def _check(self, at, count):
        if at < 0 or at + count > self.size:
            raise NorError(f"{count} bytes at {at:#x} are beyond the flash")
