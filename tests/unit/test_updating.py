"""agent/updating.py: from an order of the room to a release on trial, and what the room is told."""

import asyncio
import os

from agent import updating as module
from agent.clock import Clock
from agent.port.tree import Tree
from agent.update.slots import Slots
from agent.updating import Updating
from tests.support.files import remove_all, temporary
from tests.support.releases import DEVICE, UTC, NoKeys, Release, choose, new_release, old_release
from tests.unit.test_update_manifest import VECTORS

OLD = old_release()
SETTLE, TRIAL = 1000, 5000
MODULI = bytes.fromhex("".join(VECTORS["moduli"]))


class App:
    """What of the application an update needs; the room's time is known at once."""

    def __init__(self):
        self.time = 0
        self.proved = True
        self.restarts = 0
        self.budget = None
        self.clock = Clock()
        self.clock.room(UTC * 1000, 0)

    def now(self):
        return self.time

    def is_proved(self):
        return self.proved

    def restart(self):
        self.restarts += 1


class Gateway:
    """A storage with the old release in slot a, and a start of the agent from it."""

    def __init__(self, is_signed=False):
        self.root = temporary("updating")
        os.mkdir(self.root)
        self.tree = Tree(self.root)
        OLD.install(self.tree, "a")
        with open(self.root + "/keys", "wb") as f:
            f.write(MODULI)
        self._is_signed = is_signed
        self.start()

    def start(self, slot=None, room_time=True):
        self.slot = slot or choose(self.tree)
        self.app = App()
        if not room_time:
            self.app.clock = Clock()
        self.events = []
        self.faults = []
        self.ends = []
        config = {
            "hardware": DEVICE[0], "keys": self.root + "/keys", "capacity_bytes": 1 << 20,
            "settle_ms": SETTLE, "trial_ms": TRIAL,
        }  # fmt: skip
        place = self.root + "/" + self.slot + "/app/agent/updating.py"
        self.updating = Updating(self.app, config, DEVICE[1], self.event, self.fault, place)
        self.updating.on_done = self.done
        self.updating.start()

    def event(self, name, *fields):
        self.events.append((name,) + tuple(fields))  # noqa: RUF005 MicroPython

    def fault(self, part, error):
        self.faults.append((part, type(error).__name__))

    def done(self, name, data, why):
        self.ends.append((name, data, why))

    def order(self, release, attempt=1):
        """Gives the order and looks at it; why it was not begun, or None."""
        why = self.updating.order(release.signed, attempt)
        if why is None:
            if not self._is_signed:  # signatures have tests of their own
                self.updating._download._keys = NoKeys()
            self.step()
        return why

    def step(self, ms=0):
        self.app.time += ms
        asyncio.run(self.updating.step(self.app.time))

    def told(self):
        """[(state, reason)] since the last call."""
        found = [(e[3], e[4]) for e in self.events if e[0] == "update_state"]
        self.events = [e for e in self.events if e[0] != "update_state"]
        return found

    def asks(self):
        found = [e[1:] for e in self.events if e[0] == "update_wanted"]
        self.events = [e for e in self.events if e[0] != "update_wanted"]
        return found

    def serve(self, release, asks=None, rounds=100):
        """Answers what is asked for as a room does, until nothing is."""
        for _ in range(rounds):
            asks = asks or self.asks()
            if not asks:
                return
            for order, file, offset, length in asks:
                end = offset + length
                while offset < end:
                    data = release.part(file, offset, min(4000, end - offset))
                    self.updating.chunk(order, file, offset, data)
                    offset += len(data)
            asks = None
            self.step()

    def close(self):
        remove_all(self.root)


def with_gateway(test):
    def run():
        gateway = Gateway()
        try:
            test(gateway)
        finally:
            gateway.close()

    return run


