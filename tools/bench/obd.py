"""How many values a second the OBD driver gets out of a paced adapter, and how fresh they are.

The emulated adapter (`tools/emulator/elm327.py`), its UART at a baud rate in both directions and
ECUs that take 10 ms (the engine's alone, and with the transmission's, which answers as well) run
under virtual time, so the figures are the protocol's, not this machine's. Three testers take turns
on the same car, all for RPM, speed, coolant, load, throttle and fuel:

    driver          agent/obd as the agent runs it, each signal as fast as it can
    one_pid_digit   one PID a request with the number of frames to wait for, spaces on: what the
                    best-known Python client reaches at best
    one_pid         the same without the digit: the adapter waits out ATST after each answer
"""

import json
import re

from agent import signals
from agent.obd.poller import Obd
from tools.emulator.ecu import car_ecus
from tools.emulator.elm327 import Elm327
from tools.emulator.line import Line
from tools.emulator.scenario import BUNDLED, parse
from tools.emulator.vehicle import Vehicle

BAUDS = (38400, 115200)
ST_MS = (40, 200)
ECUS = (1, 2)
LATENCY = 0.010  # s, of the ECU
SIGNALS = ("rpm", "speed", "coolant", "load", "throttle", "fuel")
_PIDS = (0x0C, 0x0D, 0x05, 0x04, 0x11, 0x2F)
_ST_UNIT_MS = 4.096
_WARM_UP = 20.0  # s: set-up, search, supported PIDs, what is probed once per adapter
_SECONDS = 60.0
_POINTS = 20  # moments between two values at which a change is imagined


class _Adapter(Elm327):
    """An ELM327 whose wait is another one after each reset, too."""

    def __init__(self, scenario, ecus, state_at, st_ms):
        self._units = max(1, round(st_ms / _ST_UNIT_MS))
        super().__init__(scenario, ecus, state_at)

    def defaults(self):
        super().defaults()
        self.settings.timeout = self._units


class _OnePid:
    """Asks for one PID after the other."""

    def __init__(self, digit):
        suffix = b"1" if digit else b""
        self._requests = [b"01%02X%s\r" % (pid, suffix) for pid in _PIDS]
        self._script = [b"ATZ\r", b"ATE0\r", b"ATH1\r", b"ATL0\r", b"ATSP0\r", b"0100\r"]
        self._text = b">"
        self._next = 0

    def poll(self, now):
        if b">" not in self._text:
            return None
        self._text = b""
        if self._script:
            return self._script.pop(0)
        self._next += 1
        return self._requests[self._next % len(self._requests)]

    def feed(self, data, now):
        """Events as the driver's: a value for each answer."""
        self._text += data
        if b">" not in self._text or self._script:
            return []
        found = re.findall(rb"41 ([0-9A-F]{2})", self._text)
        return [("value", int(pid, 16), 0, now) for pid in found if int(pid, 16) in _PIDS]

    def wake(self, now):
        return 1000


class _Run:
    """A tester and the adapter on one line, under virtual time in seconds."""

    def __init__(self, tester, baud, st_ms, ecus):
        data = json.loads((BUNDLED / "casablanca-short.json").read_text(encoding="utf-8"))
        data["faults"] = []
        data["obd"] = {"baud": baud, "latency": LATENCY, "jitter": 0.0}
        scenario = parse(data)
        vehicle = Vehicle(scenario)
        present = car_ecus(scenario, vehicle)[:ecus]
        self._elm = _Adapter(scenario, present, vehicle.at, st_ms)
        self._tester = tester
        self._there, self._back = Line(baud), Line(baud)
        self._asked = []  # (second, bytes) on their way to the adapter
        self._pending = []  # the adapter's emissions
        self._coming = []  # (second, bytes) on their way to the tester
        self.values = []  # (signal or PID, second it came, second its request was through)
        self._through = 0.0
        self.now = 0.0

    def run(self, until):
        while self.now < until:
            self._write()
            wake = self.now + self._tester.wake(self._ms()) / 1000
            times = [wake, *(row[0] for row in self._asked[:1] + self._coming[:1])]
            times += [emission.at for emission in self._pending[:1]]
            if self._elm.wake() is not None:
                times.append(self._elm.wake())
            self.now = max(self.now, min(times)) if min(times) > self.now else self.now + 0.0001
            self._step()
        return self

    def _ms(self):
        return round(self.now * 1000)

    def _write(self):
        while data := self._tester.poll(self._ms()):
            self._asked.append((self._there.carry(len(data), self.now), data))

    def _step(self):
        self._send_due()
        while self._asked and self._asked[0][0] <= self.now:
            self._through, data = self._asked.pop(0)
            self._pending = list(self._elm.feed(data, self.now))
            self._send_due()
        if self._elm.wake() is not None and self._elm.wake() <= self.now:
            self._pending = list(self._elm.poll(self.now))
            self._send_due()
        data = b""
        while self._coming and self._coming[0][0] <= self.now:
            data += self._coming.pop(0)[1]
        for event in self._tester.feed(data, self._ms()):
            if event[0] == "value":
                self.values.append((event[1], self.now, self._through))

    def _send_due(self):
        while self._pending and self._pending[0].at <= self.now:
            emission = self._pending.pop(0)
            through = self._back.carry(len(emission.data), emission.at)
            self._coming.append((through, emission.data))


def measure(tester, baud, st_ms, ecus=1, seconds=_SECONDS):
    """[(signal, when, when its request was through)] of `seconds` after the warm-up."""
    run = _Run(tester, baud, st_ms, ecus).run(_WARM_UP + seconds)
    return [row for row in run.values if row[1] >= _WARM_UP]


def driver():
    """The agent's driver with nothing but the six signals."""
    obd = Obd({"signals": SIGNALS, "periods": dict.fromkeys(SIGNALS, 0), "status_ms": 0,
               "dtc_ms": 0, "vin": False, "voltage_ms": 0})  # fmt: skip
    obd.start(0)
    return obd


def latencies(rows, signal):
    """ms from a change in the car to the value that shows it, for changes at any moment."""
    own = [row for row in rows if row[0] == signal]
    found = []
    for before, row in zip(own, own[1:], strict=False):
        for i in range(_POINTS):
            at = before[2] + (row[2] - before[2]) * (i + 0.5) / _POINTS
            found.append((row[1] - at) * 1000)
    return sorted(found)


def _row(ecus, baud, st_ms):
    own = measure(driver(), baud, st_ms, ecus)
    rate = len(own) / _SECONDS
    digit = len(measure(_OnePid(True), baud, st_ms, ecus)) / _SECONDS
    plain = len(measure(_OnePid(False), baud, st_ms, ecus)) / _SECONDS
    delays = latencies(own, signals.by_name("speed"))
    return {
        "ecus": ecus,
        "baud": baud,
        "st_ms": st_ms,
        "values_per_second": round(rate, 1),
        "one_pid_digit_per_second": round(digit, 1),
        "one_pid_per_second": round(plain, 1),
        "vs_one_pid_digit": round(rate / digit, 2),
        "vs_one_pid": round(rate / plain, 1),
        "speed_latency_p50_ms": round(delays[len(delays) // 2], 1),
        "speed_latency_p99_ms": round(delays[len(delays) * 99 // 100], 1),
    }


def run():
    rows = [_row(ecus, baud, st_ms) for ecus in ECUS for baud in BAUDS for st_ms in ST_MS]
    slowest = max(row["speed_latency_p50_ms"] for row in rows)
    return {"rows": rows, "ecu_latency_ms": LATENCY * 1000, "speed_latency_p50_ms": slowest}
