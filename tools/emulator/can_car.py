"""The emulated car's control units on a CAN bus of their own, without an adapter before them.

    car.feed(can_id, is_extended, data, t)      a frame that somebody has sent
    car.due(t) -> [(can_id, is_extended, data)]  frames that the control units send by second t
    car.wake() -> second or None

`CanCar(scenario, ecus, state_at)` is the machine, in scenario seconds; with protocol 6 or 8 it
speaks 11-bit identifiers, with 7 or 9 those of 29 bits (see scenario.Obd). Answers, their delays
and what goes wrong with them (slow, pending, no-data, cranking, foreign) are those behind the
emulated adapter; frames are under the tester's own flow control here. `log` holds every frame that
was sent to the car, `LiveCar` runs it on a python-can bus in real time.
"""

import random
import threading
import time

import can

from tools.emulator.bus import Bus
from tools.emulator.can_isotp import Sender

_FUNCTIONAL = {False: 0x7DF, True: 0x18DB33F1}
_LONGEST_WAIT = 0.05  # s, after which the live car looks whether it is to stop
_MOST_LOG = 100_000  # frames


class CanCar:
    def __init__(self, scenario, ecus, state_at):
        self._obd, self._faults = scenario.obd, scenario.faults
        self._ecus, self._state_at = ecus, state_at
        self._random = random.Random(f"{scenario.seed}/can")
        self._bus = Bus(scenario, ecus, state_at, self._random)
        self._is_extended = scenario.obd.protocol in ("7", "9")
        self._senders = {ecu.can_id: Sender(scenario.obd.padding) for ecu in ecus}
        self._foreign = []  # (second, identifier, data)
        self.log = []  # (second, identifier, is_extended, data)

    def feed(self, can_id, is_extended, data, t):
        if len(self.log) < _MOST_LOG:
            self.log.append((t, can_id, is_extended, bytes(data)))
        if is_extended != self._is_extended or not data:
            return
        is_functional = can_id == _FUNCTIONAL[is_extended]
        for ecu in self._ecus:
            if is_functional or can_id == physical(ecu.can_id):
                self._heard(ecu, bytes(data), is_functional, t)
        if is_functional and data[0] >> 4 == 0:
            self._other_tester(t)

    def _heard(self, ecu, data, is_functional, t):
        sender = self._senders[ecu.can_id]
        if data[0] >> 4 == 3:
            sender.flow(data, t)
        elif data[0] >> 4 == 0 and 0 < data[0] < len(data):
            # Requests of more than one frame are beyond what anybody may ask of this car.
            sender.cancel()
            request = data[1 : 1 + data[0]]
            at = t + self._obd.latency + ecu.delay + self._random.uniform(0, self._obd.jitter)
            slow = self._faults.active("obd", "slow", t)
            at += slow.values["seconds"] if slow else 0.0
            for later, payload in self._answers(ecu, request, at, is_functional):
                sender.send(payload, at + later)

    def _answers(self, ecu, request, at, is_functional):
        """[(seconds later, payload)]"""
        if not self._bus.awake(at):
            return []
        answers = ecu.answer(request, self._state_at(at), is_functional, at)
        made = [(answer.delay, answer.payload) for answer in answers]
        wait = self._faults.active("obd", "pending", at)
        if wait is None or not made:
            return made
        later = [(delay + wait.values["wait"], payload) for delay, payload in made]
        return [(0.0, bytes((0x7F, request[0], 0x78))), *later]

    def _other_tester(self, t):
        row = self._faults.active("obd", "foreign", t)
        if row is not None and self._random.random() < row.values["rate"] and self._ecus:
            can_id = int(row.values["id"] or "0", 16) or self._ecus[0].can_id
            data = bytes.fromhex(row.values["data"]).ljust(8, bytes((self._obd.padding,)))
            self._foreign.append((t + self._obd.latency / 2, can_id, data))

    def wake(self):
        times = [at for sender in self._senders.values() if (at := sender.wake()) is not None]
        times += [at for at, _, _ in self._foreign]
        return min(times, default=None)

    def due(self, t):
        made = [(can_id, data) for at, can_id, data in self._foreign if at <= t]
        self._foreign = [row for row in self._foreign if row[0] > t]
        # Round about, so that the frames of ECUs that answer at once mix.
        queues = [(can_id, sender.due(t)) for can_id, sender in self._senders.items()]
        while any(frames for _, frames in queues):
            made += [(can_id, frames.pop(0)) for can_id, frames in queues if frames]
        return [(can_id, can_id > 0x7FF, data) for can_id, data in made]


def physical(can_id):
    """The identifier that reaches the ECU which sends with this one."""
    if can_id > 0x7FF:
        return 0x18DA00F1 | (can_id & 0xFF) << 8
    return can_id - 8


class LiveCar:
    """A CanCar on a python-can bus, in a thread of its own; a context manager."""

    def __init__(self, car, bus):
        self.car, self._bus = car, bus
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.failure = None

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(5)
        self._bus.shutdown()

    def _run(self):
        began = time.monotonic()
        try:
            while not self._stop.is_set():
                wake = self.car.wake()
                now = time.monotonic() - began
                wait = _LONGEST_WAIT if wake is None else min(_LONGEST_WAIT, max(0.0, wake - now))
                message = self._bus.recv(wait)
                now = time.monotonic() - began
                if message is not None:
                    extended = message.is_extended_id
                    self.car.feed(message.arbitration_id, extended, message.data, now)
                for can_id, extended, data in self.car.due(now):
                    frame = can.Message(arbitration_id=can_id, is_extended_id=extended, data=data)
                    self._bus.send(frame)
        except Exception as e:  # told to whoever looks, not lost with the thread
            self.failure = e
