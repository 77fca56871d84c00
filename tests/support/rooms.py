"""A vehicle's side of the wire and a room on a store, for tests; no broker, no clock."""

import random

from agent import port
from agent.comms.batch import Batch
from agent.comms.inbox import Inbox
from agent.comms.session import Identity, open_steps
from tools.room.core import Room
from tools.room.keys import Mqtt, RoomFile, RoomKey, Secret, key_id
from tools.room.sqlite import SqliteStore

T0 = 1_790_000_000_000  # UTC ms, September 2026
ROOM_PRIVATE = port.sha256(b"room")
ROOM_KEY = RoomKey(ROOM_PRIVATE, port.x25519(ROOM_PRIVATE))
ROOM_KEY_ID = key_id(ROOM_KEY.public)
MQTT = Mqtt("127.0.0.1", 1883, "room", None, None, 60, False, ("p1/+/+",), None)


def psk(vehicle):
    return port.sha256(b"psk of " + vehicle.encode())


def room_file(folder, *vehicles, generation=1):
    """RoomFile that knows these vehicles."""
    secrets = {name: Secret(psk(name), generation) for name in vehicles}
    return RoomFile(ROOM_KEY_ID, {ROOM_KEY_ID: ROOM_KEY}, secrets, MQTT, folder / "room.db")


class Car:
    """One vehicle: sessions, frames, and what it understands of the room's answers."""

    def __init__(self, name="v-one", seed=1, generation=1, secret=None):
        self.name = name
        self.identity = Identity(
            name, ROOM_KEY_ID, ROOM_KEY.public, secret or psk(name), generation
        )
        self._random = random.Random(f"{name} {seed}")
        self.boot = 0
        self.now = 0

    def start(self, boot=None):
        """A new session, as after a restart."""
        self.boot = self.boot + 1 if boot is None else boot
        steps = open_steps(self.identity, self.boot, self._random.randbytes(32), 0)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                self.session = end.value
                break
        self.inbox = Inbox()
        self.inbox.set_session(self.session)
        return self.session

    def topic(self, lane):
        return f"p1/{self.name}/{lane}"

    def open(self):
        return self.topic("s"), self.session.open_bytes

    def frame(self, *records, lane="t"):
        """(topic, frame) of a batch with these records."""
        batch = Batch()
        for record in records:
            batch.add(record, 0)
        return self.topic(lane), self.session.seal(batch.encode())[1]

    def hear(self, downs):
        """The messages in what the room sent to this car; refused ones are an error."""
        found = []
        for topic, payload in downs:
            if topic == self.topic("d"):
                self.now += 1000
                message = self.inbox.take(payload, self.now)
                assert message is not None, self.inbox.counters
                found.append(message)
        return found


def acknowledged(messages):
    """{sid: set of the numbers} that these messages acknowledge."""
    found = {}
    for message in messages:
        if message[0] == "ack":
            for sid, upto, ranges in message[2]:
                numbers = found.setdefault(sid, set())
                numbers.update(range(upto))
                for first, last in ranges:
                    numbers.update(range(first, last + 1))
    return found


def stored(store, vehicle):
    """{sid: set of the numbers} that the store holds."""
    found = {}
    for row in store.sessions(vehicle):
        numbers = [frame.number for frame in store.frames(row)]
        assert len(numbers) == len(set(numbers))
        found[row.sid] = set(numbers)
    return found


def make_room(folder, *vehicles, store=None, **options):
    keys = room_file(folder, *vehicles, **options)
    return Room(store or SqliteStore(keys.database), keys)
