"""Names and scales of what diagnostics number: names.txt beside this file, which lists its groups.

A name is a convenience: where the file is missing there is none, and nothing else changes.
"""

from agent.packed import open_table
from agent.tables import beside

_TABLE = open_table(beside(__file__, "names.txt"))


def name(group, number):
    """The name of a number in a group: name("N", 0x31) -> "request out of range", or None."""
    try:
        return _TABLE.find("%s%02X" % (group, number))
    except OSError:
        return None


def protocol(letter):
    """The name of a bus by the letter that ATDPN has ("6"); None while it is unknown."""
    if letter is None:
        return None
    try:
        return name("P", int(letter, 16)) or "protocol %s" % letter
    except ValueError:
        return "protocol %s" % letter


def group(begin):
    """All names whose key begins so, in order: [(key, name), ...]."""
    try:
        return list(_TABLE.rows(begin))
    except OSError:
        return []
