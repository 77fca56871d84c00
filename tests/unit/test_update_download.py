"""agent/update/download.py: a release over chunks, broken off and taken up, within a budget."""

from agent.update import download as downloads
from agent.update import rsa
from agent.update.download import MAX_BAD, MAX_CHUNK, RETRY_MS, SMALLEST, WINDOW, Download
from agent.update.slots import SETTLE_MS, Slots
from tests.support.data import own_vectors
from tests.support.releases import (
    DEVICE,
    UTC,
    NoKeys,
    Release,
    choose,
    drive,
    new_release,
    old_release,
    pattern,
)
from tests.support.simdisk import EIO
from tests.support.simtree import SimTree

OLD = old_release()
CAPACITY = 1 << 20


def start(tree, running="a"):
    """(slots, download) of a fresh start."""
    slots = Slots(tree, running, 0)
    return slots, Download(tree, slots, NoKeys(), DEVICE[0], DEVICE[1], CAPACITY)


def gateway():
    tree = SimTree()
    OLD.install(tree, "a")
    return tree


def offered(release, tree=None):
    """(tree, slots, download) that has looked at an offer of the release."""
    tree = tree or gateway()
    slots, download = start(tree)
    download.offer(release.signed, 1, UTC)
    while download.work():
        pass
    return tree, slots, download


def test_a_release_is_fetched_started_and_committed():
    new = new_release()
    tree, slots, download = offered(new)
    drive(download, new)
    assert download.state == "ready" and new.is_in(tree, "b") and OLD.is_in(tree, "a")
    assert download.report() == (new.id, "ready", "", 15003, 15003)
    # What the running slot has in the same version is not fetched.
    assert download.counters["copied"] == 6000
    assert download.counters["bytes"] == 9003 + len(new.index)
    slots.switch()
    slots = Slots(tree, choose(tree), 0)
    assert slots.running == "b" and slots.healthy(SETTLE_MS) and choose(tree) == "b"


def test_the_published_release_passes_with_its_real_keys():
    vectors = own_vectors("update-v1.json")
    keys = rsa.Keys([bytes.fromhex(m) for m in vectors["moduli"]])
    tree = gateway()
    download = Download(tree, Slots(tree, "a", 0), keys, "gateway-s3", "v-test0001", CAPACITY)
    download.offer(bytes.fromhex(vectors["releases"][9]["signed"]), 1, UTC)
    while download.work():
        pass
    assert download.state == "refused" and download.answer[1] == "QuorumError"
    download.offer(bytes.fromhex(vectors["releases"][0]["signed"]), 1, UTC)
    files = dict([(p, bytes.fromhex(d)) for p, d in vectors["files"].items()])
    release = Release(files)
    release.id = bytes.fromhex(vectors["id"])
    drive(download, release)
    assert download.state == "ready"
    assert tree.read("b/app/agent/one.py") == b"ONE = 1\n"


def test_every_size_of_chunk_gives_the_same_files():
    new = new_release()
    for chunk in (1, 7, 511, 512, 4000, MAX_CHUNK):
        tree, _, download = offered(new)
        drive(download, new, chunk=chunk)
        assert new.is_in(tree, "b"), chunk


def test_a_restart_at_every_chunk_goes_on_where_it_was():
    new = new_release()
    tree = gateway()
    slots, download = start(tree)
    download.offer(new.signed, 1, UTC)
    bytes_sent = restarts = 0
    for _ in range(200):
        while download.work():
            pass
        wanted = download.wanted(0, 1 << 30)
        if wanted is None:
            break
        file, offset, length = wanted
        data = new.part(file, offset, min(length, 700))
        assert download.feed(new.id, file, offset, data, 0)
        bytes_sent += len(data)
        restarts += 1
        slots, download = start(tree)
        download.resume(UTC)
    assert download.state == "ready" and new.is_in(tree, "b") and restarts > 13
    assert bytes_sent == 9003 + len(new.index)  # nothing twice


def test_resume_does_nothing_where_nothing_was_begun():
    tree = gateway()
    _, download = start(tree)
    download.resume(UTC)
    assert not download.work() and download.state == "idle"
    # Nor on trial: what lies in the other slot is the way back.
    new = new_release()
    tree, slots, download = offered(new)
    drive(download, new)
    slots.switch()
    _, download = start(tree, choose(tree))
    download.resume(UTC)
    assert not download.work() and download.state == "idle" and OLD.is_in(tree, "a")
    # Nor where the slot holds another manifest than the one that was accepted.
    new = new_release()
    tree, _, download = offered(new)
    tree.replace("b/manifest", OLD.signed)
    _, download = start(tree)
    download.resume(UTC)
    assert not download.work() and download.state == "idle"


