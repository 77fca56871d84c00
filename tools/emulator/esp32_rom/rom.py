"""The serial loader as a machine: bytes in, bytes out. Espressif's "Serial Protocol" document.

A request is 0, command, size 2, checksum 4, data; a response 1, command, size 2, value 4, data,
status (little-endian; the ROM's status has four bytes, the stub's two). Uploaded code is not run:
once MEM_END tells to, the loader answers as the stub does.
"""

import hashlib
import struct

from tools.emulator.esp32_rom import slip
from tools.emulator.esp32_rom.chips import CRYSTAL_HZ, MAGIC_REGISTER, mac_words
from tools.emulator.esp32_rom.nor import NorError
from tools.emulator.esp32_rom.spi import Controller
from tools.emulator.esp32_rom.writing import Writing, WritingError

# Errors of the ROM, and the stub's for the same.
INVALID, FAILED, CHECKSUM, WRITE, DEFLATE = 0x05, 0x06, 0x07, 0x08, 0x0B
_STUB_ERRORS = {INVALID: 0xC0, FAILED: 0xC6, CHECKSUM: 0xC1, WRITE: 0xC4, DEFLATE: 0xCA}
_UNKNOWN = 0xFF  # the stub's word for a command that it does not have
_SYNC, _MD5, _SECURITY = 0x08, 0x13, 0x14
_SYNC_DATA = b"\x07\x07\x12\x20" + b"\x55" * 32
_SYNC_ANSWERS = 8
_ROM_RATE = 115200
_SEED = 0xEF  # of the checksum over a block
_SLOW_READ = 64  # bytes in a response to the ROM's READ_FLASH, whatever was asked for


class Refused(Exception):
    """A command fails; `code` goes into the response's status."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


class Loader:
    """`feed(data)` returns what the chip sends, `sent()` tells it that this is on the line.

    `rate`: baud that the chip listens at; `event`: what happened to the chip, which its owner sets
    back: 'reset', 'unplug', 'run' or None."""

    def __init__(self, chip, nor, mac, faults):
        self._chip, self._nor, self._faults = chip, nor, faults
        self._registers = {MAGIC_REGISTER: chip.magic, **chip.registers}
        self._registers.update(zip(chip.mac, mac_words(mac), strict=True))
        self.counters = {"commands": 0, "blocks": 0, "refused": 0, "resets": 0, "dropped": 0}
        self.event = None
        self.reset()

    def reset(self):
        """Into the ROM's loader, as with the BOOT button held."""
        self._slip = slip.Decoder()
        self._spi = Controller(self._chip.spi, self._nor.size)
        self.is_stub = False
        self.rate = _ROM_RATE
        self._next_rate = None
        self._writing = None
        self._reading = None

    def sent(self):
        """From here on a changed rate holds."""
        if self._next_rate is not None:
            self.rate, self._next_rate = self._next_rate, None

    def feed(self, data):
        self._faults.refresh()
        self._nor.is_protected = self._faults.has("protected")
        if self._faults.has("silent"):
            return b""
        out = []
        for packet in self._slip.feed(data):
            out.append(self._packet(packet))
            if self.event in ("reset", "unplug"):
                break
        return b"".join(out)

    def _packet(self, packet):
        if self._reading is not None:
            return self._acknowledged(packet)
        if len(packet) < 8 or packet[0] != 0:
            self.counters["dropped"] += 1
            return b""
        command, size, checksum = packet[1], *struct.unpack_from("<HI", packet, 2)
        data = packet[8:]
        if command in _BLOCKS:
            self._faults.blocks += 1
            if self._faults.now("lost"):
                data = data[:100] + data[102:]
        if command == _SYNC and data == _SYNC_DATA:
            return self._synchronized()
        self.counters["commands"] += 1
        method = _COMMANDS.get(command)
        if command in _STUB_ONLY and not self.is_stub:
            method = None
        if command == _SECURITY and not self._chip.knows_security:
            method = None
        try:
            if method is None:
                raise Refused(_UNKNOWN if self.is_stub else INVALID)
            if len(data) != size:
                raise Refused(INVALID)
            value, body = method(self, data, checksum)
        except Refused as error:
            self.counters["refused"] += 1
            return self._response(command, error=error.code)
        except (NorError, struct.error):
            return self._response(command, error=INVALID)
        if self.event in ("reset", "unplug"):
            return b""
        return self._response(command, value, body) + self._more()

    def _response(self, command, value=0, body=b"", error=0):
        if error and self.is_stub:
            error = _STUB_ERRORS.get(error, error)
        status = bytes([1 if error else 0, error]) + (b"" if self.is_stub else bytes(2))
        head = struct.pack("<BBHI", 1, command, len(body) + len(status), value)
        return slip.encode(head + body + status)

    def _more(self):
        """What follows a response by itself."""
        if self._reading == "stub":
            self._reading = None
            self.is_stub = True
            return slip.encode(b"OHAI")
        return b"" if self._reading is None else self._reading.start()

    def _synchronized(self):
        self._writing = None
        # esptool tells by the value whether a stub is running already.
        value = 0 if self.is_stub else int.from_bytes(_SYNC_DATA[:4], "little")
        return self._response(_SYNC, value) * _SYNC_ANSWERS

    # Registers

    def _read_register(self, data, _):
        (address,) = struct.unpack("<I", data)
        if address == self._chip.uart_divider:
            return round(CRYSTAL_HZ / self.rate), b""
        value = self._spi.read(address)
        return self._registers.get(address, 0) if value is None else value, b""

    def _write_register(self, data, _):
        for address, value, mask, _delay in struct.iter_unpack("<IIII", data):
            if not self._spi.write(address, value, mask):
                old = self._registers.get(address, 0)
                self._registers[address] = old & ~mask | value & mask
        return 0, b""

    def _security(self, data, _):
        # flags, flash encryption counter, purposes of seven keys, chip, its revision of the API
        return 0, struct.pack("<IB7sII", 0, 0, bytes(7), self._chip.image_id, 0)

    # RAM: what comes is checked and not kept

    def _memory_begin(self, data, _):
        struct.unpack("<IIII", data)
        return 0, b""

    def _memory_data(self, data, checksum):
        _payload(data, checksum)
        return 0, b""

    def _memory_end(self, data, _):
        is_staying, _entry = struct.unpack("<II", data)
        self._reading = None if is_staying else "stub"
        return 0, b""

    # Flash

    def _accept(self, data, _):
        return 0, b""

    def _change_rate(self, data, _):
        self._next_rate = struct.unpack("<II", data)[0]
        return 0, b""

    def _flash_begin(self, data, _, is_compressed=False):
        # Chips that can encrypt get a fifth word from the ROM's users.
        size, _blocks, _block_size, at = struct.unpack_from("<IIII", data)
        if at + size > self._nor.size:
            raise Refused(INVALID)
        self._writing = Writing(self._nor, size, at, is_compressed, self.is_stub)
        return 0, b""

    def _deflate_begin(self, data, _):
        return self._flash_begin(data, _, True)

    def _flash_data(self, data, checksum):
        block = _payload(data, checksum)
        self.counters["blocks"] += 1
        for event in ("reset", "unplug"):
            if self._faults.now(event):
                self.event = event
                return 0, b""
        if self._writing is None:
            raise Refused(FAILED)
        if self._faults.now("failing"):
            raise Refused(WRITE)
        try:
            self._writing.take(block)
        except WritingError:
            raise Refused(DEFLATE) from None
        return 0, b""

    def _flash_end(self, data, _):
        (is_staying,) = struct.unpack("<I", data)
        self._writing = None
        if not is_staying:
            self.event = "run"
        return 0, b""

    def _digest(self, data, _):
        at, size, _zero, _zero2 = struct.unpack("<IIII", data)
        digest = bytearray(hashlib.md5(self._nor.read(at, size)).digest())
        if self._faults.has("md5"):
            digest[0] ^= 1
        return 0, bytes(digest) if self.is_stub else digest.hex().encode()

    def _slow_read(self, data, _):
        at, size = struct.unpack("<II", data)
        if size > _SLOW_READ:
            raise Refused(INVALID)
        return 0, self._nor.read(at, size).ljust(_SLOW_READ, b"\0")

    # What only the stub has

    def _erase_flash(self, data, _):
        self._nor.erase(0, self._nor.size)
        return 0, b""

    def _erase_region(self, data, _):
        self._nor.erase(*struct.unpack("<II", data))
        return 0, b""

    def _read_flash(self, data, _):
        at, size, piece, ahead = struct.unpack("<IIII", data)
        self._reading = _Reading(self._nor.read(at, size), piece, ahead)
        return 0, b""

    def _acknowledged(self, packet):
        out = self._reading.acknowledged(packet)
        if self._reading.is_done:
            self._reading = None
        return out

    def _run(self, data, _):
        self.event = "run"
        return 0, b""


