"""What happens to identities over time: made, rotated, revoked.

Nothing that a vehicle may still have sealed becomes unreadable by a rotation: the old room key and
the vehicle's older generations go on opening until they are revoked, one by one, by their name.
"""

import secrets
from pathlib import Path

from agent import port
from agent.update.keyset import MAX_KEYS
from tools.files import locked, private_folder, write_private
from tools.provision import authority as authorities
from tools.provision import bundle, keys
from tools.provision.authority import DAYS
from tools.provision.errors import ProvisionError
from tools.provision.files import (
    CRL,
    authority_of,
    changing,
    known,
    named_errors,
    save,
    update_config,
    vehicle_folder,
)
from tools.provision.room import write_key_set
from tools.provision.vehicle import certify, key_group, new_psk
from tools.room import keys as room_keys


def create_fleet(folder, passphrase=None):
    """A fleet authority in `folder`/authority, before there is a room. Raises ProvisionError."""
    with named_errors(folder):
        private_folder(folder)
        with locked(folder):
            if (Path(folder) / room_keys.FILE).exists():
                text = "has a room already, whose secrets no authority gave: take a new folder"
                raise ProvisionError(f"{folder} {text}")
            authority = authorities.create(folder, passphrase)
            with authority.changing():
                write_crl(folder, authority)
    return authority


def rotate_room(folder, passphrase=None):
    """A new room key that vehicles seal to from now on; those before it still open.

    The configurations that lie here name the new key. Returns (key id, version of the signed set
    or None without an authority, ids of the vehicles whose configuration was changed)."""
    private = secrets.token_bytes(32)
    key_id = room_keys.key_id(port.x25519(private))
    with changing(folder) as (raw, _):
        authority = authority_of(folder, passphrase)
        if authority is not None and len(raw["room_keys"]) >= MAX_KEYS:
            why = f"the room has {MAX_KEYS} keys, more no vehicle takes: revoke old ones first"
            raise ProvisionError(why)
        raw["room_keys"][key_id.hex()] = private.hex()
        raw["room_key_id"] = key_id.hex()
        # The room knows the key before any vehicle does.
        save(folder, raw)
        room = room_keys.check(raw, Path(folder) / room_keys.FILE)
        version = None
        if authority is not None:
            with authority.changing():
                version = write_key_set(folder, authority, room)

        def name_new_key(config):
            config["keys"]["room_key_id"] = key_id.hex()
            config["keys"]["room_public"] = room.room_keys[key_id].public.hex()
            if version is not None:
                config["keys"]["fleet_root"] = keys.modulus(authority.root_public).hex()
                config["keys"]["key_set_version"] = version

        changed = [v for v in sorted(room.vehicles) if update_config(folder, v, name_new_key)]
    return key_id, version, changed


def retire_room_key(folder, name, passphrase=None):
    """An old room key (its id in hex) opens nothing any more, and is gone."""
    with changing(folder) as (raw, room):
        authority = authority_of(folder, passphrase)
        if name == room.room_key_id.hex():
            raise ProvisionError(f"room key {name} is in use: rotate first")
        if name not in raw["room_keys"]:
            raise ProvisionError(f"room key {name}: the room has none of that id")
        del raw["room_keys"][name]
        save(folder, raw)
        if authority is not None:
            room = room_keys.check(raw, Path(folder) / room_keys.FILE)
            with authority.changing():
                write_key_set(folder, authority, room)


def rotate_vehicle(folder, vehicle, days=DAYS, passphrase=None):
    """The next generation of a vehicle's secret, and a new certificate; also of a revoked one.

    Older generations that were not revoked still open. Returns (generation, path of the changed
    configuration)."""
    with changing(folder) as (raw, room):
        authority = authority_of(folder, passphrase)
        known(room, vehicle)
        if not (vehicle_folder(folder, vehicle) / bundle.CONFIG).is_file():
            # The new secret would be nowhere but in the room.
            raise ProvisionError(f"vehicle {vehicle}: its {bundle.CONFIG} is not here to change")
        row = raw["vehicles"][vehicle]
        generation = row["generation"] + 1
        if generation > room_keys.MAX_GENERATION:
            raise ProvisionError(f"vehicle {vehicle}: it has no generation left")
        psk = new_psk(authority, vehicle, generation)
        raw["vehicles"][vehicle] = _next(row, psk, generation)
        room = room_keys.check(raw, Path(folder) / room_keys.FILE)
        form = []

        def take_new_key(config):
            form.append(bundle.form_of(config))
            config["keys"] = key_group(room, psk, generation, authority)

        # The room knows the secret before the vehicle does.
        save(folder, raw)
        path = update_config(folder, vehicle, take_new_key)
        if authority is not None and form[0] is not None:
            with authority.changing():
                certify(folder, authority, vehicle, form[0], generation, days)
    return generation, path


def _next(row, psk, generation):
    """The vehicle's row of room.json with a new secret."""
    older = dict(row.get("older", {}))
    revoked = list(row.get("revoked_generations", []))
    if "revoked" in row:
        revoked.append(row["generation"])
    else:
        older[str(row["generation"])] = row["psk"]
    new = {"psk": psk.hex(), "generation": generation}
    if older:
        new["older"] = older
    if revoked:
        new["revoked_generations"] = sorted(set(revoked))
    return new


def revoke_vehicle(folder, vehicle, passphrase=None):
    """The room takes nothing from the vehicle any more, and brokers refuse its certificates.
    Doing it again is no error. Returns how many certificates were revoked."""
    with changing(folder) as (raw, room):
        authority = authority_of(folder, passphrase)
        known(room, vehicle)
        row = raw["vehicles"][vehicle]
        if "revoked" not in row:
            gone = {*row.get("revoked_generations", []), *map(int, row.get("older", {}))}
            raw["vehicles"][vehicle] = {
                "generation": row["generation"],
                "revoked_generations": sorted(gone),
                "revoked": authorities.iso(authorities.utc()),
            }
            save(folder, raw)
        return _revoke(folder, authority, lambda row: row["name"] == vehicle)


def revoke_generation(folder, vehicle, generation, passphrase=None):
    """An older secret opens nothing any more, not even a backlog; its certificates are revoked."""
    with changing(folder) as (raw, room):
        authority = authority_of(folder, passphrase)
        known(room, vehicle)
        row = raw["vehicles"][vehicle]
        if generation == row["generation"] and "revoked" not in row:
            text = "is in use: rotate first, or revoke the vehicle"
            raise ProvisionError(f"vehicle {vehicle}: generation {generation} {text}")
        if str(generation) in row.get("older", {}):
            del row["older"][str(generation)]
            row["revoked_generations"] = sorted({*row.get("revoked_generations", []), generation})
            save(folder, raw)
        elif generation not in row.get("revoked_generations", []):
            raise ProvisionError(f"vehicle {vehicle}: it never had a generation {generation}")
        return _revoke(
            folder,
            authority,
            lambda row: row["name"] == vehicle and row["generation"] == generation,
        )


def _revoke(folder, authority, is_meant):
    if authority is None:
        return 0
    with authority.changing():
        rows = [row for row in authority.certificates(kind="vehicle") if is_meant(row)]
        count = authority.revoke(rows)
        write_crl(folder, authority)
    return count


def write_crl(folder, authority):
    """The newest list, here and in the brokers' folders that are there (within `changing`)."""
    crl = authority.crl()
    write_private(Path(folder) / CRL, crl)
    for broker in authority.register["brokers"]:
        if Path(broker).is_dir():
            write_private(Path(broker) / CRL, crl)
