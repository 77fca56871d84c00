"""Firmware images and the file system, without a board: what is read from an image, what it is
refused for, and that MicroPython mounts what is made."""

import json
import os
import subprocess

import pytest

from tests.support import esp_board, esp_firmware, micropython
from tools.flash import FlashError, contents, firmware, secure, volume
from tools.flash.esptool import program

pytestmark = pytest.mark.skipif(esp_board.missing() is not None, reason=esp_board.missing() or "")

SMALL = 20_000
LONG = pytest.mark.skipif(os.environ.get("PATROL_LONG") != "1", reason="PATROL_LONG=1 tries more")


def made(chip="esp32s3", layout="8MB", **options):
    return esp_firmware.firmware(chip, layout, SMALL, **options)


@pytest.mark.parametrize(("chip", "at"), (("esp32", 0x1000), ("esp32s3", 0)))
def test_chip_places_and_version_come_from_the_image(chip, at):
    found = firmware.parse(made(chip, "4MB"), "image")
    assert (found.chip, found.at, found.version) == (chip, at, "micropython v1.29.0")
    place = firmware.vfs_partition(found.partitions, 4 << 20)
    assert (place.at, place.size) == (0x200000, 0x200000)
    # merge-bin begins at 0 for the ESP32, too
    whole = firmware.parse(b"\xff" * at + made(chip, "4MB"), "image")
    assert (whole.chip, whole.at, whole.partitions) == (chip, 0, found.partitions)


