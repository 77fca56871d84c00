"""The project's own MQTT client: `agent/comms/mqtt.py` over asyncio streams.

Made for MicroPython, where no library fits; runs on CPython too, so that both can be compared.
One `Client` is one connection. Nothing here blocks the loop but MicroPython's DNS look-up, and
everything between `start()` and CONNACK (TCP, TLS, CONNECT) shares one deadline.

TLS files: PEM on CPython; on MicroPython DER (all that small ports understand).
"""

import asyncio
import os
import socket
import ssl
import sys
from errno import EINPROGRESS

from agent import port
from agent.comms.mqtt import CLOSE_MS, EVENT_QUEUE, WRITE_BUFFER, Mqtt
from agent.const import const

# One read. The shortest message takes 5 bytes [MQTT 3.1.1, 3.3], so a read adds at most 102
# events to the queue before its cap is looked at again.
_READ_SIZE = 512
# A failed write leaves the reader this long to find the peer's last words (a TLS alert, a
# CONNACK): they say more than "connection reset".
_LAST_WORDS_MS = const(200)

_MICROPYTHON = sys.implementation.name == "micropython"
_TLS_EOF = const(-0x7280)  # mbedTLS: the peer hung up without a word


class TlsError(Exception):
    """TLS could not be set up: a file is missing or is not what it should be."""


def _der(path):
    with open(path, "rb") as f:
        return f.read()


def tls_context(tls):
    """A client's SSLContext: the server is verified, our certificate is shown if there is one."""
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # MicroPython's `ssl` module turns verification off unless told.
        context.verify_mode = ssl.CERT_REQUIRED
        if _MICROPYTHON:
            context.load_verify_locations(cadata=_der(tls["ca"]))
            if tls.get("cert"):
                context.load_cert_chain(_der(tls["cert"]), _der(tls["key"]))
        else:
            context.load_verify_locations(cafile=tls["ca"])
            if tls.get("cert"):
                context.load_cert_chain(tls["cert"], tls["key"])
        return context
    except (OSError, ValueError) as e:
        files = ", ".join([str(tls[k]) for k in ("ca", "cert", "key") if tls.get(k)])
        raise TlsError("cannot use %s: %s" % (files, e))


def tls_cause(error):
    """'tls' or 'peer' for an error of CPython's `ssl`, None for any other."""
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return "peer"
    if isinstance(error, (TlsError, ssl.SSLError, ssl.CertificateError)):
        return "tls"
    return None


def _hung_up_talking(sock):
    """True when a peer that reset the connection had sent something that nobody has read yet.

    A TLS server that refuses our certificate sends an alert and closes. Whoever was just writing
    sees only the reset, and what lies unread behind it can only be that alert.
    """
    try:
        return bool(sock.recv(1))
    except OSError:
        return False


class _CpythonStream:
    def __init__(self):
        self._writer = None
        self._socket = None  # a second handle, kept until a TLS server has said something

    async def open(self, options):
        context = name = None
        if options.tls:
            context = tls_context(options.tls)
            name = options.server_name()
        self._reader, self._writer = await asyncio.open_connection(
            options.host, options.port, limit=_READ_SIZE, ssl=context, server_hostname=name
        )
        # drain() shall mean "the socket has it": the only buffer is the machine's. Not 0: with
        # nothing at all waiting, asyncio's TLS layer then pauses for good.
        self._writer.transport.set_write_buffer_limits(high=1)
        if options.tls:
            handle = self._writer.get_extra_info("socket").fileno()
            self._socket = socket.socket(fileno=os.dup(handle))

    async def read(self):
        data = await self._reader.read(_READ_SIZE)
        self._forget()
        return data

    async def write(self, packet):
        self._writer.write(packet)
        await self._writer.drain()

    def close(self):
        if self._writer is not None:
            self._writer.transport.abort()
        self._forget()

    def _forget(self):
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def cause(self, error):
        if self._socket is not None and isinstance(error, ConnectionError):
            return "tls" if _hung_up_talking(self._socket) else None
        return tls_cause(error)


def _writable(sock):
    """Wait until a connecting socket is connected, or failed."""
    yield asyncio.core._io_queue.queue_write(sock)


class _MicroStream:
    """As `asyncio.open_connection`, but it keeps hold of the socket: an abandoned connect would
    leave it open for ever, since nothing collects it."""

    def __init__(self):
        self._sockets = []
        self._in_handshake = False

    async def open(self, options):
        context = tls_context(options.tls) if options.tls else None
        info = socket.getaddrinfo(options.host, options.port, 0, socket.SOCK_STREAM)[0]
        sock = socket.socket(info[0], info[1], info[2])
        self._sockets.append(sock)
        sock.setblocking(False)
        try:
            sock.connect(info[-1])
        except OSError as e:
            if e.errno != EINPROGRESS:
                raise
        await _writable(sock)
        try:
            sock.setsockopt(6, 1, 1)  # TCP_NODELAY: every write is a whole packet
        except OSError:
            pass
        if context:
            # The handshake is made, without blocking, by the first write.
            sock = context.wrap_socket(
                sock, server_hostname=options.server_name(), do_handshake_on_connect=False
            )
            self._sockets.append(sock)
            self._in_handshake = True
        self._stream = asyncio.StreamReader(sock)

    def read(self):
        return self._stream.read(_READ_SIZE)

    async def write(self, packet):
        # One write at a time, and the same bytes until they are through: mbedTLS insists on it,
        # and what is written during a drain() would be lost.
        self._stream.write(packet)
        await self._stream.drain()
        self._in_handshake = False

    def close(self):
        while self._sockets:  # TLS first; after a failed handshake it no longer closes the other
            self._sockets.pop().close()

    def cause(self, error):
        if isinstance(error, (TlsError, ValueError)):  # ValueError: the certificate's verdict
            return "tls"
        code = error.args[0] if error.args else 0
        if isinstance(error, OSError) and isinstance(code, int) and code < 0:
            return "peer" if code == _TLS_EOF else "tls"
        # mbedTLS, having failed to write, no longer reads.
        if self._in_handshake and _hung_up_talking(self._sockets[0]):
            return "tls"
        return None


