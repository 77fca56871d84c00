"""Power cuts, failing operations and flipped bits on the model of ext4; each returns its figures.

The figures: `cuts` (or `runs`, `flips`), and `broken`, the laws that did not hold, with how often.
"""

from agent.comms.journal import Journal
from tests.faults import life
from tests.faults.ext4 import EIO, ENOSPC, Ext4
from tests.faults.life import Lost, Random, World
from tests.support.simdisk import PowerCut


def _count(broken, error):
    text = str(error).split(":")[0]
    broken[text] = broken.get(text, 0) + 1


def _moments(seed, make_journal):
    """[(disk, world's marks)] before each operation of a story, and the world at its end."""
    disk, world, moments = Ext4(), World(), []
    disk.before = lambda: moments.append((disk.copy(), world.marks()))
    with disk.installed() as storage:
        life.story(storage, world, make_journal, seed)
    moments.append((disk.copy(), world.marks()))
    return moments, world


def power_cuts(cuts, seed=1, make_journal=Journal):
    """At least so many: each operation of a story, each with what a cut may leave chosen anew; then
    the next boot and, two times of three, another cut or two while it recovers or soon after."""
    done = second = 0
    broken = {}
    while done < cuts:
        moments, whole = _moments(seed, make_journal)
        for disk, marks in moments:
            world = whole.fork(marks)
            random = Random(seed * 7919 + done)
            after = disk.crashed(random.below)
            done += 1
            try:
                for _ in range(random.below(3)):
                    second += 1
                    after = _cut_again(after, world, random, make_journal)
                with after.installed() as storage:
                    life.settle(storage, world, make_journal)
            except Lost as e:
                _count(broken, e)
        seed += 1
    return {"cuts": done + second, "second_cuts": second, "broken": broken}


def _cut_again(disk, world, random, make_journal):
    """The disk after a boot that ended in a cut."""
    disk.faults = {random.below(50): "cut"}
    try:
        with disk.installed() as storage:
            life.go_on(storage, world, make_journal, random.below(1 << 20))
    except PowerCut:
        pass
    return disk.crashed(random.below)


def failing_operations(seeds, make_journal=Journal):
    """EIO and ENOSPC at each operation of a story, then a cut and the next boot."""
    runs = errors = 0
    broken = {}
    for seed in seeds:
        count = len(_moments(seed, make_journal)[0]) - 1
        for fault in (EIO, ENOSPC):
            for k in range(count):
                disk, world = Ext4(), World()
                disk.faults = {k: fault}
                runs += 1
                try:
                    with disk.installed() as storage:
                        life.story(storage, world, make_journal, seed)
                    errors += disk.done > k
                    with disk.crashed(Random(k).below).installed() as storage:
                        life.settle(storage, world, make_journal)
                except Lost as e:
                    _count(broken, e)
    return {"runs": runs, "faults_met": errors, "broken": broken}


def flipped_bits(step=1, seed=1, make_journal=Journal):
    """Every bit (or every `step`-th) of every file that a story leaves: nothing wrong is taken, and
    what is not delivered any more is told."""
    moments, whole = _moments(seed, make_journal)
    disk, marks = moments[-1]
    disk = disk.crashed(lambda n: 0)
    flips = place = 0
    broken = {}
    for name in sorted(disk.names):
        for bit in range(8 * len(disk.names[name].data)):
            place += 1
            if place % step:
                continue
            flips += 1
            after = disk.copy()
            inode = after.names[name]
            inode.data[bit // 8] ^= 1 << bit % 8
            world = whole.fork(marks)
            world.flushed = []  # a flipped bit may cost frames, but not in silence
            try:
                with after.installed() as storage:
                    life.settle(storage, world, make_journal)
            except Lost as e:
                _count(broken, e)
    return {"flips": flips, "broken": broken}
