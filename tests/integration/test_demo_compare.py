"""The demo's comparison finds what is wrong: a comparison that cannot fail would prove nothing."""

from tools.demo.compare import compare

SENT = {"k": "gps", "utc": 5300, "lat": 33, "lon": -6, "alt": 70, "speed": 1400, "heading": 900,
        "sats": 9, "valid": True, "fix_utc": 1005000}  # fmt: skip
HELD = {"t": 100, "utc": 1005000, "lat": 33, "lon": -6, "alt": 70, "speed": 1400, "heading": 900,
        "sats": 9, "heading_held": False, "standing": False, "reckoned": False}  # fmt: skip
RPM = 31
ANSWER = {"k": "obd", "utc": 5300, "pid": 12, "value": 1349.5}
READING = {"t": 250, "signal": RPM, "value": 1349.5}


def wrong(position=None, reading=None, dates=True, before=True):
    first = [dict(HELD, t=-900, utc=1004000, lat=32)] if before else []
    truth = [dict(SENT, utc=4300, lat=32, fix_utc=1004000), SENT, ANSWER]
    positions = first + ([dict(HELD, **position)] if position is not None else [])
    values = [dict(READING, **reading)] if reading is not None else []
    return compare(positions, values, truth, 5000, dates).wrong


def test_what_is_equal_is_right():
    assert wrong({}, {}) == []


def test_every_field_of_a_position_is_looked_at():
    for name in ("lat", "lon", "alt", "speed", "heading", "sats"):
        assert len(wrong({name: 1})) == 1, name
        assert len(wrong({name: None})) == 1, name
    assert len(wrong({"utc": 1005300})) == 1 and len(wrong({"utc": None})) == 1
    assert wrong({"utc": 7}, dates=False) == []
    assert wrong({"heading": 5, "heading_held": True}) == []


def test_a_frozen_position_must_have_been_sent_before_and_not_move():
    assert wrong({"standing": True, "lat": 32, "speed": 0}) == []
    for other in ({"lat": 31}, {"alt": 71}, {"lat": 32, "speed": 1}, {"lat": 32, "sats": 8}):
        assert len(wrong({"speed": 0, "standing": True, **other})) == 1, other
    # What was only sent later cannot have been frozen.
    assert len(wrong({"standing": True, "speed": 0, "t": -900 - 1300})) >= 1


def test_what_was_reckoned_is_not_compared():
    assert wrong({"reckoned": True, "lat": 5}) == []


def test_a_position_at_another_time_is_invented():
    assert "nothing was sent near that time" in wrong({"t": 9000})[0]


def test_only_the_first_epoch_may_have_been_heard_in_part():
    assert wrong({"speed": None}, before=False) == []
    assert len(wrong({"speed": 3}, before=False)) == 1


def test_a_reading_must_have_been_sent_then_and_with_that_value():
    assert len(wrong(reading={"value": 1349.75})) == 1
    assert len(wrong(reading={"t": 5000})) == 1
    assert len(wrong(reading={"signal": 32})) == 1
