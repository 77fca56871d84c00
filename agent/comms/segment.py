"""A segment of the journal: one file of sealed frames of one lane and one session.

An entry is  length 2 | CRC-32 4 | lane 1 | frame  (integers big-endian), the CRC over length, lane
and frame. The first entry is the session's open (lane `s`), so that a segment can be delivered by
itself. What was appended last waits in RAM (`tail`) until the journal flushes it in one write:
flash wears by writes, and littlefs shows unflushed data to nobody else anyway.

RAM holds a few numbers of each segment. Which frames lie where is the `Index`; that of a closed
segment is read back when it is needed (`shelf.py`).
"""

import binascii
from array import array

from agent.comms.seal import (
    HEADER_SIZE,
    MAX_FRAME,
    OPEN_SIZE,
    OVERHEAD,
    FrameError,
    parse_open,
)
from agent.const import const

ENTRY_HEAD = 7
OPENING = ENTRY_HEAD + OPEN_SIZE  # bytes of a segment's first entry
OPEN_LANE = "s"
_CHUNK = ENTRY_HEAD + MAX_FRAME  # read at once: any entry fits
_FIRST_READ = const(1024)  # most frames are shorter: one read of the storage gives them


def entry(lane, frame):
    """Bytes of one entry."""
    size = len(frame).to_bytes(2, "big")
    body = lane.encode() + frame
    return size + binascii.crc32(size + body).to_bytes(4, "big") + body


def parse_entry(head, frame):
    """(lane, frame) of an entry's two parts, or None where they are not sound."""
    if len(head) < ENTRY_HEAD or len(frame) != int.from_bytes(head[:2], "big"):
        return None
    if binascii.crc32(head[:2] + head[6:7] + frame) != int.from_bytes(head[2:6], "big"):
        return None
    return chr(head[6]), frame


def name_of(lane, sequence):
    return "%s%08d" % (lane, sequence)


def is_name(name, lanes):
    """True for a name that `name_of` gives for one of the lanes."""
    return len(name) == 9 and name[0] in lanes and name[1:].isdigit()


class Index:
    """Where each frame of a segment lies: its number, and the offset of its entry."""

    __slots__ = ("numbers", "offsets")

    def __init__(self):
        self.numbers = array("I")
        self.offsets = array("I")

    def add(self, number, offset):
        self.numbers.append(number)
        self.offsets.append(offset)

    def place(self, number):
        """Place of the first frame with this number or a higher one."""
        low, high = 0, len(self.numbers)
        while low < high:
            middle = (low + high) // 2
            if self.numbers[middle] < number:
                low = middle + 1
            else:
                high = middle
        return low

    def cut(self, place):
        """Forgets the frames from `place` on."""
        self.numbers = self.numbers[:place]
        self.offsets = self.offsets[:place]


