"""A few questions to a car, one after the other, by the agent's own driver.

    talk = Talk(steps)
    ... start, poll, feed, wake as those of agent/obd/scanner.py, until talk.done ...
    talk.result, or talk.error: why there is none

`steps(talk)` is a generator: it yields (service, data) and gets (kind, messages, clean), as the
driver's event "reply" has them; what it returns is the result. To clear trouble codes it yields
Clear: the driver lets it through or raises services.ServiceRefused into the generator.
"""

from typing import NamedTuple

from agent.obd import services
from agent.obd.elm327 import Elm

TRIES = 2  # times that a question is put before the last answer counts
LIMIT_MS = 60_000


class Clear(NamedTuple):
    """The order to clear trouble codes; fields as services.clear_request() has them."""

    order: str
    rpm: int | None
    age: int | None


class Talk:
    """`adapter`, `protocol`: what the adapter says; None while unknown."""

    def __init__(self, steps, driver=Elm, limit_ms=LIMIT_MS):
        self.counters = {}
        self.adapter = self.protocol = self.result = self.error = None
        self.done = False
        self._elm = driver(self.counters, {}, 5000)
        self._steps = steps(self)
        self._question = None  # until the car is there: steps may look at the clock
        self._waiting = self._ready = False
        self._limit, self._until = limit_ms, 0

    @property
    def can(self):
        return self._elm.can

    def start(self, now):
        self._until = now + self._limit
        self._elm.start(now)

    def feed(self, data, now):
        self._elm.feed(data, now)
        self._drain()

    def wake(self, now):
        wait = self._elm.wake(now)
        return max(0, min(0 if wait is None else wait, 1000))

    def poll(self, now):
        out = self._elm.poll(now)
        self._drain()
        if now >= self._until:
            self._fail(f"the car did not answer all within {self._limit // 1000} s")
        while out is None and not self.done and self._ready and self._elm.idle:
            if self._waiting:
                break
            if self._question is None:
                self._go_on(self._steps.send, None)
            out = None if self.done else self._ask(now)
        return None if self.done else out

    def _ask(self, now):
        """Bytes of the question, or None where the driver refuses it."""
        question = self._question
        try:
            if isinstance(question, Clear):
                out = self._elm.clear(*question, now)
            else:
                out = self._elm.request(*question, 0, now)
        except services.ServiceRefused as e:
            self._go_on(self._steps.throw, e)
            return None
        self._waiting = True
        return out

    def _drain(self):
        for event in self._elm.take():
            if self.done:
                return
            match event:
                case ("adapter", text, *_):
                    self.adapter = text
                case ("bus", protocol):
                    self.protocol, self._ready = protocol, True
                case ("reply", kind, messages, clean) if self._waiting:
                    self._waiting = False
                    self._go_on(self._steps.send, (kind, messages, clean))
                case ("nobus",):
                    self._fail("the car does not answer")
                case ("lost",):
                    self._fail("the adapter does not answer")

    def _go_on(self, resume, value):
        try:
            self._question = resume(value)
        except StopIteration as end:
            self.result, self.done = end.value, True

    def _fail(self, reason):
        if not self.done:
            self.error, self.done = reason, True


def ask(service, data, read, can=True):
    """A step: puts a question up to TRIES times -> {ecu: what read(payloads) made of it}.

    `read` takes the payloads of one ECU, one on CAN, and raises services.ReplyError. ECUs whose
    answer does not fit are left out. Use with `yield from`.
    """
    found = {}
    for _ in range(TRIES):
        _, messages, clean = yield service, data
        by_ecu = {}
        for ecu, payload, _ in messages:
            if services.negative(payload) is None:
                by_ecu.setdefault(ecu, []).append(payload)
        for ecu, payloads in by_ecu.items():
            if ecu in found or (can and len(payloads) != 1):
                continue
            try:
                found[ecu] = read(payloads)
            except services.ReplyError:
                clean = False
        if clean and found:
            break
    return found
