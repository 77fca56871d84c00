"""Walks through a lane's undelivered frames, oldest first, without holding any of them in RAM."""

from agent import port
from agent.comms import segment as seg
from agent.records import GAP_BROKEN


class Reader:
    """From the lane's oldest frame on; with `live` from behind what it holds now."""

    def __init__(self, journal, lane, live=False):
        self._journal = journal
        self._lane = lane
        self._offset = 0  # of the next entry, 0 when it must be looked for
        self._sequence, self._index = tail(journal, lane) if live else (0, 0)

    def _segment(self):
        """The segment with the next frame, or None."""
        for segment in self._journal.segments:
            if segment.lane != self._lane or segment.sequence < self._sequence:
                continue
            if segment.sequence > self._sequence:
                self._sequence = segment.sequence
                self._index = self._offset = 0
            if segment.left and self._index < len(segment.numbers):
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
                self._index = len(segment.numbers)
                self._offset = 0
                continue
            if found:
                return found

    def _read(self, segment):
        """The frame at the reader's place, or None when it is passed over."""
        storage = self._journal.storage
        if not self._offset:
            offset = seg.OPENING
            for _ in range(self._index):
                offset = segment.skip(storage, offset)
            self._offset = offset
        if segment.is_acked(self._index):
            self._offset = segment.skip(storage, self._offset)
            self._index += 1
            return None
        number = segment.numbers[self._index]
        found = segment.read(storage, self._offset)
        if found is None or segment.number_at(storage, self._offset) != number:
            self._journal.drop(segment, self._index, GAP_BROKEN)
            return None
        self._index += 1
        self._offset = found[2]
        return segment, number, found[1]


def tail(journal, lane):
    """(sequence, index) just behind the lane's newest frame."""
    for segment in reversed(journal.segments):
        if segment.lane == lane:
            return segment.sequence, len(segment.numbers)
    return 0, 0
