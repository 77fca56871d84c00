"""Technicians: who may log in at the vehicles' consoles, by the public half of a key of his own.

`technicians.json` in the room's folder holds names, roles and public keys; no private one ever lies
there. A vehicle's bundle has `technicians/NAME.modulus` of those that may, and its configuration
says what each may do. Who is revoked is dropped from the configurations that lie here; gateways
that nobody visits learn it with their next release (`patrol release build --technicians`).
"""

import json
from dataclasses import dataclass
from pathlib import Path

from agent.console.levels import ROLES
from agent.update import rsa as update_rsa
from tools.console import ConsoleError
from tools.console import keys as console_keys
from tools.files import private_folder, write_private
from tools.provision import authority as authorities
from tools.provision import bundle
from tools.provision.errors import ProvisionError
from tools.provision.files import changing, named_errors, text, update_config, vehicle_folder
from tools.release import ReleaseError
from tools.release import keys as release_keys

FILE = "technicians.json"
MAX = 16  # that a vehicle's configuration takes


@dataclass(frozen=True)
class Technician:
    """state: "active" or "revoked"; since: ISO 8601, of that state; vehicles: that admit him."""

    name: str
    role: str | None
    state: str
    since: str
    key_id: str
    vehicles: tuple


def load(folder):
    """{"technicians": {name: row}, "revoked": [row]} of the room's folder. Raises
    ProvisionError."""
    return read(Path(folder) / FILE, is_wanted=False)


def read(path, is_wanted=True):
    """The same of a file."""
    path = Path(path)
    if not is_wanted and not path.exists():
        return {"technicians": {}, "revoked": []}
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        for row in raw["technicians"].values():
            if len(bytes.fromhex(row["modulus"])) != update_rsa.SIZE or row["role"] not in ROLES:
                raise ValueError("a row is none")
        for row in raw["revoked"]:
            if len(bytes.fromhex(row["key_id"])) != update_rsa.KEY_ID_SIZE:
                raise ValueError("a row is none")
    except OSError as e:
        raise ProvisionError(f"{path}: {e.strerror}") from e
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise ProvisionError(f"{path} is no list of technicians: {e}") from e
    return raw


def create_technician(
    folder, name, role="service", *, keys=".", passphrase=None, public=None, vehicles=()
):
    """Registers a technician with a new key pair in the folder `keys`, or with the public key in
    the file `public`, and admits him to vehicles whose configuration lies here: their ids, or None
    for all. Returns (path of the private key or None, ids of the changed vehicles)."""
    if role not in ROLES:
        raise ProvisionError(f"role {role}: there are {', '.join(ROLES)}")
    with changing(folder) as (_, room):
        known = load(folder)
        if name in known["technicians"]:
            raise ProvisionError(f"technician {name} is there already: revoke him first")
        wanted = sorted(room.vehicles) if vehicles is None else list(vehicles)
        for vehicle in wanted:
            if vehicle not in room.vehicles:
                raise ProvisionError(f"vehicle {vehicle}: the room does not know it")
        private, modulus = _pair(folder, name, keys, passphrase, public)
        key_id = update_rsa.key_id(modulus).hex()
        if key_id in [row["key_id"] for row in known["revoked"]]:
            raise ProvisionError(f"technician {name}: this key is revoked, make another")
        row = {"role": role, "modulus": modulus.hex(), "key_id": key_id, "since": _now()}
        known["technicians"][name] = row
        write_private(Path(folder) / FILE, text(known))
        changed = [v for v in wanted if _admit(folder, v, {name: row})]
    return private, changed


def _pair(folder, name, keys, passphrase, public):
    """(path of the private key, None where it is his own; the modulus)"""
    if len(name) > 24:
        raise ProvisionError(f"technician {name}: a name has 24 characters at most")
    try:
        if public is not None:
            key = release_keys.load_public(public)
            return None, release_keys.modulus(key)
        if Path(keys).resolve().is_relative_to(Path(folder).resolve()):
            raise ProvisionError(f"{keys}: a technician's private key does not stay in the room")
        path = console_keys.create(keys, name, passphrase)
        return path.with_suffix(".key"), path.with_suffix(".modulus").read_bytes()
    except (ReleaseError, ConsoleError) as e:
        raise ProvisionError(str(e)) from e


