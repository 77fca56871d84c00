"""What there is: vehicles, room keys, certificates, with their states. No secret, no passphrase."""

import datetime
import json
from dataclasses import dataclass
from pathlib import Path

from tools.provision import bundle
from tools.provision.authority import utc
from tools.provision.files import KEY_SET, authority_of, named_errors, vehicle_folder
from tools.room import keys as room_keys


@dataclass(frozen=True)
class Vehicle:
    """state: "active" or "revoked"; certificate_until: ISO 8601 or None without a valid one."""

    vehicle: str
    state: str
    psk_generation: int
    older_generations: tuple
    revoked_generations: tuple
    certificate: str | None  # serial number, hex
    certificate_until: str | None
    config: Path | None


@dataclass(frozen=True)
class RoomKey:
    """state: "current" or "old" (it opens what was sealed to it)."""

    room_key: str
    state: str
    key_set_version: int | None  # of the newest signed set, where there is an authority


@dataclass(frozen=True)
class Certificate:
    """state: "valid", "revoked" or "expired"."""

    name: str
    kind: str
    serial: str
    until: str
    generation: int | None
    state: str


def list_vehicles(folder):
    """[Vehicle] by id. Raises ProvisionError."""
    with named_errors(folder):
        path = Path(folder) / room_keys.FILE
        raw = room_keys.read(path)
        room_keys.check(raw, path)
        newest = {}
        for row in list_certificates(folder):
            if row.kind == "vehicle" and row.state == "valid":
                newest[row.name] = row
        rows = []
        for name, row in sorted(raw.get("vehicles", {}).items()):
            config = vehicle_folder(folder, name) / bundle.CONFIG
            certificate = newest.get(name)
            rows.append(
                Vehicle(
                    name,
                    "revoked" if row.get("revoked") else "active",
                    row["generation"],
                    tuple(sorted(int(n) for n in row.get("older", {}))),
                    tuple(row.get("revoked_generations", [])),
                    certificate.serial if certificate else None,
                    certificate.until if certificate else None,
                    config if config.exists() else None,
                )
            )
        return rows


def list_room_keys(folder):
    """[RoomKey], the current one first. Raises ProvisionError."""
    with named_errors(folder):
        room = room_keys.load(folder)
        version = None
        path = Path(folder) / KEY_SET
        if path.exists():
            version = json.loads(path.read_text(encoding="utf-8"))["version"]
        ids = sorted(room.room_keys, key=lambda i: (i != room.room_key_id, i))
        states = ["current" if i == room.room_key_id else "old" for i in ids]
        return [RoomKey(i.hex(), s, version) for i, s in zip(ids, states, strict=True)]


def list_certificates(folder):
    """[Certificate] in the order of their issue; empty without an authority."""
    authority = authority_of(folder, is_to_change=False)
    if authority is None:
        return []
    now = utc()
    return [
        Certificate(
            row["name"], row["kind"], row["serial"], row["not_after"], row["generation"],
            _state(row, now),
        )
        for row in authority.certificates()
    ]  # fmt: skip


def _state(row, now):
    if row["revoked"] is not None:
        return "revoked"
    return "valid" if now <= datetime.datetime.fromisoformat(row["not_after"]) else "expired"
