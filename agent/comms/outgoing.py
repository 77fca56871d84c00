"""What goes next out of the journal: alerts, what is recorded while connected, then the backlog.

Readers walk through the lanes; what is acknowledged or on its way is passed over. `unproved` is the
link's own table of what is on its way, keyed by (sid, number), and only looked into here.
"""

from agent.comms.reader import Reader
from agent.records import ALERT, CRUMB, FINE


class Outgoing:
    """Each method gives (lane on the wire, segment, number, frame), or None."""

    def __init__(self, journal, unproved):
        self._journal = journal
        self._unproved = unproved
        self._live = []
        self.rewind()

    def connected(self):
        """Live is what is journalled from here on."""
        self._live = [Reader(self._journal, lane, live=True) for lane in (CRUMB, FINE)]
        self.rewind()

    def rewind(self):
        """What is neither acknowledged nor on its way is found again, from the oldest on."""
        self._alerts = Reader(self._journal, ALERT)
        self._backlog = [Reader(self._journal, lane) for lane in (CRUMB, FINE)]
        self._heads = [None, None]  # the next frame of each, already read

    def alert(self):
        return self._from(self._alerts, "a")

    def live(self):
        for reader in self._live:
            frame = self._from(reader, "t")
            if frame:
                return frame
        return None

    def backlog(self):
        """The oldest frame, whichever lane it lies in. One lane after the other would leave holes
        without end, which the room's statements would have to list."""
        while True:
            best = None
            for place, reader in enumerate(self._backlog):
                head = self._head(place, reader)
                if head and (best is None or _is_older(head, self._heads[best])):
                    best = place
            if best is None:
                return None
            found = self._heads[best]
            self._heads[best] = None
            # It may have been acknowledged, or given up, while it waited here.
            if self._journal.holds(found[1].sid, found[2]):
                return found

    def _head(self, place, reader):
        head = self._heads[place]
        if head is None or (head[1].sid, head[2]) in self._unproved:  # sent live in the meantime
            head = self._heads[place] = self._from(reader, "b")
        return head

    def _from(self, reader, lane):
        while True:
            found = reader.next()
            if found is None:
                return None
            if (found[0].sid, found[1]) not in self._unproved:
                return (lane,) + found  # noqa: RUF005 MicroPython has no (x, *y)


def _is_older(a, b):
    """Of two (lane, segment, number, frame): numbers order a session's, segments the sessions."""
    if a[1].sid == b[1].sid:
        return a[2] < b[2]
    return a[1].sequence < b[1].sequence
