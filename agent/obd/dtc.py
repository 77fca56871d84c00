"""Diagnostic trouble codes: bytes to text (SAE J2012, ISO 15031-6), and what a code means.

The meanings are in dtc_texts.txt beside this file, thousands of rows that are looked up and never
loaded; a maker's own codes (P1, P30..P33, C1, C2, B1, B2, U1, U2 and others) may lie beside it as
dtc_<make>.txt in the same form.
"""

from agent.tables import beside

_LETTERS = "PCBU"  # powertrain, chassis, body, network: the first two bits

# Bits of a code's status (ISO 14229-1, annex D.2), lowest first
STATUS_BITS = (
    "test failed",
    "test failed this operation cycle",
    "pending",
    "confirmed",
    "test not completed since last clear",
    "test failed since last clear",
    "test not completed this operation cycle",
    "warning indicator requested",
)


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


def long_code(data, start):
    """Three bytes of a UDS code as text, the failure type last: 03 01 11 -> "P0301-11"."""
    return "%s-%02X" % (code(data[start], data[start + 1]), data[start + 2])


def number(text):
    """The bytes of a code: "P0301" -> b"\\x03\\x01", "P0301-11" -> b"\\x03\\x01\\x11", or None."""
    letter = _LETTERS.find(text[:1]) if text else -1
    digits = text[1:5]
    tail = text[5:]
    if letter < 0 or len(digits) != 4 or (tail and (len(tail) != 3 or tail[0] != "-")):
        return None
    for character in digits + tail[1:]:
        if character not in "0123456789ABCDEF":
            return None
    if digits[0] > "3":
        return None
    value = letter << 14 | int(digits, 16)
    data = bytes([value >> 8, value & 0xFF])
    return data + bytes([int(tail[1:], 16)]) if tail else data


def text(code, make=None):
    """What a code means, in English, or None: "P0301" -> "Cylinder 1: misfire".

    `make` names a maker's own table ("toyota"), which is asked first. A failure type, as in
    "P0301-11", is left out: failure_type() has it.
    """
    from agent.packed import open_table  # few drives have a code

    code = code[:5]
    for file in ("dtc_%s.txt" % make if make else None, "dtc_texts.txt"):
        if file:
            try:
                found = open_table(beside(__file__, file)).find(code)
            except OSError:
                continue
            if found:
                return found
    return None


def failure_type(code):
    """The failure type of a UDS code: "P0301-11" -> "circuit short to ground"; None without."""
    if len(code) != 8 or code[5] != "-":
        return None
    from agent.obd import names  # for people only

    return names.name("B", int(code[6:], 16))


def status_names(status):
    """The bits that are set in a code's status byte -> tuple of names."""
    return tuple([name for bit, name in enumerate(STATUS_BITS) if status >> bit & 1])
