"""agent/update/keyset.py against tests/vectors/keyset-v1.json, which was made with another library:
only what the fleet root has signed is taken, whole, and never an older set."""

from agent import port
from agent.update import errors, keyset
from tests.support.data import own_vectors
from tests.support.simdisk import CUT, EIO, PowerCut, SimDisk

VECTORS = own_vectors("keyset-v1.json")
MODULUS = bytes.fromhex(VECTORS["modulus"])
HELD = VECTORS["held"]


def take(signed, held=HELD):
    return keyset.open_signed(signed, MODULUS, held)


def refusal(signed, held=HELD):
    """Name of the error, or None."""
    try:
        take(signed, held)
    except errors.UpdateError as e:
        assert str(e).startswith("room keys: ") and "\n" not in str(e)
        return type(e).__name__
    return None


def good():
    return bytes.fromhex(VECTORS["sets"][0]["signed"])


def test_sets_are_taken_or_refused_by_the_name_that_the_vectors_say():
    taken = 0
    for v in VECTORS["sets"]:
        assert refusal(bytes.fromhex(v["signed"])) == v["error"], v["name"]
        taken += v["error"] is None
    assert taken == 5 and len(VECTORS["sets"]) == 34


def test_the_first_key_is_the_one_to_seal_to():
    found = take(good())
    assert [found.key_id.hex(), found.public.hex()] == VECTORS["current"]
    assert found.version == HELD + 1 and found.signed == good()


def test_the_version_only_grows():
    version = HELD + 1
    for held in (0, HELD, version, version + 1):
        assert refusal(good(), held) == ("ReplayError" if held >= version else None)


def test_no_byte_of_a_signed_set_can_be_changed():
    signed = good()
    for i in range(len(signed)):
        changed = signed[:i] + bytes((signed[i] ^ 1 << i % 8,)) + signed[i + 1 :]
        assert refusal(changed) in ("SignatureError", "ManifestFormatError"), i


def test_every_cut_and_what_is_too_long_is_refused():
    signed = good()
    for end in range(len(signed)):
        assert refusal(signed[:end]) == "ManifestFormatError"
    for longer in (signed + b"\0", bytes(keyset.MAX_SIGNED + 1), bytes(100000)):
        assert refusal(longer) == "ManifestFormatError"


def test_a_largest_set_fits_its_cap():
    for v in VECTORS["sets"]:
        if v["name"] == "sixteen keys":
            assert len(v["signed"]) // 2 <= keyset.MAX_SIGNED < 4096 - 25


def test_noise_is_refused():
    state = b"keyset"
    for i in range(300):
        state = port.sha256(state)
        assert refusal((state * 40)[: 1 + i * 4]) == "ManifestFormatError"


def test_a_stored_set_comes_back():
    disk = SimDisk()
    assert keyset.load(disk, MODULUS) is None
    keyset.store(disk, take(good()))
    found = keyset.load(disk, MODULUS)
    assert (found.version, found.key_id, found.public) == (
        HELD + 1,
        take(good()).key_id,
        take(good()).public,
    )


def test_a_power_cut_leaves_the_old_set_or_the_new_one():
    old = bytes.fromhex(VECTORS["sets"][1]["signed"])
    disk = SimDisk()
    keyset.store(disk, take(old))
    disk.faults = {disk.writes: CUT}
    try:
        keyset.store(disk, take(good()))
        raise AssertionError("no cut")
    except PowerCut:
        pass
    assert keyset.load(disk.power_cut((0, 1)), MODULUS).signed == old


def test_a_medium_that_has_gone_bad_gives_no_key():
    disk = SimDisk()
    keyset.store(disk, take(good()))
    flipped = bytearray(good())
    flipped[60] ^= 1
    for data in (bytearray(good() + b"\0"), flipped, bytearray()):
        bad = SimDisk({keyset.NAME: data})
        try:
            keyset.load(bad, MODULUS)
            raise AssertionError("taken")
        except errors.UpdateError:
            pass
    disk.faults = {disk.writes: EIO}
    try:
        keyset.store(disk, take(good()))
        raise AssertionError("no error")
    except port.StorageError:
        pass
    assert keyset.load(disk, MODULUS).signed == good()
