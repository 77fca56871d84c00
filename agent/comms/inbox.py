"""What comes down from the room: checked, opened, and turned into messages.

The broker is not trusted: everything is capped before any cryptography is spent on it, and a frame
counts once. Room workers number their frames from interleaved blocks, so a bitmap window keeps
what was seen instead of a "greater than the last".

What the header alone shows to be none of ours, or to have been here, is refused first: that costs
next to nothing, and a flood of it takes no token from what the room says. All else takes one before
it is opened; so only who makes up headers of this session, with numbers of their own, holds up the
room's word, and that is the broker, who can as well keep it back.
"""

from agent import port
from agent.comms.seal import DOWN, HEADER_SIZE, MAX_FRAME, OVERHEAD, FrameError

WINDOW = 1024  # how far a frame may come behind the newest one
RATE = 20  # frames a second in the long run; an acknowledgement a second is what a room sends
BURST = 100  # a room that comes back acknowledges a backlog in so many frames at most
MAX_SESSIONS = 64  # in one acknowledgement
MAX_RANGES = 64  # in one session's acknowledgement

ACK = 1
AGAIN = 2
OPEN = 3
ORDER = 4
CHUNK = 17  # 16 was meant for an offer of a release, which is an order
_MAX_ORDER_NAME = 24
_MAX_ARGUMENTS = 8  # of an order
_MAX_ORDER_ID = 1 << 31
_MAX_DEADLINE = 1 << 45  # ms of uptime
_UPDATE_ID = 8  # bytes that name a release's order
_MAX_FILES = 256  # of a release, beside its index
_MAX_FILE = 1 << 20  # bytes of one


class ReplayWindow:
    """Accepts each number once, down to WINDOW behind the highest seen."""

    def __init__(self):
        self._top = -1
        self._bits = 0

    def is_fresh(self, number):
        behind = self._top - number
        return behind < 0 or (behind < WINDOW and not self._bits >> behind & 1)

    def mark(self, number):
        if number > self._top:
            shift = min(number - self._top, WINDOW)
            self._bits = (self._bits << shift | 1) & ((1 << WINDOW) - 1)
            self._top = number
        else:
            self._bits |= 1 << (self._top - number)


class Inbox:
    """`take(payload, now)` gives a message or None; what was refused is counted by reason."""

    def __init__(self):
        self._session = None
        self._window = ReplayWindow()
        self._tokens = BURST * 1000
        self._at = 0
        self.counters = {
            "received": 0,
            "size": 0,
            "type": 0,
            "session": 0,
            "replayed": 0,
            "flood": 0,
            "seal": 0,
            "malformed": 0,
        }

    def set_session(self, session):
        """Only frames of this session are opened: those of others are gone with their keys."""
        self._session = session
        self._window = ReplayWindow()

    def take(self, payload, now):
        """("ack", room_utc_ms, [(sid, upto, ranges), ...]), ("again", sid, ranges), ("open", sid),
        ("order", id, deadline, role, name, arguments), ("chunk", order, file, offset, data), or
        None."""
        why = self._why_not(payload)
        if why is not None:
            return self._refuse(why)
        self._tokens = min(BURST * 1000, self._tokens + (now - self._at) * RATE)
        self._at = now
        if self._tokens < 1000:
            return self._refuse("flood")
        self._tokens -= 1000
        try:
            number, plaintext = self._session.open_down(payload)
        except FrameError:
            return self._refuse("seal")
        self._window.mark(number)
        message = parse(plaintext)
        if message is None:
            return self._refuse("malformed")
        self.counters["received"] += 1
        return message

    def _why_not(self, payload):
        """What the header says against it, or None. Nobody vouches for the header yet, but no
        genuine frame would be refused by it: a number counts as seen when its frame has opened."""
        if not OVERHEAD <= len(payload) <= MAX_FRAME:
            return "size"
        if payload[0] != DOWN:
            return "type"
        if payload[1:5] != self._session.sid:
            return "session"
        if not self._window.is_fresh(int.from_bytes(payload[5:HEADER_SIZE], "big")):
            return "replayed"
        return None

    def _refuse(self, why):
        self.counters[why] += 1
        return None


def parse(plaintext):
    """The message in a down frame's plaintext, or None where it is not one."""
    try:
        fields = port.unpackb(plaintext)
    except (ValueError, TypeError):
        return None
    if not isinstance(fields, list) or not fields:
        return None
    if fields[0] == ACK and len(fields) == 3 and isinstance(fields[1], int):
        sessions = _sessions(fields[2])
        return sessions and ("ack", fields[1], sessions)
    if fields[0] == AGAIN and len(fields) == 3 and _is_sid(fields[1]):
        ranges = _ranges(fields[2])
        return None if ranges is None else ("again", fields[1], ranges)
    if fields[0] == OPEN and len(fields) == 2 and _is_sid(fields[1]):
        return ("open", fields[1])
    if fields[0] == ORDER and len(fields) == 6 and _is_order(*fields[1:]):
        return ("order",) + tuple(fields[1:])  # noqa: RUF005 MicroPython has no (x, *y)
    if fields[0] == CHUNK and len(fields) == 5 and _is_chunk(*fields[1:]):
        return ("chunk",) + tuple(fields[1:])  # noqa: RUF005
    return None


def _is_order(id_, deadline, role, name, arguments):
    if not isinstance(id_, int) or not 0 < id_ < _MAX_ORDER_ID:
        return False
    if not isinstance(deadline, int) or not 0 <= deadline < _MAX_DEADLINE:
        return False
    if role not in (0, 1, 2) or not isinstance(name, str) or len(name) > _MAX_ORDER_NAME:
        return False
    if not isinstance(arguments, dict) or len(arguments) > _MAX_ARGUMENTS:
        return False
    return all([isinstance(key, str) for key in arguments])


def _is_chunk(order, file, offset, data):
    """A part of a release; whether it was asked for is for the download to say."""
    if not isinstance(order, bytes) or len(order) != _UPDATE_ID:
        return False
    if not _is_number(file) or file > _MAX_FILES or not _is_number(offset) or offset >= _MAX_FILE:
        return False
    return isinstance(data, bytes) and len(data) > 0


def _is_sid(value):
    return isinstance(value, bytes) and len(value) == 4


def _is_number(value):
    return isinstance(value, int) and 0 <= value < 1 << 32


def _ranges(value):
    if not isinstance(value, list) or len(value) > MAX_RANGES:
        return None
    for item in value:
        if not isinstance(item, list) or len(item) != 2 or not all([_is_number(n) for n in item]):
            return None
        if item[0] > item[1]:
            return None
    return value


def _sessions(value):
    if not isinstance(value, list) or not 0 < len(value) <= MAX_SESSIONS:
        return None
    sessions = []
    for item in value:
        if not isinstance(item, list) or len(item) != 3:
            return None
        sid, upto, ranges = item
        ranges = _ranges(ranges)
        if not _is_sid(sid) or not _is_number(upto) or ranges is None:
            return None
        sessions.append((sid, upto, ranges))
    return sessions
