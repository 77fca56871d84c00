"""The room's data base: a transaction is there whole, or not at all.

`MemoryStore` is a model of `tools/room/sqlite.py` that costs nothing; every few seeds run on the
real one, in memory. `JudgedStore` stands before either: it refuses when the plan says so, lets the
room crash before or after a commit, and tells the ledger what was committed.
"""

from dataclasses import replace

from tests.faults.simulation.ledger import ranges_of
from tools.room.store import LastState, StoreError


class RoomCrash(Exception):
    """The room's process ends here."""


class MemoryStore:
    """See `tools.room.store.Store`."""

    def __init__(self):
        self._sessions = {}  # (vehicle, sid) -> Session
        self._numbers = {}  # session id -> set of numbers
        self._frames = {}  # session id -> {number: Frame}
        self._anchors = {}  # session id -> set
        self._events = {}  # (session id, number, place) -> Event
        self._gaps = {}  # (vehicle, sid) -> set
        self._heard = {}  # session id -> ms
        self._down = {}  # session id -> next number
        self._last = {}  # vehicle -> LastState

    def commit(self, write):
        for session in write.sessions:
            if session.id is None:
                if (session.vehicle, session.sid) in self._sessions:
                    raise StoreError("a session is opened twice")
                session.id = len(self._sessions) + 1
                self._sessions[session.vehicle, session.sid] = replace(session)
                self._heard[session.id] = session.opened_ms
        for frame in write.frames:
            self._heard[frame.session.id] = frame.received_ms
            self._frames.setdefault(frame.session.id, {}).setdefault(frame.number, frame)
        for anchor in write.anchors:
            self._anchors.setdefault(anchor[0].id, set()).add(tuple(anchor[1:]))
        for event in write.events:
            self._events.setdefault((event.session.id, event.number, event.place), event)
        for gap in write.gaps:
            key = gap.session.vehicle, gap.sid
            self._gaps.setdefault(key, set()).add((gap.first, gap.last))
        self._keep_last(write)

    def _keep_last(self, write):
        for vehicle, found in write.positions.items():
            self._state(vehicle).position = found
        for (vehicle, signal), found in write.values.items():
            self._state(vehicle).values[signal] = found
        for vehicle, ms in write.heard.items():
            self._state(vehicle).heard_ms = ms
        for vehicle, presence in write.presence.items():
            self._state(vehicle).presence = presence

    def _state(self, vehicle):
        return self._last.setdefault(vehicle, LastState())

    def reserve_down(self, session, count):
        first = self._down.get(session.id, 0)
        self._down[session.id] = first + count
        return first

    def down_reserved(self, session):
        return self._down.get(session.id, 0)

    def session(self, vehicle, sid):
        found = self._sessions.get((vehicle, sid))
        return replace(found) if found else None

    def sessions(self, vehicle):
        found = [replace(s) for s in self._sessions.values() if s.vehicle == vehicle]
        return sorted(found, key=lambda s: s.order())

    def active_since(self, ms):
        return [replace(s) for s in self._sessions.values() if self._heard[s.id] >= ms]

    def held(self, session):
        return ranges_of(self._frames.get(session.id, ()))

    def anchors(self, session):
        return sorted(self._anchors.get(session.id, ()))

    def gaps(self, vehicle, sid):
        return sorted(self._gaps.get((vehicle, sid), ()))

    def last_state(self, vehicle):
        last = self._state(vehicle)
        return LastState(last.position, dict(last.values), last.heard_ms, last.presence)

    def frames(self, session, first_t=None, last_t=None):
        return iter(sorted(self._frames.get(session.id, {}).values(), key=lambda f: f.number))

    def events(self, vehicle):
        ids = {s.id for s in self.sessions(vehicle)}
        return [event for key, event in sorted(self._events.items()) if key[0] in ids]

    def vehicles(self):
        return sorted({vehicle for vehicle, _ in self._sessions})

    def close(self):
        pass


class JudgedStore:
    """Every question is passed on to `inner`."""

    def __init__(self, inner, scheduler, ledger):
        self.inner = inner
        self._scheduler = scheduler
        self._ledger = ledger
        self.refuses = False
        self.crash_at = None  # "before commit", "after commit", "before reserve", "after reserve"
        self.counters = {"commits": 0, "refused": 0, "rows": 0}

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def _may_crash(self, point):
        if self.crash_at == point:
            self.crash_at = None
            self._scheduler.trace("room", "crashes", point)
            raise RoomCrash

    def _may_refuse(self):
        if self.refuses:
            self.counters["refused"] += 1
            raise StoreError("database: the disk is full")

    def commit(self, write):
        self._may_refuse()
        self._may_crash("before commit")
        self.inner.commit(write)
        self.counters["commits"] += 1
        self.counters["rows"] += len(write.frames)
        self._scheduler.trace(
            "room", "commits", *[f"{f.session.sid.hex()}/{f.number}" for f in write.frames]
        )
        self._ledger.committed(write)
        self._may_crash("after commit")

    def reserve_down(self, session, count):
        self._may_refuse()
        self._may_crash("before reserve")
        first = self.inner.reserve_down(session, count)
        self._may_crash("after reserve")
        return first
