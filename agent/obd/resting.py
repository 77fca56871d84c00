"""What the policy of sleep.py means for the adapter: the car left alone, its battery looked at.

watch(now)   before each turn -> the state that follows ("asleep", "searching"), or None
ask(now)     what a parked adapter is asked: nothing that goes to the car -> bytes or None
"""

from agent.obd import sleep


class Resting:
    """`elm`: the driver; `settings`: of poller.Obd."""

    def __init__(self, elm, settings):
        self.policy = sleep.Sleep(settings)
        self._elm = elm
        self._rest_voltage_ms = settings["rest_voltage_ms"]
        self._look_due = 0  # the next look at a sleeping car's battery
        self._slept_at = 0  # when the adapter went to low power
        self.trying = False  # a sleeping car is asked once

    @property
    def asleep(self):
        """True while the car is to be left alone."""
        return self.policy.asleep and not self.trying

    def watch(self, now):
        verdict = self.policy.poll(now)
        if verdict == sleep.FALL_ASLEEP:
            self._elm.rest()
            self._look_due = now
            return "asleep"
        if verdict == sleep.WAKE:
            self.trying = False
            self._elm.release(now)
            return "searching"
        if verdict == sleep.TRY:
            self._try(now)
        elif self._elm.asleep and now - self._slept_at >= self._rest_voltage_ms:
            self._elm.wake_up(now)  # for one look at the battery, which the set-up takes
        return None

    def ask(self, now):
        if not self.policy.asleep:
            self._elm.release(now)
            return self._elm.poll(now)
        if self.policy.rests(now) and self._elm.can_sleep and now < self._look_due:
            self._slept_at = now
            return self._elm.sleep(now)
        if now >= self._look_due:
            self._look_due = now + sleep.WATCH_MS
            return self._elm.voltage(now)
        return None

    def due(self, now):
        """ms until ask() has something."""
        return max(0, self._look_due - now)

    # What comes

    def ignition(self, level, now, waits):
        """`waits`: for a bus, which will answer now."""
        if level and not self.policy.level and waits:
            self._elm.release(now)
        self.policy.ignition(level, now)

    def voltage(self, millivolts, now):
        self.policy.voltage(millivolts)
        self._look_due = now + sleep.WATCH_MS

    def bus_found(self, now):
        """True where that ends the car's sleep."""
        self.policy.bus(True, now)
        tried = self.trying
        self.trying = False
        if tried:
            self.policy.tried(True, now)
        return tried

    def bus_lost(self, now):
        """True where the car sleeps on."""
        self.policy.bus(False, now)
        if self.trying or self.policy.asleep:
            self.trying = False
            self._elm.rest()
            return True
        return False

    def was_reset(self, now):
        """The battery broke down: perhaps the starter turned, where no input tells."""
        if self.policy.asleep and self.policy.level is None:
            self._try(now)

    def _try(self, now):
        self.trying = True
        self._elm.release(now)
