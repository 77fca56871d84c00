"""agent/comms/brokers.py: which broker, and when. Times are ms; the jitter is the longest."""

from agent.comms.brokers import RETURN_MS, Brokers


def longest(n):
    return n - 1


def test_one_broker_has_its_back_off():
    brokers = Brokers(1, longest)
    assert brokers.choose(0) == 0
    brokers.failed("network", 0)
    assert brokers.choose(999) is None and brokers.wake(0) == 1000
    assert brokers.choose(1000) == 0 and not brokers.has_other(1000)


def test_the_next_one_has_its_turn_at_once_and_the_first_when_it_may():
    brokers = Brokers(3, longest)
    tried = []
    for now in range(0, 4000, 100):
        place = brokers.choose(now)
        if place is not None:
            tried.append((now, place))
            brokers.failed("network", now)
    assert tried == [
        (0, 0), (100, 1), (200, 2), (1000, 0), (1100, 1), (1200, 2), (3000, 0), (3100, 1), (3200, 2)
    ]  # fmt: skip


def test_one_that_refuses_is_left_alone_and_the_other_serves():
    brokers = Brokers(2, longest)
    brokers.choose(0)
    brokers.failed("refused", 0)
    for now in (1, 10000, 29999):
        assert brokers.choose(now) == 1
        brokers.served()
    assert brokers.choose(30000) == 0


def test_it_returns_to_the_better_one_and_ever_more_seldom_in_vain():
    brokers = Brokers(2, longest)
    brokers.choose(0)
    brokers.failed("peer", 0)
    assert brokers.choose(0) == 1
    first = RETURN_MS[0]
    assert not brokers.return_due(0, first - 1) and brokers.return_due(0, first)
    brokers.go_back(first)
    assert brokers.choose(first) == 0
    brokers.failed("network", first)
    assert brokers.choose(first) == 1  # and is served again at once
    assert not brokers.return_due(first, 3 * first - 1) and brokers.return_due(first, 3 * first)
    brokers.go_back(3 * first)
    assert brokers.choose(3 * first) == 0
    brokers.served()
    assert not brokers.return_due(3 * first, 1 << 40)  # it is the best one
    brokers.failed("peer", 4 * first)
    brokers.choose(4 * first)
    assert brokers.return_due(4 * first, 5 * first)


def test_another_way_to_the_network_forgives_what_was_the_ways_fault_alone():
    brokers = Brokers(2, longest)
    brokers.choose(0)
    brokers.failed("refused", 0)
    for now in (0, 5000, 20000):
        assert brokers.choose(now) == 1
        brokers.failed("network", now)
    assert brokers.choose(20001) is None
    brokers.way_found(20001)
    assert brokers.choose(20001) == 1  # the first has refused us: its 30 s are not over
    brokers.failed("network", 20001)
    assert brokers.choose(21001) == 1  # and the other's back-off begins anew
