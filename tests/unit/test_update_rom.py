"""agent/update/rom.py: a slot's modules in a ROM partition, and power cuts while they get there."""

import hashlib
import sys

from agent.update import boot, rom

new_hash = hashlib.sha256


class Slot:
    """What the boot code reads: files by path, with the index of a release."""

    def __init__(self, files):
        self.files = {}
        index = b""
        for path in sorted(files):
            data = files[path]
            self.files["a/app/" + path] = data
            index += len(data).to_bytes(3, "big") + new_hash(data).digest()
            index += bytes([len(path)]) + path.encode()
        self.files["a/files"] = index

    def read(self, name, at=0, count=None):
        data = self.files[name]
        return data[at : len(data) if count is None else at + count]


class Cut(Exception):
    """The power is gone."""


class Partition:
    """`writes`: how many until the power goes, None: it stays; half of the last one is done."""

    def __init__(self, size, writes=None):
        self.data = bytearray(b"\xff" * size)
        self.writes = writes
        self.erased = 0

    def ioctl(self, operation, number=0, *arguments):
        if operation == 2:
            return memoryview(self.data)
        if operation == 3:
            self.erased += 1
            self._put(0, b"\xff" * arguments[0])
        if operation == 4:
            assert arguments[0] % 4096 == 0 and len(arguments[1]) % 4096 == 0
            self._put(arguments[0], arguments[1])
        return 1 if operation == 1 else 0

    def _put(self, at, data):
        if self.writes is not None:
            self.writes -= 1
            if self.writes < 0:
                self.data[at : at + len(data) // 2] = data[: len(data) // 2]
                raise Cut()
        self.data[at : at + len(data)] = data


FILES = {
    "agent/__init__.mpy": b"",
    "agent/app.mpy": b"M" * 9000,
    "agent/gps/__init__.mpy": b"gps",
    "agent/gps/sky.mpy": b"s" * 4096,
    "agent/signals.txt": b"a table",
    "agent/zones.mpy": b"z" * 130,
    "top.mpy": b"top",
}


def place(slot, partition):
    found = rom.place(slot, "a", boot.rows, partition.ioctl, new_hash)
    return None if found is None else bytes(found)


def number(data, at):
    value = 0
    while data[at] & 0x80:
        value = value << 7 | data[at] & 0x7F
        at += 1
    return value << 7 | data[at], at + 1


def records(data, at, end):
    while at < end:
        kind, at = number(data, at)
        size, at = number(data, at)
        yield kind, at, at + size
        at += size


def files(data, at, end, folder=""):
    """{path: bytes} of an image, read by the format's description alone."""
    found = {}
    for kind, begin, stop in records(data, at, end):
        if kind not in (4, 5):
            continue
        size, begin = number(data, begin)
        name = folder + data[begin : begin + size].decode()
        if kind == 4:
            for path, inner in files(data, begin + size, stop, name + "/").items():
                found[path] = inner
        else:
            parts = list(records(data, begin + size, stop))
            assert [part[0] for part in parts] == [2]
            found[name] = data[parts[0][1] : parts[0][2]]
    return found


def test_an_image_holds_the_modules_and_nothing_else():
    image = place(Slot(FILES), Partition(65536))
    assert image[:3] == b"\xd2\xcd\x31"
    size, at = number(image, 3)
    assert at + size == len(image)
    expected = {path: data for path, data in FILES.items() if path.endswith(".mpy")}
    assert files(image, at, len(image)) == expected


def test_what_is_there_already_is_left_alone():
    slot, partition = Slot(FILES), Partition(65536)
    first = place(slot, partition)
    assert place(slot, partition) == first and partition.erased == 1
    changed = dict(FILES)
    changed["agent/zones.mpy"] = b"y" * 130
    assert place(Slot(changed), partition) != first and partition.erased == 2


def test_a_damaged_image_is_made_again():
    slot, partition = Slot(FILES), Partition(65536)
    first = place(slot, partition)
    for at in (0, 3, 6, 20, 50, 100, 5000, len(first) - 1):
        partition.data[at] ^= 0x10
        assert place(slot, partition) == first, at
    assert partition.erased == 9


def test_the_power_goes_at_each_write():
    slot = Slot(FILES)
    whole = place(slot, Partition(65536))
    cuts = 0
    while True:
        partition = Partition(65536, cuts)
        try:
            place(slot, partition)
            break
        except Cut:
            cuts += 1
        key = new_hash(slot.files["a/files"]).digest()
        assert rom.find(memoryview(partition.data), key, new_hash) is None
        partition.writes = None
        assert place(slot, partition) == whole
    assert cuts == 5  # erasing, and four blocks


def test_images_of_all_sizes_around_a_block():
    for size in list(range(3800, 3990)) + [8000, 8192]:  # noqa: RUF005
        image = place(Slot({"a.mpy": b"x" * size}), Partition(16384))
        assert files(image, 7, len(image)) == {"a.mpy": b"x" * size}


def test_a_partition_that_is_too_small_says_so():
    try:
        place(Slot(FILES), Partition(12288))
    except rom.RomError as e:
        assert "12288" in str(e) and "16384" in str(e)
        return
    raise AssertionError("it was taken")


def test_a_slot_that_is_cut_off_is_refused():
    slot = Slot(FILES)
    slot.files["a/app/agent/app.mpy"] = b"M" * 8000
    try:
        place(slot, Partition(65536))
    except rom.RomError as e:
        assert "app.mpy" in str(e)
        return
    raise AssertionError("it was taken")


def test_no_partition_no_image():
    assert rom.place(None, "a", boot.rows, lambda operation: 0, new_hash) is None


def test_micropython_mounts_it():
    if sys.implementation.name != "micropython":
        return
    import os

    import vfs

    image = place(Slot(FILES), Partition(65536))
    vfs.mount(vfs.VfsRom(image), "/rom-of-test")
    try:
        assert sorted(os.listdir("/rom-of-test/agent")) == [
            "__init__.mpy", "app.mpy", "gps", "zones.mpy",
        ]  # fmt: skip
        with open("/rom-of-test/agent/gps/sky.mpy", "rb") as f:
            assert f.read() == b"s" * 4096
    finally:
        vfs.umount("/rom-of-test")
