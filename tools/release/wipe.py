"""Orders to erase a vehicle's secrets, as files: made, signed by two people, checked.

The file holds `[1, document, [[key id, signature], ...]]` from the first signature on; each signer
adds to it. See agent/update/wipe.py.
"""

from pathlib import Path

from agent import port
from agent.update import wipe
from agent.update.errors import UpdateError
from agent.update.manifest import split
from tools.files import write_private
from tools.release import ReleaseError, keys


def create(path, vehicle, generation, expires):
    """Writes an unsigned order. expires: UTC in seconds."""
    if Path(path).exists():
        raise ReleaseError(f"{path} is there already")
    _write(path, port.packb([1, vehicle, generation, expires]), [])


def sign(path, key):
    """Adds a signature; returns the key's id."""
    document, signatures = _read(path)
    name, signature = keys.sign(key, document, wipe.CONTEXT)
    if name in dict(signatures):
        raise ReleaseError(f"{path}: key {name.hex()} has signed already")
    _write(path, document, [*signatures, (name, signature)])
    return name


def show(path):
    """{"vehicle", "generation", "expires", "signatures"}; whether they hold vehicles say."""
    document, signatures = _read(path)
    _, vehicle, generation, expires = port.unpackb(document)
    return {
        "vehicle": vehicle,
        "generation": generation,
        "expires": expires,
        "signatures": [name.hex() for name, _ in signatures],
    }


def _read(path):
    try:
        return split(Path(path).read_bytes())
    except OSError as e:
        raise ReleaseError(f"{path}: {e.strerror}") from None
    except UpdateError as e:
        raise ReleaseError(f"{path}: no order to wipe: {e}") from None


def _write(path, document, signatures):
    try:
        write_private(path, port.packb([1, document, [list(s) for s in signatures]]))
    except OSError as e:
        raise ReleaseError(f"{path}: {e.strerror}") from None
