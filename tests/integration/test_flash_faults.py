"""What goes wrong at the bench: each fault with the one line that the technician reads, and that
the same command, run again when the cause is gone, makes a whole gateway of whatever was left."""

import fcntl
import json
import os
import tarfile

import pytest

from tests.integration.test_flash_image import LONG
from tests.support import esp_board, esp_firmware
from tests.support.esp_board import Bench, Chip
from tools.flash import contents
from tools.flash.volume import Volume

pytestmark = pytest.mark.skipif(esp_board.missing() is not None, reason=esp_board.missing() or "")

AT, SIZE = 0x200000, 0x200000


@pytest.fixture(scope="module")
def provisioned(tmp_path_factory):
    return Bench(tmp_path_factory.mktemp("bench")).provision()


@pytest.fixture
def bench(provisioned, tmp_path):
    return provisioned.copy(tmp_path)


@pytest.fixture
def chip(tmp_path):
    made = Chip(tmp_path, "esp32", "4MB")
    yield made
    made.close()


def arguments(bench, chip, **changed):
    """Of a flash that succeeds but for what is changed: {option: value}, None leaves one out."""
    found = {
        "firmware": bench.firmware("esp32", "4MB"),
        "bundle": bench.bundle,
        "port": chip.port,
        **changed,
    }
    return [text for name, value in found.items() if value for text in (f"--{name}", value)]


def assert_refused(bench, done, *texts):
    assert done.code == 1, done.out + done.error
    assert done.error.count("\n") == 1, done.error  # one clear line
    for text in texts:
        assert text in done.error, done.error
    assert bench.rows() == []  # a board that is not whole is not in the book


def assert_whole(bench, chip, done):
    assert done.code == 0, done.error
    made = Volume(SIZE, chip.flash.read_bytes()[AT : AT + SIZE])
    assert contents.check(made) == "a" and contents.configured(made)["vehicle"] == esp_board.VEHICLE
    assert len(bench.rows()) == 1


# fault of the line or the board -> what is told
ON_THE_WAY = {
    "silent": ("no chip answers", "hold BOOT, press RESET"),
    "max-baud=300000": ("stopped answering in the middle", "--baud 115200"),
    "failing@3": ("cannot write its flash", "run it again"),
    "protected": ("not what was written", "write-protected"),
    "md5": ("not what was written", "run it again"),
    "reset@3": ("stopped answering in the middle", "run it again", "its supply"),
    "unplug@12": ("has gone in the middle", "plug the board in"),
}


def test_faults_on_the_way_are_one_line_each_and_one_more_run_repairs(bench, chip):
    """All on one board, one after the other: what each leaves is what the next one finds."""
    for fault, texts in ON_THE_WAY.items():
        chip.fault(fault)
        assert_refused(bench, bench.flash(*arguments(bench, chip)), *texts)
        chip.wait_for_port()
    chip.fault("")
    assert_whole(bench, chip, bench.flash(*arguments(bench, chip)))


@LONG
@pytest.mark.parametrize("fault", (*ON_THE_WAY, "reset@12", "unplug@3", "failing@12"))
def test_the_second_run_repairs_what_a_fault_left(bench, chip, fault):
    texts = ON_THE_WAY.get(fault, ("run it again",))
    chip.fault(fault)
    assert_refused(bench, bench.flash(*arguments(bench, chip)), *texts)
    chip.fault("")
    chip.wait_for_port()
    assert_whole(bench, chip, bench.flash(*arguments(bench, chip)))


def test_a_cable_that_carries_less_does_with_less(bench, chip):
    chip.fault("max-baud=300000")
    assert_whole(bench, chip, bench.flash(*arguments(bench, chip, baud="230400")))


def test_lost_bytes_are_sent_again(bench, chip):
    chip.fault("lost@2")
    assert_whole(bench, chip, bench.flash(*arguments(bench, chip)))


def test_the_wrong_chip_is_refused(bench, chip):
    image = bench.firmware("esp32s3", "4MB")
    done = bench.flash(*arguments(bench, chip, firmware=image))
    assert_refused(bench, done, "the board is an ESP32-D0WDQ6-V3", "is for esp32s3")
    done = bench.flash(*arguments(bench, chip, board="gateway_s3"))
    assert_refused(bench, done, "board gateway-s3 has an esp32s3", "is for esp32")


