"""The room's folder as provisioning sees it: room.json read, changed and written as one step."""

import contextlib
import json
from pathlib import Path

from agent import config as agent_config
from tools.files import locked, write_private
from tools.provision import authority as authorities
from tools.provision import bundle
from tools.provision.errors import ProvisionError
from tools.room import keys as room_keys

KEY_SET = "key-set.json"  # signed; the newest
CRL = "crl.pem"


def text(value):
    return json.dumps(value, indent=2) + "\n"


@contextlib.contextmanager
def named_errors(folder):
    """What goes wrong is told as a ProvisionError."""
    try:
        yield
    except OSError as e:
        raise ProvisionError(f"{e.filename or folder}: {e.strerror}") from e
    except (room_keys.KeysError, agent_config.ConfigError) as e:
        raise ProvisionError(str(e)) from e


@contextlib.contextmanager
def changing(folder):
    """Yields (parsed room.json, RoomFile) under the folder's lock. `save(folder, raw)` writes it;
    nothing is written by itself."""
    path = Path(folder) / room_keys.FILE
    with named_errors(folder):
        if not Path(folder).is_dir():
            raise ProvisionError(f"{path} cannot be read: no such folder")
        with locked(folder):
            raw = room_keys.read(path)
            yield raw, room_keys.check(raw, path)


def save(folder, raw):
    """room.json, if it is a sound one."""
    path = Path(folder) / room_keys.FILE
    room_keys.check(raw, path)
    write_private(path, text(raw))


def authority_of(folder, passphrase=None, is_wanted=False, is_to_change=True):
    """The Authority in the folder, or None (an error where it is wanted). Who is to change what it
    keeps calls this under the folder's lock, and learns now that the passphrase is wrong."""
    if authorities.exists(folder):
        authority = authorities.Authority(folder, passphrase)
        if is_to_change:
            authority.unlock()
        return authority
    if is_wanted:
        raise ProvisionError(f"{folder}: no fleet authority; `patrol provision fleet` makes one")
    return None


def vehicle_folder(folder, vehicle):
    return Path(folder) / "vehicles" / vehicle


def known(room, vehicle):
    """Raises ProvisionError unless the room knows the vehicle, revoked or not."""
    if vehicle not in room.vehicles and vehicle not in room.revoked:
        raise ProvisionError(f"vehicle {vehicle}: the room does not know it")


def update_config(folder, vehicle, change):
    """`change(config)` on the vehicle's configuration, where it lies here; what a technician has
    changed in it stays. Returns its path, or None."""
    path = vehicle_folder(folder, vehicle) / bundle.CONFIG
    if not path.is_file():
        return None
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        change(config)
        agent_config.check(config)
    except (ValueError, KeyError, TypeError, agent_config.ConfigError) as e:
        raise ProvisionError(f"{path}: {e}") from e
    write_private(path, text(config))
    return path
