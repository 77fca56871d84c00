"""tools/emulator/chaos.py: what the emulated link does to bytes, as both of its ends see it."""

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time

import pytest

from agent.comms import mqtt_packets
from tools.emulator import chaos
from tools.emulator.chaos_link import LinkScript, ScriptError, parse

CONNECT = mqtt_packets.connect("v-one", 60)


class Server:
    """Takes connections; `heard[i]` is what came through connection i; it may echo."""

    def __init__(self, is_echo=False):
        self._is_echo = is_echo
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.heard, self.times, self.ends, self._sockets = [], [], [], []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                s, _ = self._listener.accept()
                self._sockets.append(s)
                self.heard.append(b"")
                self.ends.append(None)
                threading.Thread(
                    target=self._read, args=(s, len(self.heard) - 1), daemon=True
                ).start()

    def _read(self, s, i):
        try:
            while data := s.recv(65536):
                self.heard[i] += data
                self.times.append(time.monotonic())
                if self._is_echo:
                    s.sendall(data)
            self.ends[i] = "end"
        except OSError:
            self.ends[i] = "reset"

    def close(self):
        for s in [self._listener, *self._sockets]:
            s.close()


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def echo():
    server = Server(is_echo=True)
    yield server
    server.close()


def dial(link):
    return socket.create_connection(("127.0.0.1", link.port), timeout=5)


def until(condition, seconds=5):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def is_reset(s):
    try:
        return s.recv(100) == b""
    except OSError:
        return True


def test_a_round_trip_takes_its_time(echo):
    with chaos.Chaos(echo.port, LinkScript(round_trip_ms=100)) as link, dial(link) as s:
        time.sleep(0.15)  # the handshake
        trips = []
        for _ in range(5):
            began = time.monotonic()
            s.sendall(b"ping")
            assert s.recv(10) == b"ping"
            trips.append(time.monotonic() - began)
        assert 0.1 <= min(trips) <= 0.15


def test_bandwidth_is_shared_and_in_order(server):
    script = LinkScript(up_bytes_per_s=100000, buffer_bytes=20000)
    data = bytes(range(256)) * 200
    with chaos.Chaos(server.port, script) as link, dial(link) as a, dial(link) as b:
        began = time.monotonic()
        threads = [threading.Thread(target=s.sendall, args=(data,)) for s in (a, b)]
        for thread in threads:
            thread.start()
        until(lambda: sum(map(len, server.heard)) == 2 * len(data))
        took = time.monotonic() - began
        assert server.heard == [data, data] and 0.9 <= took * 100000 / (2 * len(data)) <= 1.5


def test_a_stall_delays_and_loses_nothing(server):
    with chaos.Chaos(server.port) as link, dial(link) as s:
        s.sendall(b"before")
        until(lambda: server.heard == [b"before"])
        link.do("stall", 0.4)
        time.sleep(0.05)
        s.sendall(b" after")
        time.sleep(0.2)
        assert server.heard == [b"before"]
        until(lambda: server.heard == [b"before after"])


