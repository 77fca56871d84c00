"""Writes keyset-v1.json with the `cryptography` library: python tests/vectors/make_keyset.py

Keys are those that make_update.py makes from seeds: TEST KEYS, good for nothing else. The file is
the same each time. Look at the difference before committing it.
"""

import hashlib
import json
import sys
from pathlib import Path

import msgpack

sys.path.insert(0, str(Path(__file__).parent))

from make_update import encoded, make_key, modulus, raw, sign  # noqa: E402

TARGET = Path(__file__).parent / "keyset-v1.json"
CONTEXT = b"pv1 room keys"
HELD = 7  # the version that the vehicle of the vectors holds


def room_key(i):
    public = hashlib.sha256(b"room key %d" % i).digest()
    return [hashlib.sha256(public).digest()[:4], public]


P = 2**255 - 19
# Public keys with which every key agreement gives zero, in all forms of 32 bytes of some of them.
LOW_ORDER = [
    ("0", bytes(32)),
    ("1", (1).to_bytes(32, "little")),
    ("p - 1", (P - 1).to_bytes(32, "little")),
    ("p", P.to_bytes(32, "little")),
    ("p + 1", (P + 1).to_bytes(32, "little")),
    ("0 with the highest bit", bytes(31) + b"\x80"),
    ("order 8", bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")),
    ("order 8, the other",
     bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157")),
]  # fmt: skip


def with_id(public):
    return [hashlib.sha256(public).digest()[:4], public]


def document(version=HELD + 1, keys=None):
    return msgpack.packb([version, [room_key(1), room_key(0)] if keys is None else keys])


def signed(data, key, context=CONTEXT, form=1, signature=None):
    return msgpack.packb([form, data, signature or sign(key, context + data)])


def make():
    root, other = make_key(b"root"), make_key(b"another root")
    good = document()
    digest = hashlib.sha256(CONTEXT + good).digest()
    wrong = bytes(32)
    info = bytes.fromhex("3031300d060960864801650304020105000420")
    vectors = [
        ("two keys", signed(good, root), None),
        ("one key", signed(document(keys=[room_key(3)]), root), None),
        ("sixteen keys", signed(document(keys=[room_key(i) for i in range(16)]), root), None),
        ("the highest version", signed(document(0xFFFFFFFF), root), None),
        ("the version that is held", signed(document(HELD), root), "ReplayError"),
        ("an older version", signed(document(1), root), "ReplayError"),
        ("another fleet's root", signed(good, other), "SignatureError"),
        ("signed as an update", signed(good, root, b"pu1"), "SignatureError"),
        ("signed without its purpose", signed(good, root, b""), "SignatureError"),
        (
            "short padding and garbage behind the digest",
            signed(good, root, signature=raw(
                root, b"\0\1" + b"\xff" * 8 + b"\0" + info + digest + bytes(384 - 11 - 51)
            )),
            "SignatureError",
        ),
        (
            "the right digest, rightly padded, by hand",
            signed(good, root, signature=raw(root, encoded(info, digest))),
            None,
        ),
        ("a signature of zeros", signed(good, root, signature=bytes(384)), "SignatureError"),
        ("a short signature", signed(good, root, signature=bytes(383)), "ManifestFormatError"),
        ("another form", signed(good, root, form=2), "ManifestFormatError"),
        ("no list", msgpack.packb(1), "ManifestFormatError"),
        ("nothing", b"", "ManifestFormatError"),
        ("a cut", signed(good, root)[:-1], "ManifestFormatError"),
        ("seventeen keys", signed(document(keys=[room_key(i) for i in range(17)]), root),
         "ManifestFormatError"),
        ("no keys", signed(document(keys=[]), root), "ManifestFormatError"),
        ("version 0", signed(document(0), root), "ManifestFormatError"),
        ("a version of 33 bits", signed(document(1 << 32), root), "ManifestFormatError"),
        ("a version that is true", signed(document(True), root), "ManifestFormatError"),
        ("a key with another id", signed(document(keys=[[b"abcd", wrong]]), root),
         "ManifestFormatError"),
        ("a short key", signed(document(keys=[[hashlib.sha256(b"x").digest()[:4], b"x"]]), root),
         "ManifestFormatError"),
        ("a key that is text", signed(document(keys=[["abcd", "x" * 32]]), root),
         "ManifestFormatError"),
        *[
            (f"a key of low order: {name}", signed(document(keys=[with_id(public)]), root),
             "ManifestFormatError")
            for name, public in LOW_ORDER
        ],
        ("signed rubbish", signed(b"\xc1", root), "ManifestFormatError"),
    ]  # fmt: skip
    return {
        "modulus": modulus(root).hex(),
        "held": HELD,
        "current": [part.hex() for part in room_key(1)],
        "sets": [{"name": n, "signed": s.hex(), "error": e} for n, s, e in vectors],
    }


if __name__ == "__main__":
    TARGET.write_text(json.dumps(make(), indent=1) + "\n")
