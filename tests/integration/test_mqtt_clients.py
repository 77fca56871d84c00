"""Both MQTT clients, the project's own on both interpreters, against real brokers and against a
broker that follows a script: the same cases for all, and the same answers."""

import contextlib
import ctypes
import os
import socket
import ssl
import time

import pytest

from agent.comms import mqtt_packets as packets
from agent.comms.mqtt import CLOSE_MS, EVENT_QUEUE, WRITE_BUFFER
from agent.comms.mqtt_packets import MAX_INCOMING
from tests.support.brokers import Iotcore, Mosquitto, password_line
from tests.support.certificates import Authority
from tests.support.mqtt_clients import CONNACK, KINDS, ClientProcess, ScriptedBroker

MAX_STALL_MS = 200  # a loop held up by a connect would be held up for its whole time-out
SERVER = "broker.test"
CONNECT_S = 0.5  # the connect deadline where it is to pass
# How long a close may take: the flush, the wait for the peer, and a busy machine.
CLOSE_S = CLOSE_MS / 1000 + 1


@pytest.fixture(scope="module", params=KINDS)
def process(request):
    process = ClientProcess(request.param)
    yield process
    process.stop()


@pytest.fixture
def client(process):
    """A client that ends with the test, and whose loop was never held up."""
    process.stall()
    yield process
    process.do(do="abort")
    assert process.stall() < MAX_STALL_MS


@pytest.fixture(scope="module")
def observer():
    process = ClientProcess("asyncio-cpython")
    yield process
    process.stop()


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory):
    with Mosquitto(tmp_path_factory.mktemp("mosquitto")) as broker:
        yield broker


@pytest.fixture(scope="module", params=["mosquitto", "iotcore"])
def broker(request):
    if request.param == "mosquitto":
        yield request.getfixturevalue("mosquitto")
    else:
        with Iotcore() as broker:
            yield broker


_PIDFD_GETFD = 438  # the system call's number on every architecture


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def tls_mosquitto(tmp_path_factory, authority):
    certificate, key = authority.issue("server", dns=SERVER)
    lines = ["allow_anonymous true", "cafile " + authority.ca(), "certfile " + certificate]
    lines += ["keyfile " + key, "require_certificate true", "use_identity_as_username true"]
    with Mosquitto(tmp_path_factory.mktemp("tls"), lines) as broker:
        yield broker


@pytest.fixture
def script():
    with ScriptedBroker() as broker:
        yield broker


def tls(authority, form, server_name=SERVER, certificate=True):
    options = {"ca": authority.ca(form), "server_name": server_name}
    if certificate:
        options["cert"], options["key"] = authority.issue("car-1", form)
    return options


def server_context(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("server", dns=SERVER))
    return context


def message(topic, payload, first=0x30):
    body = len(topic).to_bytes(2, "big") + topic + payload
    assert len(body) < 128
    return bytes((first, len(body))) + body


def its_socket(pid, port):
    """A duplicate of the socket by which another process is connected to a port."""
    pidfd = os.pidfd_open(pid)
    try:
        for number in os.listdir(f"/proc/{pid}/fd"):
            if not os.readlink(f"/proc/{pid}/fd/{number}").startswith("socket:"):
                continue
            copy = ctypes.CDLL(None, use_errno=True).syscall(_PIDFD_GETFD, pidfd, int(number), 0)
            assert copy >= 0, os.strerror(ctypes.get_errno())
            found = socket.socket(fileno=copy)
            # Others it has may be unconnected, as a waker's own.
            with contextlib.suppress(OSError):
                if found.family == socket.AF_INET and found.getpeername()[1] == port:
                    return found
            found.close()
    finally:
        os.close(pidfd)
    raise AssertionError(f"process {pid} has no connection to port {port}")


# ---- real brokers ----


