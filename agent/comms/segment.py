"""A segment of the journal: one file of sealed frames of one lane and one session.

An entry is  length 2 | CRC-32 4 | lane 1 | frame  (integers big-endian), the CRC over length, lane
and frame. The first entry is the session's open (lane `s`), so that a segment can be delivered by
itself. What was appended last waits in RAM (`tail`) until the journal flushes it in one write:
flash wears by writes, and littlefs shows unflushed data to nobody else anyway.
"""

import binascii

from agent.comms.seal import HEADER_SIZE, MAX_FRAME, OPEN_SIZE, FrameError, header, parse_open

ENTRY_HEAD = 7
OPENING = ENTRY_HEAD + OPEN_SIZE  # bytes of a segment's first entry
OPEN_LANE = "s"


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


class Segment:
    """`numbers` are the frames in it, `left` how many of them the room has not acknowledged.

    What is acknowledged is kept here, a bit a frame, and nowhere else: so the knowledge is as
    large as what the journal holds, however many holes the room's statements have."""

    __slots__ = ("lane", "sequence", "name", "sid", "size", "numbers", "left", "closed", "tail",
                 "durable", "_acked")  # fmt: skip

    def __init__(self, lane, sequence, sid):
        self.lane = lane
        self.sequence = sequence
        self.name = name_of(lane, sequence)
        self.sid = sid
        self.size = 0  # sound bytes in the file
        self.numbers = []
        self.left = 0
        self.closed = False  # nothing more is appended
        self.tail = bytearray()  # entries that are not in the file yet
        self.durable = 0  # how many of `numbers` are in the file
        self._acked = 0  # bit i: the room holds numbers[i]

    def bytes(self):
        """What it takes of the quota, written or not."""
        return self.size + len(self.tail)

    def add(self, number, data):
        """Appends an entry, in RAM."""
        self.tail.extend(data)
        self.numbers.append(number)
        self.left += 1

    def acknowledge(self, upto, ranges):
        """The room holds all below `upto`, and the inclusive `ranges`: how many that frees."""
        freed = 0
        for i, number in enumerate(self.numbers):
            if self._acked >> i & 1:
                continue
            if number < upto or any([first <= number <= last for first, last in ranges]):
                self._acked |= 1 << i
                freed += 1
        self.left -= freed
        return freed

    def is_acked(self, index):
        return self._acked >> index & 1 == 1

    def unacked(self, start=0):
        """Numbers of the frames from index `start` on that the room has not acknowledged."""
        every = range(start, len(self.numbers))
        return [self.numbers[i] for i in every if not self._acked >> i & 1]

    def split(self, index, fresh):
        """The frames from `index` on become `fresh`'s."""
        fresh.numbers = self.numbers[index:]
        fresh._acked = self._acked >> index
        self.numbers = self.numbers[:index]
        self._acked &= (1 << index) - 1
        for segment in (self, fresh):
            segment.left = len(segment.unacked())

    def _bytes(self, storage, offset, length):
        if offset >= self.size:
            offset -= self.size
            return bytes(self.tail[offset : offset + length])
        return storage.read(self.name, offset, length)

    def read(self, storage, offset):
        """(lane, frame, offset of the next entry), or None where no sound entry begins."""
        head = self._bytes(storage, offset, ENTRY_HEAD)
        length = int.from_bytes(head[:2], "big")
        if len(head) < ENTRY_HEAD or not 0 < length <= MAX_FRAME:
            return None
        found = parse_entry(head, self._bytes(storage, offset + ENTRY_HEAD, length))
        return found and (found[0], found[1], offset + ENTRY_HEAD + length)

    def skip(self, storage, offset):
        """Offset of the entry behind the one at `offset`, without reading it."""
        head = self._bytes(storage, offset, 2)
        return offset + ENTRY_HEAD + int.from_bytes(head, "big")

    def number_at(self, storage, offset):
        """Frame number of the entry at `offset`, or None."""
        head = self._bytes(storage, offset + ENTRY_HEAD, HEADER_SIZE)
        return int.from_bytes(head[5:9], "big") if len(head) == HEADER_SIZE else None

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
    opening = segment.opening(storage)
    try:
        segment.sid = parse_open(opening or b"").sid
    except FrameError:
        return None, total > 0
    offset = OPENING
    while offset < total:
        found = segment.read(storage, offset)
        if found is None:
            break
        try:
            segment.numbers.append(header(found[1])[2])
        except FrameError:
            break
        offset = found[2]
    segment.size = offset
    segment.left = segment.durable = len(segment.numbers)
    return (segment if segment.left else None), offset < total
