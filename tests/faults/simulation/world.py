"""A seed's world: one vehicle, one broker, one room, and what is between them.

    world = World(plan)
    world.run()        # raises Violation, or returns a Result

It runs in two parts: while the plan breaks things, and after that, when all is well again: then
everything that was owed must arrive, or be reported as lost, within LIMIT_MS.
"""

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent import port, uplink
from agent.comms.session import Identity
from tests.faults.simulation import faults, invariants, tasks
from tests.faults.simulation import plan as plans
from tests.faults.simulation.broker import Broker
from tests.faults.simulation.ledger import Violation
from tests.faults.simulation.network import Route
from tests.faults.simulation.room import RoomHost
from tests.faults.simulation.scheduler import Scheduler
from tests.faults.simulation.store import MemoryStore
from tests.faults.simulation.vehicle import Parts, Vehicle
from tools.room.keys import Mqtt, RoomFile, RoomKey, Secret, key_id
from tools.room.sqlite import SqliteStore

T0 = 1_790_000_000_000  # UTC ms at the beginning of time, September 2026
# The longest back-off (refused: 30 min), the room's longest wait before it asks again (10 min),
# the vehicle's before it sends again (5 min), each once more for what falls between, and time for
# a full journal over the slowest link of `plan.settings`.
LIMIT_MS = 2 * 3600000
BUDGET_MS = 50 * 3600000  # where a day's data are limited: two more days
_NAME = "v-sim"
_ROOM_PRIVATE = port.sha256(b"room")
_ROOM_KEY = RoomKey(_ROOM_PRIVATE, port.x25519(_ROOM_PRIVATE))
_PSK = port.sha256(b"psk")


@dataclass
class Result:
    """Of one seed. `violation` is None or (name, text)."""

    seed: int
    ms: int  # simulated
    settled_ms: int  # from the last fault until all had arrived
    events: int
    crashes: int
    digest: str
    counters: dict
    violation: tuple | None
    lines: list


@dataclass
class Site:
    """A broker, the vehicle's way to it, and the room behind it. Rooms share the store."""

    broker: Broker
    road: Route
    lane: Route
    host: RoomHost


