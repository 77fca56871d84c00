"""The fleet authority: what it derives, signs and issues; rotation and revocation on disk."""

import datetime
import hmac
import json
import shutil
import stat
import tarfile
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import msgpack
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from typer.testing import CliRunner

from agent import config, port
from agent.update import keyset, roomkey
from agent.update.errors import ReplayError
from tests.support.fleets import make_fleet
from tools import provision
from tools.provision import authority as authorities
from tools.provision import bundle
from tools.provision import keys as fleet_keys
from tools.provision.broker import create_broker
from tools.provision.command import app
from tools.room import keys

PASSPHRASE = b"a passphrase for tests alone"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A fleet's authority and room, to be copied: its RSA key takes a second to make."""
    folder = tmp_path_factory.mktemp("fleet")
    provision.create_fleet(folder)
    provision.create_room(folder, {"host": "mqtt.example.org"})
    return folder


@pytest.fixture
def fleet(made, tmp_path):
    shutil.copytree(made, tmp_path / "fleet")
    return tmp_path / "fleet"


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sealed")
    provision.create_fleet(folder, PASSPHRASE)
    return folder


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def row_of(fleet, vehicle="v-one"):
    return json.loads((fleet / "room.json").read_text())["vehicles"][vehicle]


def certificate_of(folder):
    return x509.load_pem_x509_certificate((folder / "tls" / "cert.pem").read_bytes())


def revoked_serials(fleet):
    crl = x509.load_pem_x509_crl((fleet / "crl.pem").read_bytes())
    ca = authorities.Authority(fleet).certificate
    assert crl.is_signature_valid(ca.public_key()) and crl.issuer == ca.subject
    return {row.serial_number for row in crl}


def by_hand(master, vehicle, generation):
    """HKDF (RFC 5869) with nothing but HMAC: one block is all that 32 bytes take."""
    prk = hmac.digest(b"patrol pre-shared key 1", master, sha256)
    info = vehicle.encode() + b"\0" + generation.to_bytes(2, "big")
    return hmac.digest(prk, info + b"\x01", sha256)


# What lies on disk


def test_all_is_for_the_owner_alone(fleet):
    provision.create_vehicle(fleet, "v-one", target="pi")
    create_broker(fleet, fleet / "broker")
    for path in fleet.rglob("*"):
        assert mode(path) == (0o700 if path.is_dir() else 0o600), path
    names = {path.name for path in (fleet / "authority").iterdir()}
    assert names == {"ca.crt.pem", "ca.key.pem", "root.key.pem", "master.json", "register.json"}


def test_an_authority_that_others_can_read_is_not_used(fleet):
    (fleet / "authority").chmod(0o750)
    with pytest.raises(provision.ProvisionError, match="open to others"):
        provision.create_vehicle(fleet, "v-one")
    assert row_count(fleet) == 0


def row_count(fleet):
    return len(keys.load(fleet).vehicles)


def test_neither_authority_nor_room_is_overwritten(fleet):
    before = (fleet / "authority" / "master.json").read_bytes()
    with pytest.raises(provision.ProvisionError, match="has a room already"):
        provision.create_fleet(fleet)
    (fleet / "room.json").unlink()
    with pytest.raises(provision.ProvisionError, match="is there already"):
        provision.create_fleet(fleet)
    assert (fleet / "authority" / "master.json").read_bytes() == before


