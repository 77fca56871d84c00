"""The room as a machine: what it takes, what it stores, and that it acknowledges exactly that."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.comms.inbox import MAX_RANGES, MAX_SESSIONS, Inbox
from agent.records import ANCHOR, EVENT, GAP, POSITION, SOURCE_GNSS, VALUE
from tests.support.rooms import T0, Car, acknowledged, make_room, psk, room_file, stored
from tools.room.answers import DOWN_BLOCK
from tools.room.core import Room
from tools.room.intervals import IntervalSet
from tools.room.live import ACK_BURST, HOLE_MS, OPEN_AGAIN_MS
from tools.room.sqlite import SqliteStore
from tools.room.store import StoreError

CAR = "v-one"


def position(t, lat=33_990_000, lon=-6_850_000):
    return (POSITION, t, lat, lon, 7500, 1400, 9000, 9, 0x5D)


def anchor(t, utc):
    return (ANCHOR, t, utc, SOURCE_GNSS, 100)


@pytest.fixture
def car():
    car = Car(CAR)
    car.start()
    return car


@pytest.fixture
def room(tmp_path):
    room = make_room(tmp_path, CAR)
    yield room
    room.store.close()


def opened(room, car, now=T0):
    """The car's session is open, and was acknowledged."""
    assert acknowledged(car.hear(room.handle([car.open()], now)))[car.session.sid] == set()


def test_a_session_open_is_acknowledged(room, car):
    messages = car.hear(room.handle([car.open()], T0))
    assert messages == [("ack", T0, [(car.session.sid, 0, [])])]
    assert room.counters["opens"] == 1
    assert car.hear(room.handle([car.open()], T0 + 1)) != []
    assert room.counters["opens_known"] == 1
    assert len(room.store.sessions(CAR)) == 1


def test_frames_in_any_order_and_doubled(room, car):
    opened(room, car)
    frames = [car.frame(position(1000 * i)) for i in range(20)]
    messages = frames[10:] + frames[:5] + frames[12:15]
    said = car.hear(room.handle(messages, T0))
    assert len(said) == 1 and said[0][2] == [(car.session.sid, 5, [[10, 19]])]
    assert stored(room.store, CAR) == acknowledged(said)
    assert room.counters["duplicates"] == 3
    said = car.hear(room.handle(frames, T0 + 1000))
    assert said[0][2] == [(car.session.sid, 20, [])]
    assert stored(room.store, CAR) == acknowledged(said)
    # Nothing but duplicates is answered, too: the acknowledgement may have been lost.
    said = car.hear(room.handle(frames[3:4], T0 + 2000))
    assert said[0][2] == [(car.session.sid, 20, [])]


def test_an_open_that_its_frames_have_overtaken(room, car):
    frame = car.frame(position(0))
    said = car.hear(room.handle([frame, car.open()], T0))
    assert said[0][2] == [(car.session.sid, 1, [])]


def test_backlog_of_an_earlier_session_comes_after_live(room, car):
    first = car.session
    old_open = car.open()
    old = [car.frame(position(1000 * i), lane="b") for i in range(3)]
    car.start()
    opened(room, car)
    room.handle([car.frame(position(0))], T0)
    said = car.hear(room.handle([old_open, *old], T0))
    # Sealed by the current session, or the car's inbox would not have opened it.
    assert acknowledged(said) == {first.sid: {0, 1, 2}}
    assert {s.boot for s in room.store.sessions(CAR)} == {1, 2}


def test_one_acknowledgement_a_vehicle_and_batch(tmp_path):
    cars = [Car(f"v-{i}") for i in range(3)]
    room = make_room(tmp_path, *[car.name for car in cars])
    messages = []
    for car in cars:
        car.start()
        messages.append(car.open())
    for i in range(5):
        messages += [car.frame(position(1000 * i)) for car in cars]
    downs = room.handle(messages, T0)
    assert sorted(topic for topic, _ in downs) == [f"p1/v-{i}/d" for i in range(3)]
    for car in cars:
        assert acknowledged(car.hear(downs)) == {car.session.sid: set(range(5))}


def refused(room, messages, counter):
    before = stored(room.store, CAR)
    assert room.handle(messages, T0) == []
    assert room.counters[counter] == 1
    assert stored(room.store, CAR) == before


