"""Updates at the room: each ask is answered once and in measure, words of vehicles move the state
forward only, and an order that died with its agent is given again."""

from types import SimpleNamespace

import pytest

from agent import port
from agent.records import EVENT, EVENT_CODES, POSITION
from agent.update.download import MAX_CHUNK
from agent.update.manifest import parse
from tests.support.releases import Release, pattern
from tests.support.rooms import T0, Car, room_file
from tools.room.core import Room
from tools.room.orders import LOOK_MS, Dispatch, OrderBook
from tools.room.sqlite import SqliteStore
from tools.room.updates import BURST, MAX_AGAIN, RATE, UpdateBook, Updates

CAR = "v-one"
BIG = 60000  # more than one ask holds
NEW = Release({"agent/a.py": pattern(BIG, 1), "agent/b.py": b"b" * 500})


class Worker:
    """One process of the room."""

    def __init__(self, keys):
        self.store = SqliteStore(keys.database)
        self.orders = OrderBook(keys.database)
        self.book = UpdateBook(keys.database)
        self.updates = Updates(self.book, self.orders)
        self.room = Room(self.store, keys, Dispatch(self.orders, self.store), self.updates)

    def close(self):
        for part in (self.book, self.orders, self.store):
            part.close()


class Bench:
    """Two workers and a car."""

    def __init__(self, folder):
        self.keys = room_file(folder, CAR)
        self.one, self.two = Worker(self.keys), Worker(self.keys)
        self.car = Car(CAR)
        self.now = T0
        release = folder / "release"
        for path, data in NEW.files.items():
            (release / "app" / path).parent.mkdir(parents=True, exist_ok=True)
            (release / "app" / path).write_bytes(data)
        (release / "files").write_bytes(NEW.index)
        (release / "signed").write_bytes(NEW.signed)
        self.one.book.register(release, parse(NEW.manifest), T0)
        self.start()

    def start(self):
        self.car.start()
        self.began = self.now
        self.say(self.car.open(), self.frame())

    def say(self, *messages, worker=None, ms=LOOK_MS):
        self.now += ms
        return self.car.hear((worker or self.one).room.handle(list(messages), self.now))

    def frame(self, *records):
        t = self.now - self.began
        position = (POSITION, t, 33_990_000, -6_850_000, 7500, 1400, 9000, 9, 0x5D)
        return self.car.frame(position, *records, lane="a" if records else "t")

    def event(self, name, *fields):
        return EVENT, self.now - self.began, EVENT_CODES[name], *fields

    def asking(self, file, offset, length, order=NEW.id):
        return self.frame(self.event("update_wanted", order, file, offset, length))

    def tells(self, state, order=NEW.id, attempt=1, reason="", there=0):
        return self.frame(self.event("update_state", order, attempt, state, reason, there, 0))

    def give(self, attempt=1):
        number = self.one.orders.give(
            CAR, "update", {"signed": NEW.signed, "attempt": attempt}, 2, "tests", self.now,
            self.now + 60000,
        )  # fmt: skip
        self.one.book.ordered(CAR, NEW.id, attempt, number, self.now)
        return number

    def row(self):
        return self.one.book.update(CAR, NEW.id)


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    bench.one.close()
    bench.two.close()


def chunks(messages):
    return [m for m in messages if m[0] == "chunk"]


def collected(found):
    """(file, offset, bytes) of chunks that follow on each other."""
    data = b""
    for _, order, file, offset, part in found:
        assert order == NEW.id and offset == found[0][3] + len(data) and file == found[0][2]
        data += part
    return found[0][2], found[0][3], data


def test_what_is_asked_for_is_sent_in_order(bench):
    bench.give()
    found = chunks(bench.say(bench.asking(1, 1000, 32768)))
    assert len(found) == BURST
    found += chunks(bench.say(ms=1000))
    assert collected(found) == (1, 1000, NEW.files["agent/a.py"][1000 : 1000 + 32768])
    assert max(len(m[4]) for m in found) == MAX_CHUNK
    index = chunks(bench.say(bench.asking(0, 0, len(NEW.index)), ms=1000))
    assert collected(index) == (0, 0, NEW.index)
    assert chunks(bench.say(ms=10000)) == []


def test_a_vehicle_gets_so_much_a_second_and_no_more(bench):
    bench.give()
    count = 0
    for second in range(5):
        for i in range(10):
            asks = [bench.asking(1, 0, 32768)] if i % 5 == 0 else []
            count += len(chunks(bench.say(*asks, ms=100)))
        assert count <= BURST + RATE * (second + 1)
    assert count >= RATE * 5
    wait = bench.one.room.wake(bench.now)
    assert wait is not None and wait <= 1000


def test_of_two_workers_that_hear_an_ask_one_answers(bench):
    bench.give()
    ask = bench.asking(2, 0, 500)
    assert len(chunks(bench.say(ask))) == 1
    assert chunks(bench.say(ask)) == []
    assert chunks(bench.say(ask, worker=bench.two)) == []
    # What is older than what was answered is answered no more; what is newer is, by either.
    older, newer = bench.asking(2, 0, 500), bench.asking(2, 0, 500)
    assert len(chunks(bench.say(newer, worker=bench.two))) == 1
    assert chunks(bench.say(older)) == []


