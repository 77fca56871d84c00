"""Texts from the car, the gateway and the room, fit for a screen and for paper.

They come from outside: an ECU's name may hold anything. A terminal must not be steered by them, a
line must not be turned round by them, and a table must not be blown up.
"""

import unicodedata

from tools.console.language import t

MOST = 200  # characters of one text; a car's longest (a code's meaning) has some 120
_CUT = "…"
_BAD = "�"  # stands where something was that has no place in a text
# Steer a terminal (Cc), turn the direction of a line or hide (Cf), are no characters (Cs, Co, Cn),
# or break a line (Zl, Zp).
_NEVER = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_JOINERS = "\u200c\u200d"  # Arabic and Persian words are written with them
_MAX_MARKS = 3  # marks on one letter, one after the other; no script needs more


def plain(value, most=MOST):
    """Any value as one line without control characters, at most `most` characters long."""
    if value is None:
        return "-"
    text = value if isinstance(value, str) else str(value)
    found = []
    marks = 0
    for c in text[: most * 4]:
        kind = unicodedata.category(c)
        marks = marks + 1 if kind in ("Mn", "Me") else 0
        if marks > _MAX_MARKS:
            continue
        if c in "\t\r\n":
            c = " "
        elif kind in _NEVER and c not in _JOINERS:
            c = _BAD
        found.append(c)
    if len(found) > most or len(text) > most * 4:
        found[most - 1 :] = [_CUT]
    return "".join(found)


def seconds(ms):
    """An age or a span in words: "0.4 s", "12 s", "3 min", "5 h", "2 d"; "-" without one."""
    if not is_number(ms):
        return "-"
    s = ms / 1000
    if s < 9.95:
        return f"{s:.1f} s"
    for most, size, unit in ((120, 1, "s"), (7200, 60, "min"), (172800, 3600, "h")):
        if s < most:
            return f"{s / size:.0f} {unit}"
    return t("%s d", f"{s / 86400:.0f}")


def size(count):
    """Bytes in words: "812 B", "64 KB", "3.1 MB"."""
    if not is_number(count):
        return "-"
    if count < 10_000:
        return f"{count:.0f} B"
    if count < 1_000_000:
        return f"{count / 1000:.0f} KB"
    return f"{count / 1e6:.1f} MB" if count < 1e10 else f"{count / 1e9:.0f} GB"


def is_number(value):
    """A number that can be shown: no bool, no NaN, no infinity."""
    is_one = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_one and abs(value) < 1e15  # NaN compares false
