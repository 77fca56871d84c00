"""agent/comms/course.py: the way that speed and heading lead, in integers on both ends."""

from agent.comms.course import path, sine


def test_sines():
    assert [sine(a) for a in (0, 3000, 9000, 18000, 27000)] == [0, 16384, 32768, 0, -32768]
    assert sine(-9000) == sine(27000) == -32768 and sine(45) == 257 and sine(9000 + 45) == 32765
    for angle in range(0, 36000, 37):
        assert sine(angle) == -sine(angle + 18000) == sine(18000 - angle)


def test_north_and_east_at_the_equator():
    # 10 m/s for 10 s are 100 m, which are 899 micro-degrees.
    assert path([0, 10000], [1000, 1000], [0, 0], 0) == ([0, 899], [0, 0])
    assert path([0, 10000], [1000, 1000], [9000, 9000], 0) == ([0, 0], [0, 899])
    assert path([0, 10000], [1000, 1000], [18000, 18000], 0)[0][1] in (-899, -900)


def test_degrees_of_longitude_are_narrower_in_the_north():
    assert path([0, 10000], [1000, 1000], [9000, 9000], 60000000)[1] == [0, 1798]
    assert path([0, 1000], [9000, 9000], [9000, 9000], 90000000)[1][1] < 50000


def test_a_turn_goes_the_short_way_round():
    dlat, dlon = path([0, 1000], [1000, 1000], [35500, 500], 0)
    assert dlat[1] == 89 and dlon[1] == 0


def test_small_steps_do_not_lose_their_fractions():
    # 7 cm/s for 99.9 s are 699.3 cm: 62.9 micro-degrees, though a step is less than one.
    dlat, _ = path(list(range(0, 100000, 100)), [7] * 1000, [0] * 1000, 0)
    assert dlat[-1] == 62
