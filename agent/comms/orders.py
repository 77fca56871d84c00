"""Orders from the room: each is carried out once, in time, or not at all. A machine.

    orders.take(id, deadline, role, name, arguments, now)
    order = orders.next(now)                 what to carry out now, or None
    orders.done(order, text)                 or refused(order, why)
    events = orders.take_events()            [(id, state, text), ...] for the room

An order is sealed with the keys of the session (inbox.py), so it dies at a restart, and none of
another vehicle or session gets here. Its deadline is session uptime in ms: no clock that can be set
or forged decides. It counts once by its id, which the room only ever raises: what is below all ids
that are still remembered was here before.

States: received; running; then done, refused or expired, and nothing after that.
"""

RECEIVED = "received"
RUNNING = "running"
DONE = "done"
REFUSED = "refused"
EXPIRED = "expired"
LAST = (DONE, REFUSED, EXPIRED)

MAX_WAITING = 8  # a dispatcher gives one or two; more are a flood, and each may hold 4 KB
MAX_KNOWN = 64  # ids remembered, the highest ones
MAX_EVENTS = 32  # not taken: each order makes three, whoever takes them comes at once
_MAX_DETAIL = 200  # characters of a reason


class Order:
    """One that waits or runs."""

    __slots__ = ("id", "deadline", "name", "arguments")

    def __init__(self, id_, deadline, name, arguments):
        self.id = id_
        self.deadline = deadline
        self.name = name
        self.arguments = arguments


class Orders:
    """check(name, arguments, role): the arguments with their defaults; raises an Exception whose
    text says why not. most: the highest role that the room may use."""

    def __init__(self, check, most):
        self._check = check
        self._most = most
        self._waiting = []
        self._known = []  # ids, ascending
        self._forgotten = 0  # the highest id that is not remembered any more
        self._events = []
        self.counters = {
            "received": 0, "done": 0, "refused": 0, "expired": 0, "repeated": 0, "busy": 0,
            "events_lost": 0,
        }  # fmt: skip

    def take(self, id_, deadline, role, name, arguments, now):
        """Takes one in; what becomes of it at once is an event."""
        if id_ <= self._forgotten or id_ in self._known:
            self.counters["repeated"] += 1
            return
        if len(self._waiting) >= MAX_WAITING:
            # Not remembered: the room may give it again when there is room.
            self.counters["busy"] += 1
            return
        self._remember(id_)
        if now >= deadline:
            self._tell(id_, EXPIRED, "")
            return
        try:
            arguments = self._check(name, arguments, min(role, self._most))
        except Exception as e:
            self._tell(id_, REFUSED, str(e))
            return
        self._waiting.append(Order(id_, deadline, name, arguments))
        self._tell(id_, RECEIVED, "")

    def is_waiting(self):
        """True while there are orders that `next` will give, or has let go of."""
        return bool(self._waiting)

    def next(self, now):
        """The oldest that is still in time; it counts as running."""
        while self._waiting:
            order = self._waiting.pop(0)
            if now < order.deadline:
                self._tell(order.id, RUNNING, "")
                return order
            self._tell(order.id, EXPIRED, "")
        return None

    def done(self, order, text=""):
        self._tell(order.id, DONE, text)

    def refused(self, order, why):
        self._tell(order.id, REFUSED, why)

    def take_events(self):
        """(id, state, text) since the last call, oldest first."""
        events = self._events
        if events:
            self._events = []
        return events

    def _remember(self, id_):
        self._known.append(id_)
        self._known.sort()
        if len(self._known) > MAX_KNOWN:
            self._forgotten = self._known.pop(0)

    def _tell(self, id_, state, text):
        if state in self.counters:
            self.counters[state] += 1
        if len(self._events) >= MAX_EVENTS:
            self._events.pop(0)
            self.counters["events_lost"] += 1
        self._events.append((id_, state, text[:_MAX_DETAIL]))
