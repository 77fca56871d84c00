"""Writes update-v1.json with the `cryptography` library: python tests/vectors/make_update.py

Keys are made from fixed seeds, so the file is the same each time. Look at the difference before
committing it. Every RSA vector is also put to `cryptography`, which must say the same.
"""

import hashlib
import json
import random
import struct
import sys
from pathlib import Path

import msgpack
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

TARGET = Path(__file__).parent / "update-v1.json"
SIZE = 384
DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
NO_NULL = bytes.fromhex("302f300b0609608648016503040201" + "0420")
SHA1 = bytes.fromhex("3021300906052b0e03021a05000414")
SHA512_OID = bytes.fromhex("3031300d060960864801650304020305000420")
CONTEXT = b"pu1"
UTC = 1790000000  # the room's time in the vectors, s


def is_prime(n, rng):
    """Miller-Rabin, 24 rounds."""
    d, r = n - 1, 0
    while d % 2 == 0:
        d, r = d // 2, r + 1
    for _ in range(24):
        x = pow(rng.randrange(2, n - 1), d, n)
        if x in (1, n - 1):
            continue
        for _ in range(r - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


SMALL = [p for p in range(3, 3000) if all(p % q for q in range(2, int(p**0.5) + 1))]


def prime(seed, exponent):
    """A prime of 1536 bits with its two highest bits set, from a seed."""
    data = b"".join(hashlib.sha256(b"%s %d" % (seed, i)).digest() for i in range(6))
    n = int.from_bytes(data, "big") | 3 << 1534 | 1
    rng = random.Random(seed)
    while any(n % p == 0 for p in SMALL) or n % exponent == 1 or not is_prime(n, rng):
        n += 2
    return n


def make_key(seed, exponent=65537):
    """TEST KEY: good for nothing else."""
    p, q = (prime(b"test key: %s %s" % (seed, which), exponent) for which in (b"p", b"q"))
    d = pow(exponent, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p=p, q=q, d=d, dmp1=d % (p - 1), dmq1=d % (q - 1), iqmp=pow(q, -1, p),
        public_numbers=rsa.RSAPublicNumbers(exponent, p * q),
    )  # fmt: skip
    return numbers.private_key()


def modulus(key):
    return key.public_key().public_numbers().n.to_bytes(SIZE, "big")


def key_id(key):
    return hashlib.sha256(modulus(key)).digest()[:8]


def sign(key, message):
    return key.sign(message, padding.PKCS1v15(), hashes.SHA256())


def raw(key, encoded):
    """The signature that opens to these bytes: what a forger would have to find."""
    numbers = key.private_numbers()
    value = int.from_bytes(encoded, "big")
    return pow(value, numbers.d, numbers.public_numbers.n).to_bytes(SIZE, "big")


def encoded(info, digest, first=b"\x00\x01", ps=None, zero=b"\x00", garbage=b""):
    rest = zero + info + digest + garbage
    if ps is None:
        ps = b"\xff" * (SIZE - len(first) - len(rest))
    return (first + ps + rest).ljust(SIZE, b"\x00")


def cube_root_up(n):
    """The smallest integer whose cube is n or more."""
    low, high = 0, 1 << (n.bit_length() // 3 + 2)
    while low < high:
        middle = (low + high) // 2
        if middle**3 < n:
            low = middle + 1
        else:
            high = middle
    return low


def cube_forgery(message):
    """Bleichenbacher (2006): for e = 3 a cube that begins as a signature does and ends in garbage.
    Needs no key at all."""
    head = encoded(DIGEST_INFO, hashlib.sha256(message).digest(), ps=b"\xff" * 8)
    head = head[: 3 + 8 + len(DIGEST_INFO) + 32]
    wanted = int.from_bytes(head, "big") << 8 * (SIZE - len(head))
    root = cube_root_up(wanted)
    # A lenient verifier takes it: otherwise this would prove nothing.
    assert (root**3).to_bytes(SIZE, "big").startswith(head)
    return root.to_bytes(SIZE, "big")


def wrapped(key):
    """(message, a good signature of it with the modulus added): still 384 bytes."""
    n = key.public_key().public_numbers().n
    for i in range(1000):
        message = CONTEXT + b"number %d" % i
        value = int.from_bytes(sign(key, message), "big") + n
        if value < 1 << 8 * SIZE:
            return message, value.to_bytes(SIZE, "big")
    raise ValueError("this modulus is too near to its size")


def rsa_vectors(keys, cube_key):
    """[{name, modulus, message, signature, good}]"""
    key = keys[0]
    message = CONTEXT + b"what is signed"
    sha = hashlib.sha256(message).digest()
    good = sign(key, message)
    n = key.public_key().public_numbers().n
    sha1 = hashlib.sha1(message).digest()
    rows = [
        ("good", key, good, True),
        ("good, second key", keys[1], sign(keys[1], message), True),
        ("good, of an empty message", key, None, True),
        ("other message", key, sign(key, message + b"."), False),
        ("other key", keys[1], good, False),
        ("other hash: SHA-1", key, raw(key, encoded(SHA1, sha1)), False),
        ("other hash: SHA-512 signed properly", key,
         key.sign(message, padding.PKCS1v15(), hashes.SHA512()), False),
        ("SHA-512's identifier with SHA-256's digest", key, raw(key, encoded(SHA512_OID, sha)),
         False),
        ("identifier without its NULL", key, raw(key, encoded(NO_NULL, sha)), False),
        ("no identifier", key, raw(key, encoded(b"", sha)), False),
        ("PSS padding", key,
         key.sign(message, padding.PSS(padding.MGF1(hashes.SHA256()), 0), hashes.SHA256()), False),
        ("block type 2", key, raw(key, encoded(DIGEST_INFO, sha, first=b"\x00\x02")), False),
        ("block type 0", key, raw(key, encoded(DIGEST_INFO, sha, first=b"\x00\x00")), False),
        ("padding of zeros", key, raw(key, encoded(DIGEST_INFO, sha, ps=bytes(330))), False),
        ("one byte of the padding changed", key,
         raw(key, encoded(DIGEST_INFO, sha, ps=b"\xff" * 200 + b"\xfe" + b"\xff" * 129)), False),
        ("no zero after the padding", key, raw(key, encoded(DIGEST_INFO, sha, zero=b"")), False),
        ("eight bytes of padding, garbage behind the digest", key,
         raw(key, encoded(DIGEST_INFO, sha, ps=b"\xff" * 8, garbage=b"\x5a" * 322)), False),
        ("garbage of one byte", key,
         raw(key, encoded(DIGEST_INFO, sha, ps=b"\xff" * 329, garbage=b"\x00")), False),
        ("garbage in the identifier's parameters", key,
         raw(key, encoded(bytes.fromhex("30820130308201" + "0c0609608648016503040201")
                          + b"\x04\x81\xff" + b"\x00" * 255 + b"\x04\x20", sha)), False),
        ("lengths in the long form (BER)", key,
         raw(key, encoded(bytes.fromhex("308131300d060960864801650304020105000420"), sha)), False),
        ("digest shortened", key, raw(key, encoded(DIGEST_INFO, sha[:31])), False),
        ("digest of zeros", key, raw(key, encoded(DIGEST_INFO, bytes(32))), False),
        ("e = 3: a cube with garbage at its end", cube_key, cube_forgery(message), False),
        ("e = 3: signed properly by such a key", cube_key, sign(cube_key, message), False),
        ("signature plus the modulus", key,
         (int.from_bytes(good, "big") + n).to_bytes(SIZE + 1, "big"), False),
        ("signature plus the modulus, in as many bytes", key, wrapped(key), False),
        ("signature not below the modulus", key, b"\xff" * SIZE, False),
        ("modulus as the signature", key, n.to_bytes(SIZE, "big"), False),
        ("zero", key, bytes(SIZE), False),
        ("one", key, (1).to_bytes(SIZE, "big"), False),
        ("too short", key, good[:-1], False),
        ("too long", key, good + b"\x00", False),
        ("a zero before it", key, b"\x00" + good, False),
        ("empty", key, b"", False),
    ]  # fmt: skip
    for bit in (0, 1535, 3071):
        changed = int.from_bytes(good, "big") ^ 1 << bit
        rows.append((f"bit {bit} changed", key, changed.to_bytes(SIZE, "big"), False))
    out = []
    for name, by, signature, is_good in rows:
        said = message
        if signature is None:
            said, signature = b"", sign(by, b"")
        elif isinstance(signature, tuple):
            said, signature = signature
        agree(name, by, signature, said, is_good)
        out.append({"name": name, "modulus": modulus(by).hex(), "message": said.hex(),
                    "signature": signature.hex(), "good": is_good})  # fmt: skip
    return out


def agree(name, key, signature, message, is_good):
    """The library says so, too; a key with e = 3 is no key here, to the library it is."""
    try:
        key.public_key().verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        said = True
    except InvalidSignature:
        said = False
    if name == "e = 3: signed properly by such a key":
        assert said and not is_good
    else:
        assert said == is_good, name


def index():
    """A release of three files, one of them empty."""
    rows = (("agent/__init__.py", b""), ("agent/one.py", b"ONE = 1\n"), ("main.py", b"pass\n"))
    out = b""
    for path, data in rows:
        out += struct.pack(">I", len(data))[1:] + hashlib.sha256(data).digest()
        out += bytes([len(path)]) + path.encode()
    return rows, out


GOOD = {"version": 1, "name": "0.2.0", "hardware": ["gateway-s3", "pi"], "counter": 12,
        "minimum": 11, "generation": 5, "expires": UTC + 86400, "vehicles": [], "files": 3,
        "bytes": 13, "index_size": None, "index_hash": None}  # fmt: skip


def manifest(**changed):
    content = index()[1]
    values = dict(GOOD, index_size=len(content), index_hash=hashlib.sha256(content).digest())
    values.update(changed)
    return msgpack.packb(list(values.values()))


def envelope(data, *signatures, version=1):
    return msgpack.packb([version, data, [[key_id(k), s] for k, s in signatures]])


def release_vectors(keys, strange):
    """[{name, signed, error}]: put to hardware gateway-s3, vehicle v-test0001 at UTC, with the
    floor 11 and the generation 4; the error is the class's name, null for a good one."""
    data = manifest()
    by = [(k, sign(k, CONTEXT + data)) for k in keys]
    odd = (strange, sign(strange, CONTEXT + data))
    two = lambda d: envelope(d, *[(k, sign(k, CONTEXT + d)) for k in keys[:2]])  # noqa: E731
    flipped = bytearray(two(data))
    flipped[40] ^= 1
    spoilt = bytes(by[1][1][:-1]) + bytes([by[1][1][-1] ^ 1])
    cases = [
        ("keys 1 and 2", envelope(data, by[0], by[1]), None),
        ("keys 1 and 3", envelope(data, by[0], by[2]), None),
        ("keys 2 and 3", envelope(data, by[1], by[2]), None),
        ("keys 3 and 1, in that order", envelope(data, by[2], by[0]), None),
        ("all three", envelope(data, *by), None),
        ("two, and a key that is not known", envelope(data, by[0], odd, by[1]), None),
        ("for some vehicles, this among them", two(manifest(vehicles=["v-b", "v-test0001"])), None),
        ("lowest counter that is accepted", two(manifest(counter=11)), None),
        ("unsigned", envelope(data), "QuorumError"),
        ("half-signed", envelope(data, by[0]), "QuorumError"),
        ("one key twice", envelope(data, by[0], by[0]), "QuorumError"),
        ("one key and one that is not known", envelope(data, by[0], odd), "QuorumError"),
        ("three signatures, two of one key", envelope(data, by[0], odd, by[0]), "QuorumError"),
        ("one key twice beside another", envelope(data, by[0], by[0], by[1]), "QuorumError"),
        ("keys 1 and 2 exchanged", envelope(data, (keys[0], by[1][1]), (keys[1], by[0][1])),
         "SignatureError"),
        ("one does not hold", envelope(data, by[0], (keys[1], spoilt)), "SignatureError"),
        ("two hold, the third does not", envelope(data, by[0], by[2], (keys[1], spoilt)),
         "SignatureError"),
        ("signed for another purpose",
         envelope(data, *[(k, sign(k, data)) for k in keys[:2]]), "SignatureError"),
        ("manifest changed after it was signed",
         envelope(manifest(counter=13), by[0], by[1]), "SignatureError"),
        ("a bit changed on the way", bytes(flipped), "SignatureError"),
        ("four signatures", envelope(data, *by, odd), "ManifestFormatError"),
        ("signature too short", envelope(data, by[0], (keys[1], by[1][1][:-1])),
         "ManifestFormatError"),
        ("another version around it", envelope(data, by[0], by[1], version=2),
         "ManifestFormatError"),
        ("cut off", envelope(data, by[0], by[1])[:-1], "ManifestFormatError"),
        ("bytes behind it", envelope(data, by[0], by[1]) + b"\x00", "ManifestFormatError"),
        ("too long", envelope(bytes(3000), by[0], by[1], odd), "ManifestFormatError"),
        ("nothing", b"", "ManifestFormatError"),
        ("no array", b"\xc0", "ManifestFormatError"),
        ("lengths beyond the data", b"\xdd\xff\xff\xff\xff\x01", "ManifestFormatError"),
        ("nested deeply", b"\x91" * 1000 + b"\x01", "ManifestFormatError"),
        ("signed, but no manifest", two(b"\xc0"), "ManifestFormatError"),
        ("other hardware", two(manifest(hardware=["devkit-s3"])), "HardwareError"),
        ("other vehicle", two(manifest(vehicles=["v-test0002"])), "VehicleError"),
        ("expired", two(manifest(expires=UTC)), "ExpiredError"),
        ("downgrade", two(manifest(counter=10, minimum=10)), "DowngradeError"),
        ("replayed", two(manifest(generation=3)), "ReplayError"),
        ("another one of the same generation", two(manifest(generation=4)), "ReplayError"),
    ]  # fmt: skip
    bad = (
        ("version", 2), ("name", ""), ("name", "x" * 25), ("name", "a b"), ("name", 1),
        ("hardware", []), ("hardware", ["a"] * 9), ("hardware", "pi"), ("counter", 0),
        ("counter", True), ("counter", 1 << 32), ("minimum", 13), ("minimum", -1),
        ("generation", 0), ("expires", 1.5), ("vehicles", ["v"] * 65), ("vehicles", [["v"]]),
        ("files", 0), ("files", 257), ("bytes", -1), ("bytes", (16 << 20) + 1),
        ("index_size", 0), ("index_size", 24577), ("index_hash", bytes(31)),
        ("index_hash", "x" * 32),
    )  # fmt: skip
    for field, value in bad:
        text = f"{field}: {value!r}"[:50]
        cases.append((text, two(manifest(**{field: value})), "ManifestFormatError"))
    return [{"name": n, "signed": s.hex(), "error": e} for n, s, e in cases]


def make():
    keys = [make_key(b"update %d" % i) for i in (1, 2, 3)]
    rows, content = index()
    return {
        "note": "test keys; see docs/update.md",
        "moduli": [modulus(k).hex() for k in keys],
        "rsa": rsa_vectors(keys, make_key(b"cubes", 3)),
        "device": {"hardware": "gateway-s3", "vehicle": "v-test0001", "utc": UTC, "floor": 11,
                   "generation": 4},
        "releases": release_vectors(keys, make_key(b"stranger")),
        "index": content.hex(),
        "files": {path: data.hex() for path, data in rows},
        "id": hashlib.sha256(manifest()).digest()[:8].hex(),
    }  # fmt: skip


if __name__ == "__main__":
    TARGET.write_text(json.dumps(make(), indent=1) + "\n")
    print(
        f"wrote {TARGET.relative_to(Path.cwd()) if TARGET.is_relative_to(Path.cwd()) else TARGET}"
    )
    sys.exit(0)
