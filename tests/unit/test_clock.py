"""agent/clock.py: uptime and UTC. UTC here is BASE + uptime, unless a test says otherwise."""

from agent.clock import STEP_AFTER, TRUST_AFTER, Clock, lateness
from agent.records import ANCHOR, SOURCE_GNSS, SOURCE_ROOM, SOURCE_RTC

BASE = 1790000000000


def epochs(clock, start, lates, step=1000):
    """Feeds epochs of whole seconds that arrive so many ms late; gives the uptimes they get."""
    given = []
    for i, late in enumerate(lates):
        t = start + i * step
        given.append(clock.gnss(BASE + t, t + late))
    return given


def test_nothing_is_known_at_first():
    clock = Clock()
    assert not clock.is_known() and clock.utc(5000) is None
    assert clock.source() is None and clock.anchor is None


def test_gnss_is_believed_when_epochs_agree():
    clock = Clock()
    assert TRUST_AFTER == 3
    assert epochs(clock, 1000, [40, 30]) == [1040, 2030] and not clock.is_known()
    assert epochs(clock, 3000, [60]) == [3030]  # dated by the least late of the three
    assert clock.anchor == (ANCHOR, 3030, BASE + 3000, SOURCE_GNSS, 100)
    assert clock.utc(3030) == BASE + 3000 and clock.source() == SOURCE_GNSS
    assert clock.counters == {"anchors": 1, "refused": 0, "jumps": 0}


def test_positions_keep_the_receivers_rhythm_whatever_the_lines_jitter():
    clock = Clock()
    given = epochs(clock, 1000, [30, 30, 30, 180, 31, 90, 300, 35])
    assert given == [1030, 2030, 3030, 4030, 5030, 6030, 7030, 8030]
    assert clock.counters["anchors"] == 1


def test_an_earlier_arrival_betters_the_anchor():
    clock = Clock()
    epochs(clock, 1000, [100, 100, 100])
    assert epochs(clock, 4000, [85]) == [4100] and clock.counters["anchors"] == 1
    assert epochs(clock, 5000, [40]) == [5040]
    assert clock.anchor == (ANCHOR, 5040, BASE + 5000, SOURCE_GNSS, 100)
    assert clock.counters["anchors"] == 2


def test_one_wild_time_changes_nothing():
    clock = Clock()
    epochs(clock, 1000, [30, 30, 30])
    anchor = clock.anchor
    assert clock.gnss(BASE + 86400000, 4030) == 4030
    assert epochs(clock, 5000, [30, 30, 30]) == [5030, 6030, 7030]
    assert clock.anchor is anchor and clock.counters["jumps"] == 2


def test_a_time_that_jumps_and_stays_is_believed_in_the_end():
    for jump in (18000, 600, -600, -18000):
        clock = Clock()
        epochs(clock, 1000, [30, 30, 30])
        times = [40000 + 1000 * i for i in range(STEP_AFTER)]
        given = [clock.gnss(BASE + jump + t, t + 30) for t in times]
        assert given == [t + 30 for t in times]
        assert clock.anchor == (ANCHOR, 69030, BASE + jump + 69000, SOURCE_GNSS, 100)
        assert clock.counters == {"anchors": 2, "refused": 0, "jumps": 1}


def test_a_time_that_jumps_there_and_back_changes_nothing():
    clock = Clock()
    epochs(clock, 1000, [30, 30, 30])
    anchor = clock.anchor
    t = 4000
    for i in range(20):
        jump = (7000, -3600000, 604800000, 900)[i % 4]
        for _ in range(STEP_AFTER - 1):
            t += 1000
            assert clock.gnss(BASE + jump + t, t + 30) == t + 30
        t += 1000
        assert clock.gnss(BASE + t, t + 30) == t + 30
    assert clock.anchor is anchor and clock.counters["jumps"] == 40
    assert clock.utc(t + 30) == BASE + t


def test_what_is_known_of_the_lateness_is_taken_off():
    assert lateness(80, 9600) == 80 + 78 and lateness(80, None) == 80
    clock = Clock()
    given = [clock.gnss(BASE + t, t + 158, 158) for t in (1000, 2000, 3000, 4000)]
    assert given == [1000, 2000, 3000, 4000] and clock.utc(5000) == BASE + 5000
    assert clock.gnss(None, 6000, 158) == 6000  # reckoned: no sentence was late


