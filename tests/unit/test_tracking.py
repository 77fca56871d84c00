"""agent/tracking.py: what of a drive is recorded, and when, as the app hears it."""

from agent.gps.fix import QUALITY_DEAD_RECKONED, QUALITY_GOOD, Fix
from agent.gps.quality import REASON_RECKONED, REASON_STANDING
from agent.records import CRUMB, FINE, POSITION, STANDING
from agent.reporting import PROFILES, profiles
from agent.tracking import LOST_MS, Tracking

LAT, LON = 33990000, -6850000
STEP = 90  # micro-degrees of latitude: 10 m, a second at 36 km/h
ZONE = ["stadium", "pursuit", 30, 0, [LAT + 10 * STEP, LON, 25]]


class Car:
    """A Tracking, and what came out of it in order: (lane, record) and (name, t, fields)."""

    def __init__(self, **config):
        group = {"profile": "patrol", "profiles": (), "zones": ()}
        group.update(config)
        self.out = []
        self.tracking = Tracking(
            group,
            lambda lane, record: self.out.append((lane, record)),
            lambda name, t, *fields: self.out.append((name, t, fields)),
        )

    def fix(self, second, lat=None, quality=QUALITY_GOOD, reason=None, speed=1000, lon=LON):
        fix = Fix(second * 1000)
        fix.lat, fix.lon = LAT + second * STEP if lat is None else lat, lon
        fix.speed, fix.heading, fix.valid = speed, 0, True
        fix.quality, fix.reason = quality, reason
        self.tracking.fix(fix, fix.t)

    def drive(self, first, last):
        for second in range(first, last + 1):
            self.fix(second)

    def take(self):
        out, self.out = self.out, []
        return out

    def positions(self):
        """Seconds of the positions that came out since the last call."""
        return [row[1][1] // 1000 for row in self.take() if row[0] in (CRUMB, FINE)]

    def events(self):
        return [row for row in self.take() if row[0] not in (CRUMB, FINE)]


def test_the_first_fix_is_a_breadcrumb_and_told():
    car = Car()
    car.fix(0)
    assert car.take() == [
        ("gps_state", 0, ("fix",)),
        (CRUMB, (POSITION, 0, LAT, LON, None, 1000, 0, None, 0x19)),
    ]


def test_a_straight_drive_is_few_positions_and_its_end_is_there():
    car = Car()
    car.drive(0, 20)
    assert car.positions() == [0]
    car.tracking.flush()
    assert car.positions() == [20]
    car.tracking.flush()
    assert car.positions() == []


def test_while_connected_a_car_that_is_not_where_it_is_drawn_is_told_of():
    car = Car()
    car.drive(0, 3)
    car.take()
    # Who listens goes on from the first position with its speed: there it is.
    assert car.tracking.poll(3000, False) is False and car.positions() == []
    for second in range(4, 7):
        car.fix(second, lat=LAT + 3 * STEP, speed=0)
    car.take()
    # It stopped, 30 m short of where it is drawn.
    assert car.tracking.poll(6000, False) is True and car.positions() == [6]
    # Without a connection nobody waits for it.
    car.drive(7, 14)
    car.take()
    assert car.tracking.poll(14000, None) is False and car.positions() == []


def test_a_batch_that_goes_out_anyway_takes_the_newest_along():
    car = Car()
    car.drive(0, 3)
    car.fix(4, lat=LAT + 3 * STEP, speed=0)
    car.take()
    assert car.tracking.poll(4000, True) is False
    assert car.positions() == [4]


def test_what_happens_has_the_position_before_it_and_the_next_one():
    car = Car()
    car.drive(0, 5)
    car.take()
    car.tracking.something_happened()
    assert car.positions() == [5]
    car.fix(6)
    assert car.positions() == [6]


def test_a_zone_has_its_profile_and_limit_in_force_for_the_fix_that_entered_it():
    car = Car(zones=[ZONE])
    car.drive(0, 7)
    car.take()
    car.fix(8)
    out = car.take()
    assert [row for row in out if row[0] not in (CRUMB, FINE)] == [
        ("zone_enter", 8000, ("stadium",)),
        ("profile", 8000, ("pursuit",)),
    ]
    assert out[-1][1][1] == 8000, "the fix itself is recorded"
    assert car.tracking.profile.name == "pursuit"
    car.drive(9, 16)
    told = car.events()
    # 36 km/h where 30 is allowed is over by more than a speedometer may be wrong.
    assert [row[0] for row in told] == ["zone_leave", "profile", "overspeed"]
    assert told[2][2][2] == 30 * 250 // 9
    assert car.tracking.profile.name == "patrol"


def test_the_inputs_profile_goes_before_the_zones():
    car = Car(zones=[ZONE])
    car.tracking.urge("event", 500)
    assert car.events() == [("profile", 500, ("event",))]
    car.drive(0, 9)
    assert [row[0] for row in car.events()] == ["gps_state", "zone_enter"]
    car.tracking.urge(None, 9500)
    assert car.events() == [("profile", 9500, ("pursuit",))]


def test_gps_is_lost_after_a_while_and_where_is_recorded():
    car = Car()
    car.drive(0, 5)
    car.take()
    car.tracking.poll(5000 + LOST_MS, None)
    assert car.take() == []
    car.tracking.poll(5001 + LOST_MS, None)
    (lane, record), lost = car.take()
    assert record[1] == 5000 and lost == ("gps_state", 5001 + LOST_MS, ("lost",))
    car.tracking.poll(5100 + LOST_MS, None)
    assert car.take() == []
    car.fix(30)
    assert car.events() == [("gps_state", 30000, ("fix",))]


def test_what_is_reckoned_is_recorded_but_is_no_fix():
    car = Car()
    car.drive(0, 5)
    car.take()
    for second in range(7, 17):
        car.fix(second, quality=QUALITY_DEAD_RECKONED, reason=REASON_RECKONED)
    out = car.take()
    assert [record[8] & 3 for _, record in out] == [3], "as the quality is another"
    car.tracking.poll(15001, None)
    assert ("gps_state", 15001, ("lost",)) in car.take()


def test_a_frozen_position_says_so():
    car = Car()
    car.fix(0, reason=REASON_STANDING, speed=0)
    assert car.take()[1][1][8] & STANDING
    car.fix(1)
    assert not car.tracking.position[8] & STANDING


def test_a_collision_has_its_position():
    car = Car()
    car.drive(0, 5)
    car.take()
    for ms, speed in ((4000, 2000), (4500, 2000), (5000, 2000), (5400, 500), (5800, 0), (6200, 0)):
        car.tracking.speed(speed, ms)
    for second in (6, 7, 8):
        car.fix(second, lat=LAT + 5 * STEP, speed=0)
    car.tracking.poll(8000, None)
    out = car.take()
    names = [row[0] for row in out]
    assert "collision" in names
    around = [row[1][1] for row in out[: names.index("collision") + 2] if row[0] in (CRUMB, FINE)]
    assert around, "no position beside the collision"


def test_the_end_tells_what_is_under_way():
    car = Car(zones=[["limit", None, 20, 0, [LAT, LON, 5000]]])
    car.drive(0, 6)
    car.take()
    car.tracking.end()
    assert [row[0] for row in car.take()] == ["overspeed", FINE]


def test_a_profile_of_ones_own():
    row = ["slow", 2000, 4000, 0, 0, 9000, [1, 1, 1]]
    car = Car(profile="slow", profiles=[row])
    car.drive(0, 8)
    assert car.positions() == [0, 2, 4, 6, 8]
    assert car.tracking.profile.report_ms == 9000
    assert len(profiles([row])) == len(PROFILES) + 1


def test_the_rooms_profile_goes_before_the_zones_and_behind_the_inputs():
    car = Car(zones=[ZONE])
    car.drive(0, 10)
    assert car.tracking.profile.name == "pursuit"  # the zone's
    car.take()
    car.tracking.order("parked", 10000)
    assert car.events() == [("profile", 10000, ("parked",))]
    car.tracking.urge("event", 10000)
    assert car.tracking.profile.name == "event"
    car.tracking.urge(None, 11000)
    assert car.tracking.profile.name == "parked"
    car.tracking.order(None, 12000)
    assert car.tracking.profile.name == "pursuit"
    car.take()
    try:
        car.tracking.order("racing", 12000)
    except KeyError:
        pass
    else:
        raise AssertionError("there is no such profile")
    assert car.tracking.profile.name == "pursuit" and not car.take()


def test_zones_from_the_room_are_in_force_at_once():
    car = Car(zones=[ZONE])
    car.drive(0, 10)
    car.take()
    # The same zone stays entered; another is entered where the car is; one that is gone is left.
    other = ["match", "event", 0, 0, [LAT + 10 * STEP, LON, 10]]
    car.tracking.set_zones([ZONE, other], 10500)
    assert car.events() == [
        ("zone_enter", 10500, ("match",)),
        ("profile", 10500, ("event",)),
    ]
    car.tracking.set_zones([], 11000)
    told = car.events()
    assert sorted(told[:2]) == [
        ("zone_leave", 11000, ("match",)),
        ("zone_leave", 11000, ("stadium",)),
    ]
    assert told[2:] == [("profile", 11000, ("patrol",))]
    # Without a position zones wait for the first fix.
    car = Car()
    car.tracking.set_zones([ZONE], 0)
    assert not car.take()
    car.fix(10)
    assert ("zone_enter", 10000, ("stadium",)) in car.take()


def test_a_parked_car_has_its_own_profile_but_panic_and_orders_go_first():
    car = Car(zones=[ZONE])
    tracking = car.tracking
    car.drive(0, 10)
    assert tracking.profile.name == "pursuit"
    tracking.rest(True, 11000)
    assert tracking.profile.name == "parked"
    tracking.order("patrol", 12000)
    assert tracking.profile.name == "patrol"
    tracking.urge("event", 13000)
    assert tracking.profile.name == "event"
    tracking.urge(None, 14000)
    tracking.order(None, 14000)
    assert tracking.profile.name == "parked"
    tracking.rest(False, 15000)
    assert tracking.profile.name == "pursuit"
