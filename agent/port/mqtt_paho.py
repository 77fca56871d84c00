"""The MQTT client on CPython: paho-mqtt behind the interface of `mqtt_asyncio.Client`.

paho connects and works in a thread of its own; all that it says is handed to the asyncio loop
and everything here but `_Paho` and the `_on_*` callbacks runs there. One `Client` is one paho
object is one connection: paho never reconnects by itself.
"""

import asyncio
import socket
import ssl
import sys
import threading

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from agent.comms import mqtt_packets as packets
from agent.comms.mqtt import CLOSE_MS, EVENT_QUEUE, MAX_SUBSCRIBES, WRITE_BUFFER
from agent.port.mqtt_asyncio import tls_cause, tls_context

# How often the thread, held up by a full event queue, looks whether it shall end.
_HOLD_S = 0.1


class NamedContext:
    """paho verifies the name that it connects to; we connect to an address, perhaps, and verify
    the name that the operator wrote down."""

    check_hostname = True

    def __init__(self, context, name):
        self._context = context
        self._name = name

    def wrap_socket(self, sock, **options):
        options["server_hostname"] = self._name
        return self._context.wrap_socket(sock, **options)


class _Paho(paho.Client):
    """paho 2 with the strictness of our own machine, which it has no options for: a cap on what
    comes in, no QoS 2, and the true cause of an end. These methods are not public; the tests of
    the clients notice when they change."""

    cause = None
    detail = ""
    accepted = False  # by a CONNACK
    ended = None  # called in the thread when it is over

    def blame(self, cause, detail):
        """The first cause stands."""
        if self.cause is None:
            self.cause = cause
            self.detail = detail

    def _sock_recv(self, bufsize):
        try:
            if bufsize > packets.MAX_INCOMING:
                text = "packet of %d bytes, the cap is %d" % (bufsize, packets.MAX_INCOMING)
                self.blame("protocol", text)
                raise ConnectionAbortedError(text)
            data = super()._sock_recv(bufsize)
        except BlockingIOError:
            raise
        except OSError as e:
            self.blame(tls_cause(e) or "network", str(e))
            raise
        if not data:
            self.blame("peer", "the broker closed the connection")
        return data

    def _packet_read(self):
        rc = super()._packet_read()
        packet = self._in_packet
        if rc == MQTTErrorCode.MQTT_ERR_PROTOCOL:
            self.blame("protocol", "malformed packet")
        elif rc == MQTTErrorCode.MQTT_ERR_AGAIN and packet["command"]:
            # Part of a packet: what can be refused of it is not waited for.
            length = packet["remaining_length"] if packet["have_remaining"] else None
            try:
                packets.check(packet["command"], length)
            except packets.MqttProtocolError as e:
                self.blame("protocol", str(e))
                return MQTTErrorCode.MQTT_ERR_PROTOCOL
        return rc

    def _packet_handle(self):
        packet = self._in_packet
        first = packet["command"]
        try:
            packets.check(first, packet["remaining_length"])
            what = packets.parse(first, packet["packet"])
            packets.check_order(what[0], not self.accepted)
        except packets.MqttProtocolError as e:
            self.blame("protocol", str(e))
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        if what[0] == packets.CONNACK and what[2]:
            # Here, because paho keeps some codes for itself and translates the rest.
            self.on_refused(what[2])
            return MQTTErrorCode.MQTT_ERR_CONN_REFUSED
        self.accepted = True
        return super()._packet_handle()

    def release(self):
        """Close what paho would keep open until it is collected. Only after `ended`."""
        self._reset_sockets()

    def _thread_main(self):
        try:
            super()._thread_main()
        except Exception as e:  # a name that cannot be encoded, for example
            self.blame("network", str(e))
        finally:
            self.ended()


