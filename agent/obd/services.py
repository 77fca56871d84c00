"""OBD and UDS services: the one allow-list, requests, and the strict reading of replies.

Requests are SAE J1979 / ISO 15031-5 (services 01..0A) and ISO 14229 (19, 22) as the text an
ELM327 takes, without the carriage return. Replies are ISO-TP payloads (agent/obd/isotp.py).

The car is read, never written. A request for a service that is not in READ_SERVICES does not
come into being: request() raises before there is a byte to send, and the adapter driver sends
nothing to the bus that did not come from here. Clearing trouble codes (service 04), the one
exception by explicit order, gets a function of its own beside request(), not a row here.
"""

from agent.obd import dtc
from agent.obd.pids import LENGTHS

# service, fewest and most data bytes of a request
READ_SERVICES = (
    (0x01, 1, 6),  # live data: up to six PIDs on CAN
    (0x02, 2, 6),  # freeze frame: PID and frame number, up to three pairs
    (0x03, 0, 0),  # stored trouble codes
    (0x06, 1, 6),  # monitor test results
    (0x07, 0, 0),  # pending trouble codes
    (0x09, 1, 1),  # vehicle information
    (0x0A, 0, 0),  # permanent trouble codes
    (0x19, 1, 6),  # UDS ReadDTCInformation
    (0x22, 2, 6),  # UDS ReadDataByIdentifier: up to three identifiers
)

NEGATIVE = 0x7F
WAIT = 0x78

# Negative response codes (ISO 14229-1, annex A.1)
NRC_NAMES = (
    (0x10, "general reject"),
    (0x11, "service not supported"),
    (0x12, "sub-function not supported"),
    (0x13, "incorrect message length or format"),
    (0x14, "response too long"),
    (0x21, "busy, repeat request"),
    (0x22, "conditions not correct"),
    (0x24, "request sequence error"),
    (0x25, "no response from subnet component"),
    (0x26, "failure prevents execution"),
    (0x31, "request out of range"),
    (0x33, "security access denied"),
    (0x35, "invalid key"),
    (0x36, "exceeded number of attempts"),
    (0x37, "required time delay not expired"),
    (0x70, "upload or download not accepted"),
    (0x71, "transfer suspended"),
    (0x72, "general programming failure"),
    (0x73, "wrong block sequence counter"),
    (0x78, "response pending"),
    (0x7E, "sub-function not supported in active session"),
    (0x7F, "service not supported in active session"),
)

VIN_LENGTH = 17


class ServiceRefused(Exception):
    """A request outside the read-only allow-list, or not of a service's form."""


class ReplyError(Exception):
    """A reply that does not fit what was asked; nothing of it is used."""


def request(service, data=b"", frames=0):
    """The text of a read request: request(1, b"\\x0c\\x0d", 1) -> b"010C0D1".

    `data` holds the bytes after the service. `frames` (1..15) is the number of CAN frames after
    which the adapter may stop waiting; 0 sends no such digit. Raises ServiceRefused.
    """
    for row in READ_SERVICES:
        if row[0] == service:
            if not row[1] <= len(data) <= row[2]:
                raise ServiceRefused("service %02X: not with %d data bytes" % (service, len(data)))
            break
    else:
        raise ServiceRefused("service %r is not in the read-only list" % (service,))
    if not 0 <= frames <= 15:
        raise ServiceRefused("%r frames cannot be asked for with one digit" % (frames,))
    text = "%02X" % service
    for byte in bytes(data):
        text += "%02X" % byte
    if frames:
        text += "%X" % frames
    return text.encode()


def nrc_name(code):
    """The name of a negative response code."""
    for row in NRC_NAMES:
        if row[0] == code:
            return row[1]
    return "code %02X" % code


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
    size = len(payload)
    if size < 3 or payload[0] != 0x41:
        raise ReplyError("not a reply to service 01")
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
        index += 1
        found.append((pid, index))
        index += length
    if index != size:
        raise ReplyError("PID %02X with %d bytes" % (found[-1][0], size - found[-1][1]))
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
