"""Releases for vehicles: kept with the frames, sent in chunks, and what became of each.

    book = UpdateBook(path)                    the tables, beside the frames in the room's data base
    book.register(folder, manifest, now)       a verified release's content
    book.ordered(vehicle, release, attempt, number, now)
    for row in book.rows(): ...

    updates = Updates(book, orders)            within the serving room
    updates.heard(events, now)                 what vehicles said of updates
    updates.chunk(vehicle, now)                the next message to seal, or None

The content lies in the data base, not the folder's path: each worker can send it, and nobody can
change it between the check and the sending.

A vehicle asks for what it wants; an ask is claimed in the data base before it is answered, so that
of two workers that have heard it one does. What is lost on its way the vehicle asks for again. A
vehicle tells at each of its starts what became of the last order it took: an order that died with
the agent it was given to is seen so, and given once more.
"""

from dataclasses import dataclass
from pathlib import Path

from agent.comms import inbox
from agent.update import boot
from agent.update.download import MAX_CHUNK, WINDOW
from tools.room.orders import OPEN as OPEN_ORDERS
from tools.room.orders import UNANSWERED
from tools.room.sqlite import Tables, errors_named

UPDATE_EVENTS = ("update_wanted", "update_state")
NAME = "update"  # of the order
ORDERED = "ordered"  # the room's own state; all others are the vehicle's
STATES = ("fetching", "lost", "ready", "refused", "failed", "trial", "good", "crashed", "unwell",
          "broken", "none")  # fmt: skip
