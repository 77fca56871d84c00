"""`patrol flash pi` into the system of a Raspberry Pi's card, which is a folder here."""

import json
import os
import stat
import subprocess
import sys

import pytest

from agent.port.tree import Tree, new_hash
from agent.update import boot
from tests.support.esp_board import VEHICLE, Bench
from tests.support.update_system import Shop
from tools import provision
from tools.provision import bundle

DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n'
PACKAGES = ("cryptography-43.0.0.dist-info", "msgpack-1.0.7.egg-info", "paho_mqtt-2.2.0.dist-info",
            "pyserial-3.5.egg-info")  # fmt: skip


def system(folder, packages=PACKAGES, python="3.13"):
    """A card's second partition, as far as it is looked at."""
    root = folder / "card"
    for name in (f"usr/lib/python{python}", "usr/lib/systemd", "etc/systemd/system"):
        (root / name).mkdir(parents=True)
    for name in packages:
        (root / "usr/lib/python3/dist-packages" / name).mkdir(parents=True)
    (root / "etc/os-release").write_text(DEBIAN)
    return root


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return Shop(tmp_path_factory.mktemp("shop"), "cpython", ("old", "good"), is_mortal=False)


@pytest.fixture
def bench(tmp_path, shop):
    made = Bench(tmp_path)
    provision.create_fleet(made.room)
    provision.create_room(made.room, {"host": "127.0.0.1", "port": 8883})
    _, path = provision.create_vehicle(
        made.room, VEHICLE, target="pi", gps=("/dev/ttyAMA0", 9600), update_keys=shop.people,
        release=shop.releases["old"],
    )  # fmt: skip
    bundle.pack(path.parent, made.bundle)
    return made


def flash(bench, root, *arguments):
    return bench.run("pi", "--root", root, "--records", bench.records, *arguments)


def names(root):
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if not p.is_dir())


def started(root):
    """What the unit's command does with an agent that only says how it is used, as its user."""
    unit = (root / "etc/systemd/system/patrol-agent.service").read_text()
    line = next(row for row in unit.splitlines() if row.startswith("ExecStart="))
    words = line.partition("=")[2].split(" ")[1:]
    words = [f"{root}{word}" if word.startswith("/") else word for word in words]
    return subprocess.run(
        [sys.executable, *words, "--help"], capture_output=True, text=True, cwd=root,
        env={"PATH": os.environ["PATH"]},
    )  # fmt: skip


def test_a_card_becomes_a_gateway(bench, tmp_path):
    root = system(tmp_path)
    before = names(root)
    done = flash(bench, root, "--bundle", bench.bundle, "--dry-run")
    assert done.code == 0 and "nothing was written" in done.out, done.error
    assert "trixie" in done.out and "lacks" not in done.out
    assert names(root) == before and not bench.records.exists()
    done = flash(bench, root, "--bundle", bench.bundle)
    assert done.code == 0, done.error
    tree = Tree(str(root / "var/lib/patrol"))
    assert boot.is_whole(tree, "a", new_hash)
    for name in ("config.json", "tls/key.pem", "update-keys.bin", "fleet-root.bin"):
        path = root / "etc/patrol" / name
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not (root / "etc/patrol/slots").exists()
    link = root / "etc/systemd/system/multi-user.target.wants/patrol-agent.service"
    assert os.readlink(link) == "/etc/systemd/system/patrol-agent.service"
    assert "u patrol" in (root / "usr/lib/sysusers.d/patrol.conf").read_text()
    told = started(root)
    assert told.returncode == 0 and "usage: python -m agent" in told.stdout, told.stderr
    (row,) = bench.rows()
    assert (row["vehicle"], row["agent"], row["chip"]) == (VEHICLE, "old", "pi")
    psk = json.loads((root / "etc/patrol/config.json").read_text())["keys"]["psk"]
    assert psk not in done.out + json.dumps(row)


def test_an_update_keeps_what_is_the_vehicles(bench, tmp_path, shop):
    root = system(tmp_path)
    assert flash(bench, root, "--bundle", bench.bundle).code == 0
    journal = root / "var/lib/patrol/journal/t00000001"
    journal.parent.mkdir()
    journal.write_bytes(b"frames that nobody else has")
    tree = Tree(str(root / "var/lib/patrol"))
    pointer = boot.Pointer()
    pointer.slot, pointer.floor, pointer.sequence = 1, 1, 6
    tree.replace("pointer-1", pointer.encode())
    config = (root / "etc/patrol/config.json").read_bytes()
    done = flash(bench, root, "--bundle", bench.bundle)
    assert done.code == 1 and "--update keeps it, --erase takes it away" in done.error
    done = flash(bench, root, "--update", "--release", shop.releases["good"], "--json")
    assert done.code == 0, done.error
    assert json.loads(done.out)["agent"] == "good"
    assert journal.read_bytes() == b"frames that nobody else has"
    assert (root / "etc/patrol/config.json").read_bytes() == config
    found = boot.load(tree)
    assert (found.slot, found.floor) == (0, 1) and boot.is_whole(tree, "a", new_hash)
    assert b'"0.2.0"' in tree.read("a/app/agent/app.py")
    assert flash(bench, root, "--bundle", bench.bundle, "--erase").code == 0
    assert not journal.exists() and b'"0.1.0"' in tree.read("a/app/agent/app.py")


def test_what_does_not_go_together_is_told(bench, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "old").mkdir()
    (tmp_path / "bare").mkdir()
    old = system(tmp_path / "old", python="3.9")
    bare = system(tmp_path / "bare", ("paho_mqtt-1.6.1.egg-info",))
    chips = Bench(tmp_path / "chips")
    chips.folder.mkdir()
    chips.provision()
    bundled = ("--bundle", bench.bundle)
    for root, arguments, code, text in (
        (tmp_path / "empty", bundled, 1, "is no system of a Raspberry Pi"),
        (old, bundled, 1, "has no Python of 3.11 or newer"),
        (bare, ("--bundle", chips.bundle), 1, "was it made with --target pi?"),
        (bare, ("--update",), 1, "is no gateway"),
        (bare, (), 2, "--bundle is missing"),
        (bare, (*bundled, "--update"), 2, "does not go with it"),
        (bare, ("--bundle", tmp_path / "none.tar"), 1, "No such file"),
    ):
        done = flash(bench, root, *arguments)
        assert (done.code, done.error.count("\n")) == (code, 1), done.error
        assert text in done.error, done.error
    done = flash(bench, bare, *bundled, "--dry-run")
    assert done.code == 0 and "python3-cryptography, python3-msgpack" in done.out
    assert "python3-paho-mqtt of 2.2 or newer (there is 1.6.1)" in done.out
