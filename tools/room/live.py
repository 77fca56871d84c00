"""What the room keeps in memory of sessions and vehicles, so that a frame costs no question to the
store. All of it can be forgotten and is then read again.
"""

from bisect import bisect_right

from agent import port
from agent.comms import hpke
from agent.comms.inbox import MAX_RANGES, WINDOW
from agent.comms.seal import DOWN, UP, FrameBox
from tools.room.intervals import IntervalSet

HOLE_MS = 10000  # a hole so old, while later frames came, is asked for
MAX_AGAIN_MS = 600000  # what does not come is asked for ever more seldom, up to this
# A down number so far behind the newest one is not used: half the window of the vehicle, which may
# have some of the newer ones still under way.
DOWN_STALE = WINDOW // 2
ACK_RATE = 15  # down frames a second and vehicle; the vehicle's inbox refuses more than 20
ACK_BURST = 50  # its burst is 100
MAX_ASKED = 64  # sessions whose open was asked for, remembered so that they are not asked at once
OPEN_AGAIN_MS = 30000  # one session's open is asked for so often
OPEN_ASK_MS = 1000  # and any session's of one vehicle so often
FUTURE_MS = 3600000  # a date so far ahead of the room's own is not believed


def derive(room_key, secret, opening, vehicle):
    """The session's keys from its open. Raises hpke.KeyAgreementError."""
    return hpke.session_keys(
        port.x25519(room_key.private, opening.enc),
        opening.enc,
        room_key.public,
        secret.psk,
        vehicle,
        opening.key_id,
        opening.generation,
        opening.boot,
    )


class LiveSession:
    """A session with its keys, what is held of it, and its part of the down numbers.

    held: ranges of frame numbers; gaps: (first, last); anchors: of `Store.anchors`."""

    def __init__(self, row, keys, held, gaps, anchors):
        self.row = row
        self.keys = keys
        self.up = FrameBox(row.vehicle, row.enc, keys.up_key, keys.up_iv, UP)
        self.down = FrameBox(row.vehicle, row.enc, keys.down_key, keys.down_iv, DOWN)
        self.refresh(held, gaps)
        self.anchors = list(anchors)
        self.focus = None  # number of the last frame that came
        # Uptime less UTC, at least: the car was up before its open came.
        self._lead = -row.opened_ms
        self.knows_uptime = False  # a session may begin in the midst of an agent's life
        self._down_next = self._down_end = 0
        self._holes = {}  # (first, last) -> since when it is there
        self._asked = ()
        self._ask_at = 0
        self._ask_wait = HOLE_MS

    def was_at(self, uptime, received):
        """A record of that uptime was here at that UTC; it may have waited for long."""
        self.knows_uptime = True
        self._lead = max(self._lead, uptime - received)

    def uptime(self, now):
        """The vehicle's uptime in ms, or a little less: never more, so no deadline comes late."""
        return max(0, now + self._lead)

    def refresh(self, held, gaps):
        """What the store says is held, and what is lost for good and never asked for."""
        self.held = IntervalSet(held)
        self.gaps = [tuple(gap) for gap in gaps]

    def down_number(self, store, block):
        """The next number for a down frame; reserved before it is used. Raises StoreError.

        A block that others have left far behind is dropped: the vehicle refuses what is older than
        its window, and would hear nothing of this worker until the block is used up."""
        if self._down_next == self._down_end or (
            store.down_reserved(self.row) - self._down_next > DOWN_STALE
        ):
            self._down_next = store.reserve_down(self.row, block)
            self._down_end = self._down_next + block
        self._down_next += 1
        return self._down_next - 1

    def statement(self):
        return statement_of(self.row.sid, self.held, self.focus)

    def missing(self):
        """The first MAX_RANGES holes that are not reported as lost."""
        found = []
        for first, last in self.held.holes():
            if not any(a <= first and last <= b for a, b in self.gaps):
                found.append((first, last))
                if len(found) == MAX_RANGES:
                    break
        return found

    def look(self, now):
        """Notes since when each hole is there. One that shrinks is being filled: it begins anew."""
        self._holes = {hole: self._holes.get(hole, now) for hole in self.missing()}

    def overdue(self, now):
        """Holes to ask for now."""
        self.look(now)
        due = tuple(hole for hole, since in self._holes.items() if now - since >= HOLE_MS)
        if not due or now < self._ask_at:
            return ()
        self._ask_wait = min(2 * self._ask_wait, MAX_AGAIN_MS) if due == self._asked else HOLE_MS
        self._asked = due
        self._ask_at = now + self._ask_wait
        return due


class LiveVehicle:
    """What is to be sent to a vehicle, and its newest state."""

    def __init__(self, name, current, last):
        self.name = name
        self.current = current  # store row of the session with the highest boot counter, or None
        self.live = None  # sid of the last new frame that came live
        self.last = last
        self.pending = {}  # sid -> store row: to be acknowledged
        self.backlog_ms = None  # when the last new frame of the backlog came
        self._asked = {}  # sid -> when its open was asked for
        self._asked_at = None
        self._tokens = ACK_BURST * 1000
        self._at = None

    def offer(self, row):
        """A session that was opened: the newest by boot counter is the current one."""
        if self.current is None or row.order() >= self.current.order():
            self.current = row

    def may_send(self, now):
        """ms until a down frame may go, 0 for now."""
        if self._at is not None and now > self._at:
            self._tokens = min(ACK_BURST * 1000, self._tokens + (now - self._at) * ACK_RATE)
        self._at = now
        return 0 if self._tokens >= 1000 else -(-(1000 - self._tokens) // ACK_RATE)

    def spend(self):
        self._tokens -= 1000

    def may_ask_open(self, sid, now):
        """True when this session's open may be asked for; it then counts as asked."""
        if self._asked_at is not None and 0 <= now - self._asked_at < OPEN_ASK_MS:
            return False
        if sid in self._asked and 0 <= now - self._asked[sid] < OPEN_AGAIN_MS:
            return False
        self._asked.pop(sid, None)
        if len(self._asked) >= MAX_ASKED:
            del self._asked[next(iter(self._asked))]  # the one asked for longest ago
        self._asked[sid] = self._asked_at = now
        return True


def statement_of(sid, held, focus):
    """[sid, upto, ranges] for an acknowledgement. Where there are too many ranges: the lowest ones,
    and those around the frame `focus`, the last that came: its sender waits for it."""
    ranges = held.above()
    if len(ranges) > MAX_RANGES:
        half = MAX_RANGES // 2
        at = half if focus is None else bisect_right(ranges, [focus + 1])
        start = min(max(half, at - half // 2), len(ranges) - half)
        ranges = ranges[:half] + ranges[start : start + half]
    return [sid, held.upto(), ranges]


def is_newer(row, t, utc, other, other_t, other_utc, now):
    """True when a record of session `row` at uptime `t` is newer than one of session `other`.

    Within a session uptime tells. Across sessions UTC does where both are dated, and not into the
    future; else the boot counters do.
    """
    if row.sid == other.sid:
        return t > other_t
    limit = now + FUTURE_MS
    if utc is not None and other_utc is not None and utc <= limit and other_utc <= limit:
        return utc > other_utc
    return row.order() > other.order()
