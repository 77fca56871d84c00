"""A gateway whose modules run in place: the flash tool makes room for a ROM partition, the boot
code fills it from the slot, and a heap that is too small for loaded modules does."""

import sys
import time

import pytest

from agent.update import boot, rom
from tests.support import esp_board, esp_firmware, micropython
from tests.support.esp_board import Bench
from tools.demo.children import Child
from tools.emulator.esp32_board.command import rom_of, vfs_of
from tools.flash import contents, firmware
from tools.flash.volume import Volume

pytestmark = [
    pytest.mark.skipif(esp_board.missing() is not None, reason=esp_board.missing() or ""),
    pytest.mark.skipif(micropython.find() is None, reason=micropython.HOW_TO_GET_IT),
]
SMALL = 20_000
SIZE = contents.board("devkit_esp32").rom
# Runs in the place of main.py.
PROBE = b"""
import gc, sys
gc.collect()
before = gc.mem_alloc()
import agent.app
gc.collect()
import agent.signals
print(agent.__file__, gc.mem_alloc() - before, agent.signals.name(1) != "1")
print("done")
"""
IN_PLACE = 180_000  # bytes of heap that the modules take at most; loaded they take 290,000


def made(layout, **options):
    return firmware.parse(esp_firmware.firmware("esp32", layout, SMALL, **options), "image")


@pytest.mark.parametrize("layout", ("4MB", "4MBplus"))
def test_the_table_gets_a_partition_behind_the_application(layout):
    """The file system loses nothing."""
    before = made(layout, is_rom=True)
    fw = firmware.with_rom(before, SIZE)
    again = firmware.parse(fw.data, "image")  # with the table's MD5
    assert again.partitions == fw.partitions
    place = firmware.rom_partition(fw.partitions)
    assert (place.at, place.size, place.subtype) == (0x200000 - SIZE, SIZE, 0x8F)
    vfs = firmware.vfs_partition(fw.partitions, 4 << 20)
    assert (vfs.at, vfs.end) == (0x200000, 4 << 20)
    app = next(p for p in fw.partitions if p.name == "factory")
    assert (app.at, app.end) == (0x10000, place.at)
    assert [p for p in fw.partitions if p.name not in ("romfs", "factory")] == [
        p for p in before.partitions if p.name != "factory"
    ]
    table = firmware.TABLE_AT - fw.at
    assert fw.data[:table] == before.data[:table]
    assert fw.data[table + 0xC00 :] == before.data[table + 0xC00 :]
    assert firmware.with_rom(fw, 2 * SIZE) is fw  # it has one


@pytest.mark.parametrize("layout", ("4MB", "4MBplus"))
def test_where_the_application_leaves_no_room_the_file_system_gives_some(layout):
    image = esp_firmware.firmware("esp32", layout, 1_950_000, is_rom=True)
    before = firmware.parse(image, "image")
    fw = firmware.with_rom(before, SIZE)
    assert firmware.parse(fw.data, "image").partitions == fw.partitions
    assert firmware.rom_partition(fw.partitions).at == 0x200000
    vfs = firmware.vfs_partition(fw.partitions, 4 << 20)
    assert (vfs.at, vfs.end) == (0x200000 + SIZE, 4 << 20)
    assert [p for p in fw.partitions if p.name not in ("romfs", "vfs")] == [
        p for p in before.partitions if p.name != "vfs"
    ]


def test_a_firmware_that_cannot_use_it_gets_none():
    fw = made("4MB")
    assert firmware.with_rom(fw, SIZE) is fw
    able = made("4MB", is_rom=True)
    assert firmware.with_rom(able, 0) is able
    assert firmware.with_rom(able, 2 << 20) is able


@pytest.fixture(scope="module")
def flash(tmp_path_factory):
    """A flash file of 4 MiB, and what the tool said."""
    bench = Bench(tmp_path_factory.mktemp("rom")).provision(
        gps=("uart2:16:17", 9600), obd=("uart1:26:27", 38400)
    )
    image = bench.firmware("esp32", "4MB", SMALL, is_rom=True)
    path = bench.folder / "flash.bin"
    done = bench.flash(
        "--firmware", image, "--bundle", bench.bundle, "--image-only", path, "--size", "4MB"
    )
    assert done.code == 0, done.error
    assert f"ROM          {SIZE >> 10} KiB at {0x200000 - SIZE:#x}" in done.out
    data = path.read_bytes()
    path.write_bytes((b"\xff" * 0x1000 + data).ljust(4 << 20, b"\xff"))
    return path


def start(flash, program, heap="320K"):
    """What a board prints that runs a program in the place of main.py."""
    place = vfs_of(flash)
    data = bytearray(flash.read_bytes())
    volume = Volume(place.size, bytes(data[place.at : place.end]))
    volume.replace("main.py", program)
    data[place.at : place.end] = volume.image()
    flash.write_bytes(data)
    command = [sys.executable, "-m", "tools.emulator.esp32_board", "--attached", "--heap", heap]
    log = flash.with_suffix(".log")
    child = Child("board", [*command, "--flash", str(flash)], log, lines=100)
    try:
        end = time.monotonic() + 60
        while "done" not in child.lines:
            assert time.monotonic() < end and child.is_running(), log.read_text()
            time.sleep(0.05)
    finally:
        child.stop()  # at its end it would wait for its watchdog, as a chip does
    return [line for line in child.lines if line != "done"]


def partition(flash):
    place = rom_of(flash)
    return flash.read_bytes()[place.at : place.end]


def test_modules_run_in_place_and_tables_are_found(flash):
    assert partition(flash) == b"\xff" * SIZE
    (line,) = start(flash, PROBE)
    where, used, is_named = line.split()
    assert where == "/rom/agent/__init__.mpy" and int(used) < IN_PLACE and is_named == "True"
    first = partition(flash)
    assert first[:3] == rom.MAGIC
    # It is there: the next start writes nothing.
    assert start(flash, PROBE) and partition(flash) == first


def test_a_partition_that_does_not_fit_the_slot_is_made_again(flash):
    start(flash, PROBE)
    whole = partition(flash)
    place = rom_of(flash)
    for at in (1, 40, 70000):
        data = bytearray(flash.read_bytes())
        data[place.at + at] ^= 1
        flash.write_bytes(data)
        (line,) = start(flash, PROBE)
        assert line.startswith("/rom/") and partition(flash) == whole


def test_a_slot_that_is_too_large_for_the_partition_runs_from_its_files(flash):
    """A later release may be larger than anybody thought."""
    place = vfs_of(flash)
    data = bytearray(flash.read_bytes())
    volume = Volume(place.size, bytes(data[place.at : place.end]))
    index = volume.read("a/files")
    files = {path: volume.read("a/app/" + path) for path, _, _ in boot.rows(index)}
    files["agent/large.mpy"] = bytes(200_000)
    release = contents.Release("large", files, contents.builder.index_of(files), b"")
    contents.put_release(volume, release)
    data[place.at : place.end] = volume.image()
    flash.write_bytes(data)
    said, line = start(flash, PROBE, heap="640K")
    assert said.startswith("the ROM partition is not used: RomError: the partition has")
    assert line.startswith("/a/app/agent/")
