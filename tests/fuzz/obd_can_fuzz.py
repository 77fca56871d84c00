"""The OBD fuzz on a CAN bus of our own (agent/obd/can_bus.py): frames instead of an adapter's text.

    run(seed, replies) -> obd_fuzz.Result

CAN has a check sum of its own, so that no digit of a frame is wrong by chance; what can be is that
frames are lost, come twice, late, in another order, too short, or are somebody else's; that the
kernel loses messages; that the controller reports errors; and that an ECU itself is confused about
length, number, service or PID. Any of that must never give a wrong value.
"""

from agent.obd import can_frames
from agent.obd.can_bus import CanBus
from agent.obd.poller import Obd
from tests.fuzz import obd_fuzz
from tests.fuzz.obd_car import NAMES_29, frames

_FIRST_MS = 4
_LATE_MS = (30, 150, 700)
CLEAN_OF_TEN = obd_fuzz.CLEAN_OF_TEN


def lose(rows, chance, car, request):
    rows.pop(chance.below(len(rows)))


def double(rows, chance, car, request):
    rows.insert(chance.below(len(rows) + 1), list(chance.of(rows)))


def exchange(rows, chance, car, request):
    a = chance.below(len(rows))
    b = chance.below(len(rows))
    rows[a], rows[b] = rows[b], rows[a]


def shorten(rows, chance, car, request):
    row = chance.of(rows)
    row[1] = row[1][: chance.below(len(row[1]) + 1)]


def late(rows, chance, car, request):
    at = chance.below(len(rows))
    later = chance.of(_LATE_MS)
    for row in rows[at:]:
        row[2] += later


def foreign(rows, chance, car, request):
    """An ECU's answer to another tester: another service, another PID; single or begun."""
    ecu = chance.below(car.style.ecus)
    kind = chance.below(4)
    if kind == 0:
        pid = chance.below(256)
        if pid in request[1:]:
            return
        data = car.data(ecu, pid) if car.has(ecu, pid) else bytes([chance.below(256)])
        body = bytes([2 + len(data), 0x41, pid]) + data
    elif kind == 1:
        body = bytes([4, chance.of((0x42, 0x49, 0x62, 0x59, 0x6E)), request[-1], chance.below(256)])
    elif kind == 2:
        body = b"\x03\x7f" + bytes([chance.below(256), chance.below(256)])
    else:
        body = b"\x10\x14\x49\x02\x01" + bytes([chance.below(256)])
        if request[0] == 0x09:
            return
    rows.insert(chance.below(len(rows) + 1), [_id(car, ecu), can_frames.padded(body[:8]), 0])


def other_identifier(rows, chance, car, request):
    """Traffic that is none of ours, whatever it says."""
    can_id = chance.of(
        (0x7E0, 0x7DF, 0x123, 0x7F0, 0x7E8 | can_frames.EXTENDED, 0x18DA10F1 | can_frames.EXTENDED)
    )
    row = list(chance.of(rows))
    row[0] = can_id
    rows.insert(chance.below(len(rows) + 1), row)


def _at(rows, chance, index):
    """Changes one byte of a frame."""
    row = chance.of(rows)
    if len(row[1]) > index:
        value = bytes([row[1][index] ^ 1 << chance.below(8)])
        row[1] = row[1][:index] + value + row[1][index + 1 :]


def wrong_length(rows, chance, car, request):
    _at(rows, chance, 0)


def wrong_service(rows, chance, car, request):
    firsts = [row for row in rows if row[1][:1] and row[1][0] >> 4 < 2]
    if firsts:
        _at([chance.of(firsts)], chance, 1 + (firsts[0][1][0] >> 4))


def error(rows, chance, car, request):
    rows.insert(chance.below(len(rows) + 1), [None, b"bus error", 0])


OPERATIONS = (lose, double, exchange, shorten, late, foreign, other_identifier, error)
ALONE = (wrong_length, wrong_service)


def _id(car, ecu):
    can_id = int(car.style.names[ecu], 16)
    return can_id | can_frames.EXTENDED if car.style.names is NAMES_29 else can_id


