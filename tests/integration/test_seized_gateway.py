"""A gateway in the wrong hands: all that lies on it, taken when it has no power.

A real agent (both interpreters) records without a broker and is killed; then every value that could
be a key is taken from every file that it has, its configuration with the pre-shared key included,
and tried on its own journal.
"""

import base64
import json
import re
import shutil
import time

import pytest
from cryptography.hazmat.primitives import serialization

from agent import config as configuration
from agent import port
from agent.comms import hpke, segment
from agent.comms import session as sessions
from agent.comms.seal import UP, FrameBox, FrameError, parse_open
from agent.comms.session import ephemeral_private
from tests.support import micropython
from tests.support.brokers import free_port
from tests.support.fleets import FleetSystem
from tests.support.system import VEHICLE, System
from tools.room import keys as room_keys
from tools.room.orders import OrderBook
from tools.room.serve import utc_ms


@pytest.fixture(params=("cpython", "micropython"))
def gateway(request, tmp_path):
    """A System whose agent finds no broker; all of the gateway is in its folder's `flash`."""
    if request.param == "micropython" and micropython.find() is None:
        pytest.skip(micropython.HOW_TO_GET_IT)
    panic = tmp_path / "panic"
    panic.write_text("0")
    system = System(
        tmp_path, request.param, free_port(), inputs={"panic": str(panic)},
        journal={"flush_ms": 200},
    )  # fmt: skip
    system.panic = panic
    yield system
    system.close()


def drive(system, presses):
    """The agent runs, records so many alerts, and loses its power."""
    system.start_agent()
    for pressed in "10" * presses:
        before = system.status().get("frames", 0)
        system.panic.write_text(pressed)
        system.wait(lambda n=before: system.status().get("frames", 0) > n, 20, "an alert")
    time.sleep(0.5)
    system.kill("agent")


def flash(system):
    """{name: bytes} of what the gateway holds: configuration and journal."""
    found = {"config.json": system._config.read_bytes()}
    for path in sorted(system.journal.rglob("*")):
        if path.is_file():
            found[path.name] = path.read_bytes()
    return found


def sealed(system):
    """{session open: [frame]} of the journal's segments."""
    found = {}
    for path in sorted(system.journal.iterdir()):
        if not segment.is_name(path.name, "abt"):
            continue
        data, entries = path.read_bytes(), []
        while len(data) >= segment.ENTRY_HEAD:
            end = segment.ENTRY_HEAD + int.from_bytes(data[:2], "big")
            entry = segment.parse_entry(data[: segment.ENTRY_HEAD], data[segment.ENTRY_HEAD : end])
            if entry is None:
                break  # torn by the power cut
            entries.append(entry)
            data = data[end:]
        if entries:
            assert entries[0][0] == segment.OPEN_LANE
            found.setdefault(entries[0][1], []).extend(frame for _, frame in entries[1:])
    return found


