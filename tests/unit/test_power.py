"""agent/vehicle/power.py: what is fed in, which states and deeds come out."""

from agent.vehicle.power import ASLEEP, DRIVING, IDLE, LOW_PERIOD_MS, PARKED, Power

MINUTE = 60000
HOUR = 60 * MINUTE
PERIOD = 6 * HOUR
LINGER = 30 * MINUTE


class Car:
    """A machine whose inputs are looked at every second."""

    def __init__(self, cause="start", was_low=False, had_failed=False, **settings):
        self.power = Power(settings, cause, was_low, had_failed, 0)
        self.now = 0
        self.levels = {}
        self.left = 0
        self.hold = None
        self.out = []  # (second, event)

    def run(self, seconds, **levels):
        """Events of so many seconds with these levels, as (second, event); None: no reading."""
        self.levels.update(levels)
        first = len(self.out)
        for _ in range(seconds):
            for what in sorted(self.levels):
                if self.levels[what] is not None or what == "ignition":
                    self.power.feed(what, self.levels[what], self.now)
            for event in self.power.poll(self.now, self.left, self.hold):
                self.out.append((self.now // 1000, event))
            self.now += 1000
        return self.out[first:]

    def states(self, seconds, **levels):
        return [e[1:] for _, e in self.run(seconds, **levels) if e[0] == "state"]

    def parked(self):
        """A car that was idle and is parked now; what it gave is forgotten."""
        self.run(10, ignition=True)
        self.run(15, ignition=False)
        assert self.power.state == PARKED
        self.out = []
        return self


def at_rest(**settings):
    return Car(**settings).parked()


def test_a_shift():
    car = Car()
    assert car.states(10, ignition=True) == [(IDLE, "start")]
    assert car.states(60, rpm=800, speed=0) == []
    assert car.states(60, rpm=2000, speed=1400) == [(DRIVING, "moving")]
    assert car.states(59, rpm=800, speed=0) == []  # a traffic light
    assert car.states(60, speed=1400) == []
    assert car.run(70, rpm=800, speed=0) == [(308, ("state", IDLE, "standing"))]
    began = car.now // 1000
    # The engine's last speed counts for 5 s, then 10 s without anything.
    assert car.run(30, ignition=False, rpm=0) == [(began + 14, ("state", PARKED, "ignition"))]
    found = car.run(LINGER // 1000)
    asleep = began + 14 + LINGER // 1000
    assert found == [(asleep, ("state", ASLEEP, "time")), (asleep, ("sleep", PERIOD))]


def test_nothing_is_said_before_the_inputs_were_read():
    car = Car("panic")
    assert car.run(2, ignition=None) == []
    assert car.run(2) == [(2, ("state", PARKED, "panic"))]


def test_the_engine_runs_on_with_the_key_drawn():
    car = Car()
    car.run(10, ignition=True, rpm=800, speed=0)
    assert car.states(3600, ignition=False) == []
    assert car.states(60, rpm=0) == [(PARKED, "ignition")]


def test_a_cranking_engine_changes_nothing():
    car = Car()
    car.run(10, ignition=True, voltage=12600)
    for _ in range(5):
        assert car.states(4, ignition=False, voltage=7000) == []
        assert car.states(3, ignition=True, voltage=11000) == []
    assert car.power.is_low is False


def test_a_flapping_contact_changes_nothing_while_on():
    car = Car()
    car.run(10, ignition=True)
    for _ in range(600):
        assert car.states(1, ignition=False) == []
        assert car.states(1, ignition=True) == []


def test_a_parked_car_is_not_woken_by_a_bounce():
    car = at_rest()
    car.power.feed("ignition", True, car.now)
    assert car.power.poll(car.now) == []
    assert car.states(20, ignition=False) == []
    assert car.states(3, ignition=True) == [(IDLE, "ignition")]


def test_without_an_ignition_wire_the_engine_tells():
    car = Car()
    assert car.states(10, ignition=None, rpm=800) == [(IDLE, "start")]
    assert car.states(10, speed=900) == [(DRIVING, "moving")]
    car.run(100, speed=0)
    assert car.power.state == IDLE
    assert car.states(20, rpm=0) == [(PARKED, "engine")]


def test_without_ignition_and_obd_speed_and_a_charged_battery_tell():
    car = Car()
    assert car.states(10, ignition=None, gps_speed=0, voltage=14200) == [(PARKED, "start")]
    assert car.states(10, gps_speed=1200) == [(DRIVING, "moving")]
    assert car.states(HOUR // 1000, gps_speed=20) == [(IDLE, "standing")]
    # A battery that is no longer charged: the engine has stopped.
    assert car.states(20, voltage=12700) == [(PARKED, "engine")]
    # What charges a parked car may be a charger.
    assert car.states(60, voltage=14400) == []


def test_an_old_voltage_keeps_nothing_on():
    car = Car()
    car.run(30, ignition=None, gps_speed=1200, voltage=14200)
    assert car.states(200, gps_speed=None, voltage=None) == [(IDLE, "standing"), (PARKED, "engine")]


def test_a_towed_car_does_not_drive():
    assert at_rest().states(600, gps_speed=1200) == []
    # But one whose engine turns does, with the key drawn.
    assert at_rest().states(10, gps_speed=1200, rpm=2000) == [(DRIVING, "moving")]


def test_a_low_battery_ends_the_linger():
    car = at_rest()
    # A dip, and one that is long but not long enough.
    assert car.states(60, voltage=12100) == []
    assert car.states(1, voltage=12200) == []
    assert car.states(240, voltage=12199) == []
    car.left = 5  # not even for what is unsent
    assert car.states(1) == [(ASLEEP, "battery")]
    found = car.run(20)
    assert found == [(found[0][0], ("sleep", LOW_PERIOD_MS))]


def test_two_readings_far_apart_are_needed():
    car = at_rest()
    car.run(1, voltage=11900)
    assert car.states(300, voltage=None) == []
    assert car.states(1, voltage=11900) == [(ASLEEP, "battery")]


def test_ignition_keeps_a_low_battery_awake():
    car = Car()
    assert car.states(1200, ignition=True, voltage=11500) == [(IDLE, "start")]
    assert car.states(12, ignition=False) == [(PARKED, "ignition"), (ASLEEP, "battery")]


def test_a_lorry_has_two_batteries_in_a_row():
    car = at_rest(battery_v=24)
    assert car.states(300, voltage=24500) == []
    assert car.states(300, voltage=24300) == [(ASLEEP, "battery")]
    car = Car(battery_v=24)
    car.run(20, ignition=None, gps_speed=1200, voltage=25200)
    # Charged is 26.4 V here.
    assert car.states(90, gps_speed=0) == [(PARKED, "engine")]
    car = Car(battery_v=24)
    car.run(20, ignition=None, gps_speed=1200, voltage=26400)
    assert car.states(90, gps_speed=0) == [(IDLE, "standing")]
    assert at_rest(cutout_mv=11800).states(600, voltage=12000) == []


def test_panic_keeps_awake_as_long_as_it_is_pressed_and_a_while_longer():
    car = at_rest()
    assert car.states(2 * HOUR // 1000, panic=True) == []
    assert car.states(600, panic=False) == []
    assert car.states(1) == [(ASLEEP, "time")]


def test_a_button_that_jams_does_not_empty_the_battery():
    car = at_rest()
    assert car.states(600, panic=True, voltage=12000) == []  # awake for an alarm
    assert car.states(20) == [(ASLEEP, "battery")]


def test_tamper_and_door_wake_for_a_while():
    for name in ("tamper", "door"):
        car = at_rest()
        car.left = 3
        car.run((LINGER + 5 * MINUTE) // 1000)
        assert car.power.state == ASLEEP
        # The last word is still under way: it is not too late.
        assert car.states(3, **{name: True}) == [(PARKED, name)]
        car.left = 0
        found = car.run(1200)
        assert found[0][1] == ("state", ASLEEP, "time")
        assert 590 <= found[0][0] - (car.now // 1000 - 1200) <= 600


def test_an_order_holds_the_gateway_awake():
    car = at_rest()
    car.hold = "order"
    assert car.states(3 * HOUR // 1000) == []
    car.hold = None
    assert car.states(2) == [(ASLEEP, "time")]
    car = at_rest()
    car.hold = "update"
    assert car.states(300, voltage=12000) == [(ASLEEP, "battery")]


def test_what_is_unsent_holds_it_for_a_bounded_time():
    car = at_rest()
    car.left = 7
    found = car.run((LINGER + 6 * MINUTE) // 1000)
    assert [e for _, e in found] == [("state", ASLEEP, "time"), ("sleep", PERIOD)]
    # The last word, too: 10 s.
    assert found[1][0] - found[0][0] == 10


def test_a_heartbeat_is_as_short_as_its_position():
    car = Car("timer")
    found = car.run(60, ignition=False)
    assert found == [(2, ("state", PARKED, "timer")), (2, ("heartbeat",))]
    car.power.feed("recorded", True, car.now)
    assert car.states(1) == [(ASLEEP, "time")]


def test_a_heartbeat_without_a_position_ends_by_itself():
    found = Car("timer", was_low=True).run(150, ignition=False)
    assert found == [
        (2, ("state", PARKED, "timer")),
        (2, ("heartbeat",)),
        (120, ("state", ASLEEP, "battery")),
        (120, ("sleep", LOW_PERIOD_MS)),
    ]


def test_a_battery_that_was_charged_since_is_well_again():
    car = Car("timer", was_low=True)
    found = car.run(150, ignition=False, voltage=12500)
    assert found[-1][1] == ("sleep", PERIOD)
    car = Car("timer", was_low=True)
    assert car.run(150, ignition=False, voltage=12400)[-1][1] == ("sleep", LOW_PERIOD_MS)


def test_the_ignition_during_a_heartbeat_is_a_shift():
    car = Car("timer")
    car.run(10, ignition=False)
    assert car.states(3, ignition=True) == [(IDLE, "ignition")]
    car.run(20, ignition=False)
    car.power.feed("recorded", True, car.now)
    assert car.states(600) == []  # it lingers


def test_heartbeats_while_it_lingers():
    car = at_rest(linger_ms=24 * HOUR)
    found = car.run(24 * HOUR // 1000 - 60)
    assert [e for _, e in found] == [("heartbeat",)] * 3
    assert found[1][0] - found[0][0] == PERIOD // 1000
    car = at_rest(heartbeat_ms=0, linger_ms=24 * HOUR)
    assert [e for _, e in car.run(25 * HOUR // 1000)] == [("state", ASLEEP, "time"), ("sleep", 0)]


def test_a_supply_that_dips_is_flushed_for_and_goes_on():
    car = Car()
    car.run(10, ignition=True, rpm=800)
    assert [e for _, e in car.run(2, power_fail=True)] == [("flush",)]
    assert car.power.is_failing
    assert car.run(60, power_fail=False) == []
    assert not car.power.is_failing


def test_a_supply_that_has_failed_ends_everything():
    car = Car()
    car.run(10, ignition=True, rpm=800, panic=True)
    car.left = 99
    car.hold = "update"
    found = car.run(10, power_fail=True)
    assert [e for _, e in found] == [("flush",), ("state", ASLEEP, "power_fail"), ("sleep", MINUTE)]
    assert found[1][0] - found[0][0] == 2
    # It returns before the light has gone out.
    assert car.states(3, power_fail=False) == [(IDLE, "ignition")]


def test_a_supply_that_still_fails_after_a_rest_is_a_broken_wire():
    car = Car("timer", had_failed=True)
    assert car.states(60, ignition=True, power_fail=True) == [(IDLE, "ignition")]
    assert not car.power.is_failing
    car.run(5, power_fail=False)
    assert [e[0] for _, e in car.run(5, power_fail=True)] == ["flush", "state", "sleep"]


def test_a_parked_car_whose_supply_returns_is_parked():
    car = at_rest()
    car.run(10, power_fail=True)
    assert car.power.state == ASLEEP
    assert car.states(3, power_fail=False) == [(PARKED, "power_fail")]
