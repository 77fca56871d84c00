"""agent/driving.py: what counts as harsh, how long, by whose speed, and what is no collision."""

from agent.driving import ACCELERATION, BRAKING, COLLISION_FALL, CORNERING, EPISODES, Driving
from agent.records import EVENT_CODES, HEADING_HELD, POSITION, event_lane


def fix(t, speed, heading=0, flags=1):
    return (POSITION, t, 33990000, -6850000, None, speed, heading, None, flags)


def by_gps(speeds, driving=None, step=1000, begin=0):
    """Events of speeds in cm/s, once a `step`, and of the stop."""
    driving = driving or Driving()
    found = []
    for i, speed in enumerate(speeds):
        found += driving.feed_position(fix(begin + i * step, speed))
    return found + driving.flush()


def by_obd(speeds, driving=None, step=200, begin=0):
    """The same of km/h by OBD, at its resolution."""
    driving = driving or Driving()
    found = []
    for i, kmh in enumerate(speeds):
        found += driving.feed_speed(kmh * 250 // 9, begin + i * step)
    return found + driving.flush()


def names(events):
    return [event[0] for event in events]


def test_events_have_codes_and_lanes():
    for row in EPISODES:
        assert event_lane(row[0]) == "b"
    assert event_lane("collision") == "a" and EVENT_CODES["collision"] == 21
    assert (EVENT_CODES["zone_enter"], EVENT_CODES["zone_leave"]) == (15, 16)


def test_ordinary_driving_is_no_event():
    # 0 to 50 km/h in 10 s, 50 km/h, to 0 in 7 s, twice.
    drive = [140 * i for i in range(11)] + [1400] * 20 + [1400 - 200 * i for i in range(8)]
    assert by_gps(drive + drive) == []
    kmh = [i for i in range(51)] + [50] * 100 + [50 - 3 * (i // 2) for i in range(33)]
    assert by_obd(kmh) == []


def test_harsh_braking_has_its_peak_length_and_speed():
    speeds = [2000, 2000, 2000, 1600, 1100, 700, 700, 700, 700]
    assert by_gps(speeds) == [("harsh_braking", 2000, 500, 3000, 2000)]
    assert by_gps([2000, 2000 - BRAKING + 1] + [1601] * 5) == []
    assert names(by_gps([2000, 2000 - BRAKING] + [1600] * 5)) == ["harsh_braking"]


def test_an_event_is_told_when_it_is_over():
    driving = Driving()
    told = []
    for t, speed in enumerate((2000, 1500, 1000, 1000, 1000)):
        told += [(t, event[0]) for event in driving.feed_position(fix(t * 1000, speed))]
    assert told == [(3, "harsh_braking")]
    assert driving.counters["harsh_braking"] == 1


def test_two_pushes_on_the_pedal_are_one_event():
    # At 5 Hz: down for 1.4 s, 0.6 s of nothing, down again.
    speeds, kmh = [], 90
    for fall in (0, 0, 0, 0, 0, 4, 4, 4, 4, 4, 4, 4, 0, 0, 0, 4, 4, 4, 4, 4, 4) + (0,) * 15:
        kmh -= fall
        speeds.append(kmh)
    events = by_obd(speeds)
    assert names(events) == ["harsh_braking"] and 3000 <= events[0][3] <= 4600


def test_harsh_acceleration():
    events = by_gps([0, 0, 400, 800, 1200, 1300, 1300])
    assert events == [("harsh_acceleration", 1000, 400, 3000, 0)]
    assert by_gps([i * (ACCELERATION - 1) for i in range(8)]) == []


def test_a_step_of_obds_resolution_is_no_harshness():
    # 3 m/s² in steps of 1 km/h, read ten times a second.
    for phase in range(10):
        kmh = [(i * 108 + phase * 10) // 100 for i in range(80)]
        assert by_obd(kmh, step=100) == [], phase


def test_obd_is_preferred_while_it_is_fresh():
    driving = Driving()
    driving.feed_speed(2000, 0)
    found = []
    for t in range(1, 10):  # the receiver sees a fall that the wheels do not know of
        found += driving.feed_speed(2000, t * 1000)
        found += driving.feed_position(fix(t * 1000 + 100, 2000 if t < 5 else 1000))
    assert found + driving.flush() == []
    # OBD fell silent: after 2 s the receiver has the word, and 10 m/s less is no braking.
    for t in range(10, 15):
        found += driving.feed_position(fix(t * 1000 + 500, 1000))
    found += driving.feed_position(fix(15500, 400))
    assert found == [] and names(driving.flush()) == ["harsh_braking"]
    # OBD is back at another speed: no acceleration either.
    assert driving.feed_speed(3000, 16000) + driving.feed_speed(3000, 17000) == []
    assert driving.flush() == []


def test_a_gap_is_no_braking():
    driving = Driving()
    assert by_gps([2000, 2000], driving) + by_gps([0, 0, 0], driving, begin=9000) == []


def test_fixes_that_are_not_good_are_not_judged():
    driving = Driving()
    found = driving.feed_position(fix(0, 2000))
    for t, flags in ((1000, 2), (2000, 3), (3000, 0)):
        found += driving.feed_position(fix(t, 0, flags=flags))
    found += driving.feed_position(fix(4000, None))
    assert found + driving.flush() == []


def test_repeated_and_late_samples_are_not_taken():
    driving = Driving()
    for t in (1000, 1000, 500):
        assert driving.feed_speed(9000 - t, t) == []
        assert driving.feed_position(fix(t, 9000 - t)) == []
    assert driving.flush() == []


# Speed limit


def test_overspeed_is_five_above_the_limit_for_three_seconds():
    for kmh, seconds, wanted in ((54, 60, 0), (56, 3, 0), (56, 4, 1), (70, 30, 1)):
        driving = Driving()
        driving.set_limit(50 * 250 // 9)
        events = by_obd([50] * 10 + [kmh] * seconds + [50] * 4, driving, step=1000)
        events = [event for event in events if event[0] == "overspeed"]
        assert len(events) == wanted, (kmh, seconds)
        if events:
            assert events == [("overspeed", 10000, kmh * 250 // 9, (seconds - 1) * 1000, 1388)]


def test_without_a_limit_nobody_is_too_fast():
    assert by_gps([6000] * 20) == []
    driving = Driving()
    driving.set_limit(1000)
    assert driving.set_limit(0) == [] and by_gps([6000] * 20, driving) == []


def test_another_limit_ends_an_overspeed():
    driving = Driving()
    driving.set_limit(1388)
    for t in range(10):
        assert driving.feed_position(fix(t * 1000, 2000)) == []
    assert driving.set_limit(1388) == []
    assert driving.set_limit(2500) == [("overspeed", 0, 2000, 9000, 1388)]
    assert by_gps([2000] * 9, driving, begin=10000) == []


def test_long_overspeed_is_told_each_minute():
    driving = Driving()
    driving.set_limit(1388)
    events = by_gps([2000] * 150, driving)
    assert [(e[1], e[3]) for e in events] == [(0, 60000), (61000, 60000), (122000, 27000)]


def test_what_silence_ends_is_told_by_poll():
    driving = Driving()
    driving.set_limit(1388)
    for t in range(10):
        driving.feed_position(fix(t * 1000, 2000))
    assert driving.poll(11500) == []
    assert driving.poll(11501) == [("overspeed", 0, 2000, 9000, 1388)]
    assert driving.poll(20000) == []


# Sideways


def turned(speed, degrees, seconds=4, flags=1):
    driving = Driving()
    found = []
    for i in range(seconds + 8):
        heading = 35000 + 100 * degrees * max(0, min(seconds, i - 4))
        found += driving.feed_position(fix(i * 1000, speed, heading % 36000, flags))
    return found + driving.flush()


def test_harsh_cornering_is_speed_times_rate_of_heading():
    # 15 m/s and 20 degrees a second are 5.24 m/s².
    assert turned(1500, 20) == [("harsh_cornering", 4000, 523, 4000, 1500)]
    assert turned(1500, 17) == [] and turned(1500, -17) == []  # 4.45
    assert names(turned(1500, -20)) == ["harsh_cornering"]
    assert CORNERING == 450


def test_turning_about_when_slow_is_no_cornering():
    assert turned(300, 120) == [] and turned(0, 180) == []
    assert turned(1500, 20, flags=1 | HEADING_HELD) == []
    assert turned(1500, 20, flags=2) == []


def test_obd_speed_counts_in_a_corner():
    driving = Driving()
    found = []
    for i in range(12):
        found += driving.feed_speed(1200, i * 1000)
        found += driving.feed_position(fix(i * 1000 + 100, 1500, i * 2000 % 36000))
    assert found + driving.flush() == []  # 4.19 m/s² by the wheels


# Collisions


def crash(driving, before, after, gps, step=200):
    """At 5 Hz by OBD and 1 Hz by the receiver: `before` cm/s for 5 s, then `after`; the receiver's
    speed then is `gps`, None for no receiver. List of (uptime when told, event)."""
    told = []
    for t in range(0, 10000, step):
        events = driving.feed_speed(before if t < 5000 else after, t)
        if gps is not None and t % 1000 == 600:
            events += driving.feed_position(fix(t, before if t < 5000 else gps))
        told += [(t, e) for e in events if e[0] == "collision"]
    return told


def test_a_collision_is_told_at_once():
    driving = Driving()
    ((when, event),) = crash(driving, 1500, 0, None)
    name, t, peak, lasted, before = event
    assert (when, name, before) == (5200, "collision", 1500)
    assert t + lasted == 5000 and 200 <= lasted <= 400 and peak >= 4000
    assert driving.counters["collision"] == 1


def test_the_receiver_confirms_or_denies():
    ((when, event),) = crash(Driving(), 1500, 200, 150)
    assert when == 5600 and event[4] == 1500
    driving = Driving()
    assert crash(driving, 1500, 0, 1450) == []  # wheels locked, or a wrong answer
    assert driving.counters["collisions_denied"] == 1 and not driving.counters["collision"]


def test_one_wrong_answer_is_no_collision():
    driving = Driving()
    speeds = [60] * 20 + [0] + [60] * 20
    assert "collision" not in names(by_obd(speeds, driving))
    assert driving.counters["collisions_denied"] == 1


def test_a_receiver_alone_tells_a_collision_from_braking():
    events = by_gps([1800, 1800, 1800, 200, 0, 0, 0])
    assert ("collision", 2000, 1600, 1000, 1800) in events
    # 9.5 m/s² is what tyres can do.
    assert "collision" not in names(by_gps([2850, 2850, 1900, 950, 0, 0, 0]))
    assert "collision" not in names(by_gps([1800, 1800, 0, 1800, 1800]))


def test_an_emergency_stop_is_no_collision_though_obd_answers_unevenly():
    for late in range(-200, 201, 10):
        driving = Driving()
        found = []
        for i in range(60):
            t = i * 250 + (late if i % 2 else 0)
            true = max(0, 2500 - max(0, i * 250 - 4000) * 98 // 100)
            found += driving.feed_speed(true * 9 // 250 * 250 // 9, t)
        found += driving.flush()
        assert names(found) == ["harsh_braking"], (late, found)


def test_a_receivers_word_counts_half_a_second_after_the_fall():
    for t, wanted in ((5499, ["collision"]), (5500, [])):
        driving = Driving()
        found = []
        for at in range(0, 8000, 100):
            found += driving.feed_speed(1500 if at < 5000 else 0, at)
            if at in (2000, 3000, 4000):
                found += driving.feed_position(fix(at, 1500))
            if at == 5400:  # its speed is that of before
                found += driving.feed_position(fix(t, 1500))
        assert [name for name in names(found) if name == "collision"] == wanted, t


def test_a_receivers_fall_that_nothing_follows_is_none():
    driving = Driving()
    found = []
    for t, speed, flags in ((0, 1800, 1), (1000, 1800, 1), (2000, 0, 1), (3000, 0, 2)):
        found += driving.feed_position(fix(t, speed, flags=flags))
    found += driving.poll(4000) + driving.flush()
    assert "collision" not in names(found) and driving.counters["collisions_denied"] == 1


def test_a_bump_at_walking_pace_is_none():
    assert COLLISION_FALL == 600
    assert "collision" not in names(by_obd([20] * 20 + [0] * 20))
    assert "collision" in names(by_obd([25] * 20 + [0] * 20))


def test_a_collision_after_which_nothing_is_heard_is_told_by_poll():
    driving = Driving()
    for t in range(0, 3000, 200):
        driving.feed_position(fix(t, 1500))
        driving.feed_speed(1500, t)
    assert driving.feed_speed(0, 3000) == []
    assert driving.poll(4500) == []
    assert names(driving.poll(4501)) == ["collision"] and driving.poll(4502) == []


def test_a_collision_is_told_once():
    told = crash(Driving(), 2500, 0, 0, step=100)
    assert len(told) == 1


def test_memory_is_bounded():
    driving = Driving()
    for t in range(0, 20000, 10):
        driving.feed_speed(1000 + t % 7, t)
        driving.feed_position(fix(t, 1000, t % 300))
    assert len(driving._speeds) <= 16 and len(driving._headings) <= 16
