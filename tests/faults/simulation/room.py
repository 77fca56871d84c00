"""The command room: the product's `Room` on a judged store, driven as `tools/room/serve.py` does.

Messages queue; a batch is handled in one transaction; then come the PUBACKs, then what is sent
down, with QoS 0. The process may end before and after each of these.
"""

import traceback

from tests.faults.simulation.client import Client
from tests.faults.simulation.ledger import Violation
from tests.faults.simulation.store import JudgedStore, RoomCrash
from tools.room.keys import DEFAULT_TOPICS
from tools.room.serve import SUBSCRIBE_S
from tools.room.store import StoreError

LINGER_MS = 5
MAX_BATCH = 1000
RECONNECT_MS = (1000, 30000)  # paho's back-off: first, longest
STORE_RETRY_MS = (500, 10000)
POINTS = (
    "now", "before commit", "after commit", "before reserve", "after reserve", "before pubacks",
    "among pubacks", "before downs",
)  # fmt: skip


class RoomHost:
    """`start()`, `crash(down_ms)`; `crash_at`: at this point of the next batch."""

    def __init__(self, world, inner, name):
        self.site = None  # where it is
        self._world = world
        self._scheduler = world.scheduler
        self._name = name
        self.store = JudgedStore(inner, world.scheduler, world.ledger)
        self.is_up = False
        self.down_ms = 1000
        self._point = None  # where it is to crash
        self.offset_ms = 0  # of its clock
        self.room = None
        self.client = None
        self._subscribe_wait = 0
        self._life = 0
        self._item = None  # the next batch
        self._item_at = None
        self.counters = dict.fromkeys(("batches", "crashes", "pubacks", "downs", "connects"), 0)

    def utc(self):
        return self._world.utc() + self.offset_ms

    def heal(self):
        self.store.refuses = False
        self.store.crash_at = None
        self._point = None

    # Life

    def start(self):
        self._life += 1
        self.is_up = True
        self._scheduler.trace(self._name, "starts")
        self.room = self._world.parts.Room(self.store, self._world.keys)
        self._queue = []  # (connection, packet id or None, topic, payload); topic None: greet
        self._retry = None  # (batch, ms until it was tried again)
        self._failures = 0
        self._connection = 0
        self._connect()

    def crash_at(self, point, down_ms):
        """The process ends at this point, one of POINTS."""
        self.down_ms = down_ms
        if point == "now":
            self.crash()
        elif "commit" in point or "reserve" in point:
            self.store.crash_at = point
        else:
            self._point = point

    def crash(self):
        if not self.is_up:
            return
        self.counters["crashes"] += 1
        self._scheduler.trace(self._name, "is gone")
        self.is_up = False
        self._life += 1
        self.room = None
        self._plan(None)
        if self.client is not None:
            self.client.crash(False)
            self.client = None
        self._scheduler.after(self.down_ms, self.start)

    def _may_crash(self, point):
        if self._point == point:
            self._point = None
            raise RoomCrash

    # Connection

    def _connect(self):
        self._connection += 1
        options = {
            "keepalive": 60,
            "connect_timeout": 5,
            "window": 1000,
            "will": None,
            "clean": self._world.plan.settings["room_is_clean"],
            "manual": True,
        }
        life = self._life
        self.client = Client(
            self._scheduler, self.site.lane, self.site.broker,
            lambda: self._scheduler.after(0, self._events, life), self._name, options,
        )  # fmt: skip
        self.client.start()

    def _subscribe(self, life):
        if life == self._life and self.client is not None:
            self.client.subscribe(DEFAULT_TOPICS, 1)

    def _events(self, life):
        while life == self._life and self.client is not None:
            event = self.client.take()
            if event is None:
                return
            kind = event[0]
            if kind == "connected":
                self.counters["connects"] += 1
                self._failures = 0
                self._subscribe_wait = 1000 * SUBSCRIBE_S[0]
                self._subscribe(life)
            elif kind == "suback" and event[2] is None:
                self._scheduler.after(self._subscribe_wait, self._subscribe, life)
                self._subscribe_wait = min(2 * self._subscribe_wait, 1000 * SUBSCRIBE_S[1])
            elif kind == "suback":
                self._subscribe_wait = 1000 * SUBSCRIBE_S[0]
                self._put(None, None, None, None)  # answers arrive now: greet the vehicles
            elif kind == "message":
                self._put(self._connection, event[3], event[1], event[2])
            elif kind == "closed":
                self.client = None
                first, longest = RECONNECT_MS
                wait = min(longest, first << min(self._failures, 8))
                self._failures += 1
                self._scheduler.after(wait, self._again, life)

    def _again(self, life):
        if life == self._life:
            self._connect()

    # The writer

    def _put(self, *item):
        self._queue.append(item)
        if self._retry is None:
            self._plan(LINGER_MS)

    def _plan(self, ms):
        """The next batch in so many ms, unless one is due before."""
        if ms is None:
            self._scheduler.cancel(self._item)
            self._item = None
            return
        when = self._scheduler.now + ms
        if self._item is None or when < self._item_at:
            self._scheduler.cancel(self._item)
            self._item_at = when
            self._item = self._scheduler.at(when, self._enter, self._life)

    def _enter(self, life):
        if life != self._life:
            return
        self._item = None
        try:
            self._process()
        except RoomCrash:
            self.crash()
        except Violation:
            raise
        except Exception as e:
            where = traceback.format_tb(e.__traceback__)[-1].strip().replace("\n", " ")
            self._world.ledger.fail("exception", f"room: {type(e).__name__}: {e}, {where}")

    def _process(self):
        if self._retry is None:
            batch, self._queue = self._queue[:MAX_BATCH], self._queue[MAX_BATCH:]
            wait = STORE_RETRY_MS[0]
        else:
            batch, wait = self._retry
            self._retry = None
        messages = [(item[2], item[3]) for item in batch if item[2] is not None]
        try:
            if any(item[2] is None for item in batch):
                self.room.greet(self.utc())
            downs = self.room.handle(messages, self.utc())
        except StoreError:
            self._retry = batch, min(2 * wait, STORE_RETRY_MS[1])
            self._plan(wait)
            return
        self.counters["batches"] += 1
        self._may_crash("before pubacks")
        for n, (connection, packet_id, _, _) in enumerate(batch):
            if n:
                self._may_crash("among pubacks")
            if packet_id is not None and connection == self._connection and self.client:
                self.client.ack(packet_id)
                self.counters["pubacks"] += 1
        self._may_crash("before downs")
        for topic, payload in downs:
            self.counters["downs"] += 1
            if self.client is not None:
                self.client.publish(topic, payload, 0, False, None)
        if self._queue:
            self._plan(0)
        wake = self.room.wake(self.utc())
        if wake is not None:
            self._plan(max(1, wake))
