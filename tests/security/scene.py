"""The stage of all attacks: a real agent and a real room, each behind a rogue broker of its own.

    agent <-> Rogue `car` <-> mosquitto <-> Rogue `room` <-> room

What an attacker has is here as well: all that passes, another vehicle of the same fleet with its
secret, frames of a session that is over, and, for a worker of the room that has gone bad, what lies
in the room's folder.
"""

import contextlib
import json
import random
import sys
import time

from agent import port
from agent.comms import inbox
from agent.comms import session as sessions
from agent.comms.batch import Batch
from agent.comms.seal import FrameError
from agent.comms.session import Identity
from tests.support.brokers import Mosquitto
from tests.support.rogue import DOWN, UP, Rogue
from tests.support.system import VEHICLE, System
from tools import provision
from tools.room import keys
from tools.room.live import LiveSession, derive
from tools.room.orders import OrderBook
from tools.room.serve import utc_ms
from tools.room.sqlite import SqliteStore

OTHER = "v-test0002"
HEAP = "640K"
# Some frames a second: there is always something genuine to take hold of, and an acknowledgement
# that gets through shows at once.
BUSY = ["busy", 100, 100, 1, 1, 300, [100, 100, 100]]
SETTINGS = {
    "journal": {"flush_ms": 500},
    "mqtt": {"keepalive_s": 10, "connect_timeout_s": 10},
    "reporting": {"profile": "busy", "profiles": [BUSY]},
    "orders": {"role": "service"},
}
TO_CAR = f"p1/{VEHICLE}/d"
_WAIT_S = 30
_FEW = 256


