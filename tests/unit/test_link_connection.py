"""agent/comms/link.py: when it connects again, when it may sleep, and the backlog's share."""

from agent.comms.brokers import BACKOFF
from agent.comms.link import PATIENCE_MS, WAITING, Link
from agent.records import ALERT, FINE
from tests.support.car import Car, longest

# Connections that end


def test_a_new_connection_sends_what_was_not_taken_by_the_broker():
    car = Car()
    car.connect()
    car.keep((FINE,) * 4)
    car.sent(0)
    for token in (1, 3):  # the open, and frame 1
        car.link.puback(token, 1)
    car.link.closed("network", 100)
    assert car.sent(600) == [] and car.link.outstanding() == (0, 1)
    assert car.connect(1100) == ["subscribe d", "p", "s now", "b now 0", "b now 2", "b now 3"]
    # Frame 1 the broker has had; it is sent again when the room does not prove that it came.
    car.acknowledge(0, [[0, 0], [2, 3]])
    assert car.sent(PATIENCE_MS - 1) == [] and car.sent(PATIENCE_MS) == ["b now 1"]


def test_nothing_is_due_while_a_connection_is_being_made():
    car = Car()
    car.connect()
    car.keep((FINE,))
    car.sent(0)
    car.link.puback(1, 0)
    car.link.puback(2, 0)
    car.link.closed("network", 1)
    now = 2 * PATIENCE_MS
    assert car.link.poll(now) == [("connect",)]
    assert car.link.poll(now) == [] and car.link.wake(now) > 1000


def test_no_connection_is_tried_before_there_is_a_session():
    link = Link(Car().journal, longest)
    assert link.poll(0) == [] and link.state == WAITING


def test_back_off_doubles_by_cause_with_jitter():
    for cause, (first, most) in BACKOFF.items():
        for random, share in ((longest, 2), (lambda n: 0, 1)):
            car = Car(random=random)
            now = 0
            for i in range(24):
                assert car.link.poll(now) == [("connect",)]
                car.link.closed(cause, now)
                wait = min(most, first << i)
                assert car.link.wake(now) == wait * share // 2
                assert car.link.poll(now + wait * share // 2 - 1) == []
                now += wait * share // 2
            assert car.link.causes == {cause: 24}


def test_who_is_refused_does_not_hammer():
    for cause, at_most in (("refused", 60), ("tls", 110)):
        car = Car(random=lambda n: 0)
        attempts = 0
        for now in range(0, 24 * 3600000, 1000):
            if car.link.poll(now):
                attempts += 1
                car.link.closed(cause, now)
        assert 24 < attempts < 2 * at_most


def test_only_a_connection_that_lasted_resets_the_back_off():
    car = Car()
    now = 0
    waits = []
    for lived in (0, 1000, 29999, 30000, 5000):
        car.connect(now)
        now += lived
        car.link.closed("peer", now)
        waits.append(car.link.wake(now))
        now += waits[-1]
    assert waits == [1000, 2000, 4000, 1000, 2000]


# The backlog's share


def test_the_backlog_keeps_to_its_rate_and_nothing_else_waits_for_it():
    # 50 bytes of text are a frame of 75.
    car = Car([("old", (FINE,) * 40)], rate=150)
    sent = []
    now = 0
    car.connect()
    while now < 10000:
        got = car.sent(now)
        sent += [(now, what) for what in got if what[0] == "b"]
        car.acknowledge(len(sent), name="old")
        wait = car.link.wake(now)
        assert wait > 0
        now += min(wait, 7)
    assert 19 <= len(sent) <= 22  # a frame each half second
    car.keep((FINE, ALERT))
    assert car.sent(now)[:2] == ["a now 1", "t now 0"]


def test_a_rate_of_little_is_not_rounded_to_nothing():
    car = Car([("old", (FINE,) * 4)], rate=10)
    car.connect()
    sent = 0
    for now in range(1, 30001):
        sent += len(car.sent(now))
    assert 4 <= sent <= 10  # 75 bytes each 7.5 s, and what was late once more


def test_waiting_for_pubacks_the_link_sleeps():
    car = Car([("old", (FINE,) * 20)], window=3, rate=1000)
    car.connect()
    naps = 0
    now = 0
    while now < 4000:
        car.sent(now)
        now += car.link.wake(now)
        naps += 1
    assert naps < 10