def test_unknown_vehicle(room):
    stranger = Car("v-two")
    stranger.start()
    refused(room, [stranger.open()], "unknown_vehicle")


def test_open_with_a_wrong_secret(room):
    thief = Car(CAR, secret=psk("another"))
    thief.start()
    refused(room, [thief.open()], "wrong_mac")


def test_open_with_a_wrong_generation(room):
    old = Car(CAR, generation=2)
    old.start()
    refused(room, [old.open()], "wrong_generation")


def test_open_for_a_key_that_the_room_does_not_have(room, car):
    topic, payload = car.open()
    refused(room, [(topic, payload[:33] + b"\0\0\0\0" + payload[37:])], "unknown_room_key")


def test_open_of_a_vehicle_under_another_name(tmp_path, car):
    room = make_room(tmp_path, CAR, "v-two")
    refused(room, [("p1/v-two/s", car.open()[1])], "wrong_mac")


def test_every_bit_of_an_open_counts(room, car):
    topic, payload = car.open()
    for bit in range(len(payload) * 8):
        changed = bytearray(payload)
        changed[bit // 8] ^= 1 << bit % 8
        assert room.handle([(topic, bytes(changed))], T0) == []
    assert room.store.sessions(CAR) == []


def test_every_bit_of_a_frame_counts(room, car):
    opened(room, car)
    topic, payload = car.frame(position(0))
    for bit in range(len(payload) * 8):
        changed = bytearray(payload)
        changed[bit // 8] ^= 1 << bit % 8
        room.handle([(topic, bytes(changed))], T0 + 20000 * bit)
    assert stored(room.store, CAR) == {car.session.sid: set()}
    assert room.counters["frames"] == 0 and room.counters["frame_seal"] > 0


def test_a_frame_of_another_vehicle(tmp_path, car):
    room = make_room(tmp_path, CAR, "v-two")
    opened(room, car)
    room.handle([("p1/v-two/t", car.frame(position(0))[1])], T0)
    assert room.counters["unknown_session"] == 1 and stored(room.store, "v-two") == {}


def test_down_frames_and_foreign_topics_are_left_alone(room, car):
    downs = room.handle([car.open()], T0)
    assert room.handle([*downs, ("p1/v-one", b""), ("p1/v-one/x", b""), ("", b"")], T0) == []
    assert room.counters["own"] == 1 and room.counters["topic"] == 3


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=120), max_size=5), st.sampled_from("satbpd"))
def test_rubbish_stops_nothing(tmp_path_factory, payloads, lane):
    room = make_room(tmp_path_factory.mktemp("room"), CAR)
    car = Car(CAR)
    car.start()
    room.handle([car.open(), *[(f"p1/{CAR}/{lane}", p) for p in payloads]], T0)
    said = car.hear(room.handle([car.frame(position(0))], T0))
    assert acknowledged(said) == {car.session.sid: {0}}
    room.store.close()


def test_an_authentic_frame_that_is_no_batch_is_kept(room, car):
    opened(room, car)
    for plaintext in (b"", b"\xc1", b"rubbish", b"\x91\x91\x09"):
        room.handle([(car.topic("t"), car.session.seal(plaintext)[1])], T0)
    assert room.counters["malformed"] == 4
    assert stored(room.store, CAR) == {car.session.sid: {0, 1, 2, 3}}


def test_records_out_of_their_range_go_no_further(room, car):
    opened(room, car)
    bad = [
        (ANCHOR, 0, (1 << 64) - 1, 1, 1),
        position(0, lat=90_000_001),
        position(0, lon=1 << 60),
        (VALUE, 0, 31, 1 << 60),
        (EVENT, 1 << 62, 2, 1),
        (GAP, 0, "t", b"abc", 5, 9, "full"),
    ]
    room.handle([car.frame(*bad, position(5))], T0)
    assert room.counters["records_refused"] == len(bad)
    assert room.store.last_state(CAR).position[1] == position(5)