def test_round_trip(client, broker):
    client.connected(broker.port)
    client.subscribe("round/trip/#", qos=1)
    data = bytes(range(256))
    assert client.publish("round/trip/1", payload=data.hex(), qos=1, token=41) == 1
    events = sorted(client.events(2))
    assert events == [["message", "round/trip/1", data.hex()], ["puback", 41]]
    assert client.publish("round/trip/0", payload="00", qos=0) == 1
    client.expect("message", "round/trip/0", "00")
    client.do(do="close")
    client.expect_closed("stopped")
    client.expect_silence()


def test_hundreds_of_publishes_through_a_small_window(client, broker):
    client.connected(broker.port, window=8)
    sent = acknowledged = 0
    tokens = []
    while acknowledged < 300:
        accepted = client.publish("w", size=100, qos=1, token=sent, times=min(50, 300 - sent))
        sent += accepted
        assert accepted <= 8 and sent - acknowledged <= 8 + accepted
        while acknowledged < sent and (acknowledged < sent - 4 or sent == 300):
            kind, token = client.event()
            assert kind == "puback"
            tokens.append(token)
            acknowledged += 1
    assert sorted(tokens) == list(range(300))


def test_retained(client, broker):
    client.connected(broker.port)
    assert client.publish("kept/x", payload="01", qos=1, retain=True, token=1) == 1
    client.expect("puback", 1)
    client.do(do="close")
    client.expect_closed("stopped")
    client.connected(broker.port)
    client.do(do="subscribe", topic="kept/x", qos=1)
    assert client.answer("accepted") == 1
    # The standard lets a broker send it before SUBACK [3.8.4].
    events = sorted(client.events(2))
    assert events == [["message", "kept/x", "01"], ["suback", "kept/x", 1]]
    client.publish("kept/x", payload="", qos=1, retain=True, token=2)  # leave nothing behind
    assert sorted(client.events(2)) == [["message", "kept/x", ""], ["puback", 2]]


def test_last_will_after_abort_not_after_close(client, observer, broker):
    observer.connected(broker.port)
    observer.subscribe("will/+")
    for end, expected in (("close", "00"), ("abort", "dead")):
        client.connected(broker.port, will=["will/w", "dead", 1, False])
        client.do(do=end)
        client.expect_closed("stopped", CLOSE_S)
        if end == "close":
            # A will would have been there before this.
            assert observer.publish("will/mark", payload="00", qos=1, token=1) == 1
            assert sorted(observer.events(2)) == [["message", "will/mark", "00"], ["puback", 1]]
            observer.expect_silence()
        else:
            observer.expect("message", "will/w", expected)
    observer.do(do="close")
    observer.expect_closed("stopped", CLOSE_S)


def test_passwords(client, tmp_path):
    (tmp_path / "passwords").write_text(password_line("car-1", "right"))
    lines = ["allow_anonymous false", "password_file %s" % (tmp_path / "passwords")]
    with Mosquitto(tmp_path, lines) as broker:
        client.connected(broker.port, username="car-1", password="right")
        for wrong in ({"username": "car-1", "password": "wrong"}, {}):
            client.connect(broker.port, **wrong)
            client.expect("refused", 5)
            assert "5" in client.expect_closed("refused")


def test_tls_with_client_certificate(client, tls_mosquitto, authority):
    client.connected(tls_mosquitto.port, tls=tls(authority, client.form))
    client.subscribe("tls/#")
    # Larger than a TLS record's fragment and than one read.
    assert client.publish("tls/big", size=6000, qos=1, token=7) == 1
    assert sorted(client.events(2)) == [["message", "tls/big", "00" * 6000], ["puback", 7]]
    for _ in range(4):
        assert client.publish("tls/s", payload="ab", qos=1, token=1, times=10) == 10
        events = client.events(20)
        assert [e[1] for e in events if e[0] == "puback"] == list(range(1, 11))
        assert [e for e in events if e[0] == "message"] == [["message", "tls/s", "ab"]] * 10
    client.do(do="close")
    client.expect_closed("stopped", CLOSE_S)


