"""A GPS receiver: bytes in, judged fixes out. Wires framer, nmea, fix and quality together.

receiver = Receiver()
for fix in receiver.feed(data, now): ...
for fix in receiver.poll(now): ...      # every 50 ms or so
"""

try:
    from micropython import const
except ImportError:

    def const(value):
        return value


from agent.gps.fix import Assembler
from agent.gps.framer import Framer
from agent.gps.nmea import Decoder, FieldError
from agent.gps.quality import Quality

# Silence, ms, that ends a receiver's cycle. Within a cycle sentences follow each other at once;
# at 5 Hz and 115200 baud about 140 ms lie between cycles. At 10 Hz the next time stamp ends it.
QUIET_MS = const(120)
# The same while a sentence is still missing that this receiver has in each cycle: rather something
# held the line or us up. A receiver that has left it out for once is waited for so long.
MISSING_MS = const(400)
# The same when the line stopped within a sentence.
STALLED_MS = const(1000)


class Receiver:
    """`feed(data, now) -> [Fix]`, `poll(now) -> [Fix]`; `now` is uptime in ms.

    counters: those of Framer and Assembler; `field` sentences refused for an impossible field;
    last_error: the text of the last of these, or None.
    """

    def __init__(self):
        self.counters = {"field": 0}
        self.last_error = None
        self._decoder = Decoder()
        self._framer = Framer(self.counters)
        self._assembler = Assembler(self.counters)
        self._quality = Quality()
        self._heard = None  # uptime of the last byte

    def feed(self, data, now):
        """Take bytes from the UART, cut anywhere; return the fixes they complete."""
        if not data:
            return []
        if self._heard is not None and now - self._heard > self._patience():
            # Not closed here: what was held up on its way to us may still be of the open epoch.
            self._assembler.quiet()
        self._heard = now
        out = []
        parse = self._decoder.parse
        add = self._assembler.add
        for sentence in self._framer.feed(data):
            try:
                decoded = parse(sentence)
            except FieldError as e:
                self.counters["field"] += 1
                self.last_error = e.args[0]
                continue
            if decoded is not None:
                add(decoded, now, out)
        for fix in out:
            self._quality.judge(fix)
        return out

    def poll(self, now):
        """Return the epoch whose sentences stopped coming, if it has been quiet long enough."""
        out = []
        if self._heard is not None and now - self._heard > self._patience():
            self._assembler.quiet()
            self._assembler.close(out)
            for fix in out:
                self._quality.judge(fix)
        return out

    def _patience(self):
        if self._framer.pending:
            return STALLED_MS
        return MISSING_MS if self._assembler.missing else QUIET_MS
