"""`patrol emulate-gateway`: runs what lies in a flash file."""

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Annotated

import typer

from tools import interpreter
from tools.emulator.esp32_board import rom
from tools.flash import FlashError, firmware

# Reset causes of board.py, as a chip's MicroPython tells them (ports/esp32/modmachine.c).
_BY_POWER, _BY_RESET, _BY_WATCHDOG, _BY_SLEEP = 1, 2, 3, 4
CUT = 70  # exit code: the power has failed at the write that was asked for
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
    heap: Annotated[str, typer.Option(help="MicroPython's heap.")] = "512K",
    attached: Annotated[
        bool, typer.Option("--attached", help="End when standard input closes.")
    ] = False,
    cut: Annotated[
        str | None,
        typer.Option(help="Lose the power in write N, of which Q quarters are done, as N=Q."),
    ] = None,
    hurry: Annotated[int, typer.Option(help="The watchdog is so many times as fast.")] = 1,
) -> None:
    """Run a gateway from its flash: MicroPython mounts the partition and runs boot.py and main.py.

    Runs until stopped; a reset of the board starts it again, its watchdog's among them.

    Example: patrol emulate-gateway --flash flash.bin --uart 1=/dev/pts/5 --uart 2=/dev/pts/6
    """
    try:
        options = {
            "flash": str(flash.absolute()),
            "uarts": _pairs(uart, str),
            "pins": _pairs(pin, int),
            "cut": [[int(n), q] for n, q in _pairs([cut], int).items()][0] if cut else None,
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
        raise typer.Exit(_Board(command, Path(folder), options, hurry).run(attached))


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
    """Starts the interpreter again as often as the board resets itself, wakes by its timer, or is
    reset by its watchdog. folder: for what is the emulator's own; hurry: how many times as fast as
    said the watchdog is."""

    def __init__(self, command, folder, options, hurry):
        self._command, self._folder, self._hurry = command, folder, hurry
        self._options = {**options, "memory": str(folder / "rtc")}
        self._filling = rom.filling(options["rom"][1]) if options["rom"] else {}
        self._process = None
        self._ending = threading.Event()

    def run(self, attached):
        """Exit code of the last start."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self._end())
        if attached:
            threading.Thread(target=self._watch, daemon=True).start()
        cause = _BY_POWER
        while not self._ending.is_set():
            cause, wait, code = self._start(cause)
            if cause is None:
                return 0 if self._ending.is_set() else code
            self._ending.wait(wait)
        return 0

    def _start(self, cause):
        """(what starts the board next or None, seconds until then, exit code) when it has ended."""
        heard, wire = os.pipe()
        try:
            # In a file: MicroPython takes no argument of more than 255 bytes, and dies of one.
            told = self._folder / "options.json"
            told.write_text(json.dumps({**self._options, "cause": cause, "wire": wire}))
            self._process = subprocess.Popen(
                [*self._command, str(told), self._options["flash"]],
                stdin=subprocess.DEVNULL,
                env={**interpreter.environment(), **self._filling},
                preexec_fn=_die_with_parent,
                pass_fds=(wire,),
            )
            os.close(wire)
            said, bites_at = self._listen(heard)
            if said:
                self._process.kill()
            code = self._process.wait()
        finally:
            os.close(heard)
        if said == "cut":
            return None, None, CUT
        if said == "reset":
            return _BY_RESET, _PACE_S, 0
        if said == "watchdog":
            return _BY_WATCHDOG, _PACE_S, 0
        if said.startswith("sleep"):
            ms = int(said.split()[1])
            # Without a timer only pins wake it.
            return _BY_SLEEP, max(_PACE_S, ms / 1000) if ms else None, 0
        if code < 0:  # the interpreter has crashed, which a chip's panic handler makes a reset
            return _BY_RESET, _PACE_S, code
        if bites_at is not None:  # on a chip it would be at its prompt now
            return _BY_WATCHDOG, max(_PACE_S, bites_at - time.monotonic()), code
        return None, None, code

    def _listen(self, heard):
        """(the board's last word, "" where it has just ended; when its watchdog bites or None)"""
        bites_at, rest = None, b""
        while True:
            left = None if bites_at is None else max(0, bites_at - time.monotonic())
            if not select.select([heard], [], [], left)[0]:
                return "watchdog", bites_at
            data = os.read(heard, 65536)
            if not data:
                return "", bites_at
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                word = line.decode()
                if not word.startswith("watchdog"):
                    return word, bites_at
                bites_at = time.monotonic() + int(word.split()[1]) / 1000 / self._hurry

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
