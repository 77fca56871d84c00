"""agent/update/rsa.py and manifest.py against tests/vectors/update-v1.json, which was made with
another library: each forgery, each half-signed or changed manifest is refused by its name."""

from agent.update import errors, manifest, rsa
from agent.update.slots import Slots
from tests.support.data import own_vectors
from tests.support.releases import Release, index_of
from tests.support.simtree import SimTree

VECTORS = own_vectors("update-v1.json")
KEYS = rsa.Keys([bytes.fromhex(m) for m in VECTORS["moduli"]])


def raises(kind, call, *arguments):
    try:
        call(*arguments)
    except kind as e:
        assert type(e) is kind and "\n" not in str(e) and str(e)
        return e
    raise AssertionError("no %s" % kind.__name__)


def test_rsa_signatures_hold_or_are_refused_as_the_vectors_say():
    counts = [0, 0]
    for v in VECTORS["rsa"]:
        modulus = int(v["modulus"], 16)
        signature, message = bytes.fromhex(v["signature"]), bytes.fromhex(v["message"])
        assert rsa.verify(modulus, signature, message) is v["good"], v["name"]
        counts[v["good"]] += 1
    assert counts == [34, 3], counts


def take(signed, floor, generation):
    """As a vehicle does: signatures, form, who and when, what was before."""
    device = VECTORS["device"]
    found = manifest.open_signed(signed, KEYS)
    found.check(device["hardware"], device["vehicle"], device["utc"])
    slots = Slots(SimTree(), "a", 0)
    slots._pointer.floor = floor
    slots._pointer.generation = generation
    slots.accept(found, 1)
    return found


def test_manifests_are_taken_or_refused_by_the_name_that_the_vectors_say():
    device = VECTORS["device"]
    counts = {}
    for v in VECTORS["releases"]:
        signed = bytes.fromhex(v["signed"])
        counts[v["error"]] = counts.get(v["error"], 0) + 1
        if v["error"] is None:
            assert take(signed, device["floor"], device["generation"]).name == "0.2.0", v["name"]
            continue
        kind = getattr(errors, v["error"])
        try:
            take(signed, device["floor"], device["generation"])
            raise AssertionError("taken: " + v["name"])
        except errors.UpdateError as e:
            assert type(e) is kind, (v["name"], type(e).__name__, str(e))
    assert len(counts) == 9 and sum(counts.values()) == 62, counts


def test_a_good_manifest_says_what_it_was_made_with():
    m = manifest.open_signed(bytes.fromhex(VECTORS["releases"][0]["signed"]), KEYS)
    assert (m.name, m.hardware, m.counter, m.minimum) == ("0.2.0", ["gateway-s3", "pi"], 12, 11)
    assert (m.generation, m.expires, m.vehicles) == (5, 1790086400, [])
    assert (m.files, m.bytes, m.id.hex()) == (3, 13, VECTORS["id"])
    index = bytes.fromhex(VECTORS["index"])
    manifest.check_index(index, m)
    files = dict([(p, bytes.fromhex(d)) for p, d in VECTORS["files"].items()])
    assert index == index_of(files)


def test_no_byte_of_a_signed_manifest_can_be_changed():
    good = bytes.fromhex(VECTORS["releases"][0]["signed"])
    for at in range(0, len(good), 7):
        changed = bytearray(good)
        changed[at] ^= 0x11
        try:
            manifest.open_signed(bytes(changed), KEYS)
            raise AssertionError("taken with byte %d changed" % at)
        except errors.UpdateError:
            pass
    for end in range(0, len(good), 31):
        raises(errors.ManifestFormatError, manifest.open_signed, good[:end], KEYS)


def test_what_is_signed_fits_into_one_frame_with_the_longest_lists():
    texts = ["x" * 23 + "%d" % (i % 10) for i in range(64)]
    r = Release({"a": b""}, hardware=texts[:8], vehicles=texts, name="y" * 24)
    assert len(r.manifest) < manifest.MAX_MANIFEST
    longest = [1, bytes(manifest.MAX_MANIFEST), [[bytes(8), bytes(384)]] * 3]
    from agent import port
    from agent.comms import seal

    signed = port.packb(longest)
    assert len(signed) <= manifest.MAX_SIGNED
    manifest.split(signed)
    offer = port.packb([255, 255, bytes(manifest.MAX_SIGNED)])
    assert len(offer) + seal.OVERHEAD <= seal.MAX_FRAME


def test_time_must_be_known_and_is_the_rooms():
    m = manifest.parse(Release({"a": b""}, expires=100).manifest)
    raises(errors.RoomTimeError, m.check, "gateway-s3", "v-test0001", None)
    raises(errors.ExpiredError, m.check, "gateway-s3", "v-test0001", 100)
    m.check("gateway-s3", "v-test0001", 99)


def test_keys_must_be_three_different_moduli_of_full_size():
    moduli = [bytes.fromhex(m) for m in VECTORS["moduli"]]
    for wrong in (
        moduli[:2], moduli + moduli[:1], moduli[:2] + moduli[:1], moduli[:2] + [moduli[2][1:]],
        moduli[:2] + [b"\x00" + moduli[2][1:]], moduli[:2] + [moduli[2][:-1] + b"\x02"],
    ):  # fmt: skip
        raises(rsa.KeyFormatError, rsa.Keys, wrong)


def test_an_index_holds_only_paths_that_stay_in_the_slot():
    good = {"agent/__init__.py": b"", "agent/comms/a.py": b"x", "main.py": b"y"}
    r = Release(good)
    manifest.check_index(r.index, manifest.parse(r.manifest))
    for path in (
        "/etc/passwd", "../x", "a/../b", "a//b", "a/", ".hidden", "a/.b", "a\\b", "a b", "a\x00b",
        "x" * 61, "a/b/c/d/e/f", "a.new", "", "\xe9",
    ):  # fmt: skip
        wrong = dict(good)
        wrong[path] = b"z"
        r = Release(wrong)
        raises(errors.IndexFormatError, manifest.check_index, r.index, manifest.parse(r.manifest))


def test_an_index_that_is_not_what_the_manifest_says_is_refused():
    r = Release({"a.py": b"1", "b.py": b"22"})
    m = manifest.parse(r.manifest)
    other = Release({"a.py": b"1", "b.py": b"22", "c.py": b"333"})
    one = index_of({"b.py": b"22"})
    for index in (
        other.index, r.index[:-1], r.index[:10], r.index + b"\x00", b"",
        one + index_of({"a.py": b"1"}), one + one, index_of({"a.py": b"1", "b.py": b"2222"}),
        b"\xff" * 80,
    ):  # fmt: skip
        raises(errors.IndexFormatError, manifest.check_index, index, m)
