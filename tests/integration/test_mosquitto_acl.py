"""The generated mosquitto configuration against clients that mean harm, on a real mosquitto.

mosquitto grants every subscription and acknowledges a publish that it denies, so each test looks at
what arrives. After an attack something harmless is sent the same way: when that is there, and only
that, the attack has failed.
"""

import datetime
import ssl
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from tests.support.certificates import Authority
from tests.support.fleets import SERVER, FleetBroker, client_tls, make_fleet
from tests.support.mqtt_clients import KINDS, ClientProcess, ScriptedBroker
from tools import provision
from tools.provision import authority as authorities

LANES = "satbp"
SECRET_GROUP = "q7xk2mzv4tdn"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fleet") / "room"
    make_fleet(folder, 8883)
    for name in ("v-one", "v-two"):
        provision.create_vehicle(folder, name, target="pi")
    return folder


@pytest.fixture(scope="module")
def broker(fleet, tmp_path_factory):
    with FleetBroker(tmp_path_factory.mktemp("broker"), fleet) as broker:
        yield broker


class Clients:
    """Clients by certificate name, each a process of its own, connected with a clean session."""

    def __init__(self, fleet, broker):
        self._fleet = fleet
        self.broker = broker
        self._all = []

    def process(self, kind="paho"):
        process = ClientProcess(kind)
        self._all.append(process)
        return process

    def __call__(self, name, **options):
        process = self.process()
        process.connected(self.broker.port, tls=client_tls(self._fleet, name), **options)
        return process

    def stop(self):
        for process in self._all:
            process.stop()


@pytest.fixture
def clients(fleet, broker):
    clients = Clients(fleet, broker)
    yield clients
    clients.stop()


def publish(client, topic, payload, **options):
    assert client.publish(topic, payload=payload, qos=1, token=7, **options) == 1
    client.expect("puback", 7)


def room_of(clients, name="room.1"):
    """The room, as it subscribes; what is retained has gone by."""
    room = clients(name)
    for lane in LANES:
        room.subscribe(f"p1/+/{lane}")
    return room


def test_what_a_vehicle_and_its_room_may_do(clients):
    room, car = room_of(clients), clients("v-one")
    car.subscribe("p1/v-one/d")
    for lane in LANES:
        publish(car, f"p1/v-one/{lane}", "aa")
        room.expect("message", f"p1/v-one/{lane}", "aa")
    for payload in ("bb", "cc"):
        publish(room, "p1/v-one/d", payload)
        car.expect("message", "p1/v-one/d", payload)


def test_a_vehicle_writes_in_no_lane_but_its_own(clients):
    room, victim, attacker = room_of(clients), clients("v-two"), clients("v-one")
    victim.subscribe("p1/v-two/d")
    attacker.subscribe("#")
    topics = [f"p1/v-two/{lane}" for lane in LANES + "d"]
    topics += ["p1/v-one/d", "p1/v-one/x", "p1/v-one", "p1/v-one/t/x", "p1/v-none/t", "x", "p2/v/t"]
    topics += ["p1/room.1/d", "p1//t", "/p1/v-two/t"]
    for topic in topics:
        publish(attacker, topic, "66")  # acknowledged all the same
    publish(attacker, "p1/v-one/t", "01")
    room.expect("message", "p1/v-one/t", "01")
    publish(room, "p1/v-two/d", "02")
    victim.expect("message", "p1/v-two/d", "02")
    for client in (room, victim, attacker):
        client.expect_silence()


def test_nothing_retained_in_another_s_name(clients):
    attacker = clients("v-one")
    for lane in LANES + "d":
        publish(attacker, f"p1/v-two/{lane}", "66", retain=True)
    publish(attacker, "p1/v-one/p", "0101", retain=True)
    room = room_of(clients)
    room.expect("message", "p1/v-one/p", "0101")
    room.expect_silence()
    victim = clients("v-two")
    victim.subscribe("p1/v-two/d")
    victim.expect_silence()
    publish(attacker, "p1/v-one/p", "", retain=True)


def test_no_will_in_another_s_name(clients, fleet, broker):
    room = room_of(clients)
    for topic in ("p1/v-two/p", "p1/v-two/a", "p1/v-one/d"):
        attacker = clients.process()
        attacker.connect(broker.port, tls=client_tls(fleet, "v-one"), will=[topic, "66", 1, True])
        # Whether it is let in or not: the will is never heard of.
        if attacker.event() == ["connected"]:
            attacker.do(do="abort")
            attacker.expect_closed("stopped")
    own = clients("v-one", will=["p1/v-one/p", "0001", 1, False])
    own.do(do="abort")
    room.expect("message", "p1/v-one/p", "0001")
    room.expect_silence()
    late = room_of(clients, "room.2")
    late.expect_silence()


