"""Session uptime and UTC: anchors bind the one to the other, with their source and uncertainty.

Everything is recorded in uptime (ms since the agent started), which never jumps. UTC is
`uptime + offset`; each change of the offset is an anchor record, so that the room can date all
records, also those from before the clock was known, and a jumping clock changes nothing that is
already dated.

GNSS: a receiver's sentences arrive late by what it computes and the line takes, never early. What
is known of that is taken off; of the rest the least late of the arrivals tells the offset best. A
fix's own uptime is derived back from its UTC: positions keep the receiver's exact rhythm, whatever
the line's jitter. A time that steps is believed only when it stays: uptime does not step, so it is
far more often the receiver, or somebody who feigns satellites, that is wrong.

Room: its time rides on acknowledgements, which are late as well: again the least late counts.

RTC: the machine's own clock, while nothing better is known.
"""

from agent.const import const
from agent.records import ANCHOR, SOURCE_GNSS, SOURCE_ROOM, SOURCE_RTC

TRUST_AFTER = 3  # epochs that must agree before a receiver's time is believed
STEP_AFTER = 30  # and these after a step, when another time was believed before
_AGREE_MS = const(500)  # how far arrivals may scatter and still agree: a slow line's jitter
_BETTER_MS = const(20)  # an arrival so much earlier than expected improves the offset
_LATER_MS = const(
    400
)  # arrivals that are all so much later mean that the offset itself has drifted
_LATER_FOR = const(30)  # that many in a row
_GNSS_UNCERTAINTY_MS = const(100)  # of the least late sentences of a cycle, at 9600 baud
_ROOM_UNCERTAINTY_MS = const(
    2000
)  # the room's time rides on an acknowledgement that may have waited
_ROOM_BETTER_MS = const(100)  # an acknowledgement so much less late improves the offset
_RANK = {SOURCE_GNSS: 3, SOURCE_ROOM: 2, SOURCE_RTC: 1}
_TYPICAL_SENTENCE = const(75)  # bytes: RMC and GGA, of which one comes first, have 65 to 82
_BITS = const(10)  # on the line, of a byte


def lateness(receiver_ms, baud):
    """How long after its epoch, in ms, an epoch's first sentence has come. receiver_ms: from the
    epoch to its first byte; baud: of the line, None where there is none."""
    return receiver_ms + (_TYPICAL_SENTENCE * _BITS * 1000 // baud if baud else 0)


class Clock:
    """`gnss`, `room`, `rtc` take times in; `anchor` is the record of what is in force, or None."""

    def __init__(self, not_before=0):
        """Times before `not_before` (UTC ms) are refused: a receiver whose weeks rolled over."""
        self._not_before = not_before
        self._offset = None
        self._source = None
        self._room_offset = None  # by the room alone, whatever else is known
        self._agreeing = 0
        self._candidate = None
        self._later = 0
        self._later_best = None
        self.anchor = None  # (ANCHOR, from this uptime on, utc_ms then, source, uncertainty_ms)
        self.counters = {"anchors": 0, "refused": 0, "jumps": 0}

    def is_known(self):
        return self._offset is not None

    def utc(self, t):
        """UTC in ms at uptime `t`, or None while it is not known."""
        return None if self._offset is None else t + self._offset

    def source(self):
        return self._source

    def room_utc(self, t):
        """UTC in ms at uptime `t` as the room alone has told it in this session, or None: what is
        to expire cannot be kept alive by who feigns satellites."""
        return None if self._room_offset is None else t + self._room_offset

    def gnss(self, utc, t, late=0):
        """An epoch of `utc` ms whose first sentence came at uptime `t`, `late` ms after the epoch
        as far as is known. Returns the uptime that the epoch is to be recorded with."""
        if utc is None:
            return t
        t = max(0, t - late)
        if utc < self._not_before:
            self.counters["refused"] += 1
            return t
        offset = utc - t
        if self._candidate is None or abs(offset - self._candidate) > _AGREE_MS:
            if self._candidate is not None:
                self.counters["jumps"] += 1
            self._candidate = offset
            self._agreeing = 0
            self._later = 0
        self._candidate = max(self._candidate, offset)
        self._agreeing += 1
        if self._agreeing < TRUST_AFTER:
            return t
        if self._source != SOURCE_GNSS:
            self._set_gnss(self._candidate, utc)
        elif abs(self._candidate - self._offset) > _AGREE_MS:
            if self._agreeing < STEP_AFTER:
                return t
            self._set_gnss(self._candidate, utc)
        elif offset - self._offset > _BETTER_MS:
            self._set_gnss(offset, utc)
        else:
            self._follow(offset, utc)
        mapped = utc - self._offset
        return mapped if mapped >= 0 else t

    def _set_gnss(self, offset, utc):
        # In force from the epoch on that brought it, so that this epoch is dated by it, too.
        self._set(offset, SOURCE_GNSS, max(0, utc - offset), _GNSS_UNCERTAINTY_MS)

    def _follow(self, offset, utc):
        """The crystal drifts: arrivals that stay late for long move the offset back."""
        if self._offset - offset < _LATER_MS:
            self._later = 0
            return
        best = offset if not self._later else max(self._later_best, offset)
        self._later_best = best
        self._later += 1
        if self._later >= _LATER_FOR:
            self._later = 0
            self._candidate = best
            self._set_gnss(best, utc)

    def room(self, utc, t):
        """The room's time, as an acknowledgement brought it: better than none."""
        if utc < self._not_before:
            self.counters["refused"] += 1
            return
        # The least late counts, and a broker that keeps messages back does not turn it back.
        if self._room_offset is None or utc - t > self._room_offset:
            self._room_offset = utc - t
        is_better = self._source == SOURCE_ROOM and utc - t - self._offset > _ROOM_BETTER_MS
        if is_better or _RANK.get(self._source, 0) < _RANK[SOURCE_ROOM]:
            self._set(utc - t, SOURCE_ROOM, t, _ROOM_UNCERTAINTY_MS)

    def rtc(self, utc, uncertainty, t):
        """The machine's own clock, which may be off by so many ms."""
        if utc < self._not_before:
            self.counters["refused"] += 1
        elif self._source is None:
            self._set(utc - t, SOURCE_RTC, t, uncertainty)

    def _set(self, offset, source, t, uncertainty):
        self._offset = offset
        self._source = source
        self.anchor = (ANCHOR, t, t + offset, source, uncertainty)
        self.counters["anchors"] += 1
