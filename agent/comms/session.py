"""The vehicle's side of a session: fresh keys at every boot, and the numbers of its frames.

A counter that a power cut or a restored flash image turns back would use a nonce twice; so nothing
is remembered: each session has keys of its own and its numbers live in RAM from 0.
"""

from agent import port
from agent.comms.seal import DOWN, UP, FrameBox, Open

MAX_FRAMES = 1 << 20  # then a new session; so do 24 hours
MAX_AGE_MS = 24 * 3600 * 1000


class Identity:
    """What the vehicle holds: its id (str), the room's public key with its id, its own secret."""

    __slots__ = ("vehicle", "room_key_id", "room_public", "psk", "generation")

    def __init__(self, vehicle, room_key_id, room_public, psk, generation):
        self.vehicle = vehicle
        self.room_key_id = room_key_id
        self.room_public = room_public
        self.psk = psk
        self.generation = generation


def identity(config):
    """The Identity that a checked configuration holds."""
    keys = config["keys"]
    return Identity(
        config["vehicle"],
        keys["room_key_id"],
        keys["room_public"],
        keys["psk"],
        keys["psk_generation"],
    )


class Session:
    """`sid`, `open_bytes`; `seal(plaintext)` numbers and seals; `open_down(frame)` opens."""

    def __init__(self, identity, boot, enc, keys, now):
        opening = Open(enc, identity.room_key_id, identity.generation, boot)
        self.sid = opening.sid
        self.boot = boot
        self.started = now
        self.open_bytes = opening.seal(keys)
        self.next_number = 0
        self._up = FrameBox(identity.vehicle, enc, keys.up_key, keys.up_iv, UP)
        self._down = FrameBox(identity.vehicle, enc, keys.down_key, keys.down_iv, DOWN)

    def seal(self, plaintext):
        """(number, frame); the number is used up whatever becomes of the frame."""
        number = self.next_number
        self.next_number = number + 1
        return number, self._up.seal(number, plaintext)

    def open_down(self, frame):
        """(number, plaintext) of a frame from the room. Raises a FrameError."""
        return self._down.open(frame)

    def is_spent(self, now):
        """True when it is time for a new session, by count or by age."""
        return self.next_number >= MAX_FRAMES or now - self.started >= MAX_AGE_MS


def next_boot(storage):
    """This boot's number; what counts leaves the memory again. Raises BootCountError."""
    from agent.comms import bootcount

    try:
        return bootcount.next_boot(storage)
    finally:
        port.forget("agent.comms.bootcount")


def ephemeral_private(psk, boot, seed):
    """The session's private key: hedged, since a chip's random numbers are weak before its radio
    is on. `seed` is 32 random bytes; the boot counter makes it differ even where those repeat."""
    from agent.comms import hpke

    return hpke.expand(hpke.extract(psk, seed + boot.to_bytes(4, "big")), b"pv1 ephemeral", 32)


def open_steps(identity, boot, seed, now):
    """Generator that yields while it computes and returns the Session. What agrees on keys leaves
    the memory again: 5 KB of a chip's heap for a moment a day."""
    from agent.comms import hpke

    private = ephemeral_private(identity.psk, boot, seed)
    enc = yield from port.x25519_steps(private)
    dh = yield from port.x25519_steps(private, identity.room_public)
    keys = hpke.session_keys(
        dh,
        enc,
        identity.room_public,
        identity.psk,
        identity.vehicle,
        identity.room_key_id,
        identity.generation,
        boot,
    )
    port.forget("agent.comms.hpke")
    port.forget("agent.port.curve25519")
    return Session(identity, boot, enc, keys, now)
