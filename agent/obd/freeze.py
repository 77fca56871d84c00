"""Service 02: what the car measured when it stored a trouble code (SAE J1979, ISO 15031-5).

A freeze frame has the PIDs of service 01, each with the number of its frame; only frame 00 is
standard. PID 02 tells which code caused it and comes first: where it is 0000 there is no frame,
and nothing else that the ECU says about it means anything.
"""

from agent.obd import dtc, pids, services

FRAME = 0
TRIGGER = 0x02  # the PID that holds the trouble code
MOST = 3  # PIDs a request on CAN


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
    start = parts(payload, bytes([TRIGGER]))[0][1]
    found = dtc.codes(payload[start : start + 2], 0)
    return found[0] if found else None


def values(payload, asked):
    """Reply to ask(asked) -> list of (signal id, raw integer). Raises ReplyError."""
    found = []
    for pid, start, length in parts(payload, asked):
        found.extend(pids.values(pid, payload, start, length))
    return found
