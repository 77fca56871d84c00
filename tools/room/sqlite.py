"""The store in SQLite: WAL, synchronous=FULL, so that a commit survives a power cut.

Rowid tables with a UNIQUE index take in several times as many frames as WITHOUT ROWID ones. Only
this file knows SQL, and it keeps to what PostgreSQL understands as well, but for the pragmas.
"""

import json
import sqlite3
from contextlib import contextmanager

from agent.records import POSITION, VALUE
from tools.room.store import Event, Frame, LastState, Presence, Session, StoreError

SCHEMA_VERSION = 1
_BUSY_S = 10  # how long another process's transaction is waited for

_SCHEMA = """
CREATE TABLE schema_version (version INTEGER NOT NULL);
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY, vehicle TEXT NOT NULL, sid BLOB NOT NULL, enc BLOB NOT NULL,
    key_id BLOB NOT NULL, generation INTEGER NOT NULL, boot INTEGER NOT NULL,
    opened_ms INTEGER NOT NULL, heard_ms INTEGER NOT NULL, down_next INTEGER NOT NULL DEFAULT 0,
    UNIQUE (vehicle, sid));
CREATE TABLE frames (
    id INTEGER PRIMARY KEY, session INTEGER NOT NULL REFERENCES sessions (id),
    number INTEGER NOT NULL, lane TEXT NOT NULL, received_ms INTEGER NOT NULL,
    first_t INTEGER, last_t INTEGER, plaintext BLOB NOT NULL, UNIQUE (session, number));
CREATE TABLE anchors (
    session INTEGER NOT NULL REFERENCES sessions (id), uptime INTEGER NOT NULL,
    utc INTEGER NOT NULL, source INTEGER NOT NULL, uncertainty INTEGER NOT NULL,
    UNIQUE (session, uptime, utc, source, uncertainty));
CREATE TABLE events (
    id INTEGER PRIMARY KEY, session INTEGER NOT NULL REFERENCES sessions (id),
    number INTEGER NOT NULL, place INTEGER NOT NULL, t INTEGER NOT NULL, name TEXT NOT NULL,
    fields TEXT NOT NULL, received_ms INTEGER NOT NULL, UNIQUE (session, number, place));
CREATE TABLE gaps (
    vehicle TEXT NOT NULL, sid BLOB NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    reported_in INTEGER NOT NULL REFERENCES sessions (id),
    UNIQUE (vehicle, sid, first, last));
CREATE TABLE last_positions (
    vehicle TEXT PRIMARY KEY, session INTEGER NOT NULL REFERENCES sessions (id),
    t INTEGER NOT NULL, lat INTEGER NOT NULL, lon INTEGER NOT NULL, alt INTEGER, speed INTEGER,
    heading INTEGER, sats INTEGER, flags INTEGER NOT NULL);
CREATE TABLE last_values (
    vehicle TEXT NOT NULL, signal INTEGER NOT NULL,
    session INTEGER NOT NULL REFERENCES sessions (id), t INTEGER NOT NULL, raw INTEGER NOT NULL,
    UNIQUE (vehicle, signal));
CREATE TABLE presence (
    vehicle TEXT PRIMARY KEY, is_online INTEGER NOT NULL, sid BLOB NOT NULL,
    since_ms INTEGER NOT NULL);
CREATE TABLE heard (vehicle TEXT PRIMARY KEY, heard_ms INTEGER NOT NULL);
"""

_SESSION = "SELECT vehicle, sid, enc, key_id, generation, boot, opened_ms, id FROM sessions "


@contextmanager
def errors_named(path):
    """What the data base raises becomes a StoreError that names it."""
    try:
        yield
    except (sqlite3.Error, OverflowError) as e:
        raise StoreError(f"database {path}: {e}") from e


