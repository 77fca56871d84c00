"""`patrol room update` and `updates`: who gets which order, which attempt, and what is told."""

import json

import pytest
from typer.testing import CliRunner

from tools import provision
from tools.release import build as builder
from tools.release import folder as releases
from tools.release import keys as release_keys
from tools.room.command import app
from tools.room.orders import OrderBook
from tools.room.updates import UpdateBook

CARS = ("v-one", "v-two")


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Folder with keys, a release `good` that two have signed, and `half`."""
    where = tmp_path_factory.mktemp("release")
    (where / "source/agent").mkdir(parents=True)
    (where / "source/agent/__init__.py").write_text("# an agent\n")
    for name in ("first", "second", "third"):
        release_keys.create(where / "keys", name)
    for counter, (name, by) in enumerate(
        {"good": ("first", "third"), "half": ("second",)}.items(), 1
    ):
        order = builder.Order(name, counter, counter, 1900000000, 1)
        builder.build(where / name, "pi", order, where / "source")
        for person in by:
            releases.sign(where / name, release_keys.load_private(where / f"keys/{person}.key"))
    return where


@pytest.fixture
def room(shop, tmp_path):
    """(call of a command, its folder): a room that knows two cars and the public keys."""
    provision.create_room(tmp_path)
    (tmp_path / "update-keys").mkdir()
    for path in (shop / "keys").glob("*.pub"):
        (tmp_path / "update-keys" / path.name).write_bytes(path.read_bytes())
    for car in CARS:
        provision.create_vehicle(tmp_path, car)

    def call(*words):
        done = CliRunner().invoke(app, [*words, "--dir", str(tmp_path)])
        return done.exit_code, done.output

    return call, tmp_path


def rows(output):
    return [json.loads(line) for line in output.splitlines()]


def test_some_or_all_vehicles_are_ordered(room, shop):
    call, folder = room
    release = ["--release", str(shop / "good")]
    code, out = call("update", "v-two", *release, "--json", "--by", "the night shift")
    [row] = rows(out)
    assert code == 0 and (row["vehicle"], row["attempt"], row["state"]) == ("v-two", 1, "ordered")
    code, out = call("update", "--all", *release, "--json")
    assert code == 0 and [r["vehicle"] for r in rows(out)] == list(CARS)
    code, out = call("updates", "--json")
    assert code == 0 and sorted(r["vehicle"] for r in rows(out)) == list(CARS)
    book = OrderBook(folder / "room.db")
    orders = book.of("v-two")
    book.close()
    assert [o.name for o in orders] == ["update", "update"] and orders[-1].role == 2
    assert orders[-1].given_by == "the night shift"
    signed = (shop / "good" / "signed").read_bytes()
    assert orders[0].arguments == {"signed": signed, "attempt": 1}
    code, out = call("updates", "v-one")
    assert code == 0 and "ordered" in out and "v-one" in out and "v-two" not in out


def test_what_did_not_come_right_is_ordered_as_the_next_attempt(room, shop):
    call, folder = room
    words = ["update", "v-one", "--release", str(shop / "good"), "--json"]
    call(*words)
    book = UpdateBook(folder / "room.db")
    book._ask("UPDATE updates SET state = 'crashed'")
    book.close()
    assert rows(call(*words)[1])[0]["attempt"] == 2
    assert rows(call(*words)[1])[0]["attempt"] == 2  # it has not ended yet
    assert rows(call(*words, "--attempt", "7")[1])[0]["attempt"] == 7


def test_wait_ends_with_the_order_and_says_by_its_code_how(room, shop):
    call, folder = room
    words = ["update", "v-one", "--release", str(shop / "good"), "--json"]
    call(*words)
    orders = OrderBook(folder / "room.db")
    number = orders.of("v-one")[0].id
    orders.becomes(number, "v-one", "refused", "update: there is no group", 5)
    orders.close()
    [row] = rows(call("updates", "--json")[1])
    assert (row["state"], row["why"]) == ("refused", "update: there is no group")
    book = UpdateBook(folder / "room.db")
    for state, code in (("good", 0), ("unwell", 1)):
        kept = UpdateBook.ordered
        UpdateBook.ordered = lambda *_: None  # as if it had ended while it was waited for
        book._ask("UPDATE updates SET state = ?", (state,))
        try:
            assert call(*words, "--wait")[0] == code
        finally:
            UpdateBook.ordered = kept
    book.close()


def test_what_vehicles_would_not_take_is_not_ordered(room, shop):
    call, folder = room
    code, out = call("update", "v-one", "--release", str(shop / "half"))
    assert code == 1 and "signed by 1 of the fleet's keys, 2 must" in out
    code, out = call("update", "v-three", "--release", str(shop / "good"))
    assert code == 1 and "v-three" in out
    assert call("update", "--release", str(shop / "good"))[0] == 2
    assert call("update", "v-one", "--all", "--release", str(shop / "good"))[0] == 2
    code, out = call("update", "v-one", "--release", str(folder / "none"))
    assert code == 1 and "No such file" in out
    assert rows(call("updates", "--json")[1]) == []
