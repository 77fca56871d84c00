"""A gateway's life through one update, for tests that cut its power; runs on both interpreters.

Each start is the boot code's choice and the agent's part after it, on whatever the storage says.
Whatever happened before: what starts is whole, and is the old release or the new one.
"""

from agent.port.tree import new_hash
from agent.update import boot
from agent.update.download import READY, Download
from agent.update.slots import SETTLE_MS, TRIAL_MS, Slots
from tests.support.releases import DEVICE, UTC, NoKeys, Release, drive, pattern

GOOD = "good"  # the new release reaches the room
CRASH = "crash"  # it falls over at its start
MUTE = "mute"  # it runs, and never reaches the room
KINDS = (GOOD, CRASH, MUTE)
_STARTS = 12


def releases():
    """(old, new): small, with a file that is copied, an empty one, and one longer than a chunk."""
    old = {"agent/a.py": pattern(300, 1), "agent/same.py": pattern(4500, 2), "main.py": b"old"}
    new = {
        "agent/a.py": pattern(1500, 3),
        "agent/empty.py": b"",
        "agent/sub/same.py": old["agent/same.py"],
        "main.py": b"new",
    }
    return (
        Release(old, name="0.1.0", counter=1, generation=1),
        Release(new, name="0.2.0", counter=2, generation=2),
    )


def older():
    """What lies in the other slot from the update before."""
    files = {"agent/a.py": pattern(700, 5), "agent/gone.py": b"gone", "main.py": b"older"}
    return Release(files, name="0.0.9", counter=1, generation=1)


def holds(tree, slot, release):
    """True when all files of the release are there; boot code's leftovers may lie beside them."""
    for path, data in release.files.items():
        name = slot + "/app/" + path
        if tree.size(name) != len(data) or tree.read(name) != data:
            return False
    app = [n for n in tree.names(slot + "/app") if not n.endswith(".new")]
    return len(app) == len(release.files)


def live(tree, old, new, kind, chunk=400):
    """Starts until the update has come to its end; the number of starts."""
    for start in range(1, _STARTS):
        running = boot.choose(tree, new_hash)
        is_new = holds(tree, running, new)
        assert is_new or holds(tree, running, old), f"slot {running} is neither"
        slots = Slots(tree, running, 0)
        if slots.is_on_trial:
            assert is_new
            if kind == GOOD:
                assert not slots.healthy(SETTLE_MS - 1) and slots.healthy(SETTLE_MS)
            elif kind == MUTE and slots.is_overdue(TRIAL_MS):
                slots.go_back()
            continue
        if is_new:
            assert kind == GOOD and slots.order == (new.id, slots.order[1], "good")
            return start
        outcome = slots.order[2]
        if kind != GOOD and outcome in ("crashed", "unwell"):
            return start
        fetch(tree, slots, new, start, chunk)
        slots.switch()
    raise AssertionError(f"not at its end after {_STARTS} starts: {slots.order}")


def fetch(tree, slots, new, attempt, chunk):
    """The download, taken up or begun, to its end."""
    download = Download(tree, slots, NoKeys(), DEVICE[0], DEVICE[1], 1 << 20)
    download.resume(UTC)
    drive(download, new, chunk=chunk)
    if download.state != READY:
        download.offer(new.signed, attempt, UTC)
        drive(download, new, chunk=chunk)
    assert download.state == READY, download.report()
    assert slots.target != slots.running
