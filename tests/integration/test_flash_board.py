"""`patrol flash` with the real esptool on an emulated board: what is in its flash afterwards, what
an update keeps, what a dry run leaves alone, what releases and boards it takes."""

import json
import os
import stat

import pytest

from tests.integration.test_flash_image import mounted
from tests.support import esp_board, micropython
from tests.support.esp_board import MAC, VEHICLE, Bench, Chip
from tools.flash import FlashError, ports
from tools.flash.volume import Volume
from tools.release import build, folder, keys

pytestmark = pytest.mark.skipif(esp_board.missing() is not None, reason=esp_board.missing() or "")


@pytest.fixture(scope="module")
def provisioned(tmp_path_factory):
    return Bench(tmp_path_factory.mktemp("bench")).provision()


@pytest.fixture
def bench(provisioned, tmp_path):
    return provisioned.copy(tmp_path)


@pytest.fixture
def chip(tmp_path):
    made = Chip(tmp_path)
    yield made
    made.close()


def vfs(chip, at=0x200000, size=0x600000):
    return Volume(size, chip.flash.read_bytes()[at : at + size])


def put(chip, name, data, at=0x200000, size=0x600000):
    """As the agent writes a file."""
    made = vfs(chip, at, size)
    made.replace(name, data)
    whole = bytearray(chip.flash.read_bytes())
    whole[at : at + size] = made.image()
    chip.flash.write_bytes(whole)


@pytest.mark.parametrize(
    ("family", "size", "layout", "more"),
    (
        ("esp32s3", "8MB", "8MB", ()),
        ("esp32", "4MB", "4MB", ("--no-stub",)),
        ("esp32", "4MB", "4MBplus", ()),
        ("esp32s3", "8MB", "8MB-ota", ()),
    ),
    ids=("s3", "esp32-rom", "esp32-no-row", "s3-ota"),
)
def test_a_fresh_board_becomes_a_gateway(bench, tmp_path, family, size, layout, more):
    chip = Chip(tmp_path, family, size)
    chip.flash.write_bytes(b"\0" * chip.flash.stat().st_size)  # full of somebody else's
    image = bench.firmware(family, layout)
    done = bench.flash("--firmware", image, "--bundle", bench.bundle, "--port", chip.port,
                       "--json", *more)  # fmt: skip
    chip.close()
    if more and done.code:
        # The ROM alone cannot erase the chip: that is said before anything is written.
        assert "--no-stub" in done.error, done.error
        return
    assert done.code == 0, done.error
    row = json.loads(done.out)
    assert (row["mac"], row["vehicle"], row["chip"]) == (MAC, VEHICLE, family)
    assert bench.rows() == [row]
    flash = chip.flash.read_bytes()
    start = 0x1000 if family == "esp32" else 0
    assert flash[start : start + image.stat().st_size] == image.read_bytes()
    # Nothing of a former life is left between the parts.
    assert flash[start + image.stat().st_size : row["vfs_at"]].count(0) == 0
    if micropython.find() is not None:
        found = mounted(chip.flash, row["vfs_at"], row["vfs_size"])
        assert (found["slot"], found["is_whole"]) == ("a", True)
        assert found["config"]["vehicle"] == VEHICLE and found["key_bytes"] > 100
        assert found["config"]["journal"]["quota_bytes"] == row["journal_bytes"] >= 65536


def test_no_secret_is_told_or_recorded(bench, chip):
    image = bench.firmware()
    done = bench.flash("--firmware", image, "--bundle", bench.bundle, "--port", chip.port)
    assert done.code == 0, done.error
    psk = json.loads(vfs(chip).read("config.json"))["keys"]["psk"]
    assert len(psk) == 64
    assert psk not in done.out + done.error + json.dumps(bench.rows())


def test_dry_run_writes_nothing(bench, chip):
    before = chip.flash.read_bytes()
    image = bench.firmware()
    done = bench.flash(
        "--firmware", image, "--bundle", bench.bundle, "--port", chip.port, "--dry-run"
    )
    assert done.code == 0, done.error
    for text in ("ESP32-S3", MAC, "flash 8 MiB", "6144 KiB at 0x200000", "nothing was written"):
        assert text in done.out
    assert chip.flash.read_bytes() == before and bench.rows() == []