class World:
    """The parts know each other through it."""

    def __init__(self, plan, parts=Parts, echo=None):
        """parts: the product's classes, or broken ones; echo(text): gets the trace."""
        self.plan = plan
        self.parts = parts
        s = self.settings = plan.settings
        self.scheduler = Scheduler(f"world {plan.seed}", echo)
        room_key = key_id(_ROOM_KEY.public)
        self.keys = RoomFile(
            room_key,
            {room_key: _ROOM_KEY},
            {_NAME: Secret(_PSK, 1)},
            Mqtt("127.0.0.1", 1883, "room", None, None, 60, False, (), None),
            Path("none"),
        )
        identity = Identity(_NAME, room_key, _ROOM_KEY.public, _PSK, 1)
        self.vehicle = Vehicle(self, _NAME, identity)
        self.ledger = self.vehicle.ledger
        self.ledger.is_alone = s["sites"] == 1
        self.store = SqliteStore(":memory:") if s["sqlite"] else MemoryStore()
        self.sites = [self._site(n) for n in range(s["sites"])]

    def _site(self, n):
        s, scheduler = self.settings, self.scheduler
        site = Site(
            Broker(scheduler, s["broker_window"], s["broker_queue"]),
            Route(scheduler, s["latency"], s["jitter"], s["bandwidth"]),
            Route(scheduler, 1, 3, 10000),
            RoomHost(self, self.store, f"room-{n}"),
        )
        site.host.site = site
        return site

    def chosen(self, where):
        """The sites that a fault means."""
        return self.sites if where == plans.ALL else [self.sites[where % len(self.sites)]]

    def utc(self):
        """The true time, UTC ms."""
        return T0 + self.scheduler.now

    def random_bytes(self, n):
        """Of the vehicle; a chip's before its radio is on may repeat at each boot."""
        if self.settings["weak_random"]:
            return bytes(n)
        return self.scheduler.random.randbytes(n)

    def run(self):
        """Result; a violation is in it."""
        violation = None
        settled = 0
        with _installed(self):
            try:
                settled = self._run()
            except Violation as e:
                violation = e.name, str(e)
            finally:
                self.vehicle.abandon()
                self.store.close()
        scheduler, vehicle = self.scheduler, self.vehicle
        counters = {
            "vehicle": vehicle.counters,
            "frames": self.ledger.counters,
            "disk": vehicle.disk.counters,
            **vehicle.product_counters(),
            "broker": _sum([site.broker.counters for site in self.sites]),
            "room": _sum([site.host.counters for site in self.sites]),
            "store": _sum([site.host.store.counters for site in self.sites]),
        }
        crashes = vehicle.counters["power_cuts"] + vehicle.counters["kills"]
        crashes += counters["room"]["crashes"] + counters["broker"]["crashes"]
        return Result(
            self.plan.seed, scheduler.now, settled, scheduler.events, crashes, scheduler.digest(),
            counters, violation, list(scheduler.lines),
        )  # fmt: skip

    def _run(self):
        scheduler = self.scheduler
        for fault in self.plan.faults:
            scheduler.at(fault.at, faults.happen, self, fault)
        for site in self.sites:
            site.host.start()
        self.vehicle.boot_after(0)
        scheduler.run(self.plan.duration)
        faults.heal(self)
        self.vehicle.workload.end()
        if self.vehicle.read_errors:
            # "A file that cannot be read now is left alone: the next start may read it."
            self.vehicle.off_ms = 1000
            self.vehicle.stop()
        healed = scheduler.now
        limit = LIMIT_MS + (BUDGET_MS if self.settings["budget"] else 0)
        if not scheduler.run(healed + limit, self._is_settled):
            self._complain(limit)
        self._look_for_leaks()
        return scheduler.now - healed

    def _is_settled(self):
        vehicle = self.vehicle
        if self.ledger.owed or not vehicle.is_up or vehicle.is_over:
            return False
        return not vehicle.journal.frames_left() and not vehicle.has_unwritten()

    def _look_for_leaks(self):
        """Files that the journal neither knows nor has tried to remove."""
        known = [segment.name for segment in self.vehicle.journal.segments]
        left = self.ledger.files_not_given_up()
        leaked = [name for name in left if name in self.vehicle.disk.files and name not in known]
        if leaked and self.ledger.was_whole:
            self.ledger.fail("file left behind", " ".join(leaked))

    def _complain(self, limit):
        owed = list(self.ledger.owed.values())
        left = self.vehicle.journal.frames_left()
        where = f"{len(owed)} frames are owed, {left} in the journal, {limit} ms after all is well"
        journal = self.vehicle.journal
        lost = [
            entry
            for entry in owed
            if not journal.holds(*entry.key) and not invariants.is_known_lost(journal, entry)
        ]
        if lost:
            self.ledger.fail("lost in silence", f"{lost[0]} is in no gap; {where}")
        if owed and not left:
            self.ledger.fail("gap not told", f"{owed[0]} is known to be lost; {where}")
        self.ledger.fail("not delivered", f"{owed[0] if owed else ''}; {where}")


def _sum(rows):
    return {name: sum(row[name] for row in rows) for name in rows[0]}


@contextmanager
def _installed(world):
    """The product's names for time, connections and the sealing's core are the world's."""
    aead = port.Aead

    class Aead(aead):
        def __init__(self, key):
            super().__init__(key)
            self._judged = bytes(key)

        def seal(self, nonce, data, aad):
            world.ledger.nonce(self._judged, nonce, data)
            return super().seal(nonce, data, aad)

    kept = port.Aead, port.wait, port.mqtt_client, uplink.asyncio
    port.Aead, port.wait, port.mqtt_client = Aead, tasks.wait, world.vehicle.connect
    uplink.asyncio = tasks.Asyncio
    try:
        yield
    finally:
        port.Aead, port.wait, port.mqtt_client, uplink.asyncio = kept
