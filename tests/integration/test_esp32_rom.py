"""The emulated chip against the real esptool: it must behave as a board does, or what the flasher
is tested with is worth nothing."""

import random
import time

import pytest

from tests.support import esp_board
from tests.support.esp_board import MAC, Chip

pytestmark = pytest.mark.skipif(esp_board.missing() is not None, reason=esp_board.missing() or "")

DATA = random.Random(5).randbytes(40_000) + bytes(30_000)  # some compresses, some does not
AT = 0x10000


@pytest.fixture(params=(("esp32", "4MB"), ("esp32s3", "8MB")), ids=lambda p: p[0])
def chip(request, tmp_path):
    made = Chip(tmp_path, *request.param)
    made.family, made.size = request.param
    (tmp_path / "data.bin").write_bytes(DATA)
    yield made
    made.close()


@pytest.mark.parametrize("stub", (True, False), ids=("stub", "rom"))
def test_esptool_knows_the_chip_and_writes_reads_and_verifies(chip, tmp_path, stub):
    code, said = chip.esptool("flash-id", stub=stub)
    assert code == 0, said
    title = {"esp32": "Connected to ESP32 on", "esp32s3": "Connected to ESP32-S3 on"}[chip.family]
    for text in (title, MAC, f"Detected flash size: {chip.size}", "Crystal frequency:  40MHz"):
        assert text in said
    file = tmp_path / "data.bin"
    chip.flash.write_bytes(bytes(chip.flash.stat().st_size))  # all bits cleared: erase or fail
    for way in ("--compress", "--no-compress"):
        code, said = chip.esptool(
            "write-flash", way, "--flash-size", "keep", hex(AT), file, stub=stub
        )
        assert code == 0 and "Hash of data verified" in said, said
        found = chip.flash.read_bytes()
        assert found[AT : AT + len(DATA)] == DATA
        assert found[:AT].count(0) == AT  # and no more is erased than was asked for
    code, said = chip.esptool("verify-flash", hex(AT), file, stub=stub)
    assert code == 0, said
    size = len(DATA) if stub else 4096  # the ROM hands out 64 bytes at a time
    code, said = chip.esptool("read-flash", hex(AT), size, tmp_path / "back.bin", stub=stub)
    assert code == 0, said
    assert (tmp_path / "back.bin").read_bytes() == DATA[:size]
    (tmp_path / "data.bin").write_bytes(DATA[:-1] + b"\x01")
    code, said = chip.esptool("verify-flash", hex(AT), file, stub=stub)
    assert code != 0 and "Verification failed" in said


def test_erasing_sets_bits_and_writing_clears_them(chip, tmp_path):
    assert chip.esptool("write-flash", "--flash-size", "keep", "0", tmp_path / "data.bin")[0] == 0
    assert chip.esptool("erase-region", "0x1000", "0x2000")[0] == 0
    found = chip.flash.read_bytes()
    assert found[:0x1000] == DATA[:0x1000] and found[0x3000 : len(DATA)] == DATA[0x3000:]
    assert found[0x1000:0x3000] == b"\xff" * 0x2000
    code, said = chip.esptool("erase-region", "0x1001", "0x1000")
    assert code != 0  # not a sector
    assert chip.esptool("erase-flash")[0] == 0
    found = chip.flash.read_bytes()
    assert found == b"\xff" * len(found)


def test_a_write_without_an_erase_leaves_the_bits_of_both(tmp_path):
    from tools.emulator.esp32_rom.nor import Nor, NorError

    nor = Nor(tmp_path / "nor.bin", 1 << 20)
    nor.write(0, b"\x0f" * 8)
    nor.write(4, b"\xf1" * 8)
    assert nor.read(0, 12) == b"\x0f" * 4 + b"\x01" * 4 + b"\xf1" * 4
    with pytest.raises(NorError):
        nor.erase(8, 4096)
    nor.erase(0, 4096)
    assert nor.read(0, 12) == b"\xff" * 12
    nor.close()


def test_two_bytes_that_are_lost_are_sent_again(tmp_path):
    chip = Chip(tmp_path)
    chip.fault("lost@2")
    (tmp_path / "data.bin").write_bytes(DATA)
    code, said = chip.esptool("write-flash", "--flash-size", "keep", hex(AT), tmp_path / "data.bin")
    assert code == 0, said
    assert chip.flash.read_bytes()[AT : AT + len(DATA)] == DATA
    assert chip.close()["refused"] == 1


def test_four_mebibytes_take_seconds(tmp_path):
    chip = Chip(tmp_path, "esp32", "4MB")
    file = tmp_path / "data.bin"
    file.write_bytes((random.Random(1).randbytes(2048) + bytes(2048)) * 1024)
    start = time.monotonic()
    code, said = chip.esptool("--baud", 921600, "write-flash", "--flash-size", "keep", "0", file)
    assert code == 0, said
    assert chip.flash.read_bytes() == file.read_bytes()
    chip.close()
    assert time.monotonic() - start < 30


def test_esptool_refuses_what_is_wrong_at_once(tmp_path):
    from tools.emulator.esp32_rom.faults import FaultError, parse

    for text in ("lost@x", "md5@3", "max-baud", "loud"):
        with pytest.raises(FaultError):
            parse(text)
    chip = Chip(tmp_path)
    code, said = chip.esptool("--chip", "esp32c3", "flash-id")
    assert code != 0 and "ESP32-S3, not ESP32-C3" in said
    chip.close()