def test_an_unknown_session_is_asked_for(room, car):
    lost = car.session
    car.frame(position(0))
    frames = [car.frame(position(1000 * i), lane="b") for i in range(5)]
    assert room.handle(frames[:1], T0) == []  # there is no key to ask with
    car.start()
    opened(room, car)
    assert car.hear(room.handle(frames[:2], T0)) == [("open", lost.sid)]
    assert room.handle(frames[2:], T0 + 1000) == []
    assert car.hear(room.handle(frames[2:], T0 + OPEN_AGAIN_MS)) == [("open", lost.sid)]


def test_a_hole_that_lasts_is_asked_for(room, car):
    opened(room, car)
    frames = [car.frame(position(1000 * i)) for i in range(8)]
    room.handle(frames[:2] + frames[4:5], T0)
    assert room.handle([], T0 + HOLE_MS - 1000) == []
    said = car.hear(room.handle([], T0 + HOLE_MS))
    assert said == [("again", car.session.sid, [[2, 3]])]
    for ms in range(1000, HOLE_MS, 1000):
        assert room.handle([], T0 + HOLE_MS + ms) == []
    assert car.hear(room.handle([], T0 + 2 * HOLE_MS)) != []
    room.handle(frames[2:4], T0 + 40000)
    assert room.wake(T0 + 40000) is None
    assert room.handle([], T0 + 80000) == []


def test_what_is_reported_lost_is_not_asked_for(room, car):
    opened(room, car)
    frames = [car.frame(position(1000 * i)) for i in range(6)]
    gap = (GAP, 9000, "t", car.session.sid, 1, 4, "full")
    room.handle([frames[0], frames[5], car.frame(gap)], T0)
    for ms in range(0, 60000, 1000):
        assert room.handle([], T0 + ms) == []
    assert room.store.events(CAR)[0].fields["last"] == 4
    # Nor is it taken for held, and a frame that was not lost after all is welcome.
    said = car.hear(room.handle([frames[3]], T0))
    assert said[0][2] == [(car.session.sid, 1, [[3, 3], [5, 6]])]


def test_a_store_that_refuses_gets_no_acknowledgement(tmp_path, car):
    room = make_room(tmp_path, CAR)
    real, room.store.commit = room.store.commit, fail
    frame = car.frame(position(0))
    for _ in range(2):
        with pytest.raises(StoreError):
            room.handle([car.open(), frame], T0)
    assert stored(room.store, CAR) == {} and room.counters["frames"] == 0
    room.store.commit = real
    said = car.hear(room.handle([car.open(), frame], T0))
    assert said[0][2] == [(car.session.sid, 1, [])]


def fail(*_):
    raise StoreError("disk full")


def test_a_refused_block_of_numbers_only_delays(tmp_path, car):
    room = make_room(tmp_path, CAR)
    real, room.store.reserve_down = room.store.reserve_down, fail
    assert room.handle([car.open(), car.frame(position(0))], T0) == []
    assert stored(room.store, CAR) == {car.session.sid: {0}}
    assert room.wake(T0) > 0
    room.store.reserve_down = real
    assert acknowledged(car.hear(room.handle([], T0 + 1000))) == {car.session.sid: {0}}


def numbers_of(downs):
    return [int.from_bytes(payload[5:9], "big") for _, payload in downs]


def test_a_crash_between_commit_and_acknowledgement(tmp_path, car):
    room = make_room(tmp_path, CAR)
    used = numbers_of(room.handle([car.open()], T0))
    frames = [car.frame(position(1000 * i)) for i in range(3)]
    used += numbers_of(room.handle(frames, T0))  # never delivered
    for _ in range(5):
        room = Room(SqliteStore(tmp_path / "room.db"), room_file(tmp_path, CAR))
        downs = room.handle(frames, T0)
        assert acknowledged(car.hear(downs)) == {car.session.sid: {0, 1, 2}}
        used += numbers_of(downs)
    assert stored(room.store, CAR) == {car.session.sid: {0, 1, 2}}
    assert len(used) == len(set(used))
    assert used[-1] == 5 * DOWN_BLOCK


def test_down_numbers_of_two_rooms_never_meet(tmp_path, car):
    rooms = [make_room(tmp_path, CAR) for _ in range(2)]
    used = numbers_of(rooms[0].handle([car.open()], T0))
    for i in range(3 * DOWN_BLOCK):
        frame = car.frame(position(1000 * i))
        used += numbers_of(rooms[i % 2].handle([frame], T0 + 1000 * i))
    assert len(used) == len(set(used)) == 3 * DOWN_BLOCK + 1


