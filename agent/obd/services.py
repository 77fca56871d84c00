"""OBD and UDS services: the one allow-list, requests, and the strict reading of replies.

Requests are SAE J1979 / ISO 15031-5 (services 01..0A) and ISO 14229 (19, 22) as the text an
ELM327 takes, without the carriage return. Replies are ISO-TP payloads (agent/obd/isotp.py); those
of services 02, 06, 09, 19 and 22 are read in freeze.py, monitors.py, vehicle_info.py and uds.py.

The car is read, never written. A request that is not in READ_SERVICES does not come into being:
request() raises before there is a byte to send, and the adapter driver sends nothing to the bus
that did not come from here. Clearing trouble codes (service 04), the one exception, has a function
of its own, which wants the technician's order and an engine that is known to stand still.
"""

from agent.obd import dtc
from agent.obd.pids import LENGTHS, VARIABLE

# service, sub-function (None: any first byte), numbers of data bytes that a request may have
READ_SERVICES = (
    (0x01, None, (1, 2, 3, 4, 5, 6)),  # live data: up to six PIDs on CAN
    (0x02, None, (2, 4, 6)),  # freeze frame: PID and frame number, up to three pairs
    (0x03, None, (0,)),  # stored trouble codes
    (0x06, None, (1, 2, 3, 4, 5, 6)),  # monitor test results
    (0x07, None, (0,)),  # pending trouble codes
    (0x09, None, (1,)),  # vehicle information
    (0x0A, None, (0,)),  # permanent trouble codes
    (0x19, 0x02, (2,)),  # UDS trouble codes by status mask
    (0x19, 0x04, (5,)),  # UDS snapshot of a code: three bytes, record number
    (0x19, 0x06, (5,)),  # UDS extended data of a code: three bytes, record number
    (0x19, 0x0A, (1,)),  # UDS trouble codes that the ECU can have
    (0x22, None, (2, 4, 6)),  # UDS ReadDataByIdentifier: up to three identifiers
)

CLEAR = 0x04
CLEAR_ORDER = "clear trouble codes"  # what whoever orders it has to say
_CLEAR_RPM_AGE_MS = 2000  # an engine speed that is older says nothing about now

NEGATIVE = 0x7F
WAIT = 0x78  # response pending: the ECU has up to five seconds more

VIN_LENGTH = 17


class ServiceRefused(Exception):
    """A request outside the read-only allow-list, or not of a service's form."""


class ReplyError(Exception):
    """A reply that does not fit what was asked; nothing of it is used."""


def request(service, data=b"", frames=0):
    """The text of a read request: request(1, b"\x0c\x0d", 1) -> b"010C0D1".

    `data` holds the bytes after the service. `frames` (1..15) is the number of CAN frames after
    which the adapter may stop waiting; 0 sends no such digit. Raises ServiceRefused.
    """
    data = bytes(data)
    known = False
    for row in READ_SERVICES:
        if row[0] == service:
            known = True
            if len(data) in row[2] and (row[1] is None or data[0] == row[1]):
                break
    else:
        if known:
            raise ServiceRefused("service %02X: not with these %d bytes" % (service, len(data)))
        raise ServiceRefused("service %r is not in the read-only list" % (service,))
    if not 0 <= frames <= 15:
        raise ServiceRefused("%r frames cannot be asked for with one digit" % (frames,))
    text = _text(service, data)
    return text + ("%X" % frames).encode() if frames else text


def clear_request(order, rpm, age):
    """The text of the one request that writes: service 04, clear trouble codes -> b"04".

    `order`: CLEAR_ORDER, as the technician gave it. `rpm`: the raw engine speed (PID 0C) or None
    where it is unknown, `age`: how old that is in ms. Raises ServiceRefused, saying why.
    """
    if order != CLEAR_ORDER:
        raise ServiceRefused("service 04: nobody ordered it")
    if rpm is None or age is None or not 0 <= age <= _CLEAR_RPM_AGE_MS:
        raise ServiceRefused("service 04: the engine's speed is not known")
    if rpm != 0:
        raise ServiceRefused("service 04: the engine runs")
    return _text(CLEAR, b"")


