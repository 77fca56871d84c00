"""A firmware image for an ESP32 or ESP32-S3: what chip it is for, what parts it has, is it whole.

An image as MicroPython distributes it holds second-stage loader, partition table and application,
at their places, from the place of the loader on: 0x1000 on the ESP32, 0x0 on the ESP32-S3 (ESP-IDF
Programming Guide, "Bootloader", "Partition Tables"; esptool's "Firmware Image Format"). Everything
else is read from the image itself.
"""

import hashlib
import struct
from dataclasses import dataclass, field, replace

from tools.flash import FlashError

TABLE_AT = 0x8000  # of the flash; what CONFIG_PARTITION_TABLE_OFFSET is in all of MicroPython's
TABLE_SIZE = 0xC00
SECTOR = 4096
_PAGE = 1 << 16  # of the chip's memory that flash is mapped into
MAX_IMAGE = 32 << 20
VFS = "vfs"
ROM = "romfs"  # MicroPython's ports/esp32: of this name, type data, subtype 0x8f
_ROM_SUBTYPE = 0x8F
_ROM_CODE = b"rom_ioctl\0"  # the name of vfs.rom_ioctl, as the application's table of names has it
_MAGIC = 0xE9
_SEED = 0xEF  # of an image's checksum
_ROW_MAGIC, _MD5_MAGIC = b"\xaa\x50", b"\xeb\xeb" + b"\xff" * 14
_APP, _DATA, _NVS = 0, 1, 2
_DESCRIPTION = 0xABCD5432  # of esp_app_desc_t, at the start of an application's first segment

# chip id in the extended header -> (name, place of the loader); None: not ours
CHIPS = {0: ("esp32", 0x1000), 9: ("esp32s3", 0x0)}
_OTHERS = {2: "esp32s2", 5: "esp32c3", 12: "esp32c2", 13: "esp32c6", 16: "esp32h2", 18: "esp32p4"}


@dataclass(frozen=True)
class Partition:
    """`at`, `size`: bytes of the flash."""

    name: str
    kind: int
    subtype: int
    at: int
    size: int

    @property
    def end(self):
        return self.at + self.size

    @property
    def is_nvs(self):
        return (self.kind, self.subtype) == (_DATA, _NVS)


@dataclass
class Firmware:
    """`at`: place in the flash that `data` begins at; `version`: as the application says it."""

    path: str
    chip: str
    at: int
    data: bytes
    partitions: list
    version: str
    sha256: str = field(init=False)

    def __post_init__(self):
        self.sha256 = hashlib.sha256(self.data).hexdigest()

    @property
    def end(self):
        return self.at + len(self.data)

    def pieces(self, is_update):
        """[(place, bytes)] to write. An update leaves out the partitions of kind nvs, for the image
        has nothing for them but erased flash."""
        gaps = sorted((p.at, p.end) for p in self.partitions if is_update and p.is_nvs)
        found, at = [], self.at
        for start, end in [*gaps, (self.end, self.end)]:
            start = min(max(start, at), self.end)
            if start > at:
                found.append((at, self.data[at - self.at : start - self.at]))
            at = max(at, end)
        return found


def read(path):
    """The Firmware of a file. Raises FlashError."""
    try:
        if path.stat().st_size > MAX_IMAGE:
            raise FlashError(f"{path}: {path.stat().st_size} bytes are no firmware of an ESP32")
        data = path.read_bytes()
    except OSError as error:
        raise FlashError(f"{path}: {error.strerror}") from None
    return parse(data, str(path))


