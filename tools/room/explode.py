"""A frame's plaintext taken apart: records that are plausible, and how many were not.

The frame is authentic, but an agent may have bugs, or be somebody else's: nothing that does not fit
its column gets further than here.
"""

from agent.comms.unbatch import decode
from agent.records import ANCHOR, EVENT, EVENT_CODES, GAP, POSITION, VALUE

_EVENT_NAMES = {code: name for name, code in EVENT_CODES.items()}
_MAX_TIME = 1 << 45  # ms, the year 3084: sums and differences of two still have a calendar date
_MAX_RAW = 1 << 53
_MAX_FIELD = 1 << 31  # altitude in cm, speed in cm/s
_MAX_DEPTH = 4  # lists within lists in an event's field
_MAX_TEXT = 512


def explode(plaintext):
    """(records, refused): the tuples of agent.records; events get plain fields. Raises BatchError
    where the plaintext is no batch at all."""
    records = []
    refused = 0
    for record in decode(plaintext):
        if _CHECKS[record[0]](record):
            records.append(record)
        else:
            refused += 1
    return records, refused


def event_name(code):
    return _EVENT_NAMES.get(code, f"event-{code}")


def event_fields(record):
    """The fields of an EVENT or GAP record as values that JSON can hold."""
    if record[0] == GAP:
        _, _, lane, sid, first, last, reason = record
        return {"lane": lane, "session": sid.hex(), "first": first, "last": last, "reason": reason}
    return [_plain(field, 0) for field in record[3:]]


def _plain(value, depth):
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < _MAX_RAW else str(value)
    if isinstance(value, str):
        return value[:_MAX_TEXT]
    if isinstance(value, bytes):
        return value.hex()[:_MAX_TEXT]
    if isinstance(value, list) and depth < _MAX_DEPTH:
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, float):
        return str(value)  # nan and infinity are no JSON
    return "?"


def _within(value, low, high):
    return isinstance(value, int) and low <= value < high


def _is_time(value):
    return _within(value, 0, _MAX_TIME)


def _is_optional(value, low, high):
    return value is None or _within(value, low, high)


def _check_anchor(record):
    _, t, utc, source, uncertainty = record
    return _is_time(t) and _is_time(utc) and _within(source, 0, 256) and _is_time(uncertainty)


def _check_position(record):
    _, t, lat, lon, alt, speed, heading, sats, flags = record
    return (
        _is_time(t)
        and _within(lat, -90000000, 90000001)
        and _within(lon, -180000000, 180000001)
        and _is_optional(alt, -_MAX_FIELD, _MAX_FIELD)
        and _is_optional(speed, 0, _MAX_FIELD)
        and _is_optional(heading, 0, 36000)
        and _is_optional(sats, 0, 256)
        and _within(flags, 0, 256)
    )


def _check_value(record):
    _, t, signal, raw = record
    return _is_time(t) and _within(signal, 0, 65536) and _within(raw, -_MAX_RAW, _MAX_RAW)


def _check_event(record):
    return _is_time(record[1]) and _within(record[2], 0, 65536)


def _check_gap(record):
    _, t, lane, sid, first, last, reason = record
    return (
        _is_time(t)
        and isinstance(lane, str)
        and isinstance(sid, bytes)
        and len(sid) == 4
        and _within(first, 0, 1 << 32)
        and _within(last, 0, 1 << 32)
        and first <= last
        and isinstance(reason, str)
        and len(lane) + len(reason) <= _MAX_TEXT
    )


_CHECKS = {
    ANCHOR: _check_anchor,
    POSITION: _check_position,
    VALUE: _check_value,
    EVENT: _check_event,
    GAP: _check_gap,
}
