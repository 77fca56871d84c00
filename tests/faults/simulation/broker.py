"""An MQTT 3.1.1 broker as brokers are: it acknowledges from memory, and memory ends.

Modelled: clean and persistent sessions, QoS 0 and 1 each way, a window of unacknowledged deliveries
and a bounded queue a session, delivery again with DUP, retained messages, wills, take-over of a
client id, keepalive, crashes that keep all, lose all, or go back to the last snapshot.
Messages are tuples: what the MQTT packets hold that matters here.
"""

from collections import deque

from tests.faults.simulation.network import BROKER


class _Session:
    """What the broker knows of a client, connected or not."""

    def __init__(self, client, is_clean):
        self.client = client
        self.is_clean = is_clean
        self.filters = []
        self.queue = deque()  # (topic, payload)
        self.inflight = {}  # packet id -> (topic, payload)
        self.next_id = 1
        self.line = None
        self.will = None

    def copy(self):
        twin = _Session(self.client, self.is_clean)
        twin.filters = list(self.filters)
        twin.queue = deque(self.queue)
        twin.inflight = dict(self.inflight)
        twin.next_id = self.next_id
        return twin


class Broker:
    """`accept(line)` takes a new connection."""

    def __init__(self, scheduler, window=20, queue=1000):
        """window: deliveries to a client without a PUBACK; queue: what waits for it at most, and
        beyond it is dropped. The defaults are mosquitto's."""
        self._window = window
        self._queue = queue
        self._scheduler = scheduler
        self._random = scheduler.random
        self._sessions = {}  # client id -> _Session
        self._retained = {}
        self._snapshot = ({}, {})
        self.is_up = True
        self.refuses = 0  # return code for every CONNECT
        self.refuses_subscriptions = False
        self.loses = 0.0  # share of publishes that it acknowledges and then drops
        self.repeats = 0.0  # share of deliveries that it makes twice
        self.shuffles = 0  # ms by which deliveries may overtake each other
        self.counters = dict.fromkeys(
            ("publishes", "deliveries", "again", "lost", "overflows", "crashes", "wills"), 0
        )

    def heal(self):
        self.refuses = 0
        self.refuses_subscriptions = False
        self.loses = self.repeats = 0.0
        self.shuffles = 0

    # Life

    def crash(self, mode):
        """mode: what the next start knows: "keeps", "forgets" or "snapshot"."""
        self.is_up = False
        self.counters["crashes"] += 1
        self._scheduler.trace("broker", "crashes", mode)
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            if session.line is not None:
                line, session.line = session.line, None
                line.reset()
        if mode == "keeps":
            kept, self._retained = sessions, dict(self._retained)
        elif mode == "snapshot":
            kept, self._retained = self._snapshot[0], dict(self._snapshot[1])
        else:
            kept, self._retained = {}, {}
        self._sessions = {name: s.copy() for name, s in kept.items() if not s.is_clean}

    def start(self):
        self.is_up = True
        self._scheduler.trace("broker", "starts")

    def snapshot(self):
        sessions = {name: s.copy() for name, s in self._sessions.items() if not s.is_clean}
        self._snapshot = sessions, dict(self._retained)

    def forget_subscriptions(self, client):
        """Of a connected client, which is not told."""
        if client in self._sessions:
            self._sessions[client].filters = []

    # Connections

    def accept(self, line):
        """A connection that begins with a CONNECT."""
        line.deliver[BROKER] = lambda message: self._on_connect(line, message)
        line.ended[BROKER] = lambda cause: None

    def _on_connect(self, line, message):
        kind, client, is_clean, keepalive, will = message
        if kind != "connect" or not self.is_up:
            line.reset()
            return
        if self.refuses:
            line.send(BROKER, ("connack", self.refuses), 4)
            line.close(BROKER)
            return
        old = self._sessions.get(client)
        if old is not None and old.line is not None:
            self._drop(old)
        session = self._sessions.get(client)
        if session is None or is_clean or session.is_clean:
            session = self._sessions[client] = _Session(client, is_clean)
        session.line = line
        session.will = will
        line.deliver[BROKER] = lambda message: self._on_packet(session, line, message)
        line.ended[BROKER] = lambda cause: self._on_end(session, line)
        line.send(BROKER, ("connack", 0), 4)
        self._scheduler.after(keepalive * 1500, self._look, session, line, keepalive * 1500)
        for packet_id, what in session.inflight.items():
            self.counters["again"] += 1
            line.send(BROKER, ("publish", *what, 1, packet_id), len(what[1]) + 20)
        self._pump(session)

    def _look(self, session, line, limit):
        """Ends a connection that has been silent for too long."""
        if session.line is not line:
            return
        left = line.heard_at[BROKER] + limit - self._scheduler.now
        if left > 0:
            self._scheduler.after(left, self._look, session, line, limit)
        else:
            self._drop(session)

    def _drop(self, session):
        """The broker ends a connection; the will is published."""
        line, session.line = session.line, None
        line.close(BROKER)
        self._gone(session)

    def _on_end(self, session, line):
        if session.line is line:
            session.line = None
            self._gone(session)

    def _gone(self, session):
        if session.will is not None:
            self.counters["wills"] += 1
            topic, payload, _, retain = session.will
            session.will = None
            self._publish(topic, payload, retain)
        if session.is_clean and self._sessions.get(session.client) is session:
            del self._sessions[session.client]

    # Packets

    def _on_packet(self, session, line, message):
        if session.line is not line or self._sessions.get(session.client) is not session:
            return
        kind = message[0]
        if kind == "publish":
            _, topic, payload, qos, retain, packet_id = message
            if qos:
                line.send(BROKER, ("puback", packet_id), 4)
            self._publish(topic, payload, retain)
        elif kind == "puback":
            session.inflight.pop(message[1], None)
            self._pump(session)
        elif kind == "subscribe":
            self._subscribe(session, line, message[1], message[2])
        elif kind == "ping":
            line.send(BROKER, ("pong",), 2)
        elif kind == "disconnect":
            session.will = None
            self._drop(session)

    def _subscribe(self, session, line, filters, packet_id):
        is_refused = self.refuses_subscriptions and session.is_clean
        line.send(BROKER, ("suback", packet_id, not is_refused), 5)
        if is_refused:
            return
        for one in filters:
            if one not in session.filters:
                session.filters.append(one)
            for topic, payload in self._retained.items():
                if matches(one, topic):
                    self._offer(session, topic, payload, 1)

    def _publish(self, topic, payload, retain):
        self.counters["publishes"] += 1
        if retain:
            self._retained[topic] = payload
        if self.loses and self._random.random() < self.loses:
            self.counters["lost"] += 1
            return
        for session in list(self._sessions.values()):
            if any(matches(one, topic) for one in session.filters):
                self._route(session, topic, payload)

    def _route(self, session, topic, payload):
        times = 2 if self.repeats and self._random.random() < self.repeats else 1
        qos = 0 if topic.endswith("/d") else 1
        for _ in range(times):
            if self.shuffles:
                wait = self._random.randrange(self.shuffles)
                self._scheduler.after(wait, self._offer, session, topic, payload, qos)
            else:
                self._offer(session, topic, payload, qos)

    def _offer(self, session, topic, payload, qos):
        if self._sessions.get(session.client) is not session:
            return
        if not qos:
            if session.line is not None:
                self.counters["deliveries"] += 1
                session.line.send(BROKER, ("publish", topic, payload, 0, None), len(payload) + 20)
            return
        if len(session.queue) >= self._queue:
            self.counters["overflows"] += 1
            return
        session.queue.append((topic, payload))
        self._pump(session)

    def _pump(self, session):
        """Delivers what the client's window takes."""
        while session.line is not None and session.queue and len(session.inflight) < self._window:
            what = session.queue.popleft()
            session.inflight[session.next_id] = what
            self.counters["deliveries"] += 1
            session.line.send(BROKER, ("publish", *what, 1, session.next_id), len(what[1]) + 20)
            session.next_id = session.next_id % 65535 + 1


def matches(one, topic):
    """A topic against a filter; `+` is one level."""
    if one == topic:
        return True
    left, right = one.split("/"), topic.split("/")
    return len(left) == len(right) and all(a in ("+", b) for a, b in zip(left, right, strict=True))
