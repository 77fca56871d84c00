"""Keys that change while vehicles drive: real agent (both interpreters), room and mosquitto, on the
very files that provisioning wrote, with client certificates and ACL.

What was sealed before a rotation arrives after it, whether its vehicle was online, away with a
backlog, or in the middle of delivering one. What is revoked gets no further, at room and broker.
"""

import json
import time

import pytest
from typer.testing import CliRunner

from tests.support import micropython
from tests.support.fleets import FleetSystem
from tests.support.system import VEHICLE, order, states
from tools import provision
from tools.release import keys as release_keys
from tools.release.command import app as release_app
from tools.room import keys
from tools.room.command import app as room_app

# Much to record in a short time; and a budget that makes the delivery of a backlog last.
BUSY = ["busy", 100, 100, 1, 1, 1000, [100, 100, 100]]
SETTINGS = {
    "journal": {"flush_ms": 500},
    "mqtt": {"keepalive_s": 5, "connect_timeout_s": 10},
    "reporting": {"profile": "busy", "profiles": [BUSY]},
    "gps": {"period_ms": 100},
}
SLOW_BYTES = 300
# Of a session's open, on a busy machine; the room looks at room.json every two seconds.
PATIENCE_S = 60


@pytest.fixture(params=("cpython", "micropython"))
def make(request, tmp_path):
    """make(**settings): a FleetSystem whose room and broker run."""
    if request.param == "micropython" and micropython.find() is None:
        pytest.skip(micropython.HOW_TO_GET_IT)
    made = []

    def make(backlog_bytes_per_s=0, **more):
        settings = {group: dict(values) for group, values in SETTINGS.items()}
        settings["mqtt"]["backlog_bytes_per_s"] = backlog_bytes_per_s
        made.append(FleetSystem(tmp_path, request.param, heap="640K", **settings, **more))
        made[0].start_room()
        return made[0]

    make.folder = tmp_path
    yield make
    for system in made:
        system.close()


def acknowledged(system, count):
    system.wait(
        lambda: system.status().get("acknowledged", 0) >= count, PATIENCE_S, "acknowledgements"
    )


def gather_backlog(system, sessions):
    """The broker is away while the agent starts so many times, drives and stops. The frames that
    its journal holds then, of all sessions, and the room does not."""
    system.broker.kill()
    system.kill("agent")
    for _ in range(sessions):
        system.start_agent(drain=0)
        system.wait(lambda: system.status().get("records", 0) >= 20, PATIENCE_S, "records")
        system.stop_agent()
    backlog = system.journalled() - system.frames()
    assert len(backlog) >= 2 * sessions
    return backlog


def delivered(system, frames):
    system.wait(lambda: frames <= system.frames(), 120, "the backlog in the room")
    summary = system.stop_agent()
    assert summary["left"] == 0 and summary["lost"] == 0
    received = [row[:2] for row in system.received()]
    assert len(received) == len(set(received))
    assert system.journalled() == set()
    assert system.room_counter("revoked") == 0
    # Starts, kills and brokers that come and go are no second gateway.
    assert "duplicate_identity" not in [name for name, _ in system.events()]


def test_the_generated_files_deliver(make):
    system = make()
    system.start_agent()
    acknowledged(system, 5)
    summary = system.stop_agent()
    assert summary["left"] == 0 and summary["frames"] == len(system.received())
    assert f"as {VEHICLE} (p2, c1, k5, u'{VEHICLE}')" in system.broker.log.read_text()


def test_keys_change_while_the_vehicle_is_online_and_away(make):
    """Room key and the vehicle's secret; both with frames that the old ones have sealed."""
    system = make()
    first = keys.load(system.room_folder).room_key_id
    system.start_agent()
    acknowledged(system, 3)
    # Online: the session goes on under the first key, which the room keeps.
    second, _, changed = provision.rotate_room(system.room_folder)
    assert changed == [VEHICLE]
    time.sleep(3)
    acknowledged(system, system.status()["acknowledged"] + 3)
    assert {key for key, _ in system.sessions().values()} == {first}
    # Away: what waits in the journal was sealed to the second key, by the first secret.
    backlog = gather_backlog(system, 1)
    third, _, _ = provision.rotate_room(system.room_folder)
    assert provision.rotate_vehicle(system.room_folder, VEHICLE)[0] == 2
    system.broker.start()
    system.start_agent()
    delivered(system, backlog)
    assert set(system.sessions().values()) == {(first, 1), (second, 1), (third, 2)}
    # Nothing needs the old ones any more: gone, and the vehicle still delivers.
    for key_id in (first, second):
        provision.retire_room_key(system.room_folder, key_id.hex())
    provision.revoke_generation(system.room_folder, VEHICLE, 1)
    system.broker.reload()
    system.start_agent()
    acknowledged(system, 3)
    delivered(system, set())


