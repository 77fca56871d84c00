"""AES-CCM (NIST SP 800-38C, RFC 3610) from two native calls: CBC for the MAC, ECB for the stream.

MicroPython's `cryptolib` has ECB and CBC only; both run natively over many blocks at once, and the
XOR is done on big integers, so a frame costs a handful of calls instead of a loop over its bytes.
"""

from agent.const import const
from agent.port.errors import AeadError

_ECB = const(1)
_CBC = const(2)
_ZERO = bytes(16)


def _xor(a, b):
    n = len(a)
    return (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).to_bytes(n, "big") if n else b""


class Ccm:
    """`aes(key, mode[, iv])` is `cryptolib.aes` or alike; `tag` is the tag's length in bytes."""

    def __init__(self, aes, key, tag=16):
        self._aes = aes
        self._key = key
        self._ecb = aes(key, _ECB)
        self._tag = tag

    def _mac(self, nonce, data, aad):
        q = 15 - len(nonce)
        flags = (64 if aad else 0) | ((self._tag - 2) // 2 << 3) | (q - 1)
        head = bytes((flags,)) + nonce + len(data).to_bytes(q, "big")
        if aad:
            # Two length bytes serve below 2^16 - 2^8; SP 800-38C A.2.2 has six beyond.
            n = len(aad)
            size = n.to_bytes(2, "big") if n < 0xFF00 else b"\xff\xfe" + n.to_bytes(4, "big")
            head += size + aad
            head += bytes(-len(head) % 16)
        head += data
        head += bytes(-len(head) % 16)
        return self._aes(self._key, _CBC, _ZERO).encrypt(head)[-16:]

    def _stream(self, nonce, length):
        """Encrypted counter blocks: the first 16 bytes hide the tag, the rest the data."""
        q = 15 - len(nonce)
        head = bytes((q - 1,)) + nonce
        blocks = b"".join([head + i.to_bytes(q, "big") for i in range((length + 15) // 16 + 1)])
        return self._ecb.encrypt(blocks)

    def _check_sizes(self, nonce, length):
        q = 15 - len(nonce)
        if not 2 <= q <= 8 or length >= 1 << (8 * q):
            raise ValueError("CCM: nonce of %d bytes, text of %d" % (len(nonce), length))

    def seal(self, nonce, data, aad):
        """Ciphertext and tag of `data`, with `aad` authenticated beside it."""
        self._check_sizes(nonce, len(data))
        stream = self._stream(nonce, len(data))
        tag = _xor(self._mac(nonce, data, aad)[: self._tag], stream[: self._tag])
        return _xor(data, stream[16 : 16 + len(data)]) + tag

    def open(self, nonce, data, aad):
        """The text that `data` hides. Raises AeadError where anything was changed."""
        n = len(data) - self._tag
        if n < 0:
            raise AeadError("sealed text of %d bytes is shorter than its tag" % len(data))
        self._check_sizes(nonce, n)
        stream = self._stream(nonce, n)
        text = _xor(data[:n], stream[16 : 16 + n])
        want = _xor(self._mac(nonce, text, aad)[: self._tag], stream[: self._tag])
        # One comparison of integers: its time does not tell where the first difference is.
        if int.from_bytes(want, "big") ^ int.from_bytes(data[n:], "big"):
            raise AeadError("sealed text does not open")
        return text
