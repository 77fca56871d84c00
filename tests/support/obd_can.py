"""A car on CAN by a table of answers (obd_car.py), and a clock to run a driver on it.

The car speaks records (agent/obd/can_frames.py). An ECU sends the first frame of a long answer and
waits for flow control; ECUs answer at the same time, so that their frames mix.
"""

from agent.obd import can_frames
from tests.support import obd_car

LATENCY = 10  # ms until an ECU's first frame
GAP = 1  # ms between frames


def segment(payload, padding=0):
    """A payload as frames of eight bytes (ISO 15765-2)."""
    size = len(payload)
    if size <= 7:
        frames = [bytes([size]) + payload]
    else:
        frames = [bytes([0x10 | size >> 8, size & 0xFF]) + payload[:6]]
        for number, at in enumerate(range(6, size, 7)):
            frames.append(bytes([0x20 | number + 1 & 15]) + payload[at : at + 7])
    return [frame + bytes([padding]) * (8 - len(frame)) for frame in frames]


class CanCar:
    """`log` has every frame that was sent to the car: (identifier, bytes)."""

    def __init__(self, table, is_extended=False):
        self.table = table
        self.is_extended = is_extended
        self.log = []
        self._due = []  # (when, order, record)
        self._waiting = {}  # ecu -> its frames that wait for flow control
        self._order = 0

    def named(self, ecu):
        return 0x18DAF100 | (0x10 + ecu - 0x7E8) if self.is_extended else ecu

    def _send(self, at, ecu, frame):
        can_id = ecu | can_frames.EXTENDED if self.is_extended else ecu
        self.send(at, can_frames.record(can_frames.FRAME, can_id, frame))

    def send(self, at, record):
        """Anything from the bus."""
        self._order += 1
        self._due.append((at, self._order, record))
        self._due.sort()

    def feed(self, data, now):
        for kind, can_id, frame in can_frames.Records().feed(data):
            assert kind == can_frames.FRAME and len(frame) == 8
            self.log.append((can_id, frame))
            if can_id == can_frames.functional(self.is_extended):
                self._asked(frame, now)
            else:
                self._flow(can_id, frame, now)

    def _asked(self, frame, now):
        self._waiting = {}
        request = frame[1 : 1 + frame[0]]
        for ecu, payload, _ in self.answers(request):
            frames = segment(payload)
            self._send(now + LATENCY, self.named(ecu), frames[0])
            if len(frames) > 1:
                self._waiting[self.named(ecu)] = frames[1:]

    def answers(self, request):
        return obd_car.messages(self.table, request[0], request[1:])

    def _flow(self, can_id, frame, now):
        for ecu in list(self._waiting):
            if can_frames.physical(ecu) == can_id and frame[0] == 0x30:
                for number, each in enumerate(self._waiting.pop(ecu)):
                    self._send(now + GAP * (number + 1), ecu, each)

    def due(self, now):
        """Records that have arrived."""
        out = b""
        while self._due and self._due[0][0] <= now:
            out += self._due.pop(0)[2]
        return out

    def wake(self):
        return self._due[0][0] if self._due else None


def run(machine, car, until, done=lambda: False, now=0):
    """Runs a driver, poller or scanner on the car -> ([events], when it ended)."""
    machine.start(now)
    return run_on(machine, car, until, now, done)


def run_on(machine, car, until, now, done=lambda: False):
    """The same for one that runs already."""
    events = []
    while now < until and not done():
        out = machine.poll(now)
        while out:
            car.feed(out, now)
            out = machine.poll(now)
        wait = machine.wake(now)
        step = now + (1000 if wait is None else max(1, wait))
        due = car.wake()
        now = min(step, until) if due is None else min(step, max(now, due), until)
        got = machine.feed(car.due(now), now)
        events.extend(got or ())
        if hasattr(machine, "take"):
            events.extend(machine.take())
    return events, now
