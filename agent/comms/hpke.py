"""Session keys by HPKE (RFC 9180): mode_psk, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, export-only.

The ephemeral key makes each session's keys new; the room's public key makes them open to the room
alone; the pre-shared key proves which vehicle it is. Nothing is sealed with HPKE itself: the keys
of the frames are exported (section 5.3). The Diffie-Hellman results come in from outside, so that
slow interpreters can compute them in steps (`port.x25519_steps`).
"""

from agent import port
from agent.comms.seal import PROTOCOL, KeyAgreementError
from agent.const import const

_MODE_PSK = const(1)
_SUITE_KEM = b"KEM\x00\x20"  # DHKEM(X25519, HKDF-SHA256), section 7.1
_SUITE = b"HPKE\x00\x20\x00\x01\xff\xff"  # KEM 0x0020, KDF 0x0001, AEAD 0xFFFF (export-only)
_VERSION = b"HPKE-v1"


def extract(salt, key):
    """HKDF-Extract (RFC 5869 section 2.2); an absent salt is 32 zero bytes."""
    return port.hmac_sha256(salt or bytes(32), key)


def expand(key, info, length):
    """HKDF-Expand (RFC 5869 section 2.3)."""
    out = block = b""
    i = 1
    while len(out) < length:
        block = port.hmac_sha256(key, block + info + bytes((i,)))
        out += block
        i += 1
    return out[:length]


def _labeled_extract(suite, salt, label, key):
    return extract(salt, _VERSION + suite + label + key)


def _labeled_expand(suite, key, label, info, length):
    head = length.to_bytes(2, "big") + _VERSION + suite
    return expand(key, head + label + info, length)


def kem_secret(dh, enc, receiver_public):
    """The KEM's shared secret (section 4.1). Refuses an all-zero result (RFC 7748 section 6.1)."""
    if not any(dh):
        raise KeyAgreementError("the key agreement gave zero: the public key is not a real one")
    prk = _labeled_extract(_SUITE_KEM, b"", b"eae_prk", dh)
    return _labeled_expand(_SUITE_KEM, prk, b"shared_secret", enc + receiver_public, 32)


def exporter_secret(shared_secret, info, psk, psk_id):
    """The key schedule's exporter secret for mode_psk (section 5.1)."""
    psk_id_hash = _labeled_extract(_SUITE, b"", b"psk_id_hash", psk_id)
    info_hash = _labeled_extract(_SUITE, b"", b"info_hash", info)
    secret = _labeled_extract(_SUITE, shared_secret, b"secret", psk)
    context = bytes((_MODE_PSK,)) + psk_id_hash + info_hash
    return _labeled_expand(_SUITE, secret, b"exp", context, 32)


def export(secret, context, length):
    """Section 5.3."""
    return _labeled_expand(_SUITE, secret, b"sec", context, length)


class Keys:
    """The five keys of one session, as bytes."""

    __slots__ = ("up_key", "up_iv", "down_key", "down_iv", "open_key")

    def __init__(self, secret):
        self.up_key = export(secret, b"up key", 32)
        self.up_iv = export(secret, b"up iv", 13)
        self.down_key = export(secret, b"down key", 32)
        self.down_iv = export(secret, b"down iv", 13)
        self.open_key = export(secret, b"open mac", 32)


def session_keys(dh, enc, room_public, psk, vehicle, key_id, generation, boot):
    """Keys of the session that `enc` opens (all arguments bytes, but vehicle str and two ints)."""
    who = vehicle.encode()
    gen = generation.to_bytes(2, "big")
    info = PROTOCOL + who + key_id + gen + boot.to_bytes(4, "big")
    secret = exporter_secret(kem_secret(dh, enc, room_public), info, psk, who + gen)
    return Keys(secret)
