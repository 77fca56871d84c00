"""Two gateways with one identity: a copy of a vehicle's storage runs somewhere else.

Both hold the pre-shared key, so all that they send is authentic. What gives them away is that a
vehicle has one session at a time and never goes back to an earlier one, and that it counts its
boots:

- live frames of one session come after those of another, again and again. Once or twice may be
  messages that a broker held up while the vehicle started anew;
- births do: at a broker that knows them by one certificate each ends the other's connection, also
  a copy on a desk that records nothing. A broker hands old births out again when the room comes
  back, so it takes more of them. They are not sealed: a broker can cause this alarm;
- two sessions of one generation have the same boot number. A gateway whose storage was wiped
  begins at 1 again and does this as well: whoever wiped it knows.

An alarm is told beside a frame of the vehicle, so that it has a session and a date.
"""

# Returns to a session that another one had followed, within WITHIN_MS: (kind, how many tell). What
# dies and comes back made one gateway look like 2 of the first and 3 of the second at most, in 340
# simulated runs of two hours.
FRAMES = ("frames", 6)
BIRTHS = ("births", 6)
WITHIN_MS = 3600000  # a gateway that loses its connection to its twin tries again within minutes
AGAIN_MS = 3600000  # one vehicle is told of so often
MAX_SEEN = 8  # sessions remembered of a vehicle; twins are two

EVENT = "duplicate_identity"
PLACE = 1 << 16  # in its frame: behind all records that one can hold


class _Turns:
    """Which session of a vehicle was there last, and how often it went back to an earlier one."""

    __slots__ = ("last", "seen", "returns")

    def __init__(self, other=None):
        self.last = other.last if other else None
        self.seen = list(other.seen) if other else []  # sids that were there before
        self.returns = list(other.returns) if other else []  # when it went back to one of them

    def turn(self, sid, now, limit):
        """sid of the other session where there were so many returns, else None."""
        other, self.last = self.last, sid
        if sid in self.seen:
            self.seen.remove(sid)
            self.returns = [ms for ms in self.returns if now - ms < WITHIN_MS]
            self.returns.append(now)
        if other is not None:
            self.seen = [*self.seen, other][-MAX_SEEN:]
        if len(self.returns) < limit:
            return None
        self.returns = []
        return other


class _Watch:
    """Of one vehicle."""

    __slots__ = ("turns", "pending", "told")

    def __init__(self, other=None):
        kinds = (FRAMES[0], BIRTHS[0])
        self.turns = {kind: _Turns(other.turns[kind] if other else None) for kind in kinds}
        self.pending = other.pending if other else None  # fields of an alarm that waits for a frame
        self.told = other.told if other else None  # when


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
        self._turn(vehicle, sid, *BIRTHS)

    def frame(self, vehicle, sid, is_live):
        """A new frame. Fields of the alarm that is to be told with it, or None."""
        if is_live:
            self._turn(vehicle, sid, *FRAMES)
        watch = self._watch(vehicle)
        if watch is None or watch.pending is None:
            return None
        watch = self._change(vehicle)
        fields, watch.pending = watch.pending, None
        watch.told = self._now
        return fields

    def _watch(self, vehicle):
        return self.watches.get(vehicle) or self._before.get(vehicle)

    def _change(self, vehicle):
        if vehicle not in self.watches:
            self.watches[vehicle] = _Watch(self._before.get(vehicle))
        return self.watches[vehicle]

    def _turn(self, vehicle, sid, kind, limit):
        watch = self._watch(vehicle)
        if watch is not None and watch.turns[kind].last == sid:
            return
        other = self._change(vehicle).turns[kind].turn(sid, self._now, limit)
        if other is not None:
            self._pend(vehicle, [kind, limit, other.hex()])

    def _pend(self, vehicle, fields):
        watch = self._change(vehicle)
        if watch.told is None or self._now - watch.told >= AGAIN_MS:
            watch.pending = fields
