"""agent/comms/uplinks.py: which way to the network is used. Times are ms."""

from agent.comms.uplinks import (
    BACKOFF,
    BUSY_MS,
    MAX_RETURN_MS,
    OFF,
    STEADY_MS,
    UP,
    WEIGHTS,
    Uplinks,
)

PATIENCE = {"wifi": 60000, "lte": 180000}
RETURN, HOLD = 300000, 10000


def both(**more):
    return Uplinks(("wifi", "lte"), PATIENCE, **more)


def on_lte(uplinks, now=0):
    """Wi-Fi is not there, LTE is in use; returns when."""
    assert uplinks.poll(False, now) == [("start", "wifi")]
    uplinks.down("wifi", "away", now + 3000)
    assert uplinks.poll(False, now + 3000) == [("stop", "wifi"), ("start", "lte")]
    uplinks.up("lte", now + 20000)
    assert uplinks.poll(False, now + 20000) == [("use", "lte")]
    return now + 20000


def on_wifi(uplinks, now=0):
    assert uplinks.poll(False, now) == [("start", "wifi")]
    uplinks.up("wifi", now + 2000)
    assert uplinks.poll(False, now + 2000) == [("use", "wifi")]
    return now + 2000


def test_the_preferred_way_is_used_when_it_is_there():
    uplinks = both()
    assert uplinks.current is None
    on_wifi(uplinks)
    assert uplinks.current == "wifi" and uplinks.state("wifi")[0] == UP
    assert uplinks.state("lte") == (OFF, 0, None)  # never touched
    for now in range(3000, 2 * RETURN, 1000):
        assert uplinks.poll(False, now) == []
    assert uplinks.counters == {"starts": 1, "uses": 1, "renewed": 0}


def test_the_next_one_has_its_turn_when_the_preferred_has_no_address():
    uplinks = both()
    on_lte(uplinks)
    assert uplinks.current == "lte" and uplinks.causes == {"away": 1}


def test_a_driver_that_says_nothing_is_not_waited_for_for_ever():
    uplinks = both()
    uplinks.poll(False, 0)
    assert uplinks.poll(False, 59999) == []
    assert uplinks.poll(False, 60000) == [("stop", "wifi"), ("start", "lte")]
    assert uplinks.state("wifi")[2] == "timeout"
    uplinks.up("wifi", 60001)  # too late: it was stopped
    assert uplinks.poll(False, 60001) == [] and uplinks.current is None


def test_both_away_are_tried_in_turn_and_ever_more_seldom():
    uplinks = both()
    tried = []
    state = None
    for now in range(0, 1000000, 1000):
        for action, name in uplinks.poll(False, now):
            if action == "start":
                tried.append((now, name))
                state = (name, now)
        if state and now - state[1] >= 3000:
            uplinks.down(state[0], "away", now)
            state = None
    assert [name for _, name in tried[:6]] == ["wifi", "lte", "wifi", "lte", "wifi", "lte"]
    assert tried[0][0] == 0 and tried[1][0] <= 4000 and tried[2][0] <= 8000
    gaps = [b[0] - a[0] for a, b in zip(tried[-9:], tried[-8:]) if a[1] == "wifi"]  # noqa: B905
    wifi = [now for now, name in tried if name == "wifi"]
    assert gaps and wifi[-1] - wifi[-2] >= BACKOFF["away"][1]


def test_a_way_that_is_lost_is_left_and_the_next_one_is_taken():
    uplinks = both()
    now = on_wifi(uplinks) + STEADY_MS
    uplinks.down("wifi", "lost", now)
    actions = uplinks.poll(False, now)
    assert actions == [("leave", "wifi"), ("stop", "wifi"), ("start", "lte")]
    assert uplinks.current is None


def test_a_single_way_is_tried_again_soon():
    uplinks = Uplinks(("lte",), PATIENCE)
    uplinks.poll(False, 0)
    uplinks.up("lte", 20000)
    uplinks.poll(False, 20000)
    uplinks.down("lte", "lost", 200000)
    assert uplinks.poll(False, 200000) == [("leave", "lte"), ("stop", "lte")]
    assert uplinks.poll(False, 204999) == []
    assert uplinks.poll(False, 205000) == [("start", "lte")]


def test_a_way_on_which_the_link_fails_is_left():
    uplinks = both()
    now = on_wifi(uplinks)
    uplinks.failed("network", now + 1000)
    uplinks.failed("timeout", now + 22000)
    assert uplinks.poll(False, now + 22000) == []
    uplinks.failed("network", now + 26000)
    assert uplinks.poll(False, now + 26000) == [
        ("leave", "wifi"), ("stop", "wifi"), ("start", "lte")
    ]  # fmt: skip
    assert uplinks.state("wifi")[2] == "link"


def test_a_broker_that_starts_anew_ends_no_way():
    uplinks = both()
    now = on_wifi(uplinks)
    for t in (0, 1000, 3000, 7000, 15000, 19999):
        uplinks.failed("network", now + t)
        assert uplinks.poll(False, now + t) == []
    uplinks.worked(now + 20000)
    uplinks.failed("network", now + 100000)
    assert uplinks.poll(False, now + 100000) == [] and uplinks.current == "wifi"


