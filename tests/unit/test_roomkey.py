"""agent/update/roomkey.py: a stored set of room keys against the configuration's key."""

from agent import port
from agent.update import errors, keyset, roomkey
from tests.support.data import own_vectors
from tests.support.simdisk import SimDisk

VECTORS = own_vectors("keyset-v1.json")
MODULUS = bytes.fromhex(VECTORS["modulus"])
SIGNED = bytes.fromhex(VECTORS["sets"][0]["signed"])
VERSION = VECTORS["held"] + 1


def keys(version=0, root=VECTORS["modulus"]):
    return {"fleet_root": root, "key_set_version": version}


def refusal(action, *arguments):
    try:
        action(*arguments)
    except errors.UpdateError as e:
        assert "\n" not in str(e)
        return type(e).__name__
    raise AssertionError("taken")


def test_a_set_goes_before_the_configuration_s_key_only_when_it_is_newer():
    disk = SimDisk()
    assert roomkey.held(keys(), disk) is None
    assert roomkey.take(keys(), disk, SIGNED).version == VERSION
    for version, is_newer in ((0, True), (VERSION - 1, True), (VERSION, False)):
        found = roomkey.held(keys(version), disk)
        assert (found is not None) == is_newer
    assert roomkey.held(keys(), disk).key_id.hex() == VECTORS["current"][0]


def test_an_old_set_is_refused_whether_stored_or_provisioned():
    disk = SimDisk()
    assert refusal(roomkey.take, keys(VERSION), disk, SIGNED) == "ReplayError"
    roomkey.take(keys(), disk, SIGNED)
    assert refusal(roomkey.take, keys(), disk, SIGNED) == "ReplayError"


def test_a_stored_set_that_has_gone_bad_is_told_and_replaced():
    disk = SimDisk({keyset.NAME: bytearray(SIGNED[:-1])})
    assert refusal(roomkey.held, keys(), disk) == "ManifestFormatError"
    assert roomkey.take(keys(), disk, SIGNED).version == VERSION
    assert roomkey.held(keys(), disk).version == VERSION


def test_the_root_is_text_or_a_file_and_without_one_nothing_is_taken():
    disk = SimDisk()
    path = "/tmp/patrol-root-%s" % port.random_bytes(6).hex()
    with open(path, "wb") as f:
        f.write(MODULUS)
    assert roomkey.take(keys(0, path), disk, SIGNED).version == VERSION
    assert roomkey.root(VECTORS["modulus"]) == MODULUS
    for bad in (None, path + "x", "z" * 768):
        assert refusal(roomkey.take, keys(0, bad), disk, SIGNED) == "RootError"
    with open(path, "wb") as f:
        f.write(MODULUS[:-1])
    assert refusal(roomkey.root, path) == "RootError"
