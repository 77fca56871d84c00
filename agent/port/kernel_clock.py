"""Whether Linux's clock is synchronised, and how well: adjtimex(2), of which Python knows nothing.

The structure is `struct timex` of <sys/timex.h>; with `modes` 0 nothing is set and nobody needs a
privilege. NTP daemons, chrony and systemd-timesyncd all tell the kernel this way.
"""

import ctypes

from agent.const import const

_UNSYNCHRONISED = const(0x0040)  # STA_UNSYNC
_ERROR = const(5)  # TIME_ERROR


class _Timex(ctypes.Structure):
    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),  # us
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),  # all that follows, and room for more
    )


def _adjtimex(timex):
    return ctypes.CDLL(None).adjtimex(ctypes.byref(timex))


def clock_error_ms(adjtimex=_adjtimex):
    """The most by which the clock is off, in ms; None where it is not synchronised, or where there
    is no Linux to ask."""
    timex = _Timex()
    try:
        state = adjtimex(timex)
    except (OSError, AttributeError):
        return None
    if state < 0 or state == _ERROR or timex.status & _UNSYNCHRONISED:
        return None
    return timex.maxerror // 1000 + 1
