"""The boot counter: two copies with a CRC each, alternately written and read back before use.

It hedges the session's ephemeral key where a chip's random numbers are weak, and tells the room
which session is the newer one. Nothing secret hangs on it: if both copies are lost it begins again.
"""

import binascii

from agent import port
from agent.const import const

NAMES = ("boot-a", "boot-b")
_MAX = const((1 << 32) - 1)


class BootCountError(port.PortError):
    """The counter could not be stored: the folder is not writable, or the medium is worn out."""


def _read(storage, name):
    """The number in a copy, or None where it is not sound. Raises StorageError."""
    data = storage.read(name)
    if len(data) != 8 or binascii.crc32(data[:4]) != int.from_bytes(data[4:], "big"):
        return None
    return int.from_bytes(data[:4], "big")


def _known(storage):
    """(number or None of each copy, whether one was there and does not tell). Raises
    BootCountError where neither can be read: to begin again would repeat numbers."""
    counts = []
    unread = []
    is_lost = False
    try:
        there = storage.names()
    except port.StorageError as e:
        raise BootCountError("boot counter: %s" % e)
    for name in NAMES:
        try:
            counts.append(_read(storage, name) if name in there else None)
        except port.StorageError as e:
            counts.append(None)
            unread.append(e)
        is_lost = is_lost or (counts[-1] is None and name in there)
    if unread and counts == [None, None]:
        raise BootCountError("boot counter: %s" % unread[0])
    return counts, is_lost


def next_boot(storage):
    """This boot's number. Raises BootCountError."""
    counts, is_lost = _known(storage)
    known = [c for c in counts if c is not None]
    # A copy that does not tell may have been the newer one, with the number after the other's.
    boot = (max(known) + (2 if is_lost else 1) if known else 1) & _MAX
    # The older copy is overwritten: the newer one stays whole if power goes now.
    older = 0 if counts[0] is None or (counts[1] is not None and counts[0] < counts[1]) else 1
    _write(storage, NAMES[older], boot)
    if counts[1 - older] is None:
        _write(storage, NAMES[1 - older], boot)  # from here on two copies know it
    return boot


def _write(storage, name, boot):
    head = boot.to_bytes(4, "big")
    try:
        storage.replace(name, head + binascii.crc32(head).to_bytes(4, "big"))
        is_stored = _read(storage, name) == boot
    except port.StorageError as e:
        raise BootCountError("boot counter: %s" % e)
    if not is_stored:
        raise BootCountError("boot counter: %s does not read back" % name)