def test_tls_refuses_an_unknown_authority(client, tls_mosquitto, authority, tmp_path):
    options = tls(authority, client.form)
    options["ca"] = Authority(tmp_path, "another CA").ca(client.form)
    client.connect(tls_mosquitto.port, tls=options)
    assert client.expect_closed("tls")


def test_tls_refuses_another_name(client, tls_mosquitto, authority):
    for name in ("other.test", "127.0.0.1"):
        client.connect(tls_mosquitto.port, tls=tls(authority, client.form, server_name=name))
        assert client.expect_closed("tls")


def test_tls_without_the_client_certificate(client, tls_mosquitto, authority):
    options = tls(authority, client.form, certificate=False)
    client.connect(tls_mosquitto.port, tls=options)
    assert client.expect_closed("tls")


def test_tls_with_unusable_files(client, script, authority, tmp_path):
    bad = tmp_path / "bad"
    bad.write_bytes(b"no certificate")
    for wrong in ({"ca": str(bad)}, {"ca": str(tmp_path / "none")}, {"key": str(bad)}):
        client.connect(script.port, tls=dict(tls(authority, client.form), **wrong))
        assert list(wrong.values())[0] in client.expect_closed("tls")


# ---- connecting, against a script ----


def test_connect_packet(client, script):
    client.connect(
        script.port,
        client_id="car-1",
        keepalive=33,
        username="u",
        password="p",
        will=["w/t", "00ff", 1, True],
    )
    first, body = script.accept_client()
    expected = packets.connect("car-1", 33, "u", "p", ("w/t", b"\x00\xff", 1, True))
    assert bytes((first, len(body))) + body == expected
    client.expect("connected")


def test_no_packet_waits_for_the_acknowledgement_of_another(client, script):
    client.connect(script.port)
    script.accept_client()
    with its_socket(client.pid, script.port) as found:
        assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_every_refusal(client, script):
    for code in range(1, 6):
        client.connect(script.port)
        script.accept_client(b"\x20\x02\x00" + bytes((code,)))
        client.expect("refused", code)
        client.expect_closed("refused")
        assert script.rest() == []


def test_nobody_listens(client):
    with ScriptedBroker() as script:
        port = script.port
    client.connect(port)
    client.expect_closed("network", 0.7)  # paho's own wait after a failure takes a second


def expect_timeout(client, started):
    client.expect_closed("timeout", 4)
    assert CONNECT_S - 0.05 < time.monotonic() - started < CONNECT_S + 1
    client.expect_silence()


def test_silent_peer_tcp_connect(client):
    with ScriptedBroker(backlog=0) as script:
        script.fill()
        started = time.monotonic()
        client.connect(script.port, connect_timeout=CONNECT_S)
        expect_timeout(client, started)


@pytest.mark.parametrize("secure", [False, True], ids=["tcp", "tls"])
def test_silent_peer_after_tcp_connect(client, script, authority, secure):
    started = time.monotonic()
    options = {"tls": tls(authority, client.form)} if secure else {}
    client.connect(script.port, connect_timeout=CONNECT_S, **options)
    script.accept()
    expect_timeout(client, started)


def test_peer_that_trickles_a_handshake(client, script, authority):
    started = time.monotonic()
    client.connect(script.port, connect_timeout=CONNECT_S, tls=tls(authority, client.form))
    script.accept()
    for byte in b"\x16\x03\x03\x00\x7a\x02\x00":  # the beginning of a ServerHello
        script.send(bytes((byte,)))
        time.sleep(0.06)
    expect_timeout(client, started)


def test_silent_peer_after_tls_handshake(client, authority):
    with ScriptedBroker(server_context(authority)) as script:
        started = time.monotonic()
        client.connect(script.port, connect_timeout=CONNECT_S, tls=tls(authority, client.form))
        script.accept()
        assert script.packet()[0] == 0x10
        expect_timeout(client, started)


