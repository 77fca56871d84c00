"""MQTT 3.1.1 client as a pure machine: bytes and time in, events and packets out.

Standard: OASIS MQTT Version 3.1.1; sections in brackets. Packets are in mqtt_packets.py.
One `Mqtt` is one connection with a clean session. Its user
    calls `open(now)` and writes what `next_output(now)` gives, one write a packet,
    calls `feed(data, now)` with what came, `poll(now)` after `wake(now)` ms,
    and gets lists of events from both:

('connected',) · ('refused', return code 1..5) · ('puback', token) · ('message', topic, payload) ·
('suback', topic, granted QoS, None when refused) · ('closed', cause), always the last, with cause
'refused', 'protocol', 'timeout' (no CONNACK in time), 'keepalive' (dead peer) or 'stopped'.

Times are integer ms of any clock that only goes forward.
"""

from agent.comms import mqtt_packets as packets
from agent.comms.mqtt_packets import (  # noqa: F401 users know one module
    WRITE_BUFFER,
    MqttError,
    MqttLocalError,
    MqttProtocolError,
)
from agent.const import const

# Events that wait to be taken. At this many the transports stop reading the socket, so that a
# flood from the broker waits in TCP; one more read's worth (see there) may still be added.
EVENT_QUEUE = 64
# After close(): how long to wait for buffered packets, DISCONNECT and the peer's end to pass.
CLOSE_MS = 1000
# SUBSCRIBEs without a SUBACK. A vehicle has one down lane and the room a handful of filters;
# it keeps packet ids free whatever the window is.
MAX_SUBSCRIBES = 8
# A PINGREQ goes out after this share of the keepalive without a packet in one of the two
# directions: early enough that a late loop still meets the broker's limit [MQTT-3.1.2-23].
# No packet in the same time after it: the peer is dead, 1.5 x keepalive after its last one.
_PING_NUM = const(3)
_PING_DEN = const(4)

_NEW = const(0)
_CONNECTING = const(1)
_CONNECTED = const(2)
_CLOSED = const(3)


class MqttOptions:
    """What a connection needs to know. Raises MqttLocalError with the option named.

    host, port; client_id; username, password (None: none); keepalive in s, 1..65535 (0, "never
    check", is refused: a dead link would never be noticed); tls (None, or a dict with the file
    paths ca and, both or neither, cert and key, and server_name, default: host); will (None or
    (topic, payload, qos, retain)); connect_timeout in s, from the start to CONNACK; window: the
    most QoS 1 publishes without a PUBACK.
    """

    def __init__(
        self,
        host,
        port,
        client_id,
        username=None,
        password=None,
        keepalive=60,
        tls=None,
        will=None,
        connect_timeout=20,
        window=16,
    ):
        if not 1 <= keepalive <= 65535:
            raise MqttLocalError("keepalive is %s, it must be 1..65535 s" % keepalive)
        if not 1 <= window <= 65535 - MAX_SUBSCRIBES:
            raise MqttLocalError("window is %s, it must be 1..65527" % window)
        if connect_timeout <= 0:
            raise MqttLocalError("connect_timeout is %s, it must be positive" % connect_timeout)
        if tls is not None:
            if not tls.get("ca"):
                raise MqttLocalError("tls.ca is missing: the broker could not be verified")
            if bool(tls.get("cert")) != bool(tls.get("key")):
                raise MqttLocalError("tls.cert and tls.key are only useful together")
        self.host = host
        self.port = port
        self.client_id = client_id
        self.username = username
        self.password = password
        self.keepalive = keepalive
        self.tls = tls
        self.will = will
        self.connect_timeout = connect_timeout
        self.window = window
        self.connect_packet()  # whatever is wrong is said here, not when the link is up

    def connect_packet(self):
        """The CONNECT packet, bytes."""
        return packets.connect(
            self.client_id, self.keepalive, self.username, self.password, self.will
        )

    def server_name(self):
        """The name that the broker's certificate must bear."""
        return self.tls.get("server_name") or self.host


