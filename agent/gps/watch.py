"""Signs that a configured receiver was reset: what it sends is not what it was told to.

In: sentences and the time. Out: the name of a sign, or None: 'banner' the text u-blox receivers
start with, 'sentences' of a kind turned off, 'rate' of epochs other than wanted. And when to act:
at growing intervals, so that a receiver that never obeys is left in peace.
"""

from agent.const import const
from agent.gps.settings import CONFIGURABLE

# What was under way when the configuration was complete comes within this time, ms.
SETTLE_MS = const(2000)
# Sentences of a kind turned off that are a reset, not one that was held up.
_UNWANTED = const(3)
# Epochs are counted over so many ms, and over no fewer than ten.
_COUNT_MS = const(5000)
# Time between configurations because of resets, ms: doubled each time, back after long calm.
_BACKOFF_MS = const(10_000)
_BACKOFF_MAX_MS = const(640_000)
_MAKERS = const(80)  # `P`: a maker's own sentence


class Watch:
    """`start(now)` at each configuration; `sentence` and `rate` tell signs of its loss."""

    def __init__(self, settings):
        self._wanted = settings.sentences
        self._timed = b"RMC" if b"RMC" in settings.sentences else b"GGA"
        self._period = settings.period
        self._since = self._count_from = 0
        self._unwanted = self._epochs = 0

    def start(self, now):
        self._since = now
        self._count_from = now + SETTLE_MS
        self._unwanted = self._epochs = 0

    def sentence(self, kind, sentence, now):
        """'sentences' or None; `kind` is the last three letters of the address."""
        if now - self._since < SETTLE_MS:
            return None
        if kind == self._timed:
            self._epochs += 1
        elif kind in CONFIGURABLE and kind not in self._wanted and sentence[0] != _MAKERS:
            self._unwanted += 1
            if self._unwanted >= _UNWANTED:
                self._unwanted = 0
                return "sentences"
        return None

    def rate(self, now):
        """'rate' or None, once in a while."""
        span = now - self._count_from
        if span < max(_COUNT_MS, 10 * self._period):
            return None
        epochs = self._epochs * self._period
        self._count_from = now
        self._epochs = 0
        # Half or double: an epoch more or less, or lost to noise, is nothing.
        return "rate" if epochs * 2 < span or epochs > span * 2 else None


class Backoff:
    """`allowed(now)`: whether to act now; if so, the next time is further away."""

    def __init__(self):
        self._until = 0
        self.pause = _BACKOFF_MS

    def holds(self, now):
        return now < self._until

    def allowed(self, now):
        if now < self._until:
            return False
        if now - self._until > _BACKOFF_MAX_MS:
            self.pause = _BACKOFF_MS
        self._until = now + self.pause
        self.pause = min(2 * self.pause, _BACKOFF_MAX_MS)
        return True


def banner(kind, sentence):
    """Whether this is what u-blox receivers begin with after power-on."""
    return kind == b"TXT" and b"u-blox" in sentence
