"""Learns from a receiver's cycles which sentence types its next fix has to wait for.

RMC, GGA, GNS  waited for if any of the last 16 to 32 cycles had it (some receivers send GGA
               less often than RMC: waiting loses a moment, not waiting loses the satellites)
GLL            only if none of those three is sent
VTG            only if no RMC is sent, or the RMC has no speed
GSA            if each of those cycles had it (it often comes every fifth second only; its mode
               then holds for the fixes until the next)
ZDA            never: the date carries over
"""

from agent.const import const

# As in nmea.py (a test holds them together): MicroPython puts only a file's own constants into the
# code, an imported one is looked up each time.
RMC = const(1)
GGA = const(2)
GNS = const(4)
GLL = const(8)
VTG = const(32)
GSA = const(64)

# Cycles after which a type that no longer comes stops being waited for (up to twice as many).
_MEMORY = const(16)
# Cycles watched before anything is given out early; the first may have been joined in the middle.
_WATCH = const(2)
_ALL = const(127)  # types that a fix is made of
_POSITIONS = const(RMC | GGA | GNS)


class Habits:
    """`learn(types)` at the end of each cycle returns the types to wait for, 0 until it is known.

    vtg: VTG if it is to be waited for where an RMC has no speed, else 0.
    """

    def __init__(self):
        self._need = 0
        self.vtg = 0
        self._cycles = 0
        self._last = 0  # the last cycle's types, while nothing new can come of the same ones
        self._any = self._any_before = 0
        self._each = self._each_before = _ALL

    def learn(self, seen):
        """seen: the types of a cycle that is over."""
        self._cycles += 1
        if self._cycles < _WATCH:
            self._any = seen  # perhaps a part of a cycle only: says what comes, not what does not
            return 0
        if self._cycles % _MEMORY == 0:
            self._any_before = self._any
            self._each_before = self._each
            self._any = 0
            self._each = _ALL
        elif seen == self._last:
            return self._need
        self._last = seen
        self._any |= seen
        self._each &= seen
        got = self._any | self._any_before
        need = got & _POSITIONS
        if not need:
            need = got & GLL
        self.vtg = got & VTG
        if not got & RMC:
            need |= self.vtg
        self._need = need | (self._each & self._each_before & GSA) if need else 0
        return self._need