def test_what_is_the_brokers_fault_is_not_the_ways():
    uplinks = both()
    now = on_wifi(uplinks)
    for cause in ("refused", "tls", "room", "protocol", "peer", "return", "stopped", "way"):
        assert cause not in WEIGHTS
        for _ in range(9):
            uplinks.failed(cause, now)
    assert uplinks.poll(False, now) == [] and uplinks.current == "wifi"


def test_a_connection_that_dies_in_silence_counts_twice():
    uplinks = both(fails=2)
    now = on_lte(uplinks)
    uplinks.failed("stalled", now + 30000)
    assert uplinks.poll(False, now + 30000)[:2] == [("leave", "lte"), ("stop", "lte")]


def test_an_answer_of_the_room_makes_up_for_failures():
    uplinks = both()
    now = on_wifi(uplinks)
    for _ in range(20):
        uplinks.failed("stalled", now)
        now += 30000
        uplinks.worked(now)
        assert uplinks.poll(False, now) == []
    assert uplinks.current == "wifi"


def test_where_all_ways_come_to_nothing_they_are_used_in_turn_without_a_pause():
    """The broker is down: it is no reason to be without an address when it comes back."""
    uplinks = both()
    now = on_wifi(uplinks)
    used = ["wifi"]
    for _ in range(6):
        for _ in range(3):
            now += 10000
            uplinks.failed("network", now)
        started = [name for action, name in uplinks.poll(False, now) if action == "start"]
        assert len(started) == 1
        used += started
        now += 5000
        uplinks.up(started[0], now)
        uplinks.poll(False, now)
    assert used == ["wifi", "lte", "wifi", "lte", "wifi", "lte", "wifi"]


def test_a_refused_key_is_not_tried_for_lack_of_others():
    uplinks = both()
    uplinks.poll(False, 0)
    uplinks.down("wifi", "key", 5000)
    uplinks.poll(False, 5000)
    uplinks.down("lte", "pin", 9000)
    assert uplinks.poll(False, 9000) == [("stop", "lte")]
    assert uplinks.poll(False, 64999) == []
    assert uplinks.poll(False, 65000) == [("start", "wifi")]


def test_a_way_over_which_the_room_answered_is_there_at_once_when_it_is_needed_again():
    uplinks = both()
    now = on_lte(uplinks)
    for _ in range(3):
        uplinks.failed("network", now)
        now += 10000
    uplinks.failed("network", now)
    uplinks.poll(False, now)  # left alone for a minute
    uplinks.down("wifi", "away", now + 2000)
    uplinks.poll(False, now + 2000)
    uplinks.up("lte", now + 8000)
    uplinks.poll(False, now + 8000)
    uplinks.worked(now + 9000)
    now += 8000 + RETURN
    uplinks.poll(False, now)
    uplinks.up("wifi", now)
    now += HOLD
    assert uplinks.poll(False, now)[-1] == ("use", "wifi")
    assert uplinks.state("lte")[2] == "better"
    uplinks.down("wifi", "lost", now + 500)
    assert uplinks.poll(False, now + 500)[-1] == ("start", "lte")


# Back to the better one


def test_the_better_way_is_looked_for_and_taken_when_it_has_stood_for_a_while():
    uplinks = both()
    now = on_lte(uplinks)
    assert uplinks.poll(False, now + RETURN - 1) == []
    now += RETURN
    assert uplinks.poll(False, now) == [("start", "wifi")]
    assert uplinks.current == "lte"  # nothing is dropped for it
    uplinks.up("wifi", now + 4000)
    assert uplinks.poll(False, now + 4000) == []
    assert uplinks.poll(False, now + 4000 + HOLD - 1) == []
    assert uplinks.poll(False, now + 4000 + HOLD) == [
        ("leave", "lte"), ("stop", "lte"), ("use", "wifi")
    ]  # fmt: skip
    assert uplinks.current == "wifi"
    assert uplinks.poll(False, now + 4 * RETURN) == []


def test_it_is_not_taken_while_something_is_under_way_but_not_never():
    uplinks = both()
    now = on_lte(uplinks) + RETURN
    uplinks.poll(True, now)
    uplinks.up("wifi", now)
    assert uplinks.poll(True, now + HOLD + BUSY_MS - 1) == []
    assert uplinks.poll(False, now + HOLD + BUSY_MS - 1)[-1] == ("use", "wifi")
    uplinks = both()
    now = on_lte(uplinks) + RETURN
    uplinks.poll(True, now)
    uplinks.up("wifi", now)
    assert uplinks.poll(True, now + HOLD + BUSY_MS)[-1] == ("use", "wifi")


def test_a_better_way_that_is_not_there_disturbs_nothing():
    uplinks = both()
    now = on_lte(uplinks)
    end = now + 10 * RETURN
    looked = 0
    while now < end:
        for action, name in uplinks.poll(False, now):
            assert name == "wifi" and action in ("start", "stop")
            if action == "start":
                looked += 1
                uplinks.down("wifi", "away", now)
        now += 1000
    assert uplinks.current == "lte" and 9 <= looked <= 10
    assert uplinks.counters["uses"] == 1 and uplinks.counters["renewed"] == 0


