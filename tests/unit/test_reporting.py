"""agent/reporting.py: which positions and readings are recorded, and which are breadcrumbs."""

from agent import signals
from agent.records import POSITION, VALUE
from agent.reporting import (
    PROFILES,
    Profile,
    Reporting,
    distance_cm,
    position_record,
    profiles,
    turn,
)

# 100 micro-degrees of latitude are 11.12 m.


class Fix:
    def __init__(self, **fields):
        self.lat, self.lon, self.held = 33990000, -6850000, False
        self.alt = self.speed = self.heading = self.sats = None
        for name, value in fields.items():
            setattr(self, name, value)


def at(t, lat=0, speed=1000, heading=9000, quality=1):
    return (POSITION, t, 33990000 + lat, -6850000, None, speed, heading, None, quality)


def kept(reporting, records):
    return [record[1] for record in records if reporting.position(record)]


def patrol():
    return Reporting(profiles()["patrol"])


def test_distances():
    assert distance_cm(0, 0, 1000000, 0) == 11119500
    assert distance_cm(0, 0, 0, 1000000) == 11119500
    assert abs(distance_cm(60000000, 0, 60000000, 1000000) - 5559750) <= 1
    assert distance_cm(0, 179999000, 0, -179999000) == distance_cm(0, -1000, 0, 1000) == 22239
    assert distance_cm(0, -179999000, 0, 179999000) == 22239
    assert distance_cm(33990000, -6850000, 33990000, -6850000) == 0


def test_turns():
    assert turn(0, 0) == 0 and turn(100, 35900) == 200 and turn(35900, 100) == 200
    assert turn(0, 18000) == 18000 and turn(9000, 27001) == 17999


def test_a_position_has_flags_for_what_it_has():
    assert position_record(Fix(), 7, 2) == (
        POSITION, 7, 33990000, -6850000, None, None, None, None, 2,
    )  # fmt: skip
    full = Fix(alt=7500, speed=0, heading=0, sats=0)
    assert position_record(full, 7, 1)[4:] == (7500, 0, 0, 0, 0x5D)
    full.held = True
    assert position_record(full, 7, 1)[8] == 0x7D
    assert position_record(Fix(held=True), 7, 3)[8] == 3


def test_the_first_position_is_recorded():
    assert kept(patrol(), [at(5)]) == [5]


def test_a_moving_car_is_recorded_each_second_in_spite_of_jitter():
    times = [0, 1000, 1990, 2960, 4000]
    assert kept(patrol(), [at(t) for t in times]) == times
    assert kept(patrol(), [at(t) for t in range(0, 3001, 200)]) == [0, 1000, 2000, 3000]


def test_a_standing_car_is_recorded_rarely():
    records = [at(t, speed=49) for t in range(0, 90001, 1000)]
    assert kept(patrol(), records) == [0, 30000, 60000, 90000]
    assert kept(patrol(), [at(0, speed=49), at(1000, speed=50)]) == [0, 1000]


def test_a_car_of_unknown_speed_counts_as_moving():
    assert kept(patrol(), [at(t, speed=None) for t in (0, 500, 1000)]) == [0, 1000]


def test_distance_is_a_reason():
    slow = Reporting(Profile("slow", 60000, 60000, 150, 0, 1, (1, 1, 1)))
    assert kept(slow, [at(0), at(1, lat=1348), at(2, lat=1350), at(3, lat=1360)]) == [0, 2]


def test_a_turn_is_a_reason_only_while_moving():
    slow = Profile("slow", 60000, 60000, 0, 30, 1, (1, 1, 1))
    records = [at(0), at(1, heading=11999), at(2, heading=12000), at(3, heading=12100)]
    assert kept(Reporting(slow), records) == [0, 2]
    records = [at(0), at(1, heading=27000, speed=10), at(2, heading=None), at(3, heading=0)]
    assert kept(Reporting(slow), records) == [0, 3]


def test_a_change_of_quality_is_a_reason():
    records = [at(0), at(100), at(200, quality=3), at(300, quality=3), at(400)]
    assert kept(patrol(), records) == [0, 200, 400]


def test_events_and_new_profiles_have_the_next_position_recorded():
    reporting = patrol()
    assert kept(reporting, [at(0), at(100)]) == [0]
    reporting.event()
    assert kept(reporting, [at(200), at(300)]) == [200]
    reporting.use(profiles()["parked"])
    assert kept(reporting, [at(400), at(2000)]) == [400]


def test_a_breadcrumb_a_minute_or_500_metres():
    reporting = patrol()
    records = [at(0), at(59999), at(60000), at(61000, lat=4490), at(62000, lat=4500), at(63000)]
    assert [r[1] for r in records if reporting.is_crumb(r)] == [0, 60000, 62000, 63000]


def test_readings_by_how_fast_their_signal_changes():
    reporting = patrol()
    for name, wanted in (
        ("speed", [0, 1000, 2000, 3000]),
        ("throttle", [0, 5000, 10000]),
        ("coolant_temperature", [0, 30000]),
    ):
        signal = signals.by_name(name)
        times = [t for t in range(0, wanted[-1] + 900, 250) if reporting.value(signal, 7, t)]
        assert times == wanted, name
    assert reporting.value(signals.by_name("rpm"), 3000, 99) == (
        VALUE, 99, signals.by_name("rpm"), 3000,
    )  # fmt: skip


def test_profiles_can_be_added_and_replaced():
    assert sorted(profiles()) == sorted([row[0] for row in PROFILES])
    mine = profiles((("mine", 1, 2, 3, 4, 5, (6, 7, 8)), ("patrol", 9, 9, 9, 9, 9, (9, 9, 9))))
    assert len(mine) == len(PROFILES) + 1 and mine["patrol"].moving_ms == 9
    assert (mine["mine"].distance_cm, mine["mine"].heading) == (300, 400)