@with_gateway
def test_an_order_is_fetched_switched_to_and_the_agent_restarted(gateway):
    new = new_release()
    assert gateway.told() == [("none", "")]
    assert gateway.order(new) is None
    assert gateway.told() == [("fetching", "")] and gateway.ends == []
    assert gateway.updating.order(new.signed, 1) is None  # the same once more changes nothing
    gateway.step()
    gateway.serve(new)
    assert gateway.told() == [("fetching", ""), ("ready", "")]
    assert gateway.ends == [("update", None, None)] and gateway.app.restarts == 1
    assert new.is_in(gateway.tree, "b") and choose(gateway.tree) == "b"
    assert gateway.updating.order(new.signed, 1) == "another one is being looked at"


def on_trial(gateway, new):
    gateway.order(new)
    gateway.serve(new)
    gateway.start()
    assert gateway.slot == "b" and gateway.updating.is_on_trial
    assert gateway.told() == [("trial", "")]


@with_gateway
def test_a_trial_is_committed_only_by_who_is_proved_and_not_before_its_time(gateway):
    on_trial(gateway, new_release())
    gateway.step(SETTLE - 1)
    assert gateway.updating.is_on_trial
    gateway.app.proved = False
    gateway.step(1)
    assert gateway.updating.is_on_trial and gateway.told() == []
    gateway.app.proved = True
    gateway.step(1)
    assert not gateway.updating.is_on_trial and gateway.told() == [("good", "")]
    gateway.step(TRIAL)
    assert gateway.app.restarts == 0
    gateway.start()
    assert gateway.slot == "b" and gateway.told() == [("good", "")]


@with_gateway
def test_a_trial_that_is_not_proved_in_its_time_is_given_up(gateway):
    on_trial(gateway, new_release())
    gateway.app.proved = False
    gateway.step(TRIAL - 1)
    assert gateway.app.restarts == 0
    gateway.step(1)
    assert gateway.app.restarts == 1
    gateway.start()
    assert gateway.slot == "a" and gateway.told() == [("unwell", "")]


@with_gateway
def test_while_on_trial_nothing_else_is_accepted(gateway):
    on_trial(gateway, new_release())
    later = new_release(name="0.3.0", counter=3, generation=3)
    assert gateway.order(later) is None
    assert gateway.told() == [("refused", "BusyError")]
    assert gateway.updating.is_on_trial and gateway.updating.counters["BusyError"] == 1


@with_gateway
def test_a_restart_amid_the_download_goes_on_once_the_room_has_spoken(gateway):
    new = new_release()
    gateway.order(new)
    order, file, offset, length = gateway.asks()[0]
    gateway.updating.chunk(order, file, offset, new.part(file, offset, length))
    gateway.start(room_time=False)
    assert gateway.slot == "a" and gateway.told() == [("fetching", "")]
    gateway.app.proved = False
    gateway.step()
    assert gateway.asks() == []
    gateway.app.proved = True
    gateway.app.clock.room(UTC * 1000, 0)
    # The real keys refuse the empty signatures: that is looked at again after a restart.
    gateway.step()
    assert gateway.told() == [("refused", "QuorumError")]


@with_gateway
def test_an_order_whose_first_write_was_cut_off_is_asked_for_again(gateway):
    new = new_release()
    gateway.order(new)
    gateway.tree.remove("b/manifest")
    gateway.start()
    gateway.told()
    gateway.step()
    assert gateway.told() == [("lost", "")]
    assert gateway.order(new) is None
    gateway.serve(new)
    assert gateway.told() == [("fetching", ""), ("ready", "")]


@with_gateway
def test_refusals_have_their_names_and_are_counted(gateway):
    gateway.told()
    gateway.order(new_release(hardware=["another"]))
    gateway.order(new_release(vehicles=["v-another"]))
    gateway.order(new_release(expires=UTC))
    names = ["HardwareError", "VehicleError", "ExpiredError"]
    assert gateway.told() == [("refused", name) for name in names]
    assert [why.split(":")[0] for _, _, why in gateway.ends] == names
    assert [name for _, name in gateway.faults] == names
    counters = gateway.updating.counters
    assert [counters[name] for name in names] == [1, 1, 1] and gateway.asks() == []
    gateway.start(room_time=False)
    gateway.told()
    gateway.order(new_release())
    assert gateway.told() == [("refused", "RoomTimeError")]


