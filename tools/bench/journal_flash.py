"""What a record costs the flash, under MicroPython: `patrol bench journal` runs this.

    micropython -X heapsize=2M -m tools.bench.journal_flash

The agent's own recorder, sealing, journal and storage on littlefs, over a block device in RAM that
counts erases. Prints one JSON line.
"""

import json
import os
import time

from agent import port
from agent.clock import Clock
from agent.comms import session as sessions
from agent.comms.journal import Journal
from agent.port import curve25519
from agent.recorder import Recorder
from agent.records import ALERT, CRUMB, EVENT, FINE, POSITION

try:
    import vfs
except ImportError:  # before MicroPython 1.23 it was part of os
    vfs = os

_BLOCK = 4096
_BLOCKS = 128  # half a megabyte, less than the quota needs below
_QUOTA = 262144
_SEGMENT = 16384  # as the configuration's default
_FLUSH_MS = 10000
_MINUTES = 60
_ALERTS = 1000
_APPENDS = 2000
_TICK_MS = 1000
_REPORT_MS = 5000
_ONLINE = "online"
_OFFLINE = "offline"


class Flash:
    """A block device as MicroPython wants it (extended interface)."""

    def __init__(self):
        self._image = bytearray(_BLOCK * _BLOCKS)
        self.erases = 0

    def readblocks(self, block, buffer, offset=0):
        at = block * _BLOCK + offset
        buffer[:] = memoryview(self._image)[at : at + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        at = block * _BLOCK + offset
        self._image[at : at + len(buffer)] = buffer

    def ioctl(self, operation, argument):
        if operation == 4:
            return _BLOCKS
        if operation == 5:
            return _BLOCK
        if operation == 6:
            self.erases += 1
        return 0


def make_session():
    """A session from keys that are good for nothing else."""
    public = port.x25519(port.sha256(b"bench: room"))
    psk = port.sha256(b"bench: vehicle")
    identity = sessions.Identity("v-bench", port.sha256(public)[:4], public, psk, 1)
    return curve25519.run(sessions.open_steps(identity, 1, port.sha256(b"bench: seed"), 0))


def position(second):
    """A fix of a car that drives through a town."""
    speed = 300 + 1000 * (second // 7 % 5) // 4 + second * 7 % 13
    lat, lon = 33990000 + 118 * second + second % 3, -6849800 - 60 * second + second * second % 7
    return (
        POSITION,
        1000 * second,
        lat,
        lon,
        7500 + second % 40,
        speed,
        second * 31 % 36000,
        9,
        0x5D,
    )


def drive(storage, session, flash, link):
    """Erases of so many minutes at 1 Hz, a breadcrumb a minute: (erases, records)."""
    journal = Journal(storage, _QUOTA, _SEGMENT, _FLUSH_MS)
    journal.recover()
    journal.begin(session)
    recorder = Recorder(journal, Clock())
    recorder.is_online = link == _ONLINE
    recorder.report_ms = _REPORT_MS
    before = flash.erases
    for second in range(60 * _MINUTES):
        now = second * _TICK_MS
        recorder.add(FINE, position(second), now)
        if second % 60 == 0:
            recorder.add(CRUMB, position(second), now)
        if recorder.poll(now) and recorder.is_online:
            # The room's answer comes within the second.
            journal.acknowledge(session.sid, session.next_number, [])
        journal.poll(now)
    recorder.flush(60 * _MINUTES * _TICK_MS)
    return flash.erases - before, recorder.records


def alerts(storage, session, flash):
    """Erases of so many alerts, each flushed at once, acknowledged in tens."""
    journal = Journal(storage, _QUOTA, _SEGMENT, _FLUSH_MS)
    journal.recover()
    journal.begin(session)
    recorder = Recorder(journal, Clock())
    before = flash.erases
    for i in range(_ALERTS):
        recorder.add(ALERT, (EVENT, 1000 * i, 3, i % 2), 1000 * i)
        if i % 10 == 9:
            journal.acknowledge(session.sid, session.next_number, [])
        journal.poll(1000 * i)
    return flash.erases - before


def appends(storage, session):
    """Frames of 200 bytes a second, sealed and journalled, routine."""
    journal = Journal(storage, _QUOTA, _SEGMENT, _FLUSH_MS)
    journal.recover()
    journal.begin(session)
    text = bytes(175)
    began = time.ticks_us()
    for i in range(_APPENDS):
        journal.append(FINE, text, 100 * i)
        journal.poll(100 * i)
        if i % 50 == 49:
            journal.acknowledge(session.sid, session.next_number, [])
    return _APPENDS * 1000000 // time.ticks_diff(time.ticks_us(), began)


def main():
    figures = {}
    for part in (_OFFLINE, _ONLINE, "alerts", "appends"):
        flash = Flash()
        vfs.VfsLfs2.mkfs(flash)
        vfs.mount(vfs.VfsLfs2(flash), "/flash")
        storage = port.Storage("/flash/journal")
        session = make_session()
        if part == "alerts":
            figures["erases_per_1000_alerts"] = alerts(storage, session, flash) * 1000 / _ALERTS
        elif part == "appends":
            figures["append_per_second"] = appends(storage, session)
        else:
            erases, records = drive(storage, session, flash, part)
            figures[part] = erases * 1000 / records
        for name in storage.names():
            storage.close(name)
        vfs.umount("/flash")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
