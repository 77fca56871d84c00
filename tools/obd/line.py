"""A laptop's serial line to an adapter, and the agent's own driver run over it."""

import select
import time

import serial


class LineError(Exception):
    """The serial port cannot be opened, or was lost; one line that names it."""


class Line:
    """`run(obd, seconds)` yields what the driver reports, in order."""

    def __init__(self, port, baud):
        try:
            self._serial = serial.Serial(port, baud, timeout=0, write_timeout=1)
        except (serial.SerialException, ValueError, OSError) as e:
            raise LineError(f"{port}: {getattr(e, 'strerror', None) or e}") from None
        self._port = port
        self._began = time.monotonic_ns()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._serial.close()

    def now(self):
        """ms since the line was opened."""
        return (time.monotonic_ns() - self._began) // 1_000_000

    def run(self, obd, seconds=None):
        """Events of an `agent.obd.poller.Obd`, each as it comes; for ever without `seconds`."""
        end = None if seconds is None else self.now() + round(seconds * 1000)
        obd.start(self.now())
        while end is None or self.now() < end:
            try:
                request = obd.poll(self.now())
                if request:
                    self._serial.write(request)
                yield from obd.take()
                wait = obd.wake(self.now())
                if end is not None:
                    wait = min(wait, max(0, end - self.now()))
                select.select([self._serial.fileno()], [], [], wait / 1000)
                data = self._serial.read(4096)
            except (serial.SerialException, OSError) as e:
                raise LineError(f"{self._port} was lost: {e}") from None
            yield from obd.feed(data, self.now())
