"""The room's part: room.json, its key pair, and certificates for its workers."""

import secrets
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from agent import port
from tools.files import locked, private_folder, write_private
from tools.provision.authority import DAYS
from tools.provision.errors import ProvisionError
from tools.provision.files import KEY_SET, authority_of, named_errors, text
from tools.room import keys as room_keys

# Names of the room's workers at the broker. No vehicle's id has a dot: none can be taken for one.
WORKER = "room.%d"
MAX_WORKERS = 64
_TLS_PORT = 8883


def create_room(folder, mqtt=None, database="room.db", server_name=None, passphrase=None):
    """Writes `folder`/room.json with a new key pair; refuses to overwrite one.

    mqtt: keys of `mqtt` in room.json, defaults elsewhere; server_name: in the broker's certificate,
    where it is not its address. With a fleet authority the room gets a client certificate and the
    first signed set of room keys is written. Returns the checked RoomFile.
    """
    with named_errors(folder):
        path = Path(folder) / room_keys.FILE
        private = secrets.token_bytes(32)
        key_id = room_keys.key_id(port.x25519(private)).hex()
        raw = {
            "room_key_id": key_id,
            "room_keys": {key_id: private.hex()},
            "vehicles": {},
            "mqtt": {"host": "127.0.0.1", "port": 1883, **(mqtt or {})},
            "database": database,
        }
        checked = room_keys.check(raw, path)
        private_folder(folder)
        with locked(folder):
            if path.exists():
                raise ProvisionError(f"{path} is there already: its keys would be lost")
            authority = authority_of(folder, passphrase)
            is_certified = authority is not None and "tls" not in raw["mqtt"]
            if is_certified:
                raw["mqtt"]["port"] = (mqtt or {}).get("port", _TLS_PORT)
                raw["mqtt"]["tls"] = {**_names(1), "server_name": server_name}
                checked = room_keys.check(raw, path)
            if authority is not None:
                with authority.changing():
                    if is_certified:
                        _certify(folder, authority, 1, DAYS)
                    write_key_set(folder, authority, checked)
            write_private(path, text(raw))
    return checked


def create_worker(folder, number, passphrase=None, days=DAYS):
    """A certificate for another worker of the room, or a new one for the same: two that share one
    take the connection from each other. From the second one on they share their subscriptions.
    Returns {"ca", "cert", "key"}, relative to the folder."""
    if not 1 <= number <= MAX_WORKERS:
        raise ProvisionError(f"worker {number}: there may be 1 to {MAX_WORKERS}")
    authority_of(folder, is_wanted=True, is_to_change=False)
    with named_errors(folder), locked(folder):
        authority = authority_of(folder, passphrase)
        with authority.changing():
            _certify(folder, authority, number, days)
        if number > 1:
            _share(Path(folder) / room_keys.FILE)
    return _names(number)


def _share(path):
    """Gives the workers' subscriptions a group, unless room.json names topics of its own. Whoever
    knows a group's name can join it and take its messages away (mosquitto asks no ACL for it), so
    it is one that nobody guesses."""
    if not path.exists():
        return
    raw = room_keys.read(path)
    if "topics" in raw["mqtt"]:
        return
    group = secrets.token_hex(16)
    raw["mqtt"]["topics"] = [f"$share/{group}/{topic}" for topic in room_keys.DEFAULT_TOPICS]
    room_keys.check(raw, path)
    write_private(path, text(raw))


def _names(number):
    name = WORKER % number
    return {"ca": "tls/ca.pem", "cert": f"tls/{name}.pem", "key": f"tls/{name}.key.pem"}


def _certify(folder, authority, number, days):
    certificate, key = authority.issue(WORKER % number, "room", days)
    names = _names(number)
    private_folder(Path(folder) / "tls")
    pem = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    write_private(Path(folder) / names["ca"], authority.ca_pem)
    write_private(Path(folder) / names["key"], key.private_bytes(pem, *plain))
    write_private(Path(folder) / names["cert"], certificate.public_bytes(pem))


def write_key_set(folder, authority, room):
    """Signs the room keys that are in force, the current one first (within `changing`).

    The version grows with every set, whatever it holds: a vehicle never goes back."""
    version = authority.register["key_set_version"] + 1
    current = room.room_key_id
    ids = [current, *sorted(i for i in room.room_keys if i != current)]
    authority.register["key_set_version"] = version
    signed = authority.sign_key_set(version, [(i, room.room_keys[i].public) for i in ids])
    write_private(Path(folder) / KEY_SET, text({"version": version, "signed": signed.hex()}))
    return version
