"""The emulated chip on a pseudo-terminal, until it is stopped.

Bytes go as fast as the terminal takes them: the line's pace is not emulated, its rate is, as far as
two ends at different rates do not understand each other. A pseudo-terminal has no DTR and RTS: when
it is closed the chip is reset, with the BOOT button held, so that it is always in its loader.
"""

import asyncio
import contextlib
import errno
import json
import os
import select
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
        self._loader, self._faults, self._link = loader, faults, link
        self._open()

    def _open(self):
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(self._master, False)
        if self._link:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._link)
            os.symlink(self.path, self._link)

    def close(self):
        os.close(self._master)
        if self._link:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._link)

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

    async def _read(self):
        poll = select.poll()
        poll.register(self._master, 0)
        if any(event & select.POLLHUP for _, event in poll.poll(0)):
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


async def serve(loader, faults, link=None, as_json=False, attached=False):
    """Runs until stopped. Raises OSError, NorError, FaultError."""
    port = Port(loader, faults, link)
    stop = stopped(attached)
    shown = link or port.path
    print(json.dumps({"port": str(shown)}) if as_json else f"serial port  {shown}", flush=True)
    task, waiting = asyncio.create_task(port.run()), asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
        if task in done:
            task.result()
    finally:
        for each in (task, waiting):
            each.cancel()
        await asyncio.gather(task, waiting, return_exceptions=True)
        port.close()
    if as_json:
        print(json.dumps({"counters": loader.counters}), flush=True)
