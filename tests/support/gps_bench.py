"""The agent's GPS receiver on the line of an emulated u-blox in a driving car, in virtual time."""

import json
import random

from agent.gps.fix import QUALITY_GOOD, QUALITY_NONE
from agent.gps.quality import Quality
from agent.gps.receiver import Receiver
from tools.emulator import parse
from tools.emulator.device import Device
from tools.emulator.line import BITS_PER_BYTE, Line, garble
from tools.emulator.scenario import BUNDLED
from tools.emulator.vehicle import Vehicle

NOT_BEFORE = 1_735_689_600_000  # 2025-01-01
STEP = 10  # ms between looks at the line
_TICK = 50  # ms between polls
_OBD_EVERY = 250  # ms


def scenario(chip, faults=(), base="casablanca-short", **gps):
    """A bundled drive with a fixed start and this receiver."""
    data = json.loads((BUNDLED / f"{base}.json").read_text(encoding="utf-8"))
    data["start"] = "2026-03-02T07:30:00Z"
    data["gps"] = {"chip": chip, "baud": 9600, **gps}
    data["faults"] = [{"part": "gps", "for": 1e9, **fault} for fault in faults]
    return parse(data)


class Wire:
    """One direction: bytes that left at one rate and are read at another, when they have passed."""

    def __init__(self, seed):
        self._line, self._queue = Line(9600), []
        self._rng = random.Random(seed)

    def put(self, data, t, rate):
        """`t` in s; `data` leaves at `rate` as soon as the line is free."""
        self._line.byte_time = BITS_PER_BYTE / rate
        for i in range(0, len(data), 32):
            piece = data[i : i + 32]
            self._queue.append((self._line.carry(len(piece), t), piece, rate))

    def take(self, t, rate):
        """What a listener at `rate` has heard by `t`, in pieces as they came."""
        heard = []
        while self._queue and self._queue[0][0] <= t:
            at, piece, sent = self._queue.pop(0)
            heard.append((at, garble(piece, sent, rate, self._rng)))
        return heard


class Drive:
    """`run(seconds)`; then fixes, events (of the quality), told (of the set-up), truth."""

    def __init__(self, chosen, settings, obd=True, ignition=True, hold_by_gps=True, seed=1):
        self.scenario = chosen
        self.car = Vehicle(chosen)
        self.plane = self.car.motion.projection
        self.start = chosen.start_ms
        self.device = Device(chosen, self.car, self.start)
        self.quality = Quality(None, NOT_BEFORE, hold_by_gps=hold_by_gps)
        self.agent = Receiver(settings, self.quality)
        self.settings = settings
        self.now = 0
        self.fixes, self.events, self.told, self.log = [], [], [], []
        self.truth = {}  # (fix_utc) -> row
        self._obd, self._ignition = obd, ignition
        self._down, self._up = Wire(f"{seed}/down"), Wire(f"{seed}/up")

    @property
    def chip(self):
        return self.device.chip

    def run(self, seconds):
        end = self.now + round(seconds * 1000)
        while self.now < end:
            self._step()
            self.now += STEP
        return self

    def until(self, name, limit=120):
        """Run until the set-up has told `name` once more; the second when it did."""
        before = self.count(name)
        end = self.now + limit * 1000
        while self.count(name) == before:
            assert self.now < end, (name, self.told)
            self.run(STEP / 1000)
        return self.now / 1000

    def count(self, name):
        return sum(e[0] == name for e in self.told)

    def _step(self):
        now = self.now
        if now % _TICK == 0:
            state = self.car.at(now / 1000)
            if self._ignition:
                self.quality.ignition(state.ignition, now)
            if self._obd and state.ignition and now % _OBD_EVERY == 0:
                kmh = round(state.wheel_speed)  # what PID 0D has room for
                self.quality.obd_speed(kmh * 100_000 // 3600, now)
        self._send(self.device.poll(now / 1000))
        for _, data in self._up.take(now / 1000, self.chip.line):
            # Its rate has done its harm already.
            self._send(self.device.feed(data, now / 1000, self.chip.line))
        for at, data in self._down.take(now / 1000, self.rate):
            self._take(self.agent.feed(data, round(at * 1000)))
        self._take(self.agent.poll(now))
        self._write(now)
        self.told += self.agent.take_events()
        reckoned = self.quality.poll(now)
        self._take([] if reckoned is None else [reckoned])

    def _write(self, now):
        # A set-up that keeps writing at one moment would be a loop without end.
        for _ in range(20):
            data = self.agent.output(now)
            if not data:
                return
            self._up.put(data, now / 1000, self.rate)
        raise AssertionError("the set-up writes without end")

    @property
    def rate(self):
        return self.agent.baud(self.now)

    def _send(self, emissions):
        for emission in emissions:
            self._down.put(emission.data, emission.at, emission.baud)
            for row in emission.rows:
                if row["fix_utc"] is not None:
                    self.truth[row["fix_utc"]] = row

    def _take(self, fixes):
        for fix in fixes:
            self.fixes.append((fix, self.quality.time))
        for event in self.quality.take_events():
            self.events.append(event)
            self.log.append((len(self.fixes), event))

    # What came of it

    def between(self, begin, end):
        """Fixes of these seconds, as they came."""
        return [fix for fix, _ in self.fixes if begin * 1000 <= fix.t < end * 1000]

    def good(self, begin=0, end=1e9):
        return [fix for fix in self.between(begin, end) if fix.quality == QUALITY_GOOD]

    def placed(self, begin=0, end=1e9):
        return [fix for fix in self.between(begin, end) if fix.quality != QUALITY_NONE]

    def error(self, fix):
        """Metres between a fix and where the car truly was at its time."""
        utc = fix.utc
        state = self.car.at(fix.t / 1000 if utc is None else (utc - self.start) / 1000)
        x, y = self.plane.metres(fix.lat / 1e6, fix.lon / 1e6)
        x0, y0 = self.plane.metres(state.lat, state.lon)
        return ((x - x0) ** 2 + (y - y0) ** 2) ** 0.5

    def named(self, name):
        """Events of the quality of that name."""
        return [e for e in self.events if e[0] == name]
