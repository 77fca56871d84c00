"""The power is cut at every write of an update: download, switch, counting, commit, way back.

After each cut the gateway starts, with nobody's help, a release that is whole, the old one or the
new one, and comes to the update's end. Three storages: the simulated disk of the journal's tests
(what was not synced is kept in part, as zeros, or not at all), the real `Tree` over a file system
that promises what POSIX does and no more, and littlefs on a block device under MicroPython.
PATROL_LONG=1 cuts with every fraction everywhere.
"""

import contextlib
import json
import os
import random
import subprocess

import pytest

from agent.port import tree as tree_module
from agent.port.tree import Tree
from agent.update.slots import Slots
from tests.support import micropython, simposix, simtree
from tests.support.simdisk import ALL, KEPT, NONE, ZEROS
from tests.support.simtree import SimTree
from tests.support.update_life import GOOD, KINDS, fetch, holds, live, older, releases

OLD, NEW = releases()
LONG = bool(os.environ.get("PATROL_LONG"))


def fresh():
    tree = SimTree()
    OLD.install(tree, "a")
    older().install(tree, "b")
    return tree


def image():
    return {name: bytearray(data) for name, data in fresh().disk.files.items()}


def cut(tree, at, kind):
    """Lives until the power fails before the write with number `at`; False when it never did."""
    tree.disk.faults = {at: simtree.CUT}
    try:
        live(tree, OLD, NEW, kind)
    except simtree.PowerCut:
        return True
    return False


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_at_every_write_ends_on_a_release_that_runs(kind):
    whole = SimTree(image())
    starts = live(whole, OLD, NEW, kind)
    assert starts == {"good": 3, "crash": 5, "mute": 3}[kind]
    assert whole.disk.writes > 25
    for at in range(whole.disk.writes):
        for kept in KEPT:
            tree = SimTree(image())
            assert cut(tree, at, kind)
            live(tree.power_cut(kept), OLD, NEW, kind)
    assert not cut(SimTree(image()), whole.disk.writes, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_cut_while_it_recovers(kind):
    whole = SimTree(image())
    live(whole, OLD, NEW, kind)
    for at in range(whole.disk.writes):
        for kept in (NONE, ALL, ZEROS):
            tree = SimTree(image())
            assert cut(tree, at, kind)
            left = tree.power_cut(kept)
            second = 0
            while True:
                again = SimTree({n: bytearray(d) for n, d in left.disk.files.items()})
                if not cut(again, second, kind):
                    break
                live(again.power_cut(KEPT[second % len(KEPT)]), OLD, NEW, kind)
                second += 1
    assert second > 0


def test_what_the_tests_hold_against_a_release_can_fail():
    tree = SimTree(image())
    tree.disk.files["a/app/main.py"][0] ^= 1
    with pytest.raises(AssertionError):
        live(tree, OLD, NEW, GOOD)
    # A boot code that would start what is not whole is found.
    tree = SimTree(image())
    fetch(tree, Slots(tree, "a", 0), NEW, 1, 1000)
    assert holds(tree, "b", NEW)
    tree.disk.files["b/app/agent/a.py"].extend(b"\x00")
    assert not holds(tree, "b", NEW)


class Posix:
    """A device whose storage is the real Tree over a SimPosix."""

    def __init__(self, monkeypatch, system=None):
        self.system = system or simposix.SimPosix()
        self.system.install(monkeypatch, tree_module)
        self.tree = Tree("/")


def posix_device(monkeypatch):
    """One that left the bench: what is on it is synced."""
    device = Posix(monkeypatch)
    OLD.install(device.tree, "a")
    older().install(device.tree, "b")
    return device.system


@pytest.mark.parametrize("kind", KINDS)
def test_files_and_folders_are_synced_as_posix_wants_it(kind, monkeypatch):
    start = posix_device(monkeypatch)
    survived = start.power_cut(random.Random(0))
    assert holds(Posix(monkeypatch, survived).tree, "a", OLD)  # installing syncs everything
    whole = survived.power_cut(random.Random(0))
    live(Posix(monkeypatch, whole).tree, OLD, NEW, kind)
    assert whole.calls > 60
    seeds = range(200 if LONG else 10)
    for at in range(whole.calls):
        for seed in seeds:
            system = survived.power_cut(random.Random(0))
            system.cut_at = at
            with pytest.raises(simposix.PowerCut):
                live(Posix(monkeypatch, system).tree, OLD, NEW, kind)
            after = system.power_cut(random.Random(1000 * at + seed))
            live(Posix(monkeypatch, after).tree, OLD, NEW, kind)


def test_a_file_is_replaced_as_a_whole_or_not_at_all(monkeypatch):
    first, second = b"1" * 5000, b"2" * 300
    device = Posix(monkeypatch)
    device.tree.replace("x/y/file", first)
    before = device.system.power_cut(random.Random(0))
    seen = set()
    for at in range(7):
        system = before.power_cut(random.Random(0))
        system.cut_at = at
        with contextlib.suppress(simposix.PowerCut):
            Posix(monkeypatch, system).tree.replace("x/y/file", second)
        for seed in range(50):
            after = Posix(monkeypatch, system.power_cut(random.Random(seed))).tree
            found = after.read("x/y/file")
            assert found in (first, second)
            seen.add((at, found))
    assert (0, first) in seen and (6, second) in seen and (6, first) not in seen


def test_a_tree_that_forgets_to_sync_is_found(monkeypatch):
    """The test before this one can fail: without fsync of files, or of folders, it does."""
    for forgotten in ("_sync_file", "_sync_folder"):
        found = 0
        with monkeypatch.context() as patch:
            survived = posix_device(patch).power_cut(random.Random(0))
            patch.setattr(tree_module, forgotten, lambda _: None)
            for at in range(0, 400):
                system = survived.power_cut(random.Random(0))
                system.cut_at = at
                with contextlib.suppress(simposix.PowerCut):
                    live(Posix(patch, system).tree, OLD, NEW, GOOD)
                try:
                    live(Posix(patch, system.power_cut(random.Random(at))).tree, OLD, NEW, GOOD)
                except AssertionError:
                    found += 1
        assert found, forgotten


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_at_every_write_on_littlefs(kind):
    program = micropython.find()
    if program is None:
        pytest.skip(micropython.HOW_TO_GET_IT)
    fractions = 4 if LONG or kind == GOOD else 2
    done = subprocess.run(
        [program, "-X", "heapsize=4M", "tests/support/update_littlefs.py", kind, str(fractions)],
        cwd=micropython.ROOT, env=micropython.environment(), capture_output=True, text=True,
        timeout=600,
    )  # fmt: skip
    assert done.returncode == 0 and not done.stderr, done.stdout[-2000:] + done.stderr[-2000:]
    result = json.loads(done.stdout)
    assert result["operations"] > 40 and result["cuts"] == fractions * result["operations"]
