"""`patrol obd dtc`: trouble codes by kind, and the one order that changes something: clear them.

The agent's rule holds (agent/obd/services.clear_request): the technician's own words, and an
engine that is known to stand still at that moment.
"""

from agent.obd import services
from tools.obd import words
from tools.obd.talk import TRIES, Clear, ask

SERVICES = {"stored": 0x03, "pending": 0x07, "permanent": 0x0A}
_RPM = 0x0C
_DONE = services.CLEAR + 0x40


def reading(talk):
    """Steps of a Talk -> {kind: [{code, text, ecu}] or None where no ECU knows the service}."""
    result = {}
    for kind, service in SERVICES.items():

        def read(payloads, service=service):
            found = []
            for payload in payloads:
                found += services.trouble_codes(payload, service, talk.can)
            return found

        found = yield from ask(service, b"", read, talk.can)
        rows = [words.code(code, ecu) for ecu in sorted(found) for code in found[ecu]]
        result[kind] = rows if found else None
    return result


def clearing(order, clock):
    """Steps that clear, then read anew; `clock` gives ms.

    -> {"cleared": whether the car said so, "reason": why not, "ecus": [those that did], "dtcs"}
    """

    def steps(talk):
        rpm, age = yield from _engine_speed(clock)
        refusals, done = [], []
        try:
            _, messages, _ = yield Clear(order, rpm, age() if age else None)
        except services.ServiceRefused as e:
            return {"cleared": False, "reason": str(e), "ecus": [], "dtcs": None}
        for ecu, payload, _ in messages:
            refusal = services.negative(payload)
            if payload == bytes((_DONE,)):
                done.append(words.ecu(ecu))
            elif refusal and refusal[0] == services.CLEAR and refusal[1] != services.WAIT:
                refusals.append(f"ECU {words.ecu(ecu)}: {services.nrc_name(refusal[1])}")
        dtcs = yield from reading(talk)
        reason = ", ".join(refusals) or (None if done else "no ECU confirmed it")
        return {"cleared": bool(done and not refusals), "reason": reason, "ecus": done,
                "dtcs": dtcs}  # fmt: skip

    return steps


def _engine_speed(clock):
    """(raw engine speed, the fastest that an ECU says, function that gives its age in ms).

    (None, None) where it is not known: an ECU that has it must not be missing, for the one that
    tells of a running engine may be just that one.
    """
    having = set()
    for _ in range(TRIES):
        found = yield from ask(0x01, b"\0", _bitmap)
        having |= {ecu for ecu in found if found[ecu] >> (32 - _RPM) & 1}
    asked = clock()

    def read(payloads):
        start = services.live(payloads[0], bytes((_RPM,)))[0][1]
        return payloads[0][start] << 8 | payloads[0][start + 1]

    found = yield from ask(0x01, bytes((_RPM,)), read)
    fastest = max(found.values(), default=None)
    if not fastest and having - set(found):
        fastest = None
    return (None, None) if fastest is None else (fastest, lambda: clock() - asked)


def _bitmap(payloads):
    start = services.live(payloads[0], b"\0")[0][1]
    return int.from_bytes(payloads[0][start : start + 4], "big")
