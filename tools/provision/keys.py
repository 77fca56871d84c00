"""Secrets of the fleet: how they lie on disk, and what is derived from and signed with them.

A passphrase is optional. PEM keys are then PKCS#8 with the library's best encryption; the master
secret is sealed by AES-256-GCM with a key from scrypt (RFC 7914).
"""

import json
import os

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from agent import port
from tools.files import write_private
from tools.provision.errors import ProvisionError

MIN_PASSPHRASE = 12  # characters: the files may be copied and tried at leisure
_SCRYPT = {"n": 1 << 15, "r": 8, "p": 1}  # 32 MB and about 0.1 s a try
_MASTER_CONTEXT = b"patrol master secret"
_PSK_SALT = b"patrol pre-shared key 1"
_SET_CONTEXT = b"pv1 room keys"
_RSA_BITS = 3072  # what a chip verifies in a third of a second (128 bits of security)
_RSA_E = 65537


def read_passphrase(path):
    """bytes of a file's first line, or None where no file is named. Raises ProvisionError."""
    if path is None:
        return None
    try:
        with open(path, encoding="utf-8") as f:
            text = f.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as e:
        raise ProvisionError(f"{path} cannot be read: {e}") from e
    if len(text) < MIN_PASSPHRASE:
        raise ProvisionError(f"{path}: a passphrase has at least {MIN_PASSPHRASE} characters")
    return text.encode()


# Private keys as PEM


def write_private_key(path, key, passphrase):
    how = serialization.NoEncryption()
    if passphrase is not None:
        how = serialization.BestAvailableEncryption(passphrase)
    write_private(
        path,
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how),
    )


def read_private_key(path, passphrase):
    """Raises ProvisionError."""
    try:
        with open(path, "rb") as f:
            data = f.read()
    except OSError as e:
        raise ProvisionError(f"{path} cannot be read: {e.strerror}") from e
    is_sealed = b"ENCRYPTED" in data
    if is_sealed and passphrase is None:
        raise ProvisionError(f"{path} wants its passphrase")
    try:
        return serialization.load_pem_private_key(data, passphrase if is_sealed else None)
    except (ValueError, TypeError) as e:
        raise ProvisionError(f"{path} does not open: wrong passphrase, or no key") from e


# The master secret


def write_master(path, secret, passphrase):
    """32 bytes, as hex or sealed."""
    if passphrase is None:
        raw = {"secret": secret.hex()}
    else:
        salt, nonce = os.urandom(16), os.urandom(12)
        sealed = AESGCM(_derived(passphrase, salt, _SCRYPT)).encrypt(nonce, secret, _MASTER_CONTEXT)
        raw = {
            "scrypt": {**_SCRYPT, "salt": salt.hex()},
            "nonce": nonce.hex(),
            "sealed": sealed.hex(),
        }
    write_private(path, json.dumps(raw) + "\n")


def read_master(path, passphrase):
    """Raises ProvisionError."""
    try:
        with open(path, encoding="utf-8") as f:
            raw = json.load(f)
        if "secret" in raw:
            secret = bytes.fromhex(raw["secret"])
        else:
            if passphrase is None:
                raise ProvisionError(f"{path} wants its passphrase")
            # The parameters are our own: a changed file must not make us spend hours.
            key = _derived(passphrase, bytes.fromhex(raw["scrypt"]["salt"]), _SCRYPT)
            nonce, sealed = bytes.fromhex(raw["nonce"]), bytes.fromhex(raw["sealed"])
            secret = AESGCM(key).decrypt(nonce, sealed, _MASTER_CONTEXT)
    except OSError as e:
        raise ProvisionError(f"{path} cannot be read: {e.strerror}") from e
    except InvalidTag as e:
        raise ProvisionError(f"{path} does not open: wrong passphrase, or changed") from e
    except (ValueError, KeyError, TypeError) as e:
        raise ProvisionError(f"{path} is no master secret") from e
    if len(secret) != 32:
        raise ProvisionError(f"{path}: a master secret has 32 bytes, not {len(secret)}")
    return secret


def _derived(passphrase, salt, numbers):
    return Scrypt(salt, 32, numbers["n"], numbers["r"], numbers["p"]).derive(passphrase)


def vehicle_psk(master, vehicle, generation):
    """The pre-shared key of a vehicle and generation: HKDF-SHA256 (RFC 5869) of the master secret.
    One vehicle's key tells nothing of another's, nor one generation's of the next."""
    info = vehicle.encode() + b"\x00" + generation.to_bytes(2, "big")
    return HKDF(hashes.SHA256(), 32, _PSK_SALT, info).derive(master)


# The fleet root: signs which room key vehicles seal to


def make_root():
    return rsa.generate_private_key(_RSA_E, _RSA_BITS)


def modulus(root_public):
    """384 bytes, big-endian: all that a vehicle needs, since e is 65537."""
    return root_public.public_numbers().n.to_bytes(_RSA_BITS // 8, "big")


def key_set(version, keys):
    """The document that says which room keys are in force: msgpack of
    [version, [[id (4 bytes), public (32 bytes)], ...]]; vehicles seal to the first one.

    A vehicle takes a set only with a version above that of the set it holds."""
    return port.packb([version, [list(key) for key in keys]])


def sign_key_set(root, document):
    """RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, 8.2) over "pv1 room keys" and the document."""
    return root.sign(_SET_CONTEXT + document, padding.PKCS1v15(), hashes.SHA256())


def open_key_set(root_public, document, signature):
    """(version, [(id, public), ...]). Raises ProvisionError."""
    try:
        root_public.verify(signature, _SET_CONTEXT + document, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature as e:
        raise ProvisionError("key set: not signed by this fleet") from e
    version, keys = port.unpackb(document)
    return version, [tuple(key) for key in keys]
