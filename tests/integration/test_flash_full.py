"""A board of 4 MiB: two slots and a journal of half a megabyte, and both at once with an update, on
MicroPython's own littlefs."""

import json
import os
import subprocess

import pytest

from tests.support import esp_board, micropython
from tests.support.esp_board import Bench
from tests.support.update_system import Shop
from tools import interpreter
from tools.emulator.esp32_board.command import vfs_of
from tools.flash.volume import Volume

LONG = os.environ.get("PATROL_LONG")
pytestmark = [
    pytest.mark.skipif(esp_board.missing() is not None, reason=esp_board.missing() or ""),
    pytest.mark.skipif(micropython.find() is None, reason=micropython.HOW_TO_GET_IT),
]
JOURNAL = 512 * 1000  # bytes of frames that a board of 4 MiB must have room for


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(flash file with two full slots, the configuration on it, what `patrol flash` said)."""
    folder = tmp_path_factory.mktemp("full")
    shop = Shop(folder / "shop", "esp32", ("old",), "gateway-s3", is_mortal=False)
    bench = Bench(folder)
    bench.provision(update_keys=shop.people, hardware="gateway-s3", release=shop.releases["old"])
    image = bench.firmware(layout="4MB", is_rom=True)
    done = bench.flash("--firmware", image, "--bundle", bench.bundle,
                       "--image-only", folder / "gateway.bin", "--json")  # fmt: skip
    assert done.code == 0, done.error
    told = json.loads(done.out)
    flash = folder / "flash.bin"
    data = (folder / "gateway.bin").read_bytes()
    flash.write_bytes((b"\xff" * told["image_at"] + data).ljust(4 << 20, b"\xff"))
    volume = Volume(told["vfs_size"], flash.read_bytes()[told["vfs_at"] :])
    for name in volume.names("a"):
        volume.replace("b" + name[1:], volume.read(name))
    flash.write_bytes(flash.read_bytes()[: told["vfs_at"]] + volume.image())
    return flash, json.loads(volume.read("config.json")), told


def filled(made, folder, manner, quota=None):
    """What the script found on a copy of the flash."""
    flash, config, _ = made
    copy = folder / "flash.bin"
    copy.write_bytes(flash.read_bytes())
    partition = vfs_of(copy)
    quota = quota or config["journal"]["quota_bytes"]
    words = [str(copy), str(partition.at), str(partition.size), str(quota), manner, "14"]
    done = subprocess.run(
        [micropython.find(), "-X", "heapsize=16M", "tests/support/esp_full.py", *words],
        capture_output=True, text=True, timeout=300, cwd=micropython.ROOT,
        env=interpreter.environment(),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    print(manner, found)
    return found


def test_the_partition_is_shared_out_to_the_last_block(made):
    _, config, told = made
    assert sum(told["partition_kib"].values()) == told["vfs_size"] >> 10 == 2048
    assert told["partition_kib"]["the journal"] << 10 == config["journal"]["quota_bytes"]
    assert told["rom_bytes"]  # beside the application, not in here
    assert config["journal"]["quota_bytes"] == told["journal_bytes"] >= 512 << 10
    agent = sum(told["agent_bytes"].values())
    assert agent < config["update"]["capacity_bytes"] < agent * 5 // 4
    for what, kib in told["partition_kib"].items():
        print(f"{what:<44}{kib:6} KiB")
    for room, size in told["agent_bytes"].items():
        print(f"agent, {room:<12}{size / 1000:8.1f} KB")


@pytest.mark.parametrize("manner", ("long", "short"))
def test_with_a_full_journal_an_update_still_fits(made, tmp_path, manner):
    found = filled(made, tmp_path, manner)
    assert (found["state"], found["whole"]) == ("ready", [True, True]), found
    assert found["errors"] == 0 and found["recovered"] and found["next"] == "b"
    if manner == "long":
        assert found["most"] >= JOURNAL and all(found["lost"].values())


@pytest.mark.skipif(not LONG, reason="PATROL_LONG=1: that the test above would see it")
def test_a_quota_that_leaves_an_update_no_room_is_seen(made, tmp_path):
    larger = made[1]["journal"]["quota_bytes"] + (24 << 12)
    with pytest.raises(AssertionError, match="the storage is full"):
        filled(made, tmp_path, "short", larger)
