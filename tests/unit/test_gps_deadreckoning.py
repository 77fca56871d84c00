"""Dead reckoning: the scale, the way, the limits, and the fixes that Quality makes of it."""

from agent.gps import plane
from agent.gps.deadreckoning import LEARNED, MAX_CM, MAX_MS, DeadReckoner
from agent.gps.fix import QUALITY_DEAD_RECKONED, QUALITY_GOOD, Fix
from agent.gps.quality import LOST_MS, Quality

LAT = 33990000
LON = -6850000


def fix(t, lat=LAT, lon=LON, speed=1500, heading=0, **more):
    f = Fix(t, t % 86400000)
    f.valid = True
    f.quality = QUALITY_GOOD
    f.mode = 3
    f.lat = lat
    f.lon = lon
    f.speed = speed
    f.heading = heading
    for name in more:
        setattr(f, name, more[name])
    return f


def wheels(reckoner, speed, begin, end, every=250):
    for t in range(begin, end + 1, every):
        reckoner.obd_speed(speed, t)


def way(place):
    return plane.distance(LAT, LON, place[0], place[1])


def begun(speed=1500, heading=0, t=0):
    reckoner = DeadReckoner()
    reckoner.obd_speed(speed, t)
    reckoner.begin(fix(t, heading=heading))
    return reckoner


# --- plane ---


def test_plane():
    assert plane.distance(LAT, LON, LAT, LON) == 0
    assert plane.distance(0, 0, 1000, 0) == 11130
    assert plane.distance(0, 0, 0, 1000) == 11130
    # At 60 degrees a degree of longitude is half as long; the date line is no barrier.
    assert 5564 <= plane.distance(60000000, 0, 60000000, 1000) <= 5566
    assert plane.offset(0, 179999990, 0, -179999990) == (0, 222)
    assert plane.offset(0, -179999990, 0, 179999990)[1] in (-222, -223)


def test_plane_root():
    for n in (0, 1, 2, 3, 4, 99, 100, 101, 10**6, 12345678**2, 12345678**2 + 1, 10**15):
        r = plane.root(n)
        assert r * r <= n < (r + 1) * (r + 1), n


def test_plane_moved_goes_there_and_the_offset_comes_back():
    for lat in (0, 33990000, -33990000, 60000000):
        for heading in range(0, 36000, 1500):
            to = plane.moved(lat, LON, 40000, heading)
            assert abs(plane.distance(lat, LON, to[0], to[1]) - 40000) < 40, (lat, heading)
    north = plane.moved(LAT, LON, 10000, 0)
    assert north[0] > LAT and north[1] == LON
    east = plane.moved(LAT, LON, 10000, 9000)
    assert east[1] > LON and abs(east[0] - LAT) <= 1
    assert plane.moved(0, 179999999, 10000, 9000)[1] < -179990000


# --- the machine ---


