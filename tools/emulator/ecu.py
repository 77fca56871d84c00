"""The car's control units: a request's bytes in, the answer's bytes out (SAE J1979, on CAN).

    ecu.answer(request, state, functional) -> Answer(payload, rows) or None (the ECU is silent)

To a functional request (to all ECUs) an ECU that does not know the service says nothing; asked
by its own address it refuses with 7F. A parameter that it does not have is never answered.
`rows` are the truth rows of what the answer says.
"""

from typing import NamedTuple

from tools.emulator.pids import PIDS, bitmap, has_bitmap

_NOT_SUPPORTED = 0x11
_NOT_NOW = 0x22  # conditions not correct
_CLEARED_FREEZE = b"\x00\x00"

# What a transmission answers: status, coolant, engine speed, vehicle speed, OBD standard.
_TRANSMISSION_PIDS = (0x01, 0x05, 0x0C, 0x0D, 0x1C)


class Answer(NamedTuple):
    payload: bytes
    rows: list


class Ecu:
    """One control unit; `infos` is what service 09 tells: type -> list of texts or bytes."""

    def __init__(self, can_id, pids, infos, delay, logged=False):
        self.can_id = can_id  # the id it answers with: 0x7E8, or 0x18DAF110
        self.pids = frozenset(pids)
        self.delay = delay  # seconds later than the engine's answer
        self.stored, self.pending, self.permanent = [], [], []
        self.freeze = None  # State when the first stored code was set
        self._infos = infos
        self._logged = logged  # whether its answers go to the truth log

    def answer(self, request, state, functional):
        if not request:
            return None
        service = _SERVICES.get(request[0])
        if service is None:
            refusal = Answer(bytes((0x7F, request[0], _NOT_SUPPORTED)), [])
            return None if functional else refusal
        answer = service(self, request, state)
        if answer is not None and not self._logged:
            answer = answer._replace(rows=[])
        return answer

    def _value(self, pid, state):
        """Data bytes of one PID, or None if this ECU does not have it."""
        if has_bitmap(self.pids, pid):
            return bitmap(self.pids, pid)
        return PIDS[pid].encode(state, self) if pid in self.pids else None

    def _live(self, request, state):
        payload, rows = b"", []
        for pid in request[1:7]:
            data = self._value(pid, state)
            if data is None:
                continue
            payload += bytes((pid,)) + data
            if pid in PIDS:
                rows.append({"k": "obd", "pid": pid, "value": PIDS[pid].decode(data)})
        return Answer(b"\x41" + payload, rows) if payload else None

    def _freeze_frame(self, request, state):
        if len(request) != 3 or request[2] != 0:
            return None
        pid = request[1]
        if pid == 0x02:
            data = _dtc(self.stored[0]) if self.stored else _CLEARED_FREEZE
        elif has_bitmap(self.pids, pid):
            data = bitmap(self.pids | {0x02}, pid)
        elif self.freeze is not None and self.stored:
            data = self._value(pid, self.freeze)
        else:
            data = None
        return None if data is None else Answer(bytes((0x42, pid, 0)) + data, [])

    def _stored_codes(self, request, state):
        answer = self._codes(0x43, self.stored)
        return answer._replace(rows=[{"k": "dtc", "codes": list(self.stored)}])

    def _pending_codes(self, request, state):
        return self._codes(0x47, self.pending)

    def _permanent_codes(self, request, state):
        return self._codes(0x4A, self.permanent)

    def _codes(self, service, codes):
        return Answer(bytes((service, len(codes))) + b"".join(map(_dtc, codes)), [])

    def _clear(self, request, state):
        if state.rpm > 0:
            return Answer(bytes((0x7F, 0x04, _NOT_NOW)), [])
        self.stored.clear()
        self.pending.clear()
        self.freeze = None
        return Answer(b"\x44", [])

    def _information(self, request, state):
        if len(request) != 2:
            return None
        kind = request[1]
        if kind == 0:
            return Answer(b"\x49\x00" + bitmap(self._infos, 0), [])
        items = self._infos.get(kind)
        if items is None:
            return None
        rows = [{"k": "vin", "vin": items[0].decode("ascii")}] if kind == 0x02 else []
        return Answer(bytes((0x49, kind, len(items))) + b"".join(items), rows)


# Service -> method. 06 and 22 are not there yet.
_SERVICES = {
    0x01: Ecu._live,
    0x02: Ecu._freeze_frame,
    0x03: Ecu._stored_codes,
    0x04: Ecu._clear,
    0x07: Ecu._pending_codes,
    0x09: Ecu._information,
    0x0A: Ecu._permanent_codes,
}


def car_ecus(scenario, vehicle):
    """Engine and transmission of the scenario's car."""
    obd = scenario.obd
    long_ids = obd.protocol in ("7", "9")  # 29-bit
    engine = Ecu(
        0x18DAF110 if long_ids else 0x7E8,
        PIDS,
        {
            0x02: [scenario.car.vin.encode("ascii")],
            0x04: [b"PV1-ENGINE-2.0.7".ljust(16, b"\0")],
            0x06: [bytes.fromhex("1791BC82")],
            0x0A: [b"ECM\0-EngineControl".ljust(20, b"\0")],
        },
        delay=0.0,
        logged=True,
    )
    engine.stored, engine.pending = list(obd.stored), list(obd.pending)
    engine.freeze = vehicle.at(0.0)
    transmission = Ecu(
        0x18DAF118 if long_ids else 0x7E9,
        _TRANSMISSION_PIDS,
        {0x0A: [b"TCM\0-TransmisCtrl".ljust(20, b"\0")]},
        delay=0.004,
    )
    return [engine, transmission]


def _dtc(code):
    """Two bytes of a code such as P0133 (SAE J2012)."""
    return bytes.fromhex(f"{'PCBU'.index(code[0]) << 2 | int(code[1]):X}" + code[2:])
