"""A rogue broker: whoever it serves gets from it what it likes, and it knows all that passes.

It stands between one MQTT client and a real broker, without TLS, as a broker does that has got a
certificate: it sees and changes whole messages, never what is sealed in them.

    rogue = Rogue(broker.port)             the client connects to rogue.port
    rogue.seen                             [(direction, topic, payload), ...], direction UP or DOWN
    rogue.rule = function                  (direction, topic, payload) -> [payload, ...] instead
    rogue.tell(topic, payload)             a message to the client that nobody has sent

A rule that gives no payload loses the message; its sender is told that it has arrived.
"""

import contextlib
import socket
import threading
import time
from collections import deque

from agent.comms import mqtt_packets as packets

UP = "up"  # from the client
DOWN = "down"
_SEEN = 20000  # messages remembered: some minutes of a vehicle
_CONNECT_S = 5


def _length(data, at):
    """(body's start, packet's end) of the packet at `at`, or None while more is needed [2.2.3]."""
    length = shift = 0
    for i in range(at + 1, min(at + 5, len(data))):
        length |= (data[i] & 127) << shift
        shift += 7
        if data[i] < 128:
            return i + 1, i + 1 + length
    return None


def split(buffer):
    """([whole packet, ...], rest)"""
    found, at = [], 0
    while (where := _length(buffer, at)) and where[1] <= len(buffer):
        found.append(buffer[at : where[1]])
        at = where[1]
    return found, buffer[at:]


def parse(packet):
    """(topic, payload, packet id or 0, retained) of a PUBLISH, or None for any other packet."""
    if packet[0] & 0xF0 != packets.PUBLISH:
        return None
    start, _ = _length(packet, 0)
    end = start + 2 + int.from_bytes(packet[start : start + 2], "big")
    topic, packet_id = packet[start + 2 : end].decode(), 0
    if packet[0] >> 1 & 3:
        packet_id = int.from_bytes(packet[end : end + 2], "big")
        end += 2
    return topic, packet[end:], packet_id, packet[0] & 1


class _Pair:
    """A client's connection and the one to the broker that goes with it."""

    def __init__(self, rogue, client):
        self._rogue = rogue
        self.client = client
        self.broker = socket.create_connection(("127.0.0.1", rogue.target), timeout=_CONNECT_S)
        self.broker.settimeout(None)
        self._locks = {self.client: threading.Lock(), self.broker: threading.Lock()}
        for s in self._locks:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for direction, source, sink in (
            (UP, self.client, self.broker), (DOWN, self.broker, self.client),
        ):  # fmt: skip
            threading.Thread(target=self._pump, args=(direction, source, sink), daemon=True).start()

    def write(self, sink, data):
        with self._locks[sink]:
            sink.sendall(data)

    def _pump(self, direction, source, sink):
        buffer = b""
        try:
            while data := source.recv(65536):
                whole, buffer = split(buffer + data)
                for packet in whole:
                    self._pass(direction, source, sink, packet)
        except OSError:
            pass
        self.close()

    def _pass(self, direction, source, sink, packet):
        message = parse(packet)
        if message is None:
            self.write(sink, packet)
            return
        topic, payload, packet_id, retain = message
        with self._rogue.lock:
            self._rogue.seen.append((direction, topic, payload))
            rule = self._rogue.rule
            payloads = [payload] if rule is None else rule(direction, topic, payload)
        if payloads == [payload]:
            self.write(sink, packet)
            return
        if not payloads and packet_id:
            self.write(source, packets.puback(packet_id))
        for i, other in enumerate(payloads):
            # One answers for the packet id that the sender waits for.
            qos = 1 if packet_id and not i else 0
            self.write(sink, packets.publish(topic, other, qos, retain, packet_id))

    def close(self):
        for s in self._locks:
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
        self._rogue.forget(self)


class Rogue:
    """See the module. `rule` None passes all on as it came."""

    def __init__(self, target):
        self.target = target
        self.lock = threading.RLock()
        self.seen = deque(maxlen=_SEEN)
        self.rule = None
        self._pairs = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                self._pairs.append(_Pair(self, client))
            except OSError:
                client.close()

    def forget(self, pair):
        if pair in self._pairs:
            self._pairs.remove(pair)

    def tell(self, topic, payload):
        """To the client that came last."""
        pair = self._pairs[-1]
        pair.write(pair.client, packets.publish(topic, payload, 0, False, 0))

    def flood(self, topic, payloads, count, seconds):
        """All of them (`count`), spread over that time; how long it took, s."""
        pair, begin = self._pairs[-1], time.monotonic()
        for i, payload in enumerate(payloads):
            early = begin + seconds * i / count - time.monotonic()
            if early > 0.002:
                time.sleep(early)
            pair.write(pair.client, packets.publish(topic, payload, 0, False, 0))
        return time.monotonic() - begin

    def payloads(self, direction, topic):
        """What passed under that topic so far, in its order."""
        with self.lock:
            return [p for d, t, p in self.seen if (d, t) == (direction, topic)]

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for pair in list(self._pairs):
            pair.close()
