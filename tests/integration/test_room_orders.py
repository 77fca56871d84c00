"""Orders at the room: kept for who is away, sent in time, never to two sessions."""

import contextlib
import json
import sqlite3
import subprocess
import sys

import pytest

from agent.comms.orders import Orders
from agent.console.commands import check
from agent.console.levels import DANGER, LOOK, SERVICE
from agent.records import EVENT, EVENT_CODES, POSITION
from tests.support.rooms import T0, Car, room_file
from tools.room.core import Room
from tools.room.orders import (
    AGAIN_MS,
    GRACE_MS,
    LOOK_MS,
    MAX_OPEN,
    Dispatch,
    OrderBook,
    OrderError,
)
from tools.room.sqlite import SqliteStore

CAR = "v-one"


class Bench:
    """A room that gives orders, and a car with the agent's own machine for them."""

    def __init__(self, folder):
        keys = room_file(folder, CAR)
        self.book = OrderBook(keys.database)
        self.store = SqliteStore(keys.database)
        self.dispatch = Dispatch(self.book, self.store)
        self.room = Room(self.store, keys, self.dispatch)
        self.car = Car(CAR)
        self.now = T0
        self.uptime = 0
        self.start()

    def start(self, boot=None):
        """The car's agent is started."""
        self.car.start(boot)
        self.began = self.now
        self.orders = Orders(check, DANGER)

    def say(self, *messages, lane="t"):
        """What the car sends; the orders that the room's answers hold."""
        self.now += LOOK_MS
        downs = self.room.handle(list(messages), self.now)
        found = [m for m in self.car.hear(downs) if m[0] == "order"]
        for message in found:
            self.orders.take(*message[1:], self.now - self.began)
        return found

    def connect(self):
        return self.say(self.car.open(), self.frame())

    def frame(self, *records, lane="t"):
        t = self.now - self.began
        return self.car.frame(
            (POSITION, t, 33_990_000, -6_850_000, 7500, 1400, 9000, 9, 0x5D), *records, lane=lane
        )

    def event(self, name, *fields):
        return (EVENT, self.now - self.began, EVENT_CODES[name], *fields)

    def told(self):
        """The car's words about its orders, in a frame."""
        events = [self.event("order", *e) for e in self.orders.take_events()]
        return self.frame(*events, lane="a")

    def give(self, name="ping", arguments=None, role=SERVICE, ms=60000):
        return self.book.give(CAR, name, arguments or {}, role, "tests", self.now, self.now + ms)

    def state(self, number):
        return self.book.order(number).state

    def wait(self, ms):
        self.now += ms


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    bench.book.close()
    bench.store.close()


def test_an_order_goes_out_and_comes_back_done(bench):
    bench.connect()
    number = bench.give("profile", {"name": "pursuit"})
    [order] = bench.say(bench.frame())
    assert order[1] == number and order[3:] == (SERVICE, "profile", {"name": "pursuit"})
    assert bench.state(number) == "sent"
    # Its deadline is uptime: what is left of its time, and never later than that.
    left = bench.book.order(number).until_ms - bench.now
    assert 0 <= left - (order[2] - (bench.now - bench.began)) <= LOOK_MS
    bench.say(bench.told())
    assert bench.state(number) == "received"
    running = bench.orders.next(0)
    bench.say(bench.told())
    assert bench.state(number) == "running"
    bench.orders.done(running)
    bench.say(bench.told())
    assert bench.state(number) == "done"
    bench.wait(10 * AGAIN_MS)
    assert bench.say(bench.frame()) == []


def test_an_order_waits_for_a_vehicle_that_is_away(bench):
    number = bench.give(ms=3_600_000)
    bench.wait(600_000)
    assert bench.room.handle([], bench.now) == [] and bench.state(number) == "queued"
    bench.start()
    assert [o[1] for o in bench.connect()] == [number]


def test_silence_is_no_connection(bench):
    bench.connect()
    bench.wait(61_000)
    number = bench.give()
    assert bench.say() == [] and bench.state(number) == "queued"
    assert [o[1] for o in bench.say(bench.frame())] == [number]


def test_an_order_that_is_lost_on_the_way_is_sent_again_and_counts_once(bench):
    bench.connect()
    number = bench.give(ms=600_000)
    assert len(bench.say(bench.frame())) == 1
    assert bench.say(bench.frame()) == []
    bench.wait(AGAIN_MS)
    assert [o[1] for o in bench.say(bench.frame())] == [number]
    bench.wait(AGAIN_MS)
    assert bench.say(bench.frame()) == []  # twice as long from time to time
    bench.wait(AGAIN_MS)
    assert len(bench.say(bench.frame())) == 1
    assert bench.dispatch.counters == {"given": 1, "again": 2, "strange": 0}
    assert bench.orders.counters["repeated"] == 2
    assert bench.orders.next(0) and not bench.orders.next(0)


