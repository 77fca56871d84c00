"""agent/update/boot.py and slots.py: which slot starts, what is accepted, what commits."""

from agent.port.tree import new_hash
from agent.update import boot, errors
from agent.update.slots import SETTLE_MS, TRIAL_MS, Slots, place
from tests.support.releases import choose, new_release, old_release
from tests.support.simdisk import EIO, LATE
from tests.support.simtree import SimTree

OLD = old_release()
NEW = new_release()


def manifest_of(release):
    from agent.update.manifest import parse

    return parse(release.manifest)


def gateway(is_switched=False):
    """A gateway that runs OLD in slot a; with NEW whole in b, and armed, when wanted."""
    tree = SimTree()
    OLD.install(tree, "a")
    if is_switched:
        slots = Slots(tree, "a", 0)
        slots.accept(manifest_of(NEW), 1)
        NEW.install(tree, "b")
        slots.switch()
    return tree


def raises(kind, call, *arguments):
    try:
        call(*arguments)
    except kind as e:
        assert type(e) is kind and str(e)
        return e
    raise AssertionError("no %s" % kind.__name__)


def test_a_gateway_fresh_from_the_bench_starts_what_is_there():
    for slot in boot.SLOTS:
        tree = SimTree()
        OLD.install(tree, slot)
        assert choose(tree) == slot
        assert choose(tree) == slot
        assert Slots(tree, slot, 0).order == (bytes(8), 0, "good")
    assert choose(SimTree()) == "a"  # something must be tried


def test_a_release_on_trial_is_counted_before_it_starts():
    tree = gateway(is_switched=True)
    for n in range(boot.MAX_TRIES):
        assert choose(tree) == "b"
        assert boot.load(tree).tries == n + 1
    assert choose(tree) == "a"
    assert boot.load(tree).outcome == boot.CRASHED
    assert Slots(tree, "a", 0).order == (NEW.id, 1, "crashed")
    assert choose(tree) == "a"


def test_a_try_that_cannot_be_counted_is_not_made():
    tree = gateway(is_switched=True)
    tree.disk.broken = EIO
    before = dict(tree.disk.files)
    tree.disk.faults = {tree.disk.writes: EIO}
    assert choose(tree) == "a"
    assert dict(tree.disk.files) == before
    assert choose(tree) == "b"  # the storage is well again
    # Written although an error was told: at the next start it counts, and no try is lost.
    tree.disk.faults = {tree.disk.writes: LATE}
    assert choose(tree) == "a"
    assert boot.load(tree).tries == 2


def test_healthy_commits_and_not_before_it_has_settled():
    tree = gateway(is_switched=True)
    slots = Slots(tree, choose(tree), 5000)
    assert slots.is_on_trial and slots.running == "b" and slots.target == "a"
    assert not slots.healthy(5000 + SETTLE_MS - 1) and slots.is_on_trial
    assert slots.healthy(5000 + SETTLE_MS) and not slots.is_on_trial
    assert slots.order == (NEW.id, 1, "good")
    assert not slots.healthy(5000 + SETTLE_MS)  # once
    for _ in range(boot.MAX_TRIES + 1):
        assert choose(tree) == "b"


def test_a_commit_that_cannot_be_stored_is_tried_again():
    tree = gateway(is_switched=True)
    slots = Slots(tree, choose(tree), 0)
    tree.disk.faults = {tree.disk.writes: EIO}
    raises(errors.UpdateStorageError, slots.healthy, SETTLE_MS)
    assert slots.is_on_trial
    assert slots.healthy(SETTLE_MS) and choose(tree) == "b"


def test_one_that_never_reaches_the_room_goes_back_after_its_time():
    tree = gateway(is_switched=True)
    slots = Slots(tree, choose(tree), 1000)
    assert not slots.is_overdue(1000 + TRIAL_MS - 1)
    assert slots.is_overdue(1000 + TRIAL_MS)
    slots.go_back()
    assert choose(tree) == "a"
    slots = Slots(tree, "a", 0)
    assert slots.order == (NEW.id, 1, "unwell") and not slots.is_overdue(TRIAL_MS)
    assert not slots.healthy(TRIAL_MS)


