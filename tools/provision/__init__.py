"""Identities: the room's key pair, the vehicles' secrets, and the configuration around them.

`room.json` holds what the room must keep to itself; `vehicles/<id>/config.json` what one vehicle
needs. Both are written for their owner alone.
"""

import json
import secrets
from pathlib import Path

from agent import config as agent_config
from agent import port
from tools.files import locked, private_folder, write_private
from tools.room import keys as room_keys

CONFIG = "config.json"
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"  # base32 (RFC 4648), in lower case
_ID_LETTERS = 8


class ProvisionError(Exception):
    """Nothing was written; one line that says why."""


def suggest_id():
    """An opaque id: nobody at the broker learns which car it is."""
    return "v-" + "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LETTERS))


def create_room(folder, mqtt=None, database="room.db"):
    """Writes `folder`/room.json with a new key pair; refuses to overwrite one.

    mqtt: keys of `mqtt` in room.json, defaults elsewhere. Returns the checked RoomFile.
    """
    private = secrets.token_bytes(32)
    key_id = room_keys.key_id(port.x25519(private)).hex()
    raw = {
        "room_key_id": key_id,
        "room_keys": {key_id: private.hex()},
        "vehicles": {},
        "mqtt": {"host": "127.0.0.1", "port": 1883, **(mqtt or {})},
        "database": database,
    }
    path = Path(folder) / room_keys.FILE
    checked = _check_room(raw, path)
    try:
        private_folder(folder)
        with locked(folder):
            if path.exists():
                raise ProvisionError(f"{path} is there already: its keys would be lost")
            write_private(path, _text(raw))
    except OSError as e:
        raise ProvisionError(f"{path}: {e.strerror}") from e
    return checked


def create_vehicle(
    folder, vehicle=None, *, gps=None, obd=None, journal=None, mqtt=None, generation=1
):
    """Adds a vehicle to room.json and writes `folder`/vehicles/<id>/config.json.

    vehicle: its id, or None for a new opaque one; gps, obd: (port, baud) or None where the part is
    absent; journal: folder on the vehicle, default `journal` beside the config; mqtt: keys of
    `mqtt` in the config, host and port default to the room's. Returns (id, path of the config).
    """
    vehicle = vehicle or suggest_id()
    if not room_keys.VEHICLE.fullmatch(vehicle):
        raise ProvisionError(f"vehicle {vehicle}: an id has 1 to 24 characters of a-z, 0-9 and -")
    room_path = Path(folder) / room_keys.FILE
    path = Path(folder) / "vehicles" / vehicle / CONFIG
    try:
        with locked(folder):
            raw = room_keys.read(room_path)
            room = room_keys.check(raw, room_path)
            if vehicle in room.vehicles:
                raise ProvisionError(f"vehicle {vehicle} is there already: its key would be lost")
            psk = secrets.token_bytes(32)
            config = {
                "vehicle": vehicle,
                "keys": {
                    "room_key_id": room.room_key_id.hex(),
                    "room_public": room.room_keys[room.room_key_id].public.hex(),
                    "psk": psk.hex(),
                    "psk_generation": generation,
                },
                "mqtt": _vehicle_mqtt(room.mqtt, mqtt or {}),
                "gps": None if gps is None else {"port": str(gps[0]), "baud": gps[1]},
                "obd": None if obd is None else {"port": str(obd[0]), "baud": obd[1]},
                "journal": {"dir": str(journal or path.parent.absolute() / "journal")},
            }
            agent_config.check(config)
            raw.setdefault("vehicles", {})[vehicle] = {"psk": psk.hex(), "generation": generation}
            room_keys.check(raw, room_path)
            # The vehicle's part first: a secret that only a file holds does no harm.
            private_folder(path.parent)
            write_private(path, _text(config))
            write_private(room_path, _text(raw))
    except OSError as e:
        raise ProvisionError(f"{e.filename or folder}: {e.strerror}") from e
    except (room_keys.KeysError, agent_config.ConfigError) as e:
        raise ProvisionError(str(e)) from e
    return vehicle, path


def list_vehicles(folder):
    """[(id, generation of its secret, path of its config or None)]. Raises ProvisionError."""
    try:
        room = room_keys.load(folder)
    except room_keys.KeysError as e:
        raise ProvisionError(str(e)) from e
    rows = []
    for vehicle, secret in sorted(room.vehicles.items()):
        path = Path(folder) / "vehicles" / vehicle / CONFIG
        rows.append((vehicle, secret.generation, path if path.exists() else None))
    return rows


def _vehicle_mqtt(room, changes):
    """The broker as the vehicle sees it. The room's own credentials are never handed on."""
    mqtt = {
        "host": room.host,
        "port": room.port,
        "username": None,
        "password": None,
        "keepalive_s": 60,
        "tls": None,
    }
    mqtt.update(changes)
    return mqtt


def _check_room(raw, path):
    try:
        return room_keys.check(raw, path)
    except room_keys.KeysError as e:
        raise ProvisionError(str(e)) from e


def _text(value):
    return json.dumps(value, indent=2) + "\n"
