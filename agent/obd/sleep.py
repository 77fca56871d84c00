"""When the car sleeps, and what wakes it: a policy without I/O.

ECUs that are asked stay awake and drain the battery. So a car whose ignition is off and whose
engine does not turn is left alone; the battery is watched through the adapter, which asks no ECU.
Voltage alone never decides: a smart alternator lets it fall while driving. Where no ignition input
is wired, a silent bus speaks for it, or an engine that has stood for long and charges nothing.

    Sleep(settings)              ignition(), engine(), voltage(), bus(), moving() tell it what is
    poll(now)                    FALL_ASLEEP, WAKE, TRY (ask the car once), or None
    rests(now)                   may the adapter go to low power
"""

FALL_ASLEEP = 1
WAKE = 2
TRY = 3

# The engine counts as turning for so long after its last speed above zero.
_TURNING_MS = 5000
# A 12 V battery at rest is below this, one that is charged above (mV); a lorry has two in a row.
_CHARGED_MV = 13200
# A rise that says that something charges: the alternator, or a charger.
_RISE_MV = 500
# Below this the battery is low: then the adapter is put to low power even where only the voltage
# can tell that the engine was started.
LOW_MV = 11900
WATCH_MS = 2000  # between two looks at the battery of a sleeping car

DEFAULTS = {
    # ignition off and engine still for so long: the car is left alone; 0 = never
    "asleep_ms": 10000,
    # the same without an ignition input: the bus silent, or the engine still, for so long
    "asleep_silent_ms": 60000,
    "asleep_still_ms": 300000,
    # asleep for so long: low power for the adapter, and a look at the battery so often
    "rest_ms": 600000,
    "rest_voltage_ms": 600000,
    # without an ignition input: the car is asked once so often; 0 = never
    "probe_ms": 900000,
    # 12, or 24 of a lorry
    "battery_v": 12,
}


class Sleep:
    def __init__(self, settings):
        self._settings = settings
        self._batteries = settings["battery_v"] // 12
        self.asleep = False
        self._since = 0  # asleep since
        self.level = None  # of the ignition input
        self._off_at = None  # when the ignition went off
        self._turned_at = None  # when the engine was last seen turning
        self._still_at = None  # since when it is known to stand
        self._silent_at = None  # since when the bus is silent
        self._volts = None
        self._rest = None  # the battery's voltage at rest
        self._moved = False
        self._tried_at = 0

    # What is

    def ignition(self, level, now):
        """True, False, or None where no input tells."""
        if level != self.level:
            self.level = level
            self._off_at = now if level is False else None

    def engine(self, rpm, now):
        """An engine speed has come."""
        if rpm:
            self._turned_at = now
            self._still_at = None
        elif self._still_at is None:
            self._still_at = now

    def bus(self, answers, now):
        """The car answers, or not."""
        if answers:
            self._silent_at = None
        elif self._silent_at is None:
            self._silent_at = now

    def voltage(self, millivolts):
        self._volts = millivolts
        if self._rest is None or millivolts < self._rest:
            self._rest = millivolts

    def moving(self, now):
        """The car drives, as GPS or its wheels say: as good as an engine that turns."""
        self._moved = True
        self._turned_at = now
        self._still_at = None

    # What to do

    def poll(self, now):
        moved = self._moved
        self._moved = False
        if not self._settings["asleep_ms"]:
            return None
        if not self.asleep:
            if not moved and self._may_sleep(now):
                self.asleep = True
                self._since = self._tried_at = now
                self._rest = self._volts
                return FALL_ASLEEP
            return None
        if self.level or moved:
            return self._wake(now)
        if self._rest is not None and self._volts >= self._rest + _RISE_MV * self._batteries:
            self._rest = self._volts  # only a further rise counts again
            self._tried_at = now
            return TRY
        probe = self._settings["probe_ms"]
        if self.level is None and probe and now - self._tried_at >= probe:
            self._tried_at = now
            return TRY
        return None

    def tried(self, answers, now):
        """What came of TRY: a car that answers is awake."""
        return self._wake(now) if answers else None

    def _wake(self, now):
        self.asleep = False
        self._silent_at = self._still_at = None
        if self._off_at is not None:
            self._off_at = now
        return WAKE

    def _may_sleep(self, now):
        if self.level or self._turning(now):
            return False
        settings = self._settings
        if self.level is False:
            return now - self._off_at >= settings["asleep_ms"]
        if self._silent_at is not None:
            return now - self._silent_at >= settings["asleep_silent_ms"]
        return (
            self._still_at is not None
            and now - self._still_at >= settings["asleep_still_ms"]
            and self._volts is not None
            and self._volts < _CHARGED_MV * self._batteries
        )

    def _turning(self, now):
        return self._turned_at is not None and now - self._turned_at < _TURNING_MS

    def rests(self, now):
        """True when the adapter may go to low power."""
        if not self.asleep or not self._settings["rest_ms"]:
            return False
        low = self._volts is not None and self._volts < LOW_MV * self._batteries
        if self.level is None and not low:
            return False  # only the voltage can tell that the engine was started
        return low or now - self._since >= self._settings["rest_ms"]
