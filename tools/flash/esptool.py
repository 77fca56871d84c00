"""Espressif's esptool, run as a program; its output becomes progress, values, or one clear line.

It is never imported: its licence is the GPL. What it prints is the only interface, so the version
is pinned in constraints.txt, and the tests run the real one.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tools.flash import FlashError

_PROGRESS = re.compile(r"^(?:Writing|Reading|Verifying).*?0x([0-9a-fA-F]+).*?([\d.]+)%")
_FAILED = re.compile(r"(?:fatal error occurred: |ERROR: )(.*)")
_FAMILIES = {"ESP32": "esp32", "ESP32-S3": "esp32s3"}
# What esptool says -> what the technician is told. The first that is found counts.
_TEXTS = (
    (
        r"Could not exclusively lock|port is busy|Device or resource busy",
        "{port} is in use by another program: close it",
    ),
    (
        r"MD5 of file does not match|Verification failed|digest mismatch|flash region is empty",
        "what was read back is not what was written: run it again; if it fails again, the flash "
        "is bad or write-protected",
    ),
    (
        r"Input/output error|readiness to read but returned no data|device disconnected"
        r"|port is closed|port that is not open|No such file or directory|write failed"
        r"|Bad file descriptor",
        "{port} has gone in the middle: plug the board in and run it again",
    ),
    (
        r"Failed to autodetect chip type",
        "the chip on {port} does not tell what it is: run it again; if it fails again, try another "
        "cable",
    ),
    (
        r"Failed to connect|No serial data received|Wrong boot mode|Invalid head of packet"
        r"|Possible serial noise",
        "no chip answers on {port}: hold BOOT, press RESET, let go, run it again; if it fails "
        "again, try another cable or --baud 115200",
    ),
    (
        r"Unable to verify flash chip connection|Flash memory chip not",
        "the chip on {port} finds no flash",
    ),
    (
        r"Timeout|timed out|stopped responding|No more data|Packet content transfer stopped",
        "the chip on {port} stopped answering in the middle: run it again; if it fails again, look "
        "at its supply, or try --baud 115200",
    ),
    (
        r"[Ff]ailed to write|Write to flash failed|Block write failed|write.* failed|flash write",
        "the chip on {port} cannot write its flash: run it again; if it fails again, the flash is "
        "bad",
    ),
)


class UnknownChip(FlashError):
    """The chip's answer to who it is was not understood."""


@dataclass(frozen=True)
class Chip:
    """What a board says of itself; `family`: esp32, esp32s3, or esptool's name of another;
    `flash_size`: bytes."""

    family: str
    title: str
    mac: str
    flash_size: int


def program():
    """esptool's path. Raises FlashError."""
    beside = Path(sys.executable).parent / "esptool"
    found = str(beside) if beside.is_file() else shutil.which("esptool")
    if found is None:
        raise FlashError("esptool is not installed: pip install esptool")
    return found


class Esptool:
    """esptool on one port. `is_stubless`: the ROM's own loader does all, slowly."""

    def __init__(self, port, baud, is_stubless=False):
        self.is_stubless = is_stubless
        self._port = port
        self._program = program()
        before = "default-reset" if port.has_lines else "no-reset"
        self._options = ["--port", port.path, "--baud", str(baud), "--before", before]
        self._options += ["--no-stub"] if is_stubless else []

    def chip(self):
        """The Chip that answers. Raises FlashError."""
        try:
            lines = self._run(["flash-id"])
        except UnknownChip:
            lines = self._run(["flash-id"])  # an answer came late, as a busy machine hears it
        text = "\n".join(lines)
        family = _value(r"Connected to (\S+) on", text)
        size = _value(r"Detected flash size:\s+(\d+)MB", text)
        mac = _value(r"^MAC:\s+([0-9a-fA-F:]{17})", text)
        title = _value(r"Chip type:\s+(.*\S)", text)
        if None in (family, size, mac):
            raise UnknownChip(f"the chip on {self._port.path} does not tell what it is")
        if family in _FAMILIES:
            self._options += ["--chip", _FAMILIES[family]]  # from here on it need not be asked
        return Chip(_FAMILIES.get(family, family), title or family, mac.lower(), int(size) << 20)

    def read(self, at, size, out, progress=None):
        """Reads flash into the file `out`. Raises FlashError."""
        self._run(["read-flash", hex(at), hex(size), str(out)], progress)

    def write(self, files, is_erasing, progress=None):
        """files: [(place, path)]. is_erasing: the whole chip first, which the ROM's loader cannot.
        Raises FlashError."""
        # The image's header is right as its maker left it: changed, its hash would be wrong.
        options = ["--flash-size", "keep", "--flash-mode", "keep", "--flash-freq", "keep"]
        options += ["--erase-all"] if is_erasing else []
        self._run(["write-flash", *options, *_pairs(files)], progress)

    def verify(self, files, is_last):
        """Compares flash with files by the chip's MD5. is_last: then the board starts. Raises
        FlashError."""
        self._run(["verify-flash", *_pairs(files)], None, is_last)

    def _run(self, arguments, progress=None, is_last=False):
        after = "hard-reset" if is_last and self._port.has_lines else "no-reset"
        command = [self._program, *self._options, "--after", after, *arguments]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "400", "NO_COLOR": "1"}
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
        ) as process:
            try:
                lines = []
                for line in process.stdout:
                    found = _PROGRESS.match(line)
                    if found and progress:
                        progress(int(found[1], 16), float(found[2]))
                    elif not found:
                        lines.append(line.rstrip())
                code = process.wait()
            except BaseException:
                process.kill()
                raise
        if code:
            text = self._reason(lines)
            raise (UnknownChip if "tell what it is" in text else FlashError)(text)
        return lines

    def _reason(self, lines):
        text = "\n".join(lines)
        for pattern, told in _TEXTS:
            if re.search(pattern, text):
                return told.format(port=self._port.path)
        said = _FAILED.findall(text) or [line for line in lines if line] or ["it said nothing"]
        return f"esptool failed on {self._port.path}: {said[-1]}"


def _pairs(files):
    return [text for at, path in files for text in (hex(at), str(path))]


def _value(pattern, text):
    found = re.search(pattern, text, re.M)
    return found[1] if found else None
