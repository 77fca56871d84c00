"""room.json: the room's private keys, the vehicles' secrets, the broker and the data base.

    {"room_key_id": "1f2e3d4c",                      of new vehicles
     "room_keys": {"1f2e3d4c": "<64 hex>"},          private X25519 keys by id
     "vehicles": {"v-abc": {"psk": "<64 hex>", "generation": 2,
                            "older": {"1": "<64 hex>"},      still open: a backlog may need it
                            "revoked_generations": [0]},
                  "v-def": {"generation": 1, "revoked": "2026-05-04T08:00:00Z"}},
     "mqtt": {"host": "127.0.0.1", "port": 1883, ...},
     "database": "room.db"}                          relative to the file's folder, as TLS files are

A wrong key is named in the error; a secret's value never is.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from agent import port

FILE = "room.json"
VEHICLE = re.compile(r"[a-z0-9-]{1,24}")
DEFAULT_TOPICS = ("p1/+/s", "p1/+/a", "p1/+/t", "p1/+/b", "p1/+/p")
MAX_GENERATION = 65535  # two bytes on the wire
_REQUIRED = object()


class KeysError(Exception):
    """room.json cannot be used; the text names the file and the key."""


@dataclass(frozen=True, slots=True)
class RoomKey:
    """One key pair of the room."""

    private: bytes
    public: bytes


@dataclass(frozen=True, slots=True)
class Secret:
    """A vehicle's pre-shared key and which one it is; those before it that still open a backlog
    (generation -> key), and those that open nothing any more."""

    psk: bytes = field(repr=False)
    generation: int
    older: dict = field(default_factory=dict, repr=False)
    revoked: frozenset = frozenset()

    def of(self, generation):
        """Secret of that generation, or None where it opens nothing here."""
        if generation == self.generation:
            return self
        psk = self.older.get(generation)
        return None if psk is None else Secret(psk, generation)


@dataclass(frozen=True, slots=True)
class Mqtt:
    host: str
    port: int
    client_id: str
    username: str | None
    password: str | None
    keepalive_s: int
    clean_session: bool
    topics: tuple
    tls: dict | None  # ca, cert, key, server_name


@dataclass(frozen=True, slots=True)
class RoomFile:
    """All of room.json, checked."""

    room_key_id: bytes
    room_keys: dict = field(repr=False)  # id (4 bytes) -> RoomKey
    vehicles: dict = field(repr=False)  # vehicle -> Secret, without those that are revoked
    mqtt: Mqtt
    database: Path
    revoked: frozenset = frozenset()  # vehicles that nothing is taken from any more

    def why_not(self, vehicle, generation):
        """The counter of a session open whose key is not there."""
        secret = self.vehicles.get(vehicle)
        if secret is None:
            return "revoked" if vehicle in self.revoked else "unknown_vehicle"
        return "revoked" if generation in secret.revoked else "wrong_generation"


def key_id(public):
    """The 4 bytes that name a room key."""
    return port.sha256(public)[:4]


def load(folder):
    """RoomFile of a folder's room.json. Raises KeysError."""
    path = Path(folder) / FILE
    return check(read(path), path)


