"""agent/reporting.py: which positions and readings are recorded, and which are breadcrumbs."""

import math

from agent import signals
from agent.records import POSITION, VALUE
from agent.reporting import (
    AHEAD_MS,
    LIVE,
    MAX_FIXES,
    PROFILES,
    Profile,
    Reporting,
    ahead,
    between,
    distance_cm,
    is_straight,
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
    return [kept[1] for record in records for kept in reporting.feed(record)]


def patrol():
    """As the profile of that name, by rhythm."""
    return Reporting(Profile("p", 1000, 30000, 150, 30, 5000, (1000, 5000, 30000)))


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


# Positions by a bound on the error


def bounded(error_cm=500, silence_ms=30000, report_ms=5000):
    return Reporting(Profile("b", 1, silence_ms, 1, 1, report_ms, (1, 1, 1), error_cm))


def fed(reporting, records):
    return [[kept[1] for kept in reporting.feed(record)] for record in records]


def test_a_profile_may_have_a_bound_and_a_limit():
    every = profiles((("old", 1, 2, 3, 4, 5, (6, 7, 8)), ("new", 1, 2, 3, 4, 5, (6, 7, 8), 50, 90)))
    assert (every["old"].error_cm, every["old"].limit) == (0, 0)
    assert (every["new"].error_cm, every["new"].limit) == (50, 2500)
    bounds = [(name, every[name].error_cm) for name in ("patrol", "pursuit", "parked", "event")]
    assert bounds == [("patrol", 500), ("pursuit", 100), ("parked", 0), ("event", 0)]


def test_a_line_is_straight_within_the_bound_less_what_rounding_takes():
    a, b = at(0), at(2000, lat=200)
    # 34 micro-degrees are 378 cm, 35 are 389; 8 cm are a reader's rounding.
    assert is_straight(a, b, [at(1000, lat=134)], 387)
    assert not is_straight(a, b, [at(1000, lat=135)], 387)
    assert is_straight(a, b, [at(1000, lat=66)], 387)
    assert not is_straight(a, b, [at(1000, lat=65)], 387)
    # In even time: at its place on the line, but a second early.
    assert not is_straight(a, b, [at(500, lat=100)], 387)
    assert is_straight(a, b, [], 0)
    assert not is_straight(a, at(2000, lat=60000), [at(1000, lat=30000)], 500)


def test_a_line_runs_across_the_date_line():
    a = (POSITION, 0, 0, 179999900, None, None, None, None, 1)
    b = (POSITION, 2000, 0, -179999900, None, None, None, None, 1)
    for lon in (180000000, -180000000):
        assert is_straight(a, b, [(POSITION, 1000, 0, lon, None, None, None, None, 1)], 50)
    assert between(a, b, 1000) in ((0, 180000000), (0, -180000000))
    assert between(a, b, 1500) == (0, -179999950)


def test_a_place_on_a_line_is_rounded_to_nearest():
    a, b = (POSITION, 0, 10, 0), (POSITION, 3000, 11, -1)
    assert [between(a, b, t) for t in (0, 1000, 2000, 3000)] == [
        (10, 0),
        (10, 0),
        (11, -1),
        (11, -1),
    ]
    assert between(b, b, 3000) == (11, -1)


def test_a_straight_drive_needs_two_positions_and_the_longest_silence():
    records = [at(t * 1000, lat=t * 100) for t in range(65)]
    kept = [t for times in fed(bounded(), records) for t in times]
    assert kept == [0, 30000, 60000]


def test_the_fix_before_the_one_that_breaks_the_line_is_kept():
    # Two seconds of 11 m each, then it stands: a line to the first fix of standing passes the one
    # before by 7.4 m, a line to the second by 11.1 m.
    records = [at(t * 1000, lat=lat) for t, lat in enumerate((0, 100, 200, 200, 200, 200))]
    assert fed(bounded(500), records) == [[0], [], [], [2000], [], []]
    assert fed(bounded(1000), records) == [[0], [], [], [], [3000], []]
    assert fed(bounded(2000), records) == [[0], [], [], [], [], []]


def test_a_window_holds_so_many_fixes_and_no_more():
    records = [at(t * 200, lat=t * 10) for t in range(2 * MAX_FIXES + 2)]
    got = fed(bounded(), records)
    assert [i for i, times in enumerate(got) if times] == [0, MAX_FIXES + 1, 2 * MAX_FIXES + 1]
    assert got[MAX_FIXES + 1] == [MAX_FIXES * 200]


def test_the_newest_is_kept_when_something_happens():
    reporting = bounded()
    assert fed(reporting, [at(0), at(1000), at(2000)]) == [[0], [], []]
    assert [r[1] for r in reporting.flush()] == [2000] and reporting.flush() == []
    reporting.event()
    assert fed(reporting, [at(3000), at(4000)]) == [[3000], []]
    # The line to a forced fix must pass those before it: else the one before it is kept as well.
    reporting.event()
    assert fed(reporting, [at(5000, lat=100)]) == [[4000, 5000]]
    reporting.use(Profile("unbounded", 1000, 1000, 0, 0, 1, (1, 1, 1)))
    assert fed(reporting, [at(6000), at(6500), at(7000)]) == [[6000], [], [7000]]
    assert reporting.flush() == [] and reporting.poll(99999) == []


def test_an_unbounded_profile_keeps_its_rhythm():
    profile = profiles()["event"]
    records = [at(t * 100, lat=t) for t in range(50)]
    assert kept(Reporting(profile), records) == list(range(0, 5000, 200))
    # A gap of 10 s says nothing where no line is drawn.
    parked = [at(t, speed=0) for t in range(0, 600001, 20000)]
    assert kept(Reporting(profiles()["parked"]), parked) == [0, 300000, 600000]


def test_nothing_is_drawn_across_a_gap_or_backwards():
    reporting = bounded()
    assert fed(reporting, [at(0), at(1000), at(11001), at(12000)]) == [[0], [], [1000, 11001], []]
    assert fed(reporting, [at(11500), at(11500), at(12500)]) == [[12000, 11500], [11500], []]


def test_a_change_of_quality_is_kept_with_a_bound_too():
    records = [at(0), at(1000), at(2000, quality=2), at(3000, quality=2), at(4000)]
    assert fed(bounded(), records) == [[0], [], [2000], [], [4000]]


# Live: the room draws the car ahead


def test_a_car_is_drawn_ahead_by_speed_and_heading():
    # 10 m/s north for 5 s are 50 m: 449.66 micro-degrees.
    assert ahead(at(1000, heading=0), 6000) == (33990449, -6850000)
    assert ahead(at(1000, heading=18000), 6000) == (33990000 - 449, -6850000)
    lat, lon = ahead(at(1000, heading=9000), 6000)
    assert lat == 33990000 and abs(lon + 6850000 - 542) <= 1  # narrower in the north
    # No further than a minute, and never back.
    assert ahead(at(0, heading=0), AHEAD_MS) == ahead(at(0, heading=0), AHEAD_MS + 9000)
    assert ahead(at(5000, heading=0), 4000) == (33990000, -6850000)
    for still in (at(0, speed=49), at(0, speed=None), at(0, heading=None)):
        assert ahead(still, 9000) == (33990000, -6850000)
    edge = (POSITION, 0, 0, 179999999, None, 1000, 9000, None, 1)
    assert ahead(edge, 1000) == (0, -179999912)


def told(reporting, records):
    """Times of the records after which poll let something go out; the first goes out anyway."""
    reporting.feed(records[0])
    reporting.poll(records[0][1], True)
    times = []
    for record in records[1:]:
        reporting.feed(record)
        if reporting.poll(record[1]):
            times.append(record[1])
    return times


def north(t, lat, speed=1000):
    return at(t, lat=lat, speed=speed, heading=0)


def test_who_listens_live_hears_of_a_car_that_is_not_where_it_is_drawn():
    # 10 m/s are 90 micro-degrees a second; it stops after 4 s and is drawn ahead 10 m further
    # each second: more than 25 m at the third.
    records = [north(1000 * i, 90 * min(i, 4), 1000 if i < 4 else 0) for i in range(12)]
    reporting = bounded()
    assert told(reporting, records) == [7000]
    # It leaves again: 30 m from where it stood after 3 s, but something went out at 12 s.
    records = [north(12000 + 1000 * i, 360 + 90 * i, 1000 if i else 0) for i in range(10)]
    assert told(reporting, records) == [17000]


def test_a_car_that_goes_on_or_stands_costs_no_report():
    assert told(bounded(), [north(1000 * i, 90 * i) for i in range(29)]) == []
    assert told(bounded(), [north(1000 * i, i, 0) for i in range(29)]) == []


def test_reports_are_no_closer_than_their_interval():
    # Wild: 100 m to and fro each second, with no speed to draw it by.
    records = [at(1000 * i, lat=900 * (i % 2), speed=None) for i in range(29)]
    assert told(bounded(500, 30000, 5000), records) == [5000, 10000, 15000, 20000, 25000]
    assert len(told(bounded(500, 30000, 1000), records)) >= 14


def test_a_batch_that_goes_out_anyway_takes_the_newest_along():
    reporting = bounded()
    for t in range(0, 4000, 1000):
        reporting.feed(north(t, 90 * t // 1000))
    assert reporting.poll(3000, True) == []  # the last kept one leads to it
    reporting.feed(north(4000, 270, 0))  # 10 m short of where it is drawn
    assert reporting.poll(4000) == []
    assert [r[1] for r in reporting.poll(4000, True)] == [4000]
    assert reporting.poll(4000, True) == []
    # It is told by that: nothing more to say while it stands.
    assert told(reporting, [north(4000 + 1000 * i, 270, 0) for i in range(1, 20)]) == []


class Random:
    """The same numbers on every interpreter (a linear congruential generator)."""

    def __init__(self, seed):
        self.state = seed

    def __call__(self, n):
        self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self.state >> 8) % n


def drive(random, lat, lon):
    """POSITION records: straights, turns, stops, noise, gaps, at 1 to 10 Hz."""
    x = y = heading = 0.0
    speed, t, turning, target = 0.0, 0, 0.0, 0
    step = (100, 200, 1000, 1000)[random(4)]
    noise = (0, 30, 150, 600)[random(4)]  # cm
    for _ in range(500):
        if not random(12):
            target, turning = random(4) * random(1200), (random(100) - 50) / 100 * random(2)
        speed += max(-400, min(300, target - speed)) * step / 1000
        heading += turning * step / 1000
        x += math.sin(heading) * speed * step / 1000
        y += math.cos(heading) * speed * step / 1000
        t += step + random(30) + (0 if random(150) else 7000 + random(9000))
        north = y + (random(2 * noise + 1) - noise)
        east = (x + (random(2 * noise + 1) - noise)) / math.cos(math.radians(lat / 1000000))
        longitude = lon + int(east / 11.1195)
        if longitude > 180000000:
            longitude -= 360000000
        record = (t, lat + int(north / 11.1195), longitude, None, int(speed), None, None)
        yield (POSITION,) + record + (1 if random(60) else 2,)  # noqa: RUF005


def worst_cm(records, kept):
    """Largest distance of a fix from the drawn line, in doubles, on the sphere of `distance_cm`."""
    worst = i = 0
    for record in records:
        while i + 2 < len(kept) and kept[i + 1][1] <= record[1]:
            i += 1
        a, b = kept[i : i + 2]
        part = (record[1] - a[1]) / (b[1] - a[1])
        span = b[3] - a[3]
        span -= 360000000 if span > 180000000 else -360000000 if span < -180000000 else 0
        lat, lon = a[2] + (b[2] - a[2]) * part, a[3] + span * part
        rounded = between(a, b, record[1])
        for y, x in ((lat, lon), rounded):
            east = (x - record[3]) % 360000000
            east = min(east, 360000000 - east) * math.cos(math.radians(record[2] / 1000000))
            worst = max(worst, math.sqrt(east * east + (y - record[2]) ** 2) * 11.1195)
    return worst


def test_no_fix_is_further_from_the_drawn_track_than_the_bound():
    for seed in range(24):
        random = Random(seed)
        places = ((33990000, -6850000), (0, 0), (-67000000, 179999000), (84000000, 20000000))
        records = list(drive(random, *places[seed % 4]))
        for error_cm in (50, 200, 500, 5000):
            reporting = bounded(error_cm, 30000 if seed % 3 else 300000)
            kept, live = [], seed % 2
            for record in records:
                kept += reporting.feed(record)
                if live:
                    kept += reporting.poll(record[1])
                if not random(100):
                    reporting.event()
                if not random(100):
                    kept += reporting.flush()
            kept += reporting.flush()
            assert kept[0] is records[0] and kept[-1] is records[-1]
            times = [r[1] for r in kept]
            assert times == sorted(times) and len(set(times)) == len(times)
            worst = worst_cm(records, kept)
            assert worst <= error_cm, (seed, error_cm, worst)


def test_live_no_car_is_drawn_further_away_than_promised():
    """At most LIVE bounds off, or told of a moment ago."""
    for seed in range(12):
        records = list(drive(Random(seed), 33990000, -6850000))
        reporting = bounded(500, 30000, 5000)
        out, sent_at = None, None
        for record in records:
            kept = reporting.feed(record)
            sent = reporting.poll(record[1])
            # The app's batch leaves a report interval after the first that was kept.
            if sent or (kept and out is None):
                sent += reporting.poll(record[1], True)
                out, sent_at = (sent or kept)[-1], record[1]
            if record[1] - sent_at < 5000 or kept:
                continue
            lat, lon = ahead(out, record[1])
            assert distance_cm(lat, lon, record[2], record[3]) <= LIVE * 500, (seed, record[1])


def test_a_bound_of_5_m_saves_most_positions_of_a_drive():
    """At 1 Hz with some noise; a seeded drive, so the figure is the same each time."""
    saved = []
    for seed in range(60):
        records = list(drive(Random(seed), 33990000, -6850000))
        reporting = bounded(500)
        kept = [r for record in records for r in reporting.feed(record)]
        saved.append(len(kept) * 100 // len(records))
    assert sorted(saved)[30] <= 20, sorted(saved)
