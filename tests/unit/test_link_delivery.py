"""agent/comms/link.py: dead connections, silent rooms, several brokers, a budget. Times are ms."""

from agent.comms.brokers import RETURN_MS
from agent.comms.budget import Budget
from agent.comms.link import (
    ALERT_RESERVE,
    ALERT_STALL_MS,
    LOOK_MS,
    MAX_PATIENCE_MS,
    MAX_ROOM_MS,
    ONLINE,
    PATIENCE_MS,
    ROOM_MS,
    STALL_MS,
    WAITING,
)
from agent.records import ALERT, CRUMB, FINE
from tests.support.car import Car
from tests.support.simdisk import SimDisk


def settle(car, now):
    """The broker has taken all that is under way."""
    for token in list(car.link._flying):
        car.link.puback(token, now)


# A connection that is dead, whatever TCP says


def test_a_connection_on_which_nothing_comes_back_is_given_up():
    car = Car()
    car.connect()
    settle(car, 50)
    car.acknowledge(0)
    for now in range(0, 3600000, 60000):
        assert car.sent(now) == []  # nothing is awaited: the keepalive looks after it
    car.keep((FINE,))
    now = 3600000
    assert car.sent(now) == ["t now 0"] and car.link.wake(now) <= PATIENCE_MS
    assert "drop" not in car.sent(now + STALL_MS - 1)
    assert car.sent(now + STALL_MS) == ["drop"]
    assert car.link.state == WAITING and car.link.causes == {"stalled": 1}
    assert car.connect(now + STALL_MS + 500)[-1] == "b now 0"


def test_an_alert_waits_less_long():
    car = Car()
    car.connect()
    settle(car, 50)
    car.acknowledge(0)
    car.keep((ALERT,))
    assert car.sent(1000) == ["a now 0"]
    assert "drop" not in car.sent(1000 + ALERT_STALL_MS - 1)
    assert car.link.wake(1000 + ALERT_STALL_MS - 1) <= 1
    assert car.sent(1000 + ALERT_STALL_MS) == ["drop"]
    assert car.connect(1000 + ALERT_STALL_MS + 500)[3:] == ["a now 0"]


