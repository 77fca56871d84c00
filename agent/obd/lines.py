"""Bytes from an adapter cut into lines; its prompt is a line of its own.

The data sheet warns of NUL bytes, and 0xFF is what a glitch on an idle line looks like: both are
left out and counted. Where such a byte took a digit's place, the frame's length betrays it.
"""

# Longest real line: 29-bit header, eight bytes and spaces, 35 characters; banners stay below 60.
MAX_LINE = 96
PROMPT = b">"


class Lines:
    """counters: `noise`, lines with bytes no adapter sends; `overlong`, those beyond MAX_LINE."""

    def __init__(self, counters):
        self.counters = counters
        for key in ("noise", "overlong"):
            counters.setdefault(key, 0)
        self.clear()

    def clear(self):
        """Forgets the line that has begun."""
        self.begun = b""
        self._overlong = False

    def feed(self, data):
        """-> list of lines without blanks at their ends; None for one that was too long."""
        pieces = data.replace(b"\n", b"\r").replace(PROMPT, b"\r>\r").split(b"\r")
        pieces[0] = self.begun + pieces[0]
        self.begun = pieces.pop()
        found = []
        for line in pieces:
            if self._overlong or len(line) > MAX_LINE:
                self._overlong = False
                self.counters["overlong"] += 1
                found.append(None)
            else:
                line = self._clean(line)
                if line:
                    found.append(line)
        if len(self.begun) > MAX_LINE:
            self.begun = b""
            self._overlong = True
        return found

    def _clean(self, line):
        size = len(line)
        line = line.replace(b"\x00", b"").replace(b"\xff", b"")
        if len(line) < size:
            self.counters["noise"] += 1
        return line.strip(b" \t")
