"""What MicroPython's unix and esp32 ports share."""

import asyncio
import gc
import hashlib
import os
import sys
import time

import cryptolib
import micropython

from agent.port.ccm import Ccm
from agent.port.hmac import hmac_sha256  # noqa: F401
from agent.port.msgpack import packb, unpackb  # noqa: F401
from agent.port.storage import FileStorage

_BASE_POINT = b"\x09" + bytes(31)
_ROM = "/rom/"


class _Uptime:
    """Milliseconds that do not wrap: ticks_ms does (after 12 days on a chip)."""

    def __init__(self):
        self._last = time.ticks_ms()
        self._sum = 0

    def __call__(self):
        now = time.ticks_ms()
        step = time.ticks_diff(now, self._last)
        if step > 0:
            self._sum += step
            self._last = now
        return self._sum


uptime_ms = _Uptime()


def random_bytes(n):
    return os.urandom(n)


def sha256(data):
    return hashlib.sha256(data).digest()


def inflated(file, window):
    """A stream of what is raw DEFLATE from the file's place on; window: 2^window bytes. It raises
    OSError where it is none."""
    import deflate  # a technician's question

    return deflate.DeflateIO(file, deflate.RAW, window)


def x25519_steps(private, public=None):
    """Public key of `private`, or the shared secret with `public`, as a generator."""
    from agent.port import curve25519  # once a day

    return curve25519.steps(private, public or _BASE_POINT)


def x25519(private, public=None):
    from agent.port import curve25519

    return curve25519.run(x25519_steps(private, public))


class Aead:
    """AES-256-CCM, 13-byte nonce, 16-byte tag."""

    def __init__(self, key):
        ccm = Ccm(cryptolib.aes, key)
        self.seal = ccm.seal
        self.open = ccm.open


def _sync_file(f):
    f.flush()


def _sync_folder(path):
    pass


class Storage(FileStorage):
    def __init__(self, folder):
        super().__init__(folder, _sync_file, _sync_folder)


def forget(name):
    """Takes a module out of memory that nobody uses any more; it can be imported again."""
    parent, _, leaf = name.rpartition(".")
    if sys.modules.pop(name, None):
        delattr(sys.modules[parent], leaf)


def data_folder(folder):
    """Where the data files are that lie beside modules. Modules alone are in the ROM partition
    (agent/update/rom.py): their tables are in the slot, which comes later in sys.path."""
    if not folder.startswith(_ROM):
        return folder
    for root in sys.path:
        found = root + folder[len(_ROM) - 1 :]
        try:
            os.stat(found)
        except OSError:
            continue
        if found != folder:
            return found
    return folder


def heap():
    """[bytes used, of these still used after a collection, allocated since the start]; the last is
    None where the firmware does not count. A chip collects for tens of milliseconds."""
    used = gc.mem_alloc()
    gc.collect()
    count = getattr(micropython, "mem_total", None)
    return [used, gc.mem_alloc(), count() if count else None]


def mqtt_client_class():
    """The MQTT client for this interpreter; interface in `agent/comms/mqtt.py`."""
    from agent.port.mqtt_asyncio import Client

    return Client


within = asyncio.wait_for_ms  # (awaitable, ms): its result, or asyncio.TimeoutError


async def wait(event, ms):
    """True when the event came within so many milliseconds."""
    try:
        await within(event.wait(), ms)
        return True
    except asyncio.TimeoutError:
        return False


_stdin = []  # its reader, once somebody has asked


async def read_stdin():
    """A chunk of standard input; b"" at its end."""
    if not _stdin:
        _stdin.append(asyncio.StreamReader(sys.stdin.buffer))
    return await _stdin[0].read(256)


def on_interrupt(call):
    """No signal handlers here: Ctrl-C raises KeyboardInterrupt out of the loop instead."""
