"""The segments of the journal: which frames they hold, without keeping their lists in RAM.

A segment's index (where each frame lies) is kept while it is written to; of the others only of
those used last, the rest are read back from the file. So RAM grows with the number of segments, of
which there is a highest number, and not with that of the frames.
"""

from agent import port
from agent.comms.quota import THIN_ORDER, taken
from agent.const import const
from agent.records import ANY_LANE

_INDEXES = const(
    6
)  # of closed segments in RAM: what a drain goes through, two lanes and their seams


class Shelf:
    """`segments`: by sequence. Methods that may read raise StorageError, unless they say else."""

    def __init__(self, storage, counters, unit=1):
        self._unit = unit
        self._storage = storage
        self._counters = counters
        self.segments = []
        self._indexed = []  # closed segments with an index in RAM, least recently used first

    def sizes(self):
        """{lane: bytes of the storage in use}"""
        found = dict([(lane, 0) for lane in THIN_ORDER])
        for segment in self.segments:
            found[segment.lane] += taken(segment.bytes(), self._unit)
        return found

    def index(self, segment):
        """Where the segment's frames lie."""
        if segment.index is None:
            segment.index = segment.read_index(self._storage)
        index = segment.index
        if segment.closed and not segment.tail:
            self.put_away(segment)
        return index

    def put_away(self, segment):
        """The segment is closed and flushed: its index may leave RAM."""
        if segment.index is None:
            return
        if segment in self._indexed:
            self._indexed.remove(segment)
        self._indexed.append(segment)
        while len(self._indexed) > _INDEXES:
            self._indexed.pop(0).index = None

    def remove(self, segment):
        self.segments.remove(segment)
        if segment in self._indexed:
            self._indexed.remove(segment)

    def span(self, segment, start=0):
        """(first, last, count) of the frames from place `start` on that are not acknowledged, or
        None without any. Where the file no longer tells, first and last may be too far apart."""
        if not segment.left:
            return None
        if not start and segment.left == segment.count:
            return segment.first, segment.last, segment.count
        count = len([i for i in range(start, segment.count) if not segment.is_acked(i)])
        try:
            index = self.index(segment)
        except port.StorageError:
            self._counters["read_errors"] += 1
            return segment.first, segment.last, count
        numbers = segment.unacked(index, start)
        if len(numbers) < count:  # the file breaks off, its last number is still known
            numbers.append(segment.last)
            if len(numbers) == 1 and start:
                numbers.insert(0, index.numbers[start - 1] + 1)
        return (numbers[0], numbers[-1], count) if count else None

    def holds(self, sid, number):
        """True while the frame is here and not acknowledged. Raises nothing: what cannot be read
        now is taken to be here."""
        for s in self.segments:
            # The lanes share the numbers: that one lies in a segment's span says nothing yet.
            if s.sid != sid or not s.left or not s.first <= number <= s.last:
                continue
            try:
                index = self.index(s)
            except port.StorageError:
                self._counters["read_errors"] += 1
                return True
            place = index.place(number)
            found = place < len(index.numbers) and index.numbers[place] == number
            if found and not s.is_acked(place):
                return True
        return False

    def has_between(self, lane, sid, first, last):
        """True when frames of the lane in that span may still be delivered."""
        for s in self.segments:
            is_meant = s.sid == sid and s.left and lane in (ANY_LANE, s.lane)
            if is_meant and s.first <= last and s.last >= first:
                return True
        return False

    def acknowledge(self, sid, upto, ranges):
        """How many frames that frees. Raises nothing: the room says it again."""
        freed = 0
        for segment in self.segments:
            if segment.left and segment.sid == sid:
                try:
                    freed += segment.acknowledge(upto, ranges, self.index)
                except port.StorageError:
                    self._counters["read_errors"] += 1
        return freed

    def numbers(self, lane, sid):
        """Generator of the numbers of a lane's frames of the session, acknowledged or not."""
        for segment in self.segments:
            if segment.lane == lane and segment.sid == sid:
                for number in self.index(segment).numbers:
                    yield number  # noqa: UP028 MicroPython's arrays in yield from
