"""agent/comms/link.py: what it wants sent, when, and when again. All times are ms."""

from agent.comms.link import (
    ALERT_RESERVE,
    MAX_PATIENCE_MS,
    MAX_UNPROVED,
    ONLINE,
    PATIENCE_MS,
)
from agent.records import ALERT, CRUMB, FINE
from tests.support.car import Car

# What goes first


def test_a_connection_begins_with_subscription_birth_and_open():
    car = Car()
    assert car.connect() == ["subscribe d", "p", "s now"]
    assert car.link.state == ONLINE and car.sent(1) == []


def test_alerts_then_live_then_the_backlog_oldest_first():
    car = Car([("old", (FINE, CRUMB, FINE, ALERT))])
    assert car.connect() == [
        "subscribe d",
        "p",
        "s now",
        "s old",
        "a old 3",
        "b old 0",
        "b old 1",
        "b old 2",
    ]
    car.keep((FINE, ALERT, CRUMB))
    assert car.sent(10) == ["a now 1", "t now 2", "t now 0"]
    assert car.sent(20) == []


def drain(car, statement_size=64):
    """The room takes what is sent and says each time what it holds, as the room does: the lowest
    ranges, and where they are too many, those around the frame that came last. Returns what was
    sent in lanes a and b."""
    held = {name: set() for name in car.sids.values()}
    sent = []
    now = 0
    found = car.connect()
    while car.journal.frames_left():
        now += 50
        assert now < 600000, "%d frames are never delivered" % car.journal.frames_left()
        for token in list(car.link._flying):
            car.link.puback(token, now)
        came = [text.split() for text in found if text[0] in "ab"]
        sent += came
        for name in {row[1] for row in came}:
            held[name] |= {int(row[2]) for row in came if row[1] == name}
            last = int([row for row in came if row[1] == name][-1][2])
            upto, ranges = statement(held[name], last, statement_size)
            car.acknowledge(upto, ranges, name)
        found = car.sent(now)
    return sent


