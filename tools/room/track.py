"""A vehicle's records in a time range, taken out of its frames, dated and in their order."""

from dataclasses import dataclass

from agent import signals
from agent.comms.unbatch import BatchError
from agent.records import EVENT, GAP, POSITION, QUALITY_MASK, VALUE
from agent.reporting import AHEAD_MS, ahead
from tools.room.dating import SOURCE_NAMES, Dating
from tools.room.explode import event_fields, event_name, explode

QUALITIES = ("none", "good", "degraded", "dead-reckoned")  # by the flags' lowest two bits


@dataclass(frozen=True, slots=True)
class Position:
    """Micro-degrees, cm, cm/s, centi-degrees; utc in ms, None while the session has no anchor."""

    utc: int | None
    uptime: int
    session: str
    lat: int
    lon: int
    alt: int | None
    speed: int | None
    heading: int | None
    sats: int | None
    flags: int

    @property
    def quality(self):
        return QUALITIES[self.flags & QUALITY_MASK]


def expected(position, now):
    """(lat, lon) where the car is drawn at `now` (UTC ms): it goes on from its newest position, as
    the agent reckons that the room does (`agent.reporting.ahead`). None where the position has no
    date, or is too old to go on from."""
    if position.utc is None or not 0 <= now - position.utc <= AHEAD_MS:
        return None
    p = position
    record = (POSITION, p.utc, p.lat, p.lon, p.alt, p.speed, p.heading, p.sats, p.flags)
    return ahead(record, now)


@dataclass(frozen=True, slots=True)
class Value:
    """A reading: `raw` as on the wire, `value` physical in `unit`, `path` of VSS."""

    utc: int | None
    uptime: int
    session: str
    signal: int
    path: str
    unit: str
    raw: int
    value: float


@dataclass(frozen=True, slots=True)
class Happening:
    """An event, or a gap (name "gap"); `fields` as JSON can hold them."""

    utc: int | None
    uptime: int
    session: str
    name: str
    fields: list | dict


def records(store, vehicle, start=None, end=None):
    """List of Position, Value and Happening of start <= utc <= end (UTC ms, None: no bound).

    By session in the order of their times, within a session by uptime. What cannot be dated is left
    out as soon as there is a bound.
    """
    sessions = []
    for row in store.sessions(vehicle):
        dating = Dating(store.anchors(row))
        began = dating.utc(0)
        sessions.append((row.opened_ms if began is None else began, row.order(), row, dating))
    found = []
    for _, _, row, dating in sorted(sessions, key=lambda s: s[:2]):
        found.extend(_of_session(store, row, dating, start, end))
    return found


def _of_session(store, row, dating, start, end):
    first = last = None
    if start is not None or end is not None:
        window = dating.window(start, end)
        if window is None:
            return []
        first, last = window
    found = []
    for frame in store.frames(row, first, last):
        try:
            raw, _ = explode(frame.plaintext)
        except BatchError:
            continue  # counted when it came
        for record in raw:
            utc = dating.utc(record[1])
            if (start is not None and utc < start) or (end is not None and utc > end):
                continue
            taken = _take(record, utc, row.sid.hex())
            if taken is not None:
                found.append(taken)
    found.sort(key=lambda r: r.uptime)
    return found


def _take(record, utc, session):
    kind = record[0]
    if kind == POSITION:
        return Position(utc, record[1], session, *record[2:])
    if kind == VALUE:
        return value_of(record, utc, session)
    if kind == EVENT:
        return Happening(utc, record[1], session, event_name(record[2]), event_fields(record))
    if kind == GAP:
        return Happening(utc, record[1], session, "gap", event_fields(record))
    return None


def value_of(record, utc, session):
    """Value of a VALUE record; a signal that this room does not know stays as it came."""
    _, uptime, signal, raw = record
    row = signals.row(signal)
    path = row[1] if row else f"signal-{signal}"
    physical = signals.physical(signal, raw) if row else float(raw)
    return Value(utc, uptime, session, signal, path, signals.unit(signal), raw, physical)


def happenings(store, vehicle, start=None, end=None):
    """Events and gaps only, from the store's own table."""
    datings = {}
    found = []
    for event in store.events(vehicle):
        row = event.session
        if row.id not in datings:
            datings[row.id] = Dating(store.anchors(row))
        utc = datings[row.id].utc(event.t)
        if utc is None and (start is not None or end is not None):
            continue
        if (start is not None and utc < start) or (end is not None and utc > end):
            continue
        found.append(Happening(utc, event.t, row.sid.hex(), event.name, event.fields))
    return found


@dataclass(frozen=True, slots=True)
class State:
    """A vehicle's newest state, dated now. `heard_ms`: when its last new frame came."""

    vehicle: str
    position: Position | None
    values: list
    heard_ms: int | None
    presence: bool | None  # online by the broker's word, None: unknown
    sessions: int
    frames: int
    missing: int
    source: str | None  # of the position's date


def state(store, vehicle):
    """State of a vehicle; its age is for the reader to tell from `position.utc` and `heard_ms`."""
    last = store.last_state(vehicle)
    datings = {}

    def dating(row):
        if row.id not in datings:
            datings[row.id] = Dating(store.anchors(row))
        return datings[row.id]

    position = source = None
    if last.position is not None:
        row, record = last.position
        position = _take(record, dating(row).utc(record[1]), row.sid.hex())
        quality = dating(row).quality(record[1])
        source = SOURCE_NAMES.get(quality[0]) if quality else None
    values = [
        value_of(record, dating(row).utc(record[1]), row.sid.hex())
        for row, record in last.values.values()
    ]
    sessions = store.sessions(vehicle)
    frames = missing = 0
    for row in sessions:
        held = store.held(row)
        frames += sum(b - a + 1 for a, b in held)
        if held:
            missing += held[-1][1] + 1
    presence = last.presence.is_online if last.presence else None
    return State(
        vehicle, position, values, last.heard_ms, presence, len(sessions), frames,
        missing - frames, source,
    )  # fmt: skip
