"""The SPI controller, as far as esptool drives it by hand: commands to the flash chip.

esptool writes the command byte to USER2 and the lengths in bits, starts with the USR bit of CMD,
waits until that bit has gone, and reads the answer from the data words.
"""

_USR = 1 << 18  # of CMD
_WORDS = 16
_JEDEC, _STATUS, _SFDP = 0x9F, 0x05, 0x5A
MANUFACTURER, KIND = 0xEF, 0x40  # Winbond W25Q


class Controller:
    """`read(address)` gives a register of the controller or None; `write` likewise is False."""

    def __init__(self, layout, flash_size):
        self._layout = layout
        self._registers = {}
        self._size = flash_size

    def _owns(self, address):
        return 0 <= address - self._layout.base < 0x400

    def read(self, address):
        return self._registers.get(address, 0) if self._owns(address) else None

    def write(self, address, value, mask):
        if not self._owns(address):
            return False
        old = self._registers.get(address, 0)
        self._registers[address] = (old & ~mask | value & mask) & 0xFFFFFFFF
        if address == self._layout.base and value & _USR:
            self._execute()
        return True

    def _execute(self):
        command = self._registers.get(self._layout.base + self._layout.user2, 0) & 0xFF
        answer = self._answer(command).ljust(4 * _WORDS, b"\xff")
        for i in range(_WORDS):
            word = int.from_bytes(answer[4 * i : 4 * i + 4], "little")
            self._registers[self._layout.base + self._layout.words + 4 * i] = word
        self._registers[self._layout.base] &= ~_USR

    def _answer(self, command):
        if command == _JEDEC:
            return bytes([MANUFACTURER, KIND, self._size.bit_length() - 1, 0])
        if command == _STATUS:
            return bytes(4)  # not busy, nothing protected
        return b"\xff" * 4  # no SFDP table, and nothing else that is asked for
