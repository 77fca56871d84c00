"""agent/zones.py: in, out, at the border, which one is in force, and the row that is wrong."""

from agent.records import POSITION
from agent.zones import MARGIN_CM, MAX_CORNERS, MAX_ZONES, ZoneError, Zones

# 1000 micro-degrees of latitude are 111.2 m; of longitude at 34 degrees 92.2 m.
LAT, LON = 33990000, -6850000
CITY = ["city", None, 60, 0, [LAT, LON, 5000]]
DEPOT = ["depot", "parked", 20, 0, [LAT, LON, 100]]
# A U, open to the north: 4 by 4, arms and floor 1 thick, in thousands of micro-degrees.
U = [(0, 0), (0, 4), (4, 4), (4, 3), (1, 3), (1, 1), (4, 1), (4, 0)]
YARD = ["yard", "patrol", 0, 0, [[LAT + 1000 * y, LON + 1000 * x] for y, x in U]]


def at(lat, lon=0, t=0, quality=1):
    """A fix so many micro-degrees north and east of the origin."""
    return (POSITION, t, LAT + lat, LON + lon, None, None, None, None, quality)


def fed(zones, records):
    return [zones.feed(record, record[1]) for record in records]


def error(*rows, profiles=("patrol", "parked")):
    try:
        Zones(rows, profiles)
    except ZoneError as e:
        return str(e)
    raise AssertionError("taken: %r" % (rows,))


def test_a_circle_is_entered_with_the_first_fix_inside():
    zones = Zones([DEPOT])
    # 100 m are 899.3 micro-degrees of latitude and 1084.7 of longitude there.
    assert fed(zones, [at(900), at(0, 1085), at(-900), at(0, -1086)]) == [[], [], [], []]
    for lat, lon in ((899, 0), (-899, 0), (0, 1084), (0, -1084)):
        zones = Zones([DEPOT])
        assert fed(zones, [at(lat, lon), at(lat, lon)]) == [[("enter", "depot")], []]
    assert fed(Zones([DEPOT]), [at(800, 800)]) == [[]]  # in its square, not in the circle


def test_noise_at_the_border_is_no_coming_and_going():
    zones = Zones([DEPOT])
    border = [at(899 + d) for d in (10, -10, 30, -30, 100, 5, 170, -5, 178)]
    assert [e for e in fed(zones, border) if e] == [[("enter", "depot")]]
    # 20 m outside are 1079 micro-degrees.
    assert MARGIN_CM == 2000
    assert fed(zones, [at(1079), at(1081), at(1079), at(899)]) == (
        [[], [("leave", "depot")], [], [("enter", "depot")]]
    )
    assert zones.counters == {"entered": 2, "left": 1, "refused": 0}


def test_a_polygon_may_be_hollow():
    inside = [(500, 500), (500, 2000), (500, 3500), (3500, 500), (3500, 3500), (999, 2000)]
    outside = [(1500, 2000), (3500, 2000), (-10, 2000), (4010, 500), (2000, 4010), (2000, -10)]
    for lat, lon in inside:
        assert fed(Zones([YARD]), [at(lat, lon)]) == [[("enter", "yard")]], (lat, lon)
    for lat, lon in outside:
        assert fed(Zones([YARD]), [at(lat, lon)]) == [[]], (lat, lon)
    # The other way around is the same polygon.
    back = YARD[:4] + [YARD[4][::-1]]
    for lat, lon in inside:
        assert fed(Zones([back]), [at(lat, lon)]) == [[("enter", "yard")]], (lat, lon)


def test_a_polygon_is_left_beyond_the_margin():
    # Into the hollow: from its floor's upper side (1000), 20 m are 180 micro-degrees.
    zones = Zones([YARD])
    got = fed(zones, [at(900, 2000), at(1178, 2000), at(1182, 2000)])
    assert got == [[("enter", "yard")], [], [("leave", "yard")]]
    # Off a corner: 20 m in the diagonal.
    zones = Zones([YARD])
    got = fed(zones, [at(10, 10), at(-120, -150), at(-130, -160)])
    assert got == [[("enter", "yard")], [], [("leave", "yard")]]