def test_what_is_not_whole_is_not_started():
    names = ["b/files", "b/whole", "b/app/agent/a.py", "b/app/agent/empty.py", "b/app/main.py"]
    for name in names:
        for damage in ("gone", "flipped", "shorter", "longer"):
            tree = gateway(is_switched=True)
            data = tree.disk.files[name]
            if damage == "gone":
                del tree.disk.files[name]
            elif damage == "longer":
                data.append(0)
            elif not data:
                continue
            elif damage == "shorter":
                tree.disk.files[name] = data[:-1]
            else:
                data[len(data) // 2] ^= 4
            assert choose(tree) == "a", (name, damage)
            assert Slots(tree, "a", 0).order[2] == "broken"


def test_a_good_slot_that_has_gone_bad_makes_room_for_the_other():
    tree = gateway(is_switched=True)
    Slots(tree, choose(tree), 0).healthy(SETTLE_MS)
    tree.disk.files["b/app/main.py"][0] ^= 1
    # A start out of deep sleep looks at sizes alone, and trusts the contents.
    assert boot.choose(tree, new_hash, False) == "b"
    assert choose(tree) == "a" and choose(tree) == "a"
    tree.disk.files["a/app/main.py"] = bytearray(b"ol")
    assert choose(tree) == "a"  # both are bad: the one that was good last
    assert boot.choose(tree, new_hash, False) == "a"
    assert not boot.is_whole(tree, "a", new_hash, False)  # a wrong size is seen at once
    tree.disk.files["a/app/main.py"] = bytearray(b"0ld")
    assert boot.is_whole(tree, "a", new_hash, False) and not boot.is_whole(tree, "a", new_hash)


def test_a_slot_that_runs_where_the_good_one_cannot_is_adopted():
    tree = gateway(is_switched=True)
    slots = Slots(tree, "b", 0)
    assert not slots.adopt()  # on trial it has its own way to become good
    assert not Slots(tree, choose(tree), 0).adopt()
    Slots(tree, "b", 0).healthy(SETTLE_MS)
    floor = boot.load(tree).floor
    slots = Slots(tree, "a", 0)  # the boot code's choice was b, the minimal boot is of a
    raises(errors.BusyError, slots.accept, manifest_of(NEW), 2)
    assert slots.adopt() and not slots.adopt()
    assert choose(tree) == "a" and Slots(tree, "a", 0).order[2] == "broken"
    assert boot.load(tree).floor == floor
    slots.accept(manifest_of(NEW), 2)  # it can be updated again


def test_either_copy_of_the_pointer_is_enough():
    for name in ("pointer-1", "pointer-2"):
        for bit in range(34 * 8):
            tree = gateway(is_switched=True)
            assert choose(tree) == "b"
            tree.disk.files[name][bit // 8] ^= 1 << bit % 8
            # The newer copy says one try, the older one none: a step back at most.
            assert boot.load(tree).tries in (0, 1) and boot.load(tree).trial == 1
            slots = Slots(tree, choose(tree), 0)
            assert slots.running == "b" and slots.healthy(SETTLE_MS)
            assert choose(tree) == "b"
    tree = gateway(is_switched=True)
    del tree.disk.files["pointer-1"], tree.disk.files["pointer-2"]
    assert choose(tree) == "a"


def test_a_pointer_of_another_version_or_length_is_none():
    p = boot.Pointer()
    p.sequence = 3
    data = p.encode()
    assert len(data) == 34 and boot.decode(data).sequence == 3
    for wrong in (b"", data[:-1], data + b"\x00", b"\x02" + data[1:], bytes(34)):
        assert boot.decode(wrong) is None


def test_orders_are_taken_once_and_in_their_order():
    tree = gateway()
    slots = Slots(tree, "a", 0)
    first = manifest_of(new_release(generation=5))
    slots.accept(first, 1)
    slots.accept(first, 1)  # a download that goes on
    slots = Slots(tree, "a", 0)
    slots.accept(first, 1)  # and after a restart
    for wrong in (new_release(generation=4), new_release(generation=5, name="other")):
        raises(errors.ReplayError, slots.accept, manifest_of(wrong), 9)
    slots.accept(manifest_of(new_release(generation=6)), 1)
    raises(errors.ReplayError, slots.accept, first, 2)


def test_the_floor_rises_with_the_commit_and_not_before():
    tree = gateway()
    slots = Slots(tree, "a", 0)
    second = new_release(counter=7, minimum=6)
    slots.accept(manifest_of(second), 1)
    assert boot.load(tree).floor == 0
    second.install(tree, "b")
    slots.switch()
    slots = Slots(tree, choose(tree), 0)
    slots.healthy(SETTLE_MS)
    assert boot.load(tree).floor == 6
    raises(
        errors.DowngradeError, slots.accept, manifest_of(new_release(counter=5, generation=8)), 1
    )
    slots.accept(manifest_of(new_release(counter=6, minimum=2, generation=8)), 1)


def test_a_release_that_failed_here_wants_another_attempt_by_the_room():
    tree = gateway(is_switched=True)
    slots = Slots(tree, choose(tree), 0)
    slots.go_back()
    slots = Slots(tree, choose(tree), 0)
    m = manifest_of(NEW)
    assert "unwell" in str(raises(errors.FailedBeforeError, slots.accept, m, 1))
    slots.accept(m, 2)
    assert slots.order == (NEW.id, 2, "open")
    slots.switch()
    slots = Slots(tree, choose(tree), 0)
    assert slots.running == "b" and slots.healthy(SETTLE_MS)
    raises(errors.DoneBeforeError, slots.accept, m, 3)


def test_nothing_is_accepted_or_switched_during_a_trial():
    tree = gateway(is_switched=True)
    armed = Slots(tree, "a", 0)  # not restarted yet
    raises(errors.BusyError, armed.accept, manifest_of(new_release(generation=9)), 1)
    raises(errors.BusyError, armed.switch)
    slots = Slots(tree, choose(tree), 0)
    raises(errors.BusyError, slots.accept, manifest_of(new_release(generation=9)), 1)
    raises(errors.BusyError, slots.switch)
    raises(errors.BusyError, Slots(gateway(), "a", 0).switch)


def test_only_what_was_accepted_and_is_whole_is_switched_to():
    tree = gateway()
    older = new_release(name="other", generation=1)
    older.install(tree, "b")
    slots = Slots(tree, "a", 0)
    slots.accept(manifest_of(NEW), 1)
    raises(errors.BusyError, slots.switch)  # another order's files
    NEW.install(tree, "b")
    for name, data in (("b/whole", b""), ("b/manifest", b"x"), ("b/manifest", bytes(5000))):
        before = tree.read(name)
        tree.replace(name, data)
        raises(errors.BusyError, slots.switch)
        tree.replace(name, before)
    slots.switch()
    assert choose(tree) == "b"


def test_where_the_agent_runs_from_is_read_off_its_own_path():
    assert place("/var/lib/patrol/b/app/agent/update/slots.py") == ("/var/lib/patrol", "b")
    assert place("/a/app/agent/__init__.mpy") == ("/", "a")
    for elsewhere in (
        "agent/update/slots.py",
        "/home/x/agent/update/slots.py",
        "/c/app/agent/x.py",
    ):
        assert place(elsewhere) is None
