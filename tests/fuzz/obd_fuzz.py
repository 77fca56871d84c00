"""The OBD fuzz: spoilt replies against driver, services, poller, on a car whose values are known.

    run(seed, replies) -> Result      `replies` spoilt replies, several cars and adapters

Every value, trouble code and VIN that comes out is compared with what was true of the car. What was
true within the last second counts as right; what was true up to STALE_MS ago is counted as stale:
a line that stalls for seconds (LATE_MS) brings such values, and nothing in them tells.

Runs on both interpreters, with the same numbers on both; obd_long.py runs it by the million.
"""

from agent import signals
from agent.obd import dtc, pids
from agent.obd.poller import Obd
from tests.fuzz import obd_spoil
from tests.fuzz.obd_car import (
    EPOCH_REPLIES,
    FROZEN,
    FROZEN_CODE,
    VIN,
    Adapter,
    Car,
    Chance,
    Style,
)

CAR_REPLIES = 2000  # spoilt replies, then another car and another adapter
CLEAN_OF_TEN = 2  # replies that are left as they are, so that the car is not given up
OLD_MS = 1000
IN_STEP = 4  # replies after which driver and adapter are in step again
STALE_MS = 6000  # LATE_MS and a time-out
EPOCHS_KEPT = 12
LATE_MS = (5, 400, 1500, 4000)
MOST_WRONG = 20  # kept as examples
SETTINGS = {
    "tiers": (40, 60, 90, 40), "status_ms": 100, "dtc_ms": 400, "voltage_ms": 1000,
    "bus_retry_ms": 200,
}  # fmt: skip
VOLTAGE = 12600
_KINDS = {"stored": 0x03, "pending": 0x07, "permanent": 0x0A}


class Result:
    def __init__(self):
        self.replies = 0  # spoilt
        self.clean = 0
        self.values = 0
        self.others = 0  # trouble codes and VINs
        self.wrong = []  # (what, reply's damages, what was asked, reply)
        self.wrong_count = 0
        self.stale = 0
        self.incomplete = 0  # code lists without an ECU's codes
        self.after_clean = 0  # values out of replies that were left as they are
        self.states = {}

    def add(self, other):
        self.replies += other.replies
        self.clean += other.clean
        self.values += other.values
        self.others += other.others
        self.wrong = (self.wrong + other.wrong)[:MOST_WRONG]
        self.wrong_count += other.wrong_count
        self.stale += other.stale
        self.incomplete += other.incomplete
        self.after_clean += other.after_clean
        for key in other.states:
            self.states[key] = self.states.get(key, 0) + other.states[key]


class _Spoilt(Adapter):
    """An adapter that spoils its replies. command() gives [(ms later, bytes), ...]."""

    def __init__(self, car, chance, spoil, result):
        Adapter.__init__(self, car, chance)
        self.spoil = spoil
        self.result = result
        self.is_spoiling = False
        self.in_step = 0  # replies since one as a whole went wrong on the way
        self.last = ("", [], "")  # request, damages, reply

    def command(self, command):
        if not command.endswith(b"\r"):
            return []
        text = command[:-1].decode()
        if not text:
            return [(1, b"\r>")]
        if text[0] in "AS":
            return self._set(text)
        return self._asked(text)

    def _set(self, text):
        """The answer to a command of the adapter's own; only the battery's voltage is spoilt."""
        said = self.setting(text)
        chance = self.chance
        if text == "ATRV" and self.is_spoiling and self.spoil is obd_spoil.structure:
            lines = [[said, ""]]
            if chance.below(10) >= CLEAN_OF_TEN:
                self.result.replies += 1
                operation = chance.of(obd_spoil.TEXT)
                operation(lines, chance, self.car, b"")
                self.last = (text, ["voltage"], str(lines))
            said = "\r".join([line[0] for line in lines])
        return [(1, _bytes(said + "\r\r>"))]

    def _asked(self, text):
        digits = text[:-1] if len(text) & 1 else text
        request = bytes([int(digits[at : at + 2], 16) for at in range(0, len(digits), 2)])
        lines = [list(line) for line in self.lines(request)]
        echo = text + "\r" if self.car.style.echoes else ""
        if not lines:
            lines = [["NO DATA", ""]]
        chance = self.chance
        if not self.is_spoiling or chance.below(10) < CLEAN_OF_TEN:
            self.result.clean += 1
            damages = []
            out = echo + "\r".join([line[0] for line in lines]) + "\r\r>"
            chunks = [(1, _bytes(out))]
        else:
            self.result.replies += 1
            damages = self.spoil(lines, chance, self.car, request, self.in_step >= IN_STEP)
            out = echo + "\r".join([line[0] for line in lines]) + "\r\r>"
            chunks = [(1, _bytes(out))]
            if self.spoil is obd_spoil.structure and damages[0] not in obd_spoil.ALONE_NAMES:
                chunks, more = self._on_the_way(_bytes(out), "marked_wrong" in damages)
                damages += more
                self.in_step = 0 if more else self.in_step + 1
        self.last = (text, damages, out)
        return chunks

    def _on_the_way(self, data, is_marked):
        """What can happen to a reply as a whole -> ([(ms later, bytes)], names). A line that is
        marked as wrong is not parted from its mark."""
        chance = self.chance
        kind = chance.below(24)
        if kind == 0:
            return [(1, data[:-1])], ["no prompt"]
        if kind == 1:
            return [(1, data + data)], ["twice"]
        if kind == 2:
            return [(1, data), (4, data)], ["twice, late"]
        if kind == 3:
            return [(chance.of(LATE_MS), data)], ["late"]
        if kind == 4:
            cut = chance.below(len(data))
            return [(1, data[:cut]), (chance.of(LATE_MS), data[cut:])], ["halting"]
        if kind == 5:
            return [(1, data[: chance.below(len(data))])], ["torn off"]
        if kind == 6 and not is_marked:
            cut = chance.below(len(data))
            return [(1, data[:cut] + b"\r\r>"), (2, data[cut:])], ["prompt within"]
        cut = chance.below(len(data))
        return [(1, data[:cut]), (2, data[cut:])], []


