"""agent/uplink.py: what it makes of a client's events. No broker, no time."""

from agent import port
from agent.clock import Clock
from agent.comms.budget import Budget
from agent.comms.inbox import Inbox
from agent.comms.link import WAITING
from agent.log import Log
from agent.uplink import Uplink
from tests.support.car import Car
from tests.support.simdisk import SimDisk

TOPIC = "p1/car-7/"


class Client:
    """Keeps what it is asked for; `events` are what it says."""

    def __init__(self, options, notify):
        self.options = options
        self.done = []
        self.events = [("connected",)]
        self.detail = ""

    def start(self):
        self.done.append("start")

    def take(self):
        return self.events.pop(0) if self.events else None

    def subscribe(self, topic, qos):
        self.done.append("subscribe " + topic)
        return True

    def publish(self, topic, payload, qos, retain, token):
        self.done.append("publish " + topic)
        return True

    def abort(self):
        self.done.append("abort")


class Rig:
    """An uplink over a car's journal and link; `turn(now)` is one turn of its loop."""

    def __init__(self, per_day=0, ports=(1883,)):
        self.car = Car()
        self.now = 0
        self.clients = []
        self.lines = []
        self.budget = Budget(SimDisk(), per_day, 100) if per_day else None
        brokers = [
            {"host": "h", "port": p, "username": None, "password": None, "tls": None} for p in ports
        ]
        mqtt = {"brokers": brokers, "keepalive_s": 60, "connect_timeout_s": 20, "window": 16}
        self.car.link = type(self.car.link)(
            self.car.journal, lambda n: n - 1, 16, 0, len(ports), self.budget
        )
        self.uplink = Uplink(
            {"vehicle": "car-7", "mqtt": mqtt}, lambda: self.now, Log(self.lines.append),
            self.car.link, Inbox(), self.car.journal, Clock(), self.budget,
        )  # fmt: skip
        self.uplink._session = self.car.session
        self.car.link.set_session(self.car.session, 0)

    def make(self, options, notify):
        self.clients.append(Client(options, notify))
        return self.clients[-1]

    def turn(self, now):
        self.now = now
        real = port.mqtt_client
        port.mqtt_client = self.make
        try:
            self.uplink._take_events(now)
            for action in self.uplink._due(now):
                self.uplink._do(action, now)
        finally:
            port.mqtt_client = real


def test_a_connection_subscribes_and_tells_who_it_is():
    rig = Rig()
    rig.turn(0)
    rig.turn(1)
    assert rig.clients[0].done == [
        "start", "subscribe p1/car-7/d", "publish p1/car-7/p", "publish p1/car-7/s"
    ]  # fmt: skip


def test_a_subscription_that_is_refused_is_no_connection():
    rig = Rig()
    rig.turn(0)
    rig.turn(1)
    rig.clients[0].events = [("suback", TOPIC + "d", None)]
    rig.turn(2)
    assert rig.clients[0].done[-1] == "abort" and rig.car.link.state == WAITING
    assert rig.car.link.causes == {"refused": 1} and "refused the subscription" in rig.lines[-1]
    rig.turn(20000)
    assert len(rig.clients) == 1  # not hammered


def test_a_connection_that_the_link_gives_up_is_aborted_and_says_nothing_more():
    rig = Rig()
    rig.turn(0)
    rig.turn(1)
    rig.turn(30000)  # the open's PUBACK never came
    assert rig.clients[0].done[-1] == "abort" and rig.car.link.causes == {"stalled": 1}
    rig.clients[0].events = [("closed", "stopped")]
    rig.turn(30001)
    assert rig.car.link.causes == {"stalled": 1}
    rig.turn(31000)
    assert len(rig.clients) == 2


def test_the_next_broker_is_the_next_of_the_list():
    rig = Rig(ports=(1883, 8883))
    rig.turn(0)
    rig.clients[0].events = [("closed", "network")]
    rig.turn(1)
    assert [client.options.port for client in rig.clients] == [1883, 8883]


def test_what_goes_over_the_wire_is_spent():
    rig = Rig(per_day=1000000)
    rig.turn(0)
    connect = rig.budget.spent
    assert connect > 500
    rig.turn(1)
    # Birth and open: the topic, the payload, MQTT's own bytes, and a packet around each.
    assert rig.budget.spent - connect == 2 * (len(TOPIC) + 1 + 11 + 104) + 5 + 59
    before = rig.budget.spent
    rig.clients[0].events = [("message", TOPIC + "x", bytes(50))]
    rig.turn(2)
    assert rig.budget.spent - before == len(TOPIC) + 1 + 50 + 11 + 104


def test_without_a_way_to_the_network_nothing_is_tried_and_with_a_new_one_at_once():
    rig = Rig()
    rig.turn(0)
    rig.turn(1)
    rig.now = 2000
    rig.uplink.cut()
    assert rig.clients[0].done[-1] == "abort" and rig.car.link.causes == {"way": 1}
    rig.uplink.cut()  # nothing is there any more
    for now in (3000, 60000, 600000):
        rig.turn(now)
    assert len(rig.clients) == 1 and rig.car.link.state == WAITING
    rig.now = 600001
    rig.uplink.mend()
    rig.turn(600001)
    assert len(rig.clients) == 2


def test_a_new_way_does_not_wait_for_the_old_ones_back_off():
    rig = Rig()
    for now in range(0, 60000, 1000):
        rig.turn(now)
        rig.clients[-1].events = [("closed", "network")] if rig.clients else []
    tried = len(rig.clients)
    rig.turn(60000)
    assert rig.car.link.state == WAITING and rig.car.link.wake(60000) > 0
    rig.now = 60001
    rig.uplink.cut()
    rig.uplink.mend()
    rig.turn(60001)
    assert len(rig.clients) == tried + 1