def parse(data, path):
    """The Firmware of an image's bytes. Raises FlashError."""
    # Some merge the parts from address 0 on, for the ESP32, too.
    is_from_zero = data[:0x1000].count(0xFF) == 0x1000
    start = 0x1000 if is_from_zero else 0
    if len(data) < start + 24 or data[start] != _MAGIC:
        raise FlashError(f"{path} is no firmware image of an ESP32")
    number = struct.unpack_from("<H", data, start + 12)[0]
    if number not in CHIPS:
        name = _OTHERS.get(number, f"chip {number}")
        raise FlashError(f"{path} is for {name}; gateways are esp32 or esp32s3")
    chip, loader_at = CHIPS[number]
    at = loader_at - start
    if at < 0:
        raise FlashError(f"{path} begins with erased bytes, which an image for {chip} has not")
    rows = data[TABLE_AT - at : TABLE_AT - at + TABLE_SIZE]
    if rows[:2] != _ROW_MAGIC:
        raise FlashError(
            f"{path} has no partition table: it is an application alone; take the whole firmware"
        )
    partitions = table(rows, path)
    apps = [p for p in partitions if p.kind == _APP]
    if not apps:
        raise FlashError(f"{path}: its partition table has no application")
    image_size(data, start, path, "loader")
    app = min(apps, key=lambda p: p.at)
    if data[app.at - at : app.at - at + 1] != bytes([_MAGIC]):
        raise FlashError(f"{path}: there is no application at {app.at:#x}; the file is cut off")
    if struct.unpack_from("<H", data, app.at - at + 12)[0] != number:
        raise FlashError(f"{path}: loader and application are for different chips")
    size = image_size(data, app.at - at, path, "application")
    if size > app.size:
        raise FlashError(f"{path}: the application has {size} bytes, its partition {app.size}")
    return Firmware(path, chip, at, data, partitions, _version(data, app.at - at))


def table(rows, where):
    """[Partition] of a partition table's bytes. Raises FlashError."""
    found = []
    for at in range(0, len(rows) - 31, 32):
        row = rows[at : at + 32]
        if row[:2] == _ROW_MAGIC:
            kind, subtype, place, size, label = struct.unpack_from("<BBII16s", row, 2)
            name = label.rstrip(b"\0").decode("ascii", "replace")
            found.append(Partition(name, kind, subtype, place, size))
        elif row[:16] == _MD5_MAGIC:
            if row[16:] != hashlib.md5(rows[:at]).digest():
                raise FlashError(f"{where}: the partition table's MD5 does not match")
        else:
            if row != b"\xff" * 32:
                raise FlashError(f"{where}: the partition table has a row that is none")
            break
    return found


def vfs_partition(partitions, flash_size):
    """The partition of the file system. Where the table has none, MicroPython makes one at its
    start: from the last partition to the end of the flash. Raises FlashError."""
    for partition in partitions:
        if partition.end > flash_size:
            raise FlashError(
                f"partition {partition.name} ends at {partition.end:#x}, the board's flash at "
                f"{flash_size:#x}: take a firmware for {flash_size >> 20} MiB"
            )
    named = [p for p in partitions if p.name == VFS]
    if named:
        return named[0]
    if any(p.name == "ffat" for p in partitions):
        raise FlashError("the firmware's file system is FAT (partition ffat): take another")
    if not partitions:
        raise FlashError("there is no partition at all")
    at = max(p.end for p in partitions)
    if flash_size - at < 2 * SECTOR:
        raise FlashError(f"behind {at:#x} the flash has no room for a file system")
    return Partition(VFS, _DATA, 0x81, at, flash_size - at)


def rom_partition(partitions):
    """The partition out of which modules run in place, or None."""
    return next((p for p in partitions if p.name == ROM and p.kind == _DATA), None)


def with_rom(fw, size):
    """The same Firmware with a ROM partition of `size` bytes, where it can use one: it has the code
    for it, and no such partition by itself. It takes what the application leaves of its own
    partition, where that is enough, else the beginning of the file system's. The table is data
    beside loader and application, and covered by neither's hash."""
    is_able = _ROM_CODE in fw.data
    if not size or not is_able or rom_partition(fw.partitions):
        return fw
    rows = _behind_application(fw, size) or _before_files(fw, size)
    if rows is None:
        return fw
    place = TABLE_AT - fw.at
    old = fw.data[place : place + TABLE_SIZE]
    data = fw.data[:place] + table_bytes(rows, old) + fw.data[place + TABLE_SIZE :]
    return Firmware(fw.path, fw.chip, fw.at, data, rows, fw.version)


