"""One download into the flash, plain or compressed, as the ROM or the stub carries it out."""

import zlib

from tools.emulator.esp32_rom.nor import SECTOR


class WritingError(Exception):
    """The data do not inflate."""


def _up(n):
    return (n + SECTOR - 1) // SECTOR * SECTOR


class Writing:
    """`size`: bytes to be erased (ROM) or to be written (stub). The ROM erases all at once, the
    stub each sector before its first byte: what a broken download leaves differs."""

    def __init__(self, nor, size, at, is_compressed, is_stub):
        self._nor, self._at, self._end = nor, at, at + size
        self._inflate = zlib.decompressobj() if is_compressed else None
        self._erased = at // SECTOR * SECTOR
        if not is_stub:
            self._erase_to(self._end)
            if not is_compressed:
                self._end = nor.size  # padding of the last block is written, too

    def take(self, data):
        """Writes a block's data. Raises WritingError, NorError."""
        if self._inflate is not None:
            try:
                data = self._inflate.decompress(data)
            except zlib.error as error:
                raise WritingError(str(error)) from None
        data = data[: max(0, self._end - self._at)]
        self._erase_to(self._at + len(data))
        self._nor.write(self._at, data)
        self._at += len(data)

    def _erase_to(self, end):
        if _up(end) > self._erased:
            self._nor.erase(self._erased, _up(end) - self._erased)
            self._erased = _up(end)
