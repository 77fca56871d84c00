"""Journals for tests: small ones on a simulated disk."""

from agent.comms.journal import Journal
from tests.support.sessions import PlainSession
from tests.support.simdisk import SimDisk

FLUSH_MS = 1000
SEGMENT = 4096
ROOM = 1 << 15


def started(disk=None, quota=ROOM, name="first", segment=SEGMENT):
    journal = Journal(disk or SimDisk(), quota, segment, FLUSH_MS)
    journal.recover()
    session = PlainSession(name)
    journal.begin(session)
    return journal, session


def fill(journal, lane, count, size=100):
    """Appends frames of `size` bytes of text; returns their numbers."""
    return [journal.append(lane, bytes((i & 255,)) * size, 0) for i in range(count)]


def segment_files(disk):
    """Names of the files with frames: not the ledger's."""
    return sorted([name for name in disk.files if name[0] in "abt"])


def gaps(journal):
    return [(g[0], g[2], g[3], g[4], g[5]) for g in journal.take_gaps()]
