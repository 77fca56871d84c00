"""Talks to the emulated adapter in simulated time."""

import json

from tools.emulator import parse
from tools.emulator.ecu import car_ecus
from tools.emulator.elm327 import Elm327
from tools.emulator.line import Line
from tools.emulator.scenario import BUNDLED
from tools.emulator.vehicle import Vehicle


def scenario(**sections):
    """A short drive in Casablanca with a fixed start; sections replace or extend its own."""
    data = json.loads((BUNDLED / "casablanca-short.json").read_text(encoding="utf-8"))
    data["start"] = "2026-03-02T07:30:00Z"
    for key, value in sections.items():
        data[key] = {**data[key], **value} if isinstance(data.get(key), dict) else value
    return parse(data)


def fault(part, kind, at, length=1e9, **values):
    return {"part": part, "kind": kind, "at": at, "for": length, **values}


def engine_off(state):
    """Ignition on, engine off."""
    return state._replace(rpm=0.0)


class Bench:
    """An adapter on a car. `state` is a function State -> State that changes what is true of it;
    the further keys are those of a scenario's section `obd`."""

    def __init__(self, adapter="clone", faults=(), car=None, state=None, **obd):
        self.scenario = scenario(
            obd={"adapter": adapter, "stored": [], "pending": [], **obd},
            faults=list(faults),
            car=car or {},
        )
        self.car = Vehicle(self.scenario)
        self.state_at = (lambda t: state(self.car.at(t))) if state else self.car.at
        self.elm = Elm327(self.scenario, car_ecus(self.scenario, self.car), self.state_at)
        self.now = 1.0
        self.rows, self.emissions = [], []

    def ask(self, text):
        """The answer to a line: all that the adapter says to it."""
        return self.timed(text)[0]

    def timed(self, text):
        """The answer, and the seconds until its last piece may leave."""
        self.emissions = self.elm.feed(text.encode() + b"\r", self.now)
        self.rows = [row for e in self.emissions for row in e.rows]
        last = self.emissions[-1].at if self.emissions else self.now
        seconds, self.now = last - self.now, last + 0.2
        return b"".join(e.data for e in self.emissions).decode("latin-1"), seconds

    def lines(self, text):
        """The answer's lines, without the prompt."""
        return [line for line in self.ask(text).rstrip(">").split("\r") if line]

    def quiet(self, *more):
        for command in ("ATE0", "ATS0", *more):
            self.ask(command)
        return self

    def at(self, second):
        """Lets time pass; what the adapter has said by itself."""
        self.now = float(second)
        return b"".join(e.data for e in self.elm.poll(self.now)).decode("latin-1")

    def payload(self, text, ecu="7E8"):
        """The one ISO-TP payload that an ECU answers with; needs ATH1, ATS0."""
        frames = [bytes.fromhex(x[len(ecu) :]) for x in self.lines(text) if x.startswith(ecu)]
        assert frames, f"{ecu} is silent"
        if frames[0][0] < 8:
            return frames[0][1 : 1 + frames[0][0]]
        size = (frames[0][0] & 0x0F) << 8 | frames[0][1]
        assert [f[0] & 0x0F for f in frames[1:]] == [n & 0x0F for n in range(1, len(frames))]
        return (frames[0][2:] + b"".join(f[1:] for f in frames[1:]))[:size]


def rate(bench, request, seconds=20.0):
    """Requests a second, one after the other, over a UART of the adapter's baud rate."""
    bench.now += 1.0
    start = now = bench.now
    to, back = Line(bench.elm.baud), Line(bench.elm.baud)
    asked = 0
    while now < start + seconds:
        arrived = to.carry(len(request) + 1, now)
        for emission in bench.elm.feed(request.encode() + b"\r", arrived):
            now = back.carry(len(emission.data), emission.at)
        assert emission.data.endswith(b">"), emission
        asked += 1
    bench.now = now + 1.0
    return asked / (now - start)
