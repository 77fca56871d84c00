"""The agent's OBD machine on the emulated adapter under virtual time, serial line and all.

    with Drive(bench.scenario(...)) as drive:              this process
    with Drive(scenario, "micropython", heap="256K"):      the machine in a process of its own
        drive.run(30.0)
        drive.events, drive.requests, drive.commands

Nothing is paced by a clock: an hour of driving takes as long as it takes to compute.
"""

import json
import subprocess
import sys

from agent.obd.poller import Obd
from tools import interpreter
from tools.emulator.ecu import car_ecus
from tools.emulator.elm327 import Elm327
from tools.emulator.line import Line, garble
from tools.emulator.vehicle import Vehicle

_STEP = 0.0005  # s that a call of the machine takes at least


class _Here:
    """The machine in this process."""

    def __init__(self, settings):
        self.obd = Obd(settings)
        self.obd.start(0)

    def step(self, now, data):
        events = list(self.obd.feed(data, now))
        out = self.obd.poll(now)
        events += self.obd.take()
        return out or b"", self.obd.wake(now), events

    def close(self):
        pass


class _Child:
    """The machine in a process of its own: see obd_peer.py."""

    def __init__(self, name, settings, heap):
        program = [sys.executable]
        if name == "micropython":
            program = [interpreter.find(), "-X", f"heapsize={heap}"]
        self._process = subprocess.Popen(
            [*program, "tests/support/obd_peer.py", json.dumps(settings)],
            cwd=interpreter.ROOT, env=interpreter.environment(), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def ask(self, line):
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()

    def step(self, now, data):
        answer = self.ask(f"{now} {data.hex() or '-'}")
        out, _, rest = answer.partition(" ")
        wake, _, events = rest.partition(" ")
        try:
            return bytes.fromhex(out.replace("-", "")), int(wake), json.loads(events)
        except ValueError:
            raise AssertionError(answer + (self._process.stdout.read() or "")) from None

    def close(self):
        self._process.stdin.close()
        self._process.wait(10)


class Drive:
    """`events`: what the machine has told, `written`: [(second, bytes)] what it wrote, `asked`:
    [(second, bytes)] requests that the emulated bus has seen. Seconds are those of the scenario."""

    def __init__(self, scenario, interpreter_name=None, settings=None, heap="320K"):
        vehicle = Vehicle(scenario)
        self.elm = Elm327(scenario, car_ecus(scenario, vehicle), vehicle.at)
        self._watch_bus()
        self._rates = [scenario.obd.baud, scenario.obd.baud]  # the machine's, the adapter's
        self._there = Line(scenario.obd.baud)
        self._back = Line(scenario.obd.baud)
        self._sent, self._pending, self._coming = [], [], []
        self.now = 0.0
        self.events, self.written, self.asked = [], [], []
        self.slowest = 0  # ms, the longest that the machine ever wanted to wait
        settings = settings or {}
        if interpreter_name:
            self.peer = _Child(interpreter_name, settings, heap)
        else:
            self.peer = _Here(settings)
        self._wake = 0.0

    def _watch_bus(self):
        ask = self.elm.bus.ask

        def watched(data, start, settings, number):
            self.asked.append((start, bytes(data)))
            return ask(data, start, settings, number)

        self.elm.bus.ask = watched

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.peer.close()

    # Time

    def run(self, until):
        while self.now < until:
            times = [self._wake, *(row[0] for row in self._sent[:1] + self._coming[:1])]
            times += [emission.at for emission in self._pending[:1]]
            if self.elm.wake() is not None:
                times.append(self.elm.wake())
            self.now = max(min(min(times), until), self.now + _STEP)
            self._adapter()
            self._machine()
        return self

    def _adapter(self):
        self._send_due()
        while self._sent and self._sent[0][0] <= self.now:
            _, data, rate = self._sent.pop(0)
            self._pending = list(self.elm.feed(data, self.now, rate))
            self._send_due()
        if self.elm.wake() is not None and self.elm.wake() <= self.now:
            self._pending = list(self.elm.poll(self.now))
            self._send_due()

    def _send_due(self):
        while self._pending and self._pending[0].at <= self.now:
            emission = self._pending.pop(0)
            self._back.byte_time = 10 / (emission.baud or self._rates[1])
            through = self._back.carry(len(emission.data), emission.at)
            self._coming.append((through, emission.data, emission.baud))

    def _machine(self):
        data = b""
        while self._coming and self._coming[0][0] <= self.now:
            _, piece, rate = self._coming.pop(0)
            data += garble(piece, rate or self._rates[0], self._rates[0], self.elm.bus._random)
        if not data and self.now < self._wake:
            return
        for _ in range(8):
            out, wake, events = self.peer.step(round(self.now * 1000), data)
            self.slowest = max(self.slowest, wake)
            self._told(events)
            if out:
                self.written.append((self.now, out))
                through = self._there.carry(len(out), self.now)
                self._sent.append((through, out, self._rates[0]))
            data = b""
            if not out:
                break
        self._wake = self.now + max(wake, 1) / 1000

    def _told(self, events):
        for event in events:
            event = tuple(event)
            if event[0] == "baud":
                self._rates[0] = event[1]
                self._there.byte_time = 10 / event[1]
            self.events.append(event)

    # What came of it

    def of(self, kind, since=0.0):
        return [event for event in self.events if event[0] == kind and event[-1] >= since * 1000]

    def values(self, signal, since=0.0):
        return [event for event in self.of("value", since) if event[1] == signal]

    def states(self):
        return [event[1] for event in self.of("state")]

    def commands(self, since=0.0):
        """What was written, as text."""
        return [data.decode().strip() for at, data in self.written if at >= since]