def blobs(files):
    """The bytes of every file, and of what is written in them as hexadecimal or base64 text."""
    for data in files.values():
        yield data
        for text in re.findall(rb"(?:[0-9a-fA-F]{2}){4,}", data):
            yield bytes.fromhex(text.decode())
        for text in re.findall(rb"[0-9A-Za-z+/\n]{40,}={0,2}", data):
            whole = text.replace(b"\n", b"").rstrip(b"=")
            yield base64.b64decode(whole[: len(whole) // 4 * 4])


def candidates(files):
    """Every 32 bytes in a row."""
    return {blob[i : i + 32] for blob in blobs(files) for i in range(len(blob) - 31)}


def identity_of(gateway):
    return sessions.identity(configuration.load(str(gateway._config)))


def session_keys(identity, opening, dh):
    return hpke.session_keys(
        dh, opening.enc, identity.room_public, identity.psk, identity.vehicle, opening.key_id,
        opening.generation, opening.boot,
    )  # fmt: skip


def opens(identity, opening, dh):
    """True when the result of a key agreement opens the session."""
    try:
        opening.check(session_keys(identity, opening, dh))
    except (hpke.KeyAgreementError, FrameError):
        return False
    return True


def finds(identity, opening, values):
    """How a value of these opens the session, or None."""
    for value in values:
        public = port.x25519(value)
        if public == identity.room_public:
            return "the room's private key"
        if public == opening.enc:
            return "the session's ephemeral key"
        if port.x25519(ephemeral_private(identity.psk, opening.boot, value)) == opening.enc:
            return "the seed of it"
        if opens(identity, opening, value):
            return "the key agreement's result"
    return None


def test_nothing_on_it_opens_its_journal(gateway):
    drive(gateway, 2)
    files = flash(gateway)
    identity = identity_of(gateway)
    values = candidates(files)
    assert identity.psk in values and identity.room_public in values and len(values) > 500
    ((opening, frames),) = sealed(gateway).items()
    opening = parse_open(opening)
    assert opening.enc in values and len(frames) >= 4
    assert finds(identity, opening, values) is None
    # The same search finds what would open it, had it been there.
    room = room_keys.load(gateway.room_folder)
    private = room.room_keys[room.room_key_id].private
    assert finds(identity, opening, {private}) == "the room's private key"
    dh = port.x25519(private, opening.enc)
    assert finds(identity, opening, {dh}) == "the key agreement's result"
    # Nor do the session's keys lie there, which the room derives and opens every frame with.
    keys = session_keys(identity, opening, dh)
    box = FrameBox(identity.vehicle, opening.enc, keys.up_key, keys.up_iv, UP)
    assert sorted(box.open(frame)[0] for frame in frames) == list(range(len(frames)))
    secrets = (keys.up_key, keys.up_iv, keys.down_key, keys.down_iv, keys.open_key, dh, private)
    assert not [secret for secret in secrets for blob in blobs(files) if secret in blob]


@pytest.fixture(params=("cpython", "micropython"))
def provisioned(request, tmp_path):
    """A FleetSystem of which the room and the broker run, with a panic button."""
    if request.param == "micropython" and micropython.find() is None:
        pytest.skip(micropython.HOW_TO_GET_IT)
    panic = tmp_path / "panic"
    panic.write_text("0")
    system = FleetSystem(
        tmp_path, request.param, inputs={"panic": str(panic)}, journal={"flush_ms": 200},
        mqtt={"budget_bytes_per_day": 1 << 30},
    )  # fmt: skip
    system.panic = panic
    try:
        system.begin(2, 60)
        yield system
    finally:
        system.close()


def set_zones(system):
    """By an order, as a dispatcher does."""
    book = OrderBook(room_keys.load(system.room_folder).database)
    rows = [["depot", "pursuit", 0, 0, [33595060, -7618800, 60]]]
    now = utc_ms()
    number = book.give(VEHICLE, "zones", {"rows": rows}, 2, "test", now, now + 60000)
    system.wait(lambda: book.order(number).state == "done", 60, "the zones")
    book.close()


def press(system, times):
    for pressed in "10" * times:
        before = system.status()["frames"]
        system.panic.write_text(pressed)
        system.wait(lambda n=before: system.status()["frames"] > n, 20, "an alert")


def test_a_whole_gateway_does_not_open_its_journal(provisioned):
    """All that a gateway in service holds: TLS keys, the fleet root, zones and the set of room keys
    that came by order, budget, what is known of the car; a backlog of two sessions."""
    system = provisioned
    set_zones(system)
    text = json.loads((system.room_folder / "key-set.json").read_text())["signed"]
    (system.journal / "room-keys").write_bytes(bytes.fromhex(text))
    system.broker.kill()
    press(system, 2)
    system.kill("agent")
    system.start_agent()
    press(system, 2)
    time.sleep(0.5)
    system.kill("agent")
    files = flash(system)
    own = system.room_folder / "vehicles" / VEHICLE
    files |= {str(path): path.read_bytes() for path in own.rglob("*") if path.is_file()}
    names = {name.rpartition("/")[2].rpartition(".")[0] or name for name in files}
    assert {"key", "cert", "ca", "fleet-root", "config", "zones", "budget"} <= names, names
    assert "room-keys" in files

    identity = identity_of(system)
    values = candidates(files)
    assert identity.psk in values
    # The search reads what is written as text as well: the client's own key is found.
    load = serialization.load_pem_private_key
    if (own / "tls" / "key.der").exists():
        load = serialization.load_der_private_key
    (key,) = (own / "tls").glob("key.*")
    number = load(key.read_bytes(), None).private_numbers().private_value
    assert number.to_bytes(32, "big") in values
    openings = sealed(system)
    assert len(openings) == 2 and all(len(frames) >= 4 for frames in openings.values())
    room = room_keys.load(system.room_folder)
    private = room.room_keys[room.room_key_id].private
    secrets = {private}
    pairs = []
    for opening, frames in openings.items():
        opening = parse_open(opening)
        assert finds(identity, opening, values) is None
        dh = port.x25519(private, opening.enc)
        keys = session_keys(identity, opening, dh)
        secrets |= {dh, hpke.kem_secret(dh, opening.enc, identity.room_public)}
        secrets |= {keys.up_key, keys.up_iv, keys.down_key, keys.down_iv, keys.open_key}
        box = FrameBox(identity.vehicle, opening.enc, keys.up_key, keys.up_iv, UP)
        pairs += [(keys.up_key, box.open(frame)[0]) for frame in frames]
    assert len(pairs) == len(set(pairs)), "a number was used twice with one key"
    assert not [secret for secret in secrets for blob in blobs(files) if secret in blob]


def test_a_restored_image_repeats_no_key(gateway, tmp_path):
    """The same flash is started three times, as by who tries, or by a technician's image."""
    drive(gateway, 1)
    image = tmp_path / "image"
    shutil.copytree(gateway.journal, image)
    seen, boots = set(), []
    known = {parse_open(opening).enc for opening in sealed(gateway)}
    for _ in range(3):
        shutil.rmtree(gateway.journal)
        shutil.copytree(image, gateway.journal)
        drive(gateway, 1)
        fresh = [parse_open(opening) for opening in sealed(gateway)]
        fresh = [opening for opening in fresh if opening.enc not in known]
        assert len(fresh) == 1
        seen.add(fresh[0].enc)
        boots.append(fresh[0].boot)
    # The boot counter was turned back each time; the keys come from fresh random numbers.
    assert len(set(boots)) == 1 and len(seen) == 3
