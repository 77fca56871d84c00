"""Messages of the buses before CAN as an adapter prints them with headers on (ATH1).

    48 6B 10 41 0C 1A F8 C2       three header bytes, data, check byte

Headers by bus: SAE J1850 PWM 41 6B source, J1850 VPW and ISO 9141-2 48 6B source, ISO 14230-4
10LLLLLL F1 source with the number L of data bytes, or 80 F1 source and that number as a fourth
byte. The check byte is a CRC (SAE J1850) or the sum (ISO 9141-2, ISO 14230-2): a line that has lost
or changed a character does not pass.
"""

from agent.const import const

# Protocols as ATDPN numbers them
_PWM = "1"
_VPW = "2"
_ISO = "3"
_KWP = "45"

_TESTER = const(0xF1)
_FUNCTIONAL = const(0x6B)  # target of answers on J1850 and ISO 9141
# Seven data bytes and the check behind three header bytes; KWP allows more, no OBD answer needs it.
_MOST_DATA = 7
_HEADER = const(3)


def message(data, protocol):
    """(source address, payload) of a line's bytes, or None where header or check do not fit.

    `protocol`: one letter of isotp.LEGACY, or None while it is unknown: then any may fit.
    """
    if len(data) < _HEADER + 2:
        return None
    begin = data[0]
    if begin & 0xC0 == 0x80:
        return _kwp(data) if protocol is None or protocol in _KWP else None
    if data[1] != _FUNCTIONAL or not 1 <= len(data) - _HEADER - 1 <= _MOST_DATA:
        return None
    if begin == 0x41:
        right = protocol in (None, _PWM) and crc(data) == data[-1]
    elif begin == 0x48:
        right = protocol in (None, _VPW) and crc(data) == data[-1]
        right = right or (protocol in (None, _ISO) and total(data) == data[-1])
    else:
        right = False
    return (data[2], data[_HEADER:-1]) if right else None


def _kwp(data):
    length = data[0] & 0x3F
    start = _HEADER
    if not length:
        length = data[_HEADER]
        start += 1
    if data[1] != _TESTER or len(data) != start + length + 1 or not 1 <= length <= _MOST_DATA:
        return None
    return (data[2], data[start:-1]) if total(data) == data[-1] else None


def total(data):
    """The check byte of ISO 9141-2 and ISO 14230-2 over all but the last byte."""
    return sum(data[:-1]) & 0xFF


def crc(data):
    """The check byte of SAE J1850 over all but the last byte: polynomial 1D, ones before, inverted
    after."""
    value = 0xFF
    for index in range(len(data) - 1):
        value ^= data[index]
        for _ in range(8):
            value = (value << 1 ^ 0x1D if value & 0x80 else value << 1) & 0xFF
    return value ^ 0xFF
