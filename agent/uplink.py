"""The task around the link: one MQTT connection at a time, and what comes down through it.

Carries out the link machine's actions, tells it what happened, and hands the room's messages to the
journal, the link and the clock.
"""

import asyncio

from agent import port
from agent.comms.link import ALERT_RESERVE
from agent.comms.mqtt import MqttLocalError, MqttOptions
from agent.const import const

# The client takes a few more than the link's window: sessions' opens and alerts go beside frames.
_WINDOW_EXTRA = 4 + ALERT_RESERVE
_CUT_MS = const(60000)  # between two looks while there is no way to the network


def random_below(n):
    """For the link's jitter."""
    return int.from_bytes(port.random_bytes(4), "big") % n


class Uplink:
    """`run()` for ever; `wake()` when the journal got something; `close()` at the end."""

    def __init__(self, config, now, log, link, inbox, journal, clock, budget):
        """config: the `mqtt` group and `vehicle`; now: function that gives the uptime in ms;
        budget: of `comms/budget.py`, or None."""
        self._vehicle = config["vehicle"]
        self._mqtt = config["mqtt"]
        self._now = now
        self._log = log
        self._link = link
        self._inbox = inbox
        self._journal = journal
        self._clock = clock
        self._budget = budget
        self._broker = self._mqtt["brokers"][0]  # the one in use or tried last
        self._client = None
        self._session = None
        self._flag = asyncio.Event()
        self._is_cut = False
        self.on_connected = None  # called when a connection stands, before anything is sent
        self.trouble = None  # (cause, detail, uptime) of what ended the last connection or attempt
        self.on_order = None  # called with what an order holds
        self.on_chunk = None  # called with a part of a release

    def set_session(self, session):
        """Frames are sealed, and answers opened, by this session from here on."""
        self._session = session
        self._inbox.set_session(session)
        self._link.set_session(session, self._now())
        self.wake()

    def wake(self):
        """There may be something to do."""
        self._flag.set()

    def cut(self):
        """There is no way to the network until `mend`: what stands is dropped, nothing is tried."""
        now = self._now()
        self._is_cut = True
        if self._client is not None:
            self._client.abort()
            self._client = None
            self._link.closed("way", now)

    def mend(self):
        self._is_cut = False
        self._link.way_found(self._now())
        self.wake()

    async def run(self):
        """For ever; when it fails, the connection is dropped, so that the link begins anew."""
        try:
            await self._run()
        except Exception:
            if self._client is not None:
                self._client.abort()
                self._client = None
            self._link.closed("protocol", self._now())
            raise

    async def _run(self):
        while True:
            now = self._now()
            self._take_events(now)
            if self._budget:
                self._budget.look(self._clock.utc(now), now)
            actions = self._due(now)
            for i, action in enumerate(actions):
                if not self._do(action, now):
                    self._link.unsent(actions[i:])
                    break
            await port.wait(self._flag, _CUT_MS if self._is_cut else self._link.wake(now))
            self._flag.clear()

    def _due(self, now):
        return () if self._is_cut else self._link.poll(now)

    async def close(self):
        """Says good-bye to the broker, so that the last will is not sent."""
        if self._client is None:
            return
        self._client.publish(self._topic("p"), b"\x00" + self._session.sid, 0, True, None)
        self._client.close()
        for _ in range(20):
            if self._client is None:
                break
            self._take_events(self._now())
            await asyncio.sleep(0.05)

    def _topic(self, lane):
        return "p1/%s/%s" % (self._vehicle, lane)

    def _do(self, action, now):
        """Carries out one action; False when the client could not take it now."""
        if action[0] == "connect":
            self._connect(now)
            return True
        if self._client is None:
            return True
        if action[0] == "drop":
            self._drop(now)
            return True
        if action[0] == "subscribe":
            self._client.subscribe(self._topic(action[1]), 1)
            return True
        _, lane, payload, retain, token = action
        qos = 0 if token is None else 1
        if not self._client.publish(self._topic(lane), payload, qos, retain, token):
            return False
        self._spend(lane, payload, now)
        return True

    def _spend(self, lane, payload, now):
        if self._budget:
            count = len(self._topic(lane)) + len(payload)
            self._budget.message(count, self._broker["tls"], self._clock.utc(now), now)

    def _drop(self, now):
        """The link has given the connection up; nothing more of it counts."""
        self._log.fault(now, "link", "Dropped", "%s: given up" % self._where())
        self._client.abort()
        self._client = None

    def _connect(self, now):
        mqtt = self._mqtt
        self._broker = broker = mqtt["brokers"][self._link.broker]
        if self._budget:
            self._budget.connect(broker["tls"], self._clock.utc(now), now)
        try:
            options = MqttOptions(
                broker["host"],
                broker["port"],
                self._vehicle,
                broker["username"],
                broker["password"],
                keepalive=mqtt["keepalive_s"],
                tls=broker["tls"],
                will=(self._topic("p"), b"\x00" + self._session.sid, 0, True),
                connect_timeout=mqtt["connect_timeout_s"],
                window=mqtt["window"] + _WINDOW_EXTRA,
            )
            self._client = port.mqtt_client(options, self._flag.set)
            self._client.start()
        except MqttLocalError as e:
            self._client = None
            self._log.fault(now, "link", "MqttLocalError", str(e))
            self._link.closed("tls", now)

    def _take_events(self, now):
        while self._client is not None:
            event = self._client.take()
            if event is None:
                return
            self._on_event(event, now)

    def _on_event(self, event, now):
        kind = event[0]
        if kind == "connected":
            self._log.line(now, "link: connected to %s" % self._where())
            self._link.connected(now)
            if self.on_connected:
                self.on_connected()
        elif kind == "puback":
            self._link.puback(event[1], now)
        elif kind == "message":
            self._link.heard(now)
            self._spend("d", event[2], now)
            if event[1] == self._topic("d"):
                self._on_message(event[2], now)
        elif kind == "suback":
            self._link.heard(now)
            if event[2] is None:
                # Without it no acknowledgement would ever come: all would be sent again and again.
                text = "%s refused the subscription to %s"
                self._log.fault(now, "link", "Subscribe", text % (self._where(), event[1]))
                self._client.abort()
                self._client = None
                self._link.closed("refused", now)
        elif kind == "refused":
            self.trouble = ("refused", "code %s" % event[1], now)
            self._log.fault(
                now, "link", "Refused", "%s refused with code %s" % (self._where(), event[1])
            )
        elif kind == "closed":
            detail = self._client.detail or event[1]
            if event[1] != "stopped":
                self.trouble = (event[1], str(detail), now)
            self._client = None
            self._link.closed(event[1], now)
            if event[1] != "stopped":
                text = "%s: %s; next attempt in %d s"
                wait = self._link.wake(now) // 1000 + 1
                self._log.fault(now, "link", event[1], text % (self._where(), detail, wait))

    @property
    def broker(self):
        """Settings of the broker in use or tried last."""
        return self._broker

    def _where(self):
        return "broker %s:%d" % (self._broker["host"], self._broker["port"])

    def _on_message(self, payload, now):
        message = self._inbox.take(payload, now)
        if message is None:
            return
        if message[0] == "ack":
            freed = 0
            for sid, upto, ranges in message[2]:
                freed += self._journal.acknowledge(sid, upto, ranges)
            self._link.progress(freed, message[2])
            self._clock.room(message[1], now)
        elif message[0] == "again":
            self._link.ask_again(message[1], message[2])
        elif message[0] == "open":
            self._link.ask_open(message[1])
        elif message[0] == "order" and self.on_order:
            self.on_order(*message[1:])
        elif message[0] == "chunk" and self.on_chunk:
            self.on_chunk(*message[1:])
