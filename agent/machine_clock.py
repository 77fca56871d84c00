"""The machine's own clock tells the time while nobody else does, and is told it by GNSS."""

from agent import port
from agent.const import const
from agent.records import SOURCE_GNSS

_RTC_MS = const(60000)  # the machine's own clock is looked at so often if nothing better is known
_RTC_SET_MS = const(3600000)  # and set so often by GNSS


class MachineClock:
    """clock: of `clock.py`, which its time is an anchor for."""

    def __init__(self, clock):
        self._clock = clock
        self._rtc = port.Rtc()
        self._at = 0  # when it is looked at, or set, next

    def poll(self, now):
        if now < self._at:
            return
        self._at = now + _RTC_MS
        if self._clock.source() == SOURCE_GNSS:
            self._at = now + _RTC_SET_MS
            self._rtc.write(self._clock.utc(now))
        elif not self._clock.is_known():
            found = self._rtc.read()
            if found:
                self._clock.rtc(found[0], found[1], now)