FILTERS = (
    "p1/v-two/d", "p1/+/d", "p1/v-two/#", "p1/#", "#", "+/+/+", "+/#", "p1/v-two/t", "p1/+/+",
    "$share/room/p1/+/t", "$share/x/#", "$SYS/#", "$SYS/broker/clients/connected",
)  # fmt: skip


def test_a_vehicle_reads_nothing_but_its_own_orders(clients):
    room, victim, attacker = room_of(clients), clients("v-two"), clients("v-one")
    publish(victim, "p1/v-two/p", "0102", retain=True)
    room.expect("message", "p1/v-two/p", "0102")
    for filter_ in FILTERS:
        attacker.subscribe(filter_)  # granted, whatever it is
    for lane in LANES:
        publish(victim, f"p1/v-two/{lane}", "aa")
        room.expect("message", f"p1/v-two/{lane}", "aa")
        publish(attacker, f"p1/v-one/{lane}", "bb")
        room.expect("message", f"p1/v-one/{lane}", "bb")
    publish(room, "p1/v-two/d", "cc")
    publish(room, "p1/v-one/d", "dd")
    attacker.expect("message", "p1/v-one/d", "dd")
    attacker.expect_silence(1)  # several of $SYS's reports
    publish(victim, "p1/v-two/p", "", retain=True)


def shared(clients, group, attackers_group):
    """How many of 30 frames reach the room's workers, who share a subscription of that name."""
    workers = [clients("room.1"), clients("room.2")]
    for worker in workers:
        worker.subscribe(f"$share/{group}/p1/+/t")
    attacker, car = clients("v-one"), clients("v-two")
    attacker.subscribe(f"$share/{attackers_group}/p1/+/t")
    for i in range(30):
        publish(car, "p1/v-two/t", f"{i:02x}")
    attacker.expect_silence(0.3)
    seen = []
    for worker in workers:
        while len(seen) < 30:
            try:
                seen.append(worker.event(0.3)[2])
            except AssertionError:
                break
    assert len(set(seen)) == len(seen)
    return len(seen)


def test_a_shared_subscription_wants_a_name_that_nobody_guesses(clients):
    """mosquitto lets a vehicle into the room's group; what falls to it may not be delivered to it
    and is gone, so that its car must send it again. It reads nothing, but it delays."""
    assert shared(clients, "room", "room") < 30
    assert shared(clients, SECRET_GROUP, "room") == 30


def test_nobody_takes_a_connection_away(clients):
    """The client id that is told counts for nothing: the certificate's name is it."""
    room, victim = room_of(clients), clients("v-two", client_id="v-two")
    victim.subscribe("p1/v-two/d")
    attacker = clients("v-one", client_id="v-two")
    clients("v-one", client_id="room.1")  # takes the attacker's own one
    attacker.expect_closed("peer")
    publish(room, "p1/v-two/d", "01")
    victim.expect("message", "p1/v-two/d", "01")
    victim.expect_silence()
    room.expect_silence()


def test_a_user_name_is_not_asked_for(clients):
    room = room_of(clients)
    attacker = clients("v-one", username="room.1", password="secret")
    attacker.subscribe("p1/v-two/d")
    publish(attacker, "p1/v-two/d", "66")
    publish(attacker, "p1/room.1/t", "66")
    publish(attacker, "p1/v-one/t", "01")
    room.expect("message", "p1/v-one/t", "01")
    room.expect_silence()
    attacker.expect_silence()


def test_the_room_writes_orders_and_nothing_else(clients):
    room, other, car = clients("room.1"), room_of(clients, "room.2"), clients("v-one")
    car.subscribe("p1/v-one/d")
    room.subscribe("p1/+/d")
    for lane in LANES:
        publish(room, f"p1/v-one/{lane}", "66")
    publish(room, "x", "66")
    publish(room, "p1/v-one/d", "01")
    car.expect("message", "p1/v-one/d", "01")
    for client in (room, other, car):
        client.expect_silence()


# Who is let in at all


@pytest.fixture(params=KINDS)
def client(request):
    process = ClientProcess(request.param)
    yield process
    process.stop()


def refused(client, port, tls):
    client.connect(port, tls=tls)
    event = client.event(10)
    assert event[0] == "closed" and event[1] in ("tls", "peer"), event


