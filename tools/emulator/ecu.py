"""The car's control units: a request's bytes in, the answers' bytes out (SAE J1979, on CAN).

    ecu.answer(request, state, functional, t) -> [Answer(payload, rows, delay)]; [] is silence

To a functional request (to all ECUs) an ECU that does not know the service says nothing; asked
by its own address it refuses with 7F. A parameter that it does not have is never answered.
`rows` are the truth rows of what the answer says; `delay` is seconds after the ECU's first word.
"""

from typing import NamedTuple

from tools.emulator import codes, monitors, uds
from tools.emulator.codes import number
from tools.emulator.pids import bitmap, has_bitmap
from tools.emulator.pids_more import ENGINES, electric

_MOST_PIDS = 6  # of a request
_MOST_FRAMES = 3  # PIDs of a freeze frame in one request


class Answer(NamedTuple):
    payload: bytes
    rows: list
    delay: float = 0.0


class Ecu:
    """One control unit. `rows`: PID -> row of pids.py; `infos`: what service 09 tells, type ->
    list of bytes; `identifiers`: what UDS service 22 tells; {}: it knows no UDS."""

    def __init__(self, name, address, can_id, rows, infos, memory, delay, engine="petrol"):
        self.name = name
        self.address = address  # on the buses before CAN, and in 29-bit ids
        self.can_id = can_id  # the id it answers with: 0x7E8, or 0x18DAF110
        self.rows = rows
        self.infos = infos
        self.memory = memory
        self.delay = delay  # seconds later than the engine's answer
        self.engine = engine
        self.tests = ()
        self.identifiers = {}
        self.known = ()  # codes that UDS 19 0A tells beside those of the memory
        self.logged = False  # whether its answers go to the truth log
        self.view = None  # function State -> State, where the ECU sees things its own way

    @property
    def stored(self):
        return self.memory.stored

    def answer(self, request, state, functional, t=0.0):
        if not request:
            return []
        self.memory.advance(t)
        state = self.view(state) if self.view else state
        service = _SERVICES.get(request[0])
        if service is not None:
            answer = service(self, request, state)
            if answer is not None and not self.logged:
                answer = answer._replace(rows=[])
            return [] if answer is None else [answer]
        if not self.identifiers:
            return [Answer(p, []) for p in uds.refuse(request[0], uds.SERVICE, functional)]
        payloads, rows = uds.answer(self, request, functional, state)
        rows = rows if self.logged else []
        last = len(payloads) - 1
        return [Answer(p, rows if i == last else [], d) for i, (d, p) in enumerate(payloads)]

    def value(self, pid, state):
        """Data bytes of one PID, or None if this ECU does not have it."""
        if has_bitmap(self.rows, pid):
            return bitmap(self.rows, pid)
        return self.rows[pid].encode(state, self) if pid in self.rows else None

    def _live(self, request, state):
        payload, rows = b"", []
        for pid in request[1 : 1 + _MOST_PIDS]:
            data = self.value(pid, state)
            if data is None:
                continue
            payload += bytes((pid,)) + data
            if pid in self.rows:
                rows.append({"k": "obd", "pid": pid, "value": self.rows[pid].decode(data)})
        return Answer(b"\x41" + payload, rows) if payload else None

    def _freeze_frame(self, request, state):
        """Pairs of PID and frame; frame n belongs to the n-th stored code."""
        pairs = request[1:]
        if not pairs or len(pairs) % 2 or len(pairs) > 2 * _MOST_FRAMES:
            return None
        payload = b""
        for pid, frame in zip(pairs[::2], pairs[1::2], strict=True):
            data = self._frozen(pid, frame)
            if data is not None:
                payload += bytes((pid, frame)) + data
        return Answer(b"\x42" + payload, []) if payload else None

    def _frozen(self, pid, frame):
        frames = self.memory.frames
        known = frame < len(frames)
        if pid == 0x02:  # the code that caused it
            return number(frames[frame][0]) if known else (b"\x00\x00" if frame == 0 else None)
        if not known and frame:
            return None
        # The monitors' status is of now, never of then.
        have = {p for p in self.rows if p not in (0x01, 0x41)} | {0x02}
        if has_bitmap(have, pid):
            return bitmap(have, pid)
        return self.value(pid, frames[frame][1]) if known and pid in have else None

    def _stored_codes(self, request, state):
        answer = self._codes(0x43, self.memory.stored)
        return answer._replace(rows=[{"k": "dtc", "codes": list(self.memory.stored)}])

    def _pending_codes(self, request, state):
        return self._codes(0x47, self.memory.pending)

    def _permanent_codes(self, request, state):
        return self._codes(0x4A, self.memory.permanent)

    def _codes(self, service, found):
        return Answer(bytes((service, len(found))) + b"".join(map(number, found)), [])

    def _clear(self, request, state):
        if state.rpm > 0:
            return Answer(bytes((0x7F, 0x04, uds.CONDITIONS)), [])
        self.memory.clear(self.memory.now)
        return Answer(b"\x44", [])

    def _tests(self, request, state):
        """Up to six bitmaps of monitors, or the results of one monitor."""
        asked, supported = request[1:7], {test.mid for test in self.tests}
        if asked and supported and all(has_bitmap(supported, mid) for mid in asked):
            return Answer(b"\x46" + b"".join(bytes((m,)) + bitmap(supported, m) for m in asked), [])
        if len(asked) != 1:
            return None
        records = monitors.results(self.tests, asked[0], state, self.memory)
        return Answer(b"\x46" + records, []) if records else None

    def _information(self, request, state):
        if len(request) != 2:
            return None
        kind = request[1]
        if kind == 0:
            return Answer(b"\x49\x00" + bitmap(self.infos, 0), [])
        items = self.infos.get(kind)
        if items is None:
            return None
        rows = [{"k": "vin", "vin": items[0].decode("ascii")}] if kind == 0x02 else []
        return Answer(bytes((0x49, kind, len(items))) + b"".join(items), rows)


