"""Service 09: what the car and its ECUs are (SAE J1979, ISO 15031-5).

On CAN one message holds everything of an information type: type, number of items, items. On the
older buses an item comes in messages of four bytes, numbered from 1; join() makes one of them.
"""

from agent.const import const
from agent.obd import names
from agent.obd.services import VIN_LENGTH, ReplyError

SUPPORTED = 0x00
VIN = 0x02
CALIBRATIONS = 0x04
VERIFICATIONS = 0x06
SPARK_TRACKING = 0x08
ECU_NAME = 0x0A
COMPRESSION_TRACKING = 0x0B
_SERIAL_NUMBER = 0x0D
_TYPE_APPROVAL = 0x0F

# Bytes of one item, by information type
_SIZES = (
    (VIN, VIN_LENGTH),
    (CALIBRATIONS, 16),
    (VERIFICATIONS, 4),
    (SPARK_TRACKING, 2),
    (ECU_NAME, 20),
    (COMPRESSION_TRACKING, 2),
    (_SERIAL_NUMBER, 17),
    (_TYPE_APPROVAL, 17),
)
_NAME_DASH = const(4)  # "ECM", a zero, then "-" and the long name: ECU name, byte by byte
_OLD_BYTES = const(4)
_OLD_MOST = const(64)  # messages of one reply on the older buses: sixteen calibrations


def bitmap(payload):
    """Reply to type 00 -> the four bytes of supported types. Raises ReplyError.

    The older buses put the number of the message, 1, before them.
    """
    size = len(payload)
    if size not in (6, 7) or payload[:2] != b"\x49\x00" or (size == 7 and payload[2] != 1):
        raise ReplyError("not the bitmap of service 09")
    return payload[size - 4 :]


def items(payload, kind):
    """Reply of one ECU on CAN -> list of its items (bytes). Raises ReplyError."""
    size = _size(kind)
    if len(payload) < 3 or payload[0] != 0x49 or payload[1] != kind:
        raise ReplyError("not a reply to service 09 type %02X" % kind)
    if not payload[2] or len(payload) != 3 + payload[2] * size:
        raise ReplyError("%d bytes are not %d items" % (len(payload) - 3, payload[2]))
    return [payload[at : at + size] for at in range(3, len(payload), size)]


def join(payloads, kind):
    """The messages of an older bus, in order -> a payload as items() takes. Raises ReplyError."""
    size = _size(kind)
    body = b""
    for number, payload in enumerate(payloads):
        if len(payload) != 3 + _OLD_BYTES or payload[0] != 0x49 or payload[1] != kind:
            raise ReplyError("not a reply to service 09 type %02X" % kind)
        if payload[2] != number + 1 or number >= _OLD_MOST:
            raise ReplyError("message %d came as %d" % (number + 1, payload[2]))
        body += payload[3:]
    if kind == VIN:
        body = body.lstrip(b"\x00")
    if not body or len(body) % size:
        raise ReplyError("%d bytes are no items of type %02X" % (len(body), kind))
    return bytes([0x49, kind, len(body) // size]) + body


def vin(payload):
    """Reply to type 02 -> the 17 characters. Raises ReplyError."""
    found = items(payload, VIN)
    if len(found) != 1:
        raise ReplyError("%d VINs" % len(found))
    for byte in found[0]:
        if not (48 <= byte <= 57 or 65 <= byte <= 90):
            raise ReplyError("a VIN with byte %02X" % byte)
    return found[0].decode()


def calibrations(payload):
    """Reply to type 04 -> calibration identifications, texts of up to 16 characters."""
    return [_printable(item) for item in items(payload, CALIBRATIONS)]


def verifications(payload):
    """Reply to type 06 -> calibration verification numbers, eight hexadecimal digits each."""
    return ["%02X%02X%02X%02X" % tuple(item) for item in items(payload, VERIFICATIONS)]


def ecu_name(payload):
    """Reply to type 0A -> (acronym, name): ("ECM", "EngineControl"). Raises ReplyError."""
    found = items(payload, ECU_NAME)
    if len(found) != 1:
        raise ReplyError("%d ECU names" % len(found))
    item = found[0]
    if item[_NAME_DASH : _NAME_DASH + 1] == b"-":
        return _printable(item[:_NAME_DASH]), _printable(item[_NAME_DASH + 1 :])
    return "", _printable(item)


def tracking(payload, kind):
    """Reply to type 08 or 0B: in-use performance -> list of (counter's name, count).

    Counters come in the order of the standard; how many there are is the ECU's choice.
    """
    known = names.group("I%02X" % kind)
    found = []
    for index, item in enumerate(items(payload, kind)):
        label = known[index][1] if index < len(known) else "counter %d" % (index + 1)
        found.append((label, item[0] << 8 | item[1]))
    return found


def _size(kind):
    for row in _SIZES:
        if row[0] == kind:
            return row[1]
    raise ReplyError("type %02X of service 09 has no known length" % kind)


def _printable(data):
    """Text of an item: ASCII, zeros and spaces at its ends left out, other bytes as a dot."""
    text = "".join([chr(byte) if 32 <= byte < 127 else "." for byte in data.strip(b"\x00 ")])
    return text