class Client:
    """See `mqtt_asyncio.Client`: the same methods, events and causes."""

    def __init__(self, options, notify):
        self.detail = ""
        self.counters = {"packets_out": 0, "messages_in": 0, "protocol_errors": 0}
        self._options = options
        self._notify = notify
        self._events = []
        self._tokens = {}  # paho's message id -> token of a QoS 1 publish
        self._unsent = {}  # paho's message id -> size of a QoS 0 publish not yet written
        self._subscribing = {}  # paho's message id -> topic filter
        self._connected = False
        self._closing = False
        self._done = False
        self._paho = None
        # What the thread shares with the loop: messages it may still queue, and "let go".
        self._slots = threading.Semaphore(EVENT_QUEUE)
        self._let_go = threading.Event()

    def start(self):
        """Begin to connect; returns at once."""
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.call_later(self._options.connect_timeout, self._on_deadline)
        try:
            self._paho = self._build()
        except Exception as e:  # unusable TLS files, or an option that paho refuses
            self._loop.call_soon(self._end, tls_cause(e) or "network", str(e))
            return
        self._paho.loop_start()

    def _build(self):
        options = self._options
        client = _Paho(
            CallbackAPIVersion.VERSION2,
            client_id=options.client_id,
            clean_session=True,
            reconnect_on_failure=False,
        )
        client.max_inflight_messages_set(options.window)
        client.max_queued_messages_set(options.window)
        client.connect_timeout = options.connect_timeout
        if options.username is not None:
            client.username_pw_set(options.username, options.password)
        if options.will is not None:
            topic, payload, qos, retain = options.will
            client.will_set(topic, payload, qos, retain)
        if options.tls:
            client.tls_set_context(NamedContext(tls_context(options.tls), options.server_name()))
        client.on_socket_open = self._on_socket_open
        client.on_connect_fail = self._on_connect_fail
        client.on_connect = self._on_connect
        client.on_refused = self._on_refused
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.ended = self._on_ended
        client.connect_async(options.host, options.port, options.keepalive)
        return client

    def take(self):
        """The oldest event, or None."""
        if not self._events:
            return None
        event = self._events.pop(0)
        if event[0] == "message":
            self._slots.release()
        return event

    @property
    def inflight(self):
        return len(self._tokens)

    def publish(self, topic, payload, qos, retain, token):
        """False: not connected, or window or write buffer full. Raises MqttLocalError."""
        if not self._connected or (qos and len(self._tokens) >= self._options.window):
            return False
        size = len(packets.publish(topic, payload, qos, retain, 1))
        if not qos and sum(self._unsent.values()) + size > WRITE_BUFFER:
            return False
        # An id that is still in flight after 65535 others is refused: the next one will do.
        for _ in range(self._options.window + 1):
            info = self._paho.publish(topic, bytes(payload), qos, retain)
            if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
                break
        else:
            return False
        self.counters["packets_out"] += 1
        if qos:
            self._tokens[info.mid] = token
        else:
            self._unsent[info.mid] = size
        return True

    def subscribe(self, topic, qos):
        """False: not connected, or too many unanswered. Raises MqttLocalError."""
        packets.subscribe(topic, qos, 1)
        if not self._connected or len(self._subscribing) >= MAX_SUBSCRIBES:
            return False
        rc, mid = self._paho.subscribe(topic, qos)
        if rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return False
        self._subscribing[mid] = topic
        return True

    def close(self):
        """Write what waits, then DISCONNECT (no will); ('closed', 'stopped') follows."""
        if self._closing or self._done:
            return
        self._closing = True
        if not self._connected:
            self._end("stopped")
            return
        self._connected = False
        self._let_go.set()
        self._paho.disconnect()
        self._loop.call_later(CLOSE_MS / 1000, self._end, "stopped")

    def abort(self):
        """Drop the connection without DISCONNECT; ('closed', 'stopped') follows."""
        self._end("stopped")

    # ---- in the loop ----

    def _on_deadline(self):
        if not self._connected and not self._closing:
            self._end("timeout", "no CONNACK within %s s" % self._options.connect_timeout)

    def _end(self, cause, detail=""):
        """The last event. The thread is not waited for: it ends by the closed socket, or, if it
        still connects, by paho's own connect time-out."""
        if self._done:
            return
        self._done = True
        self._connected = False
        self._deadline.cancel()
        self._let_go.set()
        if self._paho is not None:
            _drop(self._paho.socket())
        self.detail = detail
        if cause == "protocol":
            self.counters["protocol_errors"] += 1
        self._events.append(("closed", "stopped" if self._closing else cause))
        self._notify()

    def _thread_done(self):
        self._end(self._paho.cause or "network", self._paho.detail)
        self._paho.release()

    def _put(self, event):
        if not self._done:
            self._events.append(event)
            self._notify()

    def _connect_done(self):
        if not self._done and not self._closing:
            self._connected = True
            self._deadline.cancel()
            self._put(("connected",))

    def _publish_done(self, mid):
        if mid in self._tokens:
            self._put(("puback", self._tokens.pop(mid)))
        else:
            self._unsent.pop(mid, None)

    def _subscribe_done(self, mid, granted):
        if mid in self._subscribing:
            self._put(("suback", self._subscribing.pop(mid), granted))

    def _message_done(self, topic, payload):
        self.counters["messages_in"] += 1
        self._put(("message", topic, payload))

    # ---- in paho's thread ----

    def _hand_over(self, function, *arguments):
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            pass  # the loop is closed: nobody is left to be told

    def _on_socket_open(self, client, userdata, sock):
        # Without it a packet waits for the acknowledgement of the one before it: a round trip
        # more for an alert that follows a position.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._done:  # given up while paho was connecting
            _drop(sock)

    def _on_connect_fail(self, client, userdata):
        error = sys.exc_info()[1]  # paho calls this from its `except`
        cause = "timeout" if isinstance(error, TimeoutError) else tls_cause(error) or "network"
        client.blame(cause, str(error))
        client.loop_stop()  # from its own thread: only a flag, it does not wait

    def _on_connect(self, client, userdata, flags, reason, properties):
        self._hand_over(self._connect_done)

    def _on_refused(self, code):
        self._paho.blame("refused", "CONNACK with return code %d" % code)
        self._hand_over(self._put, ("refused", code))

    def _on_disconnect(self, client, userdata, flags, reason, properties):
        if reason == "Keep alive timeout":
            client.blame("keepalive", "no answer to PINGREQ")

    def _on_publish(self, client, userdata, mid, reason, properties):
        self._hand_over(self._publish_done, mid)

    def _on_subscribe(self, client, userdata, mid, reasons, properties):
        granted = reasons[0].value
        self._hand_over(self._subscribe_done, mid, granted if granted < 3 else None)

    def _on_message(self, client, userdata, message):
        # A full queue holds the thread here, so that it stops reading the socket. No lock that
        # publish() needs is held now (in on_publish one is).
        while not self._slots.acquire(timeout=_HOLD_S):
            if self._let_go.is_set():
                return
        self._hand_over(self._message_done, message.topic, bytes(message.payload))

    def _on_ended(self):
        self._hand_over(self._thread_done)


def _drop(sock):
    """End a connection that another thread uses: it finds the socket at its end."""
    try:
        if sock is not None:
            # Not SSLSocket's: that one takes the TLS layer away under the thread's feet.
            socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except (OSError, ssl.SSLError):
        pass  # it is closed already