def test_a_point_on_the_height_of_a_corner_crosses_a_side_once():
    diamond = [
        "d",
        None,
        0,
        0,
        [[LAT - 1000, LON], [LAT, LON + 1000], [LAT + 1000, LON], [LAT, LON - 1000]],
    ]
    assert fed(Zones([diamond]), [at(0, 0)]) == [[("enter", "d")]]
    assert fed(Zones([diamond]), [at(0, -1500), at(0, 1500), at(1000, -500)]) == [[], [], []]


def test_a_slanted_side_is_where_it_is():
    # From the origin 4000 east and 1000 north: at 2000 east the side is at 500 north.
    corners = [[LAT, LON], [LAT + 1000, LON + 4000], [LAT + 3000, LON + 4000]]
    for shape in (corners, corners[::-1], corners[1:] + corners[:1]):
        row = ["t", None, 0, 0, shape]
        for lat, lon, is_in in (
            (490, 2000, False),
            (510, 2000, True),
            (1490, 2000, True),
            (1510, 2000, False),
            (990, 3900, True),
            (960, 3900, False),
            (2900, 3900, True),
            (2940, 3900, False),
            (1500, 4010, False),
        ):
            assert bool(Zones([row]).feed(at(lat, lon), 0)) is is_in, (lat, lon)


def test_zones_lie_across_the_date_line():
    circle = ["c", None, 0, 0, [0, 179999900, 100]]
    square = [
        "s",
        None,
        0,
        0,
        [[-500, 179999500], [-500, -179999500], [500, -179999500], [500, 179999500]],
    ]
    for lon in (179999800, -179999700):
        record = (POSITION, 0, 0, lon, None, None, None, None, 1)
        got = Zones([circle, square]).feed(record, 0)
        assert sorted(got) == [("enter", "c"), ("enter", "s")], lon
    record = (POSITION, 0, 0, -179998000, None, None, None, None, 1)
    assert Zones([circle, square]).feed(record, 0) == []


def test_the_smallest_zone_is_in_force_from_the_same_fix_on():
    zones = Zones([CITY, DEPOT])
    assert zones.profile() is None and zones.limit() == 0
    zones.feed(at(3000), 0)
    assert zones.profile() is None and zones.limit() == 60 * 250 // 9
    assert zones.feed(at(500), 1) == [("enter", "depot")]
    assert zones.profile() == "parked" and zones.limit() == 20 * 250 // 9
    assert [zone.name for zone in zones.inside()] == ["depot", "city"]
    assert zones.feed(at(3000), 2) == [("leave", "depot")]
    assert zones.profile() is None
    # What the smallest does not say, the next one says.
    zones = Zones(
        [["big", "patrol", 90, 0, [LAT, LON, 900]], ["small", None, 0, 0, [LAT, LON, 50]]]
    )
    zones.feed(at(0), 0)
    assert zones.profile() == "patrol" and zones.limit() == 2500


def test_from_one_zone_into_another_leaving_comes_first():
    zones = Zones([["a", None, 0, 0, [LAT, LON, 50]], ["b", None, 0, 0, [LAT + 2000, LON, 50]]])
    got = fed(zones, [at(2000), at(0), at(2000)])
    assert got[1:] == [[("leave", "b"), ("enter", "a")], [("leave", "a"), ("enter", "b")]]


def test_a_stay_is_told_once():
    zones = Zones([["yard", None, 0, 60, [LAT, LON, 50]]])
    got = fed(zones, [at(0, t=t) for t in (5000, 64999, 65000, 99000)])
    assert got == [[("enter", "yard")], [], [("dwell", "yard", 60)], []]
    got = fed(zones, [at(9000, t=100000), at(0, t=101000), at(0, t=170000)])
    assert got == [[("leave", "yard")], [("enter", "yard")], [("dwell", "yard", 69)]]


def test_a_fix_of_no_quality_moves_nobody():
    zones = Zones([DEPOT])
    assert fed(zones, [at(0, quality=0), at(0, quality=3)]) == [[], [("enter", "depot")]]


