"""The simulated disk, network and broker are as bad as they claim, and no worse."""

import pytest

from agent.port.errors import StorageError
from tests.faults.simulation.broker import Broker, matches
from tests.faults.simulation.client import Client
from tests.faults.simulation.disk import Disk, Killed, PowerCut
from tests.faults.simulation.ledger import Ledger, Violation
from tests.faults.simulation.network import BROKER, CLIENT, Line, Route
from tests.faults.simulation.scheduler import Scheduler


def disk(system="ext4", seed=1, capacity=1 << 20):
    scheduler = Scheduler(seed)
    return Disk(scheduler, Ledger(scheduler), system, capacity)


@pytest.mark.parametrize("system", ["littlefs", "ext4"])
def test_what_was_synced_survives_a_power_cut_and_a_prefix_is_where_it_was(system):
    for seed in range(50):
        d = disk(system, seed)
        d.append("t1", b"safe")
        d.sync("t1")
        d.append("t1", bytes(range(1, 200)) * 20)
        d.power_cut()
        assert d.read("t1")[:4] == b"safe"


def test_ext4_keeps_any_part_of_unsynced_writes_and_littlefs_none():
    rest = bytes(range(1, 251)) * 20
    found = set()
    for seed in range(200):
        d = disk("ext4", seed)
        d.append("t1", b"")
        d.sync("t1")
        d.append("t1", rest)
        d.power_cut()
        found.add(d.read("t1"))
    assert b"" in found and rest in found
    assert any(0 < len(left) < len(rest) for left in found)  # cut off
    assert any(left and not any(left) for left in found)  # zeros where the data was not written
    assert any(left[:512] == bytes(512) and any(left) for left in found)  # not in their order
    d = disk("littlefs")
    d.append("t1", rest)
    d.power_cut()
    assert d.names() == []


def test_a_removed_file_may_come_back_until_the_folder_is_synced():
    is_back = set()
    for seed in range(20):
        d = disk("ext4", seed)
        d.append("t1", b"old")
        d.sync("t1")
        d.remove("t1")
        d.power_cut()
        is_back.add("t1" in d.names())
    assert is_back == {True, False}
    d = disk()
    d.append("t1", b"old")
    d.sync("t1")
    d.remove("t1")
    d.append("t2", b"new")
    d.sync("t2")
    d.power_cut()
    assert d.names() == ["t2"]


def test_a_failed_sync_is_never_made_good():
    d = disk()
    d.append("t1", b"lost")
    d.arm("write", 1, "lost")
    with pytest.raises(StorageError):
        d.sync("t1")
    d.sync("t1")
    assert d.read("t1") == b"lost"
    d.power_cut()
    assert "t1" not in d.names() or d.read("t1") == b""


def test_faults_come_at_the_operation_they_are_armed_for():
    d = disk()
    d.arm("write", 2, "ENOSPC")
    d.append("t1", b"one")
    with pytest.raises(StorageError) as refused:
        d.append("t1", b"two")
    assert refused.value.full
    d.arm("read", 1, "EIO")
    with pytest.raises(StorageError):
        d.read("t1")
    assert d.read("t1") == b"one"
    d.arm("write", 1, "cut")
    with pytest.raises(PowerCut):
        d.sync("t1")
    with pytest.raises(PowerCut):  # nothing happens any more until the vehicle has understood
        d.read("t1")
    d.power_cut()
    d.arm("write", 1, "kill")
    with pytest.raises(Killed):
        d.append("t1", b"three")
    d.kill()
    assert d.names() in ([], ["t1"])


def test_a_full_disk_takes_a_part_and_says_so():
    d = disk(capacity=10)
    d.append("t1", b"12345678")
    with pytest.raises(StorageError) as refused:
        d.append("t1", b"12345678")
    assert refused.value.full and d.used() < 16


def connected(scheduler, broker, route, name="v", **changed):
    options = {
        "keepalive": 60, "connect_timeout": 20, "window": 4, "will": None, "clean": True,
        "manual": False, **changed,
    }  # fmt: skip
    client = Client(scheduler, route, broker, lambda: None, name, options)
    client.start()
    return client


def world(seed=1, jitter=50):
    scheduler = Scheduler(seed)
    return scheduler, Broker(scheduler), Route(scheduler, 20, jitter, 100)


def events(client):
    found = []
    while (event := client.take()) is not None:
        found.append(event)
    return found


def test_a_line_keeps_the_order_and_a_cut_loses_the_end():
    scheduler, _, route = world()
    line = Line(scheduler, route)
    got = []
    line.deliver[BROKER] = got.append
    line.ended[BROKER] = lambda cause: got.append(cause)
    line.ended[CLIENT] = lambda cause: None
    for n in range(50):
        line.send(CLIENT, n, 100)
    scheduler.run(100)
    line.reset()
    scheduler.run(10000)
    assert got[-1] == "network" and got[:-1] == list(range(len(got) - 1))


def test_a_dead_line_is_found_by_the_keepalive_and_its_will_published():
    scheduler, broker, route = world()
    watcher = connected(scheduler, broker, route, "w")
    scheduler.run(1000)
    watcher.subscribe("p1/v/p", 1)
    client = connected(scheduler, broker, route, will=("p1/v/p", b"gone", 0, True), keepalive=10)
    scheduler.run(2000)
    assert events(client) == [("connected",)]
    for end in (CLIENT, BROKER):
        client._line.is_dark[end] = True
    scheduler.run(2000 + 16000)
    assert events(client) == [("closed", "keepalive")]
    assert ("message", "p1/v/p", b"gone", 1) in events(watcher)


def test_the_broker_acknowledges_and_forgets():
    scheduler, broker, route = world()
    room = connected(scheduler, broker, route, "room", clean=False, manual=True)
    vehicle = connected(scheduler, broker, route)
    scheduler.run(1000)
    room.subscribe("p1/+/t", 1)
    scheduler.run(2000)
    vehicle.publish("p1/v/t", b"one", 1, False, "token")
    scheduler.run(3000)
    assert ("puback", "token") in events(vehicle)
    assert ("message", "p1/v/t", b"one", 1) in events(room)  # and no PUBACK of the room
    for mode, count in (("keeps", 1), ("forgets", 0)):
        broker.crash(mode)
        broker.start()
        scheduler.run(scheduler.now + 1000)
        room = connected(scheduler, broker, route, "room", clean=False, manual=True)
        scheduler.run(scheduler.now + 1000)
        assert [e[0] for e in events(room)].count("message") == count


def test_topics_match_filters():
    assert matches("p1/+/t", "p1/v/t") and matches("p1/v/d", "p1/v/d")
    assert not matches("p1/+/t", "p1/v/b") and not matches("p1/+", "p1/v/t")


def test_the_ledger_knows_what_is_owed():
    scheduler = Scheduler(1)
    ledger = Ledger(scheduler)
    d = Disk(scheduler, ledger, "littlefs", 1000)
    frame = b"\x11sid!\x00\x00\x00\x07sealed text"
    ledger.sealed(b"sid!", 7, "t", b"text", frame)
    d.append("t1", b"head" + frame)
    assert not ledger.owed
    d.sync("t1")
    assert list(ledger.owed) == [(b"sid!", 7)]
    with pytest.raises(Violation, match="number used twice"):
        ledger.sealed(b"sid!", 7, "t", b"other", frame)
    d.remove("t1")
    assert list(ledger.orphans) == [(b"sid!", 7)]
    ledger.nonce(b"key", b"nonce", b"")
    with pytest.raises(Violation, match="nonce used twice"):
        ledger.nonce(b"key", b"nonce", b"")
