"""Provisioning: what is written, for whom, and that nothing is ever overwritten."""

import json
import re
import stat
import tarfile

import pytest
from typer.testing import CliRunner

from agent import config, port
from agent.comms import session as sessions
from agent.port.tree import Tree, new_hash
from agent.update import boot
from tests.support.rooms import T0, Car, acknowledged
from tools import provision
from tools.provision.command import app
from tools.release import build as builder
from tools.release import folder as releases
from tools.release import keys as release_keys
from tools.room import keys
from tools.room.core import Room
from tools.room.sqlite import SqliteStore


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_the_room_file(tmp_path):
    folder = tmp_path / "new" / "room"
    created = provision.create_room(folder, {"host": "mqtt.example.org"})
    room = keys.load(folder)
    assert room == created
    pair = room.room_keys[room.room_key_id]
    assert pair.public == port.x25519(pair.private)
    assert room.room_key_id == port.sha256(pair.public)[:4]
    assert (room.mqtt.host, room.mqtt.port) == ("mqtt.example.org", 1883)
    assert mode(folder / "room.json") == 0o600 and mode(folder) == 0o700
    assert pair.private.hex() not in repr(room)


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """(folder with three people's keys, folder of a release that two have signed)."""
    where = tmp_path_factory.mktemp("release")
    source = where / "source"
    (source / "agent").mkdir(parents=True)
    (source / "agent/__init__.py").write_text("# an agent\n")
    for name in ("first", "second", "third"):
        release_keys.create(where / "keys", name)
    builder.build(where / "r1", "pi", builder.Order("1", 1, 1, 1900000000, 1), source)
    for name in ("first", "second"):
        releases.sign(where / "r1", release_keys.load_private(where / f"keys/{name}.key"))
    releases.verify(where / "r1", release_keys.fleet_keys(where / "keys"))
    return where / "keys", where / "r1"


def test_a_vehicle_that_can_be_updated(tmp_path, release):
    people, r1 = release
    room = tmp_path / "room"
    words = ["vehicle", "v-one", "--dir", str(room), "--target", "pi", "--update-keys", str(people)]
    runner = CliRunner()
    assert runner.invoke(app, ["room", "--dir", str(room)]).exit_code == 0
    out = tmp_path / "v-one.tar"
    done = runner.invoke(app, [*words, "--release", str(r1), "--out", str(out)])
    assert done.exit_code == 0, done.output
    own = room / "vehicles/v-one"
    loaded = config.load(str(own / "config.json"))
    assert loaded["update"]["hardware"] == "pi"
    assert loaded["update"]["keys"] == "/etc/patrol/update-keys.bin"
    moduli = (own / "update-keys.bin").read_bytes()
    assert moduli == b"".join(
        release_keys.modulus(key) for key in release_keys.public_keys(people).values()
    )
    # The slots as the boot code wants them, and all of it in the bundle.
    assert boot.choose(Tree(str(own / "slots")), new_hash) == "a"
    assert boot.is_whole(Tree(str(own / "slots")), "a", new_hash)
    with tarfile.open(out) as tar:
        names = set(tar.getnames())
    assert {"config.json", "update-keys.bin", "slots/slotboot.py", "slots/slottree.py",
            "slots/a/whole", "slots/a/app/agent/__init__.py"} <= names  # fmt: skip
    assert not any(name.endswith(".key") for name in names)


def test_update_keys_beside_the_room_serve_who_says_the_board(tmp_path, release):
    people, r1 = release
    provision.create_room(tmp_path)
    (tmp_path / "update-keys").mkdir()
    for path in people.glob("*.pub"):
        (tmp_path / "update-keys" / path.name).write_bytes(path.read_bytes())
    _, path = provision.create_vehicle(tmp_path, "v-one", target="pi")
    assert json.loads(path.read_text())["update"]["hardware"] == "pi"
    _, path = provision.create_vehicle(tmp_path, "v-two", target="esp32", hardware="gateway-s3")
    update = json.loads(path.read_text())["update"]
    assert update == {"hardware": "gateway-s3", "keys": "/update-keys.bin"}
    _, path = provision.create_vehicle(tmp_path, "v-three", target="esp32")
    assert "update" not in json.loads(path.read_text())
    with pytest.raises(provision.ProvisionError, match="say which board it is"):
        provision.create_vehicle(tmp_path, "v-four", target="esp32", update_keys=people)
    with pytest.raises(provision.ProvisionError, match="wants update keys"):
        provision.create_vehicle(tmp_path, "v-five", release=r1)
    (tmp_path / "update-keys" / "third.pub").unlink()
    with pytest.raises(provision.ProvisionError, match="2 public keys"):
        provision.create_vehicle(tmp_path, "v-six", target="pi")
    assert sorted(keys.load(tmp_path).vehicles) == ["v-one", "v-three", "v-two"]


