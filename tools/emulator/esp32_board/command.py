"""`patrol emulate-gateway`: runs what lies in a flash file."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Annotated

import typer

from tools import interpreter
from tools.emulator.esp32_board import rom
from tools.flash import FlashError, firmware

# Exit codes and reset causes of board.py.
_RESET, _ASLEEP = 75, 76
_BY_POWER, _BY_SLEEP, _BY_SOFTWARE = 1, 4, 5
_PACE_S = 1.0  # between resets: a board that ends at once must not take the whole machine
_START = Path(__file__).with_name("start.py")
_USAGE = 2
_PR_SET_PDEATHSIG = 1


def emulate_gateway(
    flash: Annotated[Path, typer.Option(help="The flash file, as `patrol flash` left it.")],
    uart: Annotated[
        list[str] | None,
        typer.Option(help="UART and the terminal on it, as 1=/dev/pts/5; once for each."),
    ] = None,
    pin: Annotated[
        list[str] | None, typer.Option(help="Level of an input, as 7=1; once for each.")
    ] = None,
    air: Annotated[
        Path | None,
        typer.Option(help="File that says what its Wi-Fi and modem reach (network.py)."),
    ] = None,
    heap: Annotated[str, typer.Option(help="MicroPython's heap.")] = "512K",
    attached: Annotated[
        bool, typer.Option("--attached", help="End when standard input closes.")
    ] = False,
) -> None:
    """Run a gateway from its flash: MicroPython mounts the partition and runs boot.py and main.py.

    Runs until stopped; a reset of the board starts it again.

    Example: patrol emulate-gateway --flash flash.bin --uart 1=/dev/pts/5 --uart 2=/dev/pts/6
    """
    try:
        options = {
            "flash": str(flash.absolute()),
            "uarts": _pairs(uart, str),
            "pins": _pairs(pin, int),
            "air": str(air.absolute()) if air else None,
        }
    except ValueError as error:
        raise _failed(str(error), _USAGE) from None
    program = interpreter.find()
    if program is None:
        raise _failed(interpreter.HOW_TO_GET_IT, 1)
    try:
        partition = vfs_of(flash)
    except FlashError as error:
        raise _failed(str(error), 1) from None
    mapped = rom_of(flash)
    options.update(at=partition.at, size=partition.size)
    options["rom"] = mapped and [mapped.at, mapped.size]
    command = [program, "-X", f"heapsize={heap}", str(_START)]
    with tempfile.TemporaryDirectory(prefix="patrol-board-") as folder:
        options["memory"] = str(Path(folder) / "rtc")
        raise typer.Exit(_Board(command, options).run(attached))


def vfs_of(flash):
    """The partition of the file system in a flash file. Raises FlashError."""
    partitions, size = _partitions(flash)
    return firmware.vfs_partition(partitions, size)


def rom_of(flash):
    """The ROM partition, or None. Raises FlashError."""
    return firmware.rom_partition(_partitions(flash)[0])


def _partitions(flash):
    try:
        size = flash.stat().st_size
        with open(flash, "rb") as f:
            f.seek(firmware.TABLE_AT)
            rows = f.read(firmware.TABLE_SIZE)
    except OSError as error:
        raise FlashError(f"{flash}: {error.strerror}") from None
    partitions = firmware.table(rows, str(flash))
    if not partitions:
        raise FlashError(f"{flash} has no partition table: nothing was flashed into it")
    return partitions, size


class _Board:
    """Starts the interpreter again as often as the board resets itself, or wakes by its timer."""

    def __init__(self, command, options):
        self._command, self._options = command, options
        self._filling = rom.filling(options["rom"][1]) if options["rom"] else {}
        self._process = None
        self._ending = threading.Event()

    def run(self, attached):
        """Exit code of the last start."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self._end())
        if attached:
            threading.Thread(target=self._watch, daemon=True).start()
        code = self._start(_BY_POWER)
        while code in (_RESET, _ASLEEP) and not self._ending.is_set():
            wait = _PACE_S
            if code == _ASLEEP:
                ms = json.loads(Path(self._options["memory"]).read_text())["ms"]
                wait = max(wait, ms / 1000) if ms else None  # without a timer only pins wake it
            self._ending.wait(wait)
            if not self._ending.is_set():
                cause = _BY_SLEEP if code == _ASLEEP else _BY_SOFTWARE
                code = self._start(cause)
        return 0 if self._ending.is_set() else code

    def _start(self, cause):
        # A file: MicroPython dies of an argument of more than 255 bytes.
        started = Path(self._options["memory"]).with_name("start.json")
        started.write_text(json.dumps({**self._options, "cause": cause}))
        self._process = subprocess.Popen(
            [*self._command, str(started), self._options["flash"]],  # the latter to be told by
            stdin=subprocess.DEVNULL,
            env={**interpreter.environment(), **self._filling},
            preexec_fn=_die_with_parent,
        )
        return self._process.wait()

    def _watch(self):
        while os.read(sys.stdin.fileno(), 4096):
            pass
        self._end()

    def _end(self):
        """As a power cut: the flash file holds what the journal has flushed."""
        self._ending.set()
        if self._process is not None:
            self._process.kill()


def _die_with_parent():
    """A board whose emulator was killed must not go on: it would open the terminals of others, that
    have got the same numbers since (Linux, prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _pairs(texts, kind):
    """{number: value} of 'number=value'. Raises ValueError."""
    found = {}
    for text in texts or ():
        number, mark, value = text.partition("=")
        if not mark or not number.isdigit():
            raise ValueError(f"{text}: write it as NUMBER=VALUE")
        found[number] = kind(value)
    return found


def _failed(text, code):
    typer.echo(text, err=True)
    return typer.Exit(code)
