"""Sessions for tests: plain ones, whose frames are not sealed, and readers of what is kept."""

from agent import port
from agent.comms.reader import Reader
from agent.comms.seal import parse_open
from agent.records import LANES

_HEADER = 9
_TAG = b"\xa5" * 16


class PlainSession:
    """The shape of `agent.comms.session.Session`; a frame's text is the plaintext itself."""

    def __init__(self, name):
        enc = port.sha256(name.encode())
        self.open_bytes = b"\x10" + enc + b"room" + b"\x00\x01" + b"\x00\x00\x00\x07" + _TAG
        self.sid = parse_open(self.open_bytes).sid
        self.next_number = 0

    def seal(self, plaintext):
        number = self.next_number
        self.next_number += 1
        return number, b"\x11" + self.sid + number.to_bytes(4, "big") + plaintext + _TAG


def text(frame):
    """The plaintext of a PlainSession's frame."""
    return bytes(frame[_HEADER : len(frame) - len(_TAG)])


def frames(journal, lane, live=False):
    """[(sid, number, plaintext)] that a reader of the lane gives, in order."""
    reader = Reader(journal, lane, live)
    found = []
    while True:
        frame = reader.next()
        if frame is None:
            return found
        segment, number, data = frame
        assert data[1:5] == segment.sid and int.from_bytes(data[5:9], "big") == number
        found.append((segment.sid, number, text(data)))


def undelivered(journal):
    """The same of all lanes, the most precious first."""
    return [frame for lane, _ in LANES for frame in frames(journal, lane)]


def numbers(journal, lane):
    """Frame numbers that a reader of the lane gives."""
    return [number for _, number, _ in frames(journal, lane)]