def test_keys_change_in_mid_drain(make):
    system = make(SLOW_BYTES)
    old = keys.load(system.room_folder).room_key_id
    system.start_agent()
    acknowledged(system, 3)
    backlog = gather_backlog(system, 4)
    system.broker.start()
    system.start_agent()

    def left():
        return backlog - system.frames()

    system.wait(lambda: len(left()) < len(backlog), PATIENCE_S, "the first of the backlog")
    new, _, _ = provision.rotate_room(system.room_folder)
    provision.rotate_vehicle(system.room_folder, VEHICLE)
    at_rotation = left()
    assert at_rotation, "the drain was over before the keys changed"
    time.sleep(3)  # the room has read its file again
    some = len(left())
    if some:
        system.wait(lambda: len(left()) < some, PATIENCE_S, "the drain going on")
    # And a start with the new keys, in the middle of it.
    system.kill("agent")
    held = system.journalled() - system.frames()
    system.start_agent()
    delivered(system, backlog | held)
    assert {(old, 1), (new, 2)} <= set(system.sessions().values())


def room_keys(system, *arguments):
    """What `patrol room keys --json` says of the vehicle."""
    words = ["keys", "--dir", str(system.room_folder), "--json", *arguments]
    done = CliRunner().invoke(room_app, words)
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def rotate_at_the_room(system):
    """A new room key that the gateway hears of by order alone: its files stay as they are."""
    config = system.room_folder / "vehicles" / VEHICLE / "config.json"
    before = config.read_text()
    key_id, version, _ = provision.rotate_room(system.room_folder)
    config.write_text(before)
    return key_id, version


def is_whole(system):
    """The frames of every session are all there."""
    numbers = {}
    for sid, number in system.frames():
        numbers.setdefault(sid, set()).add(number)
    return all(found == set(range(max(found) + 1)) for found in numbers.values())


def test_a_vehicle_that_is_online_takes_the_room_s_new_key_by_order(make):
    system = make()
    first = keys.load(system.room_folder).room_key_id
    old_set = system.folder / "old-set"
    signed = json.loads((system.room_folder / "key-set.json").read_text())["signed"]
    old_set.write_bytes(bytes.fromhex(signed))
    system.start_agent()
    acknowledged(system, 3)
    assert room_keys(system)["state"] == "current"
    second, version = rotate_at_the_room(system)
    assert room_keys(system)["state"] == "old"
    given = room_keys(system, "--all")["order"]
    assert room_keys(system, VEHICLE)["order"] == given  # it is not given twice
    system.wait(
        lambda: (second, 1) in system.sessions().values(), PATIENCE_S, "a session to the new key"
    )
    system.wait(lambda: states(system, given)[-1:] == ["done"], 20, "the order's end")
    told = ("room_key", [second.hex(), version])
    system.wait(lambda: told in system.events(), 20, "the key in force")
    assert room_keys(system, "--all")["state"] == "current"
    # One agent, which never stopped; the order that answers it is of its new session.
    assert [name for name, _ in system.events()].count("boot") == 1
    assert order(system, "ping")["state"] == "done"
    found = order(system, "keys", f"signed=@{old_set}")
    assert found["state"] == "refused" and "ReplayError" in found["why"], found
    delivered(system, set())
    assert is_whole(system)
    # Also the next start seals to it, whatever the configuration says; the first is not needed.
    provision.retire_room_key(system.room_folder, first.hex())
    system.start_agent()
    acknowledged(system, 3)
    delivered(system, set())
    assert set(system.sessions().values()) == {(first, 1), (second, 1)}


