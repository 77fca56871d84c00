"""Scan on an adapter of its own: brings the adapter up, scans once, and is done.

    scanner = Scanner()
    scanner.start(now)
    while not scanner.done:
        write(scanner.poll(now))             whenever it returns bytes
        scanner.feed(data, now)              after every read; with b"" when wake() has run out
    scanner.result

Poll, feed and wake are those of poller.Obd. The result is scan.Scan's, with what the adapter says
of itself: "adapter" (text), "protocol" (one letter as ATDPN has it), "voltage" (mV at the
connector); None where it did not say.
"""

from agent.obd.elm327 import Elm
from agent.obd.scan import Scan

# A scan that takes longer is ended with what it has: some 200 questions, each answered in 0.3 s.
LIMIT_MS = 180000


class Scanner:
    """One scan. `memory`: what an earlier Obd.memory held about adapter and car, or None;
    `driver`: as poller.Obd has it."""

    def __init__(self, memory=None, tests=False, limit_ms=LIMIT_MS, driver=Elm):
        self.counters = {}
        self.memory = dict(memory or {})
        self.result = None
        self._elm = driver(self.counters, self.memory)
        self._scan = None  # once the bus is found
        self._tests = tests
        self._limit = limit_ms
        self._until = 0
        self._waiting = False  # for the answer to a question
        self._adapter = {"adapter": None, "protocol": None, "voltage": None}

    @property
    def done(self):
        return self.result is not None

    def start(self, now):
        self._until = now + self._limit
        self._elm.start(now)

    def feed(self, data, now):
        """Bytes from the adapter, cut anywhere."""
        self._elm.feed(data, now)
        self._drain(now)

    def poll(self, now):
        """-> bytes to write, or None."""
        if self.done:
            return None
        out = self._elm.poll(now)
        self._drain(now)
        if not self.done and now >= self._until:
            self._give_up("the scan took longer than %d s" % (self._limit // 1000))
        if self.done or out is not None or self._waiting or not self._elm.idle:
            return out
        if self._scan is None:
            return None
        service, data = self._scan.next()
        self._waiting = True
        return self._elm.request(service, data, 0, now)

    def wake(self, now):
        """-> ms until poll() should be called again, 0..1000."""
        wait = self._elm.wake(now)
        return max(0, min(0 if wait is None else wait, 1000))

    def _drain(self, now):
        for event in self._elm.take():
            name = event[0]
            if self.done:
                return
            if name == "adapter":
                self._adapter["adapter"] = event[1]
            elif name == "voltage":
                self._adapter["voltage"] = event[1]
            elif name == "bus":
                self._adapter["protocol"] = event[1]
                if self._scan is None:
                    self._scan = Scan(self._elm.can, self._tests)
            elif name == "reply":
                self._waiting = False
                self._scan.reply(event[1], event[2], event[3])
                if self._scan.done:
                    self._end()
            elif name == "nobus":
                self._give_up("the car does not answer")
            elif name == "lost":
                self._give_up("the adapter does not answer")

    def _give_up(self, reason):
        if self._scan is None:
            self._scan = Scan(True)
        self._scan.lost(reason)
        self._end()

    def _end(self):
        self.result = self._scan.result
        self.result.update(self._adapter)
