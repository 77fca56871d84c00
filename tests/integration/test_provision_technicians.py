"""Technicians: a key pair, vehicles that know it, a console that opens by it, and the way back."""

import json
import stat
import tarfile

import pytest
from typer.testing import CliRunner

from agent import config as agent_config
from agent import port
from agent.tables import Table
from tests.support import micropython
from tests.support.brokers import Iotcore
from tests.support.system import VEHICLE, System
from tests.support.terminals import Terminal
from tools import provision
from tools.cli import app
from tools.console import keys as console_keys
from tools.release import ReleaseError
from tools.release import build as builder
from tools.release import keys as release_keys

SECRET = "a long passphrase"


def patrol(*words, code=0):
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == code, (words, done.output)
    return done.output


@pytest.fixture
def room(tmp_path):
    folder = tmp_path / "room"
    provision.create_room(folder)
    return folder


def config_of(room, vehicle):
    return json.loads((room / "vehicles" / vehicle / "config.json").read_text())


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A folder with the key pair of a technician who made it himself."""
    folder = tmp_path_factory.mktemp("own")
    console_keys.create(folder, "bench-2")
    return folder


def test_a_key_pair_is_made_outside_the_room_and_sealed(room, tmp_path):
    passphrase = tmp_path / "passphrase"
    passphrase.write_text(SECRET + "\n")
    words = ("provision", "technician", "tech", "--dir", room, "--role", "danger",
             "--key-passphrase-file", passphrase)  # fmt: skip
    inside = patrol(*words, "--key-dir", room / "keys", code=1)
    assert "does not stay in the room" in inside and not (room / "technicians.json").exists()
    said = patrol(*words, "--key-dir", tmp_path / "keys")
    assert "tech: role danger; 0 configurations changed" in said
    private = tmp_path / "keys/tech.key"
    assert b"ENCRYPTED" in private.read_bytes() and stat.S_IMODE(private.stat().st_mode) == 0o600
    release_keys.load_private(private, SECRET.encode())
    kept = "".join(p.read_text() for p in room.glob("*.json"))
    assert "PRIVATE" not in kept
    assert "is there already" in patrol(*words, "--key-dir", tmp_path / "more", code=1)
    assert not (tmp_path / "more/tech.key").exists()


def test_vehicles_know_all_technicians_or_those_that_are_named(room, pair, tmp_path):
    modulus = (pair / "bench-2.modulus").read_bytes()
    add = ("provision", "technician", "--dir", room, "--public", pair / "bench-2.pub")
    patrol(*add, "bench-2")
    patrol(*add, "look-only", "--role", "look")
    make = ("provision", "vehicle", "--dir", room)
    patrol(*make, "v-all", "--target", "esp32", "--out", tmp_path / "all.tar")
    patrol(*make, "v-one", "--target", "pi", "--technician", "bench-2")
    wrong = patrol(*make, "v-none", "--technician", "nobody", code=1)
    assert "technician nobody: the room has none of that name" in wrong
    assert not (room / "vehicles/v-none").exists()
    assert config_of(room, "v-all")["console"] == {
        "port": "usb",
        "technicians": [
            {"name": "bench-2", "role": "service", "modulus": "/technicians/bench-2.modulus"},
            {"name": "look-only", "role": "look", "modulus": "/technicians/look-only.modulus"},
        ],
    }
    assert config_of(room, "v-one")["console"] == {
        "socket": "/run/patrol/console",
        "technicians": [{
            "name": "bench-2", "role": "service",
            "modulus": "/etc/patrol/technicians/bench-2.modulus",
        }],
    }  # fmt: skip
    with tarfile.open(tmp_path / "all.tar") as tar:
        assert tar.extractfile("technicians/bench-2.modulus").read() == modulus
        assert not [name for name in tar.getnames() if name.endswith((".key", ".pub"))]


def test_the_console_s_line_and_language_are_the_target_s_or_as_said(room):
    make = ("provision", "vehicle", "--dir", room)
    patrol(*make, "v-1", "--target", "esp32", "--console", "uart0:3:1", "--console-language", "fr")
    patrol(*make, "v-2", "--target", "pi", "--console", "/dev/ttyGS0", "--console-charset", "utf-8")
    patrol(*make, "v-3", "--target", "esp32", "--console", "none")
    patrol(*make, "v-4")
    assert "language" in patrol(*make, "v-5", "--console-language", "xx", code=1)
    assert config_of(room, "v-1")["console"] == {"port": "uart0:3:1", "language": "fr"}
    assert config_of(room, "v-2")["console"] == {
        "socket": "/run/patrol/console", "port": "/dev/ttyGS0", "charset": "utf-8",
    }  # fmt: skip
    assert config_of(room, "v-3")["console"] == {"port": None, "socket": None}
    assert "console" not in config_of(room, "v-4") and not (room / "vehicles/v-5").exists()
    for name in ("v-1", "v-2", "v-3", "v-4"):
        agent_config.check(config_of(room, name))


def test_one_who_comes_later_is_admitted_and_one_who_goes_is_dropped(room, pair, tmp_path):
    make = ("provision", "vehicle", "--dir", room)
    patrol(*make, "v-1", "--target", "pi")
    patrol(*make, "v-2", "--target", "esp32", "--console", "none")
    patrol(*make, "v-3", "--install-dir", tmp_path / "there")
    add = ("provision", "technician", "bench-2", "--dir", room, "--public", pair / "bench-2.pub")
    assert "2 configurations changed: v-1, v-2" in patrol(*add, "--vehicle", "v-1", "--vehicle",
                                                           "v-2")  # fmt: skip
    rows = [config_of(room, v).get("console", {}).get("technicians") for v in ("v-1", "v-2", "v-3")]
    assert [row and row[0]["modulus"] for row in rows] == [
        "/etc/patrol/technicians/bench-2.modulus", "/technicians/bench-2.modulus", None,
    ]  # fmt: skip
    modulus = room / "vehicles/v-1/technicians/bench-2.modulus"
    assert modulus.read_bytes() == (pair / "bench-2.modulus").read_bytes()
    (row,) = [
        json.loads(line)
        for line in patrol(
            "provision", "list", "--technicians", "--dir", room, "--json"
        ).splitlines()
    ]
    assert row["state"] == "active" and row["vehicles"] == ["v-1", "v-2"]

    revoke = ("provision", "revoke", "--technician", "bench-2", "--dir", room)
    said = patrol(*revoke)
    key_id = port.sha256((pair / "bench-2.modulus").read_bytes())[:8].hex()
    assert f"bench-2: key {key_id} is revoked: v-1, v-2" in said
    assert config_of(room, "v-1")["console"]["technicians"] == [] and not modulus.exists()
    assert "none of that name" in patrol(*revoke, code=1)
    # The same key never comes back; another one does, under the same name.
    assert "this key is revoked" in patrol(*add, code=1)
    patrol("provision", "technician", "bench-2", "--dir", room, "--key-dir", tmp_path / "new")
    shown = patrol("provision", "list", "--technicians", "--dir", room)
    assert "revoked" in shown and "active" in shown and key_id in shown


def test_only_keys_that_a_vehicle_takes(room, tmp_path):
    (tmp_path / "bad.pub").write_text("no key")
    add = ("provision", "technician", "--dir", room)
    assert "no public key" in patrol(*add, "a", "--public", tmp_path / "bad.pub", code=1)
    assert "role root" in patrol(*add, "a", "--role", "root", code=1)
    assert "24 characters" in patrol(*add, "a" * 25, code=1)
    assert "letters, digits" in patrol(*add, "a/b", "--key-dir", tmp_path, code=1)
    (room / "technicians.json").write_text('{"technicians": {"a": {}}, "revoked": []}')
    assert "is no list of technicians" in patrol(*add, "b", code=1)


def test_a_release_carries_the_revoked_keys(room, pair, tmp_path):
    patrol("provision", "technician", "bench-2", "--dir", room, "--public", pair / "bench-2.pub")
    patrol("provision", "revoke", "--technician", "bench-2", "--dir", room)
    key_id = port.sha256((pair / "bench-2.modulus").read_bytes())[:8].hex()
    patrol("release", "build", "--target", "pi", "--counter", "2", "--generation", "2", "--out",
           tmp_path / "r2", "--technicians", room / "technicians.json")  # fmt: skip
    table = Table(str(tmp_path / "r2/app/agent/console/revoked.txt"))
    assert table.find(key_id) == "-" and table.find("0" * 16) is None
    files = builder.collect("pi")
    again = builder.with_revoked(builder.with_revoked(files, ["ff" * 8]), ["ee" * 8, "ff" * 8])
    lines = again["agent/console/revoked.txt"].decode().splitlines()
    assert lines[1:] == ["ee" * 8 + " -", "ff" * 8 + " -"]
    assert builder.with_revoked(files, []) == files
    with pytest.raises(ReleaseError, match="knows no revoked"):
        builder.with_revoked({}, ["ff" * 8])


def boots(system):
    return [fields for name, fields in system.events() if name == "boot"]


class Staffed(System):
    """A System whose vehicle is made after its technician."""

    def _vehicle(self, **options):
        words = ("provision", "technician", "tech", "--dir", self.room_folder, "--role", "danger")
        (self.folder / "passphrase").write_text(SECRET + "\n")
        sealed = ("--key-passphrase-file", self.folder / "passphrase")
        patrol(*words, "--key-dir", self.folder / "keys", *sealed)
        return super()._vehicle(**options)


@pytest.mark.parametrize("interpreter", ("cpython", "micropython"))
def test_from_the_key_to_a_command_that_takes_a_role(tmp_path, interpreter):
    """Technician, vehicle, agent, log-in, a dangerous command; then he is revoked."""
    if interpreter == "micropython" and micropython.find() is None:
        pytest.skip(micropython.HOW_TO_GET_IT)
    terminal = Terminal()
    access = ("--key", tmp_path / "keys/tech.key", "--passphrase", tmp_path / "passphrase")
    with Iotcore() as broker:
        system = Staffed(tmp_path, interpreter, broker.port, console={"port": terminal.path})
        try:
            system.begin()
            with terminal.relayed() as path:
                told = patrol("console", path, "--command", "restart", code=1)
                assert "restart takes the role danger" in told
                # Another's key is none, whatever name is said.
                console_keys.create(tmp_path / "others", "tech")
                wrong = ("--key", tmp_path / "others/tech.key", "--as", "tech")
                assert "wrong answer" in patrol("console", path, *wrong, "-c", "ping", code=1)
                system.wait(lambda: ("console", ["tech", "login refused"]) in system.events(), 20,
                            "word of it at the room")  # fmt: skip
                said = patrol("console", path, *access, "--as", "tech", "-c", "restart", "--json")
            assert json.loads(said) is None
            if interpreter == "cpython":  # it starts itself anew
                system.wait(lambda: len(boots(system)) == 2, 30, "the restart")
                system.stop_agent()
            else:
                assert system.exit_code() == 75
            told = [fields for name, fields in system.events() if name == "console"]
            assert told[1:3] == [["tech", "login danger"], ["tech", "restart"]], told
            said = patrol("provision", "revoke", "--technician", "tech", "--dir",
                          system.room_folder)  # fmt: skip
            assert VEHICLE in said
            system.start_agent()
            terminal.settle()
            assert "no technician may log in as that" in terminal.ask("login tech")
        finally:
            system.close()
            terminal.close()
