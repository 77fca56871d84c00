"""Attacks on the room. Each does its work on a `Scene` and tells how many hostile messages it has
sent; what is genuine and was held back for it is delivered in the end."""

from agent.comms.seal import OVERHEAD
from tests.security.down import SOME, flip
from tests.security.scene import OTHER, batch
from tests.support.rogue import UP
from tests.support.system import VEHICLE
from tests.unit.test_crypto import LOW_ORDER

TOPIC = f"p1/{VEHICLE}/t"


def repeated(scene):
    return scene.tell_room(*scene.ups("t")[-1:] * SOME)


def reordered(scene):
    """Three frames, the last first: each is taken. Once more: none is."""
    held = scene.hold(UP, TOPIC, 3)
    before = scene.counter("room", "frames")
    scene.tell_room(*reversed(held))
    scene.wait(lambda: scene.counter("room", "frames") >= before + 3, 10, "all three")
    return scene.tell_room(*held)


def truncated(scene):
    (held,) = scene.hold(UP, TOPIC)
    count = scene.tell_room(*[held[:n] for n in range(OVERHEAD, len(held))])
    scene.tell_room(held)
    return count


def cut_to_nothing(scene):
    return scene.tell_room(*[scene.ups("t")[-1][:n] for n in range(OVERHEAD)])


def flipped(scene):
    """Every bit of number, text and tag."""
    (held,) = scene.hold(UP, TOPIC)
    bits = range(8 * 5, 8 * len(held))
    count = scene.tell_room(*[flip(held, n // 8, 1 << n % 8) for n in bits])
    scene.tell_room(held)
    return count


def flipped_type(scene):
    return scene.tell_room(*[flip(scene.ups("t")[-1], 0, 1 << bit) for bit in range(8)])


def flipped_session(scene):
    return scene.tell_room(*[flip(scene.ups("t")[-1], 1 + n // 8, 1 << n % 8) for n in range(32)])


def under_another_name(scene):
    return scene.tell_room(*scene.ups("t")[-3:] * 5, vehicle=OTHER)


def of_an_earlier_session_as_this_one_s(scene):
    sid = scene.worker().row.sid
    return scene.tell_room(*[frame[:1] + sid + frame[5:] for frame in scene.earlier[1][-3:]])


def of_another_vehicle_as_this_one_s(scene):
    other = scene.stranger(OTHER)
    sid = scene.worker().row.sid
    frames = [other.seal(batch())[1] for _ in range(SOME)]
    return scene.tell_room(*[frame[:1] + sid + frame[5:] for frame in frames])


def reflected(scene):
    return scene.tell_room(*scene.downs()[-3:])


def noise(scene):
    lengths = [scene.random.randrange(OVERHEAD, 300) for _ in range(SOME)]
    return scene.tell_room(*[b"\x11" + scene.random.randbytes(n - 1) for n in lengths])


# Opens


def opens(scene, *strangers):
    return scene.tell_room(*[s.open_bytes for s in strangers], lane="s")


def open_of_a_wrong_generation(scene):
    """By who holds the secret of another one."""
    return opens(scene, *[scene.stranger(generation=n) for n in (0, 2, 3, 65535)])


def open_with_a_wrong_secret(scene):
    return opens(scene, *[scene.stranger(psk=scene.random.randbytes(32)) for _ in range(5)])


def open_of_another_vehicle(scene):
    return opens(scene, *[scene.stranger(OTHER) for _ in range(5)])


def open_to_a_key_that_is_none(scene):
    return opens(scene, *[scene.stranger(key_id=bytes((n,) * 4)) for n in range(5)])


def open_with_a_zero_share(scene):
    """Every point of low order, with either value of the bit that is ignored."""
    whole = scene.ups("s")[-1]
    shares = [p[:31] + bytes((p[31] | top,)) for p in LOW_ORDER for top in (0, 0x80)]
    return scene.tell_room(*[whole[:1] + share + whole[33:] for share in shares], lane="s")


def open_that_was_changed(scene):
    """Boot number, generation or key of a session that is known: every bit."""
    whole = scene.ups("s")[-1]
    bits = range(8 * 33, 8 * 43)
    return scene.tell_room(*[flip(whole, n // 8, 1 << n % 8) for n in bits], lane="s")


def open_whose_mac_was_changed(scene):
    whole = scene.ups("s")[-1]
    bits = range(8 * 43, 8 * 59)
    return scene.tell_room(*[flip(whole, n // 8, 1 << n % 8) for n in bits], lane="s")


def open_cut_short(scene):
    whole = scene.ups("s")[-1]
    return scene.tell_room(*[whole[:n] for n in range(59)], lane="s")


def of_a_vehicle_that_is_none(scene):
    return scene.tell_room(*scene.ups("t")[-3:], vehicle="v-nobody")


def on_a_topic_that_is_none(scene):
    for topic in (f"p1/{VEHICLE}", f"p2/{VEHICLE}/t", f"p1/{VEHICLE}/t/t", f"p1/{VEHICLE}/x", "t"):
        scene.room.tell(topic, scene.ups("t")[-1])
    return 5
