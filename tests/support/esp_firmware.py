"""Firmware images as MicroPython's builds lay them out, without a compiler: real headers,
checksums, SHA-256 and partition tables around code that is only noise. `esptool image-info` takes
them for what they say they are.

Layouts: ports/esp32/partitions-*.csv of MicroPython. Since 1.25 or so the tables have no `vfs`: the
firmware makes that partition at its start, from the last one to the end of the flash.
"""

import hashlib
import random
import struct

_APP, _DATA = 0, 1
_FACTORY, _PHY, _NVS, _FAT, _OTA = 0, 1, 2, 0x81, 0
_HEAD = (
    ("nvs", _DATA, _NVS, 0x9000, 0x6000),
    ("phy_init", _DATA, _PHY, 0xF000, 0x1000),
)
LAYOUTS = {
    # name: rows of name, kind, subtype, place, size
    "4MB": (*_HEAD, ("factory", _APP, _FACTORY, 0x10000, 0x1F0000),
            ("vfs", _DATA, _FAT, 0x200000, 0x200000)),
    "8MB": (*_HEAD, ("factory", _APP, _FACTORY, 0x10000, 0x1F0000),
            ("vfs", _DATA, _FAT, 0x200000, 0x600000)),
    "4MBplus": (*_HEAD, ("factory", _APP, _FACTORY, 0x10000, 0x1F0000)),
    "4MB-large-app": (*_HEAD, ("factory", _APP, _FACTORY, 0x10000, 0x300000),
                      ("vfs", _DATA, _FAT, 0x310000, 0xF0000)),
    "8MB-ota": (("nvs", _DATA, _NVS, 0x9000, 0x4000), ("otadata", _DATA, _OTA, 0xD000, 0x2000),
                ("phy_init", _DATA, _PHY, 0xF000, 0x1000),
                ("ota_0", _APP, 0x10, 0x10000, 0x200000), ("ota_1", _APP, 0x11, 0x210000, 0x200000),
                ("vfs", _DATA, _FAT, 0x410000, 0x3F0000)),
}  # fmt: skip
# chip: (id in the header, place of the loader, memory that is mapped from the flash, RAM)
_CHIPS = {
    "esp32": (0, 0x1000, 0x3F400020, 0x40080000),
    "esp32s3": (9, 0x0, 0x3C000020, 0x40374000),
    "esp32c3": (5, 0x0, 0x3C000020, 0x40380000),
}
_SIZES = {"4MB": 2, "8MB": 3, "16MB": 4}  # in the header
TABLE_AT, APP_AT = 0x8000, 0x10000


def partition_table(rows):
    """The table's bytes, with its MD5, as gen_esp32part writes it."""
    out = b""
    for name, kind, subtype, at, size in rows:
        out += b"\xaa\x50" + struct.pack("<BBII16sI", kind, subtype, at, size, name.encode(), 0)
    out += b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(out).digest()
    return out.ljust(0xC00, b"\xff")


def image(chip, segments, flash="4MB", entry=None):
    """An ESP image of [(address, bytes)], with checksum and SHA-256."""
    number, _, _, ram = _CHIPS[chip]
    out = struct.pack("<BBBBI", 0xE9, len(segments), 2, _SIZES[flash] << 4 | 0xF, entry or ram)
    out += struct.pack("<B3sHBHH4sB", 0xEE, bytes(3), number, 0, 0, 0xFFFF, bytes(4), 1)
    check = 0xEF
    for address, data in segments:
        data += bytes(-len(data) % 4)
        out += struct.pack("<II", address, len(data)) + data
        for byte in data:
            check ^= byte
    out += bytes(15 - len(out) % 16) + bytes([check])
    return out + hashlib.sha256(out).digest()


def application(chip, size, version="v1.29.0", flash="4MB", is_rom=False):
    """An application that says that it is MicroPython; is_rom: with the ROM file system's code."""
    _, _, mapped, ram = _CHIPS[chip]
    noise = random.Random(size).randbytes(size // 4) * 2  # half of it repeats, as code does
    description = struct.pack(
        "<IIII32s32s16s16s32s32s80s", 0xABCD5432, 0, 0, 0, version.encode(), b"micropython",
        b"12:00:00", b"Jan  1 2026", b"v5.5.1", bytes(32), bytes(80),
    )  # fmt: skip
    noise += b"\0rom_ioctl\0" if is_rom else b""
    return image(chip, [(mapped, description + noise), (ram, noise[: size // 2])], flash)


def firmware(
    chip="esp32s3", layout="8MB", size=300_000, version="v1.29.0", rows=None, is_rom=False
):
    """A whole firmware file: loader, table, application, at their places."""
    flash = layout[:3]
    start = _CHIPS[chip][1]
    rows = rows or LAYOUTS[layout]
    loader = image(chip, [(_CHIPS[chip][3] + 0x4000, random.Random(7).randbytes(17_000))], flash)
    app_at = min(row[3] for row in rows if row[1] == _APP)
    out = loader.ljust(TABLE_AT - start, b"\xff") + partition_table(rows)
    return out.ljust(app_at - start, b"\xff") + application(chip, size, version, flash, is_rom)
