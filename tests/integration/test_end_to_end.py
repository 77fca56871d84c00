"""The whole river with things killed in it: what was journalled is in the room, once.

Every process is the real one: emulated car, agent (on both interpreters), mosquitto, room. The
broker keeps nothing over a restart: it is the broker that lost its memory.
"""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support import micropython
from tests.support.brokers import Iotcore, Mosquitto, free_port
from tests.support.proxy import Proxy
from tests.support.system import System

INTERPRETERS = ("cpython", "micropython")
# What is in flight when something dies must not wait long in a test.
FAST = {"journal": {"flush_ms": 500}, "mqtt": {"keepalive_s": 5, "connect_timeout_s": 5}}


@pytest.fixture(params=INTERPRETERS)
def interpreter(request):
    if request.param == "micropython" and micropython.find() is None:
        pytest.skip(micropython.HOW_TO_GET_IT)
    return request.param


@pytest.fixture
def system(tmp_path, interpreter):
    """A System whose agent reaches mosquitto; `broker` can be killed and started again."""
    broker = Mosquitto(tmp_path / "broker", port=free_port()).start()
    panic = tmp_path / "panic"
    panic.write_text("0")
    system = System(tmp_path, interpreter, broker.port, inputs={"panic": str(panic)}, **FAST)
    system.broker = broker
    system.panic = panic
    try:
        yield system
    finally:
        system.close()
        broker.stop()


def check(system, journalled, summary):
    """All that was journalled is in the room, none twice, and the journal is empty."""
    received = [(sid, number) for sid, number, _ in system.received()]
    assert len(received) == len(set(received)), "a frame is there twice"
    missing = journalled - set(received)
    assert not missing, f"{len(missing)} frames are missing"
    assert summary["left"] == 0 and summary["lost"] == 0
    assert system.journalled() == set()


def sessions(system):
    return {sid for sid, _, _ in system.received()}


def test_the_agent_is_killed(system):
    """Kill -9 with frames in the journal that nobody has yet: a new session delivers them."""
    system.start_room()
    system.start_agent()
    system.wait(lambda: system.status()["acknowledged"] >= 2, 30, "first acknowledgements")
    system.broker.kill()
    before = system.status()["frames"]
    for pressed in "101":
        system.panic.write_text(pressed)
        time.sleep(0.5)
    system.wait(lambda: system.status()["frames"] >= before + 3, 5, "alerts while cut off")
    system.kill("agent")
    journalled = system.journalled()
    assert len(journalled) >= 3
    system.broker.start()
    system.start_agent()
    system.wait(lambda: system.status()["acknowledged"] > len(journalled), 60, "delivery")
    summary = system.stop_agent()
    assert len(sessions(system)) == 2
    check(system, journalled, summary)
    # Of those the ledger may know that the room has them; not of the three alerts.
    assert 3 <= summary["counters"]["journal"]["frames_recovered"] <= len(journalled)


@pytest.mark.parametrize("victim", ["broker", "room"])
def test_broker_or_room_is_killed(system, victim):
    """The agent goes on; what was under way when they died is sent again and counted once."""
    system.start_room()
    system.start_agent()
    system.wait(lambda: system.status()["acknowledged"] >= 2, 30, "first acknowledgements")
    for _ in range(2):
        if victim == "broker":
            system.broker.kill()
            time.sleep(4)
            system.broker.start()
        else:
            system.kill("room")
            time.sleep(6)
            system.start_room()
        done = system.status()["acknowledged"]
        system.wait(lambda n=done: system.status()["acknowledged"] >= n + 2, 60, "delivery")
    summary = system.stop_agent()
    assert summary["frames"] == summary["acknowledged"] == len(system.received())
    assert len(sessions(system)) == 1
    check(system, set(), summary)


def test_the_link_is_silent_for_two_minutes(tmp_path):
    """Recording goes on; then what is new comes first, and the backlog, oldest first, behind it.
    Both interpreters at the same time: two minutes are long."""
    names = [n for n in INTERPRETERS if n == "cpython" or micropython.find()]
    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(_silent, tmp_path / name, name) for name in names]:
            done.result()


def _silent(folder, interpreter):
    with Mosquitto(folder / "broker", port=free_port()) as broker:
        proxy = Proxy(broker.port)
        system = System(folder, interpreter, proxy.port, room_port=broker.port, **FAST)
        try:
            system.start_room()
            system.start_agent()
            system.wait(lambda: system.status()["acknowledged"] >= 2, 30, "first frames")
            proxy.go_silent()
            silent_at = system.status()
            time.sleep(120)
            after = system.status()
            # Two readings a second, and positions beside them.
            assert after["records"] - silent_at["records"] > 120
            assert after["link"] != "online"
            known = {(sid, number) for sid, number, _ in system.received()}
            waiting = system.journalled() - known
            assert len(waiting) >= 2
            # The broker lost its memory, too: it knows of no session and no retained message.
            # What it takes before the room is back it gives to nobody, and it is sent again as
            # backlog; here the order is looked at, so the room is waited for.
            broker.kill()
            broker.start()
            system.wait(
                lambda: system.room_log().count("connected to") == 2, 40, "the room's return"
            )
            proxy.come_back()
            system.wait(
                lambda: waiting <= {(sid, number) for sid, number, _ in system.received()},
                90,
                "the backlog",
            )
            arrived = [row for row in system.received() if row[:2] not in known]
            summary = system.stop_agent()
        finally:
            system.close()
            proxy.close()
    lanes = [lane for _, _, lane in arrived]
    before_backlog = arrived[: lanes.index("b")]
    assert "t" in [lane for _, _, lane in before_backlog], f"not the newest first: {lanes}"
    backlog = [(sid, number) for sid, number, lane in arrived if lane == "b"]
    assert max(number for _, number, _ in before_backlog) > max(number for _, number in backlog)
    assert waiting <= set(backlog) and backlog == sorted(backlog, key=lambda row: row[1])
    check(system, waiting, summary)


def test_the_embedded_broker_serves_a_room_as_well(tmp_path, interpreter):
    with Iotcore() as broker:
        system = System(tmp_path, interpreter, broker.port, **FAST)
        try:
            system.start_room()
            system.start_agent()
            system.wait(lambda: system.status()["acknowledged"] >= 3, 40, "acknowledgements")
            summary = system.stop_agent()
        finally:
            system.close()
        assert summary["frames"] == summary["acknowledged"] == len(system.received())
        check(system, set(), summary)


def test_a_zone_switches_the_profile_and_its_border_is_in_the_room(tmp_path, interpreter):
    """The car starts within 60 m of the zone's centre and drives out of it."""
    zone = ["depot", "pursuit", 0, 0, [33595060, -7618800, 60]]
    with Iotcore() as broker:
        system = System(tmp_path, interpreter, broker.port, reporting={"zones": [zone]}, **FAST)
        try:
            system.start_room()
            system.start_agent()
            system.wait(lambda: "zone_leave" in [e[0] for e in system.events()], 60, "the border")
            summary = system.stop_agent()
        finally:
            system.close()
    told = [e for e in system.events() if e[0] in ("zone_enter", "zone_leave", "profile")]
    assert told == [
        ("zone_enter", ["depot"]),
        ("profile", ["pursuit"]),
        ("zone_leave", ["depot"]),
        ("profile", ["patrol"]),
    ]
    check(system, set(), summary)