def test_a_crystal_that_drifts_is_followed():
    # The uptime runs 1 per mille fast: after 400 s each epoch seems 400 ms later than the anchor.
    clock = Clock()
    for i in range(1, 1200):
        t = 1000 * i
        got = clock.gnss(BASE + t, t + 30 + t // 1000)
        assert abs(got - (t + 30 + t // 1000)) <= 500
    assert 2 <= clock.counters["anchors"] <= 4 and clock.counters["jumps"] <= 3


def test_some_late_arrivals_are_no_drift():
    clock = Clock()
    epochs(clock, 1000, [30, 30, 30])
    for i in range(200):
        epochs(clock, 4000 + 1000 * i, [30 if i % 25 == 0 else 450])
    assert clock.counters["anchors"] == 1


def test_a_time_from_before_the_agent_was_written_is_refused():
    clock = Clock(BASE)
    for t in (1000, 2000, 3000, 4000):
        assert clock.gnss(BASE - 619315200000 + t, t) == t  # 1024 weeks
    clock.room(BASE - 1, 4000)
    assert not clock.is_known() and clock.counters["refused"] == 5
    assert clock.gnss(None, 5000) == 5000 and clock.counters["refused"] == 5


def test_the_rooms_time_is_better_than_none():
    clock = Clock()
    clock.room(BASE + 5000, 5000)
    assert clock.anchor == (ANCHOR, 5000, BASE + 5000, SOURCE_ROOM, 2000)
    assert clock.utc(7000) == BASE + 7000
    clock.room(BASE + 6100, 6000)
    assert clock.anchor[1] == 5000 and clock.counters["anchors"] == 1


def test_an_acknowledgement_that_is_less_late_betters_the_rooms_time():
    clock = Clock()
    clock.room(BASE + 5000, 7000)  # it had waited for two seconds
    clock.room(BASE + 8000, 8100)
    assert clock.anchor == (ANCHOR, 8100, BASE + 8000, SOURCE_ROOM, 2000)
    clock.room(BASE + 9000, 9500)
    assert clock.utc(10100) == BASE + 10000 and clock.counters["anchors"] == 2


def test_the_rooms_own_time_is_kept_beside_a_better_one():
    clock = Clock(not_before=BASE)
    epochs(clock, 1000, [0] * 5)
    assert clock.room_utc(9000) is None
    clock.room(BASE - 1, 6000)  # refused
    assert clock.room_utc(9000) is None
    clock.room(BASE + 90000, 6000)
    assert clock.room_utc(9000) == BASE + 93000 and clock.source() == SOURCE_GNSS
    clock.room(BASE + 90100, 8000)  # held back on its way: time does not run back by it
    assert clock.room_utc(9000) == BASE + 93000


def test_the_machines_own_clock_serves_while_there_is_nothing_better():
    clock = Clock(BASE)
    clock.rtc(BASE - 1, 50, 900)  # it has lost its time
    assert not clock.is_known() and clock.counters["refused"] == 1
    clock.rtc(BASE + 1000, 50, 1000)
    assert clock.anchor == (ANCHOR, 1000, BASE + 1000, SOURCE_RTC, 50)
    clock.rtc(BASE + 9000, 50, 2000)
    assert clock.utc(2000) == BASE + 2000
    clock.room(BASE + 2500, 3000)
    assert clock.source() == SOURCE_ROOM
    clock.rtc(BASE + 4000, 50, 4000)
    epochs(clock, 4000, [30, 30, 30])
    assert clock.source() == SOURCE_GNSS and clock.counters["anchors"] == 3


def test_gnss_replaces_the_rooms_time_and_not_the_other_way():
    clock = Clock()
    clock.room(BASE + 900, 0)
    epochs(clock, 1000, [30, 30])
    assert clock.source() == SOURCE_ROOM
    epochs(clock, 3000, [30])
    assert clock.source() == SOURCE_GNSS and clock.utc(3030) == BASE + 3000
    clock.room(BASE, 0)
    assert clock.source() == SOURCE_GNSS and clock.counters["anchors"] == 2


def test_an_epoch_from_before_the_start_keeps_its_arrival():
    clock = Clock()
    assert [clock.gnss(BASE - 500 + t, t) for t in (0, 100, 200)] == [0, 100, 200]
    assert clock.gnss(BASE - 800, 300) == 300
    assert clock.anchor[1] >= 0
