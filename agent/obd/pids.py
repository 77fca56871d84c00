"""Services 01 and 02: lengths and fields of PIDs (SAE J1979, ISO 15031-5).

The table is kept readable in tools/obd/pids.py, with its sources; here it is 3 KB of packed
rows (agent/obd/pid_rows.py), because tuples of them would cost an ESP32 ten times as much.

A reply gives values only where its length is the table's. Eight PIDs have one byte or two
(VARIABLE): the second is there on engines with a third or fourth bank, and nothing in the reply
says so but its length. Fields that a car marks as absent, by the support bits in the first byte or
by all ones, give no value.
"""

from struct import unpack_from

from agent.const import const
from agent.obd.pid_rows import FIELDS, HEADS

FAST = 0
MEDIUM = 1
SLOW = 2
DEMAND = 3  # asked only when the configuration names the signal

# PIDs that answer "which of the next 32 are supported", four bytes each
BITMAPS = (0x00, 0x20, 0x40, 0x60, 0x80, 0xA0, 0xC0)
_BITMAP_LENGTH = 4

# Fuel trims of banks 1 and 2, or with a second byte also of banks 3 and 4
VARIABLE = b"\x06\x07\x08\x09\x55\x56\x57\x58"

_ROW = "<BHBBBB"  # pid, signal, first byte, kind, bits, given
_ROW_SIZE = const(7)
# Kind of a field: its number of bytes, and these bits
_SIZE = const(0x0F)
_SIGNED = const(0x10)
_NONE = const(0x20)  # all ones: no value
_SECOND = const(0x40)  # only in the two-byte form of a VARIABLE PID

# Where PIDs 4F and 50 tell another full scale than the usual one, the raw values of these signals
# count in it (SAE J1979, PIDs 4F and 50): signals from, to; index of their maximum; usual maximum
# as num, den of raw; raw value of zero.
_SCALED = (
    (60, 60, 0, 1, 2, 0),  # equivalence ratio, 2
    (108, 115, 0, 1, 2, 0),
    (116, 123, 1, 1, 8, 0),  # oxygen sensor, 8 V
    (124, 131, 2, 1, 128, 32768),  # oxygen sensor, 128 mA
    (30, 30, 3, 10, 255, 0),  # manifold pressure, 255 kPa, told in steps of 10
    (35, 35, 4, 1000, 65535, 0),  # air flow, 655.35 g/s, told in steps of 10
)


def _firsts():
    """Where the fields of each PID begin in FIELDS, two bytes a PID; the end where it has none."""
    table = bytearray(512)
    end = len(FIELDS)
    for pid in range(256):
        table[2 * pid] = end & 0xFF
        table[2 * pid + 1] = end >> 8
    for at in range(end - _ROW_SIZE, -1, -_ROW_SIZE):
        pid = FIELDS[at]
        table[2 * pid] = at & 0xFF
        table[2 * pid + 1] = at >> 8
    return bytes(table)


def _lengths():
    """Data length by PID; 0 where unknown."""
    table = bytearray([head & 0x3F for head in HEADS])
    for pid in BITMAPS:
        table[pid] = _BITMAP_LENGTH
    return bytes(table)


LENGTHS = _lengths()
_FIRSTS = _firsts()


def _fields(pid):
    """Packed rows of a PID, one after the other."""
    at = _FIRSTS[2 * pid] | _FIRSTS[2 * pid + 1] << 8
    end = len(FIELDS)
    while at < end and FIELDS[at] == pid:
        yield unpack_from(_ROW, FIELDS, at)
        at += _ROW_SIZE


def row(pid):
    """(pid, length, tier, fields) of a PID, or None; a field: signal, first byte, bytes, signed,
    bits, given."""
    head = HEADS[pid]
    if not head:
        return None
    fields = []
    for _, signal, at, kind, bits, given in _fields(pid):
        fields.append((signal, at, kind & _SIZE, kind >> 4 & 1, bits, given))
    return pid, head & 0x3F, head >> 6, tuple(fields)


class _Rows:
    """All rows, made one at a time."""

    def __iter__(self):
        for pid in range(256):
            if HEADS[pid]:
                yield row(pid)


PIDS = _Rows()


def of_signal(signal):
    """All PIDs that carry a signal, lowest first."""
    low = signal & 0xFF
    high = signal >> 8
    found = []
    for at in range(0, len(FIELDS), _ROW_SIZE):
        if FIELDS[at + 1] == low and FIELDS[at + 2] == high:
            found.append(FIELDS[at])
    return found


def frames(length):
    """CAN frames that an ISO-TP message of `length` bytes takes (ISO 15765-2)."""
    if length <= 7:
        return 1
    return 1 + length // 7  # six bytes in the first frame, seven in each that follows


def values(pid, data, start, length=0):
    """The signals of one PID's data, which begins at data[start] and is known to be complete.

    `length` is only needed for what the second byte of a VARIABLE PID holds.
    -> list of (signal id, raw integer).
    """
    found = []
    for _, signal, at, kind, bits, given in _fields(pid):
        if (given and data[start] & given != given) or (kind & _SECOND and length < 2):
            continue
        size = kind & _SIZE
        at += start
        raw = data[at]
        for index in range(at + 1, at + size):
            raw = raw << 8 | data[index]
        if kind & _NONE and raw == (1 << 8 * size) - 1:
            continue
        if kind & _SIGNED and raw >> (8 * size - 1):
            raw -= 1 << (8 * size)
        if bits:
            raw &= bits
            while not bits & 1:
                bits >>= 1
                raw >>= 1
        found.append((signal, raw))
    return found


def scaled(signal, raw, limits):
    """A raw value in the signal's own scale, where PIDs 4F and 50 told a full scale.

    `limits`: the four data bytes of PID 4F and the first of PID 50, zero for what is unknown.
    """
    for first, last, index, num, den, zero in _SCALED:
        if first <= signal <= last and limits[index]:
            return (raw - zero) * limits[index] * num // den + zero
    return raw
