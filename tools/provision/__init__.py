"""Identities: the room's keys, the vehicles' secrets and certificates, and the files around them.

`room.json` holds what the room must keep to itself; `vehicles/<id>/` what one vehicle needs. Both
are written for their owner alone. With a fleet authority in `authority/` (see `authority.py`) the
secrets are derived from its master secret, and rooms and vehicles get client certificates; without
one they are random, and the broker is reached as the caller says.
"""

from tools.provision.authority import DAYS
from tools.provision.errors import ProvisionError
from tools.provision.fleet import (
    create_fleet,
    retire_room_key,
    revoke_generation,
    revoke_vehicle,
    rotate_room,
    rotate_vehicle,
)
from tools.provision.inventory import list_certificates, list_room_keys, list_vehicles
from tools.provision.room import create_room, create_worker
from tools.provision.technicians import (
    create_technician,
    list_technicians,
    revoke_technician,
)
from tools.provision.vehicle import create_vehicle, suggest_id

__all__ = [
    "DAYS",
    "ProvisionError",
    "create_fleet",
    "create_room",
    "create_technician",
    "create_vehicle",
    "create_worker",
    "list_certificates",
    "list_room_keys",
    "list_technicians",
    "list_vehicles",
    "retire_room_key",
    "revoke_generation",
    "revoke_technician",
    "revoke_vehicle",
    "rotate_room",
    "rotate_vehicle",
    "suggest_id",
]
