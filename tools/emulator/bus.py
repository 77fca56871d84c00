"""The car's diagnostic bus: a request in, what the control units put on the wire out, on time.

    bus.ask(data, start, settings, number) -> [Arrival], in the order of coming

`number` is the protocol as ATSP names it. On CAN an Arrival is one frame of eight bytes (ISO
15765-2, -4); before CAN it is one message with its three header bytes and its check byte (SAE
J1850, ISO 9141-2, ISO 14230-4). Times are scenario seconds at which the last bit has passed.
"""

from typing import NamedTuple

from tools.emulator import legacy
from tools.emulator.isotp import segment

_FLOW_CONTROL = 0.0015  # s from a first frame to the first consecutive one
_FRAME_GAP = {"6": 0.0005, "7": 0.0005, "8": 0.001, "9": 0.001}  # s, no separation time asked for
_FUNCTIONAL = (0x7DF, 0x18DB33F1)
_OTHER_TESTER = 0.002  # s before the engine's answer: a reply that another tester asked for


class Arrival(NamedTuple):
    at: float
    order: int
    header: bytes  # CAN id (two or four bytes) or three header bytes
    frame: bytes
    rows: tuple = ()


class Bus:
    def __init__(self, scenario, ecus, state_at, rng):
        self._obd, self._faults = scenario.obd, scenario.faults
        self._ecus, self._state_at, self._random = ecus, state_at, rng
        self._quiet = 0.0  # when the last message before CAN had passed

    def awake(self, t):
        """Are there ECUs that answer?"""
        cranking = self._faults.active("car", "cranking", t)
        dead = cranking or self._faults.active("obd", "no-data", t)
        return not dead and self._state_at(t).ignition

    def ask(self, data, start, settings, number):
        if number in legacy.TIMINGS:
            return self._ask_legacy(data, start, settings, number)
        return self._ask_can(data, start, settings, number)

    def _answers(self, ecu, data, at, functional):
        """[(seconds later, payload, rows)] of one ECU that begins to answer at `at`."""
        if not self.awake(at):
            return []
        made = [
            (a.delay, a.payload, a.rows)
            for a in ecu.answer(data, self._state_at(at), functional, at)
        ]
        wait = self._faults.active("obd", "pending", at)
        if wait is None or not made:
            return made
        later = [(delay + wait.values["wait"], p, rows) for delay, p, rows in made]
        return [(0.0, bytes((0x7F, data[0], 0x78)), ())] + later

    def _first_word(self, ecu, start, least=0.0):
        slow = self._faults.active("obd", "slow", start)
        at = start + max(self._obd.latency, least) + ecu.delay
        at += self._random.uniform(0, self._obd.jitter)
        return at + (slow.values["seconds"] if slow else 0.0)

    # -- CAN

    def _ask_can(self, data, start, settings, number):
        target = can_target(settings, number)
        arrivals = []
        for ecu in self._ecus:
            at = self._first_word(ecu, start)
            if not _addressed(ecu.can_id, target):
                continue
            for delay, payload, rows in self._answers(ecu, data, at, target in _FUNCTIONAL):
                frames = segment(payload, self._obd.padding)
                self._send(arrivals, ecu.can_id, frames, at + delay, settings, number, rows)
        self._add_foreign(arrivals, start)
        arrivals = [a for a in arrivals if _passes(a.header, settings)]
        return sorted(arrivals, key=lambda a: (a.at, a.order))

    def _send(self, arrivals, can_id, frames, at, settings, number, rows):
        gap = max(_FRAME_GAP[number], separation(settings))
        for i, frame in enumerate(frames):
            if i and not _flow_control_reaches(can_id, settings):
                return  # the ECU waits for it in vain
            last = i + 1 == len(frames)
            arrivals.append(
                Arrival(at, len(arrivals), id_bytes(can_id), frame, tuple(rows) if last else ())
            )
            at += gap if i else max(_FLOW_CONTROL, gap if separation(settings) else 0.0)

    def _add_foreign(self, arrivals, start):
        row = self._faults.active("obd", "foreign", start)
        if row is None or self._random.random() >= row.values["rate"] or not self._ecus:
            return
        can_id = int(row.values["id"] or "0", 16) or self._ecus[0].can_id
        at = start + max(0.0, self._obd.latency - _OTHER_TESTER)
        frame = bytes.fromhex(row.values["data"]).ljust(8, bytes((self._obd.padding,)))
        arrivals.append(Arrival(at, len(arrivals), id_bytes(can_id), frame[:8]))

    # -- before CAN

    def _ask_legacy(self, data, start, settings, number):
        timing = legacy.TIMINGS[number]
        at = max(start, self._quiet + timing.rest)
        at += (len(data) + 4) * (timing.byte + timing.between)
        target = None if settings.header is None else settings.header >> 8 & 0xFF
        functional = target in (None, 0x6A, 0x33)
        arrivals = []
        for ecu in sorted(self._ecus, key=lambda e: e.delay):
            if not functional and target != ecu.address:
                continue
            at = self._first_word(ecu, at, timing.think)
            inner = legacy.counted(data)
            for delay, payload, rows in self._answers(ecu, inner or data, at, functional):
                at += delay
                messages = legacy.messages(number, data, payload)
                if inner:
                    messages, rows = [bytes((0x49, data[1], len(messages)))], ()
                for i, message in enumerate(messages):
                    header = legacy.header(number, ecu.address, len(message))
                    at += (len(message) + 4) * timing.byte
                    last = i + 1 == len(messages)
                    arrivals.append(
                        Arrival(at, len(arrivals), header, message, tuple(rows) if last else ())
                    )
                    at += timing.gap
        if arrivals:
            self._quiet = arrivals[-1].at
        return arrivals


