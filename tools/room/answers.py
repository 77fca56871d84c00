"""What the room sends down after a commit: acknowledgements, questions, orders.

    answers = Answers(room)
    answers.owe(vehicle, row)            that session is to be acknowledged
    answers.look(key, live, now)         it may have holes
    answers.heard(events)                what vehicles said, for the book of orders
    downs = answers.make(strangers, now) [(topic, payload), ...]

Nothing is lost where the store refuses here: what came is committed, and what could not be said now
is said by the next call.
"""

from agent import port
from agent.comms import inbox
from agent.comms.seal import MAX_FRAME, OVERHEAD
from tools.room.intervals import IntervalSet
from tools.room.live import statement_of
from tools.room.orders import ORDER_EVENTS
from tools.room.store import StoreError
from tools.room.updates import UPDATE_EVENTS

DOWN_BLOCK = 64  # numbers reserved at once: one more transaction in 64 acknowledgements
MAX_DOWNS = 1000  # a call, so that a whole fleet's acknowledgements do not hold up the intake
_RETRY_MS = 1000  # after the store refused a block of down numbers
_LOOK_MS = 1000  # how often holes are looked at
_HEARD_MS = 60000  # a vehicle that is silent for longer is not asked for anything
_BACKLOG_MS = 10000  # while backlog comes, holes fill by themselves
_RANGE_BYTES = 11  # at most, of one range in an acknowledgement
_SESSION_BYTES = 16  # and of a session without its ranges
_FRAME_BYTES = MAX_FRAME - OVERHEAD - 32