def test_a_room_that_starts_greets_who_was_active(tmp_path):
    car, idle = Car(CAR), Car("v-two")
    room = make_room(tmp_path, CAR, "v-two")
    idle.start()
    room.handle([idle.open(), idle.frame(position(0))], T0 - 3 * 86_400_000)
    car.start()
    old = car.session
    room.handle([car.open(), car.frame(position(0))], T0 - 1000)
    car.start()
    room.handle([car.open(), car.frame(position(0)), car.frame(position(1))], T0)
    room.store.close()
    room = make_room(tmp_path, CAR, "v-two")
    room.greet(T0 + 5000)
    downs = room.handle([], T0 + 5000)
    assert acknowledged(car.hear(downs)) == {old.sid: {0}, car.session.sid: {0, 1}}
    assert idle.hear(downs) == []
    assert room.wake(T0 + 5000) is None


def test_acknowledgements_are_paced_and_the_last_is_never_left_out(room, car):
    opened(room, car)
    said = []
    for i in range(3 * ACK_BURST):
        said += room.handle([car.frame(position(i))], T0 + i)
    assert ACK_BURST - 1 <= len(said) < 2 * ACK_BURST
    now = T0 + 3 * ACK_BURST
    last = []
    while room.wake(now) is not None:
        now += max(1, room.wake(now))
        last = room.handle([], now) or last
    assert acknowledged(car.hear(last)) == {car.session.sid: set(range(3 * ACK_BURST))}


def test_caps_of_an_acknowledgement(room, car):
    """What a vehicle accepts: so many ranges, so many sessions, and a frame of so many bytes."""
    messages = []
    for _ in range(MAX_SESSIONS + 6):
        car.start()
        messages.append(car.open())
        frames = [car.frame(position(i)) for i in range(2 * MAX_RANGES + 20)]
        messages += frames[1::2]
    said = car.hear(room.handle(messages, T0))
    held = acknowledged(said)
    assert len(held) == MAX_SESSIONS + 6
    assert all(len(numbers) == MAX_RANGES for numbers in held.values())
    assert sum(room.counters[name] for name in ("frames",)) == (MAX_SESSIONS + 6) * 74


def test_with_too_many_ranges_the_frame_just_sent_is_among_them(room, car):
    opened(room, car)
    frames = [car.frame(position(i)) for i in range(400)]
    for i, frame in enumerate(frames[1::2]):
        said = car.hear(room.handle([frame], T0 + 1000 * i))
        numbers = acknowledged(said)[car.session.sid]
        assert 2 * i + 1 in numbers and len(numbers) <= MAX_RANGES
        assert numbers <= stored(room.store, CAR)[car.session.sid]


def test_a_wiped_boot_counter_does_not_silence_a_vehicle(room, car):
    car.start(boot=500)
    opened(room, car)
    car.start(boot=1)
    assert car.inbox.counters["received"] == 0
    downs = room.handle([car.open()], T0)
    assert len(downs) == 1 and car.inbox.take(downs[0][1], 0) is None
    downs = room.handle([car.frame(position(0))], T0)
    heard = [car.inbox.take(payload, 1000) for _, payload in downs]
    assert heard[0] is None and heard[1][2] == [(car.session.sid, 1, [])]


def test_a_secret_that_was_replaced_opens_nothing_more(tmp_path, room, car):
    opened(room, car)
    room.keys = room_file(tmp_path, CAR, generation=2)
    assert room.handle([car.open(), car.frame(position(0))], T0) == []
    assert stored(room.store, CAR) == {car.session.sid: set()}
    new = Car(CAR, generation=2)
    new.start()  # with the very ephemeral key of the old session: it stays taken
    assert room.handle([new.open()], T0) == [] and room.counters["sid_taken"] == 1
    new.start()
    assert acknowledged(new.hear(room.handle([new.open()], T0))) == {new.session.sid: set()}


def last_t(room):
    return room.store.last_state(CAR).position[1][1]


