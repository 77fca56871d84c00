"""Two gateways with one identity: a copy of a vehicle's storage runs somewhere else.

Both hold the pre-shared key, so all that they send is authentic. What gives them away is that a
vehicle has one session at a time and never goes back to an earlier one, and that it counts its
boots:

- live frames, or births, of one session come after those of another, again and again. Once or
  twice may be messages that a broker held up while the vehicle started anew;
- two sessions of one generation have the same boot number. A gateway whose storage was wiped
  begins at 1 again and does this as well: whoever wiped it knows.

Births are not sealed: who can write at the broker can cause an alarm, but not keep one down. An
alarm is told beside a frame of the vehicle, so that it has a session and a date.
"""

RETURNS = 3  # to a session that another one had followed
WITHIN_MS = 3600000  # a gateway that loses its connection to its twin tries again within minutes
AGAIN_MS = 3600000  # one vehicle is told of so often
MAX_SEEN = 8  # sessions remembered of a vehicle; twins are two

EVENT = "duplicate_identity"
PLACE = 1 << 16  # in its frame: behind all records that one can hold


class _Watch:
    """Of one vehicle."""

    __slots__ = ("last", "seen", "returns", "pending", "told")

    def __init__(self):
        self.last = None  # sid that was live last
        self.seen = []  # sids that were live before
        self.returns = []  # when it went back to one of them
        self.pending = None  # fields of an alarm that waits for a frame
        self.told = None  # when

    def copy(self):
        other = _Watch()
        other.last, other.pending, other.told = self.last, self.pending, self.told
        other.seen, other.returns = list(self.seen), list(self.returns)
        return other


class Twins:
    """What is known of all vehicles; bounded by the vehicles that the room's keys know."""

    def __init__(self):
        self._watches = {}

    def stage(self, now):
        """Changes of one call of `Room.handle`; `apply` makes them count."""
        return Staged(self._watches, now)

    def apply(self, staged):
        self._watches.update(staged.watches)


class Staged:
    """See `Twins.stage`. A batch that the store refused comes again: it must count once."""

    def __init__(self, watches, now):
        self._before = watches
        self._now = now
        self.watches = {}

    def opened(self, row, others):
        """A new session; others: the vehicle's sessions before it."""
        for other in others:
            if (other.generation, other.boot) == (row.generation, row.boot):
                if other.sid != row.sid:
                    self._pend(row.vehicle, ["boot", row.boot, other.sid.hex()])
                return

    def born(self, vehicle, sid):
        """A birth of a session that the room knows."""
        self._live(vehicle, sid, "birth")

    def frame(self, vehicle, sid, is_live):
        """A new frame. Fields of the alarm that is to be told with it, or None."""
        if is_live:
            self._live(vehicle, sid, "frames")
        watch = self.watches.get(vehicle) or self._before.get(vehicle)
        if watch is None or watch.pending is None:
            return None
        watch = self._change(vehicle)
        fields, watch.pending = watch.pending, None
        watch.told = self._now
        return fields

    def _change(self, vehicle):
        if vehicle not in self.watches:
            before = self._before.get(vehicle)
            self.watches[vehicle] = before.copy() if before else _Watch()
        return self.watches[vehicle]

    def _live(self, vehicle, sid, how):
        watch = self.watches.get(vehicle) or self._before.get(vehicle)
        if watch is not None and watch.last == sid:
            return
        watch = self._change(vehicle)
        other, watch.last = watch.last, sid
        if sid in watch.seen:
            watch.seen.remove(sid)
            watch.returns = [ms for ms in watch.returns if self._now - ms < WITHIN_MS]
            watch.returns.append(self._now)
        if other is not None:
            watch.seen = [*watch.seen, other][-MAX_SEEN:]
        if len(watch.returns) >= RETURNS:
            watch.returns = []
            self._pend(vehicle, [how, RETURNS, other.hex()])

    def _pend(self, vehicle, fields):
        watch = self._change(vehicle)
        if watch.told is None or self._now - watch.told >= AGAIN_MS:
            watch.pending = fields