def _behind_application(fw, size):
    """The rows with the ROM partition at the end of the application's, or None."""
    apps = [p for p in fw.partitions if p.kind == _APP]
    app = apps[0]
    at = (app.end - size) // _PAGE * _PAGE
    used = image_size(fw.data, app.at - fw.at, fw.path, "application")
    if len(apps) > 1 or app.at + used > at:
        return None
    rows = []
    for p in fw.partitions:
        rows.append(replace(p, size=at - p.at) if p is app else p)
        if p is app:
            rows.append(Partition(ROM, _DATA, _ROM_SUBTYPE, at, app.end - at))
    return rows


def _before_files(fw, size):
    """The rows with the ROM partition before a smaller file system, or None."""
    vfs = next((p for p in fw.partitions if p.name == VFS), None)
    at = vfs.at if vfs else max(p.end for p in fw.partitions)
    rows = [p for p in fw.partitions if p is not vfs]
    rows.append(Partition(ROM, _DATA, _ROM_SUBTYPE, at, size))
    if vfs:
        if vfs.size - size < 2 * SECTOR:
            return None
        rows.append(Partition(VFS, vfs.kind, vfs.subtype, at + size, vfs.size - size))
    return rows


def table_bytes(partitions, old):
    """A partition table; flags are those of the rows of the same name in the old one's bytes."""
    flags = {}
    for at in range(0, len(old) - 31, 32):
        if old[at : at + 2] == _ROW_MAGIC:
            flags[old[at + 12 : at + 28].rstrip(b"\0")] = old[at + 28 : at + 32]
    out = b""
    for p in partitions:
        name = p.name.encode()
        out += _ROW_MAGIC + struct.pack("<BBII16s", p.kind, p.subtype, p.at, p.size, name)
        out += flags.get(name, bytes(4))
    if _MD5_MAGIC in old:
        out += _MD5_MAGIC + hashlib.md5(out).digest()
    return out.ljust(TABLE_SIZE, b"\xff")


def image_size(data, at, path, what):
    """Bytes of the image at `at`, whose checksum and hash are right. Raises FlashError."""
    count, has_hash = data[at + 1], data[at + 23]
    place, check = at + 24, _SEED
    for _ in range(count):
        if place + 8 > len(data):
            raise FlashError(f"{path}: the {what} is cut off")
        size = struct.unpack_from("<I", data, place + 4)[0]
        segment = data[place + 8 : place + 8 + size]
        if len(segment) < size:
            raise FlashError(f"{path}: the {what} is cut off")
        check ^= _folded(segment)
        place += 8 + size
    end = at + (place - at) // 16 * 16 + 16
    if end > len(data) or data[end - 1] != check:
        raise FlashError(f"{path}: the {what}'s checksum does not match: the file is damaged")
    if has_hash:
        if data[end : end + 32] != hashlib.sha256(data[at:end]).digest():
            raise FlashError(f"{path}: the {what}'s SHA-256 does not match: the file is damaged")
        end += 32
    return end - at


def _folded(data):
    """XOR of all bytes."""
    number, bits = int.from_bytes(data, "little"), 8 << max(0, len(data) - 1).bit_length()
    while bits > 8:
        bits //= 2
        number = number >> bits ^ number & ((1 << bits) - 1)
    return number


def _version(data, at):
    """Project and version, as the application describes itself."""
    magic, version, project = struct.unpack_from("<I12x32s32s", data, at + 32)
    if magic != _DESCRIPTION:
        return "unknown"
    texts = [t.partition(b"\0")[0].decode("ascii", "replace") for t in (project, version)]
    return " ".join(texts)
