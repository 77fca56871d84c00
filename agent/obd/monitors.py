"""Service 06 on CAN: results of the car's own tests (SAE J1979, ISO 15031-5, 7.6).

A monitor (MID) has tests (TID); each tells its last value between a lowest and a highest that pass,
in a unit and scale of its own (UASID). Names and scales are in names.txt: M, T and U.
"""

from agent.const import const
from agent.obd import names
from agent.obd.services import ReplyError

# MIDs that answer "which of the next 32 are supported"
BITMAPS = (0x00, 0x20, 0x40, 0x60, 0x80, 0xA0, 0xC0, 0xE0)

_RECORD = const(9)  # MID, TID, UASID, value, lowest, highest
_SIGNED = const(0x80)  # UASIDs from here on count in two's complement
_MAKER_MID = 0xE1
_MAKER_TID = 0x80


def bitmap(payload, mid):
    """Reply to a request for one bitmap -> its four bytes. Raises ReplyError."""
    if len(payload) != 6 or payload[0] != 0x46 or payload[1] != mid or mid not in BITMAPS:
        raise ReplyError("not the bitmap of MID %02X" % mid)
    return payload[2:]


def results(payload, mid):
    """Reply to a request for one monitor -> list of (tid, uasid, value, lowest, highest).

    The numbers are raw; scale() tells what they count. Raises ReplyError.
    """
    size = len(payload)
    if size < 1 + _RECORD or payload[0] != 0x46 or (size - 1) % _RECORD:
        raise ReplyError("%d bytes are no results of MID %02X" % (size, mid))
    found = []
    for at in range(1, size, _RECORD):
        if payload[at] != mid:
            raise ReplyError("MID %02X was not asked for" % payload[at])
        uasid = payload[at + 2]
        row = [payload[at + 1], uasid]
        for index in (at + 3, at + 5, at + 7):
            raw = payload[index] << 8 | payload[index + 1]
            if uasid >= _SIGNED and raw >> 15:
                raw -= 1 << 16
            row.append(raw)
        for other in found:
            if other[0] == row[0]:
                raise ReplyError("MID %02X has TID %02X twice" % (mid, row[0]))
        found.append(tuple(row))
    return found


def passed(value, lowest, highest):
    """Does a result lie between its limits? They are part of what passes."""
    return lowest <= value <= highest


def scale(uasid):
    """(num, den, add, unit) with value = (raw * num + add) / den, or None for an unknown one."""
    row = names.name("U", uasid)
    if row is None:
        return None
    num, den, add, unit = row.split(" ")
    return int(num), int(den), int(add), "" if unit == "-" else unit


def physical(uasid, raw):
    """A raw result as a float, for display only; None where the scale is unknown."""
    found = scale(uasid)
    return None if found is None else (raw * found[0] + found[2]) / found[1]


def monitor_name(mid):
    """The name of a MID, or None where the standard has none."""
    return "maker's own" if mid >= _MAKER_MID else names.name("M", mid)


def test_name(tid):
    """The name of a TID, or None where the standard has none."""
    return "maker's own" if tid >= _MAKER_TID else names.name("T", tid)
