"""A laptop's line to a car, serial or CAN, and the agent's machines run over it."""

import select
import time

import serial

from agent.obd.elm327 import Elm
from agent.obd.poller import Obd
from agent.obd.scanner import Scanner

_READ = 4096  # one read; the kernel's own buffer is of this size


class LineError(Exception):
    """The port cannot be opened, or was lost; one line that names it."""


def open_line(port, baud):
    """The Line of a port: a serial port, a SocketCAN interface such as can0, or what python-can
    knows as INTERFACE:CHANNEL. Raises LineError."""
    from agent.port.socketcan import is_can

    if not is_can(port):
        return SerialLine(port, baud)
    from tools.obd.can_line import CanLine

    return CanLine(port, baud)


class Line:
    """`driver` makes the agent's driver for this kind of line."""

    driver = Elm

    def __init__(self):
        self._began = time.monotonic_ns()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def now(self):
        """ms since the line was opened."""
        return (time.monotonic_ns() - self._began) // 1_000_000

    def poller(self, settings):
        """The agent's poller for this line; raises ValueError for a bad setting."""
        return Obd(settings)

    def scanner(self, tests):
        """The agent's scanner for this line."""
        return Scanner(None, tests)

    def run(self, obd, seconds=None):
        """Events of an `agent.obd.poller.Obd`, each as it comes; for ever without `seconds`."""
        end = None if seconds is None else self.now() + round(seconds * 1000)
        obd.start(self.now())
        while end is None or self.now() < end:
            self._write(obd)
            yield from obd.take()
            data = self._read(obd, end)
            yield from obd.feed(data, self.now())

    def finish(self, machine, progress=None):
        """Runs a machine that ends by itself (a Scanner, a Talk) to its end.

        `progress(text)` is called with what is written, now and then with None.
        """
        machine.start(self.now())
        while not machine.done:
            text = self._write(machine)
            if progress:
                progress(text)
            machine.feed(self._read(machine, None), self.now())

    def _write(self, machine):
        request = machine.poll(self.now())
        if request:
            self.write(request)
        return request

    def _read(self, machine, end):
        wait = machine.wake(self.now())
        if end is not None:
            wait = min(wait, max(0, end - self.now()))
        return self.read(wait)


class SerialLine(Line):
    """`read(ms)` waits so long at most; both raise LineError."""

    def __init__(self, port, baud):
        super().__init__()
        try:
            self._serial = serial.Serial(port, baud, timeout=0, write_timeout=1)
        except (serial.SerialException, ValueError, OSError) as e:
            raise LineError(f"{port}: {getattr(e, 'strerror', None) or e}") from None
        self._port = port

    def close(self):
        self._serial.close()

    def write(self, data):
        try:
            self._serial.write(data)
        except (serial.SerialException, OSError) as e:
            raise LineError(f"{self._port} was lost: {e}") from None

    def read(self, ms):
        try:
            select.select([self._serial.fileno()], [], [], ms / 1000)
            return self._serial.read(_READ)
        except (serial.SerialException, OSError) as e:
            raise LineError(f"{self._port} was lost: {e}") from None
