"""agent/comms/budget.py: a day's bytes over a metered SIM. Times are ms."""

from agent.comms.budget import DAY_MS, NAME, Budget
from tests.support.simdisk import SimDisk

NOON = 20000 * DAY_MS + DAY_MS // 2


def budget(disk=None, per_day=100000, floor=20000):
    return Budget(disk or SimDisk(), per_day, floor)


def allowed(b):
    return "".join([lane for lane in "atb" if b.allows(lane)])


def test_the_backlog_stops_first_then_live_and_alerts_never():
    b = budget()
    for spent, lanes in ((59999, "atb"), (60000, "at"), (79999, "at"), (80000, "a"), (999999, "a")):
        b.spend(spent - b.spent, NOON, 0)
        assert allowed(b) == lanes, spent


def test_what_is_left_of_a_day():
    b = budget()
    assert (b.left("t"), b.left("b")) == (80000, 60000)
    b.spend(59999, NOON, 0)
    assert (b.left("t"), b.left("b")) == (20001, 1)
    b.spend(2, NOON, 0)
    assert (b.left("t"), b.left("b")) == (19999, 0)


def test_a_new_day_begins_with_nothing_spent():
    b = budget()
    b.spend(90000, NOON, 0)
    b.look(NOON + DAY_MS // 2 - 1, 1)
    assert allowed(b) == "a"
    b.look(NOON + DAY_MS // 2, 2)
    assert allowed(b) == "atb" and b.spent == 0 and b.counters["days"] == 1


def test_without_utc_a_day_is_one_of_uptime():
    b = budget()
    b.spend(90000, None, 5000)
    b.look(None, DAY_MS - 1)
    assert allowed(b) == "a"
    b.look(None, DAY_MS)
    assert allowed(b) == "atb"
    b.spend(90000, None, DAY_MS + 1)
    b.look(NOON, DAY_MS + 2)  # the date becomes known: it may be the same day
    assert allowed(b) == "a"


def test_a_restart_costs_a_step_at_most_and_a_clean_one_nothing():
    disk = SimDisk()
    b = budget(disk)
    for _ in range(700):
        b.spend(100, NOON, 0)
    after = budget(disk)
    assert 70000 <= after.spent <= 70000 + 100000 // 256
    b.close()
    assert budget(disk).spent == 70000
    after = budget(disk)
    after.look(NOON + DAY_MS, 0)
    assert after.spent == 0


def test_the_flash_is_written_so_often_and_no_more():
    b = budget()
    for _ in range(100000):
        b.spend(1, NOON, 0)
    assert b.counters["saves"] <= 257


def test_a_record_that_is_broken_or_cannot_be_written_stops_nothing():
    disk = SimDisk()
    disk.replace(NAME, b"\x00" * 16)
    assert budget(disk).spent == 0
    disk.replace(NAME, b"short")
    b = budget(disk)
    disk.faults = {disk.writes: "EIO"}
    b.spend(500, NOON, 0)
    assert b.spent == 500 and b.counters["save_errors"] == 1


def test_a_message_costs_what_is_around_it_too():
    b = budget()
    b.message(100, None, NOON, 0)
    assert b.spent == 100 + 11 + 104
    b.message(100, {"ca": "x"}, NOON, 0)
    assert b.spent == 2 * (100 + 11 + 104) + 29
    b.connect(None, NOON, 0)
    assert 500 < b.spent - 459 < 700