def test_an_order_whose_time_is_over_is_not_sent(bench):
    number = bench.give(ms=5000)
    bench.wait(5000)
    assert bench.connect() == []
    row = bench.book.order(number)
    assert (row.state, row.detail) == ("expired", "never sent")


def test_what_nobody_knows_is_called_so(bench):
    bench.connect()
    number = bench.give(ms=20_000)
    assert bench.say(bench.frame())
    bench.wait(20_000)
    bench.say(bench.frame())
    assert bench.state(number) == "sent"
    bench.wait(GRACE_MS)
    bench.say(bench.frame())
    assert bench.state(number) == "unanswered"
    # The truth may still come, with the backlog.
    bench.orders.done(bench.orders.next(0))
    bench.say(bench.told())
    assert bench.state(number) == "done"


def test_after_a_restart_an_order_is_not_given_twice(bench):
    bench.connect()
    number = bench.give(ms=3_600_000)
    assert bench.say(bench.frame())
    bench.start()  # what the car said of it is lost with its RAM, or still in its journal
    bench.wait(AGAIN_MS)
    assert bench.connect() == [] and bench.state(number) == "sent"


def test_after_a_restart_it_is_given_when_it_certainly_never_came(bench):
    bench.connect()
    first = bench.car.session
    number = bench.give(ms=3_600_000)
    bench.room.handle([bench.frame()], bench.now + LOOK_MS)  # the answer is lost on the way
    assert bench.state(number) == "sent"
    count = first.next_number
    bench.start()
    bench.wait(LOOK_MS)
    bench.connect()
    end = bench.event("session_end", first.sid, count + 1, "clean")
    assert bench.say(bench.frame(end)) == []  # a frame of it is still missing
    assert bench.state(number) == "sent"
    end = bench.event("session_end", first.sid, count, "clean")
    assert [o[1] for o in bench.say(bench.frame(end))] == [number]


@pytest.mark.parametrize("how", ["cut", "lossy"])
def test_nor_when_that_session_was_cut_or_lost_something(bench, how):
    bench.connect()
    first = bench.car.session
    bench.give(ms=3_600_000)
    assert bench.say(bench.frame())
    count = first.next_number
    if how == "lossy":
        lost = (5, 0, "a", first.sid, count, count, "full")
        count += 1
    bench.start()
    bench.wait(LOOK_MS)
    bench.connect()
    words = [bench.event("session_end", first.sid, count, "clean" if how == "lossy" else "cut")]
    if how == "lossy":
        words.append(lost)
    assert bench.say(bench.frame(*words)) == []


def test_words_about_orders_of_others_change_nothing(bench):
    bench.connect()
    other = bench.book.give("v-two", "ping", {}, LOOK, "tests", bench.now, bench.now + 60000)
    for fields in ((other, "done", ""), (99, "done", ""), ("1", "done", ""), (1, "won", ""), ()):
        bench.say(bench.frame(bench.event("order", *fields), lane="a"))
    assert bench.state(other) == "queued" and bench.dispatch.counters["strange"] == 5
    pieces = ((other, 0, 1, "{}"), (1, 1, 1, "{}"), (1, 0, 99, ""), (1, 0), (1, 0, 1, 5))
    for fields in pieces:
        bench.say(bench.frame(bench.event("order_result", *fields), lane="a"))
    assert bench.book.result(other) is None


def test_a_result_comes_in_pieces_in_any_order(bench):
    bench.connect()
    number = bench.give()
    text = json.dumps({"lines": ["é" * 300, "b" * 300]})
    pieces = [text[i : i + 480] for i in range(0, len(text), 480)]
    for i in reversed(range(len(pieces))):
        assert bench.book.result(number) is None
        event = bench.event("order_result", number, i, len(pieces), pieces[i])
        for _ in range(2):
            bench.say(bench.frame(event, lane="a"))
    assert bench.book.result(number) == json.loads(text)


def test_what_has_ended_stays_so_and_nothing_runs_backwards(bench):
    bench.connect()
    number = bench.give()
    for state, after in (
        ("running", "running"), ("received", "running"), ("done", "done"), ("refused", "done"),
        ("received", "done"),
    ):  # fmt: skip
        bench.say(bench.frame(bench.event("order", number, state, ""), lane="a"))
        assert bench.state(number) == after


def test_open_orders_of_a_vehicle_are_bounded(bench):
    for _ in range(MAX_OPEN):
        bench.give()
    with pytest.raises(OrderError, match="v-one has 64 orders open already"):
        bench.give()


def test_orders_survive_the_room(bench, tmp_path):
    number = bench.give("log", {"lines": 5})
    book = OrderBook(tmp_path / "room.db")
    row = book.order(number)
    book.close()
    assert (row.vehicle, row.name, row.arguments, row.state) == (CAR, "log", {"lines": 5}, "queued")


# The command line


@pytest.fixture
def folder(tmp_path):
    from tools import provision

    provision.create_room(tmp_path / "room")
    provision.create_vehicle(tmp_path / "room", CAR)
    return tmp_path / "room"


