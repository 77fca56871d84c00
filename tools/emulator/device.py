"""A u-blox receiver in the car: the chip says when and what, the drive's receiver fills it in.

`Device(scenario, vehicle, start_ms)` is a machine as the adapter is (elm327.py), in scenario
seconds: `feed(data, t, baud)` and `poll(t)` give Emissions, `wake()` says when `poll` is next due.
`baud` is the rate at which the other side wrote. What goes wrong by the script, beyond what
spoils the position (gps.py): resets, antenna, interference, a line that is silent, deaf or noisy.

What the line cannot carry in time is lost by whole sentences, as receivers do it.
"""

import time
from typing import NamedTuple

from agent.gps import ubx as messages
from tools.emulator.gps import Receiver
from tools.emulator.line import BITS_PER_BYTE, Line
from tools.emulator.noise import LineNoise
from tools.emulator.scenario import PLAIN
from tools.emulator.sentences import written
from tools.emulator.truth import Reader
from tools.emulator.ubx import REFUSALS, Ublox
from tools.emulator.vehicle import Vehicle

_BOOT_MS = 1000
# Bytes that wait for the line at most; a sentence that finds no room is dropped.
_BUFFER = 2048


class Emission(NamedTuple):
    at: float  # scenario second before which the first byte must not leave
    data: bytes
    rows: tuple = ()  # truth rows, without utc
    baud: int = 0  # at which it is sent


class _Drive:
    """The source of the chip's epochs (see ubx.py)."""

    def __init__(self, receiver, latency, is_gps_only):
        self.start_ms = receiver.start_ms
        self.latency = round(latency * 1000)
        self._receiver, self._is_gps_only = receiver, is_gps_only

    def sentences(self, at, period, kinds, style):
        moment = self._receiver.moment(at / 1000, period / 1000, self._is_gps_only)
        return [s for kind in kinds for s in written(kind, moment, style)]


class Device:
    """chip: the Ublox, whose `config` and `line` tell how it is set.

    counters: `epochs`; `dropped` sentences.
    """

    def __init__(self, scenario, vehicle, start_ms):
        gps = scenario.gps
        self._faults = scenario.faults
        source = _Drive(Receiver(scenario, vehicle, start_ms), gps.latency, gps.chip == "6")
        refuse = [number for name in gps.refuse for number in REFUSALS[name]]
        self.chip = Ublox(gps.chip, refuse, line=gps.baud, source=source, boot=_BOOT_MS)
        self.counters = {"epochs": 0, "dropped": 0}
        self._resets = [round(f.at * 1000) for f in self._faults.begins("gps", "reset")]
        self._reader, self._noise = Reader(), LineNoise(scenario.seed, scenario.faults)
        self._line = Line(gps.baud)

    def wake(self):
        times = [self.chip.wake(), *self._resets[:1]]
        return min(times) / 1000

    def poll(self, t):
        """Emissions that are due by second t."""
        made, now = [], int(t * 1000 + 1e-6)  # never before its time
        while (at := round(self.wake() * 1000)) <= now:
            if at in self._resets[:1]:
                self._resets.pop(0)
                self.chip.reset(at)
                continue
            self._conditions(at / 1000)
            for sent in self.chip.due(at):
                self.counters["epochs"] += 1
                made += self._emission(sent.sentences, at / 1000)
        return made

    def feed(self, data, t, baud=None):
        """Emissions that answer `data`."""
        made = self.poll(t)
        self._conditions(t)
        answers = self.chip.feed(self._noise.spoil(data, t), round(t * 1000), baud)
        return made + (self._emission([answers], t) if answers else [])

    def _conditions(self, t):
        chip, active = self.chip, self._faults.active
        antenna, jamming = active("gps", "antenna", t), active("gps", "jamming", t)
        chip.antenna = messages.ANTENNA.index(antenna.values["state"] if antenna else "ok")
        chip.jamming = messages.JAMMING.index(jamming.values["state"] if jamming else "ok")
        chip.mute = any(active("gps", kind, t) for kind in ("deaf", "unplugged"))

    def _emission(self, pieces, t):
        if any(self._faults.active("gps", kind, t) for kind in ("silent", "unplugged")):
            return []
        line, kept = self._line, []
        waiting = line.waiting(t)
        line.byte_time = BITS_PER_BYTE / self.chip.line
        line.free = t + waiting * line.byte_time  # as many bytes, at what is now the rate
        for piece in pieces:
            if line.waiting(t) + len(piece) > _BUFFER:
                self.counters["dropped"] += 1
                continue
            line.carry(len(piece), t)
            kept.append(piece)
        if not kept:
            return []
        row = self._reader.row(kept)
        data = self._noise.spoil(b"".join(kept), t)
        return [Emission(t, data, () if row is None else (row,), self.chip.line)]


def drive(scenario, start_ms=None):
    """Run the receiver through the whole scenario, without time or I/O; nobody sets it up.

    Yields (sentences of an epoch as bytes, truth row with its nominal utc). `start_ms` is the
    UTC in ms for scenarios that start "now"; by default the clock is read once.
    """
    start_ms = start_ms or scenario.start_ms or time.time_ns() // 1_000_000
    latency = scenario.gps.latency
    for at, data, row in _epochs(scenario, Vehicle(scenario), start_ms):
        if at - latency >= scenario.duration:
            return
        done = at + len(data) * BITS_PER_BYTE / scenario.gps.baud
        yield data, {**row, "utc": start_ms + round(done * 1000)}


def _epochs(scenario, vehicle, start_ms):
    if scenario.gps.chip == PLAIN:
        yield from Receiver(scenario, vehicle, start_ms).epochs()
        return
    device = Device(scenario, vehicle, start_ms)
    while device.wake() - scenario.gps.latency < scenario.duration:
        for emission in device.poll(device.wake()):
            if emission.rows:
                yield emission.at, emission.data, emission.rows[0]