def test_with_a_passphrase_no_secret_lies_open(sealed, tmp_path):
    folder = tmp_path / "fleet"
    shutil.copytree(sealed, folder)
    authority = authorities.Authority(folder, PASSPHRASE)
    authority.unlock()
    provision.create_room(folder, passphrase=PASSPHRASE)
    provision.create_vehicle(folder, "v-one", passphrase=PASSPHRASE)
    master = fleet_keys.read_master(folder / "authority" / "master.json", PASSPHRASE)
    for path in (folder / "authority").iterdir():
        text = path.read_text()
        assert master.hex() not in text and "BEGIN PRIVATE KEY" not in text
        assert "BEGIN EC PRIVATE KEY" not in text and "BEGIN RSA PRIVATE KEY" not in text
    assert keys.load(folder).vehicles["v-one"].psk == by_hand(master, "v-one", 1)
    # To look at it takes none; to change it takes the right one, before anything is changed.
    assert [row.vehicle for row in provision.list_vehicles(folder)] == ["v-one"]
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for wrong in (None, b"another passphrase"):
        for change in (
            lambda p: provision.create_vehicle(folder, "v-two", passphrase=p),
            lambda p: provision.rotate_vehicle(folder, "v-one", passphrase=p),
            lambda p: provision.rotate_room(folder, p),
            lambda p: provision.revoke_vehicle(folder, "v-one", p),
            lambda p: create_broker(folder, folder / "broker", passphrase=p),
            lambda p: provision.create_worker(folder, 2, p),
        ):
            with pytest.raises(provision.ProvisionError, match="passphrase"):
                change(wrong)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_sealed_master_secret_that_was_changed_does_not_open(tmp_path):
    path = tmp_path / "master.json"
    secret = bytes(range(32))
    fleet_keys.write_master(path, secret, PASSPHRASE)
    assert fleet_keys.read_master(path, PASSPHRASE) == secret
    raw = json.loads(path.read_text())
    for key in ("nonce", "sealed"):
        changed = bytes([int(raw[key][:2], 16) ^ 1]).hex() + raw[key][2:]
        path.write_text(json.dumps({**raw, key: changed}))
        with pytest.raises(provision.ProvisionError, match="wrong passphrase, or changed"):
            fleet_keys.read_master(path, PASSPHRASE)
    path.write_text(json.dumps({"secret": "00"}))
    with pytest.raises(provision.ProvisionError, match="32 bytes"):
        fleet_keys.read_master(path, None)
    # Cost is not taken from the file: it cannot make us spend hours.
    path.write_text(json.dumps({**raw, "scrypt": {**raw["scrypt"], "n": 1 << 40}}))
    assert fleet_keys.read_master(path, PASSPHRASE) == secret


def test_a_short_passphrase_is_refused(tmp_path):
    (tmp_path / "short").write_text("secret\n")
    with pytest.raises(provision.ProvisionError, match="at least 12"):
        fleet_keys.read_passphrase(tmp_path / "short")
    (tmp_path / "long").write_text("correct horse battery\nand another line\n")
    assert fleet_keys.read_passphrase(tmp_path / "long") == b"correct horse battery"


# What is derived and signed


def test_secrets_are_derived_by_vehicle_and_generation():
    master = bytes(range(32))
    seen = set()
    for vehicle in ("v-one", "v-on", "v-one1"):
        for generation in (0, 1, 2, 256, 65535):
            psk = fleet_keys.vehicle_psk(master, vehicle, generation)
            assert psk == by_hand(master, vehicle, generation)
            seen.add(psk)
    assert len(seen) == 15


def test_the_set_of_room_keys_is_signed_and_its_version_only_grows(fleet):
    authority = authorities.Authority(fleet)
    authority.unlock()
    public = authority.root_public
    assert isinstance(public, rsa.RSAPublicKey) and public.key_size == 3072
    versions, first = [], None
    for turn in range(3):
        raw = json.loads((fleet / "key-set.json").read_text())
        signed = bytes.fromhex(raw["signed"])
        # By another library, and by the vehicle's own code, with what its bundle gives it.
        form, document, signature = msgpack.unpackb(signed)
        public.verify(signature, b"pv1 room keys" + document, padding.PKCS1v15(), hashes.SHA256())
        version, found = msgpack.unpackb(document)
        taken = keyset.open_signed(signed, fleet_keys.modulus(public), turn)
        room = keys.load(fleet)
        current = [room.room_key_id, room.room_keys[room.room_key_id].public]
        assert found[0] == [taken.key_id, taken.public] == current
        assert {i: key for i, key in found} == {i: p.public for i, p in room.room_keys.items()}
        assert len(found) == turn + 1 and version == raw["version"] == taken.version and form == 1
        with pytest.raises(ReplayError):
            keyset.open_signed(signed, fleet_keys.modulus(public), version)
        versions.append(version)
        first = first or room.room_key_id
        provision.rotate_room(fleet)
    assert versions == [1, 2, 3]
    provision.retire_room_key(fleet, first.hex())
    assert json.loads((fleet / "key-set.json").read_text())["version"] == 5
    assert first not in keys.load(fleet).room_keys


