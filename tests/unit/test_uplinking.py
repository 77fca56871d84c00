"""agent/uplinking.py: between drivers, machine and link; the car's journal is in memory."""

import asyncio

from agent import port
from agent.comms.link import ONLINE
from agent.console.show import render
from agent.console.texts import Texts
from agent.uplink_settings import check
from agent.uplinking import Uplinking
from tests.support.simdisk import SimDisk


class Driver:
    """Says what a test puts into `said`."""

    def __init__(self, name, config):
        self.name = name
        self.patience = 60000
        self.said = None
        self.told = []
        self.counters = {"tries": 0}
        self.modem = self
        self.pin_refused = False

    def start(self, now):
        self.told.append("start")

    def stop(self, now):
        self.told.append("stop")
        self.said = None

    def poll(self, now):
        return self.said

    def signal(self):
        return -70

    async def off(self):
        self.told.append("off")


class Link:
    def __init__(self):
        self.causes = {}
        self.state = ONLINE
        self.proved = False
        self.flying = (0, 0)

    def outstanding(self):
        return self.flying


class App:
    """`uplink` keeps what it was told; it is its own log and journal."""

    def __init__(self, disk=None):
        self.link = Link()
        self.time = 0
        self.told = []
        self.lines = []
        self.uplink = self.log = self.journal = self
        self.storage = disk or SimDisk()

    def now(self):
        return self.time

    def line(self, now, text):
        self.lines.append(text)

    def fault(self, *args):
        self.lines.append(args)

    def cut(self):
        self.told.append("cut")

    def mend(self):
        self.told.append("mend")


def rig(disk=None, **lte):
    """(application, Uplinking, {name: driver})"""
    made = {}

    def make(name, config):
        made[name] = Driver(name, config)
        return made[name]

    raw = {
        "order": ["wifi", "lte"],
        "wifi": {"networks": [{"ssid": "depot"}]},
        "lte": dict(port="uart0:48:47", **lte),
    }
    app = App(disk)
    real = port.uplink_driver
    port.uplink_driver = make
    try:
        return app, Uplinking(app, check(raw, "uplink")), made
    finally:
        port.uplink_driver = real


def test_the_link_waits_until_there_is_a_way():
    app, uplinking, drivers = rig()
    assert app.told == ["cut"]
    uplinking.poll(0)
    assert drivers["wifi"].told == ["start"] and drivers["lte"].told == []
    drivers["wifi"].said = "up"
    uplinking.poll(1000)
    assert app.told == ["cut", "mend"]
    assert app.lines == ["uplink: wifi is used"]


def test_a_way_that_goes_takes_the_connection_along():
    app, uplinking, drivers = rig()
    uplinking.poll(0)
    drivers["wifi"].said = "up"
    uplinking.poll(1000)
    drivers["wifi"].said = "lost"
    uplinking.poll(2000)
    assert app.told[-1] == "cut" and drivers["wifi"].told[-1] == "stop"
    assert drivers["lte"].told == ["start"]
    assert app.lines[-1] == "uplink: wifi ends: lost"


def test_failures_of_the_link_are_counted_once():
    app, uplinking, drivers = rig()
    uplinking.poll(0)
    drivers["wifi"].said = "up"
    uplinking.poll(1000)
    app.link.causes = {"network": 2, "tls": 9}
    for now in range(2000, 60000, 1000):
        uplinking.poll(now)
    assert uplinking.counters()["used"] == "wifi"
    app.link.causes["network"] = 3
    uplinking.poll(60000)
    assert uplinking.counters()["used"] is None
    assert uplinking.counters()["ended_link"] == 1


def test_what_failed_before_there_was_a_way_is_not_the_ways():
    app, uplinking, drivers = rig()
    app.link.causes = {"network": 50}
    uplinking.poll(0)
    drivers["wifi"].said = "up"
    for now in range(1000, 5000, 1000):
        uplinking.poll(now)
    assert uplinking.counters()["used"] == "wifi"


def test_a_change_waits_for_what_is_under_way():
    app, uplinking, drivers = rig()
    uplinking.poll(0)
    drivers["wifi"].said = "away"
    uplinking.poll(1000)
    drivers["lte"].said = "up"
    uplinking.poll(2000)
    app.link.proved = True
    app.link.flying = (1, 3)
    uplinking.poll(310000)
    drivers["wifi"].said = "up"
    uplinking.poll(311000)
    uplinking.poll(330000)
    assert uplinking.counters()["used"] == "lte"
    app.link.flying = (0, 0)
    uplinking.poll(331000)
    assert uplinking.counters()["used"] == "wifi" and app.lines[-2] == "uplink: lte ends: better"


