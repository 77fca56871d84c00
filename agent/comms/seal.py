"""Sealed frames and session opens, as `docs/wire.md` lays them down; used by both ends.

A frame is type 1, session id 4, frame number 4, AES-256-CCM text, tag 16 (integers big-endian).
The nonce is the session's IV with the frame number XORed into its last four bytes; the header, the
vehicle's id and the session's encapsulated key are authenticated beside the text.
"""

from agent import port

PROTOCOL = b"pv1"
OPEN = 0x10  # version 1 in the high half, the kind in the low one
UP = 0x11
DOWN = 0x12
OPEN_SIZE = 59
HEADER_SIZE = 9
_TAG_SIZE = 16
OVERHEAD = HEADER_SIZE + _TAG_SIZE
MAX_FRAME = 4096  # a batch of 60 fixes and 240 readings takes under 1.5 KB; a chip reads it at once
_SIGNED_SIZE = OPEN_SIZE - 16


class KeyAgreementError(ValueError):
    """The key agreement gave nothing that may be used as a secret."""


class FrameError(ValueError):
    """A frame that is not taken; the subclass says why, and is what gets counted."""


class FrameFormatError(FrameError):
    """Not a frame of this version, or of an impossible size."""


class FrameSessionError(FrameError):
    """A frame of another session than the one that is to open it."""


class FrameSealError(FrameError):
    """The frame does not open: changed on its way, or sealed with other keys."""


def session_id(enc):
    """The 4 bytes that name a session in every frame."""
    return port.sha256(enc)[:4]


class Open:
    """A session open: what the room needs to derive the session's keys."""

    __slots__ = ("enc", "key_id", "generation", "boot", "mac", "sid")

    def __init__(self, enc, key_id, generation, boot, mac=b""):
        self.enc = enc
        self.key_id = key_id
        self.generation = generation
        self.boot = boot
        self.mac = mac
        self.sid = session_id(enc)

    def _signed(self):
        head = bytes((OPEN,)) + self.enc + self.key_id
        return head + self.generation.to_bytes(2, "big") + self.boot.to_bytes(4, "big")

    def seal(self, keys):
        """The 59 bytes for the wire."""
        signed = self._signed()
        self.mac = port.hmac_sha256(keys.open_key, signed)[:16]
        return signed + self.mac

    def check(self, keys):
        """Raises FrameSealError unless whoever wrote this holds the vehicle's pre-shared key."""
        want = port.hmac_sha256(keys.open_key, self._signed())[:16]
        # One comparison of integers: its time does not tell where the first difference is.
        if int.from_bytes(want, "big") ^ int.from_bytes(self.mac, "big"):
            raise FrameSealError("session open %s: wrong MAC" % self.sid.hex())


def parse_open(payload):
    """Open of the 59 bytes. Raises FrameFormatError."""
    if len(payload) != OPEN_SIZE or payload[0] != OPEN:
        raise FrameFormatError("session open: %d bytes are none" % len(payload))
    payload = bytes(payload)
    generation = int.from_bytes(payload[37:39], "big")
    boot = int.from_bytes(payload[39:43], "big")
    return Open(payload[1:33], payload[33:37], generation, boot, payload[43:])


def header(frame):
    """(type, session id, number) of a frame. Raises FrameFormatError."""
    if not OVERHEAD <= len(frame) <= MAX_FRAME:
        raise FrameFormatError("frame of %d bytes" % len(frame))
    return frame[0], bytes(frame[1:5]), int.from_bytes(frame[5:9], "big")


class FrameBox:
    """Seals and opens the frames of one session and direction."""

    def __init__(self, vehicle, enc, key, iv, kind):
        self.sid = session_id(enc)
        self._aead = port.Aead(key)
        self._iv = int.from_bytes(iv, "big")
        self._context = PROTOCOL + vehicle.encode() + enc
        self._kind = kind

    def _nonce(self, number):
        return (self._iv ^ number).to_bytes(13, "big")

    def seal(self, number, plaintext):
        """The frame. Never call it twice with one number: who numbers is the caller's care."""
        head = bytes((self._kind,)) + self.sid + number.to_bytes(4, "big")
        return head + self._aead.seal(self._nonce(number), plaintext, self._context + head)

    def open(self, frame):
        """(number, plaintext). Raises a FrameError."""
        kind, sid, number = header(frame)
        if kind != self._kind:
            raise FrameFormatError("frame of type 0x%02x" % kind)
        if sid != self.sid:
            raise FrameSessionError("frame of session %s" % sid.hex())
        aad = self._context + bytes(frame[:HEADER_SIZE])
        try:
            return number, self._aead.open(self._nonce(number), bytes(frame[HEADER_SIZE:]), aad)
        except port.AeadError:
            raise FrameSealError("frame %d of session %s does not open" % (number, sid.hex()))
