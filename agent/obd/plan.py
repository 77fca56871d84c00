"""What to ask the car and when: supported PIDs by ECU, and the schedule of their polling."""

from agent import signals
from agent.obd import pids

# A PID that stays silent is asked at half the rate after each miss, down to once a minute.
_BACKOFF_MAX_MS = 60000
_BACKOFF_MIN_MS = 500
_BACKOFF_STEPS = 7
# PIDs whose data other parts want, too: lamp and monitors, engine speed, vehicle speed.
STATUS = 0x01
RPM = 0x0C
SPEED = 0x0D
WATCHED = (STATUS, RPM, SPEED)
_ENGINE_MS = 1000  # an engine is looked at so often at least: whether the car may sleep
# What is asked as fast as possible (period 0) counts as overdue like what is asked so often.
_AS_FAST_AS_MS = 250
# A value is true for so many periods of its tier, and what one exchange may take on top.
LIFE_PERIODS = 3
LIFE_MS = 1500


def wanted(settings):
    """The choice that the settings make, as a Wanted. Raises ValueError, naming the signal."""
    names = settings["signals"]
    periods = settings["periods"]
    result = {}
    for name in list(names or ()) + list(periods):
        signal = name if isinstance(name, int) else signals.by_name(name)
        if signal is None or not pids.of_signal(signal):
            raise ValueError("obd: no PID gives signal %r" % (name,))
        result[signal] = periods.get(name, result.get(signal))
    return Wanted(settings, result)


class Wanted:
    """Which signals are polled, and how often."""

    def __init__(self, settings, named):
        self._named = named  # signal id -> period in ms, or None for its tier's
        self._only = settings["signals"] is not None
        self._tiers = settings["tiers"]
        self._status = settings["status_ms"]
        self._sleeps = settings["asleep_ms"] > 0

    def __contains__(self, signal):
        """Is this signal worth an event?"""
        return not self._only or signal in self._named

    def period(self, row):
        """ms between two requests of a PID table row; None = not asked."""
        period = None
        for field in row[3]:
            if field[0] in self._named:
                own = self._named[field[0]]
                own = self._tiers[row[2]] if own is None else own
                period = own if period is None else min(period, own)
        if row[0] == STATUS and self._status:
            return self._status if period is None else min(period, self._status)
        if row[0] == RPM and self._sleeps and period is None and self._only:
            return _ENGINE_MS
        if period is None and not self._only and row[2] != pids.DEMAND:
            period = self._tiers[row[2]]
        return period

    def life(self, signal):
        """ms for which a value of this signal is true."""
        longest = 0
        for pid in pids.of_signal(signal):
            row = pids.row(pid)
            period = self.period(row)
            if period is None:
                period = self._tiers[row[2]]
            longest = max(longest, period)
        return LIFE_PERIODS * longest + LIFE_MS


class Maps:
    """Supported PIDs by ECU, from the bitmaps of PIDs 00, 20, 40..."""

    def __init__(self, most):
        self._most = most
        self._bits = {}  # ecu -> 32 bytes, one bit a PID
        self.ecus = []  # in ascending order

    def add(self, ecu, base, bitmap):
        """Four bytes: PIDs base + 1 to base + 32, highest bit first."""
        if ecu not in self._bits:
            if len(self.ecus) >= self._most:
                return
            self._bits[ecu] = bytearray(32)
            self.ecus.append(ecu)
            self.ecus.sort()
        bits = self._bits[ecu]
        for index in range(32):
            if bitmap[index >> 3] & 0x80 >> (index & 7) and base + 1 + index < 256:
                pid = base + 1 + index
                bits[pid >> 3] |= 1 << (pid & 7)

    def supports(self, ecu, pid):
        return self._bits[ecu][pid >> 3] >> (pid & 7) & 1

    def owner(self, pid):
        """The ECU whose answer counts: the lowest id that has the PID; None when no one has."""
        for ecu in self.ecus:
            if self.supports(ecu, pid):
                return ecu
        return None

    def answers(self, ecu, asked):
        """True when an ECU has one of these PIDs."""
        return any(self.supports(ecu, pid) for pid in asked)

    def frames(self, asked, only=None):
        """CAN frames that all ECUs together answer with, or `only` one of them; 0 where that cannot
        be known before."""
        total = 0
        for ecu in self.ecus if only is None else (only,):
            length = 1
            more = 0  # bytes that may or may not come
            for pid in asked:
                if self.supports(ecu, pid):
                    length += 1 + pids.LENGTHS[pid]
                    more += pid in pids.VARIABLE
            if length > 1:
                count = pids.frames(length)
                if more and pids.frames(length + more) != count:
                    return 0
                total += count
        return total


class Entry:
    """One PID of the schedule."""

    __slots__ = ("pid", "owner", "period", "due", "misses", "alone")

    def __init__(self, pid, owner, period, now):
        self.pid = pid
        self.owner = owner  # the ECU that is listened to for it; None: all that have it
        self.period = period
        self.due = now
        self.misses = 0
        self.alone = False  # not to be asked together with others

    def sent(self, now):
        """Keeps the beat as long as it can be kept."""
        self.due += self.period
        if self.due <= now:
            self.due = now + self.period

    def lead(self, now):
        """How much earlier than due, in thousandths of the period; below 0: overdue."""
        return (self.due - now) * 1000 // max(self.period, _AS_FAST_AS_MS)

    def answered(self):
        self.misses = 0
        self.alone = False

    def missed(self, now):
        self.misses = min(self.misses + 1, _BACKOFF_STEPS)
        pause = max(self.period, _BACKOFF_MIN_MS) << (self.misses - 1)
        self.due = now + max(self.period, min(pause, _BACKOFF_MAX_MS))


def build(choice, maps, now):
    """The schedule: one entry for every PID that is wanted and that the car has."""
    schedule = []
    covered = []
    for row in pids.PIDS:
        period = choice.period(row)
        if period is None or maps.owner(row[0]) is None:
            continue
        # Several PIDs can carry one signal; the first that the car has is enough.
        fresh = [field[0] for field in row[3] if field[0] not in covered]
        if fresh:
            covered.extend(fresh)
            schedule.append(Entry(row[0], _owner(row[0], maps), period, now))
    return schedule


def _owner(pid, maps):
    """Each ECU has a lamp and monitors of its own (PID 01)."""
    if pid == STATUS and len(maps.ecus) > 1:
        return None
    return maps.owner(pid)


def pick(schedule, limit, now, together=True):
    """Up to `limit` entries for the next request, most overdue first; [] when none is due.

    Overdue by parts of their period: where the adapter or the bus is too slow for all, every
    tier gets slower by the same factor. Those that will be due soon ride along, so that tiers fall
    into step and share requests. `together`: also PIDs of several ECUs in one request.
    """
    due = [entry for entry in schedule if entry.due <= now + entry.period // 8]
    if not [entry for entry in due if entry.due <= now]:
        return []
    due.sort(key=lambda entry: (entry.lead(now), entry.pid))
    if due[0].alone:
        return due[:1]
    found = []
    for entry in due:
        if not entry.alone and (together or entry.owner == due[0].owner):
            found.append(entry)
    return found[:limit]
