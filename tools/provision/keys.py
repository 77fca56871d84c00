"""Secrets of the fleet: how they lie on disk, and what is derived from and signed with them.

A passphrase is optional. PEM keys are then PKCS#8 with the library's best encryption; the master
secret is sealed by AES-256-GCM with a key from scrypt (RFC 7914).
"""

import json
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from agent import port
from agent.update import keyset
from agent.update import rsa as update_rsa
from tools.files import write_private
from tools.provision.errors import ProvisionError

MIN_PASSPHRASE = 12  # characters: the files may be copied and tried at leisure
_SCRYPT = {"n": 1 << 15, "r": 8, "p": 1}  # 32 MB and about 0.1 s a try
_MASTER_CONTEXT = b"patrol master secret"
_PSK_SALT = b"patrol pre-shared key 1"
_RSA_BITS = 8 * update_rsa.SIZE  # what a chip verifies in a third of a second
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
    return root_public.public_numbers().n.to_bytes(update_rsa.SIZE, "big")


def sign_key_set(root, version, keys):
    """The set that says which room keys are in force, as vehicles take it: see
    `agent/update/keyset.py`. keys: [(id, public), ...], the one to seal to first."""
    document = port.packb([version, [list(key) for key in keys]])
    signature = root.sign(keyset.CONTEXT + document, padding.PKCS1v15(), hashes.SHA256())
    return port.packb([1, document, signature])
