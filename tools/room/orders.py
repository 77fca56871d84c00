"""Orders to vehicles: kept until their time is over, sent when the vehicle is there, never twice.

    book = OrderBook(path)                     the table, beside the frames in the room's data base
    number = book.give(vehicle, name, arguments, role, by, now, until)
    for row in book.of(vehicle): ...

    dispatch = Dispatch(book, store)           within the serving room
    dispatch.heard(events, now)                what vehicles said of orders
    for order in dispatch.due(now): ...        what to seal now

An order is sent within one session of the vehicle, again as long as nothing comes back. To a later
session it is sent only when it is certain that the earlier one never got it: that session has
ended, all that it recorded is here, and nothing in it speaks of the order. Otherwise it could be
carried out twice. What then is still open at the end of its time is `unanswered`: nobody knows.

States: queued, sent; then the vehicle's own (agent/comms/orders.py): received, running, done,
refused, expired; the room's at the end of the time: expired (never sent), unanswered.
"""

import json
import sqlite3
from dataclasses import dataclass

from agent.comms import orders as states
from tools.room.sqlite import Tables, errors_named

QUEUED = "queued"
SENT = "sent"
UNANSWERED = "unanswered"
ORDER_EVENTS = ("order", "order_result", "message_read")
OPEN = (QUEUED, SENT, states.RECEIVED, states.RUNNING)

LOOK_MS = 500  # how often the book is looked at
AGAIN_MS = 5000  # until an order that nothing came back of is sent again; doubles
MAX_OPEN = 64  # of a vehicle: more than its dispatchers can mean
GRACE_MS = 60000  # after an order's time its answer may still be on its way

_SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT, vehicle TEXT NOT NULL, name TEXT NOT NULL,
    arguments TEXT NOT NULL, role INTEGER NOT NULL, given_by TEXT NOT NULL,
    given_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL, state TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT '', state_ms INTEGER NOT NULL,
    sent_sid BLOB, sent_ms INTEGER, sent_count INTEGER NOT NULL DEFAULT 0, read_ms INTEGER);
CREATE INDEX IF NOT EXISTS orders_open ON orders (vehicle, state);
CREATE TABLE IF NOT EXISTS order_results (
    id INTEGER NOT NULL REFERENCES orders (id), piece INTEGER NOT NULL, pieces INTEGER NOT NULL,
    text TEXT NOT NULL, UNIQUE (id, piece));
