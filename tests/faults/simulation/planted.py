"""Faults built in on purpose, one at a time: the simulation must find each of them.

Each stands for a mistake that delivery code really makes. They live here, in subclasses and in
names put in place for the length of a run; the product knows nothing of them.
"""

from contextlib import contextmanager

from agent.clock import Clock
from agent.comms import link as links
from agent.comms import segment as segments
from agent.comms.chains import Chains
from agent.comms.gaps import Gaps
from agent.comms.journal import Journal
from agent.comms.link import Link
from agent.recorder import Recorder
from agent.uplink import Uplink
from tests.faults.simulation import vehicle
from tests.faults.simulation.vehicle import Parts
from tools.room.core import Room
from tools.room.intervals import IntervalSet
from tools.room.store import StoreError


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


class _NeverTires(Link):
    """A silent room is asked as if it were new each time."""

    def _expire(self, now):
        super()._expire(now)
        self._patience = links.PATIENCE_MS
        self._allowed = links.MAX_UNPROVED


class _BacklogFirst(Link):
    """What is oldest goes first."""

    def _choose(self):
        is_open = len(self._flying) < self._window and len(self._unproved) < self._allowed
        return (self._next.backlog() if is_open else None) or super()._choose()


class _FastClock(Clock):
    """Dates are off by more than they say."""

    def gnss(self, utc, t):
        return super().gnss(utc + 250, t)


class _TakesAll(Journal):
    """The quota is not looked at."""

    def _make_room(self, lane, size):
        return True


class _AnswersFirst(Room):
    """A store that refuses is not noticed."""

    def __init__(self, store, keys):
        super().__init__(_Silent(store), keys)


class _Silent:
    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        return getattr(self._store, name)

    def commit(self, write):
        try:
            self._store.commit(write)
        except StoreError:
            for n, session in enumerate(write.sessions):
                session.id = 1 << 30 | n


def _holds_nothing(right):
    """A frame is taken as often as it comes."""
    return lambda self, number: False


def _counts_twice(right):
    """An acknowledgement that comes again counts again."""

    def acknowledge(self, upto, ranges, *rest):
        freed = right(self, upto, ranges, *rest)
        if not freed and self.left and ranges:
            self.left -= 1
            return 1
        return freed

    return acknowledge


def _claims_more(right):
    """A gap begins at the session's first frame."""
    return lambda self, lane, sid, span, *rest: right(self, lane, sid, (0, *span[1:]), *rest)


def _leaves_files(right):
    """What is acknowledged stays on the storage."""
    return lambda self, name: None


def _forgets_boots(right):
    """The boot counter does not count."""

    def next_boot(storage):
        right(storage)
        return 7

    return next_boot


def _parts(**changed):
    return type("BrokenParts", (Parts,), changed)


# name -> the product's classes with one of them broken, or (owner, name, function that gives the
# broken one for the right one)
PLANTED = {
    "cursor before data": _parts(Uplink=_CursorAhead),
    "erase on PUBACK": _parts(Link=_ErasesOnPuback),
    "acknowledgement counted twice": (segments.Segment, "acknowledge", _counts_twice),
    "window not cleared on reconnect": _parts(Link=_KeepsItsWindow),
    "gap not reported": _parts(Recorder=_ForgetsGaps),
    # One for each other promise, so that none of them is one that cannot be broken.
    "backlog first": _parts(Link=_BacklogFirst),
    "boot counter that does not count": (vehicle, "next_boot", _forgets_boots),
    "dates that are off": _parts(Clock=_FastClock),
    "files that stay": (Chains, "remove_file", _leaves_files),
    "gap that claims too much": (Gaps, "add", _claims_more),
    "no patience": _parts(Link=_NeverTires),
    "quota not kept": _parts(Journal=_TakesAll),
    "room answers before it commits": _parts(Room=_AnswersFirst),
    "room takes a frame twice": (IntervalSet, "__contains__", _holds_nothing),
}


@contextmanager
def planted(name):
    """The Parts to run a world with; None: the product's own."""
    fault = PLANTED[name] if name is not None else Parts
    if isinstance(fault, type):
        yield fault
        return
    owner, attribute, broken = fault
    right = getattr(owner, attribute)
    setattr(owner, attribute, broken(right))
    try:
        yield Parts
    finally:
        setattr(owner, attribute, right)
