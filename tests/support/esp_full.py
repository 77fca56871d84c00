"""Runs under MicroPython: fills the journal on a gateway's flash, and updates it all the same.

    micropython -X heapsize=16M tests/support/esp_full.py FLASH AT SIZE QUOTA MANNER MORE

FLASH holds both slots. MANNER: "long": one session without a link, "short": hundreds of them.
QUOTA: bytes; MORE: a part in so many that each file of the new release is larger by. While the
release is fetched the journal goes on. Prints a JSON line.
"""

import json
import sys

import vfs

sys.path.append("tools/emulator/esp32_board")
from start import Partition  # noqa: E402

from agent import port  # noqa: E402
from agent.comms.journal import Journal  # noqa: E402
from agent.port.tree import Tree, new_hash  # noqa: E402
from agent.records import ALERT, CRUMB, FINE  # noqa: E402
from agent.update import boot  # noqa: E402
from agent.update.download import Download  # noqa: E402
from agent.update.slots import Slots  # noqa: E402
from tests.support import releases  # noqa: E402
from tests.support.sessions import PlainSession  # noqa: E402

ROOT = "/flash"
FOLDER = ROOT + "/journal"
SIZES = (210, 640, 420, 95, 560)  # of what is sealed: batches of a drive, and events
# What the agent keeps beside its journal, as large as it may become: name, bytes.
KEPT = (("settings", 4000), ("keyset", 3000), ("boot-1", 16), ("boot-2", 16), ("rest.json", 300))
SHORT = 100  # sessions


class Filling:
    """A journal that never hears of the room."""

    def __init__(self, quota):
        self.storage = port.Storage(FOLDER)
        self.journal = Journal(self.storage, quota, 16384, 1000, self.storage.unit())
        self.journal.recover()
        self._sessions = self._count = 0
        self.most = 0  # that `content` ever was
        self.lost = {ALERT: 0, CRUMB: 0, FINE: 0}
        self.begin()

    def begin(self):
        self._sessions += 1
        self.journal.begin(PlainSession(str(self._sessions)))

    def append(self, lane):
        self._count += 1
        size = SIZES[self._count % len(SIZES)]
        self.journal.append(lane, bytes([self._count & 255]) * size, self._count)
        if not self._count % 7:
            self.journal.poll(self._count + 2000)
        self.most = max(self.most, self.content())
        for gap in self.journal.take_gaps():
            self.lost[gap[0]] += gap[5]

    def fill(self, manner):
        """Until each lane has lost something, or as many sessions as there may be."""
        for lane in (CRUMB, ALERT, FINE):
            if manner == "long":
                while not self.lost[lane]:
                    self.append(lane)
        for _ in range(SHORT if manner == "short" else 0):
            for lane in (ALERT, CRUMB, FINE):
                self.append(lane)
            self.begin()
        self.journal.flush()

    def content(self):
        """Bytes of frames and their entries, without what littlefs adds."""
        return sum([s.bytes() for s in self.journal.segments])


def larger(tree, more):
    """A release whose files are all others, and larger by one part in so many."""
    files = {}
    for path, size, _ in boot.rows(tree.read("a/files")):
        files[path] = releases.pattern(size + size // more, len(path) + size)
    return releases.Release(files, name="9.9.9", counter=9, generation=9)


def main(flash, at, size, quota, manner, more):
    vfs.mount(Partition(flash, int(at), int(size)), ROOT)
    tree = Tree(ROOT)
    filling = Filling(int(quota))
    for name, length in KEPT:
        filling.storage.replace(name, b"k" * length)
    filling.fill(manner)
    journal = filling.journal
    found = {"content": filling.content(), "taken": journal.size(),
             "segments": len(journal.segments), "lost": filling.lost,
             "most": filling.most}  # fmt: skip

    release = larger(tree, int(more))
    slots = Slots(tree, "a", 0)
    keys = releases.NoKeys()
    download = Download(tree, slots, keys, *releases.DEVICE, capacity=1 << 24)
    download.offer(release.signed, 1, releases.UTC)
    lanes, number = (FINE, CRUMB, ALERT), 0
    while True:
        while download.work():
            pass
        wanted = download.wanted(number, 1 << 30)
        if wanted is None:
            break
        file, offset, length = wanted
        for begin in range(offset, offset + length, 4000):
            part = release.part(file, begin, min(4000, offset + length - begin))
            download.feed(release.id, file, begin, part, number)
            number += 1
            filling.append(lanes[number % 3])
    found.update(state=download.state, error=str(download.error), bytes=len(release.index))
    found["whole"] = [boot.is_whole(tree, slot, new_hash) for slot in "ab"]
    if download.state == "ready":
        slots.switch()
    journal.flush()
    found["errors"] = journal.counters["write_errors"] + journal.counters["read_errors"]
    left = journal.frames_left()
    journal.close()
    vfs.umount(ROOT)

    vfs.mount(Partition(flash, int(at), int(size)), ROOT)  # as after a reset
    again = Journal(port.Storage(FOLDER), int(quota), 16384, 1000, 4096)
    found["recovered"] = again.recover() == left
    found["next"] = boot.choose(Tree(ROOT), new_hash)
    vfs.umount(ROOT)
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
