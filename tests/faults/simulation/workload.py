"""What a patrol car records: shifts of driving and standing, alerts at any time.

The rates are those of the agent's patrol profile behind its thinning of the track: a position every
ten seconds or so while driving, with the speed beside it, a breadcrumb a minute, one in five
minutes while parked. Every record is unlike any other.
"""

from agent.records import CRUMB, FINE, HAS_SPEED, POSITION, VALUE

SPEED = 13  # signal id, as good as any
CRUMB_MS = 60000
PARKED_MS = 300000


class Workload:
    """`start()` and `stop()` with the agent."""

    def __init__(self, vehicle):
        self._vehicle = vehicle
        self._scheduler = vehicle.scheduler
        self._random = vehicle.scheduler.random
        self._settings = vehicle.settings
        self._items = []
        self._count = 0
        self.is_driving = True
        self.is_over = False  # the shift has ended: nothing more is recorded
        self.gnss_error_ms = 0  # of the receiver's clock

    def start(self):
        self.stop()
        if self.is_over:
            return
        self._life = self._vehicle.life
        self.is_driving = self._random.random() < 0.7
        self._plan(self._shift_ms(), self._shift)
        self._plan(self._random.randrange(2000), self._fine)
        self._plan(self._random.randrange(CRUMB_MS), self._crumb)
        self._plan(self._alert_ms(), self._alert)

    def stop(self):
        for item in self._items:
            self._scheduler.cancel(item)
        self._items = []

    def end(self):
        self.is_over = True
        self.stop()

    def _plan(self, ms, call):
        item = self._scheduler.after(ms, self._vehicle.enter, self._go, self._vehicle.life, call)
        self._items = [i for i in self._items if i[3] is not None and i[0] >= self._scheduler.now]
        self._items.append(item)

    def _go(self, life, call):
        if life == self._vehicle.life and self._vehicle.is_up:
            call()

    def _shift_ms(self):
        drive, stand = self._settings["drive_ms"], self._settings["stand_ms"]
        return self._random.randrange(60000, drive if self.is_driving else stand)

    def _alert_ms(self):
        mean = self._settings["alert_ms"]
        return int(self._random.expovariate(1 / mean)) + 100

    def _shift(self):
        self.is_driving = not self.is_driving
        self._vehicle.event("ignition", int(self.is_driving))
        if self.is_driving:
            self._fine()
        self._plan(self._shift_ms(), self._shift)

    def _position(self):
        self._count += 1
        v = self._vehicle
        now = v.now()
        utc = v.world.utc() + self.gnss_error_ms
        t = v.clock.gnss(utc, now)
        lat = 33500000 + self._count * 37 % 100000
        return (POSITION, max(0, t), lat, -7600000 - self._count, None, 1400, None, None, HAS_SPEED)

    def _fine(self):
        if not self.is_driving:
            return
        v = self._vehicle
        v.record(FINE, self._position())
        if self._count % 2:
            v.record(FINE, (VALUE, v.now(), SPEED, self._count))
        fine = self._settings["fine_ms"]
        self._plan(self._random.randrange(fine // 2, fine * 3 // 2), self._fine)

    def _crumb(self):
        self._vehicle.record(CRUMB, self._position())
        self._plan(CRUMB_MS if self.is_driving else PARKED_MS, self._crumb)

    def _alert(self):
        """One, or a row of them: somebody plays with the siren."""
        for _ in range(1 if self._random.random() < 0.8 else self._random.randrange(2, 12)):
            self._count += 1
            self._vehicle.event("siren", self._count)
        self._plan(self._alert_ms(), self._alert)