def test_anything_that_comes_shows_that_it_lives():
    car = Car()
    car.connect()
    car.keep((FINE,))
    car.sent(0)
    for now in range(0, 10 * STALL_MS, STALL_MS // 2):
        car.link.heard(now)
        assert "drop" not in car.sent(now)


def test_alerts_go_beside_a_window_that_is_full():
    car = Car([("old", (FINE,) * 20)], window=5)
    car.connect()
    assert car.link.outstanding()[0] == 5
    car.keep((ALERT,) * (ALERT_RESERVE + 2))
    assert car.sent(10) == ["a now %d" % i for i in range(ALERT_RESERVE)]


# The room


def test_a_sessions_open_is_sent_until_the_room_has_answered():
    car = Car()
    car.connect()
    opens = []
    for now in range(0, 1000000, 1000):
        settle(car, now)
        opens += [now for what in car.sent(now) if what == "s now"]
    assert opens[:2] == [PATIENCE_MS, 2 * PATIENCE_MS]
    car.acknowledge(0)
    for now in range(1000000, 2000000, 1000):
        assert car.sent(now) == []


def away(car, hours=1):
    """Frames of which the room takes notice of none, for so long; the time it is then."""
    car.connect()
    settle(car, 0)
    car.keep((FINE,) * 10)
    for now in range(0, hours * 3600000, 1000):
        step(car, now)
    return hours * 3600000


def step(car, now):
    """What is sent; the broker takes it; a connection that was dropped is made again."""
    if car.link.state != ONLINE:
        if not car.link.poll(now):
            return []
        car.link.connected(now)
    sent = car.sent(now)
    settle(car, now)
    return sent


def test_a_room_that_comes_back_is_not_left_waiting():
    car = Car()
    now = away(car)
    car.acknowledge(0)  # it greets: it knows the session, and holds none of it
    sent = []
    while not [what for what in sent if what[0] in "tb"]:
        assert now < 3600000 + 2 * PATIENCE_MS < 3600000 + MAX_PATIENCE_MS
        sent = step(car, now)
        now += 100
    car.acknowledge(1)
    assert [what[0] for what in car.sent(now)] == ["b", "b"]


def test_a_room_that_repeats_itself_causes_no_flood():
    # A lost acknowledgement, or a room that takes nothing: it answers each frame with the same.
    car = Car()
    begin = away(car)
    count = 0
    for now in range(begin, begin + 600000, 1000):
        sent = [what for what in car.sent(now) if what[0] in "tb"]
        settle(car, now)
        count += len(sent)
        if sent:
            car.acknowledge(0)
    assert count <= 600000 // PATIENCE_MS + 2


def test_only_the_ranges_that_the_room_misses_are_sent_again():
    car = Car()
    car.connect()
    car.keep((FINE,) * 8)
    car.sent(0)
    car.link.ask_again(car.session.sid, [[1, 1], [4, 5]])
    assert car.sent(10) == ["b now 1", "b now 4", "b now 5"]


def test_what_a_lost_broker_had_taken_is_sent_again_soon_after_the_next_connection():
    # A room that was silent for long made us patient; the frame that the broker took is lost.
    car = Car()
    now = away(car)
    car.link.closed("peer", now)
    begin = now + 30000
    sent = car.connect(begin)
    for now in range(begin, begin + PATIENCE_MS + 1000, 100):
        settle(car, now)
        car.acknowledge(0)
        sent += car.sent(now)
    assert "b now 0" in sent


def test_what_fell_due_while_there_was_no_connection_holds_nothing_up():
    # The last frame was taken by the broker; its acknowledgement fell into the tunnel.
    car = Car()
    car.connect()
    car.keep((FINE,))
    car.sent(0)
    settle(car, 0)
    car.acknowledge(0)
    car.link.closed("network", 100)
    car.keep((FINE, FINE))
    now = PATIENCE_MS + 1000
    assert car.link.poll(now) == [("connect",)]
    car.link.connected(now)
    car.keep((FINE, CRUMB))  # where the car is now
    sent = car.sent(now)
    assert sent[:5] == ["subscribe d", "p", "s now", "t now 4", "t now 3"]
    assert sent[5:] == ["b now 0", "b now 1", "b now 2"]


# Several brokers


def several(count=2):
    car = Car()
    car.link = type(car.link)(car.journal, lambda n: n - 1, 200, 0, count)
    car.link.set_session(car.session, 0)
    return car


def test_the_next_broker_is_tried_when_one_fails_and_the_first_again_later():
    car = several()
    assert car.link.poll(0) == [("connect",)] and car.link.broker == 0
    car.link.closed("network", 100)
    assert car.link.poll(100) == [("connect",)] and car.link.broker == 1
    car.link.connected(200)
    car.sent(200)
    settle(car, 250)
    car.acknowledge(0)
    now = 200 + RETURN_MS[0]
    assert car.sent(now - 1) == [] and car.link.state == ONLINE
    assert car.sent(now) == ["drop"]
    assert car.link.poll(now) == [("connect",)] and car.link.broker == 0
    car.link.closed("network", now + 1)
    assert car.link.poll(now + 1) == [("connect",)] and car.link.broker == 1


def test_it_does_not_return_while_something_is_under_way():
    car = several()
    car.link.poll(0)
    car.link.closed("network", 0)
    car.connect(0)
    settle(car, 1)
    car.acknowledge(0)
    now = RETURN_MS[0]
    car.keep((ALERT,))
    assert car.sent(now - 10) == ["a now 0"] and car.sent(now) == []
    car.acknowledge(1)
    settle(car, now)
    assert car.sent(now) == ["drop"]


def test_a_broker_behind_which_no_room_answers_is_left_for_another():
    car = several()
    car.connect()
    settle(car, 0)
    car.keep((CRUMB,))
    dropped = None
    for now in range(0, 2 * ROOM_MS, 1000):
        if "drop" in car.sent(now):
            dropped = now
            break
        settle(car, now)
    assert ROOM_MS <= dropped <= ROOM_MS + 1000
    assert car.link.poll(dropped) == [("connect",)] and car.link.broker == 1


def test_a_parked_car_does_not_leave_a_healthy_broker():
    # A frame each five minutes: the room's last answer is old, but it owes none.
    car = several()
    car.connect()
    settle(car, 50)
    car.acknowledge(0)
    for i in range(50):
        now = i * 300000
        car.keep((CRUMB,))
        assert len(car.sent(now)) == 1
        settle(car, now + 100)
        assert car.sent(now + 100) == [] and car.sent(now + 4000) == []
        car.acknowledge(i + 1)
        assert car.sent(now + 4100) == []
    assert car.link.causes == {}


def test_behind_the_only_broker_a_silent_room_is_subscribed_to_again_then_connected_anew():
    # A broker may have lost our subscription and nothing else: then no acknowledgement comes down.
    car = Car()
    car.connect()
    settle(car, 0)
    car.keep((CRUMB,))
    done = []
    for now in range(0, 4 * 3600000, 1000):
        done += [
            (now, what) for what in step(car, now) if what in ("drop", "subscribe d", "b now 0")
        ]
    rare = [row for row in done if row[1] != "b now 0"]
    assert rare[0] == (ROOM_MS, "subscribe d") and rare[1] == (3 * ROOM_MS, "drop")
    drops = [now for now, what in done if what == "drop"]
    assert 12 <= len(drops) <= 4 * 3600000 // MAX_ROOM_MS + 3
    # And what it owes is sent no more often for that.
    assert (
        len([what for _, what in done if what == "b now 0"]) <= 5 + 4 * 3600000 // MAX_PATIENCE_MS
    )


def test_a_new_session_does_not_begin_the_wait_for_a_silent_room_anew():
    car = Car()
    car.connect()
    settle(car, 0)
    car.keep((CRUMB,))
    subscribed = []
    for now in range(0, 4 * ROOM_MS, 1000):
        if now % (ROOM_MS // 2) == 0:
            car.take_session("at %d" % now, now)
        subscribed += [now for what in step(car, now) if what == "subscribe d"]
    assert subscribed[0] == ROOM_MS


def test_a_file_that_could_not_be_read_is_tried_again_without_a_new_connection():
    car = Car([("old", (ALERT, FINE))])
    car.journal.flush()
    car.disk.unreadable = [name for name in car.disk.files if name[0] == ALERT]
    assert car.connect()[3:] == ["s old", "b old 1"]
    settle(car, 10)
    car.acknowledge(0)
    car.acknowledge(0, [[1, 1]], "old")
    assert car.sent(20) == [] and car.link.wake(20) <= LOOK_MS
    for now in range(20, 10 * LOOK_MS, 1000):
        assert car.sent(now) == []
    car.disk.unreadable = ()
    for now in range(10 * LOOK_MS, 10 * LOOK_MS + MAX_ROOM_MS, 1000):
        sent = car.sent(now)
        if sent:
            break
    assert sent == ["a old 0"]


# A budget


def test_a_spent_budget_stops_all_but_alerts_until_the_next_day():
    day = 86400000
    car = Car([("old", (FINE,) * 3)])
    budget = Budget(SimDisk(), 10000, 2000)
    car.link = type(car.link)(car.journal, lambda n: n - 1, 200, 0, 1, budget)
    car.link.set_session(car.session, 0)
    budget.spend(7000, day * 20000, 0)
    assert car.connect() == ["subscribe d", "p", "s now"]
    car.keep((FINE,))
    assert car.sent(1) == ["t now 0"]
    budget.spend(1000, day * 20000, 1)
    car.keep((FINE, ALERT))
    assert car.sent(2) == ["a now 2"]
    budget.look(day * 20001, 3)
    assert car.sent(3) == ["t now 1", "s old", "b old 0", "b old 1", "b old 2"]