"""
_COLUMNS = (
    "id, vehicle, name, arguments, role, given_by, given_ms, until_ms, state, detail, state_ms,"
    " sent_sid, sent_ms, sent_count, read_ms"
)
# Columns that data bases of earlier versions have not: name and kind.
_ADDED = (("read_ms", "INTEGER"),)


class OrderError(Exception):
    """The order is not taken; one line that says why."""


@dataclass(slots=True)
class Order:
    """A row. Times are UTC ms; arguments: a dict."""

    id: int
    vehicle: str
    name: str
    arguments: dict
    role: int
    given_by: str
    given_ms: int
    until_ms: int
    state: str
    detail: str
    state_ms: int
    sent_sid: bytes | None
    sent_ms: int | None
    sent_count: int
    read_ms: int | None  # when the crew had read it, a message


class OrderBook(Tables):
    """One connection, for one thread at a time. Every method raises StoreError."""

    def __init__(self, path):
        super().__init__(path, _SCHEMA)
        with errors_named(path):
            self._migrate()

    def _migrate(self):
        """Adds what an earlier version's table has not; two who do so at once are no error."""
        there = [row[1] for row in self._db.execute("PRAGMA table_info(orders)")]
        for name, kind in _ADDED:
            if name not in there:
                try:
                    self._db.execute(f"ALTER TABLE orders ADD COLUMN {name} {kind}")
                except sqlite3.OperationalError as e:
                    if "duplicate column" not in str(e):
                        raise

    def give(self, vehicle, name, arguments, role, by, now, until):
        """Keeps an order; its number. Raises OrderError."""
        open_ = f"SELECT COUNT(*) FROM orders WHERE vehicle = ? AND state IN ({_marks(OPEN)})"
        if self._ask(open_, (vehicle, *OPEN))[0][0] >= MAX_OPEN:
            raise OrderError(f"{vehicle} has {MAX_OPEN} orders open already")
        with errors_named(self._path):
            return self._db.execute(
                "INSERT INTO orders (vehicle, name, arguments, role, given_by, given_ms, until_ms,"
                " state, state_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (vehicle, name, _pack(arguments), role, by, now, until, QUEUED, now),
            ).lastrowid

    def of(self, vehicle):
        """All orders of a vehicle, the newest first."""
        return self._rows("WHERE vehicle = ? ORDER BY id DESC", (vehicle,))

    def order(self, number):
        rows = self._rows("WHERE id = ?", (number,))
        return rows[0] if rows else None

    def open(self):
        """Orders that are not ended, the oldest first."""
        return self._rows(f"WHERE state IN ({_marks(OPEN)}) ORDER BY id", OPEN)

    def _rows(self, where, arguments):
        rows = self._ask(f"SELECT {_COLUMNS} FROM orders {where}", arguments)
        return [Order(*r[:3], _unpack(r[3]), *r[4:]) for r in rows]

    def result(self, number):
        """What the vehicle answered, parsed; None while it is not complete."""
        rows = self._ask(
            "SELECT pieces, text FROM order_results WHERE id = ? ORDER BY piece", (number,)
        )
        if not rows or len(rows) != rows[0][0]:
            return None
        try:
            return json.loads("".join(text for _, text in rows))
        except ValueError:
            return None

    def sent(self, number, sid, now):
        self._ask(
            "UPDATE orders SET sent_sid = ?, sent_ms = ?, sent_count = sent_count + 1,"
            " state = CASE state WHEN ? THEN ? ELSE state END WHERE id = ?",
            (sid, now, QUEUED, SENT, number),
        )

    def becomes(self, number, vehicle, state, detail, now):
        """A state that follows; what has ended stays as it is. False: no such open order."""
        with errors_named(self._path):
            return bool(
                self._db.execute(
                    "UPDATE orders SET state = ?, detail = ?, state_ms = ? WHERE id = ?"
                    f" AND vehicle = ? AND state IN ({_marks(OPEN)}, ?)"
                    " AND NOT (state = ? AND ? = ?)",
                    (state, detail, now, number, vehicle, *OPEN, UNANSWERED,
                     states.RUNNING, state, states.RECEIVED),
                ).rowcount
            )  # fmt: skip

    def read(self, number, vehicle, now):
        """The crew has read the message; the first word of it counts. False: no such order."""
        with errors_named(self._path):
            return bool(
                self._db.execute(
                    "UPDATE orders SET read_ms = COALESCE(read_ms, ?) WHERE id = ? AND vehicle = ?",
                    (now, number, vehicle),
                ).rowcount
            )

    def piece(self, number, vehicle, piece, pieces, text):
        self._ask(
            "INSERT INTO order_results SELECT id, ?, ?, ? FROM orders WHERE id = ? AND vehicle = ?"
            " ON CONFLICT DO NOTHING",
            (piece, pieces, text, number, vehicle),
        )


def _pack(arguments):
    """JSON of an order's arguments; bytes become {"hex": "..."}."""
    return json.dumps(arguments, default=lambda value: {"hex": value.hex()})


def _unpack(text):
    return json.loads(
        text, object_hook=lambda o: bytes.fromhex(o["hex"]) if o.keys() == {"hex"} else o
    )


def _marks(values):
    return ", ".join("?" * len(values))


