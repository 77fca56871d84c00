"""The command `power`: the machine of power states, the battery by each way, what wakes the car."""

from agent import signals
from agent.console import states
from agent.console.lines import LABEL
from agent.console.show import render
from agent.console.texts import Texts
from agent.powering import Powering
from agent.vehicle.inputs import Inputs

MINUTE = 60000
CONFIG = {
    "battery": None, "battery_v": 12, "cutout_mv": None, "cutout_s": 240, "idle_s": 60,
    "linger_s": 1800, "alarm_s": 600, "heartbeat_s": 21600, "heartbeat_awake_s": 120,
    "send_s": 300, "fail_ms": 2000, "watchdog": None,
}  # fmt: skip


class Part:
    """Stands for the parts beside: nothing is kept, nothing waits, nobody orders."""

    position = state = None

    def __init__(self):
        self.storage = self
        self.readings = {}
        self.why = False

    def names(self):
        return ()

    def frames_left(self):
        return 0

    def is_busy(self):
        return self.why

    def line(self, now, text):
        pass

    def rest(self, is_parked, now):
        pass

    def value(self, signal, raw, now):
        pass

    def reading(self, signal):
        return self.readings.get(signal)


class Meter:
    """The board's own measurement."""

    millivolts = 12640

    def read(self):
        return self.millivolts


class App:
    """As much of the application as power states need; `run` goes on by seconds."""

    def __init__(self, **config):
        self.journal = self.log = self.tracking = self.ordering = Part()
        self.obd, self.gps, self.updating, self.settings = Part(), None, None, None
        self.inputs = Inputs()
        self.t = 0
        self.told = []
        wired = {name: name for name in ("ignition", "panic", "door")}
        self.powering = Powering(self, dict(CONFIG, **config), wired, None, self.event)
        self.powering.begin("start", 0)

    def now(self):
        return self.t

    def event(self, name, *fields):
        self.told.append((name,) + fields)  # noqa: RUF005

    def flush(self, now):
        pass

    def stop(self):
        pass

    def run(self, seconds, **levels):
        for _ in range(seconds):
            for name in sorted(levels):
                for late in range(0, 80, 40):
                    self.inputs.feed({name: levels[name]}, self.t + late)
                self.powering.input(name, levels[name], self.t)
            self.powering.poll(self.t)
            self.t += 1000
        return states.power(self, self.t)


def parked(**config):
    app = App(**config)
    app.run(10, ignition=True)
    app.run(12, ignition=False, panic=False, door=False)
    return app


def test_a_car_on_the_road():
    app = App()
    found = app.run(10, ignition=True)["machine"]
    assert found["state"] == "idle" and found["why"] == "start" and found["sleeps"] is None
    app.powering.gps_speed(1400, app.t)
    found = app.run(30)["machine"]
    assert (found["state"], found["why"]) == ("driving", "moving")
    assert 28000 <= found["since"] <= 30000 and found["beats"] is None


def test_a_parked_car_says_when_it_sleeps_and_what_wakes_it():
    app = parked()
    found = states.power(app, app.t)["machine"]
    assert (found["state"], found["why"], found["hold"]) == ("parked", "ignition", None)
    assert found["sleeps"] + found["since"] == 30 * MINUTE
    assert found["beats"] + found["since"] == 360 * MINUTE
    assert found["wakes"] == ["panic", "ignition", "door"] and found["unarmed"] == []
    # What is told comes true, to the second.
    before = app.run(found["sleeps"] // 1000 - 1)["machine"]
    assert before["state"] == "parked" and before["sleeps"] <= 2000
    assert app.run(3)["machine"]["state"] == "asleep"
    assert app.powering.rest[0] == 360 * MINUTE == before["timer"]
    assert [source[0] for source in app.powering.rest[1]] == before["wakes"]


def test_what_is_on_cannot_wake_and_what_holds_is_named():
    app = parked()
    found = app.run(2, door=True)["machine"]
    assert found["wakes"] == ["panic", "ignition"] and found["unarmed"] == ["door"]
    app.ordering.why = True
    assert states.power(app, app.t)["machine"]["hold"] == "order"
    app.ordering.why = False
    found = app.run(2, panic=True)["machine"]
    assert found["hold"] == "panic" and found["sleeps"] is None
    found = app.run(2, panic=False)["machine"]
    assert found["hold"] is None and found["sleeps"] > 25 * MINUTE


def test_the_cut_out():
    app = parked()
    low = signals.BATTERY_VOLTAGE
    app.powering.value(low, 12100, app.t)
    found = app.run(60)["machine"]
    assert found["cutout"] == 12200 and found["below"] == 60000 and not found["low"]
    app.t += 200000
    app.powering.value(low, 12100, app.t)
    found = states.power(app, app.t)["machine"]
    assert found["low"] and found["timer"] == 1440 * MINUTE
    assert App(battery_v=24).run(3)["machine"]["cutout"] == 24400


def test_the_battery_by_each_way_the_own_measurement_first():
    app = App()
    app.obd.readings = {signals.BATTERY_VOLTAGE: 12300}
    found = app.run(3)
    assert (found["battery"], found["measured"], found["adapter"]) == (12300, None, 12300)
    app.obd.readings[signals.by_name("module_voltage")] = 12550
    app.powering.battery = Meter()
    found = app.run(3)
    assert (found["battery"], found["measured"], found["module"]) == (12640, 12640, 12550)
    Meter.millivolts = None
    assert app.run(30)["battery"] == 12300  # an old measurement is none
    Meter.millivolts = 12640


def shown(found, language="en"):
    return list(render("power", found, Texts(language, "utf-8")))


def test_as_people_read_it():
    app = parked()
    app.obd.readings = {signals.BATTERY_VOLTAGE: 12300}
    app.obd.state = "asleep"
    app.t += 245000 - states.power(app, app.t)["machine"]["since"]
    app.inputs.feed({"door": True}, app.t)
    app.inputs.feed({"door": True}, app.t + 60)
    assert shown(states.power(app, app.t)) == [
        "state       parked  for 4 min 05 s  ignition",
        "asleep      in 25 min 55 s",
        "heartbeat   in 5 h 55 min",
        "wakes       panic, ignition, timer after 6 h 00 min",
        "cannot wake door: on already",
        "battery     12.3 V",
        "  adapter   12.3 V",
        "cut-out     12.2 V  ok",
        "ignition    off",
        "car         asleep",
    ]


def test_a_gateway_that_never_sleeps_says_so():
    app = App()
    app.powering = None
    app.obd = None
    found = states.power(app, 1000)
    assert found["machine"] is None and found["battery"] is None
    assert shown(found)[0] == "state       the gateway never sleeps (no group power)"


def test_each_state_in_each_language_fits_and_is_whole():
    app = parked()
    machine = states.power(app, app.t)["machine"]
    for language in ("en", "fr", "ar"):
        for state in ("driving", "idle", "parked", "asleep", None):
            for changes in ({}, {"low": True}, {"below": 5000}, {"failing": True, "hold": "order"}):
                found = dict(machine, state=state, **changes)
                found = {
                    "machine": found, "battery": 12100, "measured": 12100, "adapter": 12300,
                    "module": 12200, "ignition": False, "obd": "asleep",
                }  # fmt: skip
                for line in shown(found, language):
                    line = line.replace("\x1b[1;31m", "").replace("\x1b[0m", "")
                    assert len(line) <= 80 and "%s" not in line
                    assert "  " in line[:LABEL] or line[LABEL - 1] == " " or "failing" in changes
