"""What the journal had to give up, until the room knows: bounded, and never claiming too much.

A gap waits to be taken, is told in a frame, and is done when the room has acknowledged that frame.
Done ones stay a while, so that a restart does not find the same hole again.
"""

from agent.records import ANY_LANE

MAX_GAPS = 32  # beyond that neighbours of a lane are merged
# States, a gap's last field; else it is the (sid, number) of the frame in which it was told.
WAITS = None
TAKEN = 1
DONE = 2


class Gaps:
    """`rows`: [lane, sid, first, last, reason, count, state].

    `counters`: the journal's; frames are counted there."""

    def __init__(self, counters):
        self.rows = []
        self._counters = counters

    def add(self, lane, sid, span, reason, holds_between):
        """`span`: (first, last, count) of frames that are in no segment any more.

        `holds_between(lane, sid, first, last)` tells whether frames of the lane in that span are
        still to be delivered: a gap must not span those while there is room for another."""
        first, last, count = span
        # Of a cut session it is only known that the numbers are not here: the room may hold some.
        self._counters["frames_cut" if lane == ANY_LANE else "frames_lost"] += count
        fresh = [lane, sid, first, last, reason, count, WAITS]
        for gap in self.rows:
            if gap[0] != lane or gap[1] != sid or gap[4] != reason or gap[6] is not WAITS:
                continue
            if not holds_between(lane, sid, min(gap[2], first), max(gap[3], last)):
                _join(gap, fresh)
                return
        self.rows.append(fresh)
        while len(self.rows) > MAX_GAPS:
            self._shorten()

    def _shorten(self):
        """One row less: first what is done; then two of one session become one that claims too
        much, for what it claims is lost only as far as it has not arrived."""
        for gap in self.rows:
            if gap[6] == DONE:
                self.rows.remove(gap)
                return
        for alike in ((0, 1, 4), (1,)):  # of one lane and reason, else of any
            for i, gap in enumerate(self.rows):
                for other in self.rows[i + 1 :]:
                    if all([gap[k] == other[k] for k in alike]):
                        _join(gap, other)
                        self.rows.remove(other)
                        return
        self.rows.pop(0)
        self._counters["gaps_forgotten"] += 1

    def take(self):
        """[lane, sid, first, last, reason, count] of those that wait; they count as taken."""
        found = []
        for gap in self.rows:
            if gap[6] is WAITS:
                gap[6] = TAKEN
                found.append(gap[:6])
        return found

    def copy(self):
        """The rows as they are now."""
        return [gap[:] for gap in self.rows]

    def of(self, sid):
        """The session's rows."""
        return [gap for gap in self.rows if gap[1] == sid]


def _join(gap, other):
    """`gap` claims both from here on, and is to be told anew."""
    if gap[0] != other[0]:
        gap[0] = ANY_LANE
    if other[5] > gap[5]:
        gap[4] = other[4]
    gap[2], gap[3] = min(gap[2], other[2]), max(gap[3], other[3])
    gap[5] += other[5]
    gap[6] = WAITS