def structure(rows, chance, car, request, in_step):
    """As obd_spoil.structure(): a changed bit is a damage of its own, and so is a late frame."""
    if in_step and chance.below(4) == 0:
        chosen = [chance.of(ALONE)]
    else:
        chosen = [chance.of(OPERATIONS) for _ in range(1 + chance.below(3))]
    for operation in chosen:
        if rows:
            operation(rows, chance, car, request)
    return ["late" if late in chosen else "on CAN"]


class _Bus:
    """The car on CAN. command() takes records and gives [(ms later, records), ...]."""

    def __init__(self, car, chance, spoil, result):
        self.car = car
        self.chance = chance
        self.spoil = spoil
        self.result = result
        self.is_spoiling = False
        self.last = ("", [], "")
        self.in_step = 0  # replies since a late one
        self.has_kernel = chance.below(3) == 0
        is_extended = car.style.names is NAMES_29
        self.target = can_frames.functional(is_extended)

    def command(self, out):
        made = []
        for kind, can_id, data in can_frames.Records().feed(out):
            assert kind == can_frames.FRAME and can_frames.is_permitted(can_id, data)
            if can_id == self.target:
                made.extend(self._asked(data[1 : 1 + data[0]]))
        return made

    def _asked(self, request):
        chance = self.chance
        rows = []  # [identifier, bytes, ms later]
        queues = []
        for ecu in range(self.car.style.ecus):
            found = self.car.answer(ecu, request)
            if found is not None:
                name = self.car.style.names[ecu]
                queues.append((ecu, found[0], frames(name, found[0], found[1], self.car.style)))
        is_clean = not self.is_spoiling or chance.below(10) < CLEAN_OF_TEN
        if self.has_kernel and queues:
            return self._by_kernel(queues, is_clean)
        while queues:
            ecu, _, lines = chance.of(queues)
            text = lines.pop(0)[0][len(self.car.style.names[0]) :]
            data = bytes([int(text[at : at + 2], 16) for at in range(0, len(text), 2)])
            rows.append([_id(self.car, ecu), data, 0])
            queues = [queue for queue in queues if queue[2]]
        damages = []
        if is_clean:
            self.result.clean += 1
        else:
            self.result.replies += 1
            if rows:
                in_step = self.in_step >= obd_fuzz.IN_STEP
                damages = self.spoil(rows, chance, self.car, request, in_step)
                self.in_step = 0 if "late" in damages else self.in_step + 1
        self.last = (str(request), damages, str(rows))
        made = []
        for can_id, data, later in rows:
            kind = can_frames.ERROR if can_id is None else can_frames.FRAME
            made.append((_FIRST_MS + later, can_frames.record(kind, can_id or 0, data)))
        return made

    def _by_kernel(self, queues, is_clean):
        """Whole messages; some are lost, late, or those of other testers."""
        chance = self.chance
        made = []
        if is_clean:
            self.result.clean += 1
        else:
            self.result.replies += 1
        for ecu, payload, _ in queues:
            can_id = _id(self.car, ecu)
            later = _FIRST_MS
            kind = 9 if is_clean else chance.below(8)
            if kind == 4:
                self.in_step = 0
            elif kind == 5 and self.in_step < obd_fuzz.IN_STEP:
                kind = 0
            if kind == 0:
                payload = b""
            elif kind == 1:
                continue
            elif kind == 2:
                payload = payload[: 1 + chance.below(len(payload))]
            elif kind == 3:
                payload = payload + bytes([chance.below(256)])
            elif kind == 4:
                later += chance.of(_LATE_MS)
            elif kind == 5:
                payload = bytes([payload[0] ^ 1 << chance.below(8)]) + payload[1:]
            if len(payload) > 7:
                made.append((later, can_frames.record(can_frames.BEGUN, can_id, b"")))
            made.append((later, can_frames.record(can_frames.MESSAGE, can_id, payload)))
        self.in_step += 1
        self.last = ("kernel", [] if is_clean else ["kernel"], "")
        return made


def _bus(car, chance, spoil, result):
    car.style.is_trimmed = False
    settings = dict(obd_fuzz.SETTINGS)
    settings["voltage_ms"] = 0
    return Obd(settings, CanBus), _Bus(car, chance, spoil, result)


def run(seed, replies, each=obd_fuzz.CAR_REPLIES):
    return obd_fuzz.run(seed, replies, structure, each, _bus)
