"""The buses before CAN: messages of at most seven data bytes (SAE J1850, ISO 9141-2, 14230-4).

    messages(number, request, payload)  the messages that carry what the ECU says on CAN
    counted(request)                    the request whose messages this one asks to be counted
    header(number, address, size)       their three header bytes
    check(number, message)              their check byte

`number` is the protocol as ATSP names it.
"""

from typing import NamedTuple


class Timing(NamedTuple):
    """Seconds."""

    byte: float  # on the wire
    between: float  # bytes of the tester's request (P4)
    think: float  # the least from request to answer (P2)
    gap: float  # between two messages of an ECU
    rest: float  # from an answer to the next request (P3)


_ISO = Timing(10 / 10400, 0.005, 0.025, 0.026, 0.055)
TIMINGS = {
    "1": Timing(8 / 41600, 0.0, 0.0, 0.003, 0.0),
    "2": Timing(8 / 10400, 0.0, 0.0, 0.005, 0.0),
    "3": _ISO,
    "4": _ISO,
    "5": _ISO,
}
KEY_WORDS = {"3": (0x08, 0x08), "4": (0x8F, 0xE9), "5": (0x8F, 0xE9)}
# Seconds of the initialization: an address byte at 5 baud and its echo, or the fast one.
INITIALIZATION = {"3": 2.6, "4": 2.6, "5": 0.12}
_CODES = 3  # trouble codes in a message
_INFO = 4  # bytes of vehicle information in a message


def messages(number, request, payload):
    """[bytes]; [] where the service is not known on these buses."""
    service = payload[0]
    if service == 0x7F:
        return _refusal(number, payload)
    if service == 0x41:
        # One parameter a request.
        return [payload] if len(request) == 2 and len(payload) <= 7 else []
    if service in (0x43, 0x47, 0x4A):
        data = payload[2:] or bytes(2)
        size = 2 * _CODES
        parts = [data[i : i + size].ljust(size, b"\0") for i in range(0, len(data), size)]
        return [bytes((service,)) + part for part in parts]
    if service == 0x49:
        return _information(payload)
    if service == 0x46:
        return []  # tests have other ids here; this car has none
    return [payload] if len(payload) <= 7 else []


def _refusal(number, payload):
    if number in ("4", "5"):
        return [payload]
    # There is no general refusal before ISO 14230; service 04 has one of its own.
    return [b"\x7f\x04\x00\x00\x00\x00" + payload[2:]] if payload[1] == 0x04 else []


def counted(request):
    """Service 09: an odd type tells how many messages the even one after it takes; else None."""
    if len(request) == 2 and request[0] == 0x09 and request[1] in (0x01, 0x03, 0x05, 0x07, 0x09):
        return bytes((0x09, request[1] + 1))
    return None


def _information(payload):
    """Numbered from one, four bytes each; what does not fill them is led by zeros."""
    kind = payload[1]
    if kind == 0:
        even = int.from_bytes(payload[2:], "big") & 0x55555555
        return [b"\x49\x00\x01" + (even | even << 1).to_bytes(4, "big")]
    data = payload[3:]
    data = bytes(-len(data) % _INFO) + data
    parts = [data[i : i + _INFO] for i in range(0, len(data), _INFO)]
    return [bytes((0x49, kind, n)) + part for n, part in enumerate(parts, 1)]


def header(number, address, size):
    if number == "1":
        return bytes((0x41, 0x6B, address))
    if number in ("2", "3"):
        return bytes((0x48, 0x6B, address))
    return bytes((0x80 | size, 0xF1, address))


def check(number, message):
    """The byte that follows header and data: a CRC (J1850) or the sum."""
    return _crc(message) if number in ("1", "2") else sum(message) & 0xFF


def _crc(message):
    """SAE J1850: polynomial 1D, all ones before and inverted after."""
    crc = 0xFF
    for byte in message:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x1D if crc & 0x80 else crc << 1) & 0xFF
    return crc ^ 0xFF
