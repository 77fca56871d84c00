"""Attacks on the vehicle. Each does its work on a `Scene` and tells how many hostile messages it
has sent; what is genuine and was held back for it is delivered in the end.

No more than some 30 at a time, for they are to be refused one by one and not as a flood.
"""

import time

from agent import port
from agent.comms import inbox
from agent.comms.seal import DOWN, HEADER_SIZE, OVERHEAD
from tests.security.scene import OTHER, TO_CAR
from tests.support import rogue

SOME = 20
_LATE_S = 2


def flip(frame, at, bit=1):
    return frame[:at] + bytes((frame[at] ^ bit,)) + frame[at + 1 :]


def numbered(frame, number):
    return frame[:5] + number.to_bytes(4, "big") + frame[HEADER_SIZE:]


def fresh(scene, count):
    """Numbers that no down frame of the session has."""
    first = scene.store.reserve_down(scene.worker().row, count)
    return range(first, first + count)


def repeated(scene):
    return scene.tell_car(*scene.downs()[-1:] * SOME)


def reordered(scene):
    """Three acknowledgements, the last first: each is taken. Once more: none is."""
    held = scene.hold_down(3)
    before = scene.counter("vehicle", "inbox.received")
    scene.tell_car(*reversed(held))
    scene.wait(lambda: scene.counter("vehicle", "inbox.received") >= before + 3, 10, "all three")
    return scene.tell_car(*held)


def truncated(scene):
    (held,) = scene.hold_down()
    count = scene.tell_car(*[held[:n] for n in range(OVERHEAD, len(held))][:30])
    scene.tell_car(held)
    return count


def cut_to_nothing(scene):
    return scene.tell_car(*[scene.downs()[-1][:n] for n in range(OVERHEAD)])


def flipped(scene):
    """A bit of text or tag."""
    (held,) = scene.hold_down()
    places = scene.random.sample(range(HEADER_SIZE, len(held)), SOME)
    count = scene.tell_car(*[flip(held, at, 1 << at % 8) for at in places])
    scene.tell_car(held)
    return count


def flipped_type(scene):
    return scene.tell_car(*[flip(scene.downs()[-1], 0, 1 << bit) for bit in range(8)])


def flipped_session(scene):
    return scene.tell_car(*[flip(scene.downs()[-1], 1 + n // 8, 1 << n % 8) for n in range(32)])


def renumbered(scene):
    (held,) = scene.hold_down()
    count = scene.tell_car(*[numbered(held, n) for n in fresh(scene, SOME)])
    scene.tell_car(held)
    return count


def of_an_earlier_session(scene):
    """An order among them."""
    return scene.tell_car(*scene.earlier[0][-SOME:])


def of_another_vehicle(scene):
    """With that vehicle's own session, and the room's true key."""
    other = scene.stranger(OTHER)
    return scene.tell_car(*[other._down.seal(n, port.packb([inbox.OPEN, other.sid]))
                            for n in range(SOME)])  # fmt: skip


def of_another_vehicle_as_this_one_s(scene):
    other = scene.stranger(OTHER)
    frames = [other._down.seal(n, port.packb([inbox.OPEN, other.sid])) for n in fresh(scene, SOME)]
    sid = scene.worker().row.sid
    return scene.tell_car(*[frame[:1] + sid + frame[5:] for frame in frames])


def reflected(scene):
    return scene.tell_car(*scene.ups("t")[-3:])


def reflected_as_down(scene):
    frames = scene.ups("t")[-3:]
    return scene.tell_car(
        *[
            bytes((DOWN,)) + numbered(frame, n)[1:]
            for frame, n in zip(frames, fresh(scene, 3), strict=True)
        ]
    )


def noise(scene):
    lengths = [scene.random.randrange(OVERHEAD, 300) for _ in range(SOME)]
    return scene.tell_car(*[b"\xa5" + scene.random.randbytes(n - 1) for n in lengths])


def too_long(scene):
    return scene.tell_car(*[scene.downs()[-1] + bytes(4096)] * 3)


def unsealed(scene):
    """Under a right header: an acknowledgement of all that the vehicle has, in the clear."""
    sid = scene.worker().row.sid
    text = port.packb([inbox.ACK, 0, [[sid, 1 << 20, []]]])
    return scene.tell_car(*[bytes((DOWN,)) + sid + n.to_bytes(4, "big") + text + bytes(16)
                            for n in fresh(scene, SOME)])  # fmt: skip


def of_sessions_that_are_none(scene):
    """Sealed by a bad worker: acknowledgements of sessions that nobody has opened."""
    made = [[scene.random.randbytes(4), 1 << 20, [[1 << 21, 1 << 22]]] for _ in range(16)]
    return scene.tell_car(*scene.sealed(*[[inbox.ACK, 0, made] for _ in range(5)]))


def malformed(scene):
    """Sealed by a bad worker, and nothing that a room says."""
    sid = scene.worker().row.sid
    return scene.tell_car(
        *scene.sealed(
            [9, sid],
            [inbox.ACK, 0, [[sid, -1, []]]],
            [inbox.AGAIN, sid, [[2, 1]]],
            "ack",
            {},
            [inbox.ORDER, 0, 0, 0, "ping", {}],
            [inbox.ORDER, 1, 1, 3, "ping", {}],
        )  # fmt: skip
    )


# Orders


def order_frame_repeated(scene):
    number = scene.give("ping")
    scene.wait(lambda: scene.book.order(number).state == "done", 20, "the order")
    (frame,) = [f for f in scene.downs() if scene.is_order(f) and scene.message(f)[1] == number]
    return scene.tell_car(*[frame] * SOME)


def order_given_again(scene):
    """By a bad worker, with its number and in fresh frames."""
    number = scene.give("ping")
    scene.wait(lambda: scene.book.order(number).state == "done", 20, "the order")
    order = [inbox.ORDER, number, 1 << 40, 0, "ping", {}]
    return scene.tell_car(*scene.sealed(*[order] * SOME))


def order_held_back(scene):
    """Until its time is over."""
    number = scene.give("profile", {"name": "pursuit"}, seconds=_LATE_S)
    (frame,) = scene.hold_down(is_it=scene.is_order)
    until = scene.book.order(number).until_ms
    while time.time() * 1000 < until + 500:
        time.sleep(0.1)
    return scene.tell_car(frame)


def order_out_of_role(scene):
    """The gateway takes no more than "service" from a room; this is one of "danger"."""
    session = scene.status()["session"]
    number = scene.give("restart")
    scene.wait(lambda: scene.book.order(number).state == "refused", 20, "the refusal")
    assert "danger" in scene.book.order(number).detail
    assert scene.status()["session"] == session
    return 1


def order_of_a_bad_worker_out_of_role(scene):
    orders = [[inbox.ORDER, n, 1 << 40, 2, "restart", {}] for n in scene.ids(5)]
    return scene.tell_car(*scene.sealed(*orders))


def orders_turned_round(scene):
    """Two that a dispatcher gave, the second first: both are carried out. Again: neither is."""
    numbers = [scene.give("ping"), scene.give("ping")]
    held = scene.hold_down(2, is_it=scene.is_order)
    scene.tell_car(*reversed(held))
    scene.wait(lambda: all(scene.book.order(n).state == "done" for n in numbers), 20, "both orders")
    return scene.tell_car(*held)


def lost_after_puback(scene):
    """Frames that the broker has acknowledged to the vehicle and gives to nobody."""
    topic = TO_CAR[:-1] + "t"
    return len(scene.hold(rogue.UP, topic, 3))
