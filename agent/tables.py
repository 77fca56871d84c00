"""Tables in files: sorted text, one row a line, looked up without loading it.

    P0300 Random or multiple cylinders: misfire
    P0301 Cylinder 1: misfire

A line is a key, a space and the rest, in ASCII; keys are in ascending order of their characters,
"#" begins a comment. Texts that somebody may want to see cost no RAM so: a look-up is a binary
search by seek, about a dozen reads of BLOCK bytes. A file may be as long as the storage allows.
"""

from agent import port

# One read. It must hold the end of the line it falls into and the whole next one, so that no line
# may be longer than MAX_LINE with its end.
BLOCK = 256
MAX_LINE = 128


def beside(module_file, name):
    """Path of a data file that lies beside a module: beside(__file__, "signals.txt")."""
    folder, slash, _ = module_file.rpartition("/")
    return port.data_folder(folder) + slash + name


class Table:
    """One file. Raises OSError where it is missing."""

    def __init__(self, path):
        self.path = path

    def find(self, key):
        """The rest of the line that begins with `key`, or None."""
        key = key.encode()
        with open(self.path, "rb") as file:
            low = 0
            high = file.seek(0, 2)
            while low < high:
                middle = (low + high) // 2
                start, line = _line_after(file, middle)
                if line is None or start >= high:
                    high = middle
                    continue
                found = line.split(b" ", 1)
                if found[0] == key and key != b"#":
                    return found[1].decode() if len(found) > 1 else ""
                if found[0] < key:
                    low = start + len(line) + 1
                else:
                    high = middle
        return None

    def rows(self, begin=""):
        """All rows in turn, of those keys that begin so -> (key, rest). For tools and searches."""
        begin = begin.encode()
        for line in self._lines():
            if line.startswith(begin) and not line.startswith(b"#"):
                key, _, rest = line.partition(b" ")
                yield key.decode(), rest.decode()

    def where(self, column, text):
        """The columns of the first row with this text in one of them (0 is the key), or None.

        Columns are what spaces part. Reads the file through.
        """
        text = text.encode()
        for line in self._lines():
            if text in line:
                columns = line.split(b" ")
                if len(columns) > column and columns[column] == text and columns[0] != b"#":
                    return [part.decode() for part in columns]
        return None

    def _lines(self):
        with open(self.path, "rb") as file:
            for line in lines_of(file):
                yield line  # noqa: UP028 MicroPython closes no file in yield from


def _line_after(file, at):
    """The first line that begins at or after `at` -> (where it begins, the line), or (at, None)."""
    base = max(0, at - 1)  # a line that begins just there has its predecessor's end before it
    file.seek(base)
    block = file.read(BLOCK)
    begin = block.find(b"\n") + 1 if at else 0
    end = block.find(b"\n", begin)
    if (at and not begin) or end < 0:
        return at, None
    return base + begin, block[begin:end]


def lines_of(file):
    """All lines of a stream, read in blocks: MicroPython's readline() reads byte by byte."""
    rest = b""
    while True:
        block = file.read(BLOCK)
        if not block:
            return
        pieces = (rest + block).split(b"\n")
        rest = pieces.pop()
        for line in pieces:
            yield line
