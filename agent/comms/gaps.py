"""What the journal had to give up, until it is reported: bounded, and never claiming too much."""

MAX_GAPS = 32  # that wait to be reported; beyond that neighbours of a lane are merged


class Gaps:
    """`counters`: the journal's; `lost` frames are counted there."""

    def __init__(self, counters):
        self._gaps = []  # [lane, sid, first, last, reason, count]
        self._counters = counters

    def add(self, lane, sid, numbers, reason, holds_between):
        """These frames are in no segment any more. `holds_between(lane, sid, first, last)` tells
        whether frames of the lane in that span are still to be delivered: a gap must not span
        those while there is room for another."""
        self._counters["frames_lost"] += len(numbers)
        is_crowded = len(self._gaps) >= MAX_GAPS
        for gap in self._gaps:
            if gap[0] != lane or gap[1] != sid or gap[4] != reason:
                continue
            first = min(gap[2], numbers[0])
            last = max(gap[3], numbers[-1])
            if is_crowded or not holds_between(lane, sid, first, last):
                gap[2] = first
                gap[3] = last
                gap[5] += len(numbers)
                return
        if is_crowded:
            self._gaps.pop(0)
            self._counters["gaps_forgotten"] += 1
        self._gaps.append([lane, sid, numbers[0], numbers[-1], reason, len(numbers)])

    def take(self):
        """All of them, once."""
        gaps = self._gaps
        self._gaps = []
        return gaps
