"""Unified Diagnostic Services that only read (ISO 14229-1): 22, 19, 3E and session control.

    answer(ecu, request, state, functional) -> list of ecu.Answer

A refusal is 7F, service, code: 11 service, 12 sub-function, 13 length, 22 conditions, 31 unknown,
33 locked. Asked functionally an ECU keeps 11, 12 and 31 to itself. What takes the ECU long is
announced by code 78 and follows later.
"""

from tools.emulator.codes import number

SERVICE, SUB_FUNCTION, LENGTH, CONDITIONS, UNKNOWN, LOCKED, WAIT = (
    0x11, 0x12, 0x13, 0x22, 0x31, 0x33, 0x78,
)  # fmt: skip
_KEPT = (SERVICE, SUB_FUNCTION, UNKNOWN)  # when asked functionally
_AVAILABLE = 0xFF  # status bits that the ECU keeps
_FORMAT = 0x01  # of code numbers: ISO 14229-1
_RECORD = 0x01  # the one snapshot and extended record
_SLOW = 1.2  # s
# Of the emulator's own choice, one for each refusal.
DID_ENGINE_OFF = 0x0100  # only with the engine off
DID_LOCKED = 0x0101
DID_SLOW = 0x0102
_SNAPSHOT_PIDS = (0x04, 0x05, 0x0C, 0x0D)


def refuse(service, code, functional):
    """The payloads of a refusal: one or none."""
    return [] if functional and code in _KEPT else [bytes((0x7F, service, code))]


def identifiers(vin, part, serial, software):
    """The identification of an ECU: identifier -> bytes."""
    return {
        0xF186: b"\x01",  # default session
        0xF187: part,
        0xF18A: b"PV EMULATION",
        0xF18C: serial,
        0xF190: vin,
        0xF191: part + b"-H02",
        0xF194: software,
        0xF195: b"0207",
    }


def answer(ecu, request, functional, state):
    """([(seconds later, payload)], truth rows)."""
    service = _SERVICES.get(request[0])
    if service is None:
        return [(0.0, p) for p in refuse(request[0], SERVICE, functional)], []
    made = service(ecu, request, state)
    if isinstance(made, int):
        return [(0.0, p) for p in refuse(request[0], made, functional)], []
    slow = request[0] == 0x22 and DID_SLOW in _asked(request)
    rows = []
    if request[0] == 0x22 and 0xF190 in _asked(request):
        rows = [{"k": "vin", "vin": ecu.identifiers[0xF190].decode("ascii")}]
    if slow:
        return [(0.0, bytes((0x7F, 0x22, WAIT))), (_SLOW, made)], rows
    return [(0.0, made)], rows


def _asked(request):
    return [request[i] << 8 | request[i + 1] for i in range(1, len(request) - 1, 2)]


def _read(ecu, request, state):
    """22: identifiers, each followed by its data; those that are unknown are left out."""
    if len(request) < 3 or len(request) % 2 == 0:
        return LENGTH
    made = b""
    for did in _asked(request):
        if did == DID_LOCKED:
            return LOCKED
        if did == DID_ENGINE_OFF and state.rpm > 0:
            return CONDITIONS
        data = _identified(ecu, did, state)
        if data is not None:
            made += did.to_bytes(2, "big") + data
    return b"\x62" + made if made else UNKNOWN


def _identified(ecu, did, state):
    if did in (DID_ENGINE_OFF, DID_SLOW):
        return b"\x2a"
    if did >> 8 == 0xF4:  # PIDs of service 01 (SAE J1979-2)
        return ecu.value(did & 0xFF, state)
    return ecu.identifiers.get(did)


def _code_information(ecu, request, state):
    if len(request) < 2:
        return LENGTH
    sub = request[1]
    row = _SUB_FUNCTIONS.get(sub)
    if row is None:
        return SUB_FUNCTION
    length, function = row
    if len(request) != length:
        return LENGTH
    made = function(ecu, request)
    return made if isinstance(made, int) else bytes((0x59, sub)) + made


def _listed(ecu, mask):
    codes = ((code, ecu.memory.status(code)) for code in ecu.memory.codes())
    return [(code, status) for code, status in codes if status & mask]


def _count(ecu, request):
    found = len(_listed(ecu, request[2]))
    return bytes((_AVAILABLE, _FORMAT)) + found.to_bytes(2, "big")


def _by_mask(ecu, request):
    rows = _listed(ecu, request[2])
    return bytes((_AVAILABLE,)) + b"".join(_three(code) + bytes((s,)) for code, s in rows)


def _supported(ecu, request):
    rows = [(code, ecu.memory.status(code)) for code in ecu.known]
    rows += [row for row in _listed(ecu, 0xFF) if row[0] not in ecu.known]
    return bytes((_AVAILABLE,)) + b"".join(_three(code) + bytes((s,)) for code, s in rows)


def _snapshots(ecu, request):
    return b"".join(_three(code) + bytes((_RECORD,)) for code, _ in ecu.memory.frames)


def _snapshot(ecu, request):
    """04: code, status, record number, number of identifiers, then each with its data."""
    code, found = _wanted(ecu, request)
    if code is None:
        return UNKNOWN
    made = _three(code) + bytes((ecu.memory.status(code),))
    state = dict(ecu.memory.frames).get(code)
    if not found or state is None:
        return made  # the code is known, the record is not there
    made += bytes((_RECORD, len(_SNAPSHOT_PIDS)))
    for pid in _SNAPSHOT_PIDS:
        made += bytes((0xF4, pid)) + (ecu.value(pid, state) or b"")
    return made


def _extended(ecu, request):
    """06: code, status, record number, occurrences, ageing counter."""
    code, found = _wanted(ecu, request)
    if code is None:
        return UNKNOWN
    made = _three(code) + bytes((ecu.memory.status(code),))
    return made + bytes((_RECORD, 3, 0)) if found else made


def _wanted(ecu, request):
    """(code or None if unknown, whether the record is the one that there is)."""
    for code in ecu.memory.codes():
        if _three(code) == request[2:5]:
            return code, request[5] in (_RECORD, 0xFF)
    return None, False


def _three(code):
    return number(code) + b"\x00"  # failure type: none


def _tester_present(ecu, request, state):
    return b"\x7e\x00" if request == b"\x3e\x00" else LENGTH if len(request) != 2 else SUB_FUNCTION


def _session(ecu, request, state):
    if len(request) != 2:
        return LENGTH
    # P2 50 ms, P2* 5 s
    return b"\x50\x01\x00\x32\x01\xf4" if request[1] == 1 else SUB_FUNCTION


_SERVICES = {
    0x10: _session,
    0x19: _code_information,
    0x22: _read,
    0x3E: _tester_present,
}
# Sub-function of 19 -> length of the request, function
_SUB_FUNCTIONS = {
    0x01: (3, _count),
    0x02: (3, _by_mask),
    0x03: (2, _snapshots),
    0x04: (6, _snapshot),
    0x06: (6, _extended),
    0x0A: (2, _supported),
}