def test_new_zones_take_the_place_of_all():
    zones = Zones([CITY, DEPOT])
    zones.feed(at(0), 0)
    assert zones.set_zones([["depot", None, 0, 0, [LAT, LON, 300]]]) == [("leave", "city")]
    # The one that is still there has grown, and is not entered again.
    assert fed(zones, [at(2000), at(4000)]) == [[], [("leave", "depot")]]
    try:
        zones.set_zones([CITY, CITY])
        raise AssertionError("taken")
    except ZoneError as e:
        assert str(e) == "zones[1] (city): the name is zones[0]'s already"
    assert zones.counters["refused"] == 1
    zones.feed(at(0), 9)
    assert [zone.name for zone in zones.inside()] == ["depot"]  # those from before
    assert zones.set_zones(()) == [("leave", "depot")] and zones.feed(at(0), 10) == []


def test_a_wrong_row_is_named():
    assert Zones([CITY, DEPOT, YARD], ("patrol", "parked")).inside() == []
    assert error(CITY, DEPOT[:4]) == "zones[1] must be name, profile, km/h, dwell s, shape"
    assert error(CITY, 7).startswith("zones[1] must be ")
    for name in (None, 7, "", "x" * 25):
        assert error([name] + CITY[1:]) == "zones[0]: the name must be a text of 1 to 24"
    begin = "zones[1] (z)"
    circle = [LAT, LON, 100]
    for row, text in (
        (["siesta", 0, 0, circle], ": no profile 'siesta'"),
        ([7, 0, 0, circle], ": no profile 7"),
        ([None, "50", 0, circle], ": limit must be an integer"),
        ([None, True, 0, circle], ": limit must be an integer"),
        ([None, 301, 0, circle], ": limit: 301 is not within 0 to 300"),
        ([None, 0, -1, circle], ": dwell: -1 is not within 0 to 86400"),
        ([None, 0, 0, None], ": a shape is [lat, lon, metres] or three corners and more"),
        (
            [None, 0, 0, [[0, 0], [0, 1]]],
            ": a shape is [lat, lon, metres] or three corners and more",
        ),
        ([None, 0, 0, circle + [1]], ": a circle is [lat, lon, metres]"),
        ([None, 0, 0, [34.0, LON, 100]], ": latitude must be an integer"),
        (
            [None, 0, 0, [90000000, LON, 100]],
            ": latitude: 90000000 is not within -89000000 to 89000000",
        ),
        (
            [None, 0, 0, [LAT, 180000001, 100]],
            ": longitude: 180000001 is not within -180000000 to 180000000",
        ),
        ([None, 0, 0, [LAT, LON, 4]], ": radius: 4 is not within 5 to 50000"),
        ([None, 0, 0, [LAT, LON, 50001]], ": radius: 50001 is not within 5 to 50000"),
        ([None, 0, 0, [[0, 0], [0, 1], [1]]], ": a corner is [lat, lon]"),
        ([None, 0, 0, [[0, 0], [0, 1], 7]], ": a corner is [lat, lon]"),
        ([None, 0, 0, [[0, 0], [0, 1], [1, "0"]]], ": longitude must be an integer"),
        ([None, 0, 0, [[0, 0], [5, 5], [9, 9]]], ": the corners enclose nothing"),
        (
            [None, 0, 0, [[0, 0], [0, 1], [1000001, 0]]],
            ": a corner is further than a degree from the first",
        ),
        ([None, 0, 0, [[0, i] for i in range(MAX_CORNERS + 1)]], ": 33 corners are more than 32"),
    ):
        assert error(CITY, ["z"] + row) == begin + text, row
    many = [["z%d" % i] + CITY[1:] for i in range(MAX_ZONES + 1)]
    assert error(*many) == "zones must be a list of at most 64 rows"
    assert len(Zones(many[:-1]).feed(at(0), 0)) == MAX_ZONES


def test_a_profile_is_not_checked_when_nobody_says_which_there_are():
    assert Zones([["z", "siesta"] + CITY[2:]]).feed(at(0), 0) == [("enter", "z")]
