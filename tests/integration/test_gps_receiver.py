"""The agent's GPS receiver with its set-up against an emulated u-blox, and a real gpsd.

The u-blox and the line are machines under simulated time; a UART at the wrong rate hears garbage.
"""

import json
import os
import random
import tty

import pytest

from agent.gps import setup
from agent.gps.gpsd import Gpsd
from agent.gps.receiver import Receiver
from agent.gps.settings import Settings
from agent.gps.ubx_setup import (
    CFG_NAV5,
    CFG_PRT,
    CFG_VALSET,
    KEY_BAUD,
    KEY_ITFM,
    KEY_PERIOD,
    SENTENCES,
)
from tests.support import gpsd
from tools.emulator.line import garble
from tools.emulator.ubx import GENERATIONS, Ublox

_STEP = 10  # ms of simulated time


class Line:
    """A receiver and the agent on one UART. Chunks are cut at random, as reads are."""

    def __init__(self, device, settings=None, seed=1):
        self.device, self.now = device, 0
        self.agent = Receiver(settings or Settings())
        self.events, self.fixes, self.rates = [], [], []
        self.written = 0
        self._rng = random.Random(seed)

    def run(self, ms):
        end = self.now + ms
        while self.now < end:
            self.step()
            self.now += _STEP
        return self

    def step(self):
        now = self.now
        self.hear(self.device.poll(now))
        self.fixes += self.agent.poll(now)
        # A set-up that keeps writing at one moment would be a loop without end.
        for _ in range(20):
            data = self.agent.output(now)
            if not data:
                break
            self.written += len(data)
            self.hear(self.device.feed(data, now, self.rate))
        else:
            raise AssertionError("the set-up writes without end")
        self.events += self.agent.take_events()
        if not self.rates or self.rates[-1] != self.rate:
            self.rates.append(self.rate)

    @property
    def rate(self):
        return self.agent.baud(self.now)

    def hear(self, data):
        data = garble(data, self.device.line, self.rate, self._rng)
        while data:
            n = self._rng.randrange(1, 200)
            self.fixes += self.agent.feed(data[:n], self.now)
            data = data[n:]

    def names(self):
        return [e[0] for e in self.events]

    @property
    def state(self):
        return self.agent.setup.state


def _assert_as_wanted(line, settings):
    device = line.device
    assert line.state == setup.RUN, line.events
    assert device.line == line.rate == settings.baud
    config = device.config
    assert config.period == settings.period and config.model == settings.model
    assert {kind.encode() for kind in config.kinds()} == set(settings.sentences)


@pytest.mark.parametrize("generation", ["6", "8", "9", "10"])
@pytest.mark.parametrize("baud", [115200, 9600, 38400, 4800, 460800])
def test_found_at_any_rate_and_configured(generation, baud):
    settings = Settings(period=200)
    line = Line(Ublox(generation, line=baud), settings).run(45_000)
    _assert_as_wanted(line, settings)
    assert ("receiver", GENERATIONS[generation][0], line.events[1][2]) == line.events[1]
    configured = [e for e in line.events if e[0] == "configured"]
    assert len(configured) == 1 and configured[0][1] == 0
    before = len(line.fixes)
    line.run(10_000)
    assert 49 <= len(line.fixes) - before <= 51
    assert all(f.valid and f.lat == 33587333 for f in line.fixes[before:])
    assert line.agent.counters["resets"] == 0 and line.agent.counters["lost"] == 0


def test_a_default_m8_is_ready_within_ten_seconds():
    line = Line(Ublox("8"))
    while line.state != setup.RUN:
        line.run(_STEP)
    assert line.now < 10_000


@pytest.mark.parametrize("generation", ["8", "10"])
def test_an_acknowledgement_at_the_old_rate_is_taken_as_well(generation):
    settings = Settings()
    line = Line(Ublox(generation, early=True, line=9600), settings).run(40_000)
    _assert_as_wanted(line, settings)
    assert line.agent.counters["unanswered"] == 0


@pytest.mark.parametrize("generation", ["8", "10"])
def test_lost_messages_are_sent_again(generation):
    settings = Settings()
    line = Line(Ublox(generation, deaf=2), settings).run(45_000)
    _assert_as_wanted(line, settings)


def test_a_receiver_that_takes_nothing_in_is_used_as_it_is():
    line = Line(Ublox("10", mute=True, line=9600)).run(40_000)
    assert line.state == setup.PLAIN and line.rate == 9600
    assert line.events[1][:2] == ("receiver", "")
    written, fixes = line.written, len(line.fixes)
    line.run(20_000)
    assert line.written <= written + 8 and len(line.fixes) - fixes == 20


@pytest.mark.parametrize(
    ("generation", "refuse", "step"),
    [
        ("10", KEY_ITFM, "jamming"),
        ("10", KEY_BAUD, "port"),
        ("8", CFG_PRT, "port"),
        ("8", CFG_NAV5, "model"),
    ],
)
def test_what_is_refused_is_told_and_the_rest_done(generation, refuse, step):
    line = Line(Ublox(generation, refuse=[refuse], line=38400)).run(40_000)
    assert ("refused", step) in [e[:2] for e in line.events]
    assert ("configured", 1) in [e[:2] for e in line.events]
    assert line.state == setup.RUN and line.rate == (38400 if step == "port" else 115200)
    assert line.agent.counters["resets"] == 0


def test_all_is_refused():
    line = Line(Ublox("10", refuse=[CFG_VALSET])).run(120_000)
    assert line.state == setup.RUN and line.rate == 38400
    assert line.names().count("configured") == 1 and line.agent.counters["resets"] == 0
    assert len(line.fixes) > 100