def test_a_room_has_no_more_keys_than_a_vehicle_takes(fleet):
    for _ in range(keyset.MAX_KEYS - 1):
        provision.rotate_room(fleet)
    before = (fleet / "room.json").read_bytes()
    with pytest.raises(provision.ProvisionError, match="revoke old ones first"):
        provision.rotate_room(fleet)
    assert (fleet / "room.json").read_bytes() == before


def test_what_a_certificate_is_good_for(fleet):
    provision.create_vehicle(fleet, "v-one", days=10)
    create_broker(fleet, fleet / "broker")
    ca = authorities.Authority(fleet).certificate
    assert ca.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert isinstance(ca.public_key().curve, ec.SECP256R1)
    room = x509.load_pem_x509_certificate((fleet / "tls" / "room.1.pem").read_bytes())
    broker = x509.load_pem_x509_certificate((fleet / "broker" / "broker.pem").read_bytes())
    vehicle = certificate_of(fleet / "vehicles" / "v-one")
    client, server = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
    for certificate, name, usage in (
        (vehicle, "v-one", client),
        (room, "room.1", client),
        (broker, "broker.mqtt.example.org", server),
    ):
        certificate.verify_directly_issued_by(ca)
        assert certificate.subject.rfc4514_string() == f"CN={name}"
        get = certificate.extensions.get_extension_for_class
        assert list(get(x509.ExtendedKeyUsage).value) == [usage]
        assert not get(x509.BasicConstraints).value.ca
        assert isinstance(certificate.signature_hash_algorithm, hashes.SHA256)
    names = broker.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["mqtt.example.org"]
    left = vehicle.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(days=9.9) < left < datetime.timedelta(days=10)


# Bundles


@pytest.mark.parametrize(
    ("target", "where", "form"), [("pi", "/etc/patrol", "pem"), ("esp32", "/", "der")]
)
def test_the_bundle_of_a_gateway(fleet, tmp_path, target, where, form):
    out = tmp_path / "gateway.tar"
    _, path = provision.create_vehicle(fleet, "v-one", gps=("2", 9600), target=target)
    (path.parent / "journal").mkdir()
    (path.parent / "journal" / "t0000001").write_text("not for others")
    bundle.pack(path.parent, out)
    assert mode(out) == 0o600
    with tarfile.open(out) as tar:
        members = {member.name: member for member in tar}
        assert set(members) == {
            "config.json", "fleet-root.bin", f"tls/ca.{form}", f"tls/cert.{form}", f"tls/key.{form}"
        }  # fmt: skip
        assert all(m.mode == 0o600 and (m.uid, m.gid) == (0, 0) for m in members.values())
        content = {name: tar.extractfile(name).read() for name in members}
    raw = json.loads(content["config.json"])
    config.check(raw)
    tls = raw["mqtt"]["tls"]
    prefix = where.rstrip("/")
    assert tls["key"] == f"{prefix}/tls/key.{form}" and tls["ca"] == f"{prefix}/tls/ca.{form}"
    assert (raw["mqtt"]["host"], raw["mqtt"]["port"]) == ("mqtt.example.org", 8883)
    load_key, load_certificate = {
        "pem": (serialization.load_pem_private_key, x509.load_pem_x509_certificate),
        "der": (serialization.load_der_private_key, x509.load_der_x509_certificate),
    }[form]
    certificate = load_certificate(content[f"tls/cert.{form}"])
    key = load_key(content[f"tls/key.{form}"], None)
    assert certificate.public_key() == key.public_key()
    certificate.verify_directly_issued_by(load_certificate(content[f"tls/ca.{form}"]))
    authority = authorities.Authority(fleet)
    authority.unlock()
    n = int.from_bytes(content["fleet-root.bin"], "big")
    assert n == authority.root_public.public_numbers().n and len(content["fleet-root.bin"]) == 384


def test_a_bundle_holds_no_other_secret(fleet, tmp_path):
    provision.create_vehicle(fleet, "v-one", target="pi")
    provision.create_vehicle(fleet, "v-two", target="pi")
    bundle.pack(fleet / "vehicles" / "v-one", tmp_path / "one.tar")
    content = (tmp_path / "one.tar").read_bytes()
    room = keys.load(fleet)
    master = fleet_keys.read_master(fleet / "authority" / "master.json", None)
    secrets = [room.vehicles["v-two"].psk, master]
    secrets += [pair.private for pair in room.room_keys.values()]
    assert room.vehicles["v-one"].psk.hex().encode() in content
    for secret in secrets:
        assert secret.hex().encode() not in content and secret not in content


