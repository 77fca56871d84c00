"""The emulated car on pseudo-terminals, in real time or faster.

`run(scenario, ...)` starts the GPS receiver and the OBD adapter, tells where they are and runs
until it is stopped (SIGINT, SIGTERM, end of stdin if attached), also beyond the scenario's
duration: then the car stands where its route ended. A replayed capture falls silent at its end.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys

from tools.emulator.device import Device
from tools.emulator.ecu import car_ecus
from tools.emulator.elm327 import Elm327
from tools.emulator.gps import Receiver
from tools.emulator.pty import Clock, Uart
from tools.emulator.replay import Capture
from tools.emulator.scenario import PLAIN
from tools.emulator.truth import Log
from tools.emulator.vehicle import Vehicle

# An epoch is dropped, as receivers do, when the line is so many seconds behind.
_MOST_BEHIND = 1.0


class GpsPort:
    """Writes epochs to a UART at their time."""

    def __init__(self, clock, log, source, baud):
        self._clock, self._log, self._source = clock, log, source
        self.uart = Uart(clock, baud)
        self.counters = {"epochs": 0, "dropped": 0}

    async def run(self):
        for epoch in self._source.epochs():
            await self._clock.until(epoch.at)
            if self.uart.waiting > _MOST_BEHIND:
                self.counters["dropped"] += 1
                continue
            self.counters["epochs"] += 1
            self.uart.send(epoch.data, self._logger(epoch.row))

    def _logger(self, row):
        return lambda t: row is None or self._log.add(row, self._clock.utc(t))


class ObdPort:
    """Between the adapter and a UART: emissions leave at their time."""

    is_checked = False  # from the start on whoever listens at another rate hears garbage

    def __init__(self, clock, log, elm, baud):
        self._clock, self._log, self._elm = clock, log, elm
        self._pending, self._changed = [], asyncio.Event()
        self.uart = Uart(clock, baud, self._received, self.is_checked)

    async def run(self):
        while True:
            self._changed.clear()
            times = [e.at for e in self._pending[:1]]
            if self._elm.wake() is not None:
                times.append(self._elm.wake())
            delay = (min(times) - self._clock.now()) / self._clock.speed if times else None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), delay and max(delay, 0.0))
            now = self._clock.now()
            if self._elm.wake() is not None and self._elm.wake() <= now:
                self._send_due(now)
                self._take(self._elm.poll(now))
            self._send_due(now)

    def _received(self, data, t):
        self._send_due(t)
        self._take(self._elm.feed(data, t, self.uart.peer_baud()))
        self._send_due(t)
        self._changed.set()

    def _take(self, emissions):
        self._pending = list(emissions)

    def _send_due(self, t):
        while self._pending and self._pending[0].at <= t:
            emission = self._pending.pop(0)
            self.uart.send(emission.data, self._logger(emission.rows), emission.baud)

    def _logger(self, rows):
        def done(t):
            for row in rows:
                self._log.add(row, self._clock.utc(t))

        return done if rows else None


class ChipPort(ObdPort):
    """The same for a GPS receiver that is configured (device.py)."""

    is_checked = True


async def serve(scenario, truth=None, nmea=None, speed=1.0, as_json=False, attached=False):
    """Run until stopped. `truth` and `nmea` are paths; raises OSError, replay.CaptureError."""
    capture = Capture(nmea) if nmea else None
    # Everything slow comes before the clock starts.
    vehicle = Vehicle(scenario, capture.motion(scenario) if capture else None)
    log = Log(truth)
    clock = Clock(scenario.start_ms, speed)
    elm = Elm327(scenario, car_ecus(scenario, vehicle), vehicle.at)
    baud = capture.baud(scenario.gps.baud) if capture else scenario.gps.baud
    if capture is None and scenario.gps.chip != PLAIN:
        gps = ChipPort(clock, log, Device(scenario, vehicle, clock.start_ms), baud)
    else:
        source = capture or Receiver(scenario, vehicle, clock.start_ms)
        gps = GpsPort(clock, log, source, baud)
    obd = ObdPort(clock, log, elm, scenario.obd.baud)
    stop = stopped(attached)
    if as_json:
        print(json.dumps({"gps": gps.uart.path, "obd": obd.uart.path}), flush=True)
    else:
        print(f"GPS receiver  {gps.uart.path}  ({baud} baud)")
        print(f"OBD adapter   {obd.uart.path}  ({scenario.obd.baud} baud)", flush=True)
    tasks = [asyncio.create_task(port.run()) for port in (gps, obd)]
    waiting = asyncio.create_task(stop.wait())
    try:
        await _first_failure([*tasks, *gps.uart.tasks, *obd.uart.tasks], waiting)
    finally:
        for task in [*tasks, waiting]:
            task.cancel()
        await asyncio.gather(*tasks, waiting, return_exceptions=True)
        await gps.uart.close()
        await obd.uart.close()
        log.close()


async def _first_failure(tasks, waiting):
    """Wait for `waiting`; a task that fails before ends everything with its exception."""
    pending = {*tasks, waiting}
    while waiting in pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()


def stopped(attached):
    """An Event that is set by SIGINT, SIGTERM and, if attached, the end of stdin."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if attached:

        def readable():
            if not os.read(sys.stdin.fileno(), 4096):
                loop.remove_reader(sys.stdin.fileno())
                stop.set()

        loop.add_reader(sys.stdin.fileno(), readable)
    return stop


def run(scenario, **options):
    asyncio.run(serve(scenario, **options))
