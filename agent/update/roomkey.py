"""The room key that this vehicle seals its sessions to: the configuration's, or a newer set's.

A set comes by order, signed by the fleet root (`keyset.py`). The configuration names the version of
the set that its own key was in: a technician who brings a newer one must not be overruled by what
an order stored before.
"""

from agent.update import keyset
from agent.update.errors import UpdateError
from agent.update.rsa import SIZE


class RootError(UpdateError):
    """The fleet root that the configuration names cannot be used, or it names none."""


def root(text):
    """384 bytes: the modulus of `keys.fleet_root`, itself or the path of its file."""
    if text is None:
        raise RootError("room keys: there is no keys.fleet_root in the configuration")
    if len(text) == 2 * SIZE:
        try:
            return bytes.fromhex(text)
        except ValueError:
            pass  # a path of that length: as good as any
    try:
        with open(text, "rb") as f:
            data = f.read(SIZE + 1)
    except OSError as e:
        raise RootError("room keys: %s cannot be read: error %s" % (text, e.args[0]))
    if len(data) != SIZE:
        raise RootError("room keys: %s is not of %d bytes" % (text, SIZE))
    return data


def held(keys, storage):
    """The stored KeySet that goes before the configuration's key, or None. keys: the group `keys`.
    Raises port.StorageError, UpdateError."""
    if keyset.NAME not in storage.names():
        return None
    found = keyset.load(storage, root(keys["fleet_root"]))
    return found if found is not None and found.version > keys["key_set_version"] else None


def take(keys, storage, signed):
    """The KeySet of an order, stored: in force from the next session on. Raises the same."""
    modulus = root(keys["fleet_root"])
    version = keys["key_set_version"]
    try:
        stored = keyset.load(storage, modulus)
    except UpdateError:
        stored = None  # gone bad: the new one takes its place
    if stored is not None:
        version = max(version, stored.version)
    found = keyset.open_signed(signed, modulus, version)
    keyset.store(storage, found)
    return found
