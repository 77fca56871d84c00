"""A control unit's memory of trouble codes: what it holds at a moment, and why.

    memory.advance(t)      to second t of the scenario; then
    memory.pending, memory.stored, memory.permanent    codes such as "P0133"
    memory.frames          [(code, State)], the freeze frame of each stored code
    memory.clear(t)        service 04

A malfunction is a fault row (`car`/`dtc`): its code is pending at once and stored, with a freeze
frame and the lamp (MIL), when it has lasted `confirm` seconds; as long as it lasts it is pending
as well. After a clearing one that goes on comes back. A permanent code stays through a clearing.
"""

from typing import NamedTuple

_RELAPSE = 5.0  # s from a clearing until a malfunction that goes on is found again
_WARM_UPS = 61  # since codes were cleared, for a car that nobody has cleared in the scenario
_CLEARED_KM = 81000.0
_CLEARED_MIN = 5120.0
# Bits of a code's status (ISO 14229-1, annex D.2)
_FAILED, _FAILED_CYCLE, _PENDING, _CONFIRMED = 0x01, 0x02, 0x04, 0x08
_FAILED_SINCE_CLEAR, _LAMP = 0x20, 0x80


class Malfunction(NamedTuple):
    code: str
    at: float
    end: float
    confirm: float  # seconds from pending to stored
    permanent: bool


class Memory:
    """`stored` and `pending`: codes from before the scenario. `clearings`: seconds at which
    somebody else clears (or takes the battery off)."""

    def __init__(self, state_at, stored=(), pending=(), malfunctions=(), clearings=()):
        self._state_at = state_at
        self._old, self._old_pending = list(stored), list(pending)
        self._malfunctions = tuple(malfunctions)
        self._clearings = sorted(clearings)
        self._kept = []  # permanent codes of before the last clearing
        self._frames = {}  # (code, second) -> State
        self.now = 0.0
        self.cleared = None  # second of the last clearing
        self._refresh()

    def advance(self, t):
        """To second t; an earlier one than before changes nothing."""
        while self._clearings and self._clearings[0] <= t:
            at = self._clearings.pop(0)
            self.now = max(self.now, at)
            self._refresh()
            self.clear(at)
        self.now = max(self.now, t)
        self._refresh()

    def clear(self, t):
        self._kept = list(self.permanent)
        self._old, self._old_pending = [], []
        self.cleared = t
        self._refresh()

    @property
    def lamp(self):
        return bool(self.stored)

    def since_clear(self):
        """Seconds since the last clearing; None: none in this scenario."""
        return None if self.cleared is None else self.now - self.cleared

    def status(self, code):
        """The UDS status byte of a code; 0 if it is unknown."""
        made = 0
        if code in self.pending:
            made |= _PENDING | _FAILED_SINCE_CLEAR | _FAILED_CYCLE
        if code in self.stored:
            made |= _CONFIRMED | _FAILED_SINCE_CLEAR | _LAMP
        if any(m.code == code and self._begin(m) is not None and self.now < m.end
               for m in self._malfunctions):  # fmt: skip
            made |= _FAILED
        return made

    def codes(self):
        """All codes with a status, stored ones first."""
        return self.stored + [code for code in self.pending if code not in self.stored]

    # -- what service 01 tells of the memory: functions of a State

    def mil_km(self, state):
        return state.odometer - self._state_at(self._lamp_since).odometer if self.lamp else 0

    def mil_minutes(self, state):
        return (self.now - self._lamp_since) / 60 if self.lamp else 0

    def cleared_km(self, state):
        if self.cleared is None:
            return state.odometer - _CLEARED_KM
        return state.odometer - self._state_at(self.cleared).odometer

    def cleared_minutes(self, state):
        return _CLEARED_MIN + self.now / 60 if self.cleared is None else self.since_clear() / 60

    def warm_ups(self, state):
        return _WARM_UPS if self.cleared is None else 0

    # -- how it comes about

    def _begin(self, malfunction):
        """Second at which it was found (again), or None."""
        begin = malfunction.at
        if self.cleared is not None and self.cleared >= begin:
            begin = self.cleared + _RELAPSE
        return begin if begin <= self.now and begin < malfunction.end else None

    def _refresh(self):
        stored = [(0.0, code) for code in self._old]
        pending = list(self._old_pending)
        self.permanent = list(self._kept)
        for malfunction in self._malfunctions:
            begin = self._begin(malfunction)
            if begin is None:
                continue
            at = begin + malfunction.confirm
            confirmed = at <= self.now and at < malfunction.end
            if malfunction.code not in pending and (self.now < malfunction.end or not confirmed):
                pending.append(malfunction.code)
            if confirmed and malfunction.code not in (code for _, code in stored):
                stored.append((at, malfunction.code))
                if malfunction.permanent and malfunction.code not in self.permanent:
                    self.permanent.append(malfunction.code)
        stored.sort(key=lambda row: row[0])
        self.pending, self.stored = pending, [code for _, code in stored]
        self.frames = [(code, self._frame(code, at)) for at, code in stored]
        self._lamp_since = stored[0][0] if stored else 0.0

    def _frame(self, code, at):
        if (code, at) not in self._frames:
            self._frames[code, at] = self._state_at(at)
        return self._frames[code, at]


def script(faults, ecu):
    """(malfunctions, clearings) of the fault script for the control unit of that name."""
    malfunctions = []
    for row in faults.begins("car", "dtc"):
        values = row.values
        if values["ecu"] == ecu:
            end = row.at + row.length if row.length else float("inf")
            malfunctions.append(
                Malfunction(values["code"], row.at, end, values["confirm"], values["permanent"])
            )
    return malfunctions, [row.at for row in faults.begins("car", "cleared")]


def number(code):
    """Two bytes of a code such as P0133 (SAE J2012)."""
    return bytes.fromhex(f"{'PCBU'.index(code[0]) << 2 | int(code[1]):X}" + code[2:])
