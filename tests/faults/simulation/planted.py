"""Faults built in on purpose, one at a time: the simulation must find each of them.

Each stands for a mistake that delivery code really makes. They live here, in subclasses and in
names put in place for the length of a run; the product knows nothing of them.
"""

from contextlib import contextmanager

from agent.comms import segment as segments
from agent.comms.link import Link
from agent.recorder import Recorder
from agent.uplink import Uplink
from tests.faults.simulation.vehicle import Parts


class _ErasesOnPuback(Link):
    """The broker's word is taken for the room's."""

    def puback(self, token, now):
        flying = self._flying.get(token)
        super().puback(token, now)
        if flying is not None:
            sid, number = flying[0]
            if number >= 0:
                self._journal.acknowledge(sid, 0, [[number, number]])


class _KeepsItsWindow(Link):
    """PUBACKs of a connection that is gone are still waited for."""

    def connected(self, now):
        before = dict(self._flying_before)
        super().connected(now)
        self._flying.update(before)

    def closed(self, cause, now):
        self._flying_before = {**self._flying_before, **self._flying}
        super().closed(cause, now)

    _flying_before = {}  # noqa: RUF012  replaced, never changed


class _ForgetsGaps(Recorder):
    """What the journal had to give up is not told."""

    def _tell(self, now):
        return False


class _CursorAhead(Uplink):
    """What is sent is written down as done, before the room has it."""

    def _do(self, action, now):
        is_done = super()._do(action, now)
        if action[0] == "publish" and action[1] in ("a", "t", "b"):
            frame = action[2]
            number = int.from_bytes(frame[5:9], "big")
            self._journal.ledger.settle(bytes(frame[1:5]), 0, [[number, number]], 1)
        return is_done


@contextmanager
def _counts_twice():
    """An acknowledgement that comes again counts again."""
    right = segments.Segment.acknowledge

    def acknowledge(self, upto, ranges, *rest):
        freed = right(self, upto, ranges, *rest)
        if not freed and self.left and ranges:
            self.left -= 1
            return 1
        return freed

    segments.Segment.acknowledge = acknowledge
    try:
        yield
    finally:
        segments.Segment.acknowledge = right


def _parts(**changed):
    return type("BrokenParts", (Parts,), changed)


# name -> (parts, context that puts other names in place, or None)
PLANTED = {
    "cursor before data": (_parts(Uplink=_CursorAhead), None),
    "erase on PUBACK": (_parts(Link=_ErasesOnPuback), None),
    "acknowledgement counted twice": (Parts, _counts_twice),
    "window not cleared on reconnect": (_parts(Link=_KeepsItsWindow), None),
    "gap not reported": (_parts(Recorder=_ForgetsGaps), None),
}


@contextmanager
def planted(name):
    """The Parts to run a world with; None: the product's own."""
    if name is None:
        yield Parts
        return
    parts, context = PLANTED[name]
    if context is None:
        yield parts
    else:
        with context():
            yield parts
