"""MicroPython's unix port: the agent as it runs on the chip, on a PC."""

import asyncio
import os
import select
import sys
import termios
import time

from agent.const import const
from agent.port.errors import ASLEEP, WAKE_VARIABLE, UartError
from agent.port.inputs import FileBattery as Battery  # noqa: F401
from agent.port.inputs import FileInputs as Inputs  # noqa: F401
from agent.port.micropython import (  # noqa: F401
    Aead,
    Storage,
    data_folder,
    forget,
    heap,
    hmac_sha256,
    inflated,
    mqtt_client_class,
    on_interrupt,
    packb,
    random_bytes,
    read_stdin,
    sha256,
    unpackb,
    uptime_ms,
    wait,
    within,
    x25519,
    x25519_steps,
)
from agent.port.reading import Reading

NAME = "unix"
_PIECE = const(64)  # the kernel makes room in pieces of 256 bytes (tty_buffer.c)
# Places in what tcgetattr returns, and in its list of control characters (Linux, termios.h).
_CONTROLS = const(6)
_VTIME = const(5)
_VMIN = const(6)
_SPEEDS = (4, 5)  # in, out
# termios knows rates by codes (asm-generic/termbits.h).
_RATES = {
    4800: 0o14, 9600: 0o15, 19200: 0o16, 38400: 0o17, 57600: 0o10001, 115200: 0o10002,
    230400: 0o10003, 460800: 0o10004, 500000: 0o10005, 921600: 0o10007,
}  # fmt: skip


def _set_line(fd, rate):
    """Raw bytes, and reads that return with what there is: `read(n)` here calls the system until n
    bytes are there or nothing more comes, and would hold the loop while the line is silent."""
    termios.setraw(fd)
    attributes = termios.tcgetattr(fd)
    attributes[_CONTROLS][_VTIME] = attributes[_CONTROLS][_VMIN] = 0
    for place in _SPEEDS:
        attributes[place] = _RATES[rate]
    termios.tcsetattr(fd, termios.TCSANOW, attributes)


class Uart:
    """A terminal device as a serial line: a pseudo-terminal is one."""

    def __init__(self, path, baud):
        try:
            self._file = open(path, "r+b")  # noqa: SIM115 open as long as the line is used
            _set_line(self._file.fileno(), baud)
        except KeyError:
            raise UartError("serial port %s: no rate of %d baud" % (path, baud))
        except OSError as e:
            raise UartError("serial port %s: error %s" % (path, e.args[0] if e.args else e))
        self._path = path
        self._reading = Reading(asyncio.StreamReader(self._file), within)

    async def read(self, ms):
        """What has come, after waiting for it at most `ms`; b"" when nothing came."""
        try:
            data = await self._reading.read(ms)
        except OSError as e:
            raise UartError("serial port %s was lost: error %s" % (self._path, e.args[0]))
        if data is None:
            return b""
        if not data:
            raise UartError("serial port %s was lost: end of file" % self._path)
        return data

    def write(self, data):
        try:
            self._file.write(data)
        except OSError as e:
            raise UartError("serial port %s: write: %s" % (self._path, e))

    def set_baud(self, rate):
        try:
            _set_line(self._file.fileno(), rate)
        except (KeyError, OSError) as e:
            raise UartError("serial port %s: %d baud: error %s" % (self._path, rate, e))

    def close(self):
        self._file.close()


class Terminal(Uart):
    """The same for people, who may not read: `write` never waits."""

    def __init__(self, path, baud):
        super().__init__(path, baud)
        self._poll = select.poll()
        self._poll.register(self._file, select.POLLOUT)

    def write(self, data):
        """-> how many bytes the line took. There is no way to open it without blocking here, but a
        line with any room left takes so few bytes."""
        try:
            for _, event in self._poll.poll(0):
                if event & (select.POLLHUP | select.POLLERR):
                    raise UartError("serial port %s was lost: hung up" % self._path)
                return self._file.write(data[:_PIECE]) or 0
        except OSError as e:
            raise UartError("serial port %s: write: error %s" % (self._path, e.args[0]))
        return 0


class Rtc:
    """Nothing here says whether the PC's clock is right."""

    def read(self):
        return None

    def write(self, utc):
        pass


class Watchdog:
    """A PC under test has none."""

    def __init__(self, pin=None):
        pass

    def feed(self):
        pass


def wall_ms():
    return int(time.time() * 1000)


def restart():
    sys.exit(75)  # EX_TEMPFAIL: who started the agent starts it again


def wake_cause(sources):
    """Who starts the agent says it in the environment."""
    return os.getenv(WAKE_VARIABLE) or "start"


def sleep(ms, sources, watchdog):
    """Who started the agent looks after the rest: it reads what is wanted beside the journal."""
    sys.exit(ASLEEP)


def sleep_on():
    """Nothing: whoever started the agent wants it."""