class Segment:
    """`count` frames with numbers from `first` to `last`, `left` of them not acknowledged.

    What is acknowledged is kept here, a bit a frame, and nowhere else in RAM: so the knowledge is
    as large as what the journal holds, however many holes the room's statements have."""

    __slots__ = ("lane", "sequence", "sid", "size", "count", "first", "last", "left", "closed",
                 "tail", "durable", "index", "_acked")  # fmt: skip

    def __init__(self, lane, sequence, sid):
        self.lane = lane
        self.sequence = sequence
        self.sid = sid
        self.size = 0  # sound bytes in the file
        self.count = 0
        self.first = self.last = -1
        self.left = 0
        self.closed = False  # nothing more is appended
        self.tail = bytearray()  # entries that are not in the file yet
        self.durable = 0  # how many of the frames are in the file
        self.index = Index()  # None: to be read back
        self._acked = 0  # bit i: the room holds the frame at place i

    @property
    def name(self):
        return name_of(self.lane, self.sequence)

    def bytes(self):
        """What it takes of the quota, written or not."""
        return self.size + len(self.tail)

    def add(self, number, data):
        """Appends an entry, in RAM."""
        self.index.add(number, self.bytes())
        self.tail.extend(data)
        self.count_in(number)

    def count_in(self, number):
        """One more frame."""
        if not self.count:
            self.first = number
        self.last = number
        self.count += 1
        self.left += 1

    # What the room holds

    def acknowledge(self, upto, ranges, index_of):
        """The room holds all below `upto`, and the inclusive `ranges`: how many that frees.

        `index_of(segment)` gives the index; it is asked for only where part of the frames is meant.
        """
        if self.last < upto or any([a <= self.first and self.last <= b for a, b in ranges]):
            freed = self.left
            self._acked = (1 << self.count) - 1
            self.left = 0
            return freed
        ranges = [r for r in ranges if r[0] <= self.last and r[1] >= self.first]
        if upto > self.first:
            ranges.append([0, upto - 1])
        if not ranges:
            return 0
        before = self.left
        index = index_of(self)
        for first, last in ranges:
            end = min(self.count, index.place(last + 1))
            start = min(end, index.place(first))
            self._acked |= (1 << end) - (1 << start)
        self._count_left()
        return before - self.left

    def _count_left(self):
        self.left = self.count
        bits = self._acked
        while bits:
            self.left -= bits & 1
            bits >>= 1

    def is_acked(self, place):
        return self._acked >> place & 1 == 1

    def unacked(self, index, start=0):
        """Numbers of the frames from place `start` on that the room has not acknowledged."""
        every = range(start, len(index.numbers))
        return [index.numbers[i] for i in every if not self.is_acked(i)]

    def split(self, place, fresh):
        """The frames from `place` on become `fresh`'s, whose bytes and index the caller sets."""
        numbers = self.index.numbers
        fresh.count = self.count - place
        if fresh.count:
            fresh.first, fresh.last = numbers[place], self.last
        fresh._acked = self._acked >> place
        self.count = place
        if place:
            self.last = numbers[place - 1]
        self._acked &= (1 << place) - 1
        self.index.cut(place)
        for segment in (self, fresh):
            segment._count_left()

    def cut(self, place, index):
        """The frames from `place` on are gone."""
        index.cut(place)
        self.count = place
        self.last = index.numbers[place - 1] if place else self.first
        self.durable = min(self.durable, place)
        self._acked &= (1 << place) - 1
        self._count_left()
        self.closed = True

    def has_open_tail(self):
        """True when a frame that is not on the medium is not acknowledged either."""
        return self._acked >> self.durable != (1 << self.count - self.durable) - 1

    def forget_acked_tail(self):
        """Takes the acknowledged frames out of what waits in RAM; returns how many those were: the
        room holds them, so the medium need not."""
        every = range(self.durable, self.count)
        kept = [i for i in every if not self.is_acked(i)]
        gone = len(every) - len(kept)
        if gone:
            index, offsets = self.index, list(self.index.offsets) + [self.bytes()]
            numbers = [index.numbers[i] for i in kept]
            entries = [self.tail[offsets[i] - self.size : offsets[i + 1] - self.size] for i in kept]
            self.tail = bytearray() if self.durable else self.tail[:OPENING]
            index.cut(self.durable)
            self.count = self.durable
            self._acked &= (1 << self.durable) - 1
            self.first = index.numbers[0] if self.durable else -1
            self.last = index.numbers[-1] if self.durable else -1
            for number, data in zip(numbers, entries):  # noqa: B905 MicroPython has no strict
                self.add(number, data)
            self._count_left()
        return gone

    # Its bytes

    def _bytes(self, storage, offset, length):
        """Up to so many bytes, of the file or of what waits in RAM, never of both."""
        if offset >= self.size:
            offset -= self.size
            return bytes(self.tail[offset : offset + length])
        return storage.read(self.name, offset, min(length, self.size - offset))

    def read(self, storage, offset):
        """(lane, frame) of the entry at `offset`, or None where no sound one begins."""
        data = self._bytes(storage, offset, _FIRST_READ)
        length = int.from_bytes(data[:2], "big")
        end = ENTRY_HEAD + length
        if len(data) < ENTRY_HEAD or not 0 < length <= MAX_FRAME:
            return None
        if len(data) < end:
            data += self._bytes(storage, offset + len(data), end - len(data))
        return parse_entry(data[:ENTRY_HEAD], data[ENTRY_HEAD:end])

    def walk(self, storage, offset, check):
        """Generator of (offset, number, end) of the entries from `offset` on, up to the first that
        is not sound. `check`: their CRC, lane, session and order, too."""
        data = b""
        begin = offset  # of `data`
        last = -1
        while True:
            at = offset - begin
            length = int.from_bytes(data[at : at + 2], "big")
            end = at + ENTRY_HEAD + length
            if len(data) - at < ENTRY_HEAD + HEADER_SIZE or end > len(data):
                if at == 0 and data:
                    return
                data = self._bytes(storage, offset, _CHUNK)
                begin = offset
                if not data:
                    return
                continue
            if not OVERHEAD <= length <= MAX_FRAME:
                return
            head = at + ENTRY_HEAD
            if check:
                found = parse_entry(data[at:head], data[head:end])
                if not found or found[0] != self.lane or data[head + 1 : head + 5] != self.sid:
                    return
            number = int.from_bytes(data[head + 5 : head + 9], "big")
            if number <= last:
                return
            yield offset, number, offset + end - at
            last = number
            offset += end - at

    def read_index(self, storage):
        """The Index of what is in it; shorter than `count` where something broke."""
        index = Index()
        for offset, number, _ in self.walk(storage, OPENING, False):
            index.add(number, offset)
            if len(index.numbers) == self.count:
                break
        return index

    def opening(self, storage):
        """The session open at its head, or None."""
        found = self.read(storage, 0)
        return found[1] if found and found[0] == OPEN_LANE else None


def recover(storage, name):
    """(Segment or None when the file holds nothing sound, whether its end was torn)."""
    total = storage.size(name)
    segment = Segment(name[0], int(name[1:]), b"")
    segment.size = total
    segment.closed = True
    segment.tail = b""
    segment.index = None
    opening = segment.opening(storage)
    try:
        segment.sid = parse_open(opening or b"").sid
    except FrameError:
        return None, total > 0
    sound = OPENING
    for _, number, end in segment.walk(storage, OPENING, True):
        segment.count_in(number)
        sound = end
    segment.size = sound
    segment.durable = segment.count
    return (segment if segment.count else None), sound < total


def session_of(storage, name):
    """The session of a file that holds no sound frame to keep, or None: by its open, or by the
    frame behind an open that a flipped bit broke."""
    segment = Segment(name[0], int(name[1:]), b"")
    segment.size = storage.size(name)
    segment.tail = b""
    try:
        return parse_open(segment.opening(storage) or b"").sid
    except FrameError:
        found = segment.read(storage, OPENING)
    is_frame = found and found[0] == segment.lane and len(found[1]) >= HEADER_SIZE
    return bytes(found[1][1:5]) if is_frame else None