def revoke_technician(folder, name):
    """He gets in nowhere that learns of it. Returns (key id, ids of the vehicles whose
    configuration here has changed)."""
    with changing(folder):
        known = load(folder)
        row = known["technicians"].pop(name, None)
        if row is None:
            raise ProvisionError(f"technician {name}: the room has none of that name")
        known["revoked"].append({"name": name, "key_id": row["key_id"], "at": _now()})
        write_private(Path(folder) / FILE, text(known))
        changed = []
        for own in sorted((Path(folder) / "vehicles").glob("*")):
            if _drop(folder, own.name, name):
                changed.append(own.name)
    return row["key_id"], changed


def list_technicians(folder):
    """[Technician] by name, the revoked ones last. Raises ProvisionError."""
    with named_errors(folder):
        known = load(folder)
        rows = [
            Technician(
                name, row["role"], "active", row["since"], row["key_id"],
                _vehicles_of(folder, name),
            )
            for name, row in sorted(known["technicians"].items())
        ]  # fmt: skip
        gone = [
            Technician(row["name"], None, "revoked", row["at"], row["key_id"], ())
            for row in known["revoked"]
        ]
        return rows + gone


def chosen(folder, names):
    """{name: row} of these technicians, of all where names is None. Raises ProvisionError."""
    known = load(folder)["technicians"]
    for name in names or ():
        if name not in known:
            raise ProvisionError(f"technician {name}: the room has none of that name")
    found = {name: known[name] for name in (sorted(known) if names is None else names)}
    if len(found) > MAX:
        raise ProvisionError(f"{len(found)} technicians: a vehicle takes {MAX}; say which")
    return found


def rows_of(found, install_dir):
    """`console.technicians` of the configuration of a gateway whose files lie there."""
    return [
        {"name": name, "role": row["role"],
         "modulus": str(Path(install_dir) / bundle.TECHNICIANS / f"{name}.modulus")}
        for name, row in sorted(found.items())
    ]  # fmt: skip


def write_moduli(own, found):
    """Into a vehicle's folder."""
    if found:
        private_folder(own / bundle.TECHNICIANS)
    for name, row in found.items():
        path = own / bundle.TECHNICIANS / f"{name}.modulus"
        write_private(path, bytes.fromhex(row["modulus"]))


def _admit(folder, vehicle, found):
    own = vehicle_folder(folder, vehicle)

    def add(config):
        rows = config.setdefault("console", {}).setdefault("technicians", [])
        rows[:] = [row for row in rows if row["name"] not in found]
        rows += rows_of(found, bundle.place_of(config, own))

    if not (own / bundle.CONFIG).is_file():
        return False
    # The file first: a configuration that names one that is not there lets nobody in.
    write_moduli(own, found)
    return update_config(folder, vehicle, add) is not None


def _drop(folder, vehicle, name):
    if name not in _admitted(folder, vehicle):
        return False

    def drop(config):
        rows = config["console"]["technicians"]
        rows[:] = [row for row in rows if row["name"] != name]

    update_config(folder, vehicle, drop)
    (vehicle_folder(folder, vehicle) / bundle.TECHNICIANS / f"{name}.modulus").unlink(
        missing_ok=True
    )
    return True


def _admitted(folder, vehicle):
    path = vehicle_folder(folder, vehicle) / bundle.CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        return [row["name"] for row in config.get("console", {}).get("technicians", [])]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise ProvisionError(f"{path}: {e}") from e


def _vehicles_of(folder, name):
    folders = sorted((Path(folder) / "vehicles").glob("*"))
    return tuple(own.name for own in folders if name in _admitted(folder, own.name))


def _now():
    return authorities.iso(authorities.utc())
