"""The vehicle's power states: driving, idle, parked, asleep; a machine without I/O.

    driving --stands 60 s--> idle --off 10 s--> parked --30 min, or the battery low--> asleep
       ^------- moves ---------+------ on --------+------- something wakes ---------------+

On is: the ignition's input, or, whatever that says, an engine that turns and wheels that roll (some
patrol cars run on with the key drawn). Where no input is wired GPS's speed and a charged battery
count, too; but a voltage alone only keeps what is on: it never ends a rest, for a charger would.

    feed(what, value, now)      what is; see `feed`
    poll(now, left, hold)       what follows, a list of
        ("state", state, why)       told to the room
        ("heartbeat",)              a position and the battery's voltage are worth a record
        ("flush",)                  the supply fails: what is in RAM goes to the medium at once
        ("sleep", ms)               power may go; a timer is to wake after `ms`, 0: none

All times are ms, voltages mV. Sources of the thresholds: docs/power.md.
"""

from agent.const import const
from agent.vehicle.inputs import STUCK_MS

DRIVING = "driving"
IDLE = "idle"
PARKED = "parked"
ASLEEP = "asleep"

# What wakes, beside the ignition and the timer: inputs that are on.
ALARMS = ("panic", "tamper", "door")
TIMER = "timer"

_TURNING_MS = const(5000)  # the engine counts as turning for so long after its last speed
_MOVES = const(300)  # cm/s from which on the car drives: more than a receiver's noise
_STANDS = const(100)  # and below which it may stand
_ON_MS = const(1000)  # of a car at rest; an ignition that is on for less is a loose contact
_OFF_MS = const(10000)  # off for less: the starter turns, or a contact is loose
_START_MS = const(2000)  # before anything is said of a start: the inputs must have been read
# Of a 12 V battery that is charged; a smart alternator lets it fall below while driving.
_CHARGED_MV = const(13200)
_CHARGED_FOR_MS = const(10000)
_VOLTAGE_MS = const(120000)  # an older reading says nothing of whether the battery is charged
CUTOUT_MV = 12200  # of a 12 V battery
# So much above the cut-out a battery is well again: a load that goes lets it rise by itself.
_WELL_MV = const(300)
LOW_PERIOD_MS = 86400000  # between heartbeats while the battery is low, at the least
_RETRY_MS = const(60000)  # the supply is looked at again so long after it has failed
_LEAVE_MS = const(10000)  # the last word may take so long to be delivered

DEFAULTS = {
    "idle_ms": 60000,  # standing for so long is idling
    "linger_ms": 1800000,  # parked for so long: asleep
    "alarm_ms": 600000,  # awake after panic, tamper or a door
    "heartbeat_ms": 21600000,  # between signs of life while asleep; 0: none
    "heartbeat_awake_ms": 120000,  # the longest that one takes
    "send_ms": 300000,  # longer awake so that nothing stays unsent, while the battery is well
    "cutout_mv": None,  # None: CUTOUT_MV for each 12 V of the battery
    "cutout_ms": 240000,
    "battery_v": 12,
    "fail_ms": 2000,  # a supply that fails for less is a start of the engine
}


