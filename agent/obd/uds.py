"""UDS reads: services 22 and 19 (ISO 14229-1), replies only; requests go by services.request().

A reply counts only where it echoes sub-function, identifier or trouble code, and where its length
fits. Lengths of identifiers are known for few (names.txt, D); of the others one at a time is read.
"""

from agent.const import const
from agent.obd import dtc, names
from agent.obd.services import ReplyError

BY_STATUS = 0x02
SNAPSHOT = 0x04
EXTENDED = 0x06
SUPPORTED = 0x0A
_ALL_RECORDS = 0xFF

_CODE = const(4)  # bytes of a code in a list: three and its status


def by_status(mask=0x0D):
    """The data of a request for codes by status; usual: failed now, pending, confirmed."""
    return bytes([BY_STATUS, mask])


def snapshot(code, record=_ALL_RECORDS):
    """The data of a request for a code's snapshot ("P0301-11"). ValueError for no such code."""
    return _of_code(SNAPSHOT, code, record)


def extended(code, record=_ALL_RECORDS):
    """The data of a request for a code's extended data. ValueError for no such code."""
    return _of_code(EXTENDED, code, record)


def supported():
    """The data of a request for all codes that the ECU can have."""
    return bytes([SUPPORTED])


def identifier(did):
    """The data of a request for one data identifier."""
    return bytes([did >> 8, did & 0xFF])


def _of_code(function, code, record):
    data = dtc.number(code)
    if data is None or len(data) != 3:
        raise ValueError("%r is no code of three bytes" % (code,))
    return bytes([function]) + data + bytes([record])


def codes(payload, function):
    """Reply to by_status() or supported() -> (availability mask, [(code, status), ...])."""
    if len(payload) < 2 or payload[0] != 0x59 or payload[1] != function:
        raise ReplyError("not a reply to service 19 %02X" % function)
    if len(payload) < 3 or (len(payload) - 3) % _CODE:
        raise ReplyError("%d bytes do not hold trouble codes" % len(payload))
    found = []
    for at in range(3, len(payload), _CODE):
        found.append((dtc.long_code(payload, at), payload[at + 3]))
    return payload[2], found


def record(payload, function, code):
    """Reply to snapshot() or extended() -> (status, what follows it: bytes, b"" for nothing).

    What follows are records; their lengths are the maker's. The first byte is the number of the
    first record; of a snapshot the second counts its identifiers.
    """
    data = dtc.number(code)
    if len(payload) < 6 or payload[0] != 0x59 or payload[1] != function:
        raise ReplyError("not a reply to service 19 %02X" % function)
    if data is None or payload[2:5] != data:
        raise ReplyError("code %s was not asked for" % dtc.long_code(payload, 2))
    return payload[5], payload[6:]


def data_of(payload, did):
    """Reply to a request for one identifier -> its data (bytes). Raises ReplyError."""
    if len(payload) < 4 or payload[0] != 0x62 or payload[1] << 8 | payload[2] != did:
        raise ReplyError("not a reply to identifier %04X" % did)
    data = payload[3:]
    length = length_of(did)
    if length and len(data) != length:
        raise ReplyError("identifier %04X with %d bytes" % (did, len(data)))
    return data


def length_of(did):
    """Data bytes of an identifier; 0 where any number is right or it is unknown."""
    row = names.name("D", did)
    return int(row.split(" ", 1)[0]) if row else 0


def identifier_name(did):
    """The name of a standard identifier, or None."""
    row = names.name("D", did)
    return row.split(" ", 1)[1] if row else None
