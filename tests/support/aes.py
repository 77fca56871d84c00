"""AES with MicroPython's `cryptolib.aes` shape on both interpreters, for the pure CCM's tests."""

try:
    from cryptolib import aes
except ImportError:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    class aes:  # noqa: N801 the name is cryptolib's
        def __init__(self, key, mode, iv=None):
            self._cipher = Cipher(algorithms.AES(key), modes.CBC(iv) if iv else modes.ECB())

        def encrypt(self, data):
            return self._cipher.encryptor().update(data)


__all__ = ["aes"]
