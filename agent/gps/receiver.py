"""A GPS receiver: bytes in, judged fixes out. Wires framer, nmea, fix and quality together.

receiver = Receiver()
for fix in receiver.feed(data, now): ...
for fix in receiver.poll(now): ...      # when wake(now) has passed

With settings it also looks for the baud rate and configures the receiver (see setup.py); after each
feed and when wake(now) has passed:
    data = receiver.output(now)         # bytes to write, or None
    rate = receiver.baud(now)           # what the UART should have
    events = receiver.take_events()
"""

from agent.const import const
from agent.gps.fix import Assembler
from agent.gps.framer import Framer
from agent.gps.nmea import Decoder, FieldError, refusal
from agent.gps.quality import Quality
from agent.gps.setup import Setup

# Silence, ms, that ends a receiver's cycle. Within a cycle sentences follow each other at once;
# at 5 Hz and 115200 baud about 140 ms lie between cycles. At 10 Hz the next time stamp ends it.
QUIET_MS = const(120)
# The same while a sentence is still missing that this receiver has in each cycle: rather something
# held the line or us up. A receiver that has left it out for once is waited for so long.
MISSING_MS = const(400)
# The same when the line stopped within a sentence.
STALLED_MS = const(1000)
# How often poll is wanted, ms, while nothing is under way.
_IDLE_MS = const(1000)
# Types that a fix is made of (nmea.py); those above are sky.py's.
_OF_FIX = const(127)


class Receiver:
    """`feed(data, now) -> [Fix]`, `poll(now) -> [Fix]`; `now` is uptime in ms.

    counters: those of Framer and Assembler; `field` sentences refused for an impossible field;
    last_error: the text of the last of these, or None.
    settings: a settings.Settings; None leaves rate and receiver as they are. Its counters join
    these. quality: the Quality that judges the fixes. has_sky: `sky`, a sky.Sky, takes what is said
    beside the fix; else that is not even decoded.
    """

    def __init__(self, settings=None, quality=None, has_sky=False):
        self.counters = {"field": 0}
        self.last_error = None
        self.sky = None
        more = None
        if has_sky:
            from agent.gps import sky

            self.sky = sky.Sky(self.counters)
            more = sky.DECODERS
        self._decoder = Decoder(more)
        self._framer = Framer(self.counters)
        self._assembler = Assembler(self.counters)
        self.quality = Quality() if quality is None else quality
        self._heard = None  # uptime of the last byte
        self.setup = None if settings is None else Setup(settings, self.counters)
        self._rate = None

    def feed(self, data, now):
        """Take bytes from the UART, cut anywhere; return the fixes they complete."""
        if not data:
            return []
        if self._heard is not None and now - self._heard > self._patience():
            # Not closed here: what was held up on its way to us may still be of the open epoch.
            self._assembler.quiet()
        self._heard = now
        out = []
        sentences = self._framer.feed(data)
        if self.setup is not None:
            self.setup.feed(data, now, sentences)
        if self._framer.damage:
            self._take_damaged(sentences, now, out)
        else:
            self._take(sentences, now, out)
        self._judge(out)
        return out

    def _judge(self, fixes):
        for fix in fixes:
            self.quality.judge(fix)

    def _take_damaged(self, sentences, now, out):
        """The same where something was lost between them."""
        at = 0
        for damage in self._framer.damage:
            self._take(sentences[at:damage], now, out)
            self._assembler.damaged()
            at = damage
        self._take(sentences[at:], now, out)

    def _take(self, sentences, now, out):
        """Append the fixes that the sentences complete to `out`."""
        decode = self._decoder.decode
        add = self._assembler.add
        for sentence in sentences:
            try:
                row = decode(sentence)
            except (FieldError, IndexError) as e:
                self.counters["field"] += 1
                self.last_error = refusal(sentence, e)
                self._assembler.damaged()
                continue
            if row is None:
                continue
            if row[0] > _OF_FIX:
                self.sky.add(row, now)
            else:
                add(row, now, out)

    def poll(self, now):
        """Return the epoch whose sentences stopped coming, if it has been quiet long enough."""
        out = []
        if self._heard is not None and now - self._heard > self._patience():
            self._assembler.quiet()
            self._assembler.close(out)
            self._judge(out)
        return out

    def output(self, now):
        """Bytes to write to the receiver, or None. Write them before following `baud`."""
        if self.setup is None:
            return None
        data = self.setup.poll(now)
        self.baud(now)
        return data

    def baud(self, now):
        """The rate that the UART should have; None: as it is configured."""
        if self.setup is None:
            return None
        rate = self.setup.baud(now)
        if rate != self._rate:
            if self._rate is not None:
                # What was begun at another rate never ends; its counts stay.
                self._framer = Framer({})
                self._framer.counters = self.counters
            self._rate = rate
        return rate

    def wake(self, now):
        """ms until poll and output should be called: when the silence will be long enough that it
        ends an epoch. No oftener, as each wait that runs out takes 2 KB of memory."""
        left = 0 if self._heard is None else self._heard + self._patience() + 1 - now
        due = left if left > 0 else _IDLE_MS
        return due if self.setup is None else min(due, self.setup.wake(now))

    def take_events(self):
        """Events of the set-up since the last call, oldest first: (name, value, t)."""
        return [] if self.setup is None else self.setup.take_events()

    def _patience(self):
        if self._framer.pending:
            return STALLED_MS
        return MISSING_MS if self._assembler.missing() else QUIET_MS