# Rotation and revocation


def test_a_vehicle_takes_the_sets_that_come_after_its_configuration(fleet):
    authority = authorities.Authority(fleet)
    authority.unlock()
    root = fleet_keys.modulus(authority.root_public)
    _, path = provision.create_vehicle(fleet, "v-one")

    def held():
        loaded = config.load(str(path))["keys"]
        assert roomkey.root(loaded["fleet_root"]) == root
        return loaded["key_set_version"]

    assert held() == 1
    provision.rotate_room(fleet)
    assert held() == 2 == json.loads((fleet / "key-set.json").read_text())["version"]
    provision.rotate_vehicle(fleet, "v-one")
    assert held() == 2


def test_a_vehicle_s_next_generation(fleet):
    _, path = provision.create_vehicle(fleet, "v-one")
    raw = json.loads(path.read_text())
    raw["reporting"] = {"profile": "pursuit"}  # by a technician's hand
    path.write_text(json.dumps(raw))
    first, certificate = keys.load(fleet).vehicles["v-one"], certificate_of(path.parent)
    assert provision.rotate_vehicle(fleet, "v-one") == (2, path)
    second = keys.load(fleet).vehicles["v-one"]
    master = fleet_keys.read_master(fleet / "authority" / "master.json", None)
    assert second.psk == by_hand(master, "v-one", 2) and second.older == {1: first.psk}
    assert second.of(1).psk == first.psk and second.of(2) is second and second.of(3) is None
    loaded = config.load(str(path))
    assert (loaded["keys"]["psk"], loaded["keys"]["psk_generation"]) == (second.psk, 2)
    assert loaded["reporting"]["profile"] == "pursuit"
    # The old certificate is good until it is revoked: the gateway still holds it.
    assert certificate_of(path.parent) != certificate and revoked_serials(fleet) == set()
    provision.revoke_generation(fleet, "v-one", 1)
    assert revoked_serials(fleet) == {certificate.serial_number}
    third = keys.load(fleet).vehicles["v-one"]
    assert third.older == {} and third.revoked == {1}
    for generation, text in ((2, "is in use"), (7, "never had")):
        with pytest.raises(provision.ProvisionError, match=text):
            provision.revoke_generation(fleet, "v-one", generation)


def test_a_revoked_vehicle_and_its_return(fleet):
    _, path = provision.create_vehicle(fleet, "v-one")
    provision.rotate_vehicle(fleet, "v-one")
    certificates = {row.serial for row in provision.list_certificates(fleet)
                    if row.kind == "vehicle"}  # fmt: skip
    psk = keys.load(fleet).vehicles["v-one"].psk
    assert provision.revoke_vehicle(fleet, "v-one") == 2
    assert provision.revoke_vehicle(fleet, "v-one") == 0
    room = keys.load(fleet)
    assert "v-one" not in room.vehicles and room.revoked == {"v-one"}
    assert {f"{n:x}" for n in revoked_serials(fleet)} == certificates
    assert psk.hex() not in (fleet / "room.json").read_text()
    assert row_of(fleet)["revoked_generations"] == [1]
    with pytest.raises(provision.ProvisionError, match="is there already"):
        provision.create_vehicle(fleet, "v-one")
    # Found again, set up anew: what was in others' hands stays refused.
    assert provision.rotate_vehicle(fleet, "v-one")[0] == 3
    secret = keys.load(fleet).vehicles["v-one"]
    assert secret.older == {} and secret.revoked == {1, 2}
    assert certificate_of(path.parent).serial_number not in revoked_serials(fleet)
    assert keys.load(fleet).revoked == set()


def test_a_new_room_key_overlaps_with_the_old(fleet):
    _, path = provision.create_vehicle(fleet, "v-one")
    provision.create_vehicle(fleet, "v-gone")
    provision.revoke_vehicle(fleet, "v-gone")
    gone = (fleet / "vehicles" / "v-gone" / "config.json").read_bytes()
    old = keys.load(fleet).room_key_id
    key_id, version, changed = provision.rotate_room(fleet)
    room = keys.load(fleet)
    assert room.room_key_id == key_id != old and set(room.room_keys) == {old, key_id}
    assert (version, changed) == (2, ["v-one"])
    loaded = config.load(str(path))["keys"]
    assert loaded["room_key_id"] == key_id
    assert loaded["room_public"] == room.room_keys[key_id].public
    assert (fleet / "vehicles" / "v-gone" / "config.json").read_bytes() == gone
    with pytest.raises(provision.ProvisionError, match="is in use"):
        provision.retire_room_key(fleet, key_id.hex())
    with pytest.raises(provision.ProvisionError, match="none of that id"):
        provision.retire_room_key(fleet, "00000000")
    provision.retire_room_key(fleet, old.hex())
    assert set(keys.load(fleet).room_keys) == {key_id}