class Answers:
    """Of one Room."""

    def __init__(self, room):
        self._room = room
        self._dirty = {}  # name -> LiveVehicle with pending acknowledgements
        self._holed = {}  # (vehicle, sid) -> LiveSession with holes
        self._told = []  # events about orders that the book has still to take
        self._updated = []  # and about updates
        self._looked = None  # when holes were last looked at
        self._failed = None  # when the store last refused a block of down numbers

    def owe(self, vehicle, row):
        vehicle.pending[row.sid] = row
        self._dirty[vehicle.name] = vehicle

    def look(self, key, live, now):
        if live.held.above():
            self._holed[key] = live
            live.look(now)
        else:
            self._holed.pop(key, None)

    def forget(self, key):
        self._holed.pop(key, None)

    def heard(self, events):
        if self._room.dispatch is not None:
            self._told += [e for e in events if e.name in ORDER_EVENTS]
        if self._room.updates is not None:
            self._updated += [e for e in events if e.name in UPDATE_EVENTS]

    def wake(self, now):
        """ms until `make` has something to do, or None."""
        waits = []
        if self._holed:
            waits.append(0 if self._looked is None else max(0, self._looked + _LOOK_MS - now))
        for vehicle in self._dirty.values():
            ms = vehicle.may_send(now)
            if not ms:
                return 0 if self._failed is None else _RETRY_MS
            waits.append(ms)
        if self._room.dispatch is not None:
            waits.append(self._room.dispatch.wake(now))
        if self._room.updates is not None:
            ms = self._room.updates.wake(lambda n: self._room.vehicle(n).may_send(now), now)
            if ms is not None:
                waits.append(ms if self._failed is None else max(ms, _RETRY_MS))
        return min(waits, default=None)

    def make(self, strangers, now):
        """strangers: {vehicle: sid} of frames whose session is not known."""
        downs = []
        self._failed = None
        try:
            for name, sid in strangers.items():
                self._ask_open(downs, self._room.vehicle(name), sid, now)
            self._acknowledge(downs, now)
            self._ask_again(downs, now)
            if self._room.dispatch is not None:
                self._give_orders(downs, now)
            if self._room.updates is not None:
                self._send_releases(downs, now)
        except StoreError:
            self._room.counters["store_errors"] += 1
            self._failed = now
        return downs

    def _give_orders(self, downs, now):
        self._room.dispatch.heard(self._told)
        self._told = []
        for order, live in self._room.dispatch.due(lambda name: self._reached(name, now), now):
            vehicle = self._room.vehicle(order.vehicle)
            if vehicle.may_send(now):
                continue
            deadline = live.uptime(now) + order.until_ms - now
            self._room.dispatch.noted(order, live.row.sid, now)
            message = [inbox.ORDER, order.id, deadline, order.role, order.name, order.arguments]
            self._send(downs, vehicle, [live], message)

    def _send_releases(self, downs, now):
        """Chunks of what vehicles have asked for, to the session that did, in what is left of each
        vehicle's share."""
        updates = self._room.updates
        updates.heard(self._updated, self._is_target, now)
        self._updated = []
        for name, sid in updates.asking():
            if not self._is_target(name, sid):
                updates.drop(name)
                continue
            vehicle = self._room.vehicle(name)
            live = self._room.session(None, name, sid)
            while len(downs) < MAX_DOWNS and not vehicle.may_send(now):
                message = updates.chunk(name, now)
                if message is None:
                    break
                self._send(downs, vehicle, [live], message)

    def _is_target(self, name, sid):
        """True when the vehicle may have the session's keys now."""
        if name not in self._room.keys.vehicles:
            return False
        return any(live.row.sid == sid for live in self._targets(self._room.vehicle(name)))

    def _reached(self, name, now):
        """The LiveSession in which a vehicle was heard just now, or None."""
        if name not in self._room.keys.vehicles:
            return None
        vehicle = self._room.vehicle(name)
        heard = vehicle.last.heard_ms
        if heard is None or now - heard > _HEARD_MS:
            return None
        targets = self._targets(vehicle)
        if not targets:
            return None
        live = next((t for t in targets if t.row.sid == vehicle.live), targets[0])
        if targets[0].row.opened_ms > live.row.opened_ms:
            live = targets[0]  # it has just begun: the one before hears nothing any more
        # A deadline is uptime: it is known with the session's first frame.
        return live if live.knows_uptime else None

    def _send(self, downs, vehicle, targets, message):
        """Seals a message to sessions of the vehicle; each frame takes a number of its own."""
        plaintext = port.packb(message)
        for live in targets:
            number = live.down_number(self._room.store, DOWN_BLOCK)
            downs.append((f"p1/{vehicle.name}/d", live.down.seal(number, plaintext)))
            vehicle.spend()

    def _targets(self, vehicle):
        """The sessions whose keys a vehicle may have now; see the module."""
        current = vehicle.current
        sids = [current.sid] if current else []
        if vehicle.live not in (None, *sids):
            sids.append(vehicle.live)
        found = [self._room.session(None, vehicle.name, sid) for sid in sids]
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
                self._room.counters["acks"] += 1
                for statement in statements:
                    del vehicle.pending[statement[0]]
            if not vehicle.pending:
                del self._dirty[name]

    def _statements(self, vehicle):
        """As many of the pending sessions as fit a frame."""
        found = []
        size = 0
        for row in vehicle.pending.values():
            live = self._room.sessions.get((row.vehicle, row.sid))
            if live is not None:
                statement = live.statement()
            else:
                statement = statement_of(row.sid, IntervalSet(self._room.store.held(row)), None)
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
            self._room.counters["asked_open"] += 1

    def _ask_again(self, downs, now):
        """Holes that last while later frames came: please send them again."""
        if self._looked is not None and 0 <= now - self._looked < _LOOK_MS:
            return
        self._looked = now
        for (name, sid), live in list(self._holed.items()):
            vehicle = self._room.vehicle(name)
            heard, backlog = vehicle.last.heard_ms, vehicle.backlog_ms
            if heard is None or now - heard > _HEARD_MS or vehicle.may_send(now):
                continue
            if backlog is not None and now - backlog < _BACKLOG_MS:
                continue
            holes = live.overdue(now)
            if holes:
                # Other workers, too, take in frames and gaps of the session.
                live.refresh(self._room.store.held(live.row), self._room.store.gaps(name, sid))
                holes = [hole for hole in live.missing() if hole in holes]
            targets = self._targets(vehicle) if holes else ()
            if targets:
                self._send(downs, vehicle, targets, [inbox.AGAIN, sid, [list(h) for h in holes]])
                self._room.counters["asked_again"] += 1
