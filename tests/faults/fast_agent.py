"""The agent, whole, with time running faster, and every frame's life written down beside it.

    python tests/faults/fast_agent.py SPEED LEDGER [agent's arguments]      (and under MicroPython)

The ledger is a file of lines, each on the way to the disk before the next step is taken, so that a
kill -9 leaves no frame behind that it does not know of:

    A sid number          sealed: from here on it may exist
    J sid number          written and flushed: from here on it must not be lost
    K sid upto a-b,...    the room acknowledged this
    E sid number          its file is removed
"""

import asyncio
import sys

sys.path.insert(0, ".")

from agent import __main__ as program  # noqa: E402
from agent import port  # noqa: E402
from agent.comms import journal as journal_module  # noqa: E402
from agent.comms import seal, segment  # noqa: E402
from agent.comms import session as session_module  # noqa: E402

SPEED = int(sys.argv[1])
_ledger = open(sys.argv[2], "ab")  # noqa: SIM115 as long as the program runs


def tell(*words):
    _ledger.write((" ".join([str(word) for word in words]) + "\n").encode())
    _ledger.flush()


# Time


def hurry():
    real_uptime, real_sleep, real_wait, real_uart = (
        port.uptime_ms, asyncio.sleep, port.wait, port.Uart
    )  # fmt: skip

    async def sleep(seconds):
        await real_sleep(seconds / SPEED)

    async def wait(event, ms):
        return await real_wait(event, max(1, ms // SPEED))

    class Uart(real_uart):
        async def read(self, ms):
            return await real_uart.read(self, max(1, ms // SPEED))

    port.uptime_ms = lambda: real_uptime() * SPEED
    port.wait = wait
    port.Uart = Uart
    asyncio.sleep = sleep


# The ledger


def frames_in(data):
    """(sid, number) of the frames among whole entries."""
    found = []
    at = 0
    while at + segment.ENTRY_HEAD <= len(data):
        length = int.from_bytes(data[at : at + 2], "big")
        lane = chr(data[at + 6])
        frame = data[at + segment.ENTRY_HEAD : at + segment.ENTRY_HEAD + length]
        if lane != segment.OPEN_LANE:
            _, sid, number = seal.header(bytes(frame))
            found.append((sid.hex(), number))
        at += segment.ENTRY_HEAD + length
    return found


class Storage(port.Storage):
    """Tells what is flushed, and what is removed. Only the lanes' files hold frames."""

    def __init__(self, folder):
        port_storage.__init__(self, folder)
        self._unsynced = {}

    def append(self, name, data):
        port_storage.append(self, name, data)
        if segment.is_name(name, "abt"):
            self._unsynced[name] = self._unsynced.get(name, b"") + bytes(data)

    def sync(self, name):
        port_storage.sync(self, name)
        for sid, number in frames_in(self._unsynced.pop(name, b"")):
            tell("J", sid, number)

    def remove(self, name):
        if segment.is_name(name, "abt"):
            try:
                data = self.read(name)
            except port.StorageError:
                data = b""
            for sid, number in whole(data):
                tell("E", sid, number)
        port_storage.remove(self, name)


def whole(data):
    """The frames of a file of which a kill may have torn the end."""
    end = 0
    while end + segment.ENTRY_HEAD <= len(data):
        length = int.from_bytes(data[end : end + 2], "big")
        if end + segment.ENTRY_HEAD + length > len(data):
            break
        end += segment.ENTRY_HEAD + length
    return frames_in(data[:end])


def watch():
    real_seal = session_module.Session.seal
    real_acknowledge = journal_module.Journal.acknowledge

    def seal_and_tell(self, plaintext):
        number, frame = real_seal(self, plaintext)
        tell("A", self.sid.hex(), number)
        return number, frame

    def acknowledge(self, sid, upto, ranges):
        tell("K", sid.hex(), upto, ",".join([f"{a}-{b}" for a, b in ranges]) or "-")
        return real_acknowledge(self, sid, upto, ranges)

    session_module.Session.seal = seal_and_tell
    journal_module.Journal.acknowledge = acknowledge
    port.Storage = Storage


port_storage = port.Storage
hurry()
watch()
sys.exit(program.main(sys.argv[3:]))
