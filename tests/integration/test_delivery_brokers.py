"""Brokers that fail: one that acknowledges and loses, one of several that is down. Real mosquittos,
the agent on both interpreters."""

import json
import sqlite3
import time

import pytest

from tests.support import micropython
from tests.support.brokers import Mosquitto, free_port
from tests.support.system import System

FAST = {"journal": {"flush_ms": 500}}


@pytest.fixture(params=("cpython", "micropython"))
def interpreter(request):
    if request.param == "micropython" and micropython.find() is None:
        pytest.skip(micropython.HOW_TO_GET_IT)
    return request.param


def frames(system):
    try:
        return [(sid, number) for sid, number, _ in system.received()]
    except sqlite3.OperationalError:
        return []  # the room has not made its data base yet


def test_a_mosquitto_that_is_killed_with_unsaved_messages_loses_nothing(tmp_path, interpreter):
    """It holds messages for the room, which is away, in RAM: its own persistence is on, but what it
    acknowledged since it saved last is gone."""
    panic = tmp_path / "panic"
    panic.write_text("0")
    store = tmp_path / "store"
    store.mkdir()
    lines = ["allow_anonymous true", "persistence true", f"persistence_location {store}/",
             "autosave_interval 1800", "max_queued_messages 0"]  # fmt: skip
    with Mosquitto(tmp_path / "broker", lines, port=free_port()) as broker:
        mqtt = {"keepalive_s": 5, "connect_timeout_s": 5}
        inputs = {"panic": str(panic)}
        system = System(tmp_path, interpreter, broker.port, mqtt=mqtt, inputs=inputs, **FAST)
        change(system, obd=None)
        try:
            system.start_room()
            system.start_agent()
            system.wait(lambda: system.status()["acknowledged"] >= 2, 30, "acknowledgements")
            system.kill("room")  # its session stays with the broker, which goes on taking
            time.sleep(0.5)
            before = system.status()
            for pressed in "1010101010":
                panic.write_text(pressed)
                time.sleep(0.3)
            system.wait(
                lambda: system.status()["delivered"] >= before["delivered"] + 10, 20, "PUBACKs"
            )
            held = set(frames(system))
            unsaved = system.journalled() - held
            assert len(unsaved) >= 10
            broker.kill()
            time.sleep(0.5)
            broker.start()
            system.start_room()
            system.wait(lambda: unsaved <= set(frames(system)), 60, "what the broker had lost")
            summary = system.stop_agent()
        finally:
            system.close()
    received = frames(system)
    assert len(received) == len(set(received)) == summary["frames"] == summary["acknowledged"]
    assert summary["left"] == summary["lost"] == 0
    assert summary["counters"]["link"]["sent_again"] > 0  # they were with the broker, and are not
    print(f"{interpreter}: {len(unsaved)} unsaved, 0 lost")


def two_brokers(folder, interpreter, first_port, second):
    system = System(folder, interpreter, second.port, **FAST)
    brokers = [{"host": "127.0.0.1", "port": port} for port in (first_port, second.port)]
    mqtt = {"brokers": brokers, "keepalive_s": 5, "connect_timeout_s": 5}
    change(system, mqtt=mqtt, obd=None)
    return system


def change(system, **groups):
    """The agent's configuration, with whole groups replaced."""
    config = json.loads(system._config.read_text())
    system._config.write_text(json.dumps({**config, **groups}))


def test_the_next_broker_serves_while_the_preferred_one_is_down(tmp_path, interpreter):
    with Mosquitto(tmp_path / "second", port=free_port()) as second:
        system = two_brokers(tmp_path, interpreter, free_port(), second)
        try:
            system.start_room()
            system.start_agent()
            system.wait(lambda: system.status()["acknowledged"] >= 3, 40, "delivery")
            summary = system.stop_agent()
        finally:
            system.close()
    assert summary["left"] == 0 and len(frames(system)) == summary["frames"]
    assert sum(summary["counters"]["link_causes"].values()) <= 3