class Mqtt:
    """See the module's text. `detail`: one line on why it was closed, where there is more to say
    than the cause; `counters`: name -> number."""

    def __init__(self, options):
        self.options = options
        self.detail = ""
        self.pending = 0  # bytes in the output queue
        self.counters = {
            "packets_in": 0,
            "packets_out": 0,
            "messages_in": 0,
            "pings": 0,
            "session_present": 0,
            "unknown_puback": 0,
            "unknown_suback": 0,
            "protocol_errors": 0,
        }
        self._state = _NEW
        self._buffer = bytearray()
        self._output = []
        self._inflight = {}  # packet id -> token of a QoS 1 publish
        self._subscribing = {}  # packet id -> topic filter
        self._last_id = 0
        self._last_in = 0
        self._last_out = 0
        self._deadline = 0
        self._ping_at = None
        self._ping_after = options.keepalive * 1000 * _PING_NUM // _PING_DEN

    @property
    def connected(self):
        return self._state == _CONNECTED

    @property
    def inflight(self):
        """QoS 1 publishes that wait for their PUBACK."""
        return len(self._inflight)

    def open(self, now):
        """Queue CONNECT and start the connect deadline."""
        if self._state != _NEW:
            raise MqttLocalError("one machine is one connection")
        self._state = _CONNECTING
        self._deadline = now + int(self.options.connect_timeout * 1000)
        self._last_in = self._last_out = now
        self._put(self.options.connect_packet())

    def publish(self, topic, payload, qos, retain, token):
        """Queue a PUBLISH. False: not connected, window full or write buffer full.

        At QoS 1 `token` comes back in a 'puback' event; whatever has none when the connection
        ends was not acknowledged. Raises MqttLocalError for what could never be sent.
        """
        if self._state != _CONNECTED or (qos and len(self._inflight) >= self.options.window):
            return False
        packet_id = self._free_id() if qos else 0
        packet = packets.publish(topic, payload, qos, retain, packet_id)
        if self.pending + len(packet) > WRITE_BUFFER:
            return False
        if qos:
            self._inflight[packet_id] = token
            self._last_id = packet_id
        self._put(packet)
        return True

    def subscribe(self, topic, qos):
        """Queue a SUBSCRIBE; False as for publish, or MAX_SUBSCRIBES are unanswered."""
        if self._state != _CONNECTED or len(self._subscribing) >= MAX_SUBSCRIBES:
            return False
        packet_id = self._free_id()
        packet = packets.subscribe(topic, qos, packet_id)
        if self.pending + len(packet) > WRITE_BUFFER:
            return False
        self._subscribing[packet_id] = topic
        self._last_id = packet_id
        self._put(packet)
        return True

    def disconnect(self):
        """Queue DISCONNECT, behind which nothing may follow [MQTT-3.14.4-2]. No more events."""
        if self._state == _CONNECTED:
            self._put(packets.DISCONNECT_PACKET)
        self._state = _CLOSED

    def next_output(self, now):
        """The next packet to write, bytes, or None."""
        if not self._output:
            return None
        packet = self._output.pop(0)
        self.pending -= len(packet)
        self.counters["packets_out"] += 1
        self._last_out = now
        return packet

    def feed(self, data, now):
        """Take bytes that came, cut anywhere. List of events."""
        events = []
        if self._state not in (_CONNECTING, _CONNECTED):
            return events
        buffer = self._buffer
        buffer.extend(data)
        at = 0
        try:
            while self._state != _CLOSED:
                head = packets.header(buffer, at)
                if head is None or len(buffer) < head[2]:
                    break
                first, start, at = head
                self._take(packets.parse(first, buffer[start:at]), now, events)
        except MqttProtocolError as error:
            self.counters["protocol_errors"] += 1
            self._close("protocol", str(error), events)
        if at and self._state != _CLOSED:
            self._buffer = buffer[at:]
        return events

    def poll(self, now):
        """Look at the time: deadlines and PINGREQ. List of events."""
        events = []
        if self._state == _CONNECTING:
            if now >= self._deadline:
                self._close(
                    "timeout", "no CONNACK within %s s" % self.options.connect_timeout, events
                )
        elif self._state == _CONNECTED:
            if self._ping_at is not None:
                if now - self._ping_at >= self._ping_after:
                    self._close("keepalive", "no packet after PINGREQ", events)
            elif now - min(self._last_in, self._last_out) >= self._ping_after:
                self._ping_at = now
                self.counters["pings"] += 1
                self._put(packets.PINGREQ_PACKET)
        return events

    def wake(self, now):
        """In how many ms poll() is wanted again, whatever comes until then; at least 0."""
        if self._state == _CONNECTING:
            # CONNACK may come at any moment and start the shorter keepalive clock.
            return max(0, min(self._deadline - now, self._ping_after))
        if self._state != _CONNECTED:
            return 1000
        if self._ping_at is not None:
            # An answer now would make the next ping due no earlier than this.
            return max(0, self._ping_at + self._ping_after - now)
        return max(0, min(self._last_in, self._last_out) + self._ping_after - now)

    def _free_id(self):
        """The next packet id that nothing in flight uses [2.3.1]; there always is one."""
        packet_id = self._last_id
        while True:
            packet_id = packet_id % 65535 + 1
            if packet_id not in self._inflight and packet_id not in self._subscribing:
                return packet_id

    def _put(self, packet):
        self._output.append(packet)
        self.pending += len(packet)

    def _close(self, cause, detail, events):
        self._state = _CLOSED
        self.detail = detail
        self._buffer = bytearray()
        self._output = []
        self.pending = 0
        events.append(("closed", cause))

    def _take(self, packet, now, events):
        """One whole packet. Only whole packets prove a live peer, a trickle of bytes does not."""
        kind = packet[0]
        self.counters["packets_in"] += 1
        self._last_in = now
        self._ping_at = None
        packets.check_order(kind, self._state == _CONNECTING)
        if kind == packets.CONNACK:
            self._take_connack(packet, events)
        elif kind == packets.PUBLISH:
            self.counters["messages_in"] += 1
            events.append(("message", packet[1], packet[2]))
            if packet[3]:
                self._put(packets.puback(packet[4]))
        elif kind == packets.PUBACK:
            # By id, in any order; one that nobody waits for harms nobody.
            if packet[1] in self._inflight:
                events.append(("puback", self._inflight.pop(packet[1])))
            else:
                self.counters["unknown_puback"] += 1
        elif kind == packets.SUBACK:
            if packet[1] in self._subscribing:
                events.append(("suback", self._subscribing.pop(packet[1]), packet[2]))
            else:
                self.counters["unknown_suback"] += 1

    def _take_connack(self, packet, events):
        code = packet[2]
        if code:
            events.append(("refused", code))
            self._close("refused", "CONNACK with return code %d" % code, events)
            return
        if packet[1]:
            # [MQTT-3.2.2-1] forbids it after a clean session, but it costs nothing: all that is
            # kept from before is subscriptions, and those are made anew.
            self.counters["session_present"] += 1
        self._state = _CONNECTED
        events.append(("connected",))
