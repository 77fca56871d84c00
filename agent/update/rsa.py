"""RSA signatures of the fleet's update keys: RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, 8.2.2).

RSA-3072 with the public exponent 65537, always: a key's own exponent is not asked for. The encoded
message is made here and compared as a whole (RFC 8017, 8.2.2 step 4), not taken apart, so that
there is no padding to be read leniently: forgeries after Bleichenbacher have nowhere to put their
garbage. About 0.3 s a signature on an ESP32.
"""

from agent import port
from agent.const import const
from agent.update.errors import ManifestFormatError, QuorumError, SignatureError

SIZE = 384  # bytes of modulus and signature
QUORUM = 2  # keys that must have signed
KEYS = 3  # that a fleet has
MAX_SIGNATURES = 3
KEY_ID_SIZE = 8
_EXPONENT = const(65537)
# DigestInfo of SHA-256 (RFC 8017, 9.2 note 1): its digest follows.
_DIGEST_INFO = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"
_PADDED = b"\x00\x01" + b"\xff" * (SIZE - 3 - len(_DIGEST_INFO) - 32) + b"\x00" + _DIGEST_INFO


class KeyFormatError(ValueError):
    """Not a public key that may sign updates."""


def key_id(modulus):
    """The 8 bytes that name a key: the first of SHA-256 of its modulus (384 bytes, big-endian)."""
    return port.sha256(modulus)[:KEY_ID_SIZE]


def verify(modulus, signature, message):
    """True when `signature` is that of the key with this modulus (int) over the message."""
    if len(signature) != SIZE:
        return False
    s = int.from_bytes(signature, "big")
    if s >= modulus:
        return False
    return pow(s, _EXPONENT, modulus).to_bytes(SIZE, "big") == _PADDED + port.sha256(message)


class Keys:
    """The fleet's public update keys: `moduli` are KEYS byte strings of SIZE."""

    def __init__(self, moduli):
        if len(moduli) != KEYS:
            raise KeyFormatError("%d update keys, not %d" % (len(moduli), KEYS))
        self._moduli = {}
        for data in moduli:
            if len(data) != SIZE or not data[0] & 0x80 or not data[-1] & 1:
                raise KeyFormatError("an update key is no RSA modulus of %d bits" % (SIZE * 8))
            self._moduli[key_id(data)] = int.from_bytes(data, "big")
        if len(self._moduli) != KEYS:
            raise KeyFormatError("an update key is given twice")

    def quorum_steps(self, signatures, message):
        """Generator, a signature a step. signatures: [(key id, signature), ...].

        Keys of other fleets, or of this one's past, do not count. Raises ManifestFormatError,
        SignatureError, QuorumError.
        """
        if len(signatures) > MAX_SIGNATURES:
            raise ManifestFormatError("%d signatures" % len(signatures))
        signed = set()
        for name, signature in signatures:
            modulus = self._moduli.get(name)
            if modulus is None:
                continue
            if name in signed:
                raise QuorumError("key %s has signed twice" % name.hex())
            if not verify(modulus, signature, message):
                raise SignatureError("the signature of key %s does not hold" % name.hex())
            signed.add(name)
            yield
        if len(signed) < QUORUM:
            raise QuorumError("signed by %d of the fleet's keys, %d must" % (len(signed), QUORUM))


def load_keys(path):
    """Keys of a file with the moduli one after the other. Raises KeyFormatError, OSError."""
    with open(path, "rb") as f:
        data = f.read(KEYS * SIZE + 1)
    if len(data) != KEYS * SIZE:
        raise KeyFormatError("%s: %d bytes are no update keys" % (path, len(data)))
    return Keys([data[at : at + SIZE] for at in range(0, len(data), SIZE)])
