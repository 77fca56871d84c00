"""Between the machine of power states (`vehicle/power.py`) and the application.

    inputs, wheels, engine, battery --> Power --state--> event "power", the parked profile
                                              --heartbeat--> position and voltage, recorded and sent
                                              --flush--> the journal on the medium
                                              --sleep--> the agent ends, the machine sleeps

What outlives a rest is a file beside the journal; a test bench, or the supervisor of a Raspberry
Pi, reads in it what is to wake the machine.
"""

import asyncio
import json

from agent import port, records, signals
from agent.const import const
from agent.vehicle import power

KEPT = "rest.json"  # beside the journal: the last rest, see `_keep`
_KEPT_BYTES = const(512)
_POLL_MS = const(50)
_BATTERY_MS = const(1000)  # between two readings of the battery's own measurement
_FRESH_MS = const(660000)  # a resting adapter looks at the battery every 10 minutes
_FAIL_DRAIN_MS = 2000  # what the store has left for the room when the supply has failed
_DRAIN_MS = 3000  # for the last word of a rest; what came before has had its time
# The most important first: some chips can be woken by one input of a kind only.
_WAKES = ("panic", "tamper", "ignition", "door")
_RPM = signals.by_name("rpm")
_SPEED = signals.by_name("speed")
_MODULE_VOLTAGE = signals.by_name("module_voltage")  # in mV, as the battery's
_MILLISECONDS = ("idle", "linger", "alarm", "heartbeat", "heartbeat_awake", "send", "cutout")