def test_a_room_is_never_overwritten(tmp_path):
    provision.create_room(tmp_path)
    before = (tmp_path / "room.json").read_bytes()
    with pytest.raises(provision.ProvisionError, match="is there already"):
        provision.create_room(tmp_path)
    assert (tmp_path / "room.json").read_bytes() == before


def test_the_vehicle_s_configuration_is_one_that_the_agent_takes(tmp_path):
    provision.create_room(tmp_path)
    name, path = provision.create_vehicle(
        tmp_path, "v-one", gps=("/dev/ttyS0", 9600), obd=("/dev/ttyS1", 38400), journal="/j"
    )
    assert name == "v-one" and path == tmp_path / "vehicles" / "v-one" / "config.json"
    loaded = config.load(str(path))
    room = keys.load(tmp_path)
    assert loaded["keys"]["psk"] == room.vehicles["v-one"].psk
    assert loaded["keys"]["room_public"] == room.room_keys[room.room_key_id].public
    assert (loaded["gps"]["port"], loaded["gps"]["baud"]) == ("/dev/ttyS0", 9600)
    raw = json.loads(path.read_text())
    assert set(raw) == {"vehicle", "keys", "mqtt", "gps", "obd", "journal"}
    assert raw["mqtt"] == {
        "host": "127.0.0.1", "port": 1883, "username": None, "password": None,
        "keepalive_s": 60, "tls": None,
    }  # fmt: skip
    assert mode(path) == 0o600 and mode(path.parent) == mode(path.parent.parent) == 0o700
    assert mode(tmp_path / "room.json") == 0o600


def test_a_provisioned_vehicle_and_its_room_understand_each_other(tmp_path):
    provision.create_room(tmp_path)
    name, path = provision.create_vehicle(tmp_path)
    room_file = keys.load(tmp_path)
    room = Room(SqliteStore(room_file.database), room_file)
    car = Car(name)
    car.identity = sessions.identity(config.load(str(path)))
    car.start()
    said = car.hear(room.handle([car.open(), car.frame((3, 0, 31, 5))], T0))
    assert acknowledged(said) == {car.session.sid: {0}}


def test_secrets_and_ids_differ(tmp_path):
    provision.create_room(tmp_path)
    names = [provision.create_vehicle(tmp_path)[0] for _ in range(5)]
    assert all(re.fullmatch("v-[a-z2-7]{8}", name) for name in names)
    secrets = [secret.psk for secret in keys.load(tmp_path).vehicles.values()]
    assert len(set(secrets)) == len(set(names)) == 5
    assert [row.vehicle for row in provision.list_vehicles(tmp_path)] == sorted(names)


def test_a_vehicle_is_never_overwritten(tmp_path):
    provision.create_room(tmp_path)
    _, path = provision.create_vehicle(tmp_path, "v-one")
    before = path.read_bytes(), (tmp_path / "room.json").read_bytes()
    with pytest.raises(provision.ProvisionError, match="v-one is there already"):
        provision.create_vehicle(tmp_path, "v-one")
    assert (path.read_bytes(), (tmp_path / "room.json").read_bytes()) == before


def test_what_the_agent_would_refuse_is_not_written(tmp_path):
    provision.create_room(tmp_path)
    for name, part in (("Upper", None), ("x" * 25, None), ("v-one", ("/dev/x", 17)), ("..", None)):
        with pytest.raises(provision.ProvisionError):
            provision.create_vehicle(tmp_path, name, gps=part)
    assert keys.load(tmp_path).vehicles == {} and not (tmp_path / "vehicles").exists()