def is_refused(link):
    """A link that is down resets whoever comes, at once or at the first look."""
    try:
        with dial(link) as s:
            s.settimeout(0.2)
            return s.recv(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def test_a_cut_resets_both_ends_and_a_link_that_is_down_refuses(server):
    with chaos.Chaos(server.port) as link, dial(link) as s:
        s.sendall(b"x")
        until(lambda: server.heard == [b"x"])
        link.do("cut")
        assert is_reset(s)
        until(lambda: server.ends == ["reset"])
        link.do("down", 1.0)
        until(lambda: is_refused(link))
        until(lambda: not is_refused(link))
        with dial(link) as again:
            again.sendall(b"y")
            until(lambda: server.heard[-1] == b"y")


def test_a_packet_is_torn_in_its_middle(server):
    with chaos.Chaos(server.port) as link, dial(link) as s:
        s.sendall(CONNECT)
        until(lambda: server.heard == [CONNECT])
        link.do("torn")
        time.sleep(0.05)
        packet = mqtt_packets.publish("p1/v/t", bytes(100), 1, False, 1)
        s.sendall(packet)
        until(lambda: server.ends[0] is not None)
        got = server.heard[0][len(CONNECT) :]
        assert 0 < len(got) < len(packet) and packet.startswith(got)


def test_half_open_is_told_to_nobody_and_new_connections_pass(server):
    with chaos.Chaos(server.port) as link, dial(link) as s:
        s.sendall(b"x")
        until(lambda: server.heard == [b"x"])
        link.do("half_open")
        time.sleep(0.05)
        s.sendall(b"lost")
        with dial(link) as other:
            other.sendall(b"other")
            until(lambda: server.heard == [b"x", b"other"])
        assert server.ends[0] is None
        s.settimeout(0.2)
        with pytest.raises(TimeoutError):
            s.recv(10)


def test_in_the_dark_connections_are_taken_and_nothing_passes(server):
    with chaos.Chaos(server.port) as link, dial(link) as before:
        before.sendall(b"x")
        until(lambda: server.heard == [b"x"])
        link.do("dark", 0.4)
        time.sleep(0.05)
        with dial(link) as inside:
            inside.sendall(b"nobody hears")
            assert is_reset(inside)  # when it is over
        assert is_reset(before) and b"nobody hears" not in server.heard
        with dial(link) as after:
            after.sendall(b"y")
            until(lambda: server.heard[-1] == b"y")


def test_what_was_sent_last_comes_behind_the_next_connection(server):
    with chaos.Chaos(server.port, LinkScript(round_trip_ms=200)) as link:
        with dial(link) as s:
            s.sendall(CONNECT)
            until(lambda: server.heard == [CONNECT])
            s.sendall(b"\xc0\x00")
            time.sleep(0.05)
            link.do("overtaken")
            assert is_reset(s)
        with dial(link) as s:
            s.sendall(CONNECT)
            until(lambda: len(server.heard) == 2 and server.heard[1] == CONNECT)
            until(lambda: server.heard[0] == CONNECT + b"\xc0\x00")


def test_one_publish_comes_twice(server):
    with chaos.Chaos(server.port) as link, dial(link) as s:
        s.sendall(CONNECT)
        link.do("twice")
        time.sleep(0.05)
        packets = [mqtt_packets.publish("p1/v/t", b"%d" % i, 1, False, i) for i in (1, 2)]
        for packet in packets:
            s.sendall(packet[:7])  # cut anywhere
            time.sleep(0.02)
            s.sendall(packet[7:])
        until(lambda: server.heard == [CONNECT + packets[0] * 2 + packets[1]])


def test_the_same_seed_is_the_same_schedule():
    script = chaos.load("city")
    rows = script.schedule(600)
    assert rows == chaos.load("city").schedule(600) and 12 < len(rows) < 120
    assert rows == [row for row in script.schedule(1200) if row[0] < 600]
    assert {row[1] for row in script.schedule(36000)} == set(chaos.KINDS)
    other = LinkScript(seed=2, random=script.random)
    assert other.schedule(600) != rows


def test_a_wrong_script_is_named():
    for raw, text in (
        ([], "the file must be an object"),
        ({"rtt": 5}, "unknown key rtt"),
        ({"round_trip_ms": -1}, "round_trip_ms must be a number of at least 0"),
        ({"up_bytes_per_s": 0}, "up_bytes_per_s must be a number of at least 1"),
        ({"events": [{"at": 1, "do": "explode"}]}, "events[0].do must be one of cut"),
        ({"events": [{"do": "cut"}]}, "events[0].at must be"),
        ({"random": {"every": [2, 1], "for": [0, 1], "do": {"cut": 1}}}, "random.every[1] must"),
        ({"random": {"every": [1, 2], "for": [0, 1], "do": {"cat": 1}}}, "unknown key random.do."),
    ):
        with pytest.raises(ScriptError) as error:
            parse(raw)
        assert str(error.value).startswith(text)


def test_it_is_started_by_hand(server, tmp_path):
    path = tmp_path / "one-cut.json"
    path.write_text(json.dumps({"events": [{"at": 0.5, "do": "cut"}]}))
    command = [sys.executable, "-m", "tools.emulator.chaos", "--target", str(server.port),
               "--script", str(path), "--seconds", "1"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        port = int(child.stdout.readline().split(":")[1].split()[0])
        with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
            s.sendall(b"x")
            until(lambda: server.heard == [b"x"])
            assert is_reset(s)
        rest = child.stdout.read()
    assert child.returncode == 0 and "0.500 cut" in rest
    assert json.loads(rest.splitlines()[-1])["cut"] == 1