def _bytes(text):
    return bytes([ord(character) & 0xFF for character in text])


def run(seed, replies, spoil=obd_spoil.structure, each=CAR_REPLIES, bus=None):
    """`replies` spoilt replies in all -> Result. `bus`: see _one_car()."""
    total = Result()
    while total.replies < replies:
        total.add(_one_car(seed, min(each, replies - total.replies), spoil, bus or _adapter))
        seed += 1
    return total


def _adapter(car, chance, spoil, result):
    """-> (a poller, what answers it)"""
    return Obd(SETTINGS), _Spoilt(car, chance, spoil, result)


class _Truth:
    """What is true, and what was: a value counts by the time that it bears."""

    def __init__(self, car):
        self.car = car
        self.epochs = []  # (from when, epoch, its values), newest first
        self._begin(0)

    def _begin(self, now):
        epoch = self.car.epoch
        self.epochs.insert(0, (now, epoch, self.car.true_values(epoch)))
        if len(self.epochs) > EPOCHS_KEPT:
            self.epochs.pop()

    def turn(self, now):
        """The car's values are others from now on."""
        self.car.epoch += 1
        self._begin(now)

    def _at(self, t, age):
        """The epochs that were true within `age` ms before `t`."""
        found = []
        until = t + 1
        for begin, epoch, values in self.epochs:
            if begin <= t and until > t - age:
                found.append((epoch, values))
            until = begin
        return found

    def is_value(self, signal, raw, t, age):
        if signal == signals.BATTERY_VOLTAGE:
            return raw == VOLTAGE
        return any([raw in values.get(signal, ()) for _, values in self._at(t, age)])

    def _ecu(self, name):
        names = self.car.style.names[: self.car.style.ecus]
        return names.index(f"{name:X}") if f"{name:X}" in names else None

    def is_readiness(self, name, number, t, age):
        ecu = self._ecu(name)
        if ecu is None:
            return False
        return any(
            [number == _number(self.car.data(ecu, 1, epoch)) for epoch, _ in self._at(t, age)]
        )

    def is_frame(self, name, code, values):
        ecu = self._ecu(name)
        if ecu is None or code != dtc.codes(FROZEN_CODE, 0)[0]:
            return False
        known = []
        for pid in FROZEN:
            data = self.car.frozen(ecu, pid)
            if data is not None:
                known.extend(pids.values(pid, data, 0, len(data)))
        return all([tuple(value) in known for value in values])

    def has_codes(self, kind, codes, t):
        """Are all of these codes the car's, though they are not all?"""
        known = []
        for epoch, _ in self._at(t, STALE_MS):
            known.extend(self.car.true_codes(_KINDS[kind], epoch))
        return all([code in known for code in codes])

    def is_codes(self, kind, codes, t, age):
        codes = sorted(codes)
        for epoch, _ in self._at(t, age):
            if codes == self.car.true_codes(_KINDS[kind], epoch):
                return True
        return False


def _number(data):
    return data[0] << 24 | data[1] << 16 | data[2] << 8 | data[3]


def _one_car(seed, replies, spoil, bus):
    chance = Chance(seed)
    car = Car(Style(chance))
    result = Result()
    truth = _Truth(car)
    obd, adapter = bus(car, chance, spoil, result)
    now = 0
    turned = 0
    coming = []  # (when, bytes), in order: a line carries one byte after the other
    obd.start(now)
    while result.replies < replies:
        out = obd.poll(now)
        if out:
            if coming:
                adapter.in_step = 0  # the driver is ahead: it took something else for an answer
            for later, data in adapter.command(out):
                before = coming[-1][0] if coming else 0
                coming.append((max(now + later, before), data))
        data = b""
        if coming and coming[0][0] <= now:
            data = coming.pop(0)[1]
        events = obd.take() + obd.feed(data, now)
        for event in events:
            _judge(event, truth, adapter, result)
            if event[0] == "state":
                adapter.is_spoiling = adapter.is_spoiling or event[1] == "polling"
        if result.replies - turned >= EPOCH_REPLIES:
            turned = result.replies
            truth.turn(now)
        wait = obd.wake(now)
        due = coming[0][0] if coming else now + wait
        now = max(now if out else now + 1, min(due, now + wait))
    return result


def _judge(event, truth, adapter, result):
    kind = event[0]
    if kind == "value":
        result.values += 1
        if not adapter.last[1]:
            result.after_clean += 1
    elif kind in ("vin", "dtc", "freeze", "readiness"):
        result.others += 1
    else:
        if kind == "state":
            result.states[event[1]] = result.states.get(event[1], 0) + 1
        return
    if _is_true(event, truth, OLD_MS):
        return
    if _is_true(event, truth, STALE_MS):
        result.stale += 1
        return
    if kind == "dtc" and truth.has_codes(event[1], event[2], event[3]):
        result.incomplete += 1
        return
    result.wrong_count += 1
    if len(result.wrong) < MOST_WRONG:
        result.wrong.append((str(event), adapter.last[1], adapter.last[0], adapter.last[2]))


def _is_true(event, truth, age):
    kind = event[0]
    if kind == "vin":
        return event[1] == VIN
    if kind == "freeze":
        return truth.is_frame(event[1], event[2], event[3])
    if kind == "readiness":
        return truth.is_readiness(event[1], event[2], event[3], age)
    test = truth.is_value if kind == "value" else truth.is_codes
    return test(event[1], event[2], event[3], age)
