"""Journals broken on purpose: the harness must find each. Tests of the tests."""

from agent import port
from agent.comms import segment as seg
from agent.comms.journal import Journal


class CursorFirst(Journal):
    """Stores its cursor before the data it speaks of: by file and place, as soon as the room has
    acknowledged, also for frames that are in RAM only. After a cut another session writes a file
    of that name, and what is in it counts as delivered."""

    def acknowledge(self, sid, upto, ranges):
        freed = super().acknowledge(sid, upto, ranges)
        places = {}
        for s in self.segments:
            places[s.name] = [i for i in range(s.count) if s.is_acked(i)]
        try:  # noqa: SIM105 MicroPython has no contextlib
            self.storage.replace("cursor", port.packb(places))
        except port.StorageError:
            pass
        return freed

    def recover(self):
        super().recover()
        try:
            places = port.unpackb(self.storage.read("cursor"))
        except port.StorageError:
            return self.frames_left()
        for s in list(self.segments):
            index = self.shelf.index(s)
            for i in places.get(s.name, ()):
                if i < s.count:
                    s.acknowledge(0, [[index.numbers[i], index.numbers[i]]], self.shelf.index)
            if not s.left:
                self._chains.remove(s)
        return self.frames_left()


class LateLedger(Journal):
    """Removes files first and writes down why when a minute has passed."""

    def _sweep(self):
        self._hold(super()._sweep)

    def _give_up(self, segment):
        return self._hold(super()._give_up, segment)

    def _hold(self, action, *arguments):
        self._save_ledger = lambda: True
        try:
            return action(*arguments)
        finally:
            del self._save_ledger


def leave_out_crc():
    """No entry's CRC is checked any more; returns a function that mends that."""
    real = seg.parse_entry
    seg.parse_entry = lambda head, frame: (chr(head[6]), frame) if len(head) == 7 else None

    def mend():
        seg.parse_entry = real

    return mend