@with_gateway
def test_only_the_rooms_own_time_counts(gateway):
    gateway.start(room_time=False)
    for t in range(0, 5000, 1000):
        gateway.app.clock.gnss(UTC * 1000 + t, t)
    gateway.app.clock.rtc(UTC * 1000, 10, 0)
    gateway.told()
    gateway.order(new_release())
    assert gateway.told() == [("refused", "RoomTimeError")]


@with_gateway
def test_a_file_that_comes_wrong_again_and_again_ends_broken(gateway):
    new = new_release()
    gateway.told()
    gateway.order(new)
    wrong = Release(dict(new.files))
    wrong.files["agent/a.py"] = bytes(len(new.files["agent/a.py"]))
    gateway.serve(wrong)
    assert gateway.told() == [("fetching", ""), ("broken", "FileHashError")]
    assert gateway.ends[0][2].startswith("FileHashError: ") and gateway.app.restarts == 0
    assert choose(gateway.tree) == "a"


@with_gateway
def test_nothing_is_asked_for_while_the_room_is_not_reached_or_the_budget_is_spent(gateway):
    new = new_release()
    gateway.app.proved = False
    gateway.order(new)
    assert gateway.asks() == []

    class Budget:
        def left(self, lane):
            assert lane == "b"
            return self.bytes

    gateway.app.proved = True
    gateway.app.budget = Budget()
    gateway.app.budget.bytes = 0
    gateway.step()
    assert gateway.asks() == []
    gateway.app.budget.bytes = 1600
    gateway.step()
    index = len(new.index)
    assert gateway.asks() == [(new.id, 0, 0, index)] and index < 1500
    gateway.serve(new, [(new.id, 0, 0, index)], 1)
    asks = gateway.asks()
    assert [ask[3] for ask in asks] == [1500], asks


@with_gateway
def test_chunks_that_nobody_waits_for_are_counted(gateway):
    gateway.updating.chunk(bytes(8), 1, 0, b"data")
    assert gateway.updating.counters == {"not_waiting": 1}


def test_an_agent_that_runs_from_no_slot_says_so():
    config = {"settle_ms": SETTLE, "trial_ms": TRIAL}
    updating = Updating(App(), config, DEVICE[1], None, None, "/usr/lib/agent/updating.py")
    updating.start()
    assert updating.order(b"x", 1) == "this agent does not run from a slot"
    assert not updating.is_on_trial and updating.counters == {}


@with_gateway
def test_keys_that_cannot_be_used_refuse_orders_and_leave_the_trial_alone(gateway):
    on_trial(gateway, new_release())
    with open(gateway.root + "/keys", "wb") as f:
        f.write(MODULI[:-1])
    why = gateway.updating.order(b"x", 1)
    assert why.startswith("keys ") and gateway.faults == [("update", "KeyFormatError")]
    os.remove(gateway.root + "/keys")
    assert gateway.updating.order(b"x", 1).startswith("keys ")
    gateway.step(SETTLE)
    assert gateway.told() == [("good", "")]


@with_gateway
def test_a_storage_that_fails_at_the_switch_ends_the_order_and_nothing_restarts(gateway):
    new = new_release()
    gateway.told()
    gateway.order(new)

    def fail(self):
        raise module.UpdateStorageError("slots: it fails")

    kept = Slots.switch
    Slots.switch = fail
    try:
        gateway.serve(new)
    finally:
        Slots.switch = kept
    assert gateway.told() == [("fetching", ""), ("failed", "UpdateStorageError")]
    assert gateway.app.restarts == 0 and choose(gateway.tree) == "a"