def test_the_room_s_password_stays_the_room_s(tmp_path):
    provision.create_room(tmp_path, {"username": "room", "password": "secret of the room"})
    _, path = provision.create_vehicle(tmp_path, "v-one", mqtt={"username": "v-one"})
    assert "secret of the room" not in path.read_text()
    assert config.load(str(path))["mqtt"]["username"] == "v-one"


def changed(tmp_path, **changes):
    path = tmp_path / "room.json"
    raw = json.loads(path.read_text())
    for key, value in changes.items():
        raw[key] = value
    return raw, path


def vehicle(**row):
    return {"vehicles": {"v": {"psk": "11" * 32, "generation": 2, **row}}}


BAD = (
    ("unknown key colour", {"colour": 1}),
    ("room_keys.00000000", {"room_keys": {"00000000": "11" * 32}}),
    ("room_keys.zz", {"room_keys": {"zz": "11" * 32}}),
    ("room_key_id", {"room_key_id": "00000000"}),
    ("vehicles.V", {"vehicles": {"V": {"psk": "11" * 32, "generation": 1}}}),
    ("vehicles.v.psk must be of 32", {"vehicles": {"v": {"psk": "c0ffee", "generation": 1}}}),
    ("vehicles.v.psk must be hex", {"vehicles": {"v": {"psk": "my secret", "generation": 1}}}),
    ("vehicles.v.generation", {"vehicles": {"v": {"psk": "11" * 32, "generation": -1}}}),
    ("vehicles.v.psk is missing", {"vehicles": {"v": {"generation": 1}}}),
    ("vehicles.v.x", {"vehicles": {"v": {"psk": "11" * 32, "generation": 1, "x": 0}}}),
    ("vehicles.v.older.2", vehicle(older={"2": "11" * 32})),
    ("vehicles.v.older.01", vehicle(older={"01": "11" * 32})),
    ("vehicles.v.older.1 must be of 32", vehicle(older={"1": "c0ffee"})),
    (r"vehicles.v.revoked_generations\[0\]", vehicle(revoked_generations=[2])),
    (r"vehicles.v.revoked_generations\[1\]", vehicle(revoked_generations=[0, True])),
    (r"revoked_generations\[0\]", vehicle(older={"1": "11" * 32}, revoked_generations=[1])),
    ("vehicles.v.revoked must be", vehicle(revoked=1)),
    ("mqtt must be", {"mqtt": []}),
    ("mqtt.port", {"mqtt": {"port": 0}}),
    ("mqtt.clean_session", {"mqtt": {"clean_session": 1}}),
    (r"mqtt.topics\[0\]", {"mqtt": {"topics": [5]}}),
    ("mqtt.topics must not be empty", {"mqtt": {"topics": []}}),
    ("mqtt.tls.ca is missing", {"mqtt": {"tls": {}}}),
    ("mqtt.tls: cert and key", {"mqtt": {"tls": {"ca": "x", "cert": "y"}}}),
    ("database", {"database": 1}),
)


@pytest.mark.parametrize(("text", "changes"), BAD)
def test_a_wrong_key_is_named_and_no_secret_shown(tmp_path, text, changes):
    provision.create_room(tmp_path)
    with pytest.raises(keys.KeysError, match=text) as caught:
        keys.check(*changed(tmp_path, **changes))
    assert "room.json" in str(caught.value)
    assert "c0ffee" not in str(caught.value) and "my secret" not in str(caught.value)


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def test_the_commands(tmp_path):
    assert run("room", "--dir", tmp_path, "--broker-port", 1884).exit_code == 0
    again = run("room", "--dir", tmp_path)
    assert again.exit_code == 1 and again.stderr.count("\n") == 1
    made = run("vehicle", "v-one", "--dir", tmp_path, "--gps", "/dev/g", "--gps-baud", 4800)
    assert made.exit_code == 0
    loaded = config.load(str(tmp_path / "vehicles" / "v-one" / "config.json"))
    assert loaded["mqtt"]["port"] == 1884 and loaded["gps"]["baud"] == 4800
    assert loaded["obd"] is None
    assert run("vehicle", "--dir", tmp_path).exit_code == 0
    rows = [
        json.loads(line) for line in run("list", "--dir", tmp_path, "--json").stdout.splitlines()
    ]
    assert len(rows) == 2
    psk = keys.load(tmp_path).vehicles["v-one"].psk.hex()
    assert "v-one" in run("list", "--dir", tmp_path).stdout and psk not in str(rows)
    assert run("vehicle", "v-two", "--dir", tmp_path / "absent").exit_code == 1
    assert run("vehicle", "v-two").exit_code == 2
    assert run("vehicle", "v-two", "--dir", tmp_path, "--tls-cert", "x").exit_code == 2