def test_a_torn_tail_is_found_by_the_files_hash_and_fetched_again():
    new = new_release()
    tree, _, download = offered(new)
    file, offset, length = download.wanted(0, 1 << 30)
    download.feed(new.id, 0, 0, new.index, 0)
    while download.work():
        pass
    assert download.wanted(0, 1 << 30)[0] == 1
    download.feed(new.id, 1, 0, new.part(1, 0, 4000), 0)
    tree.disk.files["b/app/agent/a.py"].extend(bytes(3000))  # ext4 after a power cut
    _, download = start(tree)
    download.resume(UTC)
    drive(download, new)
    assert new.is_in(tree, "b") and download.counters["bad_files"] == 1


def test_chunks_that_were_not_asked_for_are_refused_and_counted():
    new = new_release()
    _, _, download = offered(new)
    c = download.counters
    assert not download.feed(new.id, 0, 0, new.index, 0) and c["unasked"] == 1
    file, offset, length = download.wanted(0, 1 << 30)
    assert (file, offset, length) == (0, 0, len(new.index))
    assert not download.feed(b"otherone", 0, 0, new.index, 0) and c["order"] == 1
    assert not download.feed(new.id, 1, 0, new.index, 0)
    assert not download.feed(new.id, 0, 1, new.index[1:], 0)
    assert not download.feed(new.id, 0, -1, new.index, 0) and c["place"] == 3
    assert not download.feed(new.id, 0, 0, new.index + b"x", 0)
    assert not download.feed(new.id, 0, 0, b"", 0) and c["size"] == 2
    assert not download.feed(new.id, 0, 0, bytes(MAX_CHUNK + 1), 0) and c["size"] == 3
    assert download.feed(new.id, 0, 0, new.index[:50], 0)
    assert not download.feed(new.id, 0, 0, new.index[:50], 0) and c["place"] == 4  # a duplicate
    assert download.feed(new.id, 0, 50, new.index[50:], 0)
    assert not download.feed(new.id, 0, len(new.index), b"x", 0)
    while download.work():
        pass
    idle = start(gateway())[1]
    assert not idle.feed(new.id, 0, 0, b"x", 0) and idle.counters["not_waiting"] == 1


def test_no_more_is_asked_for_than_is_allowed():
    files = {"main.py": pattern(100000, 5)}
    new = Release(files)
    tree, _, download = offered(new)
    assert download.wanted(0, 0) is None
    assert download.wanted(0, len(new.index) - 1) is None
    assert download.wanted(0, 1 << 30) == (0, 0, len(new.index))
    download.feed(new.id, 0, 0, new.index, 0)
    while download.work():
        pass
    assert download.wanted(0, SMALLEST - 1) is None
    assert download.wanted(0, 5000) == (1, 0, 5000)
    assert download.wanted(RETRY_MS - 1, 5000) is None  # asked already
    assert not download.feed(new.id, 1, 0, new.part(1, 0, MAX_CHUNK + 1), 0)
    assert download.feed(new.id, 1, 0, new.part(1, 0, 4000), 0)
    assert not download.feed(new.id, 1, 4000, new.part(1, 4000, 1001), 0)
    assert download.counters["unasked"] == 1
    assert download.feed(new.id, 1, 4000, new.part(1, 4000, 1000), 0)
    assert download.wanted(1, 1 << 30) == (1, 5000, WINDOW)
    drive(download, new, now=2)
    assert new.is_in(tree, "b")


def test_a_lost_chunk_is_asked_for_again_at_once_and_a_silent_room_in_time():
    new = Release({"main.py": pattern(20000, 6)})
    _, _, download = offered(new)
    download.wanted(0, 1 << 30)
    assert download.wanted(RETRY_MS - 1, 1 << 30) is None
    assert download.wanted(RETRY_MS, 1 << 30) == (0, 0, len(new.index))
    download.feed(new.id, 0, 0, new.index, RETRY_MS)
    while download.work():
        pass
    now = RETRY_MS
    assert download.wanted(now, 1 << 30) == (1, 0, 20000)
    download.feed(new.id, 1, 0, new.part(1, 0, 4000), now)
    assert download.wanted(now, 1 << 30) is None
    assert not download.feed(new.id, 1, 8000, new.part(1, 8000, 4000), now)
    assert download.wanted(now, 1 << 30) == (1, 4000, 16000)
    assert not download.feed(new.id, 1, 12000, new.part(1, 12000, 4000), now)
    assert download.wanted(now, 1 << 30) is None  # once for each gap


def test_a_file_that_comes_wrong_again_and_again_ends_the_order():
    new = new_release()
    tree, slots, download = offered(new)
    good = new.files["agent/a.py"]
    new.files["agent/a.py"] = pattern(9000, 99)
    drive(download, new)
    assert download.state == "failed" and download.report()[2] == "FileHashError"
    assert download.counters["bad_files"] == MAX_BAD
    assert slots.order == (new.id, 1, "broken") and choose(tree) == "a"
    # The room mends it and asks for another attempt.
    new.files["agent/a.py"] = good
    download.offer(new.signed, 1, UTC)
    drive(download, new)
    assert download.answer == (new.id, "FailedBeforeError") and download.state == "failed"
    download.offer(new.signed, 2, UTC)
    drive(download, new)
    assert download.state == "ready" and new.is_in(tree, "b")


