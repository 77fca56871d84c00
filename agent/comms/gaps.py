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
        self._make_room()
        is_crowded = len(self.rows) >= MAX_GAPS
        for gap in self.rows:
            if gap[0] != lane or gap[1] != sid or gap[4] != reason or gap[6] is not WAITS:
                continue
            low, high = min(gap[2], first), max(gap[3], last)
            if is_crowded or not holds_between(lane, sid, low, high):
                gap[2], gap[3] = low, high
                gap[5] += count
                return
        if is_crowded:
            self.rows.pop(0)
            self._counters["gaps_forgotten"] += 1
        self.rows.append([lane, sid, first, last, reason, count, WAITS])

    def _make_room(self):
        if len(self.rows) >= MAX_GAPS:
            for gap in self.rows:
                if gap[6] == DONE:
                    self.rows.remove(gap)
                    return

    def take(self):
        """[lane, sid, first, last, reason, count] of those that wait; they count as taken."""
        found = []
        for gap in self.rows:
            if gap[6] is WAITS:
                gap[6] = TAKEN
                found.append(gap[:6])
        return found

    def of(self, sid):
        """The session's rows."""
        return [gap for gap in self.rows if gap[1] == sid]