def test_close_and_abort_while_connecting(client, script, authority):
    for end in ("close", "abort"):
        for options in ({}, {"tls": tls(authority, client.form)}):
            client.connect(script.port, connect_timeout=3, **options)
            script.accept()
            client.do(do=end)
            client.expect_closed("stopped", 1)


def test_given_up_during_the_handshake_says_nothing(client, script, authority):
    client.connect(script.port, connect_timeout=3, tls=tls(authority, client.form))
    script.accept()
    client.do(do="abort")
    client.expect_closed("stopped", 1)
    try:  # the broker wakes up: our own client is gone, paho's thread is still there
        script.socket = server_context(authority).wrap_socket(script.socket, server_side=True)
        assert script.rest() == []
    except (ssl.SSLError, ConnectionError):
        pass


def test_peer_hangs_up(client, script, authority):
    client.connect(script.port)
    script.accept()
    script.socket.close()
    assert client.event()[:2] in (["closed", "peer"], ["closed", "network"])  # FIN or RST
    client.connect(script.port)
    script.accept_client()
    client.expect("connected")
    script.socket.close()
    client.expect_closed("peer")
    client.connect(script.port)
    script.accept_client()
    client.expect("connected")
    script.reset()
    client.expect_closed("network")
    client.connect(script.port, tls=tls(authority, client.form))
    script.accept()
    script.socket.recv(1000)
    script.socket.close()
    assert client.event()[:2] in (["closed", "peer"], ["closed", "network"])


def test_connections_leave_nothing_behind(client, script, authority):
    def one(**options):
        client.connect(script.port, connect_timeout=1, **options)
        script.accept()
        client.do(do="abort")
        client.expect_closed("stopped")
        script.socket.close()
        client.connect(script.port, connect_timeout=1, **options)
        script.accept()
        script.socket.close()
        assert client.event()[0] == "closed"

    def settled():
        deadline = time.monotonic() + 4
        while client.threads() > threads and time.monotonic() < deadline:
            time.sleep(0.02)
        return client.open_files()

    threads = client.threads()
    secure = {"tls": tls(authority, client.form)}
    one(), one(**secure)
    files = settled()
    for _ in range(5):
        one(), one(**secure)
    # paho's object is collected with its cycle, at some time; ten connections are not ten files.
    assert settled() <= files + 4
    assert client.threads() <= threads


# ---- QoS 1 ----


def test_window_is_kept_and_resumes(client, script):
    client.connect(script.port, window=3)
    script.accept_client()
    client.expect("connected")
    assert client.publish("t", payload="aa", qos=1, token=0, times=10) == 3
    ids = [script.published()[0] for _ in range(3)]
    assert len(set(ids)) == 3 and 0 not in ids
    script.expect_silence()
    assert client.publish("t", payload="aa", qos=1, token=3) == 0
    script.puback(ids[1])
    client.expect("puback", 1)
    assert client.publish("t", payload="bb", qos=1, token=3, times=10) == 1
    packet_id, payload = script.published()
    assert packet_id not in (ids[0], ids[2]) and payload == b"\xbb"
    assert client.publish("t", payload="cc", qos=0) == 1  # has no part in the window
    assert script.packet() == (0x30, b"\x00\x01t\xcc")


def test_puback_out_of_order_missing_and_unknown(client, script):
    client.connect(script.port, window=5, keepalive=60)
    script.accept_client()
    client.expect("connected")
    assert client.publish("t", payload="00", qos=1, token=100, times=5) == 5
    ids = [script.published()[0] for _ in range(5)]
    for i in (4, 2, 0):
        script.puback(ids[i])
    script.puback(60000)  # nobody waits for that one
    script.puback(ids[2])  # nor, any more, for this one
    assert client.events(3) == [["puback", 104], ["puback", 102], ["puback", 100]]
    client.expect_silence()
    assert client.publish("t", payload="00", qos=1, token=200, times=9) == 3
    again = [script.published()[0] for _ in range(3)]
    assert not set(again) & {ids[1], ids[3]}
    script.puback(ids[3])  # very late is not too late
    client.expect("puback", 103)
    script.socket.close()
    client.expect_closed("peer")  # and nothing is said of the one that never came


