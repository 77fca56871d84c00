"""The task that carries out what the room orders, and tells how it goes.

inbox --order--> Orders (once, in time) --> Duties --> events "order" and "order_result"

What it takes to carry out an order is imported with the first one: most drives have none, and it
is 20 KB of a chip's heap.
"""

import asyncio
import json

from agent import port
from agent.const import const

_IDLE_MS = const(1000)
ZONES = "zones.json"  # beside the journal: zones that the room has set
_PIECE = 480  # characters of a result in one event: what the room keeps of a text
_MAX_PIECES = 16  # 7.5 KB: a scan of a car, or all counters


class Ordering:
    """`start(now)` once the journal is open; `take(...)` what the inbox brought; `await run()` for
    ever. event(name, *fields), fault(part, error): of the application.

    messages: [uptime, text, number of the order, uptime of its reading or None] to the crew, the
    newest last."""

    def __init__(self, app, role, event, fault):
        self._app = app
        self._role = role
        self._event = event
        self._fault = fault
        self._orders = self._duties = self._refusal = self._later = None
        self._under_way = {}  # name -> order that somebody else carries out
        self._flag = asyncio.Event()
        self.messages = []

    @property
    def has_begun(self):
        """Orders have come: what carries them out is in memory and stays."""
        return self._orders is not None

    @property
    def counters(self):
        return self._orders.counters if self._orders else {}

    def start(self, now):
        """What earlier orders have left is in force again."""
        storage = self._app.journal.storage
        try:
            has_zones = ZONES in storage.names()
        except port.StorageError as e:
            self._fault("zones", e)
            return
        if has_zones:
            self._begin()
            self._duties.use_zones(now)

    def is_busy(self):
        """True while an order is under way or waits."""
        return bool(self._under_way) or bool(self._orders and self._orders.is_waiting())

    def _begin(self):
        if self._orders is not None:
            return
        from agent.comms.orders import Orders
        from agent.console.commands import check_from_room
        from agent.console.levels import LATER, ROLES, CommandError

        if self._app.updating:
            self._app.updating.on_done = self._ended
        self._later = LATER
        self._orders = Orders(check_from_room, ROLES.index(self._role))
        self._duties = self.duties(self._ended)
        self._refusal = CommandError

    def duties(self, on_done):
        """What carries commands out, for whoever gives them; on_done: see Duties."""
        from agent.duties import Duties

        return Duties(self._app, self.messages, ZONES, on_done)

    def take(self, id_, deadline, role, name, arguments):
        self._begin()
        self._orders.take(id_, deadline, role, name, arguments, self._app.now())
        self._tell()
        self._flag.set()

    def confirm(self, now):
        """The crew has read what there is: numbers of the orders that brought it."""
        read = []
        for message in self.messages:
            if message[3] is None:
                message[3] = now
                read.append(message[2])
                self._event("message_read", message[2])
        return read

    async def run(self):
        while True:
            order = self._orders.next(self._app.now()) if self._orders else None
            if order is None:
                await port.wait(self._flag, _IDLE_MS)
                self._flag.clear()
                continue
            self._tell()
            self._carry_out(order)
            self._tell()
            await asyncio.sleep(0)

    def _carry_out(self, order):
        """Whatever comes of it, the order ends."""
        self._duties.number = order.id
        try:
            data = self._duties.run(order.name, order.arguments, self._app.now())
        except self._refusal as e:
            self._orders.refused(order, str(e))
            return
        except Exception as e:
            self._fault("orders", e)
            self._orders.refused(order, "%s failed: %s" % (order.name, type(e).__name__))
            return
        if data is self._later:
            earlier = self._under_way.get(order.name)
            if earlier:
                self._orders.refused(earlier, "order %d took its place" % order.id)
            self._under_way[order.name] = order
        else:
            self._end(order, data)

    def _ended(self, name, data, why):
        """Whoever carried it out has come to an end."""
        order = self._under_way.pop(name, None)
        if order is None:
            return
        if why is None:
            self._end(order, data)
        else:
            self._orders.refused(order, why)
        self._tell()

    def _end(self, order, data):
        if data is not None and not self._result(order.id, data):
            self._orders.refused(order, "%s: the answer is too long" % order.name)
            return
        self._orders.done(order)

    def _result(self, id_, data):
        text = json.dumps(data)
        count = (len(text) + _PIECE - 1) // _PIECE
        if count > _MAX_PIECES:
            return False
        for i in range(count):
            self._event("order_result", id_, i, count, text[i * _PIECE : (i + 1) * _PIECE])
        return True

    def _tell(self):
        for id_, state, text in self._orders.take_events():
            self._event("order", id_, state, text)