def test_one_that_had_an_address_and_lost_it_may_have_taken_the_route_along():
    uplinks = both()
    now = on_lte(uplinks) + RETURN
    uplinks.poll(False, now)
    uplinks.up("wifi", now)
    uplinks.down("wifi", "lost", now + 5000)
    assert uplinks.poll(False, now + 5000) == [
        ("stop", "wifi"), ("leave", "lte"), ("stop", "lte"), ("start", "lte")
    ]  # fmt: skip
    assert uplinks.counters["renewed"] == 1


def test_the_one_in_use_may_go_while_the_better_one_comes():
    uplinks = both()
    now = on_lte(uplinks) + RETURN
    uplinks.poll(False, now)
    uplinks.down("lte", "lost", now + 1000)
    assert uplinks.poll(False, now + 1000) == [("leave", "lte"), ("stop", "lte")]
    uplinks.up("wifi", now + 2000)
    assert uplinks.poll(False, now + 2000) == [("use", "wifi")]
    uplinks = both()
    now = on_lte(uplinks) + RETURN
    uplinks.poll(False, now)
    uplinks.up("wifi", now + 1000)
    uplinks.poll(False, now + 1000)
    uplinks.down("lte", "lost", now + 2000)
    assert uplinks.poll(False, now + 2000) == [
        ("leave", "lte"), ("stop", "lte"), ("use", "wifi")
    ]  # fmt: skip


def test_a_better_way_that_does_not_last_is_looked_for_ever_more_seldom():
    """A car on the edge of an access point's range: the link must not hop to and fro."""
    uplinks = both()
    now = on_lte(uplinks)
    gaps = []
    for _ in range(6):
        since = now
        while ("start", "wifi") not in uplinks.poll(False, now):
            now += 1000
        gaps.append(now - since)
        uplinks.up("wifi", now)
        now += HOLD
        assert uplinks.poll(False, now)[-1] == ("use", "wifi")
        now += 2000
        uplinks.down("wifi", "lost", now)
        assert uplinks.poll(False, now)[-1] == ("start", "lte")
        uplinks.up("lte", now)
        uplinks.poll(False, now)
    assert gaps == [RETURN, 2 * RETURN, 4 * RETURN, 8 * RETURN, MAX_RETURN_MS, MAX_RETURN_MS]


def test_one_that_lasts_again_is_looked_for_as_often_as_at_first():
    uplinks = both()
    now = on_wifi(uplinks)
    uplinks.down("wifi", "lost", now + 1000)  # the wait has doubled
    uplinks.poll(False, now + 1000)
    uplinks.up("lte", now + 20000)
    uplinks.poll(False, now + 20000)
    now += 20000 + 2 * RETURN
    assert uplinks.poll(False, now - 1) == []
    assert uplinks.poll(False, now) == [("start", "wifi")]
    uplinks.up("wifi", now)
    now += HOLD
    uplinks.poll(False, now)
    uplinks.worked(now + STEADY_MS)
    now += 2 * STEADY_MS
    uplinks.down("wifi", "lost", now)
    uplinks.poll(False, now)
    uplinks.up("lte", now)
    uplinks.poll(False, now)
    assert uplinks.poll(False, now + RETURN) == [("start", "wifi")]


def test_unknown_causes_and_names_do_no_harm():
    uplinks = both()
    uplinks.poll(False, 0)
    for i in range(50):
        uplinks.down("wifi", "cause %d" % i, i)
        uplinks.down("lte", "cause %d" % i, i)
        uplinks.poll(False, 10000000 * (i + 1))
    assert list(uplinks.causes) == ["fault"]
    try:
        uplinks.up("lora", 0)
    except ValueError:
        return
    raise AssertionError("taken")


def test_whatever_happens_at_most_one_way_is_used_and_every_start_has_its_end():
    """A drive of random events: the actions always make sense to a driver."""
    seed = 7
    running, used, now = [], None, 0
    uplinks = both(return_ms=20000, hold_ms=3000)
    causes = sorted(BACKOFF) + sorted(WEIGHTS)
    for _ in range(20000):
        seed = (seed * 1103515245 + 12345) & 0x3FFFFFFF
        pick, name = (seed >> 8) % 9, ("wifi", "lte")[(seed >> 12) & 1]
        cause = causes[(seed >> 16) % len(causes)]
        if pick < 4:
            uplinks.up(name, now)
        elif pick == 4:
            uplinks.down(name, cause, now)
        elif pick == 5:
            uplinks.failed(cause, now)
        elif pick == 6:
            uplinks.worked(now)
        for action, name in uplinks.poll(bool(seed & 64), now):
            if action == "start":
                assert name not in running
                running.append(name)
            elif action == "stop":
                running.remove(name)
                assert used != name
            elif action == "use":
                assert used is None and name in running
                used = name
            else:
                assert used == name
                used = None
        assert used == uplinks.current and len(running) <= 2
        now += (seed >> 4) % 4000
    assert uplinks.counters["uses"] > 100
