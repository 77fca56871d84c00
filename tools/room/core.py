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

from agent import port
from agent.comms import inbox
from agent.comms.hpke import KeyAgreementError
from agent.comms.seal import (
    MAX_FRAME,
    OVERHEAD,
    FrameError,
    FrameSealError,
    header,
    parse_open,
)
from tools.room.intake import Intake
from tools.room.intervals import IntervalSet
from tools.room.live import LiveSession, LiveVehicle, derive, statement_of
from tools.room.orders import ORDER_EVENTS
from tools.room.store import Event, Presence, Session, StoreError
from tools.room.twins import EVENT, PLACE, Twins

DOWN_BLOCK = 64  # numbers reserved at once: one more transaction in 64 acknowledgements
MAX_SESSIONS = 30000  # in memory, about 4 KB each; a fleet of 20,000 has one current session each
MAX_DOWNS = 1000  # a call, so that a whole fleet's acknowledgements do not hold up the intake
_RETRY_MS = 1000  # after the store refused a block of down numbers
_LOOK_MS = 1000  # how often holes are looked at
_HEARD_MS = 60000  # a vehicle that is silent for longer is not asked for anything
_BACKLOG_MS = 10000  # while backlog comes, holes fill by themselves
_RANGE_BYTES = 11  # at most, of one range in an acknowledgement
_SESSION_BYTES = 16  # and of a session without its ranges
_FRAME_BYTES = MAX_FRAME - OVERHEAD - 32
DAY_MS = 24 * 3600 * 1000
_LANES = ("s", "a", "t", "b", "p", "d")
COUNTERS = (
    "messages", "topic", "own", "opens", "opens_known", "open_format", "unknown_vehicle", "revoked",
    "unknown_room_key", "wrong_generation", "wrong_mac", "sid_taken", "frames", "duplicates",
    "unknown_session", "frame_format", "frame_seal", "malformed", "records_refused", "presence",
    "duplicate_identity", "acks", "asked_again", "asked_open", "store_errors",
)  # fmt: skip


