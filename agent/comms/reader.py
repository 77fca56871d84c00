"""Walks through a lane's undelivered frames, oldest first, without holding any of them in RAM."""

from agent import port
from agent.records import GAP_BROKEN


class Reader:
    """From the lane's oldest frame on; with `live` from behind what it holds now."""

    def __init__(self, journal, lane, live=False):
        self._journal = journal
        self._lane = lane
        # Of the next frame: its segment, and the lowest number that it may have.
        self._sequence, self._number = tail(journal, lane) if live else (0, 0)

    def _segment(self):
        """The segment with the next frame, or None."""
        for segment in self._journal.segments:
            if segment.lane != self._lane or segment.sequence < self._sequence:
                continue
            if segment.sequence > self._sequence:
                self._sequence = segment.sequence
                self._number = 0
            if segment.left and self._number <= segment.last:
                return segment
        return None

    def next(self):
        """(segment, number, frame) of the next frame that is not acknowledged, or None."""
        while True:
            segment = self._segment()
            if segment is None:
                return None
            try:
                found = self._read(segment)
            except port.StorageError:
                # One bad file must not hold up all others: a later reader tries it again.
                self._journal.counters["read_errors"] += 1
                self._number = segment.last + 1
                continue
            if found:
                return found

    def _read(self, segment):
        """The next frame of the segment, or None when it is passed over."""
        index = self._journal.shelf.index(segment)
        place = index.place(self._number)
        if place >= len(index.numbers):
            self._journal.drop(segment, place, GAP_BROKEN)
            return None
        number = index.numbers[place]
        if segment.is_acked(place):
            self._number = number + 1
            return None
        found = segment.read(self._journal.storage, index.offsets[place])
        if not found or found[0] != self._lane or found[1][5:9] != number.to_bytes(4, "big"):
            self._journal.drop(segment, place, GAP_BROKEN)
            return None
        self._number = number + 1
        return segment, number, found[1]


def tail(journal, lane):
    """(sequence, number) just behind the lane's newest frame."""
    for segment in reversed(journal.segments):
        if segment.lane == lane:
            return segment.sequence, segment.last + 1
    return 0, 0