def test_backfill_never_moves_the_live_icon(room, car):
    old_open = car.open()
    old = car.frame(anchor(0, T0 - 7_200_000), position(3_000_000), (VALUE, 3_000_000, 31, 4000))
    car.start()
    live = [car.frame(anchor(0, T0), position(1000 * i), (VALUE, 1000 * i, 31, i)) for i in (1, 9)]
    room.handle([car.open(), live[1]], T0)
    room.handle([old_open, old, live[0]], T0 + 10)
    state = room.store.last_state(CAR)
    assert state.position[0].boot == 2 and last_t(room) == 9000
    assert state.values[31][1] == (VALUE, 9000, 31, 9)
    room.handle([car.frame(position(10_000))], T0 + 20)
    assert last_t(room) == 10_000


def test_the_icon_follows_a_session_that_is_not_dated_yet(room, car):
    room.handle([car.open(), car.frame(anchor(0, T0), position(5_000_000))], T0)
    old = car.frame(position(6_000_000))
    car.start()
    room.handle([car.open(), car.frame(position(1000))], T0)
    assert last_t(room) == 1000
    room.handle([old], T0)
    assert last_t(room) == 1000


def test_a_date_in_the_future_does_not_freeze_the_icon(room, car):
    room.handle([car.open(), car.frame(anchor(0, T0 + 10**10), position(1000))], T0)
    car.start()
    room.handle([car.open(), car.frame(anchor(0, T0), position(2000))], T0)
    assert last_t(room) == 2000


def test_presence_is_a_hint_and_an_old_will_is_none(room, car):
    sid, other = car.session.sid, b"\1\2\3\4"
    room.handle([(car.topic("p"), b"\1" + sid)], T0)
    room.handle([(car.topic("p"), b"\0" + other), (car.topic("p"), b"")], T0 + 1)
    assert room.store.last_state(CAR).presence.is_online
    room.handle([(car.topic("p"), b"\0" + sid)], T0 + 2)
    presence = room.store.last_state(CAR).presence
    assert not presence.is_online and presence.since_ms == T0 + 2


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False))
def test_whatever_the_network_does(tmp_path_factory, chance: random.Random):
    """Two sessions, everything lost, doubled, late, and rooms that crash: in the end the room holds
    exactly what was sent, and acknowledged nothing before it held it."""
    folder = tmp_path_factory.mktemp("room")
    room = make_room(folder, CAR)
    car = Car(CAR)
    sent = {}
    wire = []
    for _ in range(2):
        car.start()
        frames = [car.frame(position(1000 * i)) for i in range(chance.randint(1, 40))]
        sent[car.session.sid] = set(range(len(frames)))
        wire += [car.open(), *frames]
    now = T0
    inbox = Inbox()
    inbox.set_session(car.session)
    proved = {}
    for turn in range(40):
        now += chance.randint(1, 3000)
        some = chance.sample(wire, chance.randint(0, len(wire)))
        some = wire if turn == 39 else some + chance.choices(wire, k=3)
        real = room.store.commit
        if chance.random() < 0.2 and turn < 39:
            room.store.commit = fail
        try:
            downs = room.handle(some, now)
        except StoreError:
            downs = []
        room.store.commit = real
        held = stored(room.store, CAR)
        for _, payload in downs:
            message = inbox.take(payload, now - T0)
            if message is not None:
                for sid, numbers in acknowledged([message]).items():
                    assert numbers <= held[sid]
                    proved.setdefault(sid, set()).update(numbers)
        if chance.random() < 0.2:
            room.store.close()
            room = make_room(folder, CAR)
    assert stored(room.store, CAR) == sent == proved
    room.store.close()


@given(st.lists(st.integers(0, 60)))
def test_interval_set_is_a_set(numbers):
    held, model = IntervalSet(), set()
    for number in numbers:
        assert (number in held) == (number in model)
        assert held.add(number) == (number not in model)
        model.add(number)
        flat = [n for a, b in held.ranges for n in range(a, b + 1)]
        assert flat == sorted(model) and held.count() == len(model)
        assert all(a[1] + 1 < b[0] for a, b in zip(held.ranges, held.ranges[1:], strict=False))
    assert all(n in model for n in range(held.upto())) and held.upto() not in model
    missing = [n for a, b in held.holes() for n in range(a, b + 1)]
    assert missing == [n for n in range(max(model, default=-1)) if n not in model]