class Tables:
    """A book of its own in the room's data base, beside the frames: one connection, for one thread
    at a time. Every method raises StoreError."""

    def __init__(self, path, schema):
        self._path = path
        with errors_named(path):
            self._db = sqlite3.connect(
                path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            _make(self._db, schema)

    def _ask(self, sql, arguments=()):
        with errors_named(self._path):
            return self._db.execute(sql, arguments).fetchall()

    def close(self):
        self._db.close()


def _make(db, schema):
    for statement in schema.split(";"):
        if statement.strip():
            db.execute(statement)


class SqliteStore:
    """One connection, for one thread at a time. A reader's does not create the file."""

    def __init__(self, path, readonly=False):
        self._path = path
        where = f"file:{path}?mode=ro" if readonly else f"file:{path}"
        with errors_named(self._path):
            self._db = sqlite3.connect(
                where, uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
            )
            try:
                if not readonly:
                    self._db.execute("PRAGMA journal_mode = WAL")
                    self._db.execute("PRAGMA synchronous = FULL")
                self._check_schema(readonly)
            except BaseException:
                self._db.close()
                raise

    def _check_schema(self, readonly):
        with self._transaction(readonly):
            made = self._rows("SELECT name FROM sqlite_master WHERE name = 'schema_version'")
            if not made and not readonly:
                _make(self._db, _SCHEMA)
                self._db.execute("INSERT INTO schema_version VALUES (?)", (SCHEMA_VERSION,))
            found = self._rows("SELECT version FROM schema_version")
        if found != [(SCHEMA_VERSION,)]:
            text = "database %s has schema version %s, this room knows %d"
            raise StoreError(text % (self._path, found[0][0] if found else "?", SCHEMA_VERSION))

    @contextmanager
    def _transaction(self, readonly=False):
        # IMMEDIATE: who reads first and writes then must not be overtaken in between.
        self._db.execute("BEGIN" if readonly else "BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _rows(self, sql, arguments=()):
        return self._db.execute(sql, arguments).fetchall()

    def _ask(self, sql, arguments=()):
        with errors_named(self._path):
            return self._rows(sql, arguments)

    # Writing

    def commit(self, write):
        fresh = [session for session in write.sessions if session.id is None]
        try:
            with errors_named(self._path), self._transaction():
                self._insert_sessions(fresh)
                self._insert_frames(write)
                self._upsert_state(write)
        except StoreError:
            for session in fresh:  # their numbers were rolled back, too
                session.id = None
            raise

    def _insert_sessions(self, sessions):
        for s in sessions:
            cursor = self._db.execute(
                "INSERT INTO sessions (vehicle, sid, enc, key_id, generation, boot, opened_ms,"
                " heard_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (s.vehicle, s.sid, s.enc, s.key_id, s.generation, s.boot, s.opened_ms, s.opened_ms),
            )
            s.id = cursor.lastrowid

    def _insert_frames(self, write):
        self._db.executemany(
            "INSERT INTO frames (session, number, lane, received_ms, first_t, last_t, plaintext)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [
                (f.session.id, f.number, f.lane, f.received_ms, f.first_t, f.last_t, f.plaintext)
                for f in write.frames
            ],
        )
        self._db.executemany(
            "UPDATE sessions SET heard_ms = ? WHERE id = ?",
            {f.session.id: (f.received_ms, f.session.id) for f in write.frames}.values(),
        )
        self._db.executemany(
            "INSERT INTO anchors VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [(a[0].id, *a[1:]) for a in write.anchors],
        )
        self._db.executemany(
            "INSERT INTO events (session, number, place, t, name, fields, received_ms)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [
                (e.session.id, e.number, e.place, e.t, e.name, json.dumps(e.fields), e.received_ms)
                for e in write.events
            ],
        )
        self._db.executemany(
            "INSERT INTO gaps VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [(g.session.vehicle, g.sid, g.first, g.last, g.session.id) for g in write.gaps],
        )

    def _upsert_state(self, write):
        self._db.executemany(
            "INSERT INTO last_positions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (vehicle) DO UPDATE SET session = excluded.session, t = excluded.t,"
            " lat = excluded.lat, lon = excluded.lon, alt = excluded.alt, speed = excluded.speed,"
            " heading = excluded.heading, sats = excluded.sats, flags = excluded.flags",
            [(vehicle, s.id, *record[1:]) for vehicle, (s, record) in write.positions.items()],
        )
        self._db.executemany(
            "INSERT INTO last_values VALUES (?, ?, ?, ?, ?) ON CONFLICT (vehicle, signal)"
            " DO UPDATE SET session = excluded.session, t = excluded.t, raw = excluded.raw",
            [
                (vehicle, signal, s.id, record[1], record[3])
                for (vehicle, signal), (s, record) in write.values.items()
            ],
        )
        self._db.executemany(
            "INSERT INTO heard VALUES (?, ?) ON CONFLICT (vehicle)"
            " DO UPDATE SET heard_ms = excluded.heard_ms",
            write.heard.items(),
        )
        self._db.executemany(
            "INSERT INTO presence VALUES (?, ?, ?, ?) ON CONFLICT (vehicle) DO UPDATE SET"
            " is_online = excluded.is_online, sid = excluded.sid, since_ms = excluded.since_ms",
            [(v, int(p.is_online), p.sid, p.since_ms) for v, p in write.presence.items()],
        )

    def reserve_down(self, session, count):
        with errors_named(self._path), self._transaction():
            self._db.execute(
                "UPDATE sessions SET down_next = down_next + ? WHERE id = ?", (count, session.id)
            )
            rows = self._rows("SELECT down_next FROM sessions WHERE id = ?", (session.id,))
        if not rows:
            raise StoreError(f"database {self._path}: session {session.sid.hex()} is gone")
        return rows[0][0] - count

    # Questions

    def down_reserved(self, session):
        rows = self._ask("SELECT down_next FROM sessions WHERE id = ?", (session.id,))
        return rows[0][0] if rows else 0

    def session(self, vehicle, sid):
        rows = self._ask(_SESSION + "WHERE vehicle = ? AND sid = ?", (vehicle, sid))
        return Session(*rows[0]) if rows else None

    def sessions(self, vehicle):
        rows = self._ask(_SESSION + "WHERE vehicle = ?", (vehicle,))
        return sorted((Session(*row) for row in rows), key=Session.order)

    def active_since(self, ms):
        return [Session(*row) for row in self._ask(_SESSION + "WHERE heard_ms >= ?", (ms,))]

    def held(self, session):
        # Numbers without a hole between them have the same distance from their rank.
        return self._ask(
            "SELECT MIN(number), MAX(number) FROM (SELECT number, number - ROW_NUMBER() OVER"
            " (ORDER BY number) AS island FROM frames WHERE session = ?) AS numbered"
            " GROUP BY island ORDER BY 1",
            (session.id,),
        )

    def anchors(self, session):
        return self._ask(
            "SELECT uptime, utc, source, uncertainty FROM anchors WHERE session = ?"
            " ORDER BY uptime, utc",
            (session.id,),
        )

    def gaps(self, vehicle, sid):
        return self._ask(
            "SELECT first, last FROM gaps WHERE vehicle = ? AND sid = ? ORDER BY first",
            (vehicle, sid),
        )

    def last_state(self, vehicle):
        known = {session.id: session for session in self.sessions(vehicle)}
        state = LastState()
        for row in self._ask(
            "SELECT session, t, lat, lon, alt, speed, heading, sats, flags FROM last_positions"
            " WHERE vehicle = ?",
            (vehicle,),
        ):
            state.position = known[row[0]], (POSITION, *row[1:])
        for session, t, signal, raw in self._ask(
            "SELECT session, t, signal, raw FROM last_values WHERE vehicle = ? ORDER BY signal",
            (vehicle,),
        ):
            state.values[signal] = known[session], (VALUE, t, signal, raw)
        for row in self._ask("SELECT heard_ms FROM heard WHERE vehicle = ?", (vehicle,)):
            state.heard_ms = row[0]
        for online, sid, since in self._ask(
            "SELECT is_online, sid, since_ms FROM presence WHERE vehicle = ?", (vehicle,)
        ):
            state.presence = Presence(bool(online), sid, since)
        return state

    def frames(self, session, first_t=None, last_t=None):
        with errors_named(self._path):
            cursor = self._db.execute(
                "SELECT number, lane, received_ms, first_t, last_t, plaintext FROM frames"
                " WHERE session = ? AND (? IS NULL OR last_t >= ?) AND (? IS NULL OR first_t <= ?)"
                " ORDER BY number",
                (session.id, first_t, first_t, last_t, last_t),
            )
            for row in cursor:
                yield Frame(session, *row)

    def events(self, vehicle):
        known = {session.id: session for session in self.sessions(vehicle)}
        rows = self._ask(
            "SELECT events.session, number, place, t, name, fields, received_ms FROM events"
            " JOIN sessions ON sessions.id = events.session WHERE vehicle = ?"
            " ORDER BY events.session, t, number, place",
            (vehicle,),
        )
        return [Event(known[r[0]], *r[1:5], json.loads(r[5]), r[6]) for r in rows]

    def vehicles(self):
        return [row[0] for row in self._ask("SELECT DISTINCT vehicle FROM sessions ORDER BY 1")]

    def close(self):
        self._db.close()