def test_what_people_are_told():
    app, uplinking, drivers = rig()
    uplinking.poll(0)
    drivers["wifi"].said = "away"
    uplinking.poll(1000)
    drivers["lte"].said = "up"
    uplinking.poll(21000)
    assert uplinking.state(30000) == [
        ["wifi", "off", 29000, None, "away"], ["lte", "up", 9000, -70, None]
    ]  # fmt: skip
    counters = uplinking.counters()
    assert counters["used"] == "lte" and counters["lte_dbm"] == -70
    assert counters["ended_away"] == 1 and counters["wifi_tries"] == 0 and counters["uses"] == 1
    assert len(counters) < 30


def test_a_refused_pin_is_remembered_over_a_restart_and_another_one_is_tried():
    disk = SimDisk()
    app, uplinking, drivers = rig(disk, pin="4711")
    assert not drivers["lte"].pin_refused
    uplinking.poll(0)
    drivers["wifi"].said = "away"
    uplinking.poll(1000)
    drivers["lte"].pin_refused = True
    drivers["lte"].said = "pin"
    uplinking.poll(2000)
    assert disk.names() == ["sim-pin"] and b"4711" not in disk.read("sim-pin")
    assert rig(disk, pin="4711")[2]["lte"].pin_refused
    assert not rig(disk, pin="4712")[2]["lte"].pin_refused
    assert not rig(disk)[2]["lte"].pin_refused


def test_a_pin_that_is_only_missing_is_nothing_to_remember():
    disk = SimDisk()
    app, uplinking, drivers = rig(disk)
    uplinking.poll(0)
    drivers["wifi"].said = "away"
    uplinking.poll(1000)
    drivers["lte"].said = "pin"
    uplinking.poll(2000)
    assert disk.names() == []


def test_a_driver_that_fails_ends_its_own_way_alone():
    app, uplinking, drivers = rig()

    def fails(now):
        raise OSError("UART")

    drivers["wifi"].start = fails
    uplinking.poll(0)
    uplinking.poll(100)
    assert drivers["lte"].told == ["start"] and uplinking.counters()["ended_fault"] == 1
    assert ("uplink", "OSError", "wifi: UART") in [line[1:] for line in app.lines if line[0] == 0]
    drivers["lte"].said = "up"
    uplinking.poll(20000)
    for now in range(21000, 1000000, 1000):
        uplinking.poll(now)
    assert uplinking.counters()["used"] == "lte" and app.told == ["cut", "mend"]
    drivers["lte"].poll = fails
    uplinking.poll(1000000)
    assert app.told[-1] == "cut" and drivers["lte"].told == ["start", "stop"]


def test_the_console_has_a_line_for_each_way():
    _, uplinking, drivers = rig()
    uplinking.poll(0)
    drivers["wifi"].said = "key"
    uplinking.poll(1000)
    drivers["lte"].said = "up"
    uplinking.poll(21000)
    data = dict(
        state="online", broker="b:8883", tls=True, certificates=[], round_trip=None, queue=0,
        window=1, pubacks_outstanding=0, unproved=0, wait=None, cause=None,
        ways=uplinking.state(30000),
    )  # fmt: skip
    lines = [" ".join(line.split()) for line in render("link", data, Texts("en"))]
    assert "wifi off 29.0 s ago key" in lines and "lte up -70 dBm 9.0 s ago" in lines
    data.pop("ways")  # of a gateway whose system makes the connections, or an older one
    assert not any(["wifi" in line for line in render("link", data, Texts("en"))])


def test_before_a_rest_the_radio_goes_off():
    app, uplinking, drivers = rig()
    uplinking.poll(0)
    asyncio.run(uplinking.close(True))
    assert drivers["wifi"].told == ["start", "stop", "off"] and drivers["lte"].told == []
    app, uplinking, drivers = rig()
    uplinking.poll(0)
    asyncio.run(uplinking.close(False))
    assert drivers["wifi"].told == ["start", "stop"]


def test_on_a_machine_whose_system_makes_the_connections_it_is_refused():
    try:
        port.uplink_driver("wifi", {})
    except port.PortError as e:
        assert "the system makes the connections" in str(e)
    else:
        raise AssertionError("taken")
