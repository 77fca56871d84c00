"""The room as a machine: messages in, one transaction, acknowledgements out. No I/O but the store.

    room = Room(store, keys)
    downs = room.handle([(topic, payload), ...], now)   # [(topic, payload), ...] to be published
    room.wake(now)                                      # ms until handle([], now) has work, or None

`now` is UTC in ms. `handle` returns only after the store has committed everything that the messages
brought; where it raises StoreError nothing was taken, and the same messages may be given again. No
acknowledgement is made of anything that is not committed.

Acknowledgements are cumulative, for every session that was touched (also by duplicates alone, and
by its open), sealed by the vehicle's current session: the one with the highest boot counter. A
vehicle whose counter was wiped with its storage would never be answered; so a session that brings
new live frames is answered by its own keys as well.
"""

from collections import OrderedDict

from agent.comms.hpke import KeyAgreementError
from agent.comms.seal import FrameError, FrameSealError, header, parse_open
from tools.room.answers import Answers
from tools.room.intake import Intake
from tools.room.live import LiveSession, LiveVehicle, derive
from tools.room.store import Event, Presence, Session, StoreError
from tools.room.twins import EVENT, PLACE, Twins

MAX_SESSIONS = 30000  # in memory, about 4 KB each; a fleet of 20,000 has one current session each
DAY_MS = 24 * 3600 * 1000
_LANES = ("s", "a", "t", "b", "p", "d")
COUNTERS = (
    "messages", "topic", "own", "opens", "opens_known", "open_format", "unknown_vehicle", "revoked",
    "unknown_room_key", "wrong_generation", "wrong_mac", "zero_share", "sid_taken", "frames",
    "duplicates", "unknown_session", "frame_format", "frame_seal", "malformed", "records_refused",
    "presence", "duplicate_identity", "acks", "asked_again", "asked_open", "store_errors",
)  # fmt: skip


