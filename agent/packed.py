"""Long tables as a chip's release has them: compressed in sections, looked up without loading them.

    count 2 | offset 3, length of the key 1, key of its first row | ... | sections

A section is what `tables.py` describes, some rows of it, as raw DEFLATE (RFC 1951) with a window of
2^WINDOW bytes; offsets count from the file's beginning. A look-up goes through the head, some
hundred bytes, and then through one section: there is no block of it in RAM, only the window.
`tools/release/pack.py` makes them.
"""

from agent import port
from agent.tables import Table, lines_of

SUFFIX = ".z"
WINDOW = 10


def open_table(path):
    """The Table of a file that a release for chips may have packed, as those that are long."""
    try:
        with open(path, "rb"):
            return Table(path)
    except OSError:
        return Packed(path + SUFFIX)


class Packed(Table):
    """One file. Raises OSError where it is missing, or is no such table."""

    def find(self, key):
        """The rest of the line that begins with `key`, or None."""
        key = key.encode()
        with open(self.path, "rb") as file:
            found = None
            for offset, first in _sections(file):
                if first > key:
                    break
                found = offset
            if found is not None and key:
                file.seek(found)
                for line in lines_of(port.inflated(file, WINDOW)):
                    row, _, rest = line.partition(b" ")
                    if row == key:
                        return rest.decode()
        return None

    def _lines(self):
        with open(self.path, "rb") as file:
            for offset, _ in list(_sections(file)):
                file.seek(offset)
                for line in lines_of(port.inflated(file, WINDOW)):
                    yield line  # noqa: UP028 MicroPython closes no file in yield from


def _sections(file):
    """Generator of (offset, key of the first row)."""
    for _ in range(int.from_bytes(file.read(2), "big")):
        head = file.read(4)
        if len(head) < 4:
            raise OSError("a packed table ends within its head")
        yield int.from_bytes(head[:3], "big"), file.read(head[3])
