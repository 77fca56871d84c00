"""CAN frames of diagnostics: their identifiers, what may be sent, and how they travel to the port.

Identifiers are those of ISO 15765-4 (section 10.5): a request to all ECUs goes to 7DF or 18DB33F1,
ECUs answer with 7E8..7EF or 18DAF1xx, and what is meant for one of them goes to 7E0..7E7 or
18DAxxF1. A 29-bit identifier carries EXTENDED, as in Linux, so that 7E8 of 29 bits is not taken
for an ECU's; where an ECU is named (as in isotp.py) it is left out.

Between the machine (can_bus.py) and the port (agent/port/socketcan.py) they are records:

    kind (1 byte), identifier (4, highest first), length (2, highest first), bytes
"""

from agent.const import const
from agent.obd import services

FRAME = 0  # one CAN frame, up to eight bytes
MESSAGE = 1  # a whole ISO-TP message, which the kernel has put together
BEGUN = 2  # the kernel is putting a message of this ECU together
ERROR = 3  # the controller reports an error on the bus; the bytes say which, as text

EXTENDED = 0x80000000
_FUNCTIONAL = const(0x7DF)
_FUNCTIONAL_29 = 0x18DB33F1 | EXTENDED

FRAME_SIZE = 8
# The longest message that is taken, as in isotp.py: the longest standard answer stays below.
MAX_MESSAGE = 512
PADDING = 0x00  # ISO 15765-4: diagnostic frames always have eight bytes
# Flow control (ISO 15765-2, 9.6.5): go on, no limit of frames, no time between them; or: too long
GO_ON = b"\x30\x00\x00"
TOO_LONG = b"\x32\x00\x00"

_HEAD = const(7)


def functional(is_extended):
    """The identifier that asks all ECUs."""
    return _FUNCTIONAL_29 if is_extended else _FUNCTIONAL


def ecu(can_id):
    """The ECU that sends with this identifier, named as in isotp.py: 7E8, 18DAF110; else None."""
    if can_id & EXTENDED:
        can_id ^= EXTENDED
        return can_id if can_id >> 8 == 0x18DAF1 else None
    return can_id if can_id >> 3 == 0x7E8 >> 3 else None


def physical(number):
    """The identifier that reaches one ECU: 7E8 -> 7E0, 18DAF110 -> 18DA10F1."""
    if number >> 8 == 0x18DAF1:
        return 0x18DA00F1 | (number & 0xFF) << 8 | EXTENDED
    return number - 8


def padded(data):
    """A frame of eight bytes."""
    return data + bytes([PADDING] * (FRAME_SIZE - len(data)))


def single(payload):
    """The single frame of a request (ISO 15765-2, 9.6.2); no request has more than seven bytes."""
    return padded(bytes([len(payload)]) + payload)


def is_permitted(can_id, data):
    """May this frame be put on the car's bus? The port asks before it sends.

    Requests of the allow-list in services.py to all ECUs, the clearing of trouble codes (to which
    services.clear_request() has said yes), and flow control to one ECU: nothing else.
    """
    if len(data) != FRAME_SIZE:
        return False
    if can_id in (_FUNCTIONAL, _FUNCTIONAL_29):
        size = data[0]
        if not 1 <= size <= 7 or data != single(data[1 : 1 + size]):
            return False
        if size == 1 and data[1] == services.CLEAR:
            return True
        try:
            services.request(data[1], data[2 : 1 + size])
        except services.ServiceRefused:
            return False
        return True
    to_one = can_id >> 3 == 0x7E0 >> 3 or can_id & ~0xFF00 == 0x18DA00F1 | EXTENDED
    return to_one and data in (padded(GO_ON), padded(TOO_LONG))


def record(kind, can_id, data):
    """One record as bytes."""
    size = len(data)
    head = (kind, can_id >> 24, can_id >> 16 & 0xFF, can_id >> 8 & 0xFF, can_id & 0xFF)
    return bytes(head + (size >> 8, size & 0xFF)) + data


class Records:
    """Cuts a stream into records: feed(data) -> list of (kind, identifier, bytes).

    One that is too long, which no port makes, costs everything that has come.
    """

    def __init__(self):
        self._rest = b""

    def feed(self, data):
        data = self._rest + data
        found = []
        at = 0
        while at + _HEAD <= len(data):
            size = data[at + 5] << 8 | data[at + 6]
            if data[at] > ERROR or size > (FRAME_SIZE if data[at] == FRAME else MAX_MESSAGE):
                self._rest = b""
                return found
            end = at + _HEAD + size
            if end > len(data):
                break
            can_id = data[at + 1] << 24 | data[at + 2] << 16 | data[at + 3] << 8 | data[at + 4]
            found.append((data[at], can_id, data[at + _HEAD : end]))
            at = end
        self._rest = data[at:]
        return found