def _text(service, data):
    text = "%02X" % service
    for byte in data:
        text += "%02X" % byte
    return text.encode()


def nrc_name(code):
    """The name of a negative response code."""
    from agent.obd import names  # for people only

    return names.name("N", code) or "code %02X" % code


def negative(payload):
    """(service, code) of a negative response, else None."""
    if len(payload) == 3 and payload[0] == NEGATIVE:
        return payload[1], payload[2]
    return None


def live(payload, asked):
    """Service 01 reply -> list of (pid, index of its first data byte).

    PIDs may come in any order and some may be missing. Every one must have been asked for
    (`asked`: bytes), come once and have the length of the table, and together they must fill
    the message exactly; else ReplyError and no value at all.
    """
    return [(pid, start) for pid, start, _ in parts(payload, asked)]


def parts(payload, asked):
    """As live(), each with its length: -> list of (pid, index of its first data byte, length)."""
    if len(payload) < 3 or payload[0] != 0x41:
        raise ReplyError("not a reply to service 01")
    return split(payload, asked, 1)


def split(payload, asked, gap):
    """Cuts payload[1:] into PIDs -> list of (pid, index of its first data byte, length).

    `gap`: bytes between the PID's own and its data's first, 1 without and 2 with a frame number.
    PIDs of one byte or two are taken as what fits; if two readings fit, none does.
    """
    variable = [pid for pid in VARIABLE if pid in asked and pid in payload]
    if not variable:
        return _cut(payload, asked, gap, 0)
    readings = []
    error = None
    for choice in range(1 << len(variable)):
        twos = 0
        for bit, pid in enumerate(variable):
            if choice >> bit & 1:
                twos |= 1 << pid
        try:
            reading = _cut(payload, asked, gap, twos)
        except ReplyError as e:
            error = error or e
            continue
        if reading not in readings:
            readings.append(reading)
    if not readings:
        raise error
    if len(readings) > 1:
        raise ReplyError("the reply can be read in two ways")
    return readings[0]


def _cut(payload, asked, gap, twos):
    """One reading of a reply; `twos`: bits of PIDs that have two bytes instead of one."""
    size = len(payload)
    found = []
    index = 1
    while index < size:
        pid = payload[index]
        if pid not in asked:
            raise ReplyError("PID %02X was not asked for" % pid)
        for other in found:
            if other[0] == pid:
                raise ReplyError("PID %02X twice" % pid)
        length = LENGTHS[pid]
        if not length:
            raise ReplyError("PID %02X has no known length" % pid)
        length += twos >> pid & 1
        index += gap
        found.append((pid, index, length))
        index += length
    if index != size:
        last = found[-1]
        raise ReplyError("PID %02X with %d bytes" % (last[0], size - last[1]))
    return found


def trouble_codes(payload, service, can=True):
    """Reply to service 03, 07 or 0A -> tuple of code texts. Raises ReplyError.

    On CAN the reply says how many codes follow and must have just that length; on the older
    buses each line carries three codes, padded with zeros (SAE J1979, 6.3).
    """
    if not payload or payload[0] != service + 0x40:
        raise ReplyError("not a reply to service %02X" % service)
    if not can:
        if len(payload) != 7:
            raise ReplyError("%d bytes of trouble codes, not 6" % (len(payload) - 1))
        return dtc.codes(payload, 1)
    if len(payload) < 2 or len(payload) != 2 + 2 * payload[1]:
        raise ReplyError("%d bytes do not hold the announced trouble codes" % len(payload))
    return dtc.codes(payload, 2)


def vin(payload):
    """Reply to service 09 information type 02 -> the 17 characters. Raises ReplyError."""
    if len(payload) < 3 or payload[0] != 0x49 or payload[1] != 0x02 or payload[2] != 1:
        raise ReplyError("not a VIN reply")
    text = payload[3:]
    if len(text) != VIN_LENGTH:
        raise ReplyError("a VIN of %d characters" % len(text))
    for byte in text:
        if not (48 <= byte <= 57 or 65 <= byte <= 90):
            raise ReplyError("a VIN with byte %02X" % byte)
    return text.decode()
