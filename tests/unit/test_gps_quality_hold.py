"""The frozen position of a car that stands: who freezes it, who lets it go."""

from agent.gps.fix import QUALITY_DEGRADED, QUALITY_GOOD, Fix
from agent.gps.quality import Quality
from agent.gps.standstill import AWAY_FIXES, GPS_STILL_MS, STILL_MS

LAT = 33990000
LON = -6850000
# 1 micro-degree of latitude is 11.13 cm.
NEAR = 220  # 24.5 m
FAR = 230  # 25.6 m


def fix(t, lat=LAT, speed=0, **more):
    f = Fix(t, t)
    f.valid = True
    f.quality = QUALITY_GOOD
    f.mode = 3
    f.lat = lat
    f.lon = LON
    f.alt = 1000
    f.speed = speed
    f.sats = 9
    f.hdop = 90
    for name in more:
        setattr(f, name, more[name])
    return f


def judged(quality, *given, **more):
    f = fix(*given, **more)
    quality.judge(f)
    return f


def stood(until=10000, obd=True, ignition=None, **options):
    """A Quality that saw the car stand since 0; (it, its last fix)."""
    quality = Quality(settle=0, **options)
    if ignition is not None:
        quality.ignition(ignition, 0)
    f = None
    for t in range(0, until + 1, 1000):
        if obd:
            quality.obd_speed(0, t)
        f = judged(quality, t, LAT + t // 1000)
    return quality, f


def test_wheels_freeze_after_5_s():
    quality = Quality(settle=0)
    places = []
    for t in range(0, 10001, 1000):
        quality.obd_speed(0, t)
        f = judged(quality, t, LAT + t // 1000, alt=1000 + t, speed=30)
        places.append(f.lat - LAT)
        is_held = t >= STILL_MS
        assert quality.standing == is_held == (f.reason == "standing")
        assert f.speed == (0 if is_held else 30)
        assert f.quality == QUALITY_GOOD
    assert places == [0, 1, 2, 3, 4, 5, 5, 5, 5, 5, 5]
    assert f.alt == 6000
    assert quality.counters["held"] == 6


def test_ignition_freezes_after_5_s():
    for off in (False, 0):
        _, f = stood(obd=False, ignition=off)
        assert f.reason == "standing" and f.lat == LAT + 5
    for other in (True, 1, None):
        _, f = stood(obd=False, ignition=other)
        assert f.reason is None and f.lat == LAT + 10


def test_turning_wheels_are_believed_before_the_ignition():
    quality = Quality(settle=0)
    quality.ignition(False, 0)
    for t in range(0, 20000, 1000):
        quality.obd_speed(300, t)
        assert judged(quality, t, LAT + t // 40, speed=300).reason is None


def test_stale_wheels_freeze_nothing():
    quality = Quality(settle=0)
    quality.obd_speed(0, 0)
    for t in range(0, 20000, 1000):
        assert judged(quality, t).reason is None
    # Nor does the time before a hole count.
    quality.obd_speed(0, 20000)
    quality.obd_speed(0, 22000)
    assert judged(quality, 22000).reason is None


def test_wheels_let_go_at_once():
    quality, _ = stood()
    quality.obd_speed(28, 10500)  # 1 km/h
    f = judged(quality, 11000, LAT + 40)
    assert f.lat == LAT + 40 and f.reason is None and not quality.standing


def test_reflections_do_not_let_go():
    quality, _ = stood()
    for t in range(11000, 611000, 1000):
        quality.obd_speed(0, t)
        f = judged(quality, t, LAT + FAR + t // 500 % 500, speed=100)
        assert f.lat == LAT + 5 and f.reason == "standing"
    assert quality.take_events() == []


def test_a_sleeping_adapter_does_not_let_go():
    quality, _ = stood()
    for t in range(11000, 200000, 1000):
        f = judged(quality, t, LAT + FAR + t // 500 % 500, speed=100)
        assert f.lat == LAT + 5 and f.reason == "standing"


def test_displacement_with_a_speed_lets_go_and_says_so():
    quality, _ = stood()
    for i in range(1, AWAY_FIXES):
        assert judged(quality, 10000 + i * 1000, LAT + FAR + 5, speed=500).lat == LAT + 5
    # One fix that is near begins the count anew.
    assert judged(quality, 13000, LAT + NEAR, speed=500).lat == LAT + 5
    for i in range(1, AWAY_FIXES):
        assert judged(quality, 13000 + i * 1000, LAT + FAR + 5, speed=500).lat == LAT + 5
    f = judged(quality, 16000, LAT + FAR + 5, speed=500)
    assert f.lat == LAT + FAR + 5
    assert (f.quality, f.reason) == (QUALITY_DEGRADED, "displaced")
    assert quality.take_events() == [("gps_displaced", 25, 16000)]
    assert quality.counters["displaced"] == 1
    assert judged(quality, 17000, LAT + FAR + 50, speed=500).reason is None


def test_a_towed_car_is_not_frozen_again_until_it_stands():
    quality, _ = stood(obd=False, ignition=False)
    lat = LAT
    for t in range(11000, 60000, 1000):
        lat += 100
        f = judged(quality, t, lat, speed=1113)
    assert f.lat == lat and f.reason is None
    for t in range(60000, 66000, 1000):
        f = judged(quality, t, lat + t // 1000)
    assert f.reason == "standing"
    assert len(quality.take_events()) == 1


def test_a_receiver_without_speed_is_let_go_by_displacement():
    quality, _ = stood()
    for t in (11000, 12000, 13000):
        f = judged(quality, t, LAT + FAR + 5, speed=None)
    assert f.reason == "displaced"


def test_only_sound_positions_are_frozen():
    quality = Quality()
    for t in range(0, 8000, 1000):
        quality.obd_speed(0, t)
        f = judged(quality, t, LAT + t // 1000)
        # The first fixes after a start settle, whatever the wheels say.
        assert f.reason == ("settling" if t < 4000 else None if t < 5000 else "standing")
    quality = Quality(settle=0)
    for t in range(0, 8000, 1000):
        quality.obd_speed(0, t)
        f = judged(quality, t, hdop=600)
    assert (f.quality, f.reason) == (QUALITY_DEGRADED, "standing")


def test_without_witness_only_when_asked():
    for asked in (False, True):
        _, f = stood(60000, obd=False, hold_by_gps=asked)
        assert (f.reason == "standing") == asked
        assert f.lat == LAT + (GPS_STILL_MS // 1000 if asked else 60)


def test_without_witness_it_takes_longer_and_less_to_let_go():
    _, f = stood(GPS_STILL_MS - 1000, obd=False, hold_by_gps=True)
    assert f.reason is None
    frozen = LAT + GPS_STILL_MS // 1000
    # By displacement alone.
    quality, _ = stood(GPS_STILL_MS, obd=False, hold_by_gps=True)
    lats = [judged(quality, GPS_STILL_MS + i * 1000, frozen + FAR).lat for i in (1, 2, 3)]
    assert lats == [frozen, frozen, frozen + FAR]
    # By speed alone.
    quality, _ = stood(GPS_STILL_MS, obd=False, hold_by_gps=True)
    lats = [judged(quality, GPS_STILL_MS + i * 1000, frozen + i, speed=210).lat for i in (1, 2, 3)]
    assert lats == [frozen, frozen, frozen + 3]


def test_a_queue_that_creeps_is_not_frozen_by_gps():
    quality = Quality(settle=0, hold_by_gps=True)
    for t in range(0, 120000, 1000):
        f = judged(quality, t, LAT + t // 100, speed=25)  # 1 m/s that the receiver does not say
        assert f.reason is None


def test_after_a_long_loss_without_witness_the_position_is_taken_anew():
    quality, f = stood(60000, obd=False, hold_by_gps=True)
    assert f.reason == "standing"
    f = judged(quality, 130000, LAT + 20000)
    assert f.lat == LAT + 20000 and f.reason is None


def test_heading_stays_while_frozen():
    quality = Quality(settle=0)
    for t in range(0, 20000, 1000):
        quality.obd_speed(0, t)
        f = judged(quality, t, heading=9000 if t < 3000 else t // 2)
        if t >= STILL_MS:
            assert f.heading == 2000 and f.held
