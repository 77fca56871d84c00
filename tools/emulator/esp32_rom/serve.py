"""The emulated chip on a pseudo-terminal, until it is stopped.

Bytes go as fast as the terminal takes them: the line's pace is not emulated, its rate is, as far as
two ends at different rates do not understand each other. A pseudo-terminal has no DTR and RTS, so
the chip has buttons. It begins in its loader, as with BOOT held, and a loader that was left in the
middle starts anew when the terminal is closed. RESET (SIGUSR1) starts what is in the flash: the
gateway (tools/emulator/esp32_board), with its USB on the same terminal. RESET with BOOT held
(SIGUSR2) is the loader again.
"""

import asyncio
import contextlib
import errno
import json
import os
import select
import signal
import sys
import termios
import tty

from tools.emulator.line import same_rate
from tools.emulator.pty import SPEEDS
from tools.emulator.serve import stopped

_READ = 65536
_LISTENER_CHECK = 0.02  # s between looks whether somebody opened the terminal
_PLUGGED_IN_AGAIN = 1.0  # s after it was pulled out
_RESET_LINES = b"ets\r\nrst:0xf (BROWNOUT_RST),boot:0x3 (DOWNLOAD_BOOT)\r\nwaiting for download\r\n"


class Port:
    """A pseudo-terminal for the loader; with `link`, a symbolic link that stays when the terminal
    is another after it was pulled out."""

    def __init__(self, loader, faults, link=None):
        self._loader, self._faults, self.link = loader, faults, link
        self.counters = loader.counters
        self._open()

    def reset(self):
        """Of the loader."""
        self._loader.reset()

    def _open(self):
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(self._master, False)
        if self.link:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.link)
            os.symlink(self.path, self.link)

    def close(self):
        os.close(self._master)
        if self.link:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.link)

    async def run(self):
        while True:
            data = await self._read()
            if not data:
                # Nobody has it open. Whoever opens it next has pressed BOOT and RESET, or has let
                # DTR and RTS do it: a loader that stopped in the middle starts anew.
                self._loader.reset()
                await asyncio.sleep(_LISTENER_CHECK)
                continue
            out = self._loader.feed(self._heard(data))
            event, self._loader.event = self._loader.event, None
            if event == "unplug":
                await self._unplug()
                continue
            if event == "reset":
                self._loader.counters["resets"] += 1
                self._loader.reset()
                out = _RESET_LINES
            await self._write(out)
            self._loader.sent()
            if event == "run":
                self._loader.reset()

    async def run_gateway(self, arguments):
        """What was flashed has the terminal, until the task is cancelled: as by a power cut then.
        What it says while nobody has the terminal open is lost, as on the chip's USB."""
        inner, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(inner, False)
        words = ["-m", "tools.emulator.esp32_board", *arguments, "--console", os.ttyname(slave)]
        board = await asyncio.create_subprocess_exec(
            sys.executable, *words, stdin=asyncio.subprocess.DEVNULL
        )
        typed = asyncio.create_task(self._carry_in(inner))
        try:
            await self._carry_out(inner)
        finally:
            typed.cancel()
            with contextlib.suppress(ProcessLookupError):
                board.kill()  # the interpreter dies with it
            await board.wait()
            os.close(inner)
            os.close(slave)

    async def _carry_in(self, inner):
        while True:
            data = await self._read()
            if data:
                with contextlib.suppress(BlockingIOError):
                    os.write(inner, data)
            else:
                await asyncio.sleep(_LISTENER_CHECK)

    async def _carry_out(self, inner):
        loop = asyncio.get_running_loop()
        while True:
            await _ready(inner, loop.add_reader, loop.remove_reader)
            data = os.read(inner, _READ)
            if self._is_open():
                await self._write(data)

    async def _unplug(self):
        self.close()
        await asyncio.sleep(_PLUGGED_IN_AGAIN)
        self._loader.reset()
        self._open()

    def _heard(self, data):
        """`data` as the chip hears it."""
        rate = self._peer_rate()
        if rate and (not same_rate(rate, self._loader.rate) or self._is_too_fast(rate)):
            return _garbled(data)
        return data

    def _is_too_fast(self, rate):
        most = self._faults.value("max-baud")
        return most is not None and rate > most

    def _peer_rate(self):
        try:
            return SPEEDS.get(termios.tcgetattr(self._master)[5])
        except termios.error:
            return None

    def _is_open(self):
        poll = select.poll()
        poll.register(self._master, 0)
        return not any(event & select.POLLHUP for _, event in poll.poll(0))

    async def _read(self):
        if not self._is_open():
            return b""
        loop = asyncio.get_running_loop()
        await _ready(self._master, loop.add_reader, loop.remove_reader)
        try:
            return os.read(self._master, _READ)
        except OSError as error:
            if error.errno in (errno.EIO, errno.EAGAIN):
                return b""
            raise

    async def _write(self, data):
        rate = self._peer_rate()
        if rate and self._is_too_fast(rate):
            data = _garbled(data)
        loop = asyncio.get_running_loop()
        while data:
            try:
                data = data[os.write(self._master, data) :]
            except BlockingIOError:
                await _ready(self._master, loop.add_writer, loop.remove_writer)
            except OSError:
                return  # closed meanwhile


def _garbled(data):
    """What another rate makes of it: no END among it, which would end a packet that never was."""
    return bytes((b ^ 0x5A) % 0xC0 for b in data)


async def _ready(fd, add, remove):
    event = asyncio.Event()
    add(fd, event.set)
    try:
        await event.wait()
    finally:
        remove(fd)


async def serve(port, board, as_json=False, attached=False):
    """Runs until stopped. board: arguments for the gateway's emulator. Raises OSError, NorError,
    FaultError."""
    stop, pressed = stopped(attached), asyncio.Queue()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, pressed.put_nowait, False)
    loop.add_signal_handler(signal.SIGUSR2, pressed.put_nowait, True)
    shown = port.link or port.path
    print(json.dumps({"port": str(shown)}) if as_json else f"serial port  {shown}", flush=True)
    ending, is_boot_held = asyncio.create_task(stop.wait()), True
    try:
        while not ending.done():
            doing = port.run() if is_boot_held else port.run_gateway(board)
            task, button = asyncio.create_task(doing), asyncio.create_task(pressed.get())
            await asyncio.wait([task, button, ending], return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
            is_boot_held = button.result() if button.done() else is_boot_held
            for each in (task, button):
                each.cancel()
            await asyncio.gather(task, button, return_exceptions=True)
            port.reset()
    finally:
        ending.cancel()
        port.close()
    if as_json:
        print(json.dumps({"counters": port.counters}), flush=True)