_SERVICES = {
    0x01: Ecu._live,
    0x02: Ecu._freeze_frame,
    0x03: Ecu._stored_codes,
    0x04: Ecu._clear,
    0x06: Ecu._tests,
    0x07: Ecu._pending_codes,
    0x09: Ecu._information,
    0x0A: Ecu._permanent_codes,
}

# Name -> address, last digit of the 11-bit id, seconds later than the engine, ECU name.
NAMES = {
    "engine": (0x10, 0x7E8, 0.0, b"ECM\0-EngineControl"),
    "transmission": (0x18, 0x7E9, 0.004, b"TCM\0-TransmisCtrl"),
    "hybrid": (0x1A, 0x7EA, 0.006, b"HPCM-HybridPtCtrl"),
    "body": (0x40, 0x7EB, 0.009, b"BCM\0-BodyControl"),
}
# PIDs of the control units beside the engine's.
_PIDS = {
    "transmission": (0x01, 0x05, 0x0C, 0x0D, 0x1C),
    "hybrid": (0x01, 0x0D, 0x1C, 0x42, 0x5B, 0x9A),
    "body": (0x0D, 0x1C, 0x42, 0x46, 0xA6),
}
_CALIBRATIONS = {"engine": b"PV1-ENGINE-2.0.7", "hybrid": b"PV1-HYBRID-1.1.0"}


def car_ecus(scenario, vehicle):
    """The control units of the scenario's car, the engine's first."""
    engine = scenario.car.engine
    names = scenario.obd.ecus or ("engine", "transmission") + ("hybrid",) * (engine == "hybrid")
    ecus = [_made(name, scenario, vehicle) for name in names]
    for ecu in ecus:
        if ecu.name == "engine":
            _as_engine(ecu, scenario)
        elif ecu.name in ("hybrid", "body"):
            _with_uds(ecu, scenario)
    return ecus


def _made(name, scenario, vehicle):
    obd, engine = scenario.obd, scenario.car.engine
    address, short_id, delay, title = NAMES[name]
    can_id = 0x18DAF100 | address if obd.protocol in ("7", "9") else short_id
    own = name == "engine"
    malfunctions, clearings = codes.script(scenario.faults, name)
    memory = codes.Memory(
        vehicle.at,
        obd.stored if own else (),
        obd.pending if own else (),
        malfunctions,
        clearings,
    )
    every = {**ENGINES["hybrid"], **ENGINES[engine]}
    rows = ENGINES[engine] if own else {pid: every[pid] for pid in _PIDS[name]}
    infos = {0x0A: [title.ljust(20, b"\0")]}
    if name in _CALIBRATIONS:
        infos[0x04] = [_CALIBRATIONS[name].ljust(16, b"\0")]
        infos[0x06] = [bytes.fromhex("1791BC82" if own else "0A51C3F7")]
    ecu = Ecu(name, address, can_id, rows, infos, memory, delay, engine)
    ecu.view = electric if engine == "hybrid" else None
    return ecu


def _as_engine(ecu, scenario):
    ecu.logged = True
    ecu.infos[0x02] = [scenario.car.vin.encode("ascii")]
    kind, counters = monitors.in_use(ecu.engine)
    ecu.infos[kind] = counters
    ecu.tests = monitors.TESTS[ecu.engine]
    ecu.known = ("P0133", "P0300", "P0420")
    _with_uds(ecu, scenario)


def _with_uds(ecu, scenario):
    mark = ecu.name[:3].upper().encode()
    ecu.identifiers = uds.identifiers(
        scenario.car.vin.encode("ascii"),
        b"PV-" + mark + b"-1001",
        mark + b"000417",
        mark + b"SW207",
    )
