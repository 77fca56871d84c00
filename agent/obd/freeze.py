"""Service 02: what the car measured when it stored a trouble code (SAE J1979, ISO 15031-5).

A freeze frame has the PIDs of service 01, each with the number of its frame; only frame 00 is
standard. PID 02 tells which code caused it and comes first: where it is 0000 there is no frame,
and nothing else that the ECU says about it means anything.
"""

from agent.const import const
from agent.obd import dtc, pids, services

FRAME = 0
_TRIGGER = 0x02  # the PID that holds the trouble code
MOST = 3  # PIDs a request on CAN
_TRIES = const(4)  # times that a question is put, until an answer has come twice


def ask(asked):
    """The data of a request for up to three PIDs (bytes) of frame 00."""
    return b"".join([bytes([pid, FRAME]) for pid in asked])


def parts(payload, asked):
    """Reply to ask(asked) -> list of (pid, index of its first data byte, length).

    As strict as services.live(): every PID asked for, once, of frame 00, with its length, and
    together exactly the message. Raises services.ReplyError.
    """
    if len(payload) < 4 or payload[0] != 0x42:
        raise services.ReplyError("not a reply to service 02")
    found = services.split(payload, asked, 2)
    for pid, start, _ in found:
        if payload[start - 1] != FRAME:
            raise services.ReplyError("PID %02X of frame %02X" % (pid, payload[start - 1]))
    return found


def trigger(payload):
    """Reply to ask(b"\\x02") -> the trouble code, or None: no frame. Raises ReplyError."""
    start = parts(payload, bytes([_TRIGGER]))[0][1]
    found = dtc.codes(payload[start : start + 2], 0)
    return found[0] if found else None


def values(payload, asked):
    """Reply to ask(asked) -> list of (signal id, raw integer). Raises ReplyError."""
    found = []
    for pid, start, length in parts(payload, asked):
        found.extend(pids.values(pid, payload, start, length))
    return found


def capture(ecus, most=MOST):
    """Reads the freeze frames of these ECUs, as a generator: it yields (service, data) and is sent
    the answer's messages (isotp.py) -> [(ecu, code, [(signal id, raw), ...]), ...] at its end.

    `most`: PIDs a request; before CAN it is one. An ECU whose frame cannot be read whole is left
    out: half a picture misleads.
    """
    found = []
    for ecu in sorted(ecus):
        try:
            code = trigger((yield from _answer(bytes([_TRIGGER]), ecu)))
        except services.ReplyError:
            continue
        if code is not None:
            have = yield from _supported(ecu)
            values_of = None if have is None else (yield from _values_of(ecu, have, most))
            if values_of is not None:
                found.append((ecu, code, values_of))
    return found


def _answer(asked, ecu):
    """-> an ECU's answer to ask(asked) that came twice the same, or b"".

    A freeze frame does not change. What the line makes of two ECUs' answers once (characters lost
    from one into the other) it does not make again.
    """
    last = None
    for _ in range(_TRIES):
        payload = _of((yield 0x02, ask(asked)), ecu)
        if payload and payload == last:
            return payload
        last = payload
    return b""


def _supported(ecu):
    """-> the PIDs of an ECU's freeze frame that have signals, or None."""
    have = []
    for base in pids.BITMAPS:
        if base and base not in have:
            break
        payload = yield from _answer(bytes([base]), ecu)
        try:
            start = parts(payload, bytes([base]))[0][1]
        except services.ReplyError:
            return None
        for index in range(32):
            if payload[start + (index >> 3)] & 0x80 >> (index & 7):
                have.append(base + 1 + index)
    usable = []
    for pid in have:
        row = pids.row(pid)
        if pid not in pids.BITMAPS and row is not None and row[3]:
            usable.append(pid)
    return usable


def _values_of(ecu, have, most):
    """-> the values of these PIDs, or None."""
    found = []
    for at in range(0, len(have), most):
        asked = bytes(have[at : at + most])
        payload = yield from _answer(asked, ecu)
        try:
            found.extend(values(payload, asked))
        except services.ReplyError:
            # Some ECUs take one PID a request here.
            for pid in asked:
                payload = yield from _answer(bytes([pid]), ecu)
                try:
                    found.extend(values(payload, bytes([pid])))
                except services.ReplyError:
                    return None
    return found


def _of(messages, ecu):
    for message in messages:
        if message[0] == ecu and services.negative(message[1]) is None:
            return message[1]
    return b""
