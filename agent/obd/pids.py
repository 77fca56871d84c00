"""Service 01 PIDs of SAE J1979 (ISO 15031-5): lengths, fields and how often they are worth asking.

Columns of PIDS: pid, data length in bytes, tier, fields.
A field: signal id (agent/signals.py), first byte, bytes, signed; and where a field is only part
of its bytes or not always there, two columns more: mask (the value is the masked bits, moved
down; 0 = all) and guard (bits of the first data byte that must all be set, else the car has no such
sensor and there is no value).

Left out are PIDs whose reply has more than one length in the field (06..09 on cars with a third
bank answer two bytes: those replies are refused, not guessed at), and fields whose "not used"
code would look like a value (fuel trim beside an oxygen sensor's voltage).
"""

FAST = 0
MEDIUM = 1
SLOW = 2
DEMAND = 3  # asked only when the configuration names the signal

PIDS = (
    (0x01, 4, SLOW, ((20, 0, 1, 0, 0x80, 0), (21, 0, 1, 0, 0x7F, 0))),
    (0x03, 2, DEMAND, ((22, 0, 1, 0),)),
    (0x04, 1, MEDIUM, ((23, 0, 1, 0),)),
    (0x05, 1, SLOW, ((24, 0, 1, 0),)),
    (0x06, 1, DEMAND, ((25, 0, 1, 0),)),
    (0x07, 1, DEMAND, ((26, 0, 1, 0),)),
    (0x08, 1, DEMAND, ((27, 0, 1, 0),)),
    (0x09, 1, DEMAND, ((28, 0, 1, 0),)),
    (0x0A, 1, DEMAND, ((29, 0, 1, 0),)),
    (0x0B, 1, DEMAND, ((30, 0, 1, 0),)),
    (0x0C, 2, FAST, ((31, 0, 2, 0),)),
    (0x0D, 1, FAST, ((32, 0, 1, 0),)),
    (0x0E, 1, DEMAND, ((33, 0, 1, 0),)),
    (0x0F, 1, SLOW, ((34, 0, 1, 0),)),
    (0x10, 2, DEMAND, ((35, 0, 2, 0),)),
    (0x11, 1, MEDIUM, ((36, 0, 1, 0),)),
    (0x12, 1, DEMAND, ((37, 0, 1, 0),)),
    (0x13, 1, DEMAND, ((38, 0, 1, 0),)),
    (0x14, 2, DEMAND, ((100, 0, 1, 0),)),
    (0x15, 2, DEMAND, ((101, 0, 1, 0),)),
    (0x16, 2, DEMAND, ((102, 0, 1, 0),)),
    (0x17, 2, DEMAND, ((103, 0, 1, 0),)),
    (0x18, 2, DEMAND, ((104, 0, 1, 0),)),
    (0x19, 2, DEMAND, ((105, 0, 1, 0),)),
    (0x1A, 2, DEMAND, ((106, 0, 1, 0),)),
    (0x1B, 2, DEMAND, ((107, 0, 1, 0),)),
    (0x1C, 1, DEMAND, ((39, 0, 1, 0),)),
    (0x1D, 1, DEMAND, ((40, 0, 1, 0),)),
    (0x1E, 1, DEMAND, ((41, 0, 1, 0, 0x01, 0),)),
    (0x1F, 2, SLOW, ((42, 0, 2, 0),)),
    (0x21, 2, DEMAND, ((43, 0, 2, 0),)),
    (0x22, 2, DEMAND, ((44, 0, 2, 0),)),
    (0x23, 2, DEMAND, ((45, 0, 2, 0),)),
    (0x24, 4, DEMAND, ((108, 0, 2, 0), (116, 2, 2, 0))),
    (0x25, 4, DEMAND, ((109, 0, 2, 0), (117, 2, 2, 0))),
    (0x26, 4, DEMAND, ((110, 0, 2, 0), (118, 2, 2, 0))),
    (0x27, 4, DEMAND, ((111, 0, 2, 0), (119, 2, 2, 0))),
    (0x28, 4, DEMAND, ((112, 0, 2, 0), (120, 2, 2, 0))),
    (0x29, 4, DEMAND, ((113, 0, 2, 0), (121, 2, 2, 0))),
    (0x2A, 4, DEMAND, ((114, 0, 2, 0), (122, 2, 2, 0))),
    (0x2B, 4, DEMAND, ((115, 0, 2, 0), (123, 2, 2, 0))),
    (0x2C, 1, DEMAND, ((46, 0, 1, 0),)),
    (0x2D, 1, DEMAND, ((47, 0, 1, 0),)),
    (0x2E, 1, DEMAND, ((48, 0, 1, 0),)),
    (0x2F, 1, SLOW, ((49, 0, 1, 0),)),
    (0x30, 1, DEMAND, ((50, 0, 1, 0),)),
    (0x31, 2, DEMAND, ((51, 0, 2, 0),)),
    (0x32, 2, DEMAND, ((52, 0, 2, 1),)),
    (0x33, 1, DEMAND, ((53, 0, 1, 0),)),
    (0x34, 4, DEMAND, ((108, 0, 2, 0), (124, 2, 2, 0))),
    (0x35, 4, DEMAND, ((109, 0, 2, 0), (125, 2, 2, 0))),
    (0x36, 4, DEMAND, ((110, 0, 2, 0), (126, 2, 2, 0))),
    (0x37, 4, DEMAND, ((111, 0, 2, 0), (127, 2, 2, 0))),
    (0x38, 4, DEMAND, ((112, 0, 2, 0), (128, 2, 2, 0))),
    (0x39, 4, DEMAND, ((113, 0, 2, 0), (129, 2, 2, 0))),
    (0x3A, 4, DEMAND, ((114, 0, 2, 0), (130, 2, 2, 0))),
    (0x3B, 4, DEMAND, ((115, 0, 2, 0), (131, 2, 2, 0))),
    (0x3C, 2, DEMAND, ((54, 0, 2, 0),)),
    (0x3D, 2, DEMAND, ((55, 0, 2, 0),)),
    (0x3E, 2, DEMAND, ((56, 0, 2, 0),)),
    (0x3F, 2, DEMAND, ((57, 0, 2, 0),)),
    (0x42, 2, SLOW, ((58, 0, 2, 0),)),
    (0x43, 2, DEMAND, ((59, 0, 2, 0),)),
    (0x44, 2, DEMAND, ((60, 0, 2, 0),)),
    (0x45, 1, DEMAND, ((61, 0, 1, 0),)),
    (0x46, 1, SLOW, ((62, 0, 1, 0),)),
    (0x47, 1, DEMAND, ((63, 0, 1, 0),)),
    (0x48, 1, DEMAND, ((64, 0, 1, 0),)),
    (0x49, 1, DEMAND, ((65, 0, 1, 0),)),
    (0x4A, 1, DEMAND, ((66, 0, 1, 0),)),
    (0x4B, 1, DEMAND, ((67, 0, 1, 0),)),
    (0x4C, 1, DEMAND, ((68, 0, 1, 0),)),
    (0x4D, 2, DEMAND, ((69, 0, 2, 0),)),
    (0x4E, 2, DEMAND, ((70, 0, 2, 0),)),
    (0x50, 4, DEMAND, ((71, 0, 1, 0),)),
    (0x51, 1, DEMAND, ((72, 0, 1, 0),)),
    (0x52, 1, DEMAND, ((73, 0, 1, 0),)),
    (0x53, 2, DEMAND, ((74, 0, 2, 0),)),
    (0x54, 2, DEMAND, ((75, 0, 2, 1),)),
    (0x55, 2, DEMAND, ((76, 0, 1, 0),)),
    (0x56, 2, DEMAND, ((77, 0, 1, 0),)),
    (0x57, 2, DEMAND, ((78, 0, 1, 0),)),
    (0x58, 2, DEMAND, ((79, 0, 1, 0),)),
    (0x59, 2, DEMAND, ((80, 0, 2, 0),)),
    (0x5A, 1, DEMAND, ((81, 0, 1, 0),)),
    (0x5B, 1, DEMAND, ((82, 0, 1, 0),)),
    (0x5C, 1, SLOW, ((83, 0, 1, 0),)),
    (0x5D, 2, DEMAND, ((84, 0, 2, 0),)),
    (0x5E, 2, DEMAND, ((85, 0, 2, 0),)),
    (0x5F, 1, DEMAND, ((86, 0, 1, 0),)),
    (0x61, 1, DEMAND, ((87, 0, 1, 0),)),
    (0x62, 1, DEMAND, ((88, 0, 1, 0),)),
    (0x63, 2, DEMAND, ((89, 0, 2, 0),)),
    (0x64, 5, DEMAND, ((90, 0, 1, 0),)),
    (0x66, 5, DEMAND, ((91, 1, 2, 0, 0, 0x01), (92, 3, 2, 0, 0, 0x02))),
    (0x67, 3, DEMAND, ((93, 1, 1, 0, 0, 0x01), (94, 2, 1, 0, 0, 0x02))),
    (0x8E, 1, DEMAND, ((95, 0, 1, 0),)),
    (0x9D, 4, DEMAND, ((96, 0, 2, 0), (97, 2, 2, 0))),
    (0xA2, 2, DEMAND, ((98, 0, 2, 0),)),
    (0xA6, 4, SLOW, ((99, 0, 4, 0),)),
)

