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
# The points of order 8; those of order 1, 2 and 4 are 0, 1 and p - 1.
_ORDER_8 = (
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
)
_MAX_VERSION = const((1 << 32) - 1)


class KeySet:
    """`version`, `key_id` (4 bytes) and `public` (32) of the key in force; `signed` as it came."""

    __slots__ = ("version", "key_id", "public", "signed")


def _need(is_so, what):
    if not is_so:
        raise ManifestFormatError("room keys: " + what)


def _is_low_order(public):
    """True for a public key with which every key agreement gives zero (RFC 7748 section 6.1)."""
    u = int.from_bytes(public, "little") & ((1 << 255) - 1)
    p = (1 << 255) - 19
    order_8 = [int.from_bytes(bytes.fromhex(text), "little") for text in _ORDER_8]
    return u % p in [0, 1, p - 1] + order_8


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
        # No session could be opened to it any more: the agent would not even start.
        _need(not _is_low_order(key[1]), "a key of low order")
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