def test_messages_come_in_and_are_acknowledged(client, script):
    client.connect(script.port)
    script.accept_client()
    client.expect("connected")
    script.send(message(b"d", b"0") + message(b"d/\xc3\xa9", b"\x00\x09one", first=0x32))
    client.expect("message", "d", b"0".hex())
    client.expect("message", "d/é", b"one".hex())
    assert script.packet() == (0x40, b"\x00\x09")
    for byte in message(b"d", b"\xff\xffcut", first=0x33):  # byte by byte, retained
        script.send(bytes((byte,)))
        time.sleep(0.005)
    client.expect("message", "d", b"cut".hex())
    assert script.packet() == (0x40, b"\xff\xff")


def test_subscription_refused(client, script):
    client.connect(script.port)
    script.accept_client()
    client.expect("connected")
    for code, granted in ((0x80, None), (0, 0), (1, 1)):
        client.do(do="subscribe", topic="s", qos=1)
        assert client.answer("accepted") == 1
        first, body = script.packet()
        assert first == 0x82 and body[2:] == b"\x00\x01s\x01"
        script.send(b"\x90\x03" + body[:2] + bytes((code,)))
        client.expect("suback", "s", granted)


# ---- bounds ----


def test_flood_waits_in_tcp_until_it_is_taken(client, script):
    client.connect(script.port, keepalive=60)
    script.accept_client()
    client.expect("connected")
    client.do(do="hold", on=True)
    assert client.answer("held") is True
    payload = bytes(100)
    sent = 0
    script.socket.settimeout(0.3)
    while sent < 200000:  # 20 MB: far more than any kernel buffers here
        try:
            script.socket.sendall(message(b"d", sent.to_bytes(4, "big") + payload) * 1)
        except TimeoutError:
            break
        sent += 1
    assert EVENT_QUEUE < sent < 200000
    client.expect_silence(0.1)
    client.do(do="hold", on=False)
    assert client.answer("held") is False
    for i in range(sent):
        event = client.event()
        assert event[0] == "message" and event[2][:8] == f"{i:08x}"


def unread(client, script):
    """Publish QoS 0 to a broker that reads nothing, until it is refused; how many bytes."""
    client.connect(script.port, keepalive=60)
    script.accept_client()
    client.expect("connected")
    total = last = 0
    while True:
        total += 1000 * client.publish("t", size=1000, qos=0, times=100)
        if total == last:
            return total
        last = total
        assert total < 40_000_000, "the write buffer has no bound"


def test_write_buffer_is_bounded_and_drains(client, script):
    total = unread(client, script)
    assert total > WRITE_BUFFER // 2
    got = 0
    script.socket.settimeout(0.5)
    try:
        while True:
            got += len(script.socket.recv(65536))
    except TimeoutError:
        pass
    assert got == total // 1000 * 1006
    assert client.publish("t", size=1000, qos=0) == 1
    assert len(script.packet()[1]) == 1003


def test_stuck_connection_ends_in_time(client, script):
    for end, limit in (("abort", 0.5), ("close", CLOSE_S)):
        unread(client, script)
        started = time.monotonic()
        client.do(do=end)
        client.expect_closed("stopped", limit)
        assert time.monotonic() - started < limit
        script.socket.close()


def test_too_big_to_send_is_said(client, script):
    client.connect(script.port)
    script.accept_client()
    client.expect("connected")
    client.do(do="publish", topic="t", size=WRITE_BUFFER, qos=1)
    assert "cap" in client.answer("error")
    client.do(do="publish", topic="a/#", size=1)
    assert "wildcard" in client.answer("error")
    assert client.publish("t", size=1, qos=1) == 1


