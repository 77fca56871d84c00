"""The steps of flashing a board; what cannot be is found before anything is written.

A fresh board is erased as a whole, so that nothing of a former life stays in it, and written. An
update reads the file system back, keeps a copy of it until the update is done, and writes the
blocks that become others. Either may be broken off anywhere and run again.
"""

import hashlib
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from tools.flash import FlashError, budget, contents, firmware
from tools.flash.volume import Volume, changes


class NothingThere(FlashError):
    """The board has no partition table that names a file system."""


@dataclass
class Plan:
    """What is to be written: `pieces` are (what it is, place in the flash, bytes). `journal_bytes`:
    as configured; `budget` says what there is room for; `rooms`: of budget.rooms."""

    chip: str
    vehicle: str
    console: str | None  # port of it
    board: str
    firmware: str
    firmware_sha256: str
    agent: str
    partition: firmware.Partition
    journal_bytes: int
    budget: budget.Budget
    rooms: list
    rom: firmware.Partition | None
    image: bytes = field(repr=False)
    pieces: list = field(repr=False)
    is_update: bool = False
    before: bytes | None = field(default=None, repr=False)  # the file system, before an update

    def values(self):
        """For a record or JSON; nothing secret."""
        return {
            "chip": self.chip,
            "vehicle": self.vehicle,
            "board": self.board,
            "firmware": self.firmware,
            "firmware_sha256": self.firmware_sha256,
            "agent": self.agent,
            "vfs_at": self.partition.at,
            "vfs_size": self.partition.size,
            "vfs_sha256": hashlib.sha256(self.image).hexdigest(),
            "journal_bytes": self.journal_bytes,
            "rom_bytes": self.rom.size if self.rom else 0,
            "written_bytes": sum(len(data) for _, _, data in self.pieces),
            "update": self.is_update,
        }

    def sizes(self):
        """What takes how much, for JSON: KiB of the partition, bytes of the agent's rooms."""
        return {
            "partition_kib": {row.what: row.blocks * firmware.SECTOR >> 10
                              for row in self.budget.rows},
            "agent_bytes": {room: size for room, _, size in self.rooms},
        }  # fmt: skip


def fresh(parts, bundle, flash_size, is_erased=True):
    """The Plan for a board with nothing on it. parts: (Firmware, Board, Release); bundle: (files,
    configuration as it is written, and as it was checked); is_erased: what need not be written
    holds nothing. Raises FlashError."""
    fw, board, release = parts
    files, raw, checked = bundle
    partition = firmware.vfs_partition(fw.partitions, flash_size)
    volume = Volume(partition.size)
    contents.put_base(volume, board)
    contents.put_release(volume, release)
    room = contents.put_bundle(volume, files, raw, checked)
    contents.check(volume)
    image = volume.image()
    pieces = [("firmware", at, data) for at, data in fw.pieces(False)]
    runs = changes(image) if is_erased else [(0, image)]
    pieces += [("file system", partition.at + at, data) for at, data in runs]
    return _plan(parts, contents.configured(volume), partition, room, image, pieces)


def update(parts, tool, chip, records, progress=None):
    """The Plan for a board that is a gateway already: its configuration, keys and journal stay.
    Raises FlashError."""
    fw, board, release = parts
    partition = firmware.vfs_partition(fw.partitions, chip.flash_size)
    there = _partition_there(tool, chip)
    old = _read(tool, there, progress)
    # Until an update that was broken off is done, its copy is the truth: the board may hold half.
    kept = records.kept(chip.mac)
    before = old if kept is None else kept[1]
    volume = _mounted(before)
    config = contents.configured(volume)
    if volume.blocks * firmware.SECTOR != partition.size:
        volume = _moved(volume, partition.size)
    contents.put_base(volume, board)
    contents.put_release(volume, release)
    contents.check(volume)
    image = volume.image()
    pieces = [("firmware", at, data) for at, data in fw.pieces(True)]
    is_in_place = (there.at, there.size) == (partition.at, partition.size)
    for at, data in changes(image, old if is_in_place else None):
        pieces.append(("file system", partition.at + at, data))
    plan = _plan(parts, config, partition, budget.of(volume), image, pieces)
    plan.is_update, plan.before = True, before
    return plan