class Dispatch:
    """What is to be sent when. `store`: the room's, to see what an earlier session brought.

    counters: `given` to a vehicle, `again` of those, `strange` words of vehicles about orders."""

    def __init__(self, book, store):
        self.book = book
        self._store = store
        self._looked = None
        self.counters = {"given": 0, "again": 0, "strange": 0}

    def wake(self, now):
        """ms until `due` looks again."""
        return 0 if self._looked is None else max(0, self._looked + LOOK_MS - now)

    def heard(self, events):
        """Events that are committed. Raises StoreError; then they may be given again."""
        for event in events:
            if event.name == "order":
                self._state(event)
            elif event.name == "order_result":
                self._piece(event)
            elif event.name == "message_read":
                self._read(event)

    def _state(self, event):
        number, state, detail = (*event.fields, None, None, None)[:3]
        words = (states.RECEIVED, states.RUNNING, *states.LAST)
        is_known = isinstance(number, int) and state in words and isinstance(detail, str)
        vehicle = event.session.vehicle
        if not is_known or not self.book.becomes(number, vehicle, state, detail, event.received_ms):
            self.counters["strange"] += 1

    def _read(self, event):
        number = event.fields[0] if len(event.fields) == 1 else None
        vehicle = event.session.vehicle
        if not isinstance(number, int) or not self.book.read(number, vehicle, event.received_ms):
            self.counters["strange"] += 1

    def _piece(self, event):
        if len(event.fields) == 4 and all(isinstance(n, int) for n in event.fields[:3]):
            number, piece, pieces, text = event.fields
            if 0 <= piece < pieces <= 64 and isinstance(text, str):
                self.book.piece(number, event.session.vehicle, piece, pieces, text)
                return
        self.counters["strange"] += 1

    def due(self, session_of, now):
        """[(order, session)] to be sent now. session_of(vehicle): a LiveSession in which it was
        heard just now, or None. Raises StoreError."""
        if self._looked is not None and 0 <= now - self._looked < LOOK_MS:
            return []
        self._looked = now
        found = []
        for order in self.book.open():
            if now >= order.until_ms:
                self._over(order, now)
                continue
            if order.state not in (QUEUED, SENT):
                continue
            session = session_of(order.vehicle)
            if session is not None and self._may_go(order, session.row, now):
                found.append((order, session))
        return found

    def noted(self, order, sid, now):
        """It is about to be sent. What was noted and did not leave is sent again; the other way
        round it could be sent to two sessions."""
        self.counters["again" if order.sent_count else "given"] += 1
        self.book.sent(order.id, sid, now)

    def _over(self, order, now):
        if order.state == QUEUED:
            self.book.becomes(order.id, order.vehicle, states.EXPIRED, "never sent", now)
        elif now >= order.until_ms + GRACE_MS:
            self.book.becomes(order.id, order.vehicle, UNANSWERED, "", now)

    def _may_go(self, order, session, now):
        if order.sent_sid is None:
            return True
        if order.sent_sid == session.sid:
            wait = AGAIN_MS << min(order.sent_count - 1, 6)
            return now - order.sent_ms >= wait
        return self._never_got(order)

    def _never_got(self, order):
        """True when the session that the order was sent in has ended, is here as a whole, and says
        nothing of it (its state would not be SENT)."""
        earlier = self._store.session(order.vehicle, order.sent_sid)
        if earlier is None:
            return False
        held = list(self._store.held(earlier))
        lost = [first for first, _ in self._store.gaps(order.vehicle, order.sent_sid)]
        for event in self._store.events(order.vehicle):
            if event.name == "session_end" and event.fields[::2] == [earlier.sid.hex(), "clean"]:
                end = event.fields[1]
                if _covers(held, end) and all(first >= end for first in lost):
                    return True
        return False


def _covers(ranges, end):
    """True when the inclusive ranges, sorted, hold every number below `end`."""
    reach = 0
    for first, last in ranges:
        if first > reach:
            return False
        reach = last + 1
    return reach >= end
