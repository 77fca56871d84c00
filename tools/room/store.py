"""What the room keeps, as an interface: rows, one write, and the questions asked of it.

One `Write` is one transaction: when `commit` returns, everything in it is durable; when it raises
StoreError, nothing of it is there. `sqlite.py` is the implementation for one room.
"""

from dataclasses import dataclass, field
from typing import Protocol


class StoreError(Exception):
    """The store refused; one line that names it."""


@dataclass(slots=True, eq=False)
class Session:
    """A session as opened. `id` is the store's own number, None until it is committed."""

    vehicle: str
    sid: bytes
    enc: bytes
    key_id: bytes
    generation: int
    boot: int
    opened_ms: int
    id: int | None = None

    def order(self):
        """Sessions of a vehicle in the order in which it opened them."""
        return self.generation, self.boot, self.opened_ms, self.id or 0


@dataclass(slots=True)
class Frame:
    """An opened frame; `first_t`, `last_t`: the span of its records' uptimes, or None."""

    session: Session
    number: int
    lane: str
    received_ms: int
    first_t: int | None
    last_t: int | None
    plaintext: bytes


@dataclass(slots=True)
class Event:
    """An event or gap taken out of its frame; `fields`: what JSON can hold."""

    session: Session
    number: int
    place: int  # within the frame
    t: int
    name: str
    fields: list | dict
    received_ms: int


@dataclass(slots=True)
class Gap:
    """Frames that the vehicle has lost for good, of session `sid`, reported within `session`."""

    session: Session
    sid: bytes
    first: int
    last: int


@dataclass(slots=True)
class Presence:
    """What the broker says of the link: a hint, anybody at the broker can write it."""

    is_online: bool
    sid: bytes
    since_ms: int


@dataclass(slots=True)
class LastState:
    """The newest of each kind: (session, POSITION record), {signal: (session, VALUE record)}."""

    position: tuple | None = None
    values: dict = field(default_factory=dict)
    heard_ms: int | None = None  # when the last new frame came
    presence: Presence | None = None


@dataclass(slots=True)
class Write:
    """All that one batch of messages changes."""

    sessions: list = field(default_factory=list)  # Session, new
    frames: list = field(default_factory=list)  # Frame
    anchors: list = field(default_factory=list)  # (Session, uptime, utc, source, uncertainty)
    events: list = field(default_factory=list)  # Event
    gaps: list = field(default_factory=list)  # Gap
    positions: dict = field(default_factory=dict)  # vehicle -> (Session, POSITION record)
    values: dict = field(default_factory=dict)  # (vehicle, signal) -> (Session, VALUE record)
    heard: dict = field(default_factory=dict)  # vehicle -> ms
    presence: dict = field(default_factory=dict)  # vehicle -> Presence

    def is_empty(self):
        return not (self.sessions or self.frames or self.presence)


class Store(Protocol):
    """Every method raises StoreError."""

    def commit(self, write: Write) -> None: ...

    def reserve_down(self, session: Session, count: int) -> int:
        """First of `count` down frame numbers that nobody else ever gets; durable on return."""

    def down_reserved(self, session: Session) -> int:
        """How many down frame numbers of the session have been reserved so far, by anybody."""

    def session(self, vehicle: str, sid: bytes) -> Session | None: ...

    def sessions(self, vehicle: str) -> list[Session]:
        """In the order of `Session.order`."""

    def active_since(self, ms: int) -> list[Session]:
        """Sessions that were opened, or brought a new frame, since then."""

    def held(self, session: Session) -> list:
        """Sorted inclusive ranges of the frame numbers."""

    def anchors(self, session: Session) -> list:
        """(uptime, utc, source, uncertainty)"""

    def gaps(self, vehicle: str, sid: bytes) -> list:
        """(first, last)"""

    def last_state(self, vehicle: str) -> LastState: ...

    def frames(self, session: Session, first_t: int | None, last_t: int | None):
        """Iterator of Frame, by number, that may hold records of that span of uptime."""

    def events(self, vehicle: str) -> list[Event]: ...

    def vehicles(self) -> list[str]:
        """All that ever opened a session."""

    def close(self) -> None: ...