@pytest.mark.parametrize("generation", ["6", "8", "10"])
@pytest.mark.parametrize("saved", [False, True])
def test_after_a_reset_it_is_configured_again(generation, saved):
    settings = Settings(period=200, save=saved)
    line = Line(Ublox(generation), settings).run(40_000)
    _assert_as_wanted(line, settings)
    line.device.reset(line.now)
    line.run(60_000)
    _assert_as_wanted(line, settings)
    assert line.names().count("configured") == 2
    assert line.names().count("lost") == (0 if saved else 1)
    if saved:
        assert ("reset", "banner") in [e[:2] for e in line.events]


def test_a_reset_at_the_same_rate_shows_by_the_banner():
    settings = Settings(baud=38400)
    line = Line(Ublox("10"), settings).run(15_000)
    _assert_as_wanted(line, settings)
    line.device.reset(line.now)
    line.run(3000)
    assert ("reset", "banner") in [e[:2] for e in line.events]
    _assert_as_wanted(line.run(3000), settings)


def test_sentences_that_came_back_without_a_banner():
    settings = Settings()
    line = Line(Ublox("8"), settings).run(20_000)
    line.device.config.set(next(key for name, _, key in SENTENCES if name == b"GSV"), 1)
    line.run(10_000)
    assert ("reset", "sentences") in [e[:2] for e in line.events]
    _assert_as_wanted(line, settings)


def test_the_epoch_rate_that_came_back():
    settings = Settings(period=200)
    line = Line(Ublox("10"), settings).run(20_000)
    line.device.config.set(KEY_PERIOD, 1000)
    line.run(15_000)
    assert ("reset", "rate") in [e[:2] for e in line.events]
    _assert_as_wanted(line, settings)


def test_switched_off_for_long_and_on_again():
    settings = Settings()
    line = Line(Ublox("8"), settings).run(20_000)
    line.device.on = False
    line.run(300_000)
    assert line.names().count("lost") == 1 and line.agent.counters["searches"] > 5
    line.device.on = True
    line.device.reset(line.now)
    line.run(40_000)
    _assert_as_wanted(line, settings)


def test_antenna_and_jamming():
    line = Line(Ublox("10")).run(20_000)
    found = [e[:2] for e in line.events if e[0] in ("antenna", "jamming")]
    assert found == [("antenna", "ok"), ("jamming", "ok")]
    line.device.antenna, line.device.jamming = 3, 3
    line.run(20_000)
    found = [e[:2] for e in line.events if e[0] in ("antenna", "jamming")][2:]
    assert found == [("antenna", "short"), ("jamming", "critical")]


def test_without_settings_nothing_is_written():
    device = Ublox("8", line=9600)
    agent = Receiver()
    fixes = []
    for now in range(0, 10_000, _STEP):
        fixes += agent.feed(device.poll(now), now) + agent.poll(now)
        assert agent.output(now) is None and agent.baud(now) is None
    assert len(fixes) == 10


@pytest.mark.parametrize("seed", range(12))
def test_resets_at_any_moment_end_well(seed):
    """Supply failures during the search and each step; after the last all is as wanted."""
    rng = random.Random(seed)
    settings = Settings(period=rng.choice((200, 500, 1000)), save=rng.random() < 0.5)
    device = Ublox(rng.choice(list(GENERATIONS)), early=rng.random() < 0.5)
    line = Line(device, settings, seed)
    for _ in range(4):
        line.run(rng.randrange(10, 20_000))
        device.reset(line.now)
        device.deaf = rng.randrange(4)
    # The pause between configurations may have grown to 160 s.
    line.run(400_000)
    _assert_as_wanted(line, settings)
    assert len(line.agent.setup.events) == 0


# --- a real gpsd ---


@pytest.fixture
def terminal():
    """(master, path of the other side) of a pseudo-terminal."""
    if gpsd.find() is None:
        pytest.skip(gpsd.HOW_TO_GET_IT)
    master, slave = os.openpty()
    tty.setraw(slave)
    try:
        yield master, os.ttyname(slave)
    finally:
        os.close(master)
        os.close(slave)


def test_a_real_gpsd_gives_the_same_fixes(terminal):
    master, path = terminal
    device, direct, machine = Ublox("8"), Receiver(), Gpsd()
    wanted, got, raw = [], [], b""
    with gpsd.RealGpsd(path) as real, real.connect() as connection:
        connection.settimeout(0.1)
        machine.connected(0)
        for now in range(300, 12_300, 250):  # a little faster than life
            data = device.poll(now)
            os.write(master, data)
            wanted += direct.feed(data, now) + direct.poll(now)
            out = machine.poll(now)
            if out:
                connection.sendall(out)
            try:
                data = connection.recv(65536)
                raw += data
                got += machine.feed(data, now)
            except TimeoutError:
                pass
    by_time = {f.tod: f for f in wanted if f.valid}
    positions = [f for f in got if f.valid]
    assert len(positions) >= 5, (machine.counters, raw[-2000:])
    for fix in positions:
        other = by_time[fix.tod]
        assert abs(fix.lat - other.lat) <= 1 and abs(fix.lon - other.lon) <= 1
        assert abs(fix.speed - other.speed) <= 1 and abs(fix.heading - other.heading) <= 1
        # Until gpsd has learned which sentence ends a cycle it reports the first one by itself.
        if fix is not positions[0]:
            assert abs(fix.alt - other.alt) <= 1 and fix.mode == other.mode
    assert positions[-1].hdop == 90 and positions[-1].sats is not None
    assert machine.version == json.loads(raw.splitlines()[0])["release"]
    assert machine.counters["malformed"] == machine.counters["field"] == 0, machine.last_error
