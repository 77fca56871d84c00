"""What an ELM327 or STN adapter says beside data: the table of replies and their kinds.

Sources: ELM327 data sheet, "Error Messages and Alerts"; the spelling of clones in the field.
"""

from agent.const import const

# Kinds of reaction, mildest first: a reply's kind is that of its worst line.
SILENT = 0
DONE = 1
PROGRESS = 2
NO_DATA = 3
CORRUPT = 4
UNKNOWN = 5
UNSUPPORTED = 6
BUS_ERROR = 7
NO_BUS = 8
OVERFLOW = 9
STOPPED = 10
ALERT = 11
BANNER = 12
RESET = 13
TIMEOUT = 14

# What an adapter says instead of data, each: kind (A is 0), where (= is, ^ starts with, * has),
# text. First match wins. Compared without spaces, dots, colons and noise, as clones differ there.
# One text, as tuples of tuples take 5 KB more of a chip's heap. DATAERROR also stands behind bytes:
# that line is void.
_REPLIES = (
    b"G=?|B=OK|D*NODATA|I*UNABLETOCONNECT|I*NOTCONNECTED|I*BUSINITERROR|C*BUSINIT|C*SEARCHING|"
    b"H*BUSBUSY|H*BUSERROR|H*CANERROR|H*FBERROR|E*DATAERROR|E*RXERROR|J*BUFFERFULL|K*STOPPED|"
    b"N*LVRESET|N*ERR94|H^ERR|L*ACTALERT|L*LPALERT|L^!|M*ELM327|M^STN|"
)
_KIND_0 = const(65)  # A
_IS = const(61)  # =
_STARTS = const(94)  # ^

# The counter of each kind that has one
COUNTED = {
    NO_DATA: "no_data",
    CORRUPT: "corrupt_lines",
    UNKNOWN: "unknown_reply",
    UNSUPPORTED: "unsupported",
    BUS_ERROR: "bus_errors",
    NO_BUS: "no_bus",
    OVERFLOW: "overflows",
    STOPPED: "stopped",
    ALERT: "alerts",
}


def _squeeze(line):
    """A line in upper case without what clones add or leave out."""
    for noise in (b" ", b".", b":", b"\xff"):
        line = line.replace(noise, b"")
    return line.upper()


def classify(line):
    """The kind of a line that is not data."""
    line = _squeeze(line)
    at = 0
    while at < len(_REPLIES):
        end = _REPLIES.find(b"|", at)
        where = _REPLIES[at + 1]
        text = _REPLIES[at + 2 : end]
        if where == _IS:
            is_it = line == text
        elif where == _STARTS:
            is_it = line.startswith(text)
        else:
            is_it = text in line
        if is_it:
            return _REPLIES[at] - _KIND_0
        at = end + 1
    return UNKNOWN


def printable(line):
    """Bytes from the line as printable text, for events."""
    return "".join([chr(byte) for byte in line if 32 <= byte < 127])


# What an adapter runs on; a reading beyond has lost a character.
_MOST_MV = const(36000)
_LEAST_MV = const(6000)


def millivolts(text):
    """The answer to ATRV in mV: "12.4V" -> 12400; None for anything else.

    A lost character must not make another voltage of it: there is a digit behind the point, and the
    adapter could not work with a tenth of it.
    """
    text = text.strip().upper()
    if text.endswith("V"):
        text = text[:-1]
    whole, _, part = text.partition(".")
    if not whole.isdigit() or len(whole) > 2 or not part.isdigit() or len(part) > 3:
        return None
    found = int(whole) * 1000 + int((part + "000")[:3])
    return found if _LEAST_MV <= found <= _MOST_MV else None
