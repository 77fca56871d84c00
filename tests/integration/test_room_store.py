"""The store, and the dating of what is in it."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.records import (
    ANCHOR,
    EVENT,
    GAP,
    POSITION,
    SOURCE_GNSS,
    SOURCE_ROOM,
    SOURCE_RTC,
    VALUE,
)
from tests.support.rooms import T0, Car, make_room
from tools.room import track
from tools.room.dating import Dating
from tools.room.sqlite import SCHEMA_VERSION, SqliteStore
from tools.room.store import Event, Frame, Session, StoreError, Write

CAR = "v-one"


@pytest.fixture
def store(tmp_path):
    store = SqliteStore(tmp_path / "room.db")
    yield store
    store.close()


def session(number=1, vehicle=CAR):
    return Session(vehicle, bytes([number] * 4), bytes([number] * 32), b"key!", 1, number, T0)


def frame(row, number):
    return Frame(row, number, "t", T0, 1000 * number, 1000 * number + 999, b"plain")


def test_what_was_committed_is_there_after_a_restart(tmp_path, store):
    row = session()
    store.commit(Write(sessions=[row], frames=[frame(row, n) for n in (0, 1, 2, 5, 6, 9)]))
    store.close()
    again = SqliteStore(tmp_path / "room.db")
    found = again.session(CAR, row.sid)
    assert (found.enc, found.boot, found.id) == (row.enc, row.boot, row.id)
    assert again.held(found) == [(0, 2), (5, 6), (9, 9)]
    assert [f.number for f in again.frames(found, 5000, 6999)] == [5, 6]
    assert again.vehicles() == [CAR] and again.session(CAR, b"none") is None


def test_a_frame_is_there_once(store):
    row = session()
    store.commit(Write(sessions=[row], frames=[frame(row, 0), frame(row, 0)]))
    store.commit(Write(frames=[frame(row, 0)]))
    assert len(list(store.frames(row))) == 1


def test_a_write_is_there_as_a_whole_or_not_at_all(store):
    row = session()
    broken = Frame(row, 1, "t", T0, None, None, None)  # a frame has a plaintext
    with pytest.raises(StoreError, match="room.db"):
        store.commit(Write(sessions=[row], frames=[frame(row, 0), broken]))
    assert row.id is None and store.sessions(CAR) == []
    store.commit(Write(sessions=[row], frames=[frame(row, 0)]))
    assert store.held(row) == [(0, 0)]


def test_down_numbers_are_never_given_twice(tmp_path, store):
    row = session()
    store.commit(Write(sessions=[row]))
    other = SqliteStore(tmp_path / "room.db")
    blocks = [s.reserve_down(row, 64) for s in (store, other, store, other)]
    assert blocks == [0, 64, 128, 192]
    with pytest.raises(StoreError):
        store.reserve_down(session(2), 64)


def test_active_sessions(store):
    old, new = session(1), session(2)
    old.opened_ms = T0 - 100
    store.commit(Write(sessions=[old, new]))
    assert [s.sid for s in store.active_since(T0)] == [new.sid]
    store.commit(Write(frames=[frame(old, 0)]))
    assert len(store.active_since(T0)) == 2 and store.active_since(T0 + 1) == []


def test_events_are_taken_out(store):
    row = session()
    event = Event(row, 3, 0, 5000, "dtc", ["stored", "P0301"], T0)
    store.commit(Write(sessions=[row], events=[event, event]))
    assert [(e.name, e.fields, e.session.sid) for e in store.events(CAR)] == [
        ("dtc", ["stored", "P0301"], row.sid)
    ]


def test_a_newer_schema_is_refused_by_name(tmp_path, store):
    store.close()
    db = sqlite3.connect(tmp_path / "room.db")
    db.execute("UPDATE schema_version SET version = ?", (SCHEMA_VERSION + 1,))
    db.commit()
    db.close()
    with pytest.raises(StoreError, match=f"schema version {SCHEMA_VERSION + 1}"):
        SqliteStore(tmp_path / "room.db")


def test_what_is_no_database_is_refused_by_name(tmp_path):
    (tmp_path / "room.db").write_bytes(b"no data base at all " * 100)
    with pytest.raises(StoreError, match="room.db"):
        SqliteStore(tmp_path / "room.db")
    with pytest.raises(StoreError, match="absent.db"):
        SqliteStore(tmp_path / "absent.db", readonly=True)
    assert not (tmp_path / "absent.db").exists()


def test_a_reader_reads_while_the_room_writes(tmp_path, store):
    row = session()
    store.commit(Write(sessions=[row]))
    reader = SqliteStore(tmp_path / "room.db", readonly=True)
    store.commit(Write(frames=[frame(row, 0)]))
    assert reader.held(row) == [(0, 0)]
    with pytest.raises(StoreError):
        reader.commit(Write(frames=[frame(row, 1)]))


# Dating


def test_no_anchor_no_date():
    assert Dating([]).utc(5) is None and Dating([]).window(0, 1) is None


def test_the_latest_anchor_before_dates_and_the_earliest_what_was_before():
    dating = Dating([(5000, T0, SOURCE_GNSS, 100), (9000, T0 + 4500, SOURCE_GNSS, 100)])
    assert dating.utc(0) == T0 - 5000
    assert dating.utc(5000) == T0
    assert dating.utc(8999) == T0 + 3999
    assert dating.utc(9000) == T0 + 4500
    assert dating.utc(10_000) == T0 + 5500


def test_gnss_before_room_before_rtc():
    rtc, room = (0, 1000, SOURCE_RTC, 5000), (10, 2000, SOURCE_ROOM, 2000)
    gnss = (50_000, T0, SOURCE_GNSS, 100)
    assert Dating([rtc]).utc(20) == 1020
    assert Dating([rtc, room]).utc(20) == 2010
    assert Dating([rtc, gnss, room]).utc(20) == T0 - 49_980
    assert Dating([rtc, gnss, room]).quality(20) == (SOURCE_GNSS, 100)


_ANCHORS = st.tuples(
    st.integers(0, 10**6), st.integers(T0, T0 + 10**6), st.integers(0, 4), st.integers(0, 5000)
)


@given(
    st.lists(_ANCHORS, min_size=1, max_size=8),
    st.integers(0, 10**6),
    st.randoms(use_true_random=False),
)
def test_order_and_repetition_of_anchors_do_not_matter(anchors, uptime, chance):
    utc = Dating(anchors).utc(uptime)
    mixed = anchors * 2
    chance.shuffle(mixed)
    assert Dating(mixed).utc(uptime) == utc
    first, last = Dating(anchors).window(utc, utc)
    assert first <= uptime <= last


def position(t):
    return (POSITION, t, 33_990_000 + t, -6_850_000, 7500, None, None, 9, 0x45)


def test_what_came_before_the_first_anchor_is_dated_when_one_comes(tmp_path):
    car = Car(CAR)
    room = make_room(tmp_path, CAR)
    car.start()
    events = [(EVENT, 400, 2, 1), (GAP, 500, "t", car.session.sid, 7, 9, "full")]
    room.handle([car.open(), car.frame(position(1000), (VALUE, 1500, 31, 3000), *events)], T0)
    found = track.records(room.store, CAR)
    assert [record.utc for record in found] == [None] * 4
    assert track.records(room.store, CAR, start=T0) == []
    assert track.happenings(room.store, CAR, end=T0) == []
    state = track.state(room.store, CAR)
    assert state.position.utc is None and state.source is None

    room.handle([car.frame((ANCHOR, 5000, T0, SOURCE_GNSS, 100), position(5000))], T0)
    found = track.records(room.store, CAR)
    assert [(type(r).__name__, r.utc - T0) for r in found] == [
        ("Happening", -4600), ("Happening", -4500), ("Position", -4000), ("Value", -3500),
        ("Position", 0),
    ]  # fmt: skip
    value = found[3]
    assert value.path == "Vehicle.Powertrain.CombustionEngine.Speed" and value.unit == "rpm"
    assert (value.raw, value.value) == (3000, 750.0)
    names = [e.name for e in track.happenings(room.store, CAR, T0 - 4600, T0 - 4600)]
    assert names == ["panic"]
    assert [r.utc for r in track.records(room.store, CAR, T0 - 4000, T0 - 1)] == [
        T0 - 4000, T0 - 3500,
    ]  # fmt: skip
    state = track.state(room.store, CAR)
    assert (state.position.utc, state.source, state.frames, state.missing) == (T0, "gnss", 2, 0)
    assert state.values[0].utc == T0 - 3500


def test_sessions_come_in_the_order_of_their_times(tmp_path):
    car = Car(CAR)
    room = make_room(tmp_path, CAR)
    for boot, ago in ((1, 1000), (2, 500), (1, 0)):  # the last with a wiped boot counter
        car.start(boot)
        utc = T0 - 1000 * ago
        room.handle([car.open(), car.frame((ANCHOR, 0, utc, SOURCE_GNSS, 1), position(10))], T0)
    assert [r.utc for r in track.records(room.store, CAR)] == [
        T0 - 1_000_000 + 10, T0 - 500_000 + 10, T0 + 10,
    ]  # fmt: skip
