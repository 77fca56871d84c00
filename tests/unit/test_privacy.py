"""agent/vehicle/privacy.py and what a Tracking does of it: off duty nothing of the way is recorded,
and nothing is made up afterwards."""

from agent.gps.fix import QUALITY_GOOD, Fix
from agent.records import EVENT, EVENT_CODES, POSITION, VALUE
from agent.tracking import Tracking
from agent.vehicle.privacy import AFTER_PANIC_MS, Privacy

LAT, LON = 33990000, -6850000
STEP = 90  # 10 m
HERE = ["here", "pursuit", 30, 0, [LAT, LON, 25]]
THERE = ["there", None, 0, 5, [LAT + 40 * STEP, LON, 25]]


class Car:
    def __init__(self, **config):
        group = {"profile": "patrol", "profiles": (), "zones": [HERE, THERE]}
        group.update(config)
        self.out = []
        self.tracking = Tracking(
            group,
            lambda lane, record: self.out.append(record),
            lambda name, t, *fields: self.out.append((name, t) + fields),  # noqa: RUF005
        )

    def fix(self, second, place, speed=1000):
        fix = Fix(second * 1000)
        fix.lat, fix.lon = LAT + place * STEP, LON
        fix.speed, fix.heading, fix.valid, fix.quality = speed, 0, True, QUALITY_GOOD
        self.tracking.fix(fix, fix.t)

    def take(self):
        out, self.out = self.out, []
        return out

    def names(self):
        return [row[0] for row in self.take() if isinstance(row[0], str)]


def test_off_duty_nothing_of_the_way_is_recorded():
    car = Car()
    car.fix(0, 0)
    car.fix(1, 0)
    car.take()
    car.tracking.set_private(True, 1500)
    car.take()  # the newest position before it
    for second in range(2, 60):
        car.fix(second, second)
        car.tracking.speed(3000 if second % 2 else 0, second * 1000)  # braking as hard as can be
        car.tracking.value(13, 100, second * 1000)
        car.tracking.something_happened()
        car.tracking.poll(second * 1000, second % 5 == 0)
    car.tracking.end()
    assert car.take() == []


def test_back_on_duty_the_zones_are_those_of_now():
    car = Car()
    car.fix(0, 0)
    car.fix(1, 0)
    car.tracking.set_private(True, 1500)
    car.take()
    for second in range(2, 45):
        car.fix(second, second)  # leaves "here", dwells in "there" from 40 on
    car.tracking.set_private(False, 45_000)
    assert car.take() == [
        ("zone_leave", 45_000, "here"),
        ("zone_enter", 45_000, "there"),
        ("profile", 45_000, "patrol"),
    ]
    car.fix(45, 40)
    assert [row[0] for row in car.take()] == [POSITION]  # at once


def test_a_zone_that_was_left_and_entered_again_is_not_told_of():
    car = Car()
    car.fix(0, 0)
    car.fix(1, 0)
    car.tracking.set_private(True, 1500)
    car.take()
    for second, place in ((2, 20), (3, 20), (4, 40), (5, 20), (6, 0)):
        car.fix(second, place)
    car.tracking.set_private(False, 7000)
    assert car.take() == []


def test_the_time_between_is_no_braking():
    car = Car(zones=[])
    for second in range(5):
        car.fix(second, second, 3000)
    car.tracking.set_private(True, 4500)
    car.tracking.set_private(False, 5000)
    for second in range(5, 12):
        car.fix(second, 5, 0)
    car.tracking.end()
    assert [n for n in car.names() if n != "gps_state"] == []


def test_the_manner_of_driving_may_be_kept_untold():
    for is_told in (True, False):
        car = Car(zones=[], driving_events=is_told)
        for t, speed in ((0, 2000), (1000, 2000), (2000, 1000), (3000, 0), (6000, 0)):
            car.tracking.speed(speed, t)
        car.tracking.end()
        assert ("harsh_braking" in car.names()) == is_told


def test_panic_goes_before_the_switch_and_for_a_while_after():
    privacy = Privacy()
    assert privacy.is_private(True, False, 0)
    assert not privacy.is_private(True, True, 1000)
    assert not privacy.is_private(True, False, 1000 + AFTER_PANIC_MS - 1)
    assert privacy.is_private(True, False, 1000 + AFTER_PANIC_MS)
    assert not privacy.is_private(False, False, 2000 + AFTER_PANIC_MS)


def test_a_switch_that_cannot_be_read_hides_no_car():
    privacy = Privacy()
    assert privacy.is_private(None, None, 0)  # it was not looked at yet
    assert not privacy.is_private(None, None, 1000)
    assert privacy.is_private(True, None, 2000)
    assert not privacy.is_private(None, None, 2100)


def test_what_is_hidden():
    privacy = Privacy()

    def event(name):
        return (EVENT, 0, EVENT_CODES[name])

    for record in ((POSITION, 0), (VALUE, 0), event("overspeed"), event("gps_jump")):
        assert privacy.hides(record)
    for name in ("panic", "off_duty", "siren", "dtc", "order", "boot", "fault"):
        assert not privacy.hides(event(name))