class Room:
    """See the module. `keys`: a `keys.RoomFile`, may be replaced by a newer one at any time;
    `dispatch`: an `orders.Dispatch`, None where nobody gives orders."""

    def __init__(self, store, keys, dispatch=None):
        self.store = store
        self.keys = keys
        self.dispatch = dispatch
        self._told = []  # events about orders that the book has still to take
        self.counters = dict.fromkeys(COUNTERS, 0)
        self._sessions = OrderedDict()  # (vehicle, sid) -> LiveSession, least recently used first
        self._vehicles = {}  # name -> LiveVehicle; bounded by what the keys know
        self._dirty = {}  # name -> LiveVehicle with pending acknowledgements
        self._holed = {}  # (vehicle, sid) -> LiveSession with holes
        self._twins = Twins()
        self._looked = None  # when holes were last looked at
        self._failed = None  # when the store last refused a block of down numbers

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
        return self._answer(work, now)

    def greet(self, now, since_ms=DAY_MS):
        """Acknowledges every session that was active lately, so that vehicles that wait go on; the
        frames come out of the next calls of `handle`. Raises StoreError."""
        for row in self.store.active_since(now - since_ms):
            if row.vehicle in self.keys.vehicles:
                vehicle = self._vehicle(row.vehicle)
                vehicle.pending[row.sid] = row
                self._dirty[row.vehicle] = vehicle

    def wake(self, now):
        """ms until `handle([], now)` has something to do, or None."""
        wait = None
        if self._holed:
            wait = 0 if self._looked is None else max(0, self._looked + _LOOK_MS - now)
        for vehicle in self._dirty.values():
            ms = vehicle.may_send(now)
            if not ms:
                return 0 if self._failed is None else _RETRY_MS
            wait = ms if wait is None else min(wait, ms)
        if self.dispatch is not None:
            ms = self.dispatch.wake(now)
            wait = ms if wait is None else min(wait, ms)
        return wait

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
        known = self._session(work, name, opening.sid)
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
                why = "wrong_mac"  # nobody who knows a secret sends such a key
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

    def _session(self, work, name, sid):
        """LiveSession that is open, or None."""
        key = (name, sid)
        if work is not None:
            if key in work.opened:
                return work.opened[key]
            if key in work.unknown:
                return None
        live = self._sessions.get(key)
        if live is not None:
            self._sessions.move_to_end(key)
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
        self._sessions[live.row.vehicle, live.row.sid] = live
        while len(self._sessions) > MAX_SESSIONS:
            key, _ = self._sessions.popitem(last=False)
            self._holed.pop(key, None)

    def _vehicle(self, name):
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
        live = self._session(work, name, sid)
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
        if online and ((name, sid) in self._sessions or (name, sid) in work.opened):
            work.twins.born(name, sid)  # no question to the store: anybody can write presence
        last = work.write.presence.get(name) or self._vehicle(name).last.presence
        if last is not None and not online and sid != last.sid:
            return  # the will of a connection that has long been followed by another
        if last is None or (last.is_online, last.sid) != (online, sid):
            work.write.presence[name] = Presence(online, sid, work.now)

    def _touch(self, work, live):
        self._vehicle(live.row.vehicle)  # read now: after the commit nothing may fail any more
        work.touched[live.row.vehicle, live.row.sid] = live

    # After the commit

    def _last(self, name):
        return self._vehicle(name).last

    def _anchors(self, row):
        live = self._sessions.get((row.vehicle, row.sid))
        if live is not None:
            return live.anchors
        return self.store.anchors(row) if row.id is not None else ()

    def _apply(self, work):
        if self.dispatch is not None:
            self._told += [e for e in work.write.events if e.name in ORDER_EVENTS]
        for frame in work.write.frames:
            live = self._sessions.get((frame.session.vehicle, frame.session.sid))
            if live is not None and frame.last_t is not None:
                live.was_at(frame.last_t, frame.received_ms)
        for live in work.opened.values():
            self._remember(live)
        work.apply(self._vehicles, lambda name, sid: self._sessions.get((name, sid)))
        for key, live in work.touched.items():
            vehicle = self._vehicles[key[0]]
            vehicle.offer(live.row)
            vehicle.pending[key[1]] = live.row
            self._dirty[key[0]] = vehicle
            if live.held.above():
                self._holed[key] = live
                live.look(work.now)
            else:
                self._holed.pop(key, None)

    def _answer(self, work, now):
        downs = []
        self._failed = None
        try:
            for name, sid in work.strangers.items():
                self._ask_open(downs, self._vehicle(name), sid, now)
            self._acknowledge(downs, now)
            self._ask_again(downs, now)
            if self.dispatch is not None:
                self._give_orders(downs, now)
        except StoreError:
            # What came is committed; what could not be said now is said again by the next call.
            self.counters["store_errors"] += 1
            self._failed = now
        return downs

    def _give_orders(self, downs, now):
        self.dispatch.heard(self._told)
        self._told = []
        for order, live in self.dispatch.due(lambda name: self._reached(name, now), now):
            vehicle = self._vehicle(order.vehicle)
            if vehicle.may_send(now):
                continue
            deadline = live.uptime(now) + order.until_ms - now
            self.dispatch.noted(order, live.row.sid, now)
            message = [inbox.ORDER, order.id, deadline, order.role, order.name, order.arguments]
            self._send(downs, vehicle, [live], message)

    def _reached(self, name, now):
        """The LiveSession in which a vehicle was heard just now, or None."""
        if name not in self.keys.vehicles:
            return None
        vehicle = self._vehicle(name)
        heard = vehicle.last.heard_ms
        if heard is None or now - heard > _HEARD_MS:
            return None
        targets = self._targets(vehicle)
        return next((t for t in targets if t.row.sid == vehicle.live), next(iter(targets), None))

    def _send(self, downs, vehicle, targets, message):
        """Seals a message to sessions of the vehicle; each frame takes a number of its own."""
        plaintext = port.packb(message)
        for live in targets:
            number = live.down_number(self.store, DOWN_BLOCK)
            downs.append((f"p1/{vehicle.name}/d", live.down.seal(number, plaintext)))
            vehicle.spend()

    def _targets(self, vehicle):
        """The sessions whose keys a vehicle may have now; see the module."""
        current = vehicle.current
        sids = [current.sid] if current else []
        if vehicle.live not in (None, *sids):
            sids.append(vehicle.live)
        found = [self._session(None, vehicle.name, sid) for sid in sids]
        return [live for live in found if live is not None]

    def _acknowledge(self, downs, now):
        for name, vehicle in list(self._dirty.items()):
            if len(downs) >= MAX_DOWNS:
                return
            targets = self._targets(vehicle)
            if not targets:
                vehicle.pending.clear()
            while vehicle.pending and not vehicle.may_send(now):
                statements = self._statements(vehicle)
                self._send(downs, vehicle, targets, [inbox.ACK, now, statements])
                self.counters["acks"] += 1
                for statement in statements:
                    del vehicle.pending[statement[0]]
            if not vehicle.pending:
                del self._dirty[name]

    def _statements(self, vehicle):
        """As many of the pending sessions as fit a frame."""
        found = []
        size = 0
        for row in vehicle.pending.values():
            live = self._sessions.get((row.vehicle, row.sid))
            if live is not None:
                statement = live.statement()
            else:
                statement = statement_of(row.sid, IntervalSet(self.store.held(row)), None)
            size += _SESSION_BYTES + _RANGE_BYTES * len(statement[2])
            if found and (size > _FRAME_BYTES or len(found) == inbox.MAX_SESSIONS):
                break
            found.append(statement)
        return found

    def _ask_open(self, downs, vehicle, sid, now):
        """A frame came whose session is not known: please send that session's open."""
        targets = self._targets(vehicle)
        if targets and not vehicle.may_send(now) and vehicle.may_ask_open(sid, now):
            self._send(downs, vehicle, targets, [inbox.OPEN, sid])
            self.counters["asked_open"] += 1

    def _ask_again(self, downs, now):
        """Holes that last while later frames came: please send them again."""
        if self._looked is not None and 0 <= now - self._looked < _LOOK_MS:
            return
        self._looked = now
        for (name, sid), live in list(self._holed.items()):
            vehicle = self._vehicle(name)
            heard, backlog = vehicle.last.heard_ms, vehicle.backlog_ms
            if heard is None or now - heard > _HEARD_MS or vehicle.may_send(now):
                continue
            if backlog is not None and now - backlog < _BACKLOG_MS:
                continue
            holes = live.overdue(now)
            if holes:
                # Other workers, too, take in frames and gaps of the session.
                live.refresh(self.store.held(live.row), self.store.gaps(name, sid))
                holes = [hole for hole in live.missing() if hole in holes]
            targets = self._targets(vehicle) if holes else ()
            if targets:
                self._send(downs, vehicle, targets, [inbox.AGAIN, sid, [list(h) for h in holes]])
                self.counters["asked_again"] += 1
