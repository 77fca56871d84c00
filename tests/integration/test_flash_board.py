"""`patrol flash` with the real esptool on an emulated board: what is in its flash afterwards, what
an update keeps, what a dry run leaves alone, what releases and boards it takes."""

import hashlib
import json
import os
import stat

import pytest

from agent.update import boot
from tests.integration.test_flash_image import LONG, mounted
from tests.support import esp_board, esp_firmware, micropython
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


AT, SIZE = 0x200000, 0x200000  # of the small board's file system


@pytest.fixture(scope="module")
def flashed(provisioned, tmp_path_factory):
    """The flash of a small board after it was flashed once."""
    folder = tmp_path_factory.mktemp("flashed")
    chip, bench = Chip(folder, "esp32", "4MB"), provisioned.copy(folder)
    image = bench.firmware("esp32", "4MB")
    done = bench.flash("--firmware", image, "--bundle", bench.bundle, "--port", chip.port)
    assert done.code == 0, done.error
    chip.close()
    return chip.flash.read_bytes()


@pytest.fixture
def gateway(flashed, tmp_path):
    """A small board that is a gateway already."""
    (tmp_path / "flash.bin").write_bytes(flashed)
    made = Chip(tmp_path, "esp32", "4MB")
    yield made
    made.close()


def vfs(chip, at=AT, size=SIZE):
    return Volume(size, chip.flash.read_bytes()[at : at + size])


def put(chip, name, data):
    """As the agent writes a file."""
    made = vfs(chip)
    made.replace(name, data)
    change(chip, AT, made.image())


def change(chip, at, data):
    with open(chip.flash, "r+b") as f:
        f.seek(at)
        f.write(data)


@pytest.mark.parametrize(
    ("family", "size", "layout", "more"),
    (
        ("esp32s3", "8MB", "8MB", ()),
        ("esp32", "4MB", "4MBplus", ("--no-stub",)),
        pytest.param("esp32", "4MB", "4MB", (), marks=LONG),
        pytest.param("esp32s3", "8MB", "8MB-ota", (), marks=LONG),
        pytest.param("esp32s3", "16MB", "4MBplus", (), marks=LONG),
    ),
    ids=("s3", "esp32-rom", "esp32", "s3-ota", "s3-large"),
)
def test_a_fresh_board_becomes_a_gateway(bench, tmp_path, family, size, layout, more):
    chip = Chip(tmp_path, family, size)
    chip.flash.write_bytes(b"\0" * chip.flash.stat().st_size)  # full of somebody else's
    image = bench.firmware(family, layout)
    done = bench.flash("--firmware", image, "--bundle", bench.bundle, "--port", chip.port,
                       "--json", *more)  # fmt: skip
    chip.close()
    assert done.code == 0, done.error
    row = json.loads(done.out)
    assert (row["mac"], row["vehicle"], row["chip"]) == (MAC, VEHICLE, family)
    assert bench.rows() == [row]
    flash = chip.flash.read_bytes()
    start = 0x1000 if family == "esp32" else 0
    end = start + image.stat().st_size
    assert flash[start:end] == image.read_bytes()
    if "--no-stub" not in more:  # nothing of a former life is left between the parts
        assert flash[end : row["vfs_at"]].count(0) == 0
    last = flash[row["vfs_at"] : row["vfs_at"] + row["vfs_size"]]
    assert hashlib.sha256(last).hexdigest() == row["vfs_sha256"]
    if micropython.find() is not None:
        found = mounted(chip.flash, row["vfs_at"], row["vfs_size"])
        assert (found["slot"], found["is_whole"]) == ("a", True)
        assert found["config"]["vehicle"] == VEHICLE and found["key_bytes"] > 100
        assert found["config"]["journal"]["quota_bytes"] == row["journal_bytes"] >= 65536


