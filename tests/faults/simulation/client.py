"""An MQTT client over a simulated line, with the interface of `agent/port/mqtt_asyncio.Client`.

The vehicle's uplink takes events from it; the room's server is told by the same events. What the
real clients do with bytes has tests of its own (`tests/integration/test_mqtt_clients.py`); here it
matters when they notice that a line is dead, and what they accept.
"""

from tests.faults.simulation.network import CLIENT, Line

MAX_SUBSCRIBES = 8


class Client:
    """Events: ("connected",), ("refused", code), ("puback", token), ("message", topic, payload,
    packet id), ("suback", topic, granted), ("closed", cause)."""

    def __init__(self, scheduler, route, broker, notify, name, options):
        """options: keepalive and connect_timeout in s, window, will, clean, manual: PUBACKs are
        for the user to give."""
        self._scheduler = scheduler
        self._route = route
        self._broker = broker
        self._notify = notify
        self._name = name
        self._options = options
        self._events = []
        self._line = None
        self._tokens = {}  # packet id -> token
        self._subscribing = {}
        self._last_id = 0
        self._is_connected = False
        self._is_done = False
        self._timer = None
        self._pinged_at = None
        self.detail = ""

    def start(self):
        self._timer = self._scheduler.after(
            self._options["connect_timeout"] * 1000, self._end, "timeout"
        )
        self._scheduler.after(self._route.delay(80) * 2, self._on_tcp)

    def _on_tcp(self):
        if self._is_done:
            return
        if self._route.is_down:
            # Half of the time nobody says that nobody is there.
            if self._scheduler.random.random() < 0.5:
                self._end("network")
            return
        if not self._broker.is_up:
            self._end("network")
            return
        line = self._line = Line(self._scheduler, self._route)
        line.deliver[CLIENT] = self._on_packet
        line.ended[CLIENT] = self._end
        self._broker.accept(line)
        options = self._options
        packet = "connect", self._name, options["clean"], options["keepalive"], options["will"]
        line.send(CLIENT, packet, 60)

    # What its user calls

    def take(self):
        return self._events.pop(0) if self._events else None

    def publish(self, topic, payload, qos, retain, token):
        """False: not connected, or the window is full."""
        if not self._is_connected or (qos and len(self._tokens) >= self._options["window"]):
            return False
        packet_id = None
        if qos:
            packet_id = self._free_id()
            self._tokens[packet_id] = token
        self._line.send(
            CLIENT, ("publish", topic, payload, qos, retain, packet_id), len(payload) + 22
        )
        return True

    def subscribe(self, topics, qos):
        if not self._is_connected or len(self._subscribing) >= MAX_SUBSCRIBES:
            return False
        packet_id = self._free_id()
        topics = (topics,) if isinstance(topics, str) else topics
        self._subscribing[packet_id] = topics[0]
        self._line.send(CLIENT, ("subscribe", topics, packet_id), 30)
        return True

    def ack(self, packet_id):
        """The PUBACK of a message, where its user gives them."""
        if self._is_connected:
            self._line.send(CLIENT, ("puback", packet_id), 4)

    def close(self):
        """A DISCONNECT: no will."""
        if self._is_connected:
            self._line.send(CLIENT, ("disconnect",), 2)
        self._end("stopped")

    def abort(self):
        self._end("stopped")

    # What the line brings

    def _on_packet(self, packet):
        if self._is_done:
            return
        self._pinged_at = None
        kind = packet[0]
        if kind == "publish":
            _, topic, payload, qos, packet_id = packet
            if qos and not self._options["manual"]:
                self._line.send(CLIENT, ("puback", packet_id), 4)
            self._put(("message", topic, payload, packet_id))
        elif kind == "puback":
            if packet[1] in self._tokens:
                self._put(("puback", self._tokens.pop(packet[1])))
        elif kind == "suback":
            topic = self._subscribing.pop(packet[1], None)
            if topic is not None:
                self._put(("suback", topic, 1 if packet[2] else None))
        elif kind == "connack":
            self._on_connack(packet[1])

    def _on_connack(self, code):
        if code:
            self._put(("refused", code))
            self._end("refused")
            return
        self._is_connected = True
        self._scheduler.cancel(self._timer)
        self._timer = self._scheduler.after(self._ping_after(), self._look)
        self._put(("connected",))

    def _ping_after(self):
        return self._options["keepalive"] * 750

    def _look(self):
        """Is a PINGREQ due, or the answer to one overdue?"""
        now = self._scheduler.now
        after = self._ping_after()
        if self._pinged_at is not None:
            if now - self._pinged_at >= after:
                self._end("keepalive")
                return
            due = self._pinged_at + after
        else:
            due = min(self._line.sent_at[CLIENT], self._line.heard_at[CLIENT]) + after
            if now >= due:
                self._pinged_at = now
                self._line.send(CLIENT, ("ping",), 2)
                due = now + after
        self._timer = self._scheduler.at(due, self._look)

    def _end(self, cause):
        if self._is_done:
            return
        self._is_done = True
        self._is_connected = False
        self._scheduler.cancel(self._timer)
        if self._line is not None:
            self._line.close(CLIENT)
        self._put(("closed", cause))

    def crash(self, is_silent):
        """Its process ends. is_silent: power is gone, too, and nobody tells the broker."""
        if self._line is not None and is_silent:
            self._line.is_dark[CLIENT] = True
        self._is_done = True
        self._is_connected = False
        self._scheduler.cancel(self._timer)
        if self._line is not None:
            self._line.close(CLIENT)

    def _put(self, event):
        self._events.append(event)
        self._notify()

    def _free_id(self):
        while True:
            self._last_id = self._last_id % 65535 + 1
            if self._last_id not in self._tokens and self._last_id not in self._subscribing:
                return self._last_id
