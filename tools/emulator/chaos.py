"""A bad link on loopback: a TCP proxy between an MQTT client and its broker, by script and seed.

    with Chaos(1883, load("lte")) as link: ...        # clients connect to link.port
    python -m tools.emulator.chaos --target 1883 --script lte

One script is one radio link: every connection shares its bandwidth. What can happen to it:

    cut        all connections are reset; new ones pass at once
    torn       the same in the middle of a packet that the client sends
    down       the same, and for so long new ones are reset, too
    stall      nothing passes for so long; then it goes on where it stopped
    half_open  what is connected is dead and nobody is told; new connections pass
    dark       a tunnel: connections are taken, nothing passes; afterwards all of them are gone
    overtaken  the client is reset; what it sent last comes to the broker behind its next connection
    twice      the next PUBLISH in each direction is delivered twice

`schedule(script, seconds)` is a pure function of the script and its seed: the same things happen in
the same order at the same times. When exactly a byte meets them is up to the machine.
"""

import argparse
import asyncio
import contextlib
import json
import random
import socket
import struct
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from agent.comms import mqtt_packets
from tools.emulator.chaos_link import KINDS, LinkScript, ScriptError, parse

SCRIPTS = Path(__file__).parent / "links"
_PIECE = 1460  # bytes handed on together: a TCP segment on Ethernet
_PUBLISH = mqtt_packets.PUBLISH
_CONNECT = 0x10
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST
_START_S = 10


