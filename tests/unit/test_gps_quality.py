"""Quality: the reasons, first fixes, jumps, the wheels' word, the held heading, time."""

from agent.gps.fix import (
    QUALITY_DEAD_RECKONED,
    QUALITY_DEGRADED,
    QUALITY_GOOD,
    QUALITY_NONE,
    Fix,
)
from agent.gps.quality import COUNTERS, HOLD_MS, MAX_EVENTS, REASONS, Quality


def fix(t=0, lat=48117300, lon=11516667, **more):
    f = Fix(t, t)
    f.valid = True
    f.quality = QUALITY_GOOD
    f.mode = 3
    f.lat = lat
    f.lon = lon
    f.sats = 8
    f.hdop = 90
    for name in more:
        setattr(f, name, more[name])
    return f


def judged(*fixes):
    quality = Quality(settle=0)
    for f in fixes:
        quality.judge(f)
    return fixes[-1].quality, fixes[-1].reason


def test_reasons():
    assert judged(fix()) == (QUALITY_GOOD, None)
    assert judged(fix(hdop=500, sats=4)) == (QUALITY_GOOD, None)
    assert judged(fix(hdop=None, sats=None)) == (QUALITY_GOOD, None)
    assert judged(fix(hdop=501)) == (QUALITY_DEGRADED, "hdop")
    assert judged(fix(sats=3)) == (QUALITY_DEGRADED, "satellites")
    assert judged(fix(mode=2)) == (QUALITY_DEGRADED, "2d")
    assert judged(fix(quality=QUALITY_DEAD_RECKONED)) == (QUALITY_DEAD_RECKONED, "estimated")
    assert judged(Fix(0)) == (QUALITY_NONE, "no-fix")


def test_jump():
    # 1 micro-degree of latitude is 0.111 m: 70 m/s is 629 a second.
    assert judged(fix(0), fix(1000, lat=48117300 + 620)) == (QUALITY_GOOD, None)
    assert judged(fix(0), fix(1000, lat=48117300 - 640)) == (QUALITY_DEGRADED, "jump")
    # Of longitude at 60 degrees half as much.
    assert judged(fix(0, lat=60000000), fix(1000, lat=60000000, lon=11516667 + 1200))[1] is None
    assert judged(fix(0, lat=60000000), fix(1000, lat=60000000, lon=11516667 - 1300))[1] == "jump"
    # 10 Hz, the date line, midnight, long silence.
    assert judged(fix(0), fix(100, lat=48117300 + 80))[1] == "jump"
    assert judged(fix(0), fix(100, lat=48117300 + 80, tod=None))[1] == "jump"
    assert judged(fix(0, lat=0, lon=179999900), fix(1000, lat=0, lon=-179999900))[1] is None
    assert judged(fix(86399500), fix(500, lat=48117300 + 900))[1] == "jump"
    assert judged(fix(0), fix(60000, lat=48147300)) == (QUALITY_GOOD, None)
    assert judged(fix(0), fix(60000, lat=49117300)) == (QUALITY_DEGRADED, "jump")
    # Only the fix that jumps is flagged so, not those that stay there.
    assert judged(fix(0), fix(1000, lat=48127300), fix(2000, lat=48127300)) == (QUALITY_GOOD, None)


def test_heading_is_held_and_says_so():
    quality = Quality()
    blank = fix(0)
    quality.judge(blank)
    assert blank.heading is None and not blank.held  # nothing to hold yet
    moving = fix(1000, heading=22116)
    quality.judge(moving)
    assert moving.heading == 22116 and not moving.held
    for t in range(2000, 200000, 1000):
        still = fix(t)
        quality.judge(still)
        assert still.heading == 22116 and still.held


