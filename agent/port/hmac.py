"""HMAC-SHA256 (RFC 2104) on `hashlib`, for interpreters without an `hmac` module."""

import hashlib

from agent.const import const

_BLOCK = const(64)
_IPAD = int.from_bytes(b"\x36" * _BLOCK, "big")
_OPAD = int.from_bytes(b"\x5c" * _BLOCK, "big")


def hmac_sha256(key, data):
    """32 bytes."""
    if len(key) > _BLOCK:
        key = hashlib.sha256(key).digest()
    k = int.from_bytes(key + bytes(_BLOCK - len(key)), "big")
    inner = hashlib.sha256((k ^ _IPAD).to_bytes(_BLOCK, "big"))
    inner.update(data)
    outer = hashlib.sha256((k ^ _OPAD).to_bytes(_BLOCK, "big"))
    outer.update(inner.digest())
    return outer.digest()