def test_the_same_without_an_authority(tmp_path):
    provision.create_room(tmp_path)
    _, path = provision.create_vehicle(tmp_path, "v-one")
    first = keys.load(tmp_path).vehicles["v-one"].psk
    assert provision.rotate_vehicle(tmp_path, "v-one")[0] == 2
    secret = keys.load(tmp_path).vehicles["v-one"]
    assert secret.older == {1: first} and secret.psk != first
    assert config.load(str(path))["keys"]["psk"] == secret.psk
    assert provision.rotate_room(tmp_path)[1:] == (None, ["v-one"])
    assert provision.revoke_vehicle(tmp_path, "v-one") == 0
    assert keys.load(tmp_path).revoked == {"v-one"}
    assert not (tmp_path / "crl.pem").exists()
    for refused in (
        lambda: provision.create_worker(tmp_path, 2),
        lambda: create_broker(tmp_path, tmp_path / "broker"),
    ):
        with pytest.raises(provision.ProvisionError, match="no fleet authority"):
            refused()


def test_a_secret_that_would_be_nowhere_is_not_made(fleet):
    _, path = provision.create_vehicle(fleet, "v-one")
    before = (fleet / "room.json").read_bytes()
    path.unlink()
    with pytest.raises(provision.ProvisionError, match="is not here to change"):
        provision.rotate_vehicle(fleet, "v-one")
    assert (fleet / "room.json").read_bytes() == before


def test_the_room_takes_changes_without_a_restart(fleet):
    """What `serve` reads again every two seconds is whole at any time: it is replaced by name."""
    provision.create_vehicle(fleet, "v-one")
    inode = (fleet / "room.json").stat().st_ino
    provision.revoke_vehicle(fleet, "v-one")
    assert (fleet / "room.json").stat().st_ino != inode


def test_two_who_provision_at_the_same_time_lose_nothing(fleet):
    with ThreadPoolExecutor(4) as pool:
        names = list(pool.map(lambda _: provision.create_vehicle(fleet)[0], range(12)))
    assert set(keys.load(fleet).vehicles) == set(names) and len(set(names)) == 12
    issued = [row.name for row in provision.list_certificates(fleet) if row.kind == "vehicle"]
    assert sorted(issued) == sorted(names)


# The commands


def run(*arguments, **options):
    return CliRunner().invoke(app, [str(a) for a in arguments], **options)


def rows(*arguments):
    done = run("list", *arguments, "--json")
    assert done.exit_code == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_commands(tmp_path):
    folder = tmp_path / "room"
    (tmp_path / "passphrase").write_text(PASSPHRASE.decode() + "\n")
    wants = ("--dir", folder, "--passphrase-file", tmp_path / "passphrase")
    assert run("fleet", *wants).exit_code == 0
    assert run("room", *wants, "--broker-host", "mqtt.example.org").exit_code == 0
    assert keys.load(folder).mqtt.tls["cert"] == str(folder / "tls" / "room.1.pem")
    out = tmp_path / "one.tar"
    assert run("vehicle", "v-one", *wants, "--target", "esp32", "--out", out).exit_code == 0
    assert run("vehicle", "v-two", *wants, "--days", 30).exit_code == 0
    (one, two) = rows("--dir", folder)
    assert one["state"] == "active" and one["psk_generation"] == 1
    assert one["certificate_until"] > two["certificate_until"] > authorities.iso(authorities.utc())
    assert run("rotate", "v-one", *wants, "--out", out).exit_code == 0
    assert run("revoke", "v-one", "--generation", 1, *wants).exit_code == 0
    assert run("revoke", "v-two", *wants).exit_code == 0
    (one, two) = rows("--dir", folder)
    assert (one["psk_generation"], one["older_generations"]) == (2, [])
    assert one["revoked_generations"] == [1]
    assert (two["state"], two["certificate"], two["certificate_until"]) == ("revoked", None, None)
    states = {
        (r["name"], r["generation"]): r["state"] for r in rows("--dir", folder, "--certificates")
    }
    assert states == {
        ("room.1", None): "valid", ("v-one", 1): "revoked",
        ("v-one", 2): "valid", ("v-two", 1): "revoked",
    }  # fmt: skip
    old = keys.load(folder).room_key_id.hex()
    assert run("rotate", *wants).exit_code == 0
    assert [r["state"] for r in rows("--dir", folder, "--room-keys")] == ["current", "old"]
    assert run("revoke", "--room-key", old, *wants).exit_code == 0
    assert run("room", *wants, "--worker", 2).exit_code == 0
    assert run("broker", *wants, "--out", tmp_path / "broker", "--workers", 2).exit_code == 0
    assert run("bundle", "v-one", "--dir", folder, "--out", tmp_path / "again.tar").exit_code == 0
    for arguments, word in (
        ((), "v-one"),
        (("--room-keys",), "current"),
        (("--certificates",), "room.1"),
    ):
        shown = run("list", "--dir", folder, *arguments)
        assert shown.exit_code == 0 and word in shown.stdout


