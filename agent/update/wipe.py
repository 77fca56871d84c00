"""The order to erase a vehicle's secrets: signed by two of the three update keys, taken once.

    signed   [1, document, [[key id, signature], ...]]
    document [1, vehicle, generation, expires]          expires: UTC in seconds

The signature is over "pv1 wipe" and the document, so that none for another purpose fits. The number
of the generation is stored before anything is told or erased, and only grows: an old order is never
taken again, also not by a gateway that was set up anew. Until all is erased it is stored as due: a
power cut does not save the secrets.

Erased are the configuration (over it lies a line that says so), the client's keys and the settings
that came from afar. The journal stays: what is sealed in it nobody can open but the room, and it
is delivered if the gateway is found and set up again.
"""

import json

from agent import port
from agent.update import manifest
from agent.update.errors import (
    ExpiredError,
    ManifestFormatError,
    ReplayError,
    RoomTimeError,
    VehicleError,
)

CONTEXT = b"pv1 wipe"
MAX_SIGNED = 1300  # three signatures of 384 bytes, the document, and what msgpack takes
# Of the file: [generation, what is due], the latter the generation of the secret to be erased, or
# null. A gateway that is set up anew has another secret, and nothing is due.
NAME = "wipe"
SETTINGS = "settings"  # of `agent/settings.py`: may hold a password
_MAX_NUMBER = (1 << 32) - 1


def state(storage):
    """(last generation, what is due or None); (0, None) where there was none. What cannot be read
    counts as none. Raises port.StorageError."""
    if NAME not in storage.names():
        return 0, None
    try:
        generation, due = json.loads(storage.read(NAME, 0, 64))
    except (ValueError, TypeError):
        return 0, None
    return generation, due


def open_signed(signed, keys, vehicle, held, utc_s):
    """The order's generation. held: the last one taken; utc_s: the room's time in seconds, None
    while it is not known. Raises an UpdateError."""
    if len(signed) > MAX_SIGNED:
        raise ManifestFormatError("%d bytes" % len(signed))
    document, signatures = manifest.split(signed)
    for _ in keys.quorum_steps(signatures, CONTEXT + document):
        pass
    try:
        values = port.unpackb(document)
    except (ValueError, TypeError):
        values = None
    if type(values) is not list or len(values) != 4 or values[0] != 1:
        raise ManifestFormatError("no order to wipe of this version")
    _, name, generation, expires = values
    if type(generation) is not int or not 0 < generation <= _MAX_NUMBER or type(expires) is not int:
        raise ManifestFormatError("generation or expiry")
    if name != vehicle:
        raise VehicleError("it is for another vehicle")
    if utc_s is None:
        raise RoomTimeError("the room's time is not known")
    if utc_s >= expires:
        raise ExpiredError("it expired %d minutes ago" % ((utc_s - expires) // 60))
    if generation <= held:
        raise ReplayError("generation %d is no newer than %d" % (generation, held))
    return generation


def take(storage, generation, psk_generation):
    """It is due from here on, whatever happens. Raises port.StorageError."""
    storage.replace(NAME, json.dumps([generation, psk_generation]).encode())


def erase(storage, path, config, generation):
    """Erases; path: of the configuration. As much as can be is erased; raises port.StorageError for
    the first that could not."""
    files = []
    for group in [config["mqtt"]] + list(config["mqtt"]["brokers"]):  # noqa: RUF005
        if group["tls"] and group["tls"]["key"] and group["tls"]["key"] not in files:
            files.append(group["tls"]["key"])
    files.append(config["journal"]["dir"] + "/" + SETTINGS)
    refused = None
    for name in files:
        try:
            storage.shred(name)
        except port.StorageError as e:
            refused = refused or e
    # After them: it leads to them, and the agent never starts again once it is gone.
    storage.overwrite(path, json.dumps({"wiped": generation}).encode())
    storage.replace(NAME, json.dumps([generation, None]).encode())
    if refused:
        raise refused