def test_image_only_makes_one_file_that_esptool_writes(bench, chip):
    image, out = bench.firmware(), bench.folder / "gateway.bin"
    done = bench.flash("--firmware", image, "--bundle", bench.bundle, "--image-only", out, "--json")
    assert done.code == 0, done.error
    row = json.loads(done.out)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600  # keys are in it
    code, said = chip.esptool("write-flash", "--flash-size", "keep", hex(row["image_at"]), out)
    assert code == 0, said
    assert json.loads(vfs(chip).read("config.json"))["vehicle"] == VEHICLE
    plus = bench.firmware("esp32", "4MBplus")
    wanted = ("--firmware", plus, "--bundle", bench.bundle, "--image-only", out)
    assert bench.flash(*wanted).code == 2  # how large the flash is nobody has said
    assert bench.flash(*wanted, "--size", "4MB").code == 0


def test_an_update_keeps_configuration_keys_and_journal(bench, chip):
    image = bench.firmware()
    first = bench.flash("--firmware", image, "--bundle", bench.bundle, "--port", chip.port)
    assert first.code == 0, first.error
    kept = {"journal/0001.abt": os.urandom(9000), "journal/boots": b"\x07", "note": b"mine"}
    for name, data in kept.items():
        put(chip, name, data)
    put(chip, "a/app/agent/old.mpy", b"of an older agent")
    put(chip, "main.py", b"old")
    whole = bytearray(chip.flash.read_bytes())
    whole[0x9000:0x9010] = b"not to be erased"  # what the firmware keeps in nvs
    chip.flash.write_bytes(whole)
    before = {name: vfs(chip).read(name) for name in vfs(chip).names() if name[:2] != "a/"}
    newer = bench.firmware(version="v1.30.0", size=70_000)
    done = bench.flash("--firmware", newer, "--update", "--port", chip.port, "--json")
    assert done.code == 0, done.error
    row = json.loads(done.out)
    assert (row["update"], row["vehicle"], row["firmware"]) == (
        True,
        VEHICLE,
        "micropython v1.30.0",
    )
    after = vfs(chip)
    for name in (*kept, "config.json", "tls/key.der", "tls/cert.der", "fleet-root.bin"):
        assert after.read(name) == before[name], name
    assert after.read("main.py") != b"old" and after.size("a/app/agent/old.mpy") is None
    flash = chip.flash.read_bytes()
    assert flash[0x9000:0x9010] == b"not to be erased"
    assert flash[0x10000 : newer.stat().st_size] == newer.read_bytes()[0x10000:]
    assert [r["update"] for r in bench.rows()] == [False, True]
    assert [p.name for p in bench.records.iterdir()] == ["boards.jsonl"]  # the copy is gone


def test_an_update_moves_the_files_where_the_new_firmware_has_its_partition(bench, chip):
    assert bench.flash("--firmware", bench.firmware(), "--bundle", bench.bundle, "--port",
                       chip.port).code == 0  # fmt: skip
    put(chip, "journal/0001.abt", b"frames")
    other = bench.firmware(layout="8MB-ota")
    done = bench.flash("--firmware", other, "--update", "--port", chip.port)
    assert done.code == 0, done.error
    moved = vfs(chip, 0x410000, 0x3F0000)
    assert moved.read("journal/0001.abt") == b"frames"


