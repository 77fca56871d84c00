"""Update keys: one person's each, three in a fleet. Private ones never leave their owner's machine.

NAME.key is PKCS#8 in PEM, mode 600, with a passphrase if wanted; NAME.pub the public key in PEM.
A fleet that wants more puts them into a token by PKCS#11: what is signed is "pu1" and the manifest,
RSASSA-PKCS1-v1_5 with SHA-256, which any of them can.
"""

from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from agent.update import rsa as update_rsa
from agent.update.manifest import CONTEXT
from tools.files import private_folder, write_private
from tools.release import ReleaseError

_BITS = 3072
_EXPONENT = 65537


def create(folder, name, passphrase=None):
    """(key id, path of the private key) of a new key. An existing one is never overwritten."""
    folder = Path(folder)
    if not name or not all(c.isalnum() or c in "-_" for c in name):
        raise ReleaseError(f"key name {name!r}: letters, digits, - and _ only")
    private, public = folder / f"{name}.key", folder / f"{name}.pub"
    for path in (private, public):
        if path.exists():
            raise ReleaseError(f"{path} is there already")
    key = rsa.generate_private_key(public_exponent=_EXPONENT, key_size=_BITS)
    encryption = (
        serialization.BestAvailableEncryption(passphrase)
        if passphrase
        else serialization.NoEncryption()
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )
    shown = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    try:
        private_folder(folder)
        write_private(private, pem.decode())
        public.write_bytes(shown)
    except OSError as error:
        raise ReleaseError(f"{error.filename or folder}: {error.strerror}") from None
    return update_rsa.key_id(modulus(key.public_key())), private


def modulus(public):
    """The 384 bytes that a vehicle knows of a key."""
    return public.public_numbers().n.to_bytes(update_rsa.SIZE, "big")


def _checked(key, path):
    """Only keys that vehicles take."""
    numbers = key.public_numbers() if isinstance(key, rsa.RSAPublicKey) else None
    if numbers is None or key.key_size != _BITS or numbers.e != _EXPONENT:
        raise ReleaseError(f"{path} is no RSA key of {_BITS} bits with exponent {_EXPONENT}")
    return key


def load_private(path, passphrase=None):
    """The private key of a file. Raises ReleaseError; NeedsPassphrase where one is missing."""
    try:
        key = serialization.load_pem_private_key(Path(path).read_bytes(), passphrase)
    except OSError as error:
        raise ReleaseError(f"{path}: {error.strerror}") from None
    except TypeError:
        if passphrase is not None:
            raise ReleaseError(f"{path} has no passphrase, and one was given") from None
        raise NeedsPassphrase(f"{path} wants its passphrase") from None
    except ValueError:
        raise ReleaseError(f"{path}: no private key, or not its passphrase") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ReleaseError(f"{path} is no RSA key")
    _checked(key.public_key(), path)
    return key


class NeedsPassphrase(ReleaseError):
    """The private key is encrypted, and no passphrase was given."""


def load_public(path):
    """The public key of a file. Raises ReleaseError."""
    try:
        key = serialization.load_pem_public_key(Path(path).read_bytes())
    except (OSError, ValueError):
        raise ReleaseError(f"{path} is no public key") from None
    return _checked(key, path)


def public_keys(folder):
    """{name: public key} of the three *.pub files in a folder."""
    found = {}
    for path in sorted(Path(folder).glob("*.pub")):
        found[path.stem] = load_public(path)
    if len(found) != update_rsa.KEYS:
        wanted = update_rsa.KEYS
        raise ReleaseError(f"{folder}: {len(found)} public keys (*.pub), a fleet has {wanted}")
    return found


def fleet_keys(folder):
    """The Keys as a vehicle has them, of the public keys in a folder."""
    try:
        return update_rsa.Keys([modulus(key) for key in public_keys(folder).values()])
    except update_rsa.KeyFormatError as error:
        raise ReleaseError(f"{folder}: {error}") from None


def sign(key, manifest, context=CONTEXT):
    """(key id, signature) over a manifest's bytes, or what else the context says."""
    signature = key.sign(context + manifest, padding.PKCS1v15(), hashes.SHA256())
    return update_rsa.key_id(modulus(key.public_key())), signature
