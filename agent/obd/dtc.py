"""Diagnostic trouble codes: two bytes to text (SAE J2012, ISO 15031-6).

Texts that explain a code belong here as a table of their own, keyed by the code.
"""

_LETTERS = "PCBU"  # powertrain, chassis, body, network: the first two bits


def code(high, low):
    """Two bytes of a code as text: 0x03, 0x01 -> "P0301"."""
    return "%s%d%X%02X" % (_LETTERS[high >> 6], high >> 4 & 3, high & 0x0F, low)


def codes(data, start):
    """All codes of data[start:], two bytes each; 0000 is padding. -> tuple of texts."""
    found = []
    for index in range(start, len(data) - 1, 2):
        if data[index] or data[index + 1]:
            found.append(code(data[index], data[index + 1]))
    return tuple(found)
