"""Dates of records: session uptime to UTC through the session's anchors. Pure.

Uptime never jumps, so one anchor dates a whole session, also what was recorded before the clock was
known. Where there are several, the best source wins; within it, each anchor is in force from its
own uptime on, and the earliest also for what was before it.
"""

from bisect import bisect_right

from agent.records import SOURCE_GNSS, SOURCE_ROOM, SOURCE_RTC

_RANK = {SOURCE_GNSS: 3, SOURCE_ROOM: 2, SOURCE_RTC: 1}
SOURCE_NAMES = {SOURCE_GNSS: "gnss", SOURCE_ROOM: "room", SOURCE_RTC: "rtc"}


class Dating:
    """`anchors`: (uptime, utc, source, uncertainty) in ms, in any order, with repetitions."""

    def __init__(self, anchors):
        best = max((_RANK.get(a[2], 0) for a in anchors), default=0)
        # Of two at the same uptime the more certain one is in force: it is sorted last.
        rows = sorted(
            {tuple(a) for a in anchors if _RANK.get(a[2], 0) == best},
            key=lambda a: (a[0], -a[3], a[1]),
        )
        self._times = [row[0] for row in rows]
        self._rows = rows

    def _row(self, uptime):
        if not self._rows:
            return None
        return self._rows[max(0, bisect_right(self._times, uptime) - 1)]

    def utc(self, uptime):
        """UTC in ms since 1970 at that uptime, or None while no anchor is known."""
        row = self._row(uptime)
        return None if row is None else uptime - row[0] + row[1]

    def quality(self, uptime):
        """(source, uncertainty in ms) of that date, or None."""
        row = self._row(uptime)
        return None if row is None else (row[2], row[3])

    def window(self, start, end):
        """(first, last) uptime in which everything between two UTC times lies, and perhaps more;
        None when nothing can be dated. Either time may be None: no bound."""
        if not self._rows:
            return None
        offsets = [row[1] - row[0] for row in self._rows]
        first = 0 if start is None else start - max(offsets)
        last = None if end is None else end - min(offsets)
        return first, last