def test_way_is_the_integral_of_the_speed():
    reckoner = begun()
    wheels(reckoner, 1500, 250, 20000)
    place = reckoner.at(20000)
    assert abs(way(place) - 30000) < 20
    assert place[0] > LAT and abs(place[1] - LON) <= 1
    assert place[2] == 1500 and place[3] == 0
    assert reckoner.distance == 30000
    # Braking evenly to a halt in 10 s: half of it. Standing adds nothing.
    for i in range(41):
        reckoner.obd_speed(1500 - i * 1500 // 40, 20000 + i * 250)
    assert abs(reckoner.at(30000) and reckoner.distance - 37500) < 20
    wheels(reckoner, 0, 30250, 40000)
    assert abs(reckoner.at(40000) and reckoner.distance - 37500) < 20


def test_way_begins_at_the_fix_and_runs_on_between_two_speeds():
    reckoner = DeadReckoner()
    reckoner.obd_speed(1000, 0)
    reckoner.begin(fix(900))  # the next speed comes at 1000: a tenth of that second counts
    reckoner.obd_speed(1000, 1000)
    assert reckoner.at(1000) and reckoner.distance == 100
    assert reckoner.at(1500) and reckoner.distance == 600
    reckoner = DeadReckoner()
    reckoner.obd_speed(1000, 1000)
    reckoner.begin(fix(900))  # a fix that was judged after the speed came
    assert reckoner.at(1000) and reckoner.distance == 100


def test_scale_is_learned_above_10_m_s_only():
    reckoner = DeadReckoner()
    for i in range(50):
        reckoner.obd_speed(990, i * 1000)
        reckoner.learn(fix(i * 1000, speed=1050))
    assert not reckoner.learned() and reckoner.scale() == 10000
    for i in range(50, 50 + LEARNED):
        assert not reckoner.learned()
        reckoner.obd_speed(2000, i * 1000)
        reckoner.learn(fix(i * 1000, speed=2080))
    assert reckoner.learned() and reckoner.scale() == 10400
    t = 60000
    reckoner.obd_speed(2000, t)
    reckoner.begin(fix(t))
    wheels(reckoner, 2000, t + 250, t + 10000)
    place = reckoner.at(t + 10000)
    assert reckoner.distance == 20800 and place[2] == 2080


def test_scale_takes_no_nonsense_and_forgets():
    reckoner = DeadReckoner()
    for i in range(30):
        reckoner.obd_speed(2000, i * 1000)
        reckoner.learn(fix(i * 1000, speed=3000))  # no tyre is that large
        reckoner.learn(fix(i * 1000 + 900, speed=2000))  # not of the same moment
        reckoner.learn(fix(i * 1000, speed=None))
    assert not reckoner.learned()
    for i in range(3000):
        reckoner.obd_speed(2000, i * 1000)
        reckoner.learn(fix(i * 1000, speed=1900))
    for i in range(3000, 8000):
        reckoner.obd_speed(2000, i * 1000)
        reckoner.learn(fix(i * 1000, speed=2100))
    assert 10490 <= reckoner.scale() <= 10500


def test_error_grows_with_the_way():
    reckoner = begun()
    errors = []
    for t in range(1000, 11000, 1000):
        wheels(reckoner, 1500, t - 750, t)
        reckoner.at(t)
        errors.append(reckoner.error_cm)
    assert errors == sorted(errors) and errors[-1] > errors[0] + 2000


def test_stops_after_its_time():
    reckoner = begun(speed=100)
    wheels(reckoner, 100, 250, MAX_MS)
    assert reckoner.at(MAX_MS) is not None
    reckoner.obd_speed(100, MAX_MS + 1)
    assert reckoner.at(MAX_MS + 1) is None
    assert reckoner.at(MAX_MS + 1) is None


def test_stops_after_its_way():
    reckoner = begun(speed=2000)
    wheels(reckoner, 2000, 250, 26000)
    assert reckoner.at(25000) is not None and reckoner.distance <= MAX_CM
    assert reckoner.at(26000) is None


def test_no_speed_no_position():
    reckoner = begun()
    assert reckoner.at(2000) is not None
    assert reckoner.at(2001) is None
    # A hole in the speeds is a hole in the way: it is not bridged.
    reckoner.obd_speed(1500, 2500)
    assert reckoner.at(2500) is None
    reckoner = DeadReckoner()
    reckoner.begin(fix(0))
    assert reckoner.at(0) is None
    reckoner.obd_speed(1500, 100)
    assert reckoner.at(100) is None


def test_no_heading_no_way():
    reckoner = begun(speed=0, heading=None)
    assert reckoner.at(1000) is not None
    reckoner.obd_speed(1000, 1000)
    assert reckoner.at(1100) is None


# --- through Quality ---


def driven(speed=1500, until=10000, **more):
    """A Quality that saw good fixes once a second, and wheels four times."""
    quality = Quality(settle=0)
    place = (LAT, LON)
    for t in range(0, until + 1, 250):
        quality.obd_speed(speed, t)
        if t % 1000 == 0:
            place = plane.moved(LAT, LON, speed * t // 1000, 4500)
            quality.judge(fix(t, place[0], place[1], speed, 4500, **more))
            assert quality.poll(t) is None
    return quality, place


def polled(quality, begin, end, speed=1500):
    found = []
    for t in range(begin, end + 1, 50):
        if t % 250 == 0 and speed is not None:
            quality.obd_speed(speed, t)
        f = quality.poll(t)
        if f is not None:
            found.append(f)
    return found


def test_silent_receiver():
    quality, place = driven()
    found = polled(quality, 10050, 20000)
    times = [f.t for f in found]
    assert 10000 + LOST_MS < times[0] <= 10000 + LOST_MS + 50
    assert [b - a for a, b in zip(times, times[1:])] == [1000] * (len(times) - 1)  # noqa: B905
    for f in found:
        assert f.valid and f.quality == QUALITY_DEAD_RECKONED and f.reason == "reckoned"
        assert f.utc is None and f.tod is None and f.alt is None and f.sats is None
        assert f.heading == 4500 and f.held and f.speed == 1500
        gone = plane.distance(place[0], place[1], f.lat, f.lon)
        assert abs(gone - 1500 * (f.t - 10000) // 1000) < 30
    assert quality.counters["reckoned"] == len(found)


def test_receiver_that_says_no_fix():
    quality, _ = driven()
    quality.judge(Fix(11000))
    found = polled(quality, 11000, 12000)
    assert [f.t for f in found] == [11000, 12000]
    # A fix ends it.
    quality.judge(fix(12500, LAT, LON))
    assert polled(quality, 12550, 13950) == []


def test_loss_without_wheels_or_before_the_first_fix():
    quality, _ = driven()
    assert len(polled(quality, 10050, 90000, speed=None)) == 1  # the last speed is 2 s old
    quality = Quality()
    assert polled(quality, 0, 10000) == []
    quality.judge(Fix(10000))
    assert polled(quality, 10050, 20000) == []


def test_ends_and_does_not_begin_again():
    quality, _ = driven()
    found = polled(quality, 10050, 200000)
    assert len(found) in (32, 33) and found[-1].t <= 10000 + MAX_CM * 1000 // 1500
    quality, _ = driven(speed=100)
    found = polled(quality, 10050, 200000, speed=100)
    assert 69000 <= found[-1].t <= 70000


def test_only_good_fixes_are_a_beginning():
    quality, place = driven()
    for t in (11000, 12000):
        quality.obd_speed(1500, t)
        quality.judge(fix(t, LAT, LON - 5000, hdop=900))
    quality.obd_speed(1500, 13000)
    quality.judge(Fix(13000))
    f = quality.poll(13000)
    assert abs(plane.distance(place[0], place[1], f.lat, f.lon) - 4500) < 20


def test_rhythm_after_being_held_up():
    quality, _ = driven()
    quality.obd_speed(1500, 11900)
    quality.obd_speed(1500, 13800)
    assert quality.poll(13800).t == 13800
    assert quality.poll(14000) is None
    quality.obd_speed(1500, 15700)
    assert quality.poll(15700).t == 15700