LAST = ("good", "refused", "failed", "crashed", "unwell", "broken")
OPEN = (ORDERED, "fetching", "lost")
RATE = 10  # chunks a second and vehicle: 40 KB/s, half of what its inbox takes
BURST = 8  # of a vehicle: what one ask holds
MAX_AGAIN = 5  # times that an order which died with its agent is given once more
AGAIN_FOR_MS = 86400000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS releases (
    id BLOB PRIMARY KEY, name TEXT NOT NULL, counter INTEGER NOT NULL, signed BLOB NOT NULL,
    bytes INTEGER NOT NULL, added_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS release_files (
    release BLOB NOT NULL REFERENCES releases (id), file INTEGER NOT NULL,
    before INTEGER NOT NULL, data BLOB NOT NULL, UNIQUE (release, file));
CREATE TABLE IF NOT EXISTS updates (
    vehicle TEXT NOT NULL, release BLOB NOT NULL REFERENCES releases (id),
    attempt INTEGER NOT NULL, number INTEGER NOT NULL, again INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL, why TEXT NOT NULL DEFAULT '', there INTEGER NOT NULL DEFAULT 0,
    given_ms INTEGER NOT NULL, state_ms INTEGER NOT NULL,
    boot INTEGER NOT NULL DEFAULT -1, t INTEGER NOT NULL DEFAULT -1,
    asked_sid BLOB, asked INTEGER, UNIQUE (vehicle, release));
"""
_COLUMNS = (
    "updates.vehicle, release, name, counter, bytes, attempt, number, again, updates.state, why,"
    " there, updates.given_ms, updates.state_ms"
)


@dataclass(slots=True)
class Update:
    """One release for one vehicle. `number`: of the room's order; `there`: bytes that the vehicle
    has, of `bytes`. Times are UTC ms."""

    vehicle: str
    release: bytes
    name: str
    counter: int
    bytes: int
    attempt: int
    number: int
    again: int
    state: str
    why: str
    there: int
    given_ms: int
    state_ms: int


class UpdateBook(Tables):
    """One connection, for one thread at a time. Every method raises StoreError."""

    def __init__(self, path):
        super().__init__(path, _SCHEMA)

    def _change(self, sql, arguments):
        """True when a row was changed."""
        with errors_named(self._path):
            return self._db.execute(sql, arguments).rowcount > 0

    def register(self, folder, manifest, now):
        """Takes in the content of a release that `tools.release.folder.verify` has passed."""
        folder = Path(folder)
        index = (folder / "files").read_bytes()
        before = 0
        contents = [(0, 0, index)]
        for file, (path, size, _) in enumerate(boot.rows(index), 1):
            contents.append((file, before, (folder / "app" / path).read_bytes()))
            before += size
        with errors_named(self._path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                # Signed by others of the three, it is the same release.
                self._db.execute(
                    "INSERT INTO releases VALUES (?, ?, ?, ?, ?, ?)"
                    " ON CONFLICT (id) DO UPDATE SET signed = excluded.signed",
                    (manifest.id, manifest.name, manifest.counter,
                     (folder / "signed").read_bytes(), manifest.bytes, now),
                )  # fmt: skip
                self._db.executemany(
                    "INSERT INTO release_files VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    [(manifest.id, *row) for row in contents],
                )
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise

    def signed(self, release):
        rows = self._ask("SELECT signed FROM releases WHERE id = ?", (release,))
        return rows[0][0] if rows else None

    def part(self, release, file, offset, length):
        """Bytes of a file, b"" where there are none."""
        rows = self._ask(
            "SELECT substr(data, ?, ?) FROM release_files WHERE release = ? AND file = ?",
            (offset + 1, length, release, file),
        )
        return rows[0][0] if rows else b""

    def ordered(self, vehicle, release, attempt, number, now):
        """The room's order `number` was given."""
        self._ask(
            "INSERT INTO updates (vehicle, release, attempt, number, state, given_ms, state_ms)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (vehicle, release) DO UPDATE SET"
            " attempt = excluded.attempt, number = excluded.number, state = excluded.state,"
            " why = '', again = 0, given_ms = excluded.given_ms, state_ms = excluded.state_ms",
            (vehicle, release, attempt, number, ORDERED, now, now),
        )

    def given_again(self, row, number):
        """False when another worker has done so."""
        return self._change(
            "UPDATE updates SET number = ?, again = again + 1"
            " WHERE vehicle = ? AND release = ? AND again = ?",
            (number, row.vehicle, row.release, row.again),
        )

    def rows(self, vehicle=None):
        """All updates, or a vehicle's; the newest first."""
        found = self._ask(
            f"SELECT {_COLUMNS} FROM updates JOIN releases ON releases.id = release"
            " WHERE ? IS NULL OR vehicle = ? ORDER BY updates.given_ms DESC, vehicle",
            (vehicle, vehicle),
        )
        return [Update(*row) for row in found]

    def update(self, vehicle, release):
        """The row, or None."""
        return next((row for row in self.rows(vehicle) if row.release == release), None)

    def becomes(self, event, release, attempt, state, why, there):
        """What the vehicle tells. Older words that come later change nothing. False: no such."""
        boot_count, t = event.session.boot, event.t
        return self._change(
            "UPDATE updates SET state = ?, why = ?, there = MAX(there, ?), state_ms = ?,"
            " boot = ?, t = ? WHERE vehicle = ? AND release = ? AND attempt = ?"
            " AND (boot < ? OR boot = ? AND t <= ?)",
            (state, why, there, event.received_ms, boot_count, t, event.session.vehicle, release,
             attempt, boot_count, boot_count, t),
        )  # fmt: skip

    def claim(self, event, release, file, offset):
        """True when this ask is to be answered here: of a release that the vehicle was ordered, and
        newer in its session than what was answered before."""
        sid, number = event.session.sid, event.number
        return self._change(
            "UPDATE updates SET asked_sid = ?, asked = ?, there = MAX(there, ? + COALESCE("
            "(SELECT before FROM release_files AS f"
            " WHERE f.release = updates.release AND file = ?), 0))"
            " WHERE vehicle = ? AND release = ? AND (asked_sid IS NOT ? OR asked < ?)",
            (sid, number, offset if file else 0, file, event.session.vehicle, release, sid, number),
        )


class _Ask:
    """What one vehicle is being sent."""

    def __init__(self, sid, release, file, offset, end):
        self.sid = sid
        self.release = release
        self.file = file
        self.offset = offset
        self.end = end


class Updates:
    """`orders`: the OrderBook. counters: `asks` answered, `chunks` and their `bytes`, orders given
    `again`, `strange` words of vehicles about updates, `late` asks of sessions that are over."""

    def __init__(self, book, orders):
        self.book = book
        self._orders = orders
        self._asks = {}  # vehicle -> _Ask
        self._pace = {}  # vehicle -> (tokens in thousandths, at)
        self.counters = dict.fromkeys(("asks", "chunks", "bytes", "again", "strange", "late"), 0)

    def heard(self, events, is_current, now):
        """Events that are committed; is_current(vehicle, sid): the session can still be answered.
        Raises StoreError; then they may be given again."""
        for event in events:
            if event.name == "update_state":
                self._state(event, now)
            elif event.name == "update_wanted":
                self._wanted(event, is_current)

    def _state(self, event, now):
        fields = _fields(event, (str, int, str, str, int, int))
        if fields is None or fields[2] not in STATES:
            self.counters["strange"] += 1
            return
        release, attempt, state, why, there, _ = fields
        is_known = self.book.becomes(event, release, attempt, state, why, there)
        if state != "none" and not is_known and self.book.update(event.session.vehicle, release):
            return  # of an earlier attempt, or told before
        self._give_again(event, release, state, now)

    def _wanted(self, event, is_current):
        fields = _fields(event, (str, int, int, int))
        if fields is None or not 0 < fields[3] <= WINDOW or min(fields[1:]) < 0:
            self.counters["strange"] += 1
            return
        release, file, offset, length = fields
        vehicle, sid = event.session.vehicle, event.session.sid
        if not is_current(vehicle, sid):
            self.counters["late"] += 1
        elif self.book.claim(event, release, file, offset):
            self._asks[vehicle] = _Ask(sid, release, file, offset, offset + length)
            self.counters["asks"] += 1

    def _give_again(self, event, release, state, now):
        """An order that went to an earlier start of the agent and died with it is given anew."""
        rows = self.book.rows(event.session.vehicle)
        row = rows[0] if rows else None
        if row is None or row.state not in OPEN or row.again >= MAX_AGAIN:
            return
        if row.release == release and state != "lost":
            return  # it goes on by itself
        order = self._orders.order(row.number)
        is_open = order is not None and order.state in (*OPEN_ORDERS, UNANSWERED)
        if is_open and order.sent_sid not in (None, event.session.sid):
            number = self._orders.give(
                row.vehicle, NAME, order.arguments, order.role, order.given_by, now,
                now + AGAIN_FOR_MS,
            )  # fmt: skip
            self.book.given_again(row, number)
            self.counters["again"] += 1

    def wake(self, may_send, now):
        """ms until a chunk may go, or None. may_send(vehicle): ms until anything may."""
        waits = [max(self._wait(name, now), may_send(name)) for name in self._asks]
        return min(waits, default=None)

    def asking(self):
        """[(vehicle, sid)] that are being sent something."""
        return [(vehicle, ask.sid) for vehicle, ask in self._asks.items()]

    def drop(self, vehicle):
        """It cannot be reached in that session any more; it asks again."""
        self._asks.pop(vehicle, None)

    def chunk(self, vehicle, now):
        """The next message for the vehicle, or None: nothing now. Raises StoreError."""
        ask = self._asks.get(vehicle)
        if ask is None or self._wait(vehicle, now):
            return None
        length = min(MAX_CHUNK, ask.end - ask.offset)
        data = self.book.part(ask.release, ask.file, ask.offset, length)
        if not data:
            del self._asks[vehicle]
            return None
        message = [inbox.CHUNK, ask.release, ask.file, ask.offset, data]
        ask.offset += len(data)
        if ask.offset >= ask.end:
            del self._asks[vehicle]
        tokens, at = self._pace[vehicle]
        self._pace[vehicle] = tokens - 1000, at
        self.counters["chunks"] += 1
        self.counters["bytes"] += len(data)
        return message

    def _wait(self, vehicle, now):
        """ms until the vehicle may be sent a chunk."""
        tokens, at = self._pace.get(vehicle, (BURST * 1000, now))
        if now > at:
            tokens = min(BURST * 1000, tokens + (now - at) * RATE)
        self._pace[vehicle] = tokens, now
        return 0 if tokens >= 1000 else -(-(1000 - tokens) // RATE)


def _fields(event, kinds):
    """The event's fields, the order's id as bytes, or None where they are not of these kinds."""
    fields = event.fields
    if not isinstance(fields, list) or len(fields) != len(kinds):
        return None
    if not all(type(value) is kind for value, kind in zip(fields, kinds, strict=True)):
        return None
    try:
        return bytes.fromhex(fields[0]), *fields[1:]
    except ValueError:
        return None