def der(path):
    """A PEM certificate or key as DER beside it, for the client that reads no PEM."""
    data = path.read_bytes()
    out = path.with_suffix(".der")
    if b"CERTIFICATE" in data:
        out.write_bytes(ssl.PEM_cert_to_DER_cert(data.decode()))
    else:
        key = serialization.load_pem_private_key(data, None)
        out.write_bytes(
            key.private_bytes(
                serialization.Encoding.DER,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
    return out


def in_form(client, tls):
    if client.form == "pem":
        return tls
    return {k: v if k == "server_name" else str(der(Path(v))) for k, v in tls.items()}


def test_a_good_certificate_is_let_in(client, fleet, broker):
    client.connected(broker.port, tls=in_form(client, client_tls(fleet, "v-one")))


def test_no_certificate(client, fleet, broker):
    refused(client, broker.port, in_form(client, client_tls(fleet)))


def test_no_tls_at_all(client, broker):
    client.connect(broker.port)
    assert client.event(10)[0] == "closed"


def test_a_certificate_of_another_authority(client, fleet, broker, tmp_path):
    stranger = Authority(tmp_path / "stranger")
    cert, key = stranger.issue("v-one", client.form)
    tls = in_form(client, client_tls(fleet))
    refused(client, broker.port, {**tls, "cert": cert, "key": key})


def issued(fleet, folder, name, now=None, days=10, kind="vehicle"):
    """Files of a certificate that the fleet's authority gave at another time."""
    authority = authorities.Authority(fleet)
    authority.unlock()
    with authority.changing():
        certificate, key = authority.issue(name, kind, days, now=now)
    folder.mkdir()
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            pem, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    )
    return {"cert": str(folder / "cert.pem"), "key": str(folder / "key.pem")}


def test_an_expired_certificate(client, fleet, broker, tmp_path):
    now = authorities.utc()
    day = datetime.timedelta(days=1)
    expired = {**client_tls(fleet), **issued(fleet, tmp_path / "old", "v-one", now - 11 * day)}
    refused(client, broker.port, in_form(client, expired))
    early = {**client_tls(fleet), **issued(fleet, tmp_path / "new", "v-one", now + 2 * day)}
    refused(client, broker.port, in_form(client, early))
    good = {**client_tls(fleet), **issued(fleet, tmp_path / "good", "v-one", now - 9 * day)}
    client.connected(broker.port, tls=in_form(client, good))


def test_a_broker_s_certificate_is_no_client_s(client, fleet, broker, tmp_path):
    own = issued(fleet, tmp_path / "broker", "v-one", kind="broker")
    refused(client, broker.port, in_form(client, {**client_tls(fleet), **own}))


def test_a_vehicle_s_certificate_is_no_broker_s(client, fleet, tmp_path):
    """A seized gateway's key does not make a broker that other vehicles talk to."""
    for usage, is_good in (("vehicle", False), ("broker", True)):
        authority = authorities.Authority(fleet)
        authority.unlock()
        with authority.changing():
            # Worse than what it has: one that even names the broker.
            certificate, key = authority.issue("v-one", usage, host=SERVER)
        pem = serialization.Encoding.PEM
        plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        path = tmp_path / f"{usage}.pem"
        path.write_bytes(certificate.public_bytes(pem) + key.private_bytes(pem, *plain))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        with ScriptedBroker(context) as script:
            client.connect(script.port, tls=in_form(client, client_tls(fleet, "v-one")))
            if is_good:
                script.accept_client()
                client.expect("connected")
            else:
                with pytest.raises((ssl.SSLError, EOFError, ConnectionError)):
                    script.accept()
                    script.packet()
                client.expect_closed("tls")


def test_a_revoked_vehicle_is_refused(client, fleet, broker):
    """By the list that `revoke` renews in the broker's folder; SIGHUP makes mosquitto read it."""
    name = f"v-gone-{KINDS.index(client.kind)}"
    provision.create_vehicle(fleet, name, target="pi")
    tls = in_form(client, client_tls(fleet, name))
    client.connected(broker.port, tls=tls)
    client.do(do="close")
    client.expect_closed("stopped")
    provision.revoke_vehicle(fleet, name)
    broker.reload()
    deadline = time.monotonic() + 5
    while True:
        client.connect(broker.port, tls=tls)
        event = client.event(10)
        if event[0] == "closed":
            assert event[1] in ("tls", "peer"), event
            break
        assert time.monotonic() < deadline, "still let in"
        client.do(do="abort")
        client.expect_closed("stopped")
        time.sleep(0.1)
    # The others are still let in, and a new secret lets this one in again.
    client.connected(broker.port, tls=in_form(client, client_tls(fleet, "v-one")))
    provision.rotate_vehicle(fleet, name)
    client.connected(broker.port, tls=in_form(client, client_tls(fleet, name)))
