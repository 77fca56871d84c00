"""The boot counter: two copies with a CRC each, alternately written and read back before use.

It hedges the session's ephemeral key where a chip's random numbers are weak, and tells the room
which session is the newer one. Nothing secret hangs on it: if both copies are lost it begins again.
"""

import binascii

from agent import port

_NAMES = ("boot-a", "boot-b")
_MAX = (1 << 32) - 1


class BootCountError(Exception):
    """The counter could not be stored: the folder is not writable, or the medium is worn out."""


def _read(storage, name):
    try:
        data = storage.read(name)
    except port.StorageError:
        return None
    if len(data) != 8 or binascii.crc32(data[:4]) != int.from_bytes(data[4:], "big"):
        return None
    return int.from_bytes(data[:4], "big")


def next_boot(storage):
    """This boot's number. Raises BootCountError."""
    counts = [_read(storage, name) for name in _NAMES]
    known = [c for c in counts if c is not None]
    boot = (max(known) + 1 if known else 1) & _MAX
    # The older copy is overwritten: the newer one stays whole if power goes now.
    older = 0 if counts[0] is None or (counts[1] is not None and counts[0] < counts[1]) else 1
    head = boot.to_bytes(4, "big")
    try:
        storage.replace(_NAMES[older], head + binascii.crc32(head).to_bytes(4, "big"))
    except port.StorageError as e:
        raise BootCountError("boot counter: %s" % e)
    if _read(storage, _NAMES[older]) != boot:
        raise BootCountError("boot counter: %s does not read back" % _NAMES[older])
    return boot