def patrol(*words):
    command = [sys.executable, "-m", "tools.cli", "room", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_orders_by_command_line(folder):
    done = patrol("order", CAR, "profile", "name=pursuit", "--dir", folder, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["state"], found["role"], found["arguments"]) == (
        "queued", "service", {"name": "pursuit"},
    )  # fmt: skip
    listed = patrol("orders", CAR, "--dir", folder, "--json").stdout.splitlines()
    assert [json.loads(line)["order"] for line in listed] == [found["order"]]
    assert "profile" in patrol("orders", CAR, "--dir", folder).stdout
    assert "restart" in patrol("commands").stdout


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("v-two", "ping"), 1, "v-two: the room does not know it"),
        ((CAR, "fly"), 2, "no command 'fly'"),
        ((CAR, "restart"), 2, "restart takes the role danger"),
        ((CAR, "log", "lines=99"), 2, "lines is not within 1 to 32"),
        ((CAR, "log", "lines"), 2, "an argument is KEY=VALUE"),
        ((CAR, "ping", "--role", "king"), 2, "there are look, service, danger"),
    ],
)
def test_wrong_orders_are_refused_before_they_are_given(folder, words, code, text):
    done = patrol("order", *words, "--dir", folder)
    assert done.returncode == code
    assert text in " ".join(done.stderr.replace("│", " ").split())


def test_bytes_among_an_order_s_arguments_come_back_as_bytes(tmp_path):
    book = OrderBook(tmp_path / "room.db")
    number = book.give("v-one", "keys", {"signed": b"\x00\xff", "n": 1}, 2, "test", T0, T0 + 1000)
    assert book.order(number).arguments == {"signed": b"\x00\xff", "n": 1}
    book.close()


def test_a_message_is_read_when_the_crew_says_so(bench):
    bench.connect()
    number = bench.give("message", {"text": "Call the room"})
    bench.say(bench.frame())
    bench.orders.done(bench.orders.next(0))
    bench.say(bench.told())
    assert bench.state(number) == "done" and bench.book.order(number).read_ms is None
    bench.say(bench.frame(bench.event("message_read", number), lane="a"))
    first = bench.book.order(number).read_ms
    assert first == bench.now
    bench.wait(5000)
    bench.say(bench.frame(bench.event("message_read", number), lane="a"))
    assert bench.book.order(number).read_ms == first
    assert bench.dispatch.counters["strange"] == 0
    for strange in ((number + 1,), ("x",), (), (number, 1)):
        bench.say(bench.frame(bench.event("message_read", *strange), lane="a"))
    assert bench.dispatch.counters["strange"] == 4


def test_a_book_of_an_earlier_version_gets_its_new_column(tmp_path):
    path = tmp_path / "room.db"
    book = OrderBook(path)
    number = book.give("v-one", "message", {"text": "x"}, LOOK, "tests", T0, T0 + 1000)
    book.close()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("ALTER TABLE orders DROP COLUMN read_ms")
    for _ in range(2):
        book = OrderBook(path)
        assert book.order(number).read_ms is None
        book.close()
    book = OrderBook(path)
    assert book.read(number, "v-one", T0 + 5) and not book.read(number, "v-two", T0 + 5)
    assert book.order(number).read_ms == T0 + 5
    book.close()


def test_no_order_before_the_session_s_first_frame_tells_its_uptime(bench):
    """A session may begin in the midst of an agent's life: its open says nothing of uptime."""
    bench.began -= 7_200_000
    bench.connect()
    bench.car.start(2)  # the same agent: its uptime goes on
    number = bench.give()

    def orders(message):
        bench.wait(LOOK_MS)
        downs = bench.room.handle([message], bench.now)
        # Some are sealed by the session before, which may still be the one that listens.
        heard = [bench.car.inbox.take(payload, bench.now) for _, payload in downs]
        return [m for m in heard if m and m[0] == "order"]

    assert orders(bench.car.open()) == [] and bench.state(number) == "queued"
    [order] = orders(bench.frame())
    assert order[1] == number and order[2] > 7_200_000


def test_room_keys_are_ordered_of_those_that_need_them(folder):
    done = patrol("keys", "--dir", folder, "--all")
    assert done.returncode == 1 and "key-set.json" in done.stderr
    (folder / "key-set.json").write_text(json.dumps({"version": 1, "signed": "930102"}))
    [row] = keys_of(folder)
    assert (row["vehicle"], row["state"], row["order"]) == (CAR, "unknown", None)
    [given] = keys_of(folder, "--all")
    assert given["order_state"] == "queued"
    assert keys_of(folder, CAR) == [given]  # not twice
    # What went to a session that is over may not have come.
    book = OrderBook(folder / "room.db")
    book.sent(given["order"], b"sidx", T0)
    book.close()
    [again] = keys_of(folder, "--all")
    assert again["order"] > given["order"]
    assert patrol("keys", "v-nobody", "--dir", folder).returncode == 1


def keys_of(folder, *words):
    done = patrol("keys", "--dir", folder, "--json", *words)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