# A minute: on the slower interpreter alone; the same code runs on both in the test above.
@pytest.mark.parametrize("make", ["micropython"], indirect=True)
def test_a_vehicle_that_was_away_takes_the_new_key_in_mid_drain(make):
    system = make(SLOW_BYTES // 2)
    first = keys.load(system.room_folder).room_key_id
    system.start_agent()
    acknowledged(system, 3)
    backlog = gather_backlog(system, 4)
    second, _ = rotate_at_the_room(system)
    system.broker.start()
    system.start_agent()
    # It delivers under the key that it has, and hears of the new one on the way.
    system.wait(lambda: len(system.sessions()) >= 2, PATIENCE_S, "its new session")
    given = room_keys(system, "--all")["order"]
    system.wait(
        lambda: (second, 1) in system.sessions().values(), PATIENCE_S, "a session to the new key"
    )
    assert backlog - system.frames(), "the drain was over before"
    system.wait(lambda: states(system, given)[-1:] == ["done"], 20, "the order's end")
    held = system.journalled() - system.frames()
    delivered(system, backlog | held)
    assert set(system.sessions().values()) == {(first, 1), (second, 1)}
    assert is_whole(system)


def test_a_wiped_vehicle_has_no_secrets_and_never_starts_again(make):
    folder = make.folder / "update-keys"
    for name in ("one", "two", "three"):
        release_keys.create(folder, name)
    moduli = [release_keys.modulus(k) for k in release_keys.public_keys(folder).values()]
    (folder / "moduli").write_bytes(b"".join(moduli))
    system = make(update={"keys": str(folder / "moduli"), "hardware": "gateway-test"})
    own = system.room_folder / "vehicles" / VEHICLE
    config = own / "config.json"
    psk = json.loads(config.read_text())["keys"]["psk"]
    paper = make.folder / "wipe"
    release("wipe", paper, "--vehicle", VEHICLE, "--generation", 1, "--key", folder / "one.key")
    system.start_agent()
    acknowledged(system, 3)
    found = order(system, "wipe", f"signed=@{paper}")
    assert found["state"] == "refused" and "QuorumError" in found["why"], found
    release("wipe", paper, "--key", folder / "three.key")
    found = order(system, "wipe", f"signed=@{paper}")
    assert (found["state"], found["result"]) == ("done", {"generation": 1}), found
    assert states(system, found["order"]) == ["received", "running", "done"]
    assert system.exit_code() == 78
    assert "erased, by order 1" in system.agent_text()
    for path in own.rglob("*"):
        if path.is_file():
            assert psk.encode() not in path.read_bytes(), path
    assert json.loads(config.read_text()) == {"wiped": 1}
    assert not list(own.glob("tls/key.*")) and system.journal.is_dir()
    system.start_agent(is_to_run=False)
    assert system.exit_code() == 78
    assert "were erased by order 1" in system.agent_text()


def release(*arguments):
    done = CliRunner().invoke(release_app, [str(a) for a in arguments])
    assert done.exit_code == 0, done.output


def test_a_revoked_vehicle_gets_no_further(make):
    system = make(SLOW_BYTES // 2)
    system.start_agent()
    acknowledged(system, 3)
    backlog = gather_backlog(system, 4)
    system.broker.start()
    system.start_agent()
    system.wait(lambda: backlog - system.frames() < backlog, PATIENCE_S, "the drain's beginning")
    # In mid-drain and with a connection that stands: the room alone refuses it.
    provision.revoke_vehicle(system.room_folder, VEHICLE)
    system.wait(lambda: system.room_counter("revoked") >= 1, PATIENCE_S, "refusals by the room")
    held = system.frames()
    waiting = backlog - held
    assert waiting, "the drain was over before"
    refused = system.room_counter("revoked")
    system.wait(lambda: system.room_counter("revoked") > refused, PATIENCE_S, "more refusals")
    # At its next connection the broker refuses it as well.
    system.broker.reload()
    system.kill("agent")
    connects = system.broker.log.read_text().count(f"as {VEHICLE} (p2")
    system.start_agent(drain=0)
    system.wait(lambda: refusals(system), PATIENCE_S, "the broker's no")
    # The gateway records on, and keeps what it has.
    system.wait(lambda: system.status().get("records", 0) >= 20, PATIENCE_S, "records")
    log = system.broker.log.read_text()
    assert log.count(f"as {VEHICLE} (p2") == connects
    summary = system.stop_agent()
    assert summary["acknowledged"] == 0 and summary["lost"] == 0
    assert system.frames() == held and waiting < system.journalled()


def refusals(system):
    """What the agent says of a broker that refuses its certificate."""
    return [w for w in ("link: tls", "link: peer") if w in system.agent_log()]


def test_a_copied_gateway_is_told_of(make):
    """The same files in two places. They take the connection from each other, as they have one
    certificate, and both deliver."""
    system = make()
    system.start_agent()
    acknowledged(system, 3)
    system.start_copy()
    system.wait(
        lambda: "duplicate_identity" in [name for name, _ in system.events()], 240, "the alarm"
    )
    system.wait(lambda: system.room_counter("duplicate_identity"), 10, "the counter")
    ((how, *_),) = [fields for name, fields in system.events() if name == "duplicate_identity"][:1]
    assert how in ("frames", "births", "boot")
    # What both record is stored: nobody knows which of them is the true one.
    assert len(system.sessions()) >= 2