class Power:
    """settings: as DEFAULTS; cause: what ended the rest before: a name of ALARMS, "ignition",
    TIMER, or what kind of start it was. Of that rest: was_low: the battery was low; had_failed: it
    began because the supply failed."""

    def __init__(self, settings, cause, was_low, had_failed, now):
        self._settings = s = dict(DEFAULTS)
        s.update(settings)
        scale = s["battery_v"] // 12
        self.cutout_mv = CUTOUT_MV * scale if s["cutout_mv"] is None else s["cutout_mv"]
        self._well_mv = self.cutout_mv + _WELL_MV * scale
        self._charged_mv = _CHARGED_MV * scale
        self.state = None  # nothing is known yet
        self._cause = cause
        self.since = now  # in this state since
        self.why = None  # and what it came from, as told
        self._ignition = None
        self._ignition_at = now  # its level since
        self._turned_at = None  # the engine turned, or wheels rolled, last
        self._moved_at = None  # it did not stand last
        self._is_moving = False  # fast enough for driving
        self._off_at = None  # since when nothing is on
        self._volts_at = None  # the last reading
        self._charged_at = None  # since when the battery is charged
        self.low_at = None  # since when it is below the cut-out; low after `cutout_ms`
        self._on = {}  # alarm that is on -> since when
        self._roused = None  # an alarm, or the supply's return, that a rest must end for
        self._failing_at = None  # since when the supply fails
        self._is_new_failure = False
        # No store lasts from then until now: an input that still says so lies. A broken wire must
        # not end the agent once a minute for ever.
        self._is_fail_ignored = had_failed
        self._has_left = False  # "sleep" was given
        self.beat_at = now  # the last heartbeat
        self._is_beating = cause == TIMER
        is_alarm = cause in ALARMS
        # Another start looks at the battery for itself before it believes that it is low.
        self.is_low = was_low and (is_alarm or self._is_beating)
        # Awake until then, and as long as the battery is well until then.
        self._until = now
        self._until_low = now + s["linger_ms"]
        if is_alarm or self._is_beating:
            self._until_low = now
            self._until = now + s["alarm_ms" if is_alarm else "heartbeat_awake_ms"]

    @property
    def is_failing(self):
        """True while the supply fails: only what must be is recorded."""
        return self._failing_at is not None

    # What is

    def feed(self, what, value, now):
        """what, value: "ignition", "power_fail" or a name of ALARMS with True, False or None (not
        known); "rpm" (any unit); "speed" of the wheels, "gps_speed" in cm/s; "voltage" of the
        battery; "recorded": the heartbeat's position is."""
        if what == "voltage":
            self._voltage(value, now)
        elif what == "rpm":
            if value:
                self._turned_at = now
        elif what == "speed":
            self._speed(value, now)
            if value >= _STANDS:
                self._turned_at = now
        elif what == "gps_speed":
            self._speed(value, now)
            if value >= _MOVES and self._ignition is None:  # else a car that is towed would drive
                self._turned_at = now
        elif what == "ignition":
            if value != self._ignition:
                self._ignition = value
                self._ignition_at = now
        elif what == "power_fail":
            self._fail(value, now)
        elif what == "recorded":
            self._recorded(now)
        elif what in ALARMS:
            self._alarm(what, value, now)

    def _speed(self, speed, now):
        if speed >= _STANDS:
            self._moved_at = now
        self._is_moving = speed >= _MOVES

    def _voltage(self, millivolts, now):
        self._volts_at = now
        if millivolts < self._charged_mv:
            self._charged_at = None
        elif self._charged_at is None:
            self._charged_at = now
        if millivolts >= self.cutout_mv:
            self.low_at = None
            if millivolts >= self._well_mv:
                self.is_low = False
        elif self.low_at is None:
            self.low_at = now  # a dip, perhaps: a later reading must say so, too
        elif now - self.low_at >= self._settings["cutout_ms"]:
            self.is_low = True

    def _alarm(self, name, level, now):
        if bool(level) == (name in self._on):
            return
        if level:
            self._on[name] = now
            self._roused = name
        else:
            self._on.pop(name)
        self._is_beating = False
        self._until = max(self._until, now + self._settings["alarm_ms"])

    def _fail(self, level, now):
        if level:
            if self._failing_at is None and not self._is_fail_ignored:
                self._failing_at = now
                self._is_new_failure = True
            return
        self._is_fail_ignored = False
        if self._failing_at is not None:
            self._failing_at = None
            self._roused = "power_fail"

    def _recorded(self, now):
        if self._is_beating and self.state == PARKED:
            self._is_beating = False
            self._until = now

    def _is_on(self, now):
        if self._turned_at is not None and now - self._turned_at < _TURNING_MS:
            return True
        was_on = self.state in (IDLE, DRIVING)
        if self._ignition is not None:
            return self._ignition and (was_on or now - self._ignition_at >= _ON_MS)
        return (
            was_on
            and self._charged_at is not None
            and now - self._volts_at < _VOLTAGE_MS
            and self._volts_at - self._charged_at >= _CHARGED_FOR_MS
        )

    # What follows

    def poll(self, now, left=0, hold=None):
        """left: frames that the room has not acknowledged; hold: why the gateway must not sleep
        now (an order, an update), or None."""
        events = []
        if self._is_new_failure:
            self._is_new_failure = False
            events.append(("flush",))
        found = self._next(now, left, hold)
        if found and found[0] != self.state:
            self._enter(*found, now)
            events.append(("state",) + found)  # noqa: RUF005 MicroPython has no (x, *y)
            if self.state == PARKED and self._is_beating:
                events.append(("heartbeat",))
        if self.state == PARKED:
            self._beat(now, events)
        elif self.state == ASLEEP and not self._has_left and self._may_leave(now, left):
            self._has_left = True
            events.append(("sleep", _RETRY_MS if self.is_failing else self.period()))
        return events

    def _enter(self, state, why, now):
        if state in (IDLE, DRIVING):
            self._is_beating = False
        elif self.state in (IDLE, DRIVING):
            self._until_low = now + self._settings["linger_ms"]
        if self.state != PARKED:
            self.beat_at = now
        self._roused = None
        self.state = state
        self.why = why
        self.since = now

    def _next(self, now, left, hold):
        """(state, why) of what is now; None: as it was."""
        if self._has_failed(now):
            return ASLEEP, "power_fail"
        if self.state is None and now - self.since < _START_MS:
            return None
        if self._is_on(now):
            self._off_at = None
            return self._awake(now)
        if self.state in (IDLE, DRIVING):
            if self._off_at is None:
                self._off_at = now
            if now - self._off_at < _OFF_MS:
                return None
            return PARKED, "engine" if self._ignition is None else "ignition"
        if self.state is None:
            return PARKED, self._cause
        if self.state == ASLEEP:
            return (PARKED, self._roused) if self._roused and not self.is_failing else None
        return self._rest(now, left, hold)

    def _awake(self, now):
        why = self._cause if self.state is None and self._cause != TIMER else None
        if self._is_moving and now - self._moved_at < _TURNING_MS:
            return DRIVING, why or "moving"
        if self.state != DRIVING:
            return IDLE, why or ("ignition" if self._ignition else "engine")
        if now - self._moved_at >= self._settings["idle_ms"]:
            return IDLE, "standing"
        return None

    def _rest(self, now, left, hold):
        """The same for a car that is parked."""
        until = self.rests_at(now)
        # A download that no coverage ends must not empty the battery; it goes on after the rest.
        if until is None or now < until or (hold and not self.is_low):
            return None
        if self.is_low:
            return ASLEEP, "battery"
        if left and now < until + self._settings["send_ms"]:
            return None
        return ASLEEP, "time"

    def rests_at(self, now):
        """Until when a parked car is kept awake by time; None: as long as panic is pressed."""
        # A button that is stuck, on a battery that is low, no longer keeps the gateway awake.
        held = self._on.get("panic")
        if held is not None and not (self.is_low and now - held >= STUCK_MS["panic"]):
            return None
        return self._until if self.is_low else max(self._until, self._until_low)

    def _has_failed(self, now):
        return self.is_failing and now - self._failing_at >= self._settings["fail_ms"]

    def _may_leave(self, now, left):
        return not left or self.is_failing or now - self.since >= _LEAVE_MS

    def _beat(self, now, events):
        period = self.period()
        if period and now - self.beat_at >= period:
            self.beat_at = now
            events.append(("heartbeat",))

    def period(self):
        """ms between two signs of life now; 0: there is none."""
        period = self._settings["heartbeat_ms"]
        return max(period, LOW_PERIOD_MS) if period and self.is_low else period