def test_a_vehicle_for_a_board_has_its_pins_and_its_ways_to_the_network(tmp_path):
    provision.create_room(tmp_path / "room", {"host": "mqtt.example.org"})
    (tmp_path / "nets.json").write_text('[{"ssid": "depot", "password": "a long key"}]')
    (tmp_path / "sim.json").write_text('{"apn": "internet", "pin": "4711"}')
    command = ["vehicle", "v-1", "--dir", str(tmp_path / "room"), "--board", "gateway-s3"]
    ways = ["--wifi", str(tmp_path / "nets.json"), "--lte", str(tmp_path / "sim.json")]
    done = CliRunner().invoke(app, [*command, *ways, "--out", str(tmp_path / "g.tar")])
    assert done.exit_code == 0, done.output
    assert "4711" not in done.output and "a long key" not in done.output
    with tarfile.open(tmp_path / "g.tar") as tar:
        written = json.load(tar.extractfile("config.json"))
    assert written["gps"]["port"] == "uart1:18:17" and written["obd"]["port"] == "uart2:40:39"
    assert written["journal"]["dir"] == "/journal"  # an ESP32's
    assert written["inputs"] == {"ignition": "7", "panic": "!14", "power_fail": "!15"}
    assert written["power"]["watchdog"] == "42"
    uplink = config.check(written)["uplink"]
    assert uplink["order"] == ["wifi", "lte"] and uplink["lte"]["port"] == "uart0:48:47"
    assert uplink["lte"]["enable"] == "i2c:9:8:32:2" and uplink["lte"]["apn"] == "internet"


def test_a_breadboard_without_the_cars_wires(tmp_path):
    provision.create_room(tmp_path, {"host": "mqtt.example.org"})
    command = ["vehicle", "v-1", "--dir", str(tmp_path), "--board", "devkit_s3", "--no-inputs"]
    done = CliRunner().invoke(app, [*command, "--obd", "none", "--gps", "uart1:1:2"])
    assert done.exit_code == 0, done.output
    written = json.loads((tmp_path / "vehicles/v-1/config.json").read_text())
    assert written["gps"]["port"] == "uart1:1:2" and written["obd"] is None
    assert not {"inputs", "power", "uplink"} & set(written)


@pytest.mark.parametrize(
    "options, text",
    [
        (["--board", "toaster"], "board toaster: there are devkit_esp32"),
        (["--board", "devkit_esp32", "--lte", "sim"], "lte: no modem's port"),
        (["--board", "gateway-s3", "--wifi", "sim"], "must hold a list of networks"),
        (["--board", "gateway-s3", "--wifi", "short"], "uplink.wifi.networks[0].password must be"),
        (["--board", "gateway-s3", "--lte", "nothing"], "nothing: No such file"),
        (["--board", "gateway-s3", "--lte", "text"], "text is no JSON"),
    ],
)
def test_a_vehicle_for_a_board_that_cannot_be(tmp_path, options, text):
    provision.create_room(tmp_path / "room", {"host": "mqtt.example.org"})
    (tmp_path / "sim").write_text('{"apn": "internet"}')
    (tmp_path / "short").write_text('[{"ssid": "depot", "password": "hunter2"}]')
    (tmp_path / "text").write_text("apn=internet")
    words = [str(tmp_path / w) if options[i - 1] in ("--lte", "--wifi") else w
             for i, w in enumerate(options)]  # fmt: skip
    done = CliRunner().invoke(app, ["vehicle", "v-1", "--dir", str(tmp_path / "room"), *words])
    assert done.exit_code == 1 and text in done.output and "hunter2" not in done.output
    assert not (tmp_path / "room/vehicles/v-1").exists()