def test_a_broken_update_goes_on_from_the_copy(bench, chip):
    assert bench.flash("--firmware", bench.firmware(), "--bundle", bench.bundle, "--port",
                       chip.port).code == 0  # fmt: skip
    put(chip, "journal/0001.abt", b"frames that nobody else has")
    chip.fault("reset@7")  # in the midst of the file system
    update = ("--firmware", bench.firmware(size=70_000), "--update", "--port", chip.port)
    done = bench.flash(*update)
    assert done.code == 1 and "run it again" in done.error
    copies = [p for p in bench.records.iterdir() if p.suffix == ".vfs"]
    assert len(copies) == 1 and stat.S_IMODE(copies[0].stat().st_mode) == 0o600
    whole = bytearray(chip.flash.read_bytes())
    whole[0x200000:0x202000] = b"\xff" * 0x2000  # as bad as it can be: both superblocks
    chip.flash.write_bytes(whole)
    chip.fault("")
    done = bench.flash(*update)
    assert done.code == 0, done.error
    assert vfs(chip).read("journal/0001.abt") == b"frames that nobody else has"
    assert not copies[0].exists()


def test_a_board_that_is_no_gateway_is_not_updated(bench, chip):
    update = ("--firmware", bench.firmware(), "--update", "--port", chip.port)
    done = bench.flash(*update)
    assert done.code == 1 and "has no firmware: flash it without --update" in done.error
    chip.esptool("write-flash", "--flash-size", "keep", "0", bench.firmware())
    done = bench.flash(*update)
    assert done.code == 1 and "does not mount" in done.error and "without --update" in done.error


def test_a_signed_release_goes_into_the_slot_as_it_is(bench, chip):
    order = build.Order("9.9.9", 12, 5, 2_000_000_000, 12, ["gateway-s3"])
    out, public = bench.folder / "r12", bench.folder / "keys"
    build.build(out, "esp32", order)
    image = bench.firmware()
    flash = ("--firmware", image, "--bundle", bench.bundle, "--port", chip.port, "--release", out)
    done = bench.flash(*flash)
    assert done.code == 1 and "patrol release verify" in done.error
    for name in ("first", "second", "third"):
        keys.create(public, name)
    for name in ("first", "third"):
        folder.sign(out, keys.load_private(public / f"{name}.key"))
    folder.verify(out, keys.fleet_keys(public))
    done = bench.flash(*flash)
    assert done.code == 0, done.error
    assert vfs(chip).read("a/manifest") == (out / "signed").read_bytes()
    assert bench.rows()[0]["agent"] == "9.9.9"
    done = bench.flash(*flash, "--board", "devkit_s3")
    assert done.code == 1 and "is for gateway-s3, the board is devkit-s3" in done.error


@pytest.mark.parametrize(
    ("arguments", "text"),
    (
        ((), "--bundle is missing"),
        (("--update", "--bundle", "x"), "--bundle does not go with it"),
        (("--bundle", "x", "--image-only", "y", "--port", "z"), "--image-only needs no board"),
        (("--bundle", "x", "--size", "8MB"), "--size goes with --image-only"),
    ),
)
def test_wrong_use_ends_with_code_2(bench, arguments, text):
    done = bench.flash("--firmware", bench.firmware(), *arguments)
    assert done.code == 2 and text in done.error and done.error.count("\n") == 1


def test_fuses_are_shown_and_not_burnt(bench, chip):
    image = bench.firmware()
    done = bench.run("secure", "--firmware", image, "--keys", bench.folder / "keys")
    assert done.code == 0 and "burn-efuse SECURE_BOOT_EN 1" in done.out
    assert not (bench.folder / "keys").exists()
    run = ("secure", "--firmware", image, "--keys", bench.folder / "keys", "--port", chip.port)
    assert bench.run(*run, "--run").code == 2
    done = bench.run(*run, "--run", "--confirm", MAC)
    assert done.code == 1 and "not supported by this emulator" in done.error


def test_no_port_and_several_ports_are_told_apart():
    with pytest.raises(FlashError, match="no serial port on USB"):
        ports.choose(None, lambda: [])
    two = [("/dev/ttyUSB0", "CP2102N"), ("/dev/ttyACM0", "USB JTAG/serial")]
    with pytest.raises(FlashError, match=r"2 serial ports: /dev/ttyUSB0 \(CP2102N\), /dev/ttyACM0"):
        ports.choose(None, lambda: two)
    with pytest.raises(FlashError, match="/dev/ttyNONE: there is no such port"):
        ports.choose(None, lambda: [("/dev/ttyNONE", "gone")])