def test_no_secret_is_told_or_recorded(bench, chip):
    image = bench.firmware()
    done = bench.flash("--firmware", image, "--bundle", bench.bundle, "--port", chip.port)
    assert done.code == 0, done.error
    psk = json.loads(vfs(chip, AT, 0x600000).read("config.json"))["keys"]["psk"]
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
    assert json.loads(vfs(chip, AT, 0x600000).read("config.json"))["vehicle"] == VEHICLE
    plus = bench.firmware("esp32", "4MBplus")
    wanted = ("--firmware", plus, "--bundle", bench.bundle, "--image-only", out)
    assert bench.flash(*wanted).code == 2  # how large the flash is nobody has said
    assert bench.flash(*wanted, "--size", "4MB").code == 0


def test_an_update_keeps_configuration_keys_and_journal(bench, gateway):
    kept = {"journal/0001.abt": os.urandom(9000), "journal/boots": b"\x07", "note": b"mine"}
    for name, data in kept.items():
        put(gateway, name, data)
    put(gateway, "a/app/agent/old.mpy", b"of an older agent")
    put(gateway, "main.py", b"old")
    change(gateway, 0x9000, b"what the firmware keeps in nvs")
    before = {name: vfs(gateway).read(name) for name in vfs(gateway).names() if name[:2] != "a/"}
    newer = bench.firmware("esp32", "4MB", version="v1.30.0", size=70_000)
    update = ("--firmware", newer, "--update", "--port", gateway.port, "--json")
    untouched = gateway.flash.read_bytes()
    assert bench.flash(*update, "--dry-run").code == 0
    assert gateway.flash.read_bytes() == untouched and not bench.records.exists()
    done = bench.flash(*update)
    assert done.code == 0, done.error
    row = json.loads(done.out)
    wanted = (True, VEHICLE, "micropython v1.30.0")
    assert (row["update"], row["vehicle"], row["firmware"]) == wanted
    after = vfs(gateway)
    for name in (*kept, "config.json", "tls/key.der", "tls/cert.der", "fleet-root.bin"):
        assert after.read(name) == before[name], name
    assert after.read("main.py") != b"old" and after.size("a/app/agent/old.mpy") is None
    flash = gateway.flash.read_bytes()
    assert flash[0x9000:].startswith(b"what the firmware keeps in nvs")
    end = 0x1000 + newer.stat().st_size
    assert flash[0x10000:end] == newer.read_bytes()[0xF000:]
    assert bench.rows() == [row]
    assert [p.name for p in bench.records.iterdir()] == ["boards.jsonl"]  # the copy is gone


def test_an_update_goes_back_to_slot_a_and_keeps_what_is_refused(bench, gateway):
    """A gateway that has updated itself runs slot b, and takes no release older than its floor."""
    pointer = boot.Pointer()
    pointer.slot, pointer.floor, pointer.generation, pointer.order = 1, 12, 5, b"8 bytes."
    pointer.sequence, pointer.trial, pointer.tries = 6, 1, 2
    put(gateway, "pointer-1", pointer.encode())
    image = bench.firmware("esp32", "4MB")
    done = bench.flash("--firmware", image, "--update", "--port", gateway.port)
    assert done.code == 0, done.error
    found = boot.load(vfs(gateway))
    assert (found.slot, found.trial, found.tries, found.outcome) == (0, 0, 0, boot.GOOD)
    assert (found.floor, found.generation, found.order) == (12, 5, b"8 bytes.")


@LONG
def test_an_update_moves_the_files_where_the_new_firmware_has_its_partition(bench, gateway):
    put(gateway, "journal/0001.abt", b"frames")
    rows = [*esp_firmware.LAYOUTS["4MB"][:3], ("vfs", 1, 0x81, 0x210000, 0x1F0000)]
    image = bench.firmware("esp32", "4MB", rows=rows)
    done = bench.flash("--firmware", image, "--update", "--port", gateway.port)
    assert done.code == 0, done.error
    assert vfs(gateway, 0x210000, 0x1F0000).read("journal/0001.abt") == b"frames"