class Room:
    """See the module. `keys`: a `keys.RoomFile`, may be replaced by a newer one at any time;
    `dispatch`: an `orders.Dispatch`, None where nobody gives orders; `updates`: an
    `updates.Updates`, None where no releases are sent."""

    def __init__(self, store, keys, dispatch=None, updates=None):
        self.store = store
        self.keys = keys
        self.dispatch = dispatch
        self.updates = updates
        self.counters = dict.fromkeys(COUNTERS, 0)
        self.sessions = OrderedDict()  # (vehicle, sid) -> LiveSession, least recently used first
        self._vehicles = {}  # name -> LiveVehicle; bounded by what the keys know
        self._twins = Twins()
        self._answers = Answers(self)

    def handle(self, messages, now):
        """Takes a list of (topic, payload); returns what to publish. Raises StoreError."""
        work = Intake(now, self.counters)
        work.twins = self._twins.stage(now)
        try:
            # A session's open may have been overtaken by its first frames: opens go first.
            for is_open in (True, False):
                for topic, payload in messages:
                    self._take(work, topic, payload, is_open)
            work.settle(self._last, self._anchors)
            if not work.write.is_empty():
                self.store.commit(work.write)
        except StoreError:
            self.counters["store_errors"] += 1
            raise
        self.counters = work.counters
        self._twins.apply(work.twins)
        self._apply(work)
        return self._answers.make(work.strangers, now)

    def greet(self, now, since_ms=DAY_MS):
        """Acknowledges every session that was active lately, so that vehicles that wait go on; the
        frames come out of the next calls of `handle`. Raises StoreError."""
        for row in self.store.active_since(now - since_ms):
            if row.vehicle in self.keys.vehicles:
                vehicle = self.vehicle(row.vehicle)
                self._answers.owe(vehicle, row)

    def wake(self, now):
        """ms until `handle([], now)` has something to do, or None."""
        return self._answers.wake(now)

    # Taking in

    def _take(self, work, topic, payload, is_open):
        part = topic.split("/")
        if len(part) != 3 or part[0] != "p1" or part[2] not in _LANES:
            if is_open:
                work.count("topic")
            return
        _, name, lane = part
        if (lane == "s") != is_open:
            return
        work.count("messages")
        if lane == "d":
            work.count("own")
        elif name not in self.keys.vehicles:
            work.count(self.keys.why_not(name, None))
        elif lane == "s":
            self._take_open(work, name, payload)
        elif lane == "p":
            self._take_presence(work, name, payload)
        else:
            self._take_frame(work, name, lane, payload)

    def _take_open(self, work, name, payload):
        try:
            opening = parse_open(payload)
        except FrameError:
            work.count("open_format")
            return
        known = self.session(work, name, opening.sid)
        if known is None:
            known = self._new_session(work, name, opening)
            if known is None:
                return
        else:
            same = known.row
            if (same.enc, same.key_id, same.generation, same.boot) != (
                opening.enc, opening.key_id, opening.generation, opening.boot
            ):  # fmt: skip
                work.count("sid_taken")
                return
            try:
                opening.check(known.keys)
            except FrameSealError:
                work.count("wrong_mac")
                return
            work.count("opens_known")
        self._touch(work, known)

    def _new_session(self, work, name, opening):
        """LiveSession of an open that proves to be the vehicle's, else None."""
        row = Session(
            name, opening.sid, opening.enc, opening.key_id, opening.generation, opening.boot,
            work.now,
        )  # fmt: skip
        keys = self._derive(row, work)
        if keys is None:
            return None
        try:
            opening.check(keys)
        except FrameSealError:
            work.count("wrong_mac")
            return None
        if self.store.session(name, row.sid) is not None:
            work.count("sid_taken")  # by a session whose secret is no longer valid
            return None
        work.count("opens")
        work.twins.opened(row, self.store.sessions(name))
        live = LiveSession(row, keys, (), self.store.gaps(name, row.sid), ())
        work.open(live)
        return live

    def _derive(self, row, work=None):
        """The keys of a session, or None where the room has no longer what it takes."""
        room_key = self.keys.room_keys.get(row.key_id)
        secret = self._secret(row)
        if room_key is None:
            why = "unknown_room_key"
        elif secret is None:
            why = self.keys.why_not(row.vehicle, row.generation)
        else:
            try:
                return derive(room_key, secret, row, row.vehicle)
            except KeyAgreementError:
                why = "zero_share"
        if work is not None:
            work.count(why)
        return None

    def _is_valid(self, row):
        """False when the vehicle's secret or the room's key has since been taken away."""
        return self._secret(row) is not None and row.key_id in self.keys.room_keys

    def _secret(self, row):
        """What a session's keys are derived from, or None where it opens nothing any more."""
        secret = self.keys.vehicles.get(row.vehicle)
        return None if secret is None else secret.of(row.generation)

    def session(self, work, name, sid):
        """LiveSession that is open, or None."""
        key = (name, sid)
        if work is not None:
            if key in work.opened:
                return work.opened[key]
            if key in work.unknown:
                return None
        live = self.sessions.get(key)
        if live is not None:
            self.sessions.move_to_end(key)
            return live if self._is_valid(live.row) else None
        row = self.store.session(name, sid)
        keys = self._derive(row) if row else None
        if keys is None:
            if work is not None:
                work.unknown.add(key)
            return None
        live = LiveSession(
            row, keys, self.store.held(row), self.store.gaps(name, sid), self.store.anchors(row)
        )
        self._remember(live)
        return live

    def _remember(self, live):
        self.sessions[live.row.vehicle, live.row.sid] = live
        while len(self.sessions) > MAX_SESSIONS:
            key, _ = self.sessions.popitem(last=False)
            self._answers.forget(key)

    def vehicle(self, name):
        vehicle = self._vehicles.get(name)
        if vehicle is None:
            sessions = self.store.sessions(name)
            current = sessions[-1] if sessions else None
            vehicle = LiveVehicle(name, current, self.store.last_state(name))
            self._vehicles[name] = vehicle
        return vehicle

    def _take_frame(self, work, name, lane, payload):
        try:
            sid = header(payload)[1]
        except FrameError:
            work.count("frame_format")
            return
        live = self.session(work, name, sid)
        if live is None:
            work.count("unknown_session")
            work.strangers.setdefault(name, sid)
            return
        try:
            number, plaintext = live.up.open(payload)
        except FrameSealError:
            work.count("frame_seal")
            return
        except FrameError:
            work.count("frame_format")
            return
        self._touch(work, live)
        work.focus[name, sid] = number
        if number in live.held or not work.add(live, number):
            work.count("duplicates")
            return
        work.count("frames")
        work.frame(live, number, lane, plaintext)
        alarm = work.twins.frame(name, sid, lane == "t")
        if alarm:
            work.count("duplicate_identity")
            t = work.write.frames[-1].last_t or 0
            work.write.events.append(Event(live.row, number, PLACE, t, EVENT, alarm, work.now))

    def _take_presence(self, work, name, payload):
        if len(payload) != 5 or payload[0] > 1:
            work.count("frame_format")
            return
        work.count("presence")
        online, sid = payload[0] == 1, bytes(payload[1:])
        if online and ((name, sid) in self.sessions or (name, sid) in work.opened):
            work.twins.born(name, sid)  # no question to the store: anybody can write presence
        last = work.write.presence.get(name) or self.vehicle(name).last.presence
        if last is not None and not online and sid != last.sid:
            return  # the will of a connection that has long been followed by another
        if last is None or (last.is_online, last.sid) != (online, sid):
            work.write.presence[name] = Presence(online, sid, work.now)

    def _touch(self, work, live):
        self.vehicle(live.row.vehicle)  # read now: after the commit nothing may fail any more
        work.touched[live.row.vehicle, live.row.sid] = live

    # After the commit

    def _last(self, name):
        return self.vehicle(name).last

    def _anchors(self, row):
        live = self.sessions.get((row.vehicle, row.sid))
        if live is not None:
            return live.anchors
        return self.store.anchors(row) if row.id is not None else ()

    def _apply(self, work):
        self._answers.heard(work.write.events)
        for live in work.opened.values():
            self._remember(live)
        for frame in work.write.frames:
            live = self.sessions.get((frame.session.vehicle, frame.session.sid))
            if live is not None and frame.last_t is not None:
                live.was_at(frame.last_t, frame.received_ms)
        work.apply(self._vehicles, lambda name, sid: self.sessions.get((name, sid)))
        for key, live in work.touched.items():
            vehicle = self._vehicles[key[0]]
            vehicle.offer(live.row)
            self._answers.owe(vehicle, live.row)
            self._answers.look(key, live, work.now)
