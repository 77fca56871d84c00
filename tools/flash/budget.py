"""What takes how much of the gateway's file system, and what that leaves to the journal.

littlefs gives files whole blocks of 4,096 bytes, folders two, and has room for the content of very
small files in their folder's blocks; so nothing is reckoned here, it is put into a file system of
the same size and counted. The journal's quota counts blocks as well (`agent/comms/quota.py`).
"""

from dataclasses import dataclass

from tools.flash import FlashError
from tools.flash.volume import BLOCK, Volume

_BASE = ("boot.py", "main.py", "board.py", "slotboot.py", "slotstart.py", "slottree.py")
_SLOT, _OTHER, _JOURNAL = "a", "b", "journal"
# A release grows. One part in so many of a slot is kept for that, in both.
_GROWTH = 16
# Blocks that the running agent takes beside the journal's segments, at most.
_RUNNING = (
    # Two, and the third while one follows the other; the spare file; see docs/journal.md.
    ("the journal's ledger", 4),
    # 5 KB of names and places of 140 files; each pair of blocks is split when it is half full.
    ("the journal's folder", 6),
    # Settings from afar in two copies, a set of room keys, counters, what a rest or a crash leaves.
    ("settings, keys, counters, a crash", 6),
    # A file's last block is copied before it is appended to: three lanes, the ledger, a download;
    # a folder's pair is copied when it has become old (block_cycles).
    ("copies while writing", 7),
)
_MIN_JOURNAL = 65536  # the smallest that the configuration takes


@dataclass(frozen=True)
class Row:
    """`blocks` of 4 KiB."""

    what: str
    blocks: int


@dataclass(frozen=True)
class Budget:
    """`rows` fill the partition, the journal's last; `slot`: blocks of the release that is in;
    `slot_bytes`: what a later release may have."""

    rows: list
    slot: int
    slot_bytes: int

    @property
    def journal_bytes(self):
        """The largest quota; less than 0 where the partition is too small."""
        return self.rows[-1].blocks * BLOCK

    def check(self):
        """Raises FlashError where no journal has room."""
        if self.journal_bytes < _MIN_JOURNAL:
            raise FlashError(
                f"partition vfs has {sum(row.blocks for row in self.rows) * BLOCK >> 10} KiB: no "
                "room for the agent, a second slot for its updates and a journal; "
                f"{(_MIN_JOURNAL - self.journal_bytes + 1023) >> 10} KiB are missing: take a "
                "firmware with a larger one"
            )

    def lines(self):
        """A table for people."""
        return [f"  {row.what:<44}{row.blocks * BLOCK >> 10:6} KiB" for row in self.rows]


def of(volume):
    """The Budget of a file system that holds boot files, slot a and a bundle, whatever else is on
    it. Raises FlashError."""
    names = [n for n in volume.names() if n.split("/")[0] not in (_OTHER, _JOURNAL)]
    agent = [n for n in names if n.startswith(_SLOT + "/")]
    scratch = Volume(2 * volume.blocks * BLOCK)  # in which two slots fit in any case
    own = scratch.used()
    base = _put(scratch, volume, [n for n in names if n in _BASE])
    rest = _put(scratch, volume, [n for n in names if n not in _BASE and n not in agent])
    slot = _put(scratch, volume, agent)
    other = _put(scratch, volume, agent, _OTHER)
    growth = (slot + _GROWTH - 1) // _GROWTH
    rows = [
        Row("littlefs itself", own),
        Row("boot files, pins", base),
        Row("configuration, keys, certificates", rest),
        Row("the agent, slot a", slot),
        Row("slot b, for the next release", other),
        Row("for releases that grow, both slots", 2 * growth),
        *(Row(what, blocks) for what, blocks in _RUNNING),
    ]
    rows.append(Row("the journal", volume.blocks - sum(row.blocks for row in rows)))
    content = sum(volume.size(n) for n in agent)
    return Budget(rows, slot, content + growth * BLOCK)


def _put(scratch, volume, names, slot=None):
    """Copies files, into another slot where one is said; the blocks that this takes."""
    before = scratch.used()
    for name in names:
        scratch.replace(slot + name[len(slot) :] if slot else name, volume.read(name))
    return scratch.used() - before


def rooms(files):
    """[(room of the agent, files, bytes)] of a release's {path: bytes}, tables apart."""
    found = {}
    for name, data in files.items():
        inside = name.split("/")[1:]
        room = inside[0] if len(inside) > 1 else "agent"
        room = "tables" if not name.endswith((".mpy", ".py")) else room
        count, size = found.get(room, (0, 0))
        found[room] = count + 1, size + len(data)
    return [(room, *found[room]) for room in sorted(found)]