def test_esptool_takes_the_synthetic_images_for_real_ones(tmp_path):
    for chip, name in (("esp32", "ESP32"), ("esp32s3", "ESP32-S3")):
        path = tmp_path / "app.bin"
        path.write_bytes(esp_firmware.application(chip, SMALL))
        done = subprocess.run(
            [program(), "image-info", str(path)], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"Detected image type: {name}\n" in done.stdout
        assert "Checksum: " in done.stdout and "(valid)" in done.stdout
        assert "Validation hash: " in done.stdout and "invalid" not in done.stdout
        assert "Project name: micropython" in done.stdout


def test_without_a_vfs_row_the_partition_runs_to_the_end_of_the_flash():
    partitions = firmware.parse(made("esp32", "4MBplus"), "image").partitions
    for size in (4 << 20, 16 << 20):
        place = firmware.vfs_partition(partitions, size)
        assert (place.name, place.at, place.end) == ("vfs", 0x200000, size)
    with pytest.raises(FlashError, match="no room for a file system"):
        firmware.vfs_partition(partitions, 2 << 20)


def test_an_update_leaves_the_partitions_of_kind_nvs_alone():
    image = firmware.parse(made(), "image")
    pieces = image.pieces(True)
    assert [(at, at + len(data)) for at, data in pieces] == [(0, 0x9000), (0xF000, image.end)]
    assert image.pieces(False) == [(0, image.data)]


def spoilt(data, at):
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


@pytest.mark.parametrize(
    ("change", "text"),
    (
        (lambda d: b"hello", "no firmware image"),
        (lambda d: d[0x10000:], "an application alone"),
        (lambda d: esp_firmware.firmware("esp32c3", "4MB", SMALL), "is for esp32c3"),
        (lambda d: d[:-SMALL], "cut off"),
        (lambda d: d[:0x10000], "cut off"),
        (lambda d: spoilt(d, 0x40), "the loader's checksum"),
        (lambda d: spoilt(d, 0x10100), "the application's checksum"),
        (lambda d: spoilt(d, len(d) - 1), "the application's SHA-256"),
        (lambda d: spoilt(d, 0x8004), "MD5"),
        (lambda d: spoilt(d, 0x8080), "a row that is none"),
        (lambda d: made("esp32")[: 0x10000 - 0x1000] + d[0x10000:], "different chips"),
    ),
    ids=(
        "text",
        "app",
        "c3",
        "short",
        "no-app",
        "loader",
        "app-bit",
        "hash",
        "md5",
        "row",
        "mixed",
    ),
)
def test_what_is_no_whole_image_is_refused_by_name(change, text):
    with pytest.raises(FlashError, match=text):
        firmware.parse(change(made()), "image")


def test_volume_holds_files_and_refuses_what_does_not_fit_or_mount():
    made = volume.Volume(40 * volume.BLOCK)
    made.replace("a/b/c", b"x" * 5000)
    made.replace("d", b"small")
    again = volume.Volume(40 * volume.BLOCK, made.image())
    assert again.names() == ["a/b/c", "d"] and again.names("a") == ["a/b/c"]
    assert (again.size("a/b/c"), again.size("a/b"), again.size("none")) == (5000, None, None)
    assert (again.read("a/b/c", 4990), again.read("d", 1, 2)) == (b"x" * 10, b"ma")
    with pytest.raises(OSError):
        again.read("none")
    with pytest.raises(FlashError, match="does not fit"):
        again.replace("big", bytes(40 * volume.BLOCK))
    with pytest.raises(FlashError, match="does not mount"):
        volume.Volume(40 * volume.BLOCK, b"\xff" * 40 * volume.BLOCK)


def test_changes_are_runs_of_blocks():
    block = volume.BLOCK
    old = bytes(8 * block)
    new = bytearray(old)
    new[block] = new[2 * block] = new[6 * block + 5] = 1
    runs = volume.changes(bytes(new), old)
    assert [(at, len(data)) for at, data in runs] == [(block, 2 * block), (6 * block, block)]
    rebuilt = bytearray(old)
    for at, data in runs:
        rebuilt[at : at + len(data)] = data
    assert rebuilt == new


@pytest.mark.skipif(micropython.find() is None, reason=micropython.HOW_TO_GET_IT)
@pytest.mark.parametrize("size", (0x200000, 0x600000))
def test_micropython_mounts_what_is_made_and_its_boot_code_says_a(tmp_path, size):
    board = contents.board("gateway_s3")
    made = volume.Volume(size)
    contents.put_base(made, board)
    contents.put_release(made, contents.built("esp32", board.name))
    made.replace("config.json", b'{"vehicle": "v-test0001"}')
    made.replace("tls/key.der", bytes(121))
    path = tmp_path / "vfs.bin"
    path.write_bytes(made.image())
    found = mounted(path, 0, size)
    assert (found["slot"], found["is_whole"], found["note"]) == ("a", True, "by MicroPython")
    assert found["config"] == {"vehicle": "v-test0001"} and found["key_bytes"] == 121
    # What MicroPython has written to is mounted here again: an update reads it.
    again = volume.Volume(size, path.read_bytes())
    assert again.names() == made.names() and contents.check(again) == "a"


def mounted(path, at, size):
    """What MicroPython finds in a flash file's partition."""
    command = [micropython.find(), "-X", "heapsize=512K", "tests/support/esp_mounted.py"]
    done = subprocess.run(
        [*command, str(path), str(at), str(size)],
        capture_output=True, text=True, timeout=60, cwd=micropython.ROOT,
        env=micropython.environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_a_slot_with_a_changed_file_is_noticed_before_it_is_written():
    board = contents.board("gateway_s3")
    made = volume.Volume(0x200000)
    contents.put_release(made, contents.built("esp32", board.name))
    assert contents.check(made) == "a"
    name = made.names("a/app")[0]
    made.replace(name, made.read(name) + b"x")
    with pytest.raises(FlashError, match="not whole"):
        contents.check(made)


@pytest.mark.parametrize("chip", ("esp32s3", pytest.param("esp32", marks=LONG)))
def test_the_steps_to_secure_boot_are_what_espressifs_tools_take(tmp_path, chip):
    """On virtual fuses: nothing else may ever be burnt by a test."""
    image = firmware.parse(made(chip, "4MB"), "image")
    secure.write_parts(image, tmp_path)
    fuses = ("--virt", "--path-efuse-file", str(tmp_path / "fuses"), "--do-not-confirm")
    count = 0
    for step in secure.steps(image, tmp_path):
        arguments = list(step.arguments)
        if step.program == "esptool":
            continue
        if step.program == "espefuse":
            assert arguments[2:4] == ["--port", "PORT"] and step.is_burning
            arguments[2:4] = fuses
        done = subprocess.run(
            [secure._program(step.program), *arguments], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, f"{step.line()}\n{done.stdout}{done.stderr}"
        count += step.is_burning
    assert count >= 7
    # Encrypted and signed, loader and table do not overlap.
    assert image.at + (tmp_path / "loader-encrypted.bin").stat().st_size <= firmware.TABLE_AT