_Stream = _MicroStream if _MICROPYTHON else _CpythonStream


async def _sleep_ms(ms):
    await asyncio.sleep(ms / 1000)


class Client:
    """One MQTT connection; `options` is an MqttOptions.

    `notify()` is called whenever an event was queued; events are those of `agent/comms/mqtt.py`,
    with the further causes 'network', 'tls', 'peer' and 'stopped' for ('closed', cause).
    `detail` is then one line that says more. Needs a running asyncio loop.
    """

    def __init__(self, options, notify):
        self.detail = ""
        self._options = options
        self._notify = notify
        self._machine = Mqtt(options)
        self.counters = self._machine.counters
        self._stream = _Stream()
        self._events = []
        self._cause = None
        self._closing = False
        self._over = asyncio.Event()
        self._outgoing = asyncio.Event()  # the machine has packets to write
        self._room = asyncio.Event()  # an event was taken or a packet written
        self._tasks = []

    def start(self):
        """Begin to connect; returns at once."""
        self._machine.open(port.uptime_ms())
        self._main = asyncio.create_task(self._run())

    def take(self):
        """The oldest event, or None."""
        if not self._events:
            return None
        self._room.set()
        return self._events.pop(0)

    @property
    def inflight(self):
        return self._machine.inflight

    def publish(self, topic, payload, qos, retain, token):
        """False: not connected, or window or write buffer full. Raises MqttLocalError."""
        done = self._machine.publish(topic, payload, qos, retain, token)
        self._outgoing.set()
        return done

    def subscribe(self, topic, qos):
        """False: not connected, or too many unanswered. Raises MqttLocalError."""
        done = self._machine.subscribe(topic, qos)
        self._outgoing.set()
        return done

    def close(self):
        """Write what waits, then DISCONNECT (no will); ('closed', 'stopped') follows."""
        if self._closing or self._cause:
            return
        self._closing = True
        if not self._machine.connected:
            self._end("stopped")
            return
        self._machine.disconnect()
        self._outgoing.set()
        self._tasks.append(asyncio.create_task(self._close_in_time()))

    def abort(self):
        """Drop the connection without DISCONNECT; ('closed', 'stopped') follows."""
        self._end("stopped")

    async def _run(self):
        self._tasks.append(asyncio.create_task(self._work()))
        self._tasks.append(asyncio.create_task(self._watch()))
        try:
            await self._over.wait()
        finally:
            for task in self._tasks:
                task.cancel()
            self._stream.close()
        self._machine.disconnect()
        self._put(("closed", self._cause))

    async def _work(self):
        try:
            await self._stream.open(self._options)
            await self._stream.write(self._machine.next_output(port.uptime_ms()))
            self._tasks.append(asyncio.create_task(self._write()))
            await self._read()
        except Exception as e:  # whatever a network stack comes up with ends this connection only
            self._fail(e)

    async def _read(self):
        while True:
            while len(self._events) >= EVENT_QUEUE or self._machine.pending > WRITE_BUFFER:
                self._room.clear()
                await self._room.wait()
            data = await self._stream.read()
            if not data:
                self._end("peer", "the broker closed the connection")
                return
            self._handle(self._machine.feed(data, port.uptime_ms()))

    async def _write(self):
        try:
            while True:
                packet = self._machine.next_output(port.uptime_ms())
                if packet is None:
                    self._outgoing.clear()
                    await self._outgoing.wait()
                    continue
                await self._stream.write(packet)
                self._room.set()
        except Exception as e:
            await _sleep_ms(_LAST_WORDS_MS)
            self._fail(e)

    async def _watch(self):
        """The clock of the machine: connect deadline, keepalive."""
        while True:
            now = port.uptime_ms()
            self._handle(self._machine.poll(now))
            await _sleep_ms(max(1, self._machine.wake(now)))

    async def _close_in_time(self):
        """The peer closes after DISCONNECT [MQTT-3.14.4-1], if it still can."""
        await _sleep_ms(CLOSE_MS)
        self._end("stopped")

    def _handle(self, events):
        for event in events:
            if event[0] == "closed":
                self._end(event[1], self._machine.detail)
            else:
                self._put(event)
        if self._machine.pending:
            self._outgoing.set()

    def _fail(self, error):
        self._end(self._stream.cause(error) or "network", str(error) or repr(error))

    def _end(self, cause, detail=""):
        """The first cause stands; the rest is what follows from it."""
        if self._cause is None:
            self._cause = "stopped" if self._closing else cause
            self.detail = detail
            self._over.set()

    def _put(self, event):
        self._events.append(event)
        self._notify()