def test_workers_share_their_subscriptions_under_a_name_that_nobody_guesses(tmp_path):
    groups = []
    for name in ("one", "two"):
        folder = tmp_path / name
        make_fleet(folder, 8883, workers=1)
        assert keys.load(folder).mqtt.topics == keys.DEFAULT_TOPICS  # alone it needs no group
        provision.create_worker(folder, 2)
        topics = keys.load(folder).mqtt.topics
        group = topics[0].split("/")[1]
        assert topics == tuple(f"$share/{group}/{topic}" for topic in keys.DEFAULT_TOPICS)
        assert len(bytes.fromhex(group)) == 16
        provision.create_worker(folder, 3)
        provision.create_worker(folder, 1)
        assert keys.load(folder).mqtt.topics == topics  # all of a room have the same
        groups.append(group)
    assert groups[0] != groups[1]


def test_an_error_is_one_line_and_wrong_use_is_told_apart(fleet):
    wants = ("--dir", fleet)
    for arguments in (
        ("fleet", *wants),
        ("room", *wants),
        ("vehicle", "v-one", *wants, "--target", "phone"),
        ("rotate", "v-none", *wants),
        ("revoke", "v-none", *wants),
        ("revoke", "--room-key", "zz", *wants),
        ("bundle", "v-none", *wants, "--out", fleet / "x.tar"),
        ("list", "--dir", fleet / "absent"),
        ("broker", "--dir", fleet / "absent", "--out", fleet / "broker"),
        ("vehicle", *wants, "--passphrase-file", fleet / "absent"),
        ("room", *wants, "--worker", 0),
    ):
        done = run(*arguments)
        assert done.exit_code == 1 and done.stderr.count("\n") == 1, (arguments, done.stderr)
    for arguments in (
        ("revoke", *wants),
        ("revoke", "v-one", "--room-key", "00", *wants),
        ("revoke", "--generation", 1, *wants),
        ("rotate", *wants, "--out", "x.tar"),
        ("vehicle", *wants, "--days", 0),
        ("broker", *wants),
    ):
        assert run(*arguments).exit_code == 2, arguments


def test_help_has_examples():
    for name in ("fleet", "room", "vehicle", "bundle", "rotate", "revoke", "broker", "list"):
        done = run(name, "--help")
        assert done.exit_code == 0 and "Example: patrol provision" in done.stdout, name


def test_no_command_prints_a_secret(fleet):
    printed = ""
    for arguments in (
        ("vehicle", "v-one", "--target", "pi"),
        ("rotate", "v-one"),
        ("rotate",),
        ("list",),
        ("list", "--json"),
        ("list", "--room-keys", "--json"),
        ("revoke", "v-one", "--generation", 1),
    ):
        done = run(*arguments, "--dir", fleet)
        assert done.exit_code == 0, done.stderr
        printed += done.stdout + done.stderr
    room = keys.load(fleet)
    secrets = [pair.private for pair in room.room_keys.values()] + [room.vehicles["v-one"].psk]
    assert not any(secret.hex() in printed for secret in secrets)
    assert port.x25519(secrets[0]) == room.room_keys[keys.key_id(port.x25519(secrets[0]))].public