def test_only_the_current_session_is_answered(bench):
    bench.give()
    late = bench.asking(2, 0, 500)
    bench.start()
    assert chunks(bench.say(late)) == []
    assert bench.one.updates.counters["late"] == 1
    assert len(chunks(bench.say(bench.asking(2, 0, 500)))) == 1


def test_what_no_one_was_ordered_is_not_sent(bench):
    assert chunks(bench.say(bench.asking(2, 0, 500))) == []
    bench.give()
    assert chunks(bench.say(bench.asking(2, 0, 500, order=b"another."))) == []
    assert chunks(bench.say(bench.asking(9, 0, 500))) == []
    assert chunks(bench.say(bench.asking(2, 500, 500))) == []
    for fields in ((NEW.id, 2, 0), (NEW.id, 2, 0, 0), (NEW.id, 2, 0, 1 << 30), (NEW.id, -1, 0, 5),
                   ("no hex", 2, 0, 5), (NEW.id, 2, None, 5)):  # fmt: skip
        assert chunks(bench.say(bench.frame(bench.event("update_wanted", *fields)))) == []
    assert bench.one.updates.counters["strange"] == 6


def test_the_state_and_the_progress_are_kept(bench):
    bench.give()
    assert bench.row().state == "ordered"
    bench.say(bench.tells("fetching"))
    bench.say(bench.asking(1, 5000, 32768))
    assert (bench.row().state, bench.row().there) == ("fetching", 5000)
    bench.say(bench.asking(2, 100, 400))
    assert bench.row().there == BIG + 100
    early = bench.tells("fetching")
    bench.say(ms=50)
    bench.say(bench.tells("failed", reason="UpdateStorageError"))
    assert (bench.row().state, bench.row().why) == ("failed", "UpdateStorageError")
    bench.say(early)  # overtaken on its way
    assert bench.row().state == "failed"
    bench.give(attempt=2)
    bench.say(bench.tells("failed"))  # of the attempt before
    assert bench.row().state == "ordered"
    bench.say(bench.tells("good", attempt=2, there=BIG + 500))
    assert (bench.row().state, bench.row().there) == ("good", BIG + 500)
    for word in (("made up",), (5,)):
        bench.say(bench.tells(*word))
    assert bench.row().state == "good" and bench.one.updates.counters["strange"] == 2


def orders_in(messages):
    return [m for m in messages if m[0] == "order"]


def test_an_order_that_died_with_its_agent_is_given_again_but_not_for_ever(bench):
    bench.give()
    [first] = orders_in(bench.say(bench.frame()))
    for i in range(MAX_AGAIN + 2):
        bench.start()
        bench.say(bench.tells("none", order=bytes(8), attempt=0))
        again = [m for m in orders_in(bench.say(bench.frame())) if m[1] > first[1]]
        assert len(again) == (i < MAX_AGAIN), i
        if again:
            assert again[0][5] == {"signed": NEW.signed, "attempt": 1}
    assert bench.one.updates.counters["again"] == MAX_AGAIN


def test_one_that_goes_on_by_itself_or_was_refused_is_not_given_again(bench):
    number = bench.give()
    bench.say(bench.frame())
    bench.say(bench.tells("fetching"))
    bench.start()
    bench.say(bench.tells("fetching"))
    assert bench.one.updates.counters["again"] == 0
    bench.one.orders.becomes(number, CAR, "refused", "there is no group update", bench.now)
    bench.start()
    bench.say(bench.tells("none", order=bytes(8), attempt=0))
    assert bench.one.updates.counters["again"] == 0


def test_an_order_whose_manifest_was_lost_is_given_again(bench):
    bench.give()
    bench.say(bench.frame())
    bench.start()
    bench.say(bench.tells("lost"))
    assert bench.row().state == "lost" and len(orders_in(bench.say(bench.frame()))) == 1


def test_a_signed_manifest_of_the_largest_size_fits_an_order(bench):
    signed = bytes(3900)
    bench.one.orders.give(
        CAR, "update", {"signed": signed, "attempt": 255}, 2, "t", bench.now, bench.now + (1 << 40)
    )
    [order] = orders_in(bench.say(bench.frame()))
    assert order[5]["signed"] == signed


def test_the_release_is_kept_as_it_was_when_it_was_checked(bench):
    part = bench.one.book.part(NEW.id, 1, 59000, 4000)
    assert part == NEW.files["agent/a.py"][59000:] and len(part) == 1000
    assert bench.two.book.signed(NEW.id) == NEW.signed
    assert bench.one.book.part(NEW.id, 3, 0, 10) == b""
    assert port.sha256(bench.one.book.part(NEW.id, 0, 0, 1 << 20)) == port.sha256(NEW.index)


def test_a_store_that_refuses_costs_an_ask_and_makes_no_busy_loop(bench, monkeypatch):
    from tools.room.store import StoreError

    bench.give()

    def refuse(*_):
        raise StoreError("it is full")

    monkeypatch.setattr(bench.one.book, "claim", refuse)
    assert chunks(bench.say(bench.asking(2, 0, 500))) == []
    assert bench.one.room.wake(bench.now) > 0
    monkeypatch.undo()
    assert len(chunks(bench.say())) == 1


def test_what_is_no_list_of_fields_is_no_trouble(bench):
    event = SimpleNamespace(name="update_state", fields={"lane": "a"}, session=None)
    bench.one.updates.heard([event], lambda *_: True, bench.now)
    assert bench.one.updates.counters["strange"] == 1