def statement(held, last, size):
    upto = 0
    while upto in held:
        upto += 1
    ranges = []
    for number in sorted([n for n in held if n > upto]):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    near = [i for i in range(len(ranges)) if ranges[i][0] <= last] or [0]
    start = max(0, min(near[-1] - size // 2, len(ranges) - size))
    return upto, ranges[start : start + size]


def test_a_long_backlog_of_alternating_lanes_drains_without_sending_twice():
    car = Car([("old", (CRUMB, FINE) * 200)], window=16)
    sent = drain(car)
    assert [int(row[2]) for row in sent] == list(range(400))


def test_many_alerts_ahead_of_a_long_backlog_do_not_hold_it_up():
    # Alerts go first, so that each of them is a range of its own in what the room holds.
    car = Car([("old", (ALERT, FINE) * 200)], window=16)
    sent = drain(car)
    assert [row[0] for row in sent[:200]] == ["a"] * 200
    assert len(sent) == 400


def test_two_earlier_sessions_drain_in_their_order():
    car = Car([("one", (FINE, CRUMB, FINE)), ("two", (CRUMB, FINE))])
    sent = drain(car)
    assert [row[1:] for row in sent] == [
        ["one", "0"], ["one", "1"], ["one", "2"], ["two", "0"], ["two", "1"],
    ]  # fmt: skip


def test_live_frames_overtake_a_backlog_that_does_not_fit_at_once():
    car = Car([("old", (FINE,) * 10)], window=4)
    assert car.connect()[3:] == ["s old", "b old 0", "b old 1"]
    car.keep((FINE, ALERT))
    for token in (1, 2, 3, 4):
        car.link.puback(token, 5)
    assert car.sent(10) == ["a now 1", "t now 0", "b old 2", "b old 3"]


def test_a_sessions_open_precedes_its_frames_once_in_each_connection():
    car = Car([("one", (FINE, FINE)), ("two", (FINE, ALERT))])
    first = car.connect()
    assert first[2:] == [
        "s now",
        "s two",
        "a two 1",
        "s one",
        "b one 0",
        "b one 1",
        "b two 0",
    ]
    car.link.closed("network", 100)
    assert car.connect(1100) == first
    car.take_session("next", 1200)
    car.keep((FINE,))
    assert car.link.wake(1200) == 0
    assert car.sent(1200) == ["s next", "t next 0"]


def test_an_open_that_cannot_be_read_does_not_hold_up_the_others():
    car = Car([("old", (ALERT, FINE))])
    car.journal.flush()
    car.disk.unreadable = ("t00000002",)
    assert car.connect()[2:] == ["s now", "s old", "a old 0"]


# The broker's window


def test_the_window_is_never_exceeded_but_by_opens():
    car = Car([("old", (FINE,) * 30)], window=5)
    flying = car.connect()[2:]
    assert len(flying) == 5 and car.link.outstanding() == (5, 3)
    token = 0
    while token < 32:
        token += 1
        car.link.puback(token, token)
        more = car.sent(token)
        assert len(more) <= 1
        flying = flying[1:] + more
        assert len(flying) <= 5
    assert flying == [] and car.link.outstanding() == (0, 30)
    assert car.link.counters["pubacks"] == 32


def test_a_silent_broker_does_not_make_opens_pile_up():
    car = Car([("old", (FINE,) * 40)], window=5)
    car.connect()
    now = 0
    for _ in range(50):
        now += 400
        car.link.heard(now)  # it says something, but takes nothing
        assert car.sent(now) == []
        assert car.link.outstanding()[0] == 5


def test_a_puback_of_something_unknown_is_nothing():
    car = Car()
    car.connect()
    car.link.puback(99, 1)
    assert car.link.outstanding() == (1, 0) and car.link.counters["pubacks"] == 0


def test_what_a_client_could_not_take_comes_first_again():
    car = Car([("old", (FINE,) * 3)])
    car.link.poll(0)
    car.link.connected(0)
    actions = car.link.poll(0)
    car.link.unsent(actions[3:])
    assert 0 < car.link.wake(5) <= 1000
    car.keep((ALERT,))
    assert car.read(car.link.poll(5)) == ["s old", "b old 0", "b old 1", "b old 2"]
    assert car.sent(5) == ["a now 0"]


# Proof


def test_a_puback_does_not_free_a_frame():
    car = Car()
    car.connect()
    car.keep((FINE,))
    car.sent(0)
    car.link.puback(1, 1)
    car.link.puback(2, 1)
    assert car.link.outstanding() == (0, 1)
    assert car.journal.frames_left() == 1 and not car.link.proved
    car.acknowledge(1)
    assert car.link.outstanding() == (0, 0)
    assert car.journal.frames_left() == 0 and car.link.proved


def test_the_room_holds_frames_of_this_session_only_when_it_has_said_so():
    """What commits an update: that the room knows the session is not enough."""
    car = Car([("old", (FINE,))])
    car.connect()
    car.keep((FINE,))
    car.acknowledge(0)
    car.acknowledge(1, name="old")
    assert car.link.proved and not car.link.is_held
    car.acknowledge(0, [[0, 0]])
    assert car.link.is_held
    car.link.ask_open(car.sessions["now"].sid)
    assert not car.link.is_held
    car.acknowledge(1)
    assert car.link.is_held
    car.take_session("next", 5)
    assert not car.link.is_held


def test_no_more_than_so_many_frames_are_on_their_way_but_for_alerts():
    car = Car(window=1000)
    car.connect()
    car.keep((FINE,) * (MAX_UNPROVED + 20))
    assert len(car.sent(0)) == MAX_UNPROVED
    car.keep((FINE, CRUMB))
    assert car.sent(1) == []
    car.keep((ALERT,) * (ALERT_RESERVE + 3))
    first = MAX_UNPROVED + 22
    assert car.sent(2) == ["a now %d" % (first + i) for i in range(ALERT_RESERVE)]
    assert car.sent(3) == []


def test_a_room_that_answers_keeps_frames_flowing():
    car = Car(window=1000)
    car.connect()
    car.keep((FINE,) * 400)
    sent = car.sent(0)
    while len(sent) < 400:
        car.acknowledge(len(sent))
        more = car.sent(len(sent))
        assert len(more) == min(MAX_UNPROVED, 400 - len(sent))
        sent += more
    assert sent == ["t now %d" % i for i in range(400)]


def test_what_the_room_does_not_acknowledge_in_time_is_sent_again_one_by_one():
    car = Car()
    car.connect()
    car.keep((FINE, FINE, FINE))
    car.sent(0)
    assert car.link.wake(0) == PATIENCE_MS and car.sent(PATIENCE_MS - 1) == []
    assert car.sent(PATIENCE_MS) == ["b now 0"]  # its open has not been taken by the broker yet
    for token in range(1, 6):
        car.link.puback(token, PATIENCE_MS)
    assert car.link.counters["sent_again"] == 3 and car.link.wake(PATIENCE_MS) == 2 * PATIENCE_MS
    assert car.sent(3 * PATIENCE_MS - 1) == []
    assert car.sent(3 * PATIENCE_MS) == ["s now", "b now 0"]
    assert car.link.wake(3 * PATIENCE_MS) == 4 * PATIENCE_MS


def test_patience_doubles_once_a_silence_however_many_frames_are_late():
    car = Car()
    car.connect()
    for now in range(10):
        car.keep((FINE,))
        car.sent(now)
    for now in range(PATIENCE_MS, PATIENCE_MS + 20):
        car.sent(now)
    wait = car.link.wake(PATIENCE_MS + 20)
    assert PATIENCE_MS < wait <= 2 * PATIENCE_MS


def test_a_room_that_is_away_for_long_is_asked_rarely():
    car = Car()
    car.connect()
    car.link.puback(1, 0)
    car.keep((FINE,) * 30)
    asked = []
    for now in range(0, 8 * 3600000, 500):
        if car.link.state != ONLINE and car.link.poll(now):
            car.link.connected(now)  # it was dropped: perhaps it was the connection
        asked += [(now, what) for what in car.sent(now) if what[0] in "tb"]
        for token in list(car.link._flying):
            car.link.puback(token, now)
    asked = asked[30:]
    assert [what for _, what in asked] == ["b now 0"] * len(asked)
    times = [now for now, _ in asked]
    pauses = [b - a for a, b in zip(times, times[1:])]  # noqa: B905 MicroPython has no strict
    assert times[0] == PATIENCE_MS
    assert pauses[:5] == [PATIENCE_MS << i for i in range(1, 6)]
    assert pauses == sorted(pauses) and MAX_PATIENCE_MS <= pauses[-1] < MAX_PATIENCE_MS + 1000


def test_progress_restores_patience_and_flow():
    car = Car()
    car.connect()
    car.keep((FINE,) * 20)
    car.sent(0)
    car.link.puback(1, 0)
    now = PATIENCE_MS
    assert car.sent(now) == ["s now", "b now 0"]
    sizes = []
    for i in (1, 2, 4, 8):
        car.acknowledge(20 - car.journal.frames_left() + i)
        sizes.append(len(car.sent(now + i)))
    assert sizes == [2, 4, 8, 5]
    assert car.link.wake(now + 8) == PATIENCE_MS


def test_an_acknowledgement_of_ranges_leaves_the_rest_to_be_sent_again():
    car = Car()
    car.connect()
    car.keep((FINE,) * 5)
    car.sent(0)
    car.acknowledge(1, [[3, 3]])
    assert car.link.outstanding()[1] == 3
    assert car.sent(PATIENCE_MS) == ["b now 1"]
    car.acknowledge(2, [[3, 3]])
    assert car.sent(PATIENCE_MS + 1) == ["b now 2", "b now 4"]


def test_an_alert_goes_out_also_while_the_room_is_silent():
    car = Car()
    car.connect()
    car.keep((FINE,) * 3)
    car.sent(0)
    car.sent(PATIENCE_MS)
    car.keep((FINE, ALERT))
    assert car.sent(PATIENCE_MS + 10) == ["a now 4"]


# What the room asks for


def test_frames_the_room_asks_for_are_sent_again_at_once():
    car = Car()
    car.connect()
    car.keep((FINE, FINE, ALERT))
    car.sent(0)
    car.acknowledge(0, [[1, 1]])
    car.link.ask_again(car.session.sid)
    assert car.sent(10) == ["a now 2", "b now 0"]


def test_an_open_the_room_asks_for_is_sent_again():
    car = Car([("old", (FINE,))])
    car.connect()
    for token in (1, 2, 3):
        car.link.puback(token, 1)
    car.link.ask_open(car.sessions["old"].sid)
    assert car.sent(10) == ["s old", "b old 0"]
    car.link.ask_open(car.session.sid)
    assert car.sent(20) == ["s now"]
