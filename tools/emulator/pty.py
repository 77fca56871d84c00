"""A UART on a pseudo-terminal: bytes leave no faster than the baud rate carries them.

`Uart(clock, baud, on_data)` opens a pseudo-terminal in raw mode. `send(data, done)` queues
bytes; byte n leaves when its stop bit would have; `done(t)` is called after the last one.
What comes from the other side goes to `on_data(data, t)` when its last bit would have arrived.
A listener that has set its end to another rate gets garbage where `checked`, or once the rate was
changed; what it writes is for `on_data` to judge, by `peer_baud`.
While nobody has the terminal open, what is sent is lost, as on a wire without a listener: a
program that opens it later must not find old sentences.

Time is scenario time: with a clock that runs faster, so does the line.
"""

import asyncio
import contextlib
import errno
import os
import random
import select
import termios
import time
import tty
from collections import deque

from tools.emulator.line import Line, garble

_SLICE = 0.002  # s of real time: bytes of so long a span are handed over together
_LISTENER_CHECK = 0.02  # s of real time between looks whether the other side opened
_READ_SIZE = 4096
SPEEDS = {
    getattr(termios, name): int(name[1:])
    for name in dir(termios)
    if name[0] == "B" and name[1:].isdigit()
}


class Clock:
    """Scenario seconds since construction, `speed` times as fast as the wall clock."""

    def __init__(self, start_ms=None, speed=1.0):
        self.speed = speed
        self.start_ms = start_ms or time.time_ns() // 1_000_000
        self._zero = time.monotonic()

    def now(self):
        return (time.monotonic() - self._zero) * self.speed

    def utc(self, t):
        """UTC in ms at scenario second t."""
        return self.start_ms + round(t * 1000)

    async def until(self, t):
        """Wait until scenario second t."""
        await asyncio.sleep(max(0.0, (t - self.now()) / self.speed))


class Uart:
    """Needs a running asyncio loop; `tasks` run until `close`, watch them for failures."""

    def __init__(self, clock, baud, on_data=None, checked=False):
        self._clock, self._on_data = clock, on_data
        self._baud, self._checked = baud, checked
        self._rng = random.Random(0)  # of what is heard at a wrong rate
        self._out, self._in = Line(baud), Line(baud)
        self._master, slave = os.openpty()
        self.path = os.ttyname(slave)
        tty.setraw(slave)
        os.close(slave)  # stays raw; without our own handle the kernel tells who listens
        os.set_blocking(self._master, False)
        self._poll = select.poll()
        self._poll.register(self._master, 0)
        self._queue, self._wake = deque(), asyncio.Event()
        self.counters = {"sent": 0, "lost": 0, "received": 0}
        self.tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._read())]

    def send(self, data, done=None, baud=None):
        """`baud`: a new rate from these bytes on, in both directions."""
        self._queue.append((bytes(data), self._clock.now(), done, baud))
        self._wake.set()

    def peer_baud(self):
        """The rate that the other side has set its end to; None if it is none of the usual."""
        try:
            return SPEEDS.get(termios.tcgetattr(self._master)[5])
        except termios.error:  # the other side has just closed
            return None

    @property
    def waiting(self):
        """Scenario seconds that the queue will take."""
        return max(0.0, self._out.free - self._clock.now()) + sum(
            len(data) * self._out.byte_time for data, *_ in self._queue
        )

    async def close(self):
        for task in self.tasks:
            task.cancel()
        for task in self.tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        os.close(self._master)

    def _listened(self):
        return not any(event & select.POLLHUP for _, event in self._poll.poll(0))

    def _switch(self, baud):
        self._baud, self._checked = baud, True
        for line in (self._out, self._in):
            line.byte_time = Line(baud).byte_time

    async def _write(self):
        while True:
            while not self._queue:
                self._wake.clear()
                await self._wake.wait()
            data, ready, done, baud = self._queue.popleft()
            if baud and baud != self._baud:
                self._switch(baud)
            step = max(1, int(_SLICE * self._clock.speed / self._out.byte_time))
            for start in range(0, len(data), step):
                piece = data[start : start + step]
                await self._clock.until(self._out.carry(len(piece), ready))
                self._hand_over(piece)
            if done is not None:
                done(self._clock.now())

    def _hand_over(self, piece):
        peer = self.peer_baud() if self._checked else None
        if peer:
            piece = garble(piece, self._baud, peer, self._rng)
        written = 0
        if self._listened():
            # A full buffer means a listener that does not read: a UART would overrun as well.
            with contextlib.suppress(BlockingIOError):
                written = os.write(self._master, piece)
        self.counters["sent"] += written
        self.counters["lost"] += len(piece) - written

    async def _read(self):
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        while True:
            if not self._listened():
                await asyncio.sleep(_LISTENER_CHECK)
                continue
            ready.clear()
            loop.add_reader(self._master, ready.set)
            try:
                await ready.wait()
            finally:
                loop.remove_reader(self._master)
            data = self._take()
            if data and self._on_data is not None:
                self.counters["received"] += len(data)
                await self._clock.until(self._in.carry(len(data), self._clock.now()))
                self._on_data(data, self._clock.now())

    def _take(self):
        try:
            return os.read(self._master, _READ_SIZE)
        except BlockingIOError:
            return b""
        except OSError as error:
            if error.errno == errno.EIO:  # the other side closed
                return b""
            raise
