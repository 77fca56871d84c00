"""firmware/esp32/manifest.py and package.json: what is frozen, what mip installs, and that both are
what a release holds."""

import functools
import http.server
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.support import esp_firmware, micropython
from tools import interpreter, provision
from tools.demo.children import Child
from tools.flash.volume import Volume
from tools.release import package
from tools.release.build import ROOT, SUFFIXES, TARGETS

MANIFEST = ROOT / "firmware" / "esp32" / "manifest.py"


class Build:
    """The functions that MicroPython's build gives a manifest (tools/manifestfile.py): what they
    name is kept, and must be there."""

    def __init__(self):
        self.frozen = {}  # name in the firmware -> path
        self.required = []
        self.included = []

    def run(self, path):
        there = os.getcwd()
        os.chdir(path.parent)  # as a build does
        names = {"include": self.included.append, "require": self.required.append,
                 "package": self._package, "module": self._module}  # fmt: skip
        try:
            exec(path.read_text(), names)
        finally:
            os.chdir(there)
        return names

    def _package(self, name, files=None, base_path=".", opt=None):
        for file in files:
            self._add(Path(base_path) / name / file, f"{name}/{file}")

    def _module(self, name, base_path=".", opt=None):
        self._add(Path(base_path) / name, name)

    def _add(self, path, name):
        assert path.is_file(), path
        assert name not in self.frozen, name
        self.frozen[name] = path.resolve()


def sources(suffixes=SUFFIXES):
    """What a release for an ESP32 is made of."""
    without = TARGETS["esp32"].without
    return {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "agent").rglob("*")
        if path.suffix in suffixes and path.relative_to(ROOT).as_posix() not in without
    }  # fmt: skip


def test_what_is_frozen_is_a_releases_modules_and_what_starts_them():
    build = Build()
    names = build.run(MANIFEST)
    assert set(build.frozen) == sources((".py",)) | {"main.py"}
    assert build.frozen["main.py"] == ROOT / "firmware/esp32/main.py"
    assert all(path.is_relative_to(ROOT) for path in build.frozen.values())
    assert names["WITHOUT"] == tuple(sorted(TARGETS["esp32"].without))
    assert build.included == ["$(PORT_DIR)/boards/manifest.py"] and build.required == ["ssl"]


def test_a_manifest_that_leaves_a_module_out_is_noticed(tmp_path):
    folder = tmp_path / "firmware" / "esp32"
    folder.mkdir(parents=True)
    (tmp_path / "agent").symlink_to(ROOT / "agent")
    (folder / "main.py").write_text("")
    wrong = MANIFEST.read_text().replace('    "agent/port/unix.py",\n', "")
    (folder / "manifest.py").write_text(wrong)
    build = Build()
    build.run(folder / "manifest.py")
    assert set(build.frozen) - {"main.py"} - sources((".py",)) == {"agent/port/unix.py"}


def test_package_json_is_what_the_source_says():
    assert (ROOT / package.NAME).read_text() == package.text(package.package())


def test_every_file_of_the_package_is_there_and_none_is_missing():
    found = json.loads((ROOT / package.NAME).read_text())
    targets = [row[0] for row in found["urls"]]
    assert len(set(targets)) == len(targets)
    assert all((ROOT / url).is_file() for _, url in found["urls"])
    assert set(targets) == sources() | {"main.py"}
    assert found["deps"] == []
    done = subprocess.run(
        ["git", "ls-files", "--error-unmatch", *[url for _, url in found["urls"]]],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr  # else nobody else has them


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.mark.skipif(micropython.find() is None, reason=micropython.HOW_TO_GET_IT)
def test_mip_installs_it(tmp_path):
    handler = functools.partial(_Quiet, directory=str(ROOT))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/{package.NAME}"
        done = subprocess.run(
            [micropython.find(), "-m", "mip", "install", "--target", str(tmp_path), url],
            env=interpreter.environment(), cwd=tmp_path, capture_output=True, text=True,
            timeout=120,
        )  # fmt: skip
    finally:
        server.shutdown()
        server.server_close()
    assert "Done" in done.stdout and "not" not in done.stdout.splitlines()[-1], done.stdout[-500:]
    for target, url in json.loads((ROOT / package.NAME).read_text())["urls"]:
        assert (tmp_path / target).read_bytes() == (ROOT / url).read_bytes(), target


@pytest.mark.skipif(micropython.find() is None, reason=micropython.HOW_TO_GET_IT)
def test_a_board_with_the_packages_files_alone_starts_the_agent(tmp_path):
    """As after `mip`: no slots, no boot.py."""
    rows = esp_firmware.LAYOUTS["8MB"]
    _, _, _, at, size = rows[-1]
    volume = Volume(size)
    for target, url in json.loads((ROOT / package.NAME).read_text())["urls"]:
        volume.replace(target, (ROOT / url).read_bytes())
    provision.create_room(tmp_path / "room", {"host": "127.0.0.1", "port": 9})
    _, config = provision.create_vehicle(tmp_path / "room", "v-1", target="esp32")
    volume.replace("config.json", config.read_bytes())
    flash = tmp_path / "flash.bin"
    table = esp_firmware.partition_table(rows)
    before = table.rjust(esp_firmware.TABLE_AT + len(table), b"\xff").ljust(at, b"\xff")
    flash.write_bytes(before + volume.image())
    command = [sys.executable, "-m", "tools.emulator.esp32_board", "--attached", "--heap", "2M"]
    child = Child("board", [*command, "--flash", str(flash)], tmp_path / "log")
    try:
        end = time.monotonic() + 60
        while "session " not in child.log_text():
            assert time.monotonic() < end and child.is_running(), child.log_text()
            time.sleep(0.1)
    finally:
        child.stop()