def id_bytes(can_id):
    return can_id.to_bytes(2 if can_id <= 0x7FF else 4, "big")


def id_text(header):
    """7E8, or 18DAF110."""
    return header.hex().upper()[1:] if len(header) == 2 else header.hex().upper()


def can_target(settings, number):
    """The CAN id of a request: ATSH and, with 29 bits, ATCP for the highest five."""
    if number in ("6", "8"):
        return 0x7DF if settings.header is None else settings.header & 0x7FF
    if settings.header is not None and settings.header > 0xFFFFFF:
        return settings.header & 0x1FFFFFFF
    low = 0xDB33F1 if settings.header is None else settings.header
    return (settings.priority & 0x1F) << 24 | low


def _addressed(can_id, target):
    """7E0 asks 7E8; with 29 bits 18DA10F1 asks 18DAF110."""
    if target in _FUNCTIONAL:
        return (can_id <= 0x7FF) == (target <= 0x7FF)
    if can_id <= 0x7FF:
        return target + 8 == can_id
    return target == 0x18DA00F1 | (can_id & 0xFF) << 8


def _passes(header, settings):
    """ATCRA; else ATCF and ATCM; else the ids that answer to this tester."""
    name = id_text(header)
    if settings.receive is not None:
        return len(settings.receive) == len(name) and all(
            w in ("X", n) for w, n in zip(settings.receive, name, strict=True)
        )
    can_id = int.from_bytes(header, "big")
    if settings.filter is not None or settings.mask is not None:
        mask = 0x1FFFFFFF if settings.mask is None else settings.mask
        return can_id & mask == (settings.filter or 0) & mask
    return can_id >> 3 == 0x7E8 >> 3 or can_id >> 8 == 0x18DAF1


def _flow_control_reaches(can_id, settings):
    """Whether an ECU gets a flow control that it takes for its own."""
    if not settings.flow_control:
        return False
    if settings.flow_mode != 1:
        return True
    return _addressed(can_id, settings.flow_header) and settings.flow_header not in _FUNCTIONAL


def separation(settings):
    """Seconds between consecutive frames that the flow control asks for (ISO 15765-2)."""
    data = settings.flow_data if settings.flow_mode else b""
    if len(data) < 3:
        return 0.0
    if data[2] <= 0x7F:
        return data[2] / 1000
    return (data[2] - 0xF0) / 10000 if 0xF1 <= data[2] <= 0xF9 else 0.127