def test_a_partition_or_a_flash_that_is_too_small_is_refused(bench, chip):
    image = bench.firmware("esp32", "4MB-large-app")
    done = bench.flash(*arguments(bench, chip, firmware=image))
    assert_refused(bench, done, "partition vfs has 960 KiB", "KiB are missing")
    image = bench.firmware("esp32", "8MB")
    done = bench.flash(*arguments(bench, chip, firmware=image))
    assert_refused(bench, done, "partition vfs ends at 0x800000", "take a firmware for 4 MiB")


def test_a_wrong_image_is_refused(bench, chip):
    path = bench.folder / "wrong.bin"
    for data, text in (
        (b"\x7fELF" + bytes(1000), "is no firmware image of an ESP32"),
        (esp_firmware.application("esp32", 20_000), "it is an application alone"),
        (bench.firmware("esp32", "4MB").read_bytes()[:-100], "the application"),
        (esp_firmware.firmware("esp32c3", "4MB", 20_000), "is for esp32c3"),
    ):
        path.write_bytes(data)
        assert_refused(bench, bench.flash(*arguments(bench, chip, firmware=path)), str(path), text)
    done = bench.flash(*arguments(bench, chip, firmware=bench.folder / "none.bin"))
    assert_refused(bench, done, "none.bin: No such file or directory")


def test_a_bundle_that_is_missing_or_not_for_this_board_is_refused(bench, chip, tmp_path):
    done = bench.flash(*arguments(bench, chip, bundle=tmp_path / "none.tar"))
    assert_refused(bench, done, "none.tar: No such file or directory")
    (tmp_path / "text.tar").write_text("no tar")
    done = bench.flash(*arguments(bench, chip, bundle=tmp_path / "text.tar"))
    assert_refused(bench, done, "neither a folder nor a .tar")
    (tmp_path / "empty").mkdir()
    done = bench.flash(*arguments(bench, chip, bundle=tmp_path / "empty"))
    assert_refused(bench, done, "has no config.json")
    other = tmp_path / "other"
    with tarfile.open(bench.bundle) as tar:
        tar.extractall(other, filter="data")
    config = json.loads((other / "config.json").read_text())
    config["gps"]["port"] = "/dev/ttyAMA0"
    (other / "config.json").write_text(json.dumps(config))
    done = bench.flash(*arguments(bench, chip, bundle=other))
    assert_refused(bench, done, "gps.port /dev/ttyAMA0 is no UART", "it is uart2:16:17")
    config["gps"]["port"], config["obd"]["port"] = "uart2:16:17", "uart1:26:27"
    (other / "config.json").write_text(json.dumps(config))
    (other / "tls" / "key.der").unlink()
    done = bench.flash(*arguments(bench, chip, bundle=other))
    assert_refused(bench, done, "mqtt.tls.key is /tls/key.der, which the bundle has not")


def test_a_port_that_is_missing_busy_or_none_is_refused(bench, chip, tmp_path):
    done = bench.flash(*arguments(bench, chip, port=tmp_path / "ttyUSB7"))
    assert_refused(bench, done, "ttyUSB7: there is no such port; is the board plugged in?")
    (tmp_path / "file").write_text("")
    done = bench.flash(*arguments(bench, chip, port=tmp_path / "file"))
    assert_refused(bench, done, "file is no serial port")
    fd = os.open(chip.port, os.O_RDWR | os.O_NOCTTY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)  # as a terminal program does
        done = bench.flash(*arguments(bench, chip))
        assert_refused(bench, done, "is in use by another program: close it")
    finally:
        os.close(fd)
    assert_whole(bench, chip, bench.flash(*arguments(bench, chip)))


def test_records_that_cannot_be_written_are_told(bench, chip, tmp_path):
    (tmp_path / "file").write_text("")
    done = bench.run("esp32", "--records", tmp_path / "file", *arguments(bench, chip))
    assert_refused(bench, done, "file")