class Scene(System):
    """See the module. `random`: the same in each run."""

    def __init__(self, folder, interpreter, **settings):
        self.broker = Mosquitto(folder / "broker").start()
        self.car = Rogue(self.broker.port)
        self.room = Rogue(self.broker.port)
        self.random = random.Random(17)
        merged = {
            group: {**SETTINGS.get(group, {}), **values} for group, values in settings.items()
        }
        super().__init__(
            folder, interpreter, self.car.port, room_port=self.room.port, heap=HEAP,
            **{**SETTINGS, **merged},
        )  # fmt: skip
        self._boxes = {}
        self.earlier = ()  # frames to the car, and of it, from a session that is over

    def _provision(self, port):
        path = super()._provision(port)
        provision.create_vehicle(self.room_folder, OTHER)
        return path

    def start_room(self):
        self._status_file = self.folder / "room-status.json"
        command = ["-m", "tools.room", "serve", "--dir", str(self.room_folder), "--attached"]
        self._start("room", [sys.executable, *command, "--status", str(self._status_file)])

    def open(self, has_past=True):
        """Both run. has_past: what is said now is of the vehicle's second session."""
        self.store = SqliteStore(self._wait_for_database())
        self.book = OrderBook(keys.load(self.room_folder).database)
        self.start_agent()
        self.wait(lambda: self.status().get("acknowledged", 0) >= 3, 60, "a first session")
        self.order("ping")
        if not has_past:
            return
        self.earlier = (self.downs(), self.ups("t"))
        self.kill("agent")
        self.car.seen.clear()
        self.room.seen.clear()
        self.start_agent()
        self.wait(lambda: self.status().get("acknowledged", 0) >= 3, 60, "a second session")

    def _wait_for_database(self):
        self.start_room()
        path = keys.load(self.room_folder).database
        end = time.monotonic() + _WAIT_S
        while not self._status_file.exists():
            assert time.monotonic() < end, self.room_log()
            time.sleep(0.1)
        return path

    # What is counted

    def counter(self, who, name):
        """`name`: of the room, or `part.name` of the vehicle."""
        if who == "room":
            return self.room_counters()[name]
        part, _, name = name.partition(".")
        return self.status()[part].get(name, 0)

    def room_counters(self):
        while True:
            try:
                return json.loads(self._status_file.read_text())["counters"]
            except (OSError, ValueError):
                time.sleep(0.05)

    # What an attacker has

    def downs(self):
        """What the room has sent to the car, the newest last."""
        return self.car.payloads(DOWN, TO_CAR)

    def ups(self, lane):
        return self.car.payloads(UP, f"p1/{VEHICLE}/{lane}")

    def tell_car(self, *payloads):
        for payload in payloads:
            self.car.tell(TO_CAR, payload)
        return len(payloads)

    def tell_room(self, *payloads, lane="t", vehicle=VEHICLE):
        for payload in payloads:
            self.room.tell(f"p1/{vehicle}/{lane}", payload)
        return len(payloads)

    def hold(self, direction, topic, count=1, is_it=None):
        """Takes so many messages out of the way of the car's rogue; their payloads."""
        held = []

        def rule(way, name, payload):
            is_theirs = (way, name) == (direction, topic) and len(held) < count
            if not is_theirs or (is_it is not None and not is_it(payload)):
                return [payload]
            held.append(payload)
            return []

        self.car.rule = rule
        self.wait(lambda: len(held) >= count, _WAIT_S, f"{count} messages on {topic}")
        self.car.rule = None
        return held

    def hold_down(self, count=1, is_it=None):
        return self.hold(DOWN, TO_CAR, count, is_it)

    def stranger(self, vehicle=VEHICLE, **other):
        """A session as whoever holds some of a vehicle's secrets opens one.
        other: `generation`, `psk`, `key_id`, `enc`."""
        room = keys.load(self.room_folder)
        key = room.room_keys[room.room_key_id]
        secret = room.vehicles[OTHER if vehicle == OTHER else VEHICLE]
        identity = Identity(
            vehicle, other.get("key_id", room.room_key_id), key.public,
            other.get("psk", secret.psk), other.get("generation", secret.generation),
        )  # fmt: skip
        steps = sessions.open_steps(identity, 7, self.random.randbytes(32), 0)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return end.value

    # A worker of the room that has gone bad

    def worker(self):
        """LiveSession of the vehicle's current session."""
        row = self.store.sessions(VEHICLE)[-1]
        if row.sid not in self._boxes:
            room = keys.load(self.room_folder)
            found = derive(room.room_keys[row.key_id], room.vehicles[VEHICLE], row, VEHICLE)
            self._boxes[row.sid] = LiveSession(row, found, (), (), ())
        return self._boxes[row.sid]

    def stream(self, messages):
        """The same of many messages, a few at a time, while the true worker goes on as well."""
        messages = list(messages)
        for i in range(0, len(messages), _FEW):
            yield from self.sealed(*messages[i : i + _FEW])

    def sealed(self, *messages):
        """Down frames of these messages, with numbers that nobody else uses."""
        worker = self.worker()
        number = self.store.reserve_down(worker.row, len(messages))
        return [
            worker.down.seal(number + i, port.packb(message)) for i, message in enumerate(messages)
        ]

    def message(self, frame):
        """What a down frame of the current session says, or None."""
        try:
            return inbox.parse(self.worker().down.open(frame)[1])
        except FrameError:
            return None

    def is_order(self, frame):
        message = self.message(frame)
        return message is not None and message[0] == "order"

    def ids(self, count):
        """Numbers of orders, taken from the book as one that gives orders does."""
        (first,) = self.store._ask("SELECT seq FROM sqlite_sequence WHERE name = 'orders'")[0]
        with self.store._transaction():
            self.store._db.execute(
                "UPDATE sqlite_sequence SET seq = seq + ? WHERE name = 'orders'", (count,)
            )
        return range(first + 1, first + 1 + count)

    # What is legitimate

    def give(self, name, arguments=None, role=2, seconds=60):
        now = utc_ms()
        return self.book.give(
            VEHICLE, name, arguments or {}, role, "test", now, now + 1000 * seconds
        )

    def order(self, name, **arguments):
        """An order that the vehicle carries out; its result."""
        number = self.give(name, arguments)
        self.wait(
            lambda: self.book.order(number).state in ("done", "refused"), _WAIT_S, f"order {name}"
        )
        self.wait(lambda: self.book.result(number) is not None, _WAIT_S, f"the answer to {name}")
        return self.book.result(number)

    def goes_on(self, count=1):
        """Frames are acknowledged now."""
        done = self.status()["acknowledged"] + count
        self.wait(lambda: self.status()["acknowledged"] >= done, _WAIT_S, "acknowledgements")

    def all_is_there(self):
        """The agent ends; all that it has recorded is in the room, once. Its summary."""
        sid = bytes.fromhex(self.status()["session"])
        summary = self.stop_agent()
        received = [row[:2] for row in self.received()]
        assert len(received) == len(set(received)), "a frame is there twice"
        assert summary["left"] == 0 and summary["lost"] == 0, summary
        assert self.journalled() == set()
        numbers = {number for of, number in received if of == sid}
        assert numbers == set(range(summary["frames"])), "a frame is missing"
        return summary

    def close(self):
        super().close()
        for part in (self.car, self.room):
            part.close()
        for part in ("store", "book"):
            if hasattr(self, part):
                getattr(self, part).close()
        self.broker.stop()


@contextlib.contextmanager
def opened(folder, interpreter, has_past=True):
    """A Scene that is open, and closed in the end."""
    scene = Scene(folder, interpreter)
    try:
        scene.open(has_past)
        yield scene
    finally:
        scene.close()


def batch(*records):
    """The plaintext of a frame."""
    made = Batch()
    for record in records:
        made.add(record, 0)
    return made.encode()