def test_an_index_that_is_signed_but_wrong_ends_the_order():
    wrong = Release({"../x": b"1"})
    tree, slots, download = offered(wrong)
    drive(download, wrong)
    assert download.report()[2] == "IndexFormatError" and slots.order[2] == "broken"
    assert all([name[:2] in ("a/", "b/", "po") for name in tree.disk.files])


def test_a_bad_offer_does_not_disturb_a_download():
    new = new_release()
    _, _, download = offered(new)
    download.wanted(0, 1 << 30)
    for signed in (b"", b"x" * 5000, new.signed[:-1], new_release(generation=1, name="x").signed):
        download.offer(signed, 1, UTC)
        while download.work():
            pass
        assert download.state == "fetching" and download.answer[1]
    assert download.counters["refused"] == 4
    drive(download, new, now=RETRY_MS * 2)
    assert download.state == "ready"
    download.offer(b"", 1, UTC)
    assert download.work() and not download.work() and download.state == "ready"


def test_one_offer_is_looked_at_at_a_time():
    new = new_release()
    slots, download = start(gateway())
    assert download.offer(new.signed, 1, UTC)
    assert not download.offer(b"", 1, UTC) and download.counters["busy"] == 1
    drive(download, new)
    assert download.state == "ready" and download.answer == (new.id, "")


def test_a_newer_order_takes_the_place_of_the_one_that_is_fetched():
    first = new_release()
    tree, _, download = offered(first)
    download.wanted(0, 1 << 30)
    download.feed(first.id, 0, 0, first.index, 0)
    download.work()
    second = new_release(generation=3, name="0.3.0")
    download.offer(second.signed, 1, UTC)
    drive(download, second)
    assert download.state == "ready" and second.is_in(tree, "b")


def test_refusals_have_their_names():
    for changed, name in (
        ({"hardware": ["pi"]}, "HardwareError"), ({"vehicles": ["v-other"]}, "VehicleError"),
        ({"expires": UTC}, "ExpiredError"), ({"bytes": CAPACITY}, "CapacityError"),
    ):  # fmt: skip
        new = new_release(**changed)
        tree, slots, download = offered(new)
        assert download.state == "refused" and download.answer == (new.id, name), name
        assert not [n for n in tree.disk.files if n[0] == "b"] and slots.order[0] == bytes(8)
    slots, download = start(gateway())
    download.offer(new_release().signed, 1, None)
    while download.work():
        pass
    assert download.answer[1] == "RoomTimeError"


def test_a_storage_that_fails_ends_the_download_and_the_next_start_goes_on():
    new = new_release()
    for operation in range(4, 24):
        tree = gateway()
        slots, download = start(tree)
        tree.disk.faults = {tree.disk.writes + operation: EIO}
        download.offer(new.signed, 1, UTC)
        drive(download, new)
        assert choose(tree) == "a"
        if download.state != "ready":
            assert download.report()[2] == "UpdateStorageError", operation
            slots, download = start(tree)
            download.offer(new.signed, 1, UTC)
            drive(download, new)
        assert download.state == "ready" and new.is_in(tree, "b"), operation


def test_a_running_slot_that_has_gone_bad_costs_data_and_nothing_else():
    new = new_release()
    tree = gateway()
    tree.disk.files["a/app/agent/same.py"][100] ^= 1
    tree, _, download = offered(new, tree)
    drive(download, new)
    assert new.is_in(tree, "b") and download.counters["bytes"] == 15003 + len(new.index)


def test_a_running_slot_that_cannot_be_read_to_its_end_is_left_at_that():
    new = new_release()
    for damage in ("short", "unreadable"):
        tree = gateway()
        name = "a/app/agent/same.py"
        if damage == "short":
            tree.disk.files[name] = tree.disk.files[name][:4500]
        else:
            tree.disk.unreadable = (name,)
        tree, _, download = offered(new, tree)
        drive(download, new)
        assert download.state == "ready", damage
        tree.disk.unreadable = ()
        assert new.is_in(tree, "b"), damage


def test_leftovers_of_an_earlier_release_are_gone():
    tree = gateway()
    older = Release({"agent/gone.py": b"1", "agent/a.py": b"2", "main.py": b"3"})
    older.install(tree, "b")
    new = new_release()
    assert tree.size("b/whole") == 32
    tree, _, download = offered(new, tree)
    assert tree.size("b/whole") == 0  # from the first write on, what lies there is not started
    tree.replace("b/app/agent/a.pyc", b"left")
    drive(download, new)
    assert new.is_in(tree, "b")


def test_chunks_and_windows_fit_into_frames():
    from agent import port
    from agent.comms import seal

    chunk = port.packb([255, bytes(8), 256, (1 << 20) - 1, bytes(MAX_CHUNK)])
    assert len(chunk) + seal.OVERHEAD <= seal.MAX_FRAME
    assert downloads.WINDOW % 4096 == 0