def _plan(parts, config, partition, room, image, pieces):
    fw, board, release = parts
    return Plan(
        chip=fw.chip,
        vehicle=config["vehicle"],
        console=config["console"]["port"],
        board=board.name,
        firmware=fw.version,
        firmware_sha256=fw.sha256,
        agent=release.name,
        partition=partition,
        journal_bytes=config["journal"]["quota_bytes"],
        budget=room,
        rooms=budget.rooms(release.files),
        rom=firmware.rom_partition(fw.partitions),
        image=image,
        pieces=pieces,
    )


def check_nothing_is_lost(tool, chip):
    """Raises FlashError where the board holds a file system: it may be a gateway whose journal the
    room has not got yet."""
    try:
        there = _partition_there(tool, chip)
    except NothingThere:
        return
    # The superblock lies in the first two blocks, in one of them at least.
    if b"littlefs" in _read_file(tool, there.at, 2 * firmware.SECTOR):
        raise FlashError(
            "the board holds a file system, perhaps with a journal that the room has not got: "
            "--update keeps it, --erase takes it away"
        )


def check_chip(chip, fw):
    """Raises FlashError unless the firmware is for the chip that is there."""
    if chip.family != fw.chip:
        raise FlashError(f"the board is an {chip.title}, {fw.path} is for {fw.chip}")
    if fw.end > chip.flash_size:
        raise FlashError(f"{fw.path} ends at {fw.end:#x}, the flash at {chip.flash_size:#x}")


def write(plan, tool, progress=None):
    """Writes and verifies, and starts the board. progress: called with (what, part from 0 to 1).
    Raises FlashError."""
    with tempfile.TemporaryDirectory(prefix="patrol-flash-") as folder:
        files = []  # the folder is its owner's alone: what is in it holds keys
        for number, (_, at, data) in enumerate(plan.pieces):
            path = Path(folder) / f"{number}.bin"
            path.write_bytes(data)
            files.append((at, path))
        is_erasing = not plan.is_update and not tool.is_stubless
        tool.write(files, is_erasing, progress and _Progress(plan.pieces, progress))
        tool.verify(files, True)


def combined(plan):
    """(place, bytes) of one file that any flasher writes to an erased board."""
    start = min(at for _, at, _ in plan.pieces)
    end = max(at + len(data) for _, at, data in plan.pieces)
    out = bytearray(b"\xff" * (end - start))
    for _, at, data in plan.pieces:
        out[at - start : at - start + len(data)] = data
    return start, bytes(out)


class _Progress:
    """esptool tells a place and how much of the piece there is done."""

    def __init__(self, pieces, call):
        self._pieces, self._call, self._now = pieces, call, 0
        self._totals = {}
        for what, _, data in pieces:
            self._totals[what] = self._totals.get(what, 0) + len(data)

    def __call__(self, at, percent):
        while self._now + 1 < len(self._pieces) and at > self._end(self._now):
            self._now += 1
        what, _, data = self._pieces[self._now]
        done = sum(len(d) for w, _, d in self._pieces[: self._now] if w == what)
        self._call(what, (done + len(data) * percent / 100) / self._totals[what])

    def _end(self, number):
        _, at, data = self._pieces[number]
        return at + len(data)


def _read_file(tool, at, size, progress=None):
    with tempfile.TemporaryDirectory(prefix="patrol-flash-") as folder:
        path = Path(folder) / "read.bin"
        tool.read(at, size, path, progress)
        return path.read_bytes()


def _partition_there(tool, chip):
    rows = _read_file(tool, firmware.TABLE_AT, firmware.TABLE_SIZE)
    try:
        return firmware.vfs_partition(firmware.table(rows, "the board"), chip.flash_size)
    except FlashError:
        text = "the board has no firmware with a file system: flash it without --update"
        raise NothingThere(text) from None


def _read(tool, partition, progress):
    def told(_, percent):
        progress("reading the board", percent / 100)

    return _read_file(tool, partition.at, partition.size, progress and told)


def _mounted(image):
    try:
        return Volume(len(image), image)
    except FlashError as error:
        text = f"the board: {error}; its journal cannot be kept: flash it without --update"
        raise FlashError(text) from None


def _moved(volume, size):
    """The same files in a file system of another size."""
    moved = Volume(size)
    for name in volume.names():
        moved.replace(name, volume.read(name))
    return moved
