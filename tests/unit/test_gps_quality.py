"""Quality: the reasons, the jump, the held heading."""

from agent.gps.fix import (
    QUALITY_DEAD_RECKONED,
    QUALITY_DEGRADED,
    QUALITY_GOOD,
    QUALITY_NONE,
    Fix,
)
from agent.gps.quality import HOLD_MS, Quality


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
    quality = Quality()
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
    assert judged(fix(0, lat=0, lon=179999900), fix(1000, lat=0, lon=-179999900))[1] is None
    assert judged(fix(86399500), fix(500, lat=48117300 + 900))[1] == "jump"
    assert judged(fix(0), fix(60000, lat=49117300)) == (QUALITY_GOOD, None)
    # Only the fix that jumps is flagged, not those that stay there.
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