def test_a_broken_update_goes_on_from_the_copy(bench, gateway):
    put(gateway, "journal/0001.abt", b"frames that nobody else has")
    put(gateway, "main.py", b"old")
    gateway.fault("reset@6")  # in the midst of it
    image = bench.firmware("esp32", "4MB", size=70_000)
    update = ("--firmware", image, "--update", "--port", gateway.port)
    done = bench.flash(*update)
    assert done.code == 1 and "run it again" in done.error
    copies = [p for p in bench.records.iterdir() if p.suffix == ".vfs"]
    assert len(copies) == 1 and stat.S_IMODE(copies[0].stat().st_mode) == 0o600
    change(gateway, AT, b"\xff" * 0x2000)  # as bad as it can be: both superblocks
    gateway.fault("")
    done = bench.flash("--firmware", image, "--bundle", bench.bundle, "--port", gateway.port)
    assert done.code == 1 and f"its journal lies in {copies[0]}" in done.error
    done = bench.flash(*update)
    assert done.code == 0, done.error
    assert vfs(gateway).read("journal/0001.abt") == b"frames that nobody else has"
    assert not copies[0].exists()


def test_a_gateways_journal_is_not_erased_by_mistake(bench, gateway):
    put(gateway, "journal/0001.abt", b"frames that nobody else has")
    before = gateway.flash.read_bytes()
    image = bench.firmware("esp32", "4MB")
    flash = ("--firmware", image, "--bundle", bench.bundle, "--port", gateway.port)
    done = bench.flash(*flash)
    assert done.code == 1 and "--update keeps it, --erase takes it away" in done.error
    assert gateway.flash.read_bytes() == before
    # Once it was agreed to, a run that is broken off needs no second word.
    gateway.fault("reset@12")
    assert bench.flash(*flash, "--erase").code == 1
    gateway.fault("")
    assert bench.flash(*flash).code == 0
    assert vfs(gateway).size("journal/0001.abt") is None
    assert [p.name for p in bench.records.iterdir()] == ["boards.jsonl"]


def test_a_board_that_is_no_gateway_is_not_updated(bench, gateway):
    update = ("--firmware", bench.firmware("esp32", "4MB"), "--update", "--port", gateway.port)
    change(gateway, AT, b"\xff" * 0x2000)
    done = bench.flash(*update)
    assert done.code == 1 and "does not mount" in done.error and "without --update" in done.error
    change(gateway, 0x8000, b"\xff" * 0x1000)
    done = bench.flash(*update)
    assert done.code == 1 and "no firmware with a file system" in done.error


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
    assert vfs(chip, AT, 0x600000).read("a/manifest") == (out / "signed").read_bytes()
    assert bench.rows()[0]["agent"] == "9.9.9"
    done = bench.flash(*flash, "--board", "devkit_s3")
    assert done.code == 1 and "is for gateway-s3, the board is devkit-s3" in done.error
    # A bundle may carry it: then it need not be named.
    other = Bench(bench.folder / "other")
    other.folder.mkdir()
    other.provision(update_keys=public, hardware="gateway-s3", release=out)
    flash = ("--firmware", image, "--bundle", other.bundle, "--port", chip.port)
    assert "--update keeps it, --erase takes it away" in other.flash(*flash).error
    done = other.flash(*flash, "--erase")
    assert done.code == 0, done.error
    found = vfs(chip, AT, 0x600000)
    assert found.read("a/manifest") == (out / "signed").read_bytes()
    assert found.size("update-keys.bin") == 1152 and not found.names("slots")
    assert other.rows()[0]["agent"] == "9.9.9"
    done = other.flash(*flash, "--board", "devkit_s3")
    assert done.code == 1 and "update.hardware is gateway-s3" in done.error


@pytest.mark.parametrize(
    ("arguments", "text"),
    (
        ((), "--bundle is missing"),
        (("--update", "--bundle", "x"), "--bundle does not go with it"),
        (("--update", "--erase"), "one of them"),
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
