"""The agent under MicroPython with a watcher beside it: how long did anything hold the loop?

    micropython tools/bench/loop_agent.py --config FILE ...        (the agent's own arguments)

Every task is timed, step by step, from one wait to the next: so a stall has a name. Beside them one
that sleeps 5 ms sees by how much it is woken too late: what held the loop in all, and, on a machine
that others use, what held the whole process. What it waited for a processor is taken off both
(Linux: /proc/self/schedstat). Samples in which a TLS handshake or the key agreement of a session
(X25519) was under way are counted apart. Prints a line {"loop": ...} on standard output.
"""

import asyncio
import json
import sys
import time
from array import array

_SLEEP_US = 5000
_TOP_MS = 200
_WORST = 8  # stalls kept with their time
_OVER_US = 50000
_TOLD_MS = 10  # from which on one is worth keeping
# Of a step; `ended` in UNIX time. What is neither computing nor waiting for a processor was a call
# of the system that slept.
_COLUMNS = ("ms", "second", "task", "computing_ms", "waited_for_processor_ms", "ended")


class Stalls:
    """Counts by ms, and the longest with the second when they were."""

    def __init__(self):
        self.counts = array("L", [0] * (_TOP_MS + 1))
        self.max_us = 0
        self.worst = []

    def add(self, us, second, *more):
        self.counts[min(_TOP_MS, us // 1000)] += 1
        self.max_us = max(self.max_us, us)
        if us >= _TOLD_MS * 1000:
            self.worst.append((us // 100 / 10, second) + more)
            self.worst.sort(reverse=True)
            del self.worst[_WORST:]

    def total(self):
        return sum(self.counts)

    def percentile(self, parts):
        """ms below which `parts` thousandths of the samples are."""
        left = self.total() * parts // 1000
        for ms, count in enumerate(self.counts):
            left -= count
            if left < 0:
                return ms + 1
        return _TOP_MS


class Watch:
    def __init__(self):
        self.loop = Stalls()
        self.steps = Stalls()
        self.apart = {"tls_handshake": Stalls(), "x25519": Stalls()}
        self.under_way = {"tls_handshake": 0, "x25519": 0}
        self.parts = {}  # task -> longest step, us
        self.computed_us = 0  # the longest that one step has computed
        self.over_computing = 0
        self.waited_us = 0
        self._began = time.ticks_ms()

    def seconds(self):
        return time.ticks_diff(time.ticks_ms(), self._began) / 1000

    async def run(self):
        waits = _waits_us()
        while True:
            before = [name for name, n in self.under_way.items() if n]
            began = time.ticks_us()
            await asyncio.sleep_ms(_SLEEP_US // 1000)
            late = time.ticks_diff(time.ticks_us(), began) - _SLEEP_US
            now = _waits_us()
            waited, waits = now - waits, now
            self.waited_us += waited
            late = max(0, late - waited)
            names = before + [name for name, n in self.under_way.items() if n]
            for_whom = self.apart[names[0]] if names else self.loop
            for_whom.add(late, self.seconds())

    def step(self, part, us, ran, waited):
        """us: without what it `waited` for a processor; ran: computing."""
        names = [name for name, n in self.under_way.items() if n]
        if names:
            part += " while " + names[0]
        else:
            more = (part, ran // 100 / 10, waited // 100 / 10, time.time())
            self.steps.add(us, self.seconds(), *more)
            self.computed_us = max(self.computed_us, min(ran, us))
            self.over_computing += us >= _OVER_US and ran >= us // 2
        if us > self.parts.get(part, 0):
            self.parts[part] = us

    def result(self):
        found = {
            "steps": self.steps.total(),
            "max_ms": self.steps.max_us // 100 / 10,
            "p99_ms": self.steps.percentile(990),
            "over_50_ms": sum(self.steps.counts[50:]),
            "computing_max_ms": self.computed_us // 100 / 10,
            "over_50_ms_computing": self.over_computing,
            "worst_steps": [dict(zip(_COLUMNS, row)) for row in self.steps.worst],  # noqa: B905
            "watcher_samples": self.loop.total(),
            "watcher_max_ms": self.loop.max_us // 100 / 10,
            "watcher_p99_ms": self.loop.percentile(990),
            "watcher_worst_ms_at_second": self.loop.worst,
            "waited_for_processor_ms": self.waited_us // 1000,
            "longest_step_ms": {part: us // 100 / 10 for part, us in self.parts.items()},
        }
        for name, stalls in self.apart.items():
            found["excluded_" + name] = {
                "samples": stalls.total(),
                "max_ms": stalls.max_us // 100 / 10,
            }
        return found


def _waits_us():
    """How long this process has been ready and had no processor, in all."""
    return _schedule()[1]


def _schedule():
    """[us that this process has run, us that it was ready and had no processor, ...]"""
    with open("/proc/self/schedstat") as f:
        return [int(word) // 1000 for word in f.read().split()]


def timed(coroutine, part, watch):
    """The same coroutine; each of its steps is timed."""
    value = thrown = None
    while True:
        ran, waits, _ = _schedule()
        began = time.ticks_us()
        try:
            given = coroutine.send(value) if thrown is None else coroutine.throw(thrown)
        except StopIteration as end:
            return end.value
        finally:
            us = time.ticks_diff(time.ticks_us(), began)
            took = waited = 0
            if us > 5000:
                now = _schedule()
                waited = now[1] - waits
                us -= waited
                took = now[0] - ran
            watch.step(part, us, took, waited)
        value = thrown = None
        try:
            value = yield given
        except (Exception, asyncio.CancelledError) as e:
            thrown = e


def _name(coroutine):
    """'run' of <generator object 'run' at 7f...>."""
    words = repr(coroutine).split("'")
    return words[1] if len(words) > 1 else "task"


def time_all(watch):
    """All tasks that begin from now on are timed."""
    create = asyncio.core.create_task

    def create_task(coroutine):
        name = _name(coroutine)
        return create(coroutine if name == "timed" else timed(coroutine, name, watch))

    asyncio.create_task = asyncio.core.create_task = create_task
    return create


def install(watch):
    """Puts the watcher into the agent's own classes."""
    create = time_all(watch)
    from agent import app
    from agent.port import mqtt_asyncio

    class Watched(app.App):
        async def start(self):
            self._watcher = create(watch.run())
            await super().start()

        async def _new_session(self):
            watch.under_way["x25519"] += 1
            try:
                await super()._new_session()
            finally:
                watch.under_way["x25519"] -= 1

        def _guard(self, part, job):
            return timed(super()._guard(part, job), part, watch)

        async def finish(self, drain_ms):
            self._watcher.cancel()  # what the end takes is no drive
            print(json.dumps({"loop": watch.result()}))
            await super().finish(drain_ms)

    stream = mqtt_asyncio._MicroStream
    is_open, is_written = stream.open, stream.write

    async def open_(self, options):
        if options.tls:
            watch.under_way["tls_handshake"] += 1
        self.is_watched = bool(options.tls)
        await is_open(self, options)

    async def write(self, packet):
        try:
            await is_written(self, packet)
        finally:
            _end(self)

    def close(self):
        _end(self)
        is_closed(self)

    def _end(self):
        if self.is_watched:
            self.is_watched = False
            watch.under_way["tls_handshake"] -= 1

    is_closed = stream.close
    stream.open, stream.write, stream.close = open_, write, close
    return Watched


if __name__ == "__main__":
    from agent import __main__ as main

    main.App = install(Watch())
    sys.exit(main.main(sys.argv[1:]))