class _Reading:
    """The stub's way to send a lot: pieces in flight up to `ahead`, then the MD5 of all."""

    def __init__(self, data, piece, ahead):
        self._data, self._piece, self._ahead = data, piece, ahead
        self._sent = 0
        self.is_done = False

    def start(self):
        return self._go_on(0)

    def acknowledged(self, packet):
        """The host has `packet` bytes, as a word."""
        return self._go_on(int.from_bytes(packet[:4], "little"))

    def _go_on(self, there):
        out = []
        while self._sent < len(self._data) and self._sent < there + self._piece * self._ahead:
            out.append(slip.encode(self._data[self._sent : self._sent + self._piece]))
            self._sent += self._piece
        if there >= len(self._data):
            out.append(slip.encode(hashlib.md5(self._data).digest()))
            self.is_done = True
        return b"".join(out)


def _payload(data, checksum):
    """The block of a _DATA command. Raises Refused, struct.error."""
    size, _sequence, _zero, _zero2 = struct.unpack_from("<IIII", data)
    block = data[16:]
    if size != len(block):
        raise Refused(INVALID)
    found = _SEED
    # XOR of all bytes: of halves until one is left, which is fast.
    folded = int.from_bytes(block, "little")
    bits = 8 << max(0, (len(block) - 1).bit_length())
    while bits > 8:
        bits //= 2
        folded = folded >> bits ^ folded & ((1 << bits) - 1)
    if found ^ folded != checksum & 0xFF:
        raise Refused(CHECKSUM)
    return block


_COMMANDS = {
    0x02: Loader._flash_begin,
    0x03: Loader._flash_data,
    0x04: Loader._flash_end,
    0x05: Loader._memory_begin,
    0x06: Loader._memory_end,
    0x07: Loader._memory_data,
    0x09: Loader._write_register,
    0x0A: Loader._read_register,
    0x0B: Loader._accept,  # the flash's parameters
    0x0D: Loader._accept,  # attach the flash
    0x0E: Loader._slow_read,
    0x0F: Loader._change_rate,
    0x10: Loader._deflate_begin,
    0x11: Loader._flash_data,
    0x12: Loader._flash_end,
    _MD5: Loader._digest,
    _SECURITY: Loader._security,
    0xD0: Loader._erase_flash,
    0xD1: Loader._erase_region,
    0xD2: Loader._read_flash,
    0xD3: Loader._run,
}
_BLOCKS = (0x03, 0x11)
_STUB_ONLY = (0xD0, 0xD1, 0xD2, 0xD3)
