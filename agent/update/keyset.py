"""The room's public keys, as the fleet root signs them: which one a vehicle seals its sessions to.

    signed   [1, document, signature]               signature: 384 bytes, RSA-3072 (see rsa.py)
    document [version, [[key id, public key], ...]]  the first key is the one to seal to

The signature is over "pv1 room keys" and the document, so that none for another purpose fits. The
version only grows: an old set, with a key that has been stolen since, is never taken again. The set
is stored as it came and verified again when it is read: a medium that has gone bad gives no key.
"""

from agent import port
from agent.const import const
from agent.update.errors import ManifestFormatError, ReplayError, SignatureError
from agent.update.rsa import SIZE, verify

CONTEXT = b"pv1 room keys"
MAX_KEYS = 16  # a room that rotates each month keeps the keys of a year
MAX_SIGNED = 1200  # 16 keys of 39 bytes, the signature, and what msgpack takes
NAME = "room-keys"  # of the file
_MAX_VERSION = const((1 << 32) - 1)


class KeySet:
    """`version`, `key_id` (4 bytes) and `public` (32) of the key in force; `signed` as it came."""

    __slots__ = ("version", "key_id", "public", "signed")


def _need(is_so, what):
    if not is_so:
        raise ManifestFormatError("room keys: " + what)


def _list(data, fields, what):
    try:
        values = port.unpackb(data)
    except (ValueError, TypeError):
        raise ManifestFormatError("room keys: %s is no msgpack" % what)
    _need(type(values) is list and len(values) == fields, what)
    return values


def open_signed(signed, modulus, held):
    """KeySet of the signed bytes. modulus: of the fleet root, 384 bytes; held: version of the set
    that is in force, 0 for none. Raises ManifestFormatError, SignatureError, ReplayError."""
    _need(0 < len(signed) <= MAX_SIGNED, "%d bytes" % len(signed))
    signed = bytes(signed)
    form, document, signature = _list(signed, 3, "signed set")
    is_sound = type(document) is bytes and type(signature) is bytes and len(signature) == SIZE
    _need(form == 1 and is_sound, "signed set")
    # Nothing of the document is looked at before this holds.
    if not verify(int.from_bytes(modulus, "big"), signature, CONTEXT + document):
        raise SignatureError("room keys: not signed by this fleet's root")
    version, keys = _list(document, 2, "set")
    _need(type(version) is int and 0 < version <= _MAX_VERSION, "version")
    _need(type(keys) is list and 0 < len(keys) <= MAX_KEYS, "keys")
    for key in keys:
        _need(type(key) is list and len(key) == 2, "key")
        _need(type(key[0]) is bytes and type(key[1]) is bytes and len(key[1]) == 32, "key")
        _need(key[0] == port.sha256(key[1])[:4], "a key has another id")
    if version <= held:
        raise ReplayError("room keys: set %d is no newer than set %d" % (version, held))
    found = KeySet()
    found.version = version
    found.key_id, found.public = keys[0]
    found.signed = signed
    return found


def store(storage, key_set):
    """In force from the next session on, also after a power cut. Raises port.StorageError."""
    storage.replace(NAME, key_set.signed)


def load(storage, modulus):
    """The stored KeySet, or None where there is none: then the key of the configuration counts.
    Raises port.StorageError; ManifestFormatError or SignatureError where it has gone bad."""
    if NAME not in storage.names():
        return None
    return open_signed(storage.read(NAME, 0, MAX_SIGNED + 1), modulus, 0)