PROTOCOL_ERRORS = {
    "QoS 2": message(b"d", b"\x00\x01x", first=0x34),
    "over the cap": b"\x30\xff\xff\xff\x7f" + bytes(2000),
    "just over the cap": b"\x30"
    + bytes((MAX_INCOMING + 1 & 127 | 128, MAX_INCOMING + 1 >> 7))
    + b"x",
    "second CONNACK": CONNACK,
    "length of 5 bytes": b"\x30\xff\xff\xff\xff\x01",
    "PUBREC": b"\x50\x02\x00\x01",
    "PINGREQ": b"\xc0\x00",
    "packet id 0": b"\x40\x02\x00\x00",
    "topic that is no text": message(b"\xff\xfe", b""),
    "publish cut short": b"\x30\x03\x00\x09a",
}


@pytest.mark.parametrize("what", PROTOCOL_ERRORS)
def test_protocol_error(client, script, what):
    client.connect(script.port)
    script.accept_client()
    client.expect("connected")
    script.send(message(b"d", b"before") + PROTOCOL_ERRORS[what])
    client.expect("message", "d", b"before".hex())
    assert client.expect_closed("protocol", 2)


def test_a_made_up_length_becomes_no_allocation(client, script):
    before = client.memory_peak()
    client.connect(script.port)
    script.accept_client()
    client.expect("connected")
    script.send(b"\x30\xff\xff\xff\x7f")
    client.expect_closed("protocol", 2)
    assert client.memory_peak() - before < 64_000_000  # the length says 268 MB


def test_protocol_error_before_connack(client, script):
    for stream in (message(b"d", b"x"), b"\xd0\x00", b"\x20\x02\x00\x06", b"HTTP/1.1 400"):
        client.connect(script.port)
        script.accept_client(stream)
        assert client.expect_closed("protocol", 2)


# ---- the end ----


def test_close_says_disconnect_last(client, script):
    client.connect(script.port)
    script.accept_client()
    client.expect("connected")
    assert client.publish("t", payload="01", qos=0, times=3) == 3
    client.do(do="close")
    assert client.publish("t", payload="02", qos=0) == 0
    assert script.rest_of(4) == [(0x30, b"\x00\x01t\x01")] * 3 + [(0xE0, b"")]
    script.socket.close()  # as a broker does [3.14.4]
    client.expect_closed("stopped", 0.5)


def test_abort_says_nothing(client, script):
    client.connect(script.port)
    script.accept_client()
    client.expect("connected")
    client.do(do="abort")
    client.expect_closed("stopped", 0.5)
    assert script.rest() == []
    assert client.publish("t", size=1, qos=0) == 0


# ---- keepalive ----


def test_dead_peer_is_noticed(client, script):
    client.connect(script.port, keepalive=1)
    script.accept_client()
    client.expect("connected")
    started = time.monotonic()
    assert client.publish("t", size=1, qos=1, token=5) == 1
    client.expect_closed("keepalive", 5)
    # Our own: 1.5 keepalives. paho: two, seen by a loop that turns once a second.
    assert 1 < time.monotonic() - started < (2 if "asyncio" in client.kind else 4)
    assert (0xC0, b"") in script.rest()


def test_living_peer_is_kept(client, script):
    client.connect(script.port, keepalive=1)
    script.accept_client()
    client.expect("connected")
    deadline = time.monotonic() + 3.2
    pings = 0
    while time.monotonic() < deadline:
        try:
            assert script.packet(timeout=0.2) == (0xC0, b"")
            pings += 1
            script.send(b"\xd0\x00")
        except TimeoutError:
            pass
    assert pings >= 2
    client.expect_silence(0.01)
    assert client.publish("t", size=1, qos=0) == 1
