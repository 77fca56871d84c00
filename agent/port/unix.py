"""MicroPython's unix port: the agent as it runs on the chip, on a PC."""

import asyncio
import sys
import termios

from agent.port.errors import UartError
from agent.port.inputs import FileInputs as Inputs  # noqa: F401
from agent.port.micropython import (  # noqa: F401
    Aead,
    Storage,
    hmac_sha256,
    mqtt_client_class,
    on_interrupt,
    packb,
    random_bytes,
    read_stdin,
    sha256,
    unpackb,
    uptime_ms,
    wait,
    x25519,
    x25519_steps,
)

NAME = "unix"
_READ = 512
# Places in what tcgetattr returns, and in its list of control characters (Linux, termios.h).
_CONTROLS = 6
_VTIME = 5
_VMIN = 6


def _set_line(fd):
    """Raw bytes, and reads that return with what there is: `read(n)` here calls the system until n
    bytes are there or nothing more comes, and would hold the loop while the line is silent."""
    termios.setraw(fd)
    attributes = termios.tcgetattr(fd)
    attributes[_CONTROLS][_VTIME] = attributes[_CONTROLS][_VMIN] = 0
    termios.tcsetattr(fd, termios.TCSANOW, attributes)


class Uart:
    """A terminal device as a serial line: a pseudo-terminal is one."""

    def __init__(self, path, baud):
        try:
            self._file = open(path, "r+b")  # noqa: SIM115 open as long as the line is used
            _set_line(self._file.fileno())
        except OSError as e:
            raise UartError("serial port %s: error %s" % (path, e.args[0] if e.args else e))
        self._path = path
        self._reader = asyncio.StreamReader(self._file)

    async def read(self, ms):
        """What has come, after waiting for it at most `ms`; b"" when nothing came."""
        try:
            data = await asyncio.wait_for_ms(self._reader.read(_READ), ms)
        except asyncio.TimeoutError:
            return b""
        except OSError as e:
            raise UartError("serial port %s was lost: error %s" % (self._path, e.args[0]))
        if not data:
            raise UartError("serial port %s was lost: end of file" % self._path)
        return data

    def write(self, data):
        try:
            self._file.write(data)
        except OSError as e:
            raise UartError("serial port %s: write: %s" % (self._path, e))

    def close(self):
        self._file.close()


class Watchdog:
    """A PC under test has none."""

    def feed(self):
        pass


def restart():
    sys.exit(75)  # EX_TEMPFAIL: who started the agent starts it again