def test_heading_is_not_held_over_a_long_loss():
    for gap, held in ((HOLD_MS, True), (HOLD_MS + 1, False)):
        quality = Quality()
        quality.judge(fix(0, heading=100))
        lost = Fix(gap // 2)
        quality.judge(lost)
        assert lost.heading is None and not lost.held
        again = fix(gap)
        quality.judge(again)
        assert again.held == held
        assert again.heading == (100 if held else None)


def test_first_fixes_settle():
    for step, number in ((1000, 4), (200, 16), (100, 31)):
        quality = Quality()
        found = []
        for i in range(40):
            f = fix(i * step)
            quality.judge(f)
            found.append((f.quality, f.reason))
        assert found[:number] == [(QUALITY_DEGRADED, "settling")] * number
        assert found[number:] == [(QUALITY_GOOD, None)] * (40 - number)


def test_first_fixes_that_do_not_fit_settle_longer():
    quality = Quality()
    reasons = []
    for i, lat in enumerate((0, 300, 500, 600, 640, 645, 645, 645, 645, 645)):
        f = fix(i * 1000, lat=48117300 + lat, speed=0)
        quality.judge(f)
        reasons.append(f.reason)
    # The last step of more than 10 m is the fourth's; four epochs from there on.
    assert reasons == ["settling"] * 7 + [None] * 3


def test_settles_again_after_a_long_loss_only():
    for gap, reason in ((10000, None), (10001, "settling")):
        quality = Quality()
        for t in range(0, 6000, 1000):
            quality.judge(fix(t))
        f = fix(5000 + gap)
        quality.judge(f)
        assert f.reason == reason


def test_a_jump_is_told_and_settles():
    quality = Quality()
    for t in range(0, 6000, 1000):
        quality.judge(fix(t))
    reasons = []
    for t in range(6000, 12000, 1000):
        f = fix(t, lat=48127300)
        quality.judge(f)
        reasons.append(f.reason)
        assert f.lat == 48127300
    assert reasons == ["jump"] + ["settling"] * 3 + [None] * 2
    assert quality.take_events() == [("gps_jump", 1113, 6000)]
    assert quality.take_events() == []
    assert quality.counters["jumps"] == 1


def wheels_and_fixes(rows):
    """Reasons and events of [(seconds, wheels, GPS speed)]; the position moves with the latter."""
    quality = Quality(settle=0)
    reasons = []
    t = 0
    lat = 48117300
    for seconds, wheels, speed in rows:
        for _ in range(seconds):
            quality.obd_speed(wheels, t)
            f = fix(t, lat=lat, speed=speed)
            quality.judge(f)
            reasons.append(f.reason)
            t += 1000
            lat += speed * 100 // 1113
    return reasons, quality.take_events()


def test_wheels_that_deny_the_speed():
    reasons, events = wheels_and_fixes([(5, 1000, 1000), (15, 1000, 1600), (3, 1000, 1000)])
    assert reasons == [None] * 9 + ["speed"] * 11 + [None] * 3
    assert events == [("gps_speed", 1, 1600, 1000, 16000), ("gps_speed", 0, 1000, 1000, 20000)]
    # Not fast enough, not long enough, between the two limits.
    assert wheels_and_fixes([(60, 1000, 1410)]) == ([None] * 60, [])
    assert wheels_and_fixes([(3, 1000, 2000), (60, 1000, 1000)]) == ([None] * 63, [])
    reasons, events = wheels_and_fixes([(30, 1000, 1450)])
    assert reasons[:11] == [None] * 11 and len(events) == 1


def test_stuck_position():
    quality = Quality(settle=0)
    reasons = []
    for t in range(0, 8000, 1000):
        quality.obd_speed(1000, t)
        f = fix(t, speed=1000)
        quality.judge(f)
        reasons.append(f.reason)
    assert reasons == [None] * 4 + ["stuck"] * 4
    f = fix(8000, lat=48117400, speed=1000)
    quality.judge(f)
    assert f.reason is None
    assert quality.take_events() == [("gps_stuck", 1, 4000), ("gps_stuck", 0, 8000)]
    assert quality.counters["stuck"] == 1


def test_events_are_bounded():
    quality = Quality(settle=0)
    for i in range(MAX_EVENTS + 5):
        quality.judge(fix(i * 1000, lat=48117300 + i % 2 * 90000))
    assert len(quality.take_events()) == MAX_EVENTS
    assert quality.counters["events_lost"] == 4


def test_counters():
    counters = {"other": 1}
    quality = Quality(counters)
    for t in range(0, 6000, 1000):
        quality.judge(fix(t))
    quality.judge(Fix(6000))
    assert quality.counters is counters and counters["other"] == 1
    assert (counters["good"], counters["degraded"], counters["none"]) == (2, 4, 1)
    assert sorted(COUNTERS + ("other",)) == sorted(counters)


# --- time ---

DAY = 20514 * 86400000  # 2026-03-02
NOT_BEFORE = 20000 * 86400000


def dated(quality, rows):
    """States after fixes of [(uptime, utc)]; a tod beyond the day is given as (t, utc, tod)."""
    states = []
    for row in rows:
        f = fix(row[0], utc=row[1])
        f.tod = row[2] if len(row) > 2 else None if row[1] is None else row[1] % 86400000
        quality.judge(f)
        states.append(quality.time)
        assert quality.time_trusted == (quality.time == "trusted")
        assert f.utc == row[1]  # never changed
    return states


def test_time_is_trusted_after_three_epochs():
    quality = Quality(None, NOT_BEFORE)
    assert quality.time == "unknown"
    states = dated(quality, [(t, DAY + t) for t in range(0, 4000, 1000)])
    assert states == ["unproved", "unproved", "trusted", "trusted"]
    # A jitter of the line is nothing, a step must prove itself and is told.
    assert dated(quality, [(4400, DAY + 4000), (5000, DAY + 5000)]) == ["trusted"] * 2
    steps = [(t, DAY + t + 18000) for t in range(6000, 9000, 1000)]
    assert dated(quality, steps) == ["unproved", "unproved", "trusted"]
    assert quality.take_events() == [("gps_time", "step", 6000)]


def test_rollover_is_never_trusted_and_never_repaired():
    early = DAY - 1024 * 7 * 86400000
    quality = Quality(None, NOT_BEFORE)
    assert dated(quality, [(t, early + t) for t in range(0, 9000, 1000)]) == ["rollover"] * 9
    assert quality.take_events() == [("gps_time", "rollover", 0)]
    f = fix(9000, utc=early + 9000)
    quality.judge(f)
    assert f.quality == QUALITY_GOOD  # the position is usable
    right = dated(quality, [(t, DAY + t) for t in range(10000, 13000, 1000)])
    assert right == ["unproved", "unproved", "trusted"]
    # Without a limit any date may be right.
    assert dated(Quality(), [(t, early + t) for t in range(0, 3000, 1000)])[2] == "trusted"


def test_leap_second_keeps_the_trust():
    quality = Quality(None, NOT_BEFORE)
    end = DAY + 86400000
    rows = [(t, end - 3000 + t, 86397000 + t) for t in range(0, 3000, 1000)]
    rows += [(3000, end, 86400000)]  # 23:59:60
    rows += [(4000 + t, end + t, t) for t in range(0, 3000, 1000)]
    assert dated(quality, rows) == ["unproved", "unproved"] + ["trusted"] * 5
    assert quality.take_events() == [("gps_time", "leap", 4000)]
    assert quality.counters["leap_seconds"] == 1


def test_fixes_without_a_date_leave_the_time_unknown():
    quality = Quality(None, NOT_BEFORE)
    for t in range(0, 5000, 1000):
        f = fix(t)
        quality.judge(f)
        assert quality.time == "unknown"


# --- anything at any time ---


def test_whatever_comes_is_judged_once_and_keeps_its_bounds():
    state = 7

    def pick(n):
        nonlocal state
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        return (state >> 8) % n

    for _ in range(8):
        quality = Quality(None, NOT_BEFORE, hold_by_gps=True)
        t = judged_fixes = reckoned = 0
        for _ in range(500):
            t += (0, 1, 50, 250, 1000, 1000, 3000, 70000)[pick(8)]
            what = pick(8)
            if what < 3:
                quality.obd_speed((0, 0, 28, 1500, 7000)[pick(5)], t)
            elif what == 3:
                quality.ignition((True, False, None)[pick(3)], t)
            elif what == 4:
                f = quality.poll(t)
                if f is not None:
                    reckoned += 1
                    assert f.t == t and f.lat is not None and (f.lat, f.lon) != (0, 0)
                    assert f.quality == QUALITY_DEAD_RECKONED and quality.error_cm >= 1000
            else:
                f = Fix(t, (t + pick(300)) % 86400000)
                if pick(5):
                    f = fix(t, 48117300 + pick(3) * pick(9000), 11516667 + pick(50))
                    f.speed = (None, 0, 30, 1500)[pick(4)]
                    f.heading = (None, 0, 35999)[pick(3)]
                    f.hdop = (None, 90, 900)[pick(3)]
                    f.utc = (None, DAY + t, 0)[pick(3)]
                quality.judge(f)
                judged_fixes += 1
                assert (f.quality == QUALITY_NONE) == (not f.valid) == (f.lat is None)
                assert (f.reason is None or f.reason == "standing") or f.quality != QUALITY_GOOD
                assert f.reason is None or f.reason in REASONS
                assert not f.held or f.heading is not None
        counted = quality.counters
        assert counted["reckoned"] == reckoned
        assert counted["good"] + counted["degraded"] + counted["none"] == judged_fixes
        assert len(quality.take_events()) <= MAX_EVENTS