def read(path):
    """The parsed JSON object. Raises KeysError."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as e:
        raise KeysError(f"{path} cannot be read: {e.strerror}") from e
    except ValueError as e:
        raise KeysError(f"{path} is no JSON: {e}") from e


def check(raw, path):
    """RoomFile of a parsed room.json. Raises KeysError."""
    try:
        return _room(raw, Path(path).parent)
    except KeysError as e:
        raise KeysError(f"{path}: {e}") from e


def _room(raw, folder):
    _group(raw, "", ("room_key_id", "room_keys", "vehicles", "mqtt", "database"))
    keys = {}
    for name, value in _get(raw, "", "room_keys", dict).items():
        private = _hex(value, f"room_keys.{name}", 32)
        pair = RoomKey(private, port.x25519(private))
        if _hex(name, f"room_keys.{name}", 4) != key_id(pair.public):
            raise KeysError(f"room_keys.{name}: the key has another id")
        keys[key_id(pair.public)] = pair
    current = _hex(_get(raw, "", "room_key_id", str), "room_key_id", 4)
    if current not in keys:
        raise KeysError(f"room_key_id: {current.hex()} is not in room_keys")
    vehicles = {}
    revoked = set()
    for name, value in _get(raw, "", "vehicles", dict, {}).items():
        if not VEHICLE.fullmatch(name):
            raise KeysError(f"vehicles.{name}: an id has 1 to 24 characters of a-z, 0-9 and -")
        secret = _secret(value, f"vehicles.{name}.")
        if secret is None:
            revoked.add(name)
        else:
            vehicles[name] = secret
    mqtt = _mqtt(_get(raw, "", "mqtt", dict), folder)
    database = folder / _get(raw, "", "database", str, "room.db")
    return RoomFile(current, keys, vehicles, mqtt, database, frozenset(revoked))


def _secret(raw, prefix):
    """Secret of a vehicle, or None where it is revoked."""
    _group(raw, prefix, ("psk", "generation", "older", "revoked_generations", "revoked"))
    generation = _int(raw, prefix, "generation", 0, MAX_GENERATION)
    older = {}
    for name, value in _get(raw, prefix, "older", dict, {}).items():
        if not _is_generation(name) or int(name) >= generation:
            raise KeysError(f"{prefix}older.{name}: no generation before {generation}")
        older[int(name)] = _hex(value, f"{prefix}older.{name}", 32)
    revoked = _get(raw, prefix, "revoked_generations", list, [])
    for i, n in enumerate(revoked):
        if not isinstance(n, int) or isinstance(n, bool) or n in older or not 0 <= n < generation:
            where = f"{prefix}revoked_generations[{i}]"
            raise KeysError(f"{where} must be a generation before {generation} that is not open")
    if _optional(raw, prefix, "revoked") is not None:
        return None
    psk = _hex(_get(raw, prefix, "psk", str), prefix + "psk", 32)
    return Secret(psk, generation, older, frozenset(revoked))


def _is_generation(text):
    return text.isascii() and text.isdigit() and len(text) <= 5 and str(int(text)) == text


def _mqtt(raw, folder):
    prefix = "mqtt."
    _group(raw, prefix, Mqtt.__slots__)
    topics = _get(raw, prefix, "topics", list, list(DEFAULT_TOPICS))
    for i, topic in enumerate(topics):
        if not isinstance(topic, str) or not topic:
            raise KeysError(f"mqtt.topics[{i}] must be a topic filter")
    if not topics:
        raise KeysError("mqtt.topics must not be empty")
    return Mqtt(
        _get(raw, prefix, "host", str, "127.0.0.1"),
        _int(raw, prefix, "port", 1, 65535, 1883),
        _get(raw, prefix, "client_id", str, "room"),
        _optional(raw, prefix, "username"),
        _optional(raw, prefix, "password"),
        _int(raw, prefix, "keepalive_s", 5, 3600, 60),
        _get(raw, prefix, "clean_session", bool, False),
        tuple(topics),
        _tls(raw.get("tls"), folder),
    )


def _tls(raw, folder):
    if raw is None:
        return None
    prefix = "mqtt.tls."
    _group(raw, prefix, ("ca", "cert", "key", "server_name"))
    tls = {name: _optional(raw, prefix, name) for name in ("cert", "key", "server_name")}
    tls["ca"] = _get(raw, prefix, "ca", str)
    if (tls["cert"] is None) != (tls["key"] is None):
        raise KeysError("mqtt.tls: cert and key go together")
    for name in ("ca", "cert", "key"):
        if tls[name] is not None:
            tls[name] = str(folder / tls[name])
    return tls


def _group(raw, prefix, known):
    if not isinstance(raw, dict):
        raise KeysError(f"{prefix[:-1] or 'the file'} must be an object")
    for key in raw:
        if key not in known:
            raise KeysError(f"unknown key {prefix}{key}; known are {', '.join(known)}")


def _get(raw, prefix, key, kind, default=_REQUIRED):
    value = raw.get(key, default)
    if value is _REQUIRED:
        raise KeysError(f"key {prefix}{key} is missing")
    if not isinstance(value, kind):
        names = {dict: "an object", str: "a text", list: "a list", bool: "true or false"}
        raise KeysError(f"{prefix}{key} must be {names[kind]}")
    return value


def _optional(raw, prefix, key):
    return None if raw.get(key) is None else _get(raw, prefix, key, str)


def _int(raw, prefix, key, low, high, default=_REQUIRED):
    value = raw.get(key, default)
    if value is _REQUIRED:
        raise KeysError(f"key {prefix}{key} is missing")
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise KeysError(f"{prefix}{key} must be an integer within {low} to {high}")
    return value


def _hex(value, name, size):
    try:
        data = bytes.fromhex(value)
    except (ValueError, TypeError):
        raise KeysError(f"{name} must be hexadecimal text") from None
    if len(data) != size:
        raise KeysError(f"{name} must be of {size} bytes, not {len(data)}")
    return data