class Powering:
    """app: of app.py; config: the group `power`; inputs: {name: source} of those that are wired;
    record(lane, record), event(name, *fields): of the application.

    holds: functions that give why the gateway must not sleep now, or None; whoever must not be
    interrupted adds one. rest: (ms, sources, watchdog) for `port.sleep` once the agent has ended
    for it. power: the machine; battery: the own measurement, or None; volts, volts_at: the newest
    reading of the battery, and when it was."""

    def __init__(self, app, config, inputs, record, event):
        self._app = app
        self._record = record
        self._event = event
        self._config = config
        self.battery_v = config["battery_v"]
        self._inputs = inputs
        self.battery = port.Battery(config["battery"]) if config["battery"] else None
        self._battery_at = 0
        self.power = None
        self.volts = None  # the newest reading
        self.volts_at = 0
        self._beat_at = None  # a heartbeat whose position is not recorded yet
        self._late = None  # what came while the agent ended
        self._is_ending = False  # nothing more is recorded
        self._cause = None
        self.holds = [
            lambda: "order" if app.ordering.is_busy() else None,
            lambda: "update" if app.updating and app.updating.is_busy() else None,
            lambda: "trial" if app.settings and app.settings.is_pending else None,
        ]
        self.rest = None
        self.counters = {"heartbeats": 0, "values_skipped": 0}

    # Start and end

    def begin(self, cause, now):
        """Before the first record. cause: of `port.wake_cause`; the one that counts is returned."""
        kept = self._read()
        late = kept.get("late")
        if late in _WAKES:
            cause = late
            self._keep({})  # once
        self._cause = cause
        settings = {"battery_v": self.battery_v, "fail_ms": self._config["fail_ms"]}
        settings["cutout_mv"] = self._config["cutout_mv"]
        for name in _MILLISECONDS:
            settings[name + "_ms"] = self._config[name + "_s"] * 1000
        low, failed = bool(kept.get("low")), bool(kept.get("failed"))
        self.power = power.Power(settings, cause, low, failed, now)
        return cause

    def tell_cause(self, on_input, now):
        """The alarm that ended the rest may be over before the input is looked at: it is on until
        the input says otherwise. Where none is wired it is told alone."""
        name = self._cause
        if name not in power.ALARMS:
            return
        if name in self._inputs:
            self._app.inputs.woke(name, now)
            on_input(name, True, now)
        else:
            self._event(name, 1)

    def sources(self):
        """[[name, source], ...] of the inputs that can wake, the most important first."""
        return [[name, self._inputs[name]] for name in _WAKES if name in self._inputs]

    def armed(self):
        """Those of them that would wake now. One that is on cannot: it would do so at once, and for
        ever."""
        level = self._app.inputs.level
        return [source for source in self.sources() if level(source[0]) is not True]

    def drain_ms(self, usual):
        """How long the agent's end may wait for the room; nothing is recorded any more."""
        self._is_ending = True
        if self.power.is_failing:
            return min(usual, _FAIL_DRAIN_MS)
        return min(usual, _DRAIN_MS) if self.rest else usual

    def ended(self):
        """The last thing before the rest. True when something came meanwhile: the agent is to start
        anew at once, and finds what it was."""
        if self.rest is None:
            return False
        for name, _ in self.rest[1]:
            if self._late is None and self._app.inputs.level(name):
                self._late = name
        if self._late is not None:
            self._keep({"late": self._late})
            self.rest = None
            return True
        ms, sources, _ = self.rest
        kept = {"ms": ms, "wake": [source[0] for source in sources]}
        kept["low"], kept["failed"] = self.power.is_low, self.power.is_failing
        self._keep(kept)
        return False

    def _read(self):
        storage = self._app.journal.storage
        try:
            if KEPT not in storage.names():
                return {}
            data = storage.read(KEPT)
            kept = json.loads(data) if len(data) <= _KEPT_BYTES else {}
        except (port.StorageError, ValueError):
            return {}
        return kept if isinstance(kept, dict) else {}

    def _keep(self, kept):
        """ms: of the timer, 0: none; wake: names of inputs; low: the battery is; failed: the supply
        has. late: an input that came too late to stop the agent's end, and stands for the cause of
        the next start."""
        try:
            self._app.journal.storage.replace(KEPT, json.dumps(kept).encode())
        except port.StorageError as e:
            self._app.log.fault(self._app.now(), "power", type(e).__name__, str(e))

    # What is

    def input(self, name, level, now):
        self.power.feed(name, level, now)
        if self._is_ending and level and name in _WAKES:
            self._late = name

    def gps_speed(self, speed, now):
        self.power.feed("gps_speed", speed, now)

    def value(self, signal, raw, now):
        """A reading of OBD; False when it is not to be recorded."""
        if signal == _RPM:
            self.power.feed("rpm", raw, now)
        elif signal == _SPEED:
            self.power.feed("speed", raw * 250 // 9, now)  # km/h to cm/s
        elif signal in (signals.BATTERY_VOLTAGE, _MODULE_VOLTAGE) and not self.battery:
            self._measured(raw, now)
        if self.power.is_failing:
            self.counters["values_skipped"] += 1
            return False
        # A measurement of its own goes before the adapter's.
        return signal != signals.BATTERY_VOLTAGE or not self.battery

    def _measured(self, millivolts, now):
        self.volts = millivolts
        self.volts_at = now
        self.power.feed("voltage", millivolts, now)

    # What follows

    async def run(self):
        """For ever; a task of its own, so that what fails here stops no recording."""
        while True:
            self.poll(self._app.now())
            await asyncio.sleep(_POLL_MS / 1000)

    def poll(self, now):
        app = self._app
        if self.battery and now - self._battery_at >= _BATTERY_MS:
            self._battery_at = now
            millivolts = self.battery.read()
            if millivolts is not None:
                self._measured(millivolts, now)
                app.tracking.value(signals.BATTERY_VOLTAGE, millivolts, now)
        if self._beat_at is not None:
            self._poll_heartbeat(now)
        for event in self.power.poll(now, app.journal.frames_left(), self.hold()):
            if event[0] == "state":
                self._enter(event[1], event[2], now)
            elif event[0] == "heartbeat":
                self._beat(now)
            elif event[0] == "flush":
                app.flush(now)
            else:
                self._sleep(event[1])

    def hold(self):
        """Why the gateway must not sleep now, or None."""
        for hold in self.holds:
            why = hold()
            if why:
                return why
        return None

    def _enter(self, state, why, now):
        app = self._app
        app.log.line(now, "power: %s (%s)" % (state, why))
        self._event("power", state, why)
        app.tracking.rest(state in (power.PARKED, power.ASLEEP), now)
        if state == power.ASLEEP:
            app.flush(now)

    def _beat(self, now):
        self.counters["heartbeats"] += 1
        self._beat_at = now
        self._app.tracking.something_happened()

    def _poll_heartbeat(self, now):
        """Done when there is a position of after its begin, which was recorded, and a voltage; as
        far as anything tells them."""
        app = self._app
        position = app.tracking.position
        if app.gps and (position is None or position[1] < self._beat_at):
            return
        is_fresh = self.volts is not None and now - self.volts_at <= _FRESH_MS
        if not is_fresh and (app.obd or self.battery):
            return
        self._beat_at = None
        if is_fresh:
            record = (records.VALUE, self.volts_at, signals.BATTERY_VOLTAGE, self.volts)
            self._record(records.CRUMB, record)
        app.flush(now)
        self.power.feed("recorded", True, now)

    def _sleep(self, ms):
        self.rest = (ms, self.armed(), self._config["watchdog"])
        self._app.stop()