# PIDs that answer "which of the next 32 are supported", four bytes each
BITMAPS = (0x00, 0x20, 0x40, 0x60, 0x80, 0xA0, 0xC0)
BITMAP_LENGTH = 4


def _lengths():
    """Data length by PID; 0 where unknown."""
    table = bytearray(256)
    for row in PIDS:
        table[row[0]] = row[1]
    for pid in BITMAPS:
        table[pid] = BITMAP_LENGTH
    return bytes(table)


def _places():
    """Place of each PID's row in the table; _NOWHERE where it has none."""
    table = bytearray([_NOWHERE] * 256)
    for place in range(len(PIDS)):
        table[PIDS[place][0]] = place
    return bytes(table)


_NOWHERE = 255
LENGTHS = _lengths()
_PLACES = _places()


def row(pid):
    """The table row of a PID, or None."""
    place = _PLACES[pid]
    return None if place == _NOWHERE else PIDS[place]


def of_signal(signal):
    """All PIDs that carry a signal, lowest first."""
    found = []
    for entry in PIDS:
        for field in entry[3]:
            if field[0] == signal:
                found.append(entry[0])
    return found


def frames(length):
    """CAN frames that an ISO-TP message of `length` bytes takes (ISO 15765-2)."""
    if length <= 7:
        return 1
    return 1 + length // 7  # six bytes in the first frame, seven in each that follows


def values(pid, data, start):
    """The signals of one PID's data, which begins at data[start] and is known to be complete.

    -> list of (signal id, raw integer).
    """
    found = []
    for field in PIDS[_PLACES[pid]][3]:
        masked = len(field) > 4
        if masked and data[start] & field[5] != field[5]:
            continue
        at = start + field[1]
        raw = 0
        for index in range(at, at + field[2]):
            raw = raw << 8 | data[index]
        if field[3] and raw >> (8 * field[2] - 1):
            raw -= 1 << (8 * field[2])
        if masked and field[4]:
            mask = field[4]
            raw &= mask
            while not mask & 1:
                mask >>= 1
                raw >>= 1
        found.append((field[0], raw))
    return found