def load(name):
    """LinkScript of a file, or of a bundled one by name. Raises ScriptError, OSError."""
    path = Path(name)
    if not path.suffix:
        path = SCRIPTS / f"{name}.json"
    try:
        return parse(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as e:
        raise ScriptError(f"{path} is no JSON: {e}") from e


class _Packets:
    """Cuts a stream at the borders of MQTT packets; one that is none is passed as it comes."""

    def __init__(self):
        self._buffer = b""
        self._is_mqtt = None

    def feed(self, data):
        if self._is_mqtt is None:
            self._is_mqtt = data[0] & 0xF0 in (_CONNECT, mqtt_packets.CONNACK)
        if not self._is_mqtt:
            return [data]
        self._buffer += data
        found = []
        while (size := _size(self._buffer)) and len(self._buffer) >= size:
            found.append(self._buffer[:size])
            self._buffer = self._buffer[size:]
        return found


def _size(data):
    """Bytes of the packet that begins here, or None while its length has not come [MQTT 2.2.3]."""
    length = shift = 0
    for i, byte in enumerate(data[1:5]):
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return 2 + i + length
    return None


@dataclass
class _Wire:
    """One direction of the link, shared by all connections: when bytes have passed."""

    delay: float  # s
    jitter: float  # s
    rate: float | None  # bytes a second
    buffer: int  # bytes that may wait for it
    rng: random.Random
    free: float = 0.0
    last: float = 0.0

    def waiting(self, now):
        """Bytes that wait to be carried."""
        return max(0.0, self.free - now) * self.rate if self.rate else 0

    def carry(self, count, now):
        """The second at which `count` bytes, ready now, are at the other end. In order."""
        if self.rate:
            self.free = max(self.free, now) + count / self.rate
            now = self.free
        self.last = max(self.last, now + self.delay + self.rng.uniform(0, self.jitter))
        return self.last


class _Connection:
    """A client, its connection to the broker, and what is under way between them."""

    def __init__(self, link, reader, writer):
        self._link = link
        self.client = (reader, writer)
        self.broker = None
        self.opened = link.loop.time()
        self.is_dead = False  # half open
        self.is_held = False  # what is under way waits for the next connection
        self._tasks = []

    async def run(self):
        try:
            self.broker = await asyncio.open_connection(
                "127.0.0.1", self._link.target, limit=2 * _PIECE
            )
        except OSError:
            self.reset()
            return
        self._tasks = [
            asyncio.create_task(self._pass(self.client[0], self.broker[1], "up")),
            asyncio.create_task(self._pass(self.broker[0], self.client[1], "down")),
        ]
        await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        # One side is gone; a half-open connection is exactly that nobody hears of it.
        while self.is_dead or self.is_held:
            await asyncio.sleep(0.05)
        self.reset()

    async def _pass(self, source, sink, way):
        queue = asyncio.Queue()
        sender = asyncio.create_task(self._deliver(queue, sink, way))
        self._tasks.append(sender)
        link, packets = self._link, _Packets()
        wire = link.wires[way]
        try:
            while data := await source.read(_PIECE):
                # A handshake has gone over the link before anything is sent.
                ready = self.opened + link.script.round_trip_ms / 1000 - link.loop.time()
                if ready > 0:
                    await asyncio.sleep(ready)
                while wire.waiting(link.loop.time()) > wire.buffer:
                    await asyncio.sleep(0.005)
                for packet in packets.feed(data):
                    for copy in link.copies(packet, way):
                        queue.put_nowait((wire.carry(len(copy), link.loop.time()), copy))
        except (OSError, asyncio.IncompleteReadError):
            pass
        queue.put_nowait((link.loop.time() + wire.delay, b""))
        await sender

    async def _deliver(self, queue, sink, way):
        link = self._link
        is_first = way == "down"
        while True:
            due, data = await queue.get()
            await asyncio.sleep(max(0.0, due - link.loop.time()))
            while link.is_stalled or self.is_dead or self.is_held:
                await asyncio.sleep(0.005)
            if not data:
                return
            if link.is_torn and way == "up" and len(data) > 1:
                link.is_torn = False
                sink.write(data[: len(data) // 2])
                await asyncio.sleep(0.01)
                link.cut()
                return
            if is_first:
                is_first = False
                link.answered = time.monotonic()
            try:
                sink.write(data)
                await sink.drain()
            except OSError:
                return
            link.counters["bytes_" + way] += len(data)

    def reset(self, is_client_only=False):
        """Ends it with RST on both sides."""
        for stream in [self.client] if is_client_only else [self.client, self.broker]:
            if stream is None:
                continue
            s = stream[1].get_extra_info("socket")
            if s is not None and s.fileno() >= 0:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            stream[1].close()
        if not is_client_only:
            self.is_dead = self.is_held = False
            for task in self._tasks:
                task.cancel()
            self._link.connections.discard(self)


class Chaos:
    """`target`: the broker's port; `port`: where clients connect, on loopback. `do` and `script`
    may be used from any thread."""

    def __init__(self, target, script=None, port=0):
        self.target = target
        self.script = script or LinkScript()
        self.counters = {"connections": 0, "bytes_up": 0, "bytes_down": 0}
        self.connections = set()
        self.answered = 0.0  # second (monotonic) at which a client last got its first bytes
        self.is_stalled = self.is_torn = False
        self._is_down = self._is_dark = False
        self._twice = {"up": 0, "down": 0}
        self._listener = socket.create_server(("127.0.0.1", port))
        # Else the kernel would take megabytes off the client that no radio buffers.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        # asyncio leaves it out, as this socket does not name its protocol: Nagle's algorithm and a
        # delayed acknowledgement would make a round trip longer by 40 ms that are not the link's.
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = self._listener.getsockname()[1]
        self._is_ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self):
        self._thread.start()
        if not self._is_ready.wait(_START_S):
            raise RuntimeError("the link did not start")
        return self

    def __exit__(self, *error):
        self.loop.call_soon_threadsafe(self._over.set)
        self._thread.join(_START_S)

    async def _run(self):
        self.loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        script = self.script
        self.wires = {
            way: _Wire(
                script.round_trip_ms / 2000,
                script.jitter_ms / 2000,
                rate,
                script.buffer_bytes,
                random.Random(f"{script.seed}/{way}"),
            )
            for way, rate in (("up", script.up_bytes_per_s), ("down", script.down_bytes_per_s))
        }
        server = await asyncio.start_server(self._accept, sock=self._listener, limit=2 * _PIECE)
        self._is_ready.set()
        await self._over.wait()
        server.close()
        for connection in list(self.connections):
            connection.reset()

    async def _accept(self, reader, writer):
        connection = _Connection(self, reader, writer)
        if self._is_down:
            connection.reset()
            return
        self.counters["connections"] += 1
        connection.is_dead = self._is_dark
        held = [c for c in self.connections if c.is_held]
        self.connections.add(connection)
        if held:
            self.loop.call_later(self.script.round_trip_ms / 1000 + 0.05, self._release, held)
        with contextlib.suppress(asyncio.CancelledError):
            await connection.run()

    @staticmethod
    def _release(held):
        for connection in held:
            connection.is_held = False

    def copies(self, packet, way):
        """The packet, or twice the same."""
        if self._twice[way] and packet[0] & 0xF0 == _PUBLISH:
            self._twice[way] -= 1
            return packet, packet
        return (packet,)

    # What happens to it

    def do(self, what, seconds=0.0):
        """One of the module's list; returns at once."""
        if what not in KINDS:
            raise ScriptError(f"{what} is none of {', '.join(KINDS)}")
        self.loop.call_soon_threadsafe(self._do, what, seconds)

    def _do(self, what, seconds):
        self.counters[what] = self.counters.get(what, 0) + 1
        _ACTIONS[what](self, seconds)

    def cut(self, seconds=0.0):
        for connection in list(self.connections):
            connection.reset()

    def _torn(self, seconds):
        self.is_torn = True

    def _down(self, seconds):
        self._is_down = True
        self.cut()
        self.loop.call_later(seconds, setattr, self, "_is_down", False)

    def _stall(self, seconds):
        self.is_stalled = True
        self.loop.call_later(seconds, setattr, self, "is_stalled", False)

    def _half_open(self, seconds):
        for connection in self.connections:
            connection.is_dead = True

    def _dark(self, seconds):
        self._is_dark = True
        self._half_open(seconds)
        self.loop.call_later(seconds, self._light)

    def _light(self):
        self._is_dark = False
        self.cut()

    def _overtaken(self, seconds):
        for connection in self.connections:
            connection.is_held = True
            connection.reset(is_client_only=True)

    def _deliver_twice(self, seconds):
        for way in self._twice:
            self._twice[way] += 1

    def play(self, events, stop=None):
        """Lets a schedule happen in this thread; returns early when `stop` (an Event) is set."""
        stop = stop or threading.Event()
        began = time.monotonic()
        for at, what, seconds in events:
            if stop.wait(max(0.0, began + at - time.monotonic())):
                return
            self.do(what, seconds)


_ACTIONS = {
    "cut": Chaos.cut,
    "torn": Chaos._torn,
    "down": Chaos._down,
    "stall": Chaos._stall,
    "half_open": Chaos._half_open,
    "dark": Chaos._dark,
    "overtaken": Chaos._overtaken,
    "twice": Chaos._deliver_twice,
}


def main(argv=None):
    parser = argparse.ArgumentParser(
        prog="python -m tools.emulator.chaos",
        description="A bad link on loopback between an MQTT client and its broker.",
        epilog="example: python -m tools.emulator.chaos --target 1883 --port 1884 --script city",
    )
    parser.add_argument("--target", type=int, required=True, help="the broker's port")
    parser.add_argument("--port", type=int, default=0, help="where clients connect; 0: any free")
    parser.add_argument("--script", default="lte", help="file, or one of the bundled scripts")
    parser.add_argument("--seconds", type=float, default=86400.0, help="how long it runs")
    options = parser.parse_args(argv)
    try:
        script = load(options.script)
    except (ScriptError, OSError) as e:
        print(f"chaos: {options.script}: {e}", file=sys.stderr)
        return 1
    with Chaos(options.target, script, options.port) as link:
        began = time.monotonic()
        print(f"link on 127.0.0.1:{link.port} to 127.0.0.1:{link.target}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            for at, what, seconds in script.schedule(options.seconds):
                time.sleep(max(0.0, at - (time.monotonic() - began)))
                print(f"{at:9.3f} {what} {seconds:.3f}", flush=True)
                link.do(what, seconds)
            time.sleep(max(0.0, options.seconds - (time.monotonic() - began)))
        print(json.dumps(link.counters))
    return 0


if __name__ == "__main__":
    sys.exit(main())
