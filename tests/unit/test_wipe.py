"""agent/update/wipe.py: secrets are erased by an order of this vehicle, once, whatever the power
does. What RSA must refuse is in the vectors of test_update_manifest.py."""

import json
import os

from agent import port
from agent.update import errors, wipe
from agent.update.rsa import KeyFormatError, Keys, load_keys
from tests.support.releases import NoKeys
from tests.support.simdisk import SimDisk

UTC = 1790000000
CAR = "v-test0001"
FOLDER = "/tmp/patrol-wipe-%s" % port.random_bytes(6).hex()


def order(vehicle=CAR, generation=3, expires=UTC + 60, form=1, signatures=()):
    document = port.packb([form, vehicle, generation, expires])
    return port.packb([1, document, list(signatures)])


def refusal(signed, held=2, utc_s=UTC, keys=None):
    """Name of the error, or the generation."""
    try:
        return wipe.open_signed(signed, keys or NoKeys(), CAR, held, utc_s)
    except errors.UpdateError as e:
        return type(e).__name__


def test_an_order_is_taken_once_in_time_by_its_vehicle():
    assert refusal(order()) == 3
    assert refusal(order(), held=3) == "ReplayError"
    assert refusal(order(), held=4) == "ReplayError"
    assert refusal(order(vehicle="v-other")) == "VehicleError"
    assert refusal(order(), utc_s=UTC + 60) == "ExpiredError"
    assert refusal(order(), utc_s=None) == "RoomTimeError"


def test_what_is_no_order_is_refused():
    for bad in (b"", b"x", order(form=2), order(generation=0), order(generation=1 << 32),
                order(generation=True), order(expires="never"), bytes(wipe.MAX_SIGNED + 1),
                port.packb([1, b"x", []]), port.packb([1, port.packb([1, CAR]), []])):  # fmt: skip
        assert refusal(bad) == "ManifestFormatError", bad
    signed = order()
    for end in range(len(signed)):
        assert refusal(signed[:end]) == "ManifestFormatError"


def test_two_keys_of_the_fleet_must_have_signed():
    moduli = [bytes([0x80 + i]) + bytes(382) + b"\x01" for i in range(3)]
    keys = Keys(moduli)
    assert refusal(order(), keys=keys) == "QuorumError"
    forged = [[port.sha256(m)[:8], bytes(384)] for m in moduli[:2]]
    assert refusal(order(signatures=forged), keys=keys) == "SignatureError"


def test_a_release_s_signature_is_none_for_a_wipe():
    class Spy:
        def quorum_steps(self, signatures, message):
            self.message = message
            yield

    spy = Spy()
    refusal(order(), keys=spy)
    assert spy.message[:8] == b"pv1 wipe"


def test_what_was_taken_stays_known():
    disk = SimDisk()
    assert wipe.state(disk) == (0, None)
    wipe.take(disk, 7, 2)
    assert wipe.state(disk) == (7, 2)
    disk.files[wipe.NAME] = bytearray(b"[7")
    assert wipe.state(disk) == (0, None)


class Gateway:
    """Real files."""

    def __init__(self, name):
        folder = self.folder = FOLDER + "-" + name
        self.storage = port.Storage(folder + "/journal")
        self.config = {
            "journal": {"dir": folder + "/journal"},
            "mqtt": {
                "tls": {"key": folder + "/client.key"},
                "brokers": [{"tls": {"key": folder + "/other.key"}}, {"tls": None}],
            },
        }
        self.path = folder + "/config.json"
        self.write(self.path, b'{"keys": {"psk": "SECRET"}}' + b" " * 1000)
        for name in ("/client.key", "/other.key", "/journal/settings"):
            self.write(folder + name, b"SECRET" * 100)
        self.write(folder + "/journal/a0000001", b"sealed")

    def write(self, path, data):
        with open(path, "wb") as f:
            f.write(data)

    def names(self):
        return sorted(os.listdir(self.folder)) + sorted(os.listdir(self.folder + "/journal"))

    def close(self):
        for name in ("/journal", ""):
            for entry in os.listdir(self.folder + name):
                if entry != "journal":
                    os.remove(self.folder + name + "/" + entry)
            os.rmdir(self.folder + name)


def test_secrets_are_gone_and_what_is_sealed_stays():
    gateway = Gateway("all")
    wipe.take(gateway.storage, 7, 1)
    wipe.erase(gateway.storage, gateway.path, gateway.config, 7)
    assert gateway.names() == ["config.json", "journal", "a0000001", "wipe"]
    with open(gateway.path, "rb") as f:
        text = f.read()
    assert b"SECRET" not in text and json.loads(text) == {"wiped": 7} and len(text) == 1027
    assert wipe.state(gateway.storage) == (7, None)
    gateway.close()


def test_a_file_is_overwritten_before_it_is_removed():
    gateway = Gateway("over")
    path = gateway.folder + "/client.key"
    with open(path, "rb") as f:  # the name goes, what lay under it is still seen here
        gateway.storage.shred(path)
        assert f.read() == bytes(600)
    gateway.storage.shred(path)  # no error where it is gone
    gateway.close()


def test_what_cannot_be_erased_is_told_and_the_rest_is():
    gateway = Gateway("stays")
    gateway.config["mqtt"]["tls"]["key"] = gateway.folder  # a folder cannot be written over
    wipe.take(gateway.storage, 7, 1)
    try:
        wipe.erase(gateway.storage, gateway.path, gateway.config, 7)
        raise AssertionError("no error")
    except port.StorageError:
        pass
    with open(gateway.path, "rb") as f:
        assert b"SECRET" not in f.read()  # what could be erased is
    gateway.close()


def test_a_power_cut_leaves_it_due_or_all_erased():
    class Cut(Exception):
        pass

    class Cutting:
        """Passes on so many calls, then the power goes."""

        def __init__(self, storage, calls):
            self._storage = storage
            self.left = calls

        def _call(self, name, *arguments):
            if not self.left:
                raise Cut
            self.left -= 1
            return getattr(self._storage, name)(*arguments)

        def shred(self, path):
            self._call("shred", path)

        def overwrite(self, path, text):
            self._call("overwrite", path, text)

        def replace(self, name, data):
            self._call("replace", name, data)

    for calls in range(5):  # three files, the configuration, the record
        gateway = Gateway("cut%d" % calls)
        wipe.take(gateway.storage, 7, 1)
        try:
            wipe.erase(Cutting(gateway.storage, calls), gateway.path, gateway.config, 7)
            raise AssertionError("no cut")
        except Cut:
            pass
        assert wipe.state(gateway.storage) == (7, 1)
        with open(gateway.path, "rb") as f:
            is_there = b"SECRET" in f.read()
        assert is_there == (calls < 4)  # while it is, the next start knows what to erase
        wipe.erase(gateway.storage, gateway.path, gateway.config, 7)
        assert gateway.names() == ["config.json", "journal", "a0000001", "wipe"]
        gateway.close()


def test_update_keys_are_read_as_a_bundle_holds_them():
    gateway = Gateway("keys")
    moduli = [bytes([0x80 + i]) + bytes(382) + b"\x01" for i in range(3)]
    path = gateway.folder + "/keys"
    gateway.write(path, b"".join(moduli))
    assert isinstance(load_keys(path), Keys)
    for bad in (b"", b"x" * 1151, b"x" * 1153, b"".join(moduli)[:-1] + b"\x00"):
        gateway.write(path, bad)
        try:
            load_keys(path)
            raise AssertionError(bad)
        except KeyFormatError as e:
            assert path in str(e) or "update key" in str(e)
    gateway.close()
