"""agent/comms/journal.py under power cuts and failing storage.

The laws: what was flushed is there after any power cut; what is there is what was appended; what
RAM can hold is not lost by a failing write; what is lost is reported, exactly.
"""

from agent.comms import segment as seg
from agent.comms.journal import MAX_TAIL, Journal, JournalError
from agent.comms.reader import Reader
from agent.records import ALERT, CRUMB, FINE
from tests.support.sessions import PlainSession, frames, numbers, undelivered
from tests.support.simdisk import (
    ALL,
    CUT,
    EIO,
    ENOSPC,
    FULL,
    KEPT,
    LATE,
    NONE,
    TORN,
    PowerCut,
    SimDisk,
)
from tests.support.story import FLUSH_MS, ROOM, Story

ENTRY = seg.ENTRY_HEAD + 25 + 100  # of a frame with 100 bytes of text


def story_writes():
    disk = SimDisk()
    Story(disk).play()
    return disk.writes


def recovered(disk):
    journal = Journal(disk, ROOM, 500, FLUSH_MS)
    journal.recover()
    return journal


# Power


def test_the_story_itself_is_delivered_whole():
    story = Story(SimDisk())
    story.play()
    assert story_writes() > 25 and story.errors == 0
    keys = story.check(story.journal)
    assert sorted(keys) == sorted([k for k in story.appended if k not in story.acked])


def test_nothing_flushed_is_lost_when_power_goes_at_any_operation():
    cuts = 0
    for k in range(story_writes() + 1):
        disk = SimDisk()
        disk.faults = {k: CUT}
        story = Story(disk)
        try:
            story.play()
            assert k == story_writes()
        except PowerCut:
            pass
        for kept in KEPT:
            story.check(recovered(disk.power_cut(kept)))
            cuts += 1
    assert cuts > 150


def test_nor_when_it_goes_again_while_the_journal_starts():
    for k in range(0, story_writes(), 2):
        disk = SimDisk()
        disk.faults = {k: CUT}
        story = Story(disk)
        try:
            story.play()
        except PowerCut:
            pass
        for kept in KEPT:
            for again in range(3):
                second = disk.power_cut(kept)
                second.faults = {again: CUT}
                after = Story(second, "second")
                try:
                    after.play()
                    raise AssertionError("no cut")
                except PowerCut:
                    pass
                story.appended.update(after.appended)
                story.check(recovered(second.power_cut(NONE)))


def test_a_torn_tail_never_gives_a_wrong_frame():
    disk = SimDisk()
    journal = Journal(disk, ROOM, 4096, FLUSH_MS)
    journal.begin(PlainSession("first"))
    texts = [b"one", b"two two", b"three three three"]
    for text in texts:
        journal.append(FINE, text, 0)
    journal.flush()
    whole = bytes(disk.files["t00000001"])
    for size in range(len(whole)):
        for tail in (b"", b"\x00" * 40, b"\xff" * 40, whole[:50]):
            cut = SimDisk({"t00000001": bytearray(whole[:size] + tail)})
            given = [text for _, _, text in undelivered(recovered(cut))]
            assert given == texts[: len(given)] and len(given) < 3
    assert len(undelivered(recovered(SimDisk({"t00000001": bytearray(whole)})))) == 3


# Writes that fail


def test_one_failed_operation_loses_nothing():
    for fault in (EIO, TORN, LATE):
        for k in range(story_writes()):
            disk = SimDisk()
            disk.faults = {k: fault}
            story = Story(disk)
            story.play()
            story.flush()
            assert story.lost() == []
            wanted = sorted([key for key in story.appended if key not in story.acked])
            assert sorted(story.check(story.journal)) == wanted
            # A write that was reported as failed and was not gives a frame twice after a start.
            assert set(story.check(recovered(disk.power_cut(NONE)))) >= set(wanted)
            assert len(disk.open) <= 3


def test_one_full_storage_costs_no_more_than_is_reported():
    for fault in (ENOSPC, FULL):
        for k in range(story_writes()):
            disk = SimDisk()
            disk.faults = {k: fault}
            story = Story(disk)
            story.play()
            story.flush()
            lost = story.lost()
            # What was flushed may go later to make room: then it is in a gap.
            story.flushed = [key for key in story.flushed if key not in lost]
            given = story.check(story.journal)
            wanted = [key for key in story.appended if key not in story.acked]
            assert sorted(given + lost) == sorted(wanted)
            story.check(recovered(disk.power_cut(NONE)))


def test_a_failed_flush_is_tried_again_in_another_file():
    disk = SimDisk()
    journal = Journal(disk, ROOM, 4096, FLUSH_MS)
    journal.begin(PlainSession("first"))
    journal.append(ALERT, b"flushed", 0)
    disk.faults = {disk.writes: TORN}
    try:
        journal.append(ALERT, b"panic", 10)
        raise AssertionError("no error")
    except JournalError as e:
        assert str(e) == "journal: a00000001: EIO, torn"
    assert numbers(journal, ALERT) == [0, 1]
    assert journal.poll(10) is None
    assert sorted(disk.files) == ["a00000001", "a00000002", "c00000001", "spare"]
    assert numbers(recovered(disk.power_cut(NONE)), ALERT) == [0, 1]


def test_a_frame_that_completes_a_segment_is_kept_when_that_cannot_be_written():
    disk = SimDisk()
    journal = Journal(disk, ROOM, 500, FLUSH_MS)
    journal.begin(PlainSession("first"))
    disk.broken = EIO
    errors = 0
    for _ in range(9):
        try:
            journal.append(FINE, bytes(100), 0)
        except JournalError:
            errors += 1
    assert errors > 0 and numbers(journal, FINE) == list(range(9))
    disk.broken = None
    journal.flush()
    assert numbers(recovered(disk.power_cut(NONE)), FINE) == list(range(9))


def test_a_storage_that_never_works_costs_what_ram_cannot_hold_and_says_so():
    for broken in (EIO, ENOSPC):
        disk = SimDisk()
        disk.broken = broken
        journal = Journal(disk, ROOM, 4096, FLUSH_MS)
        journal.begin(PlainSession("first"))
        for i in range(400):
            try:
                journal.append((FINE, CRUMB, ALERT)[i % 4 % 3], bytes(100), i * 10)
            except JournalError:
                pass
        tails = sum([len(s.tail) for s in journal.segments])
        assert tails <= 3 * (seg.OPENING + MAX_TAIL + ENTRY) and journal.size() == tails
        lost = 0
        for lane, _, first, last, reason, count in journal.take_gaps():
            assert reason == "write"
            mine = [i for i in range(400) if (FINE, CRUMB, ALERT)[i % 4 % 3] == lane]
            gone = [i for i in mine if first <= i <= last]
            assert len(gone) == count and numbers(journal, lane) == mine[len(gone) :]
            lost += count
        assert lost + journal.frames_left() == 400 and journal.frames_left() > 150
        assert journal.counters["frames_lost"] == lost
        disk.broken = None
        journal.flush()
        assert recovered(disk.power_cut(NONE)).frames_left() == 400 - lost


def test_a_full_storage_makes_room_by_fine_telemetry_first():
    disk = SimDisk(capacity=3000)
    journal = Journal(disk, 1 << 15, 300, FLUSH_MS)
    journal.begin(PlainSession("first"))
    for lane in (CRUMB, FINE, FINE):
        for _ in range(8):
            try:
                journal.append(lane, bytes(100), 0)
            except JournalError:
                pass
    assert journal.take_gaps()[0][0] == FINE and numbers(journal, CRUMB) == list(range(8))
    for _ in range(8):
        journal.append(ALERT, bytes(100), 0)
    assert set([g[0] for g in journal.take_gaps()]) == {FINE}
    assert numbers(journal, CRUMB) == list(range(8))
    assert numbers(journal, ALERT) == list(range(24, 32))
    assert recovered(disk.power_cut(NONE)).frames_left() == journal.frames_left()


def test_fine_telemetry_never_makes_a_full_storage_give_up_alerts():
    disk = SimDisk()
    journal = Journal(disk, 1 << 15, 300, FLUSH_MS)
    journal.begin(PlainSession("first"))
    for _ in range(6):
        journal.append(ALERT, bytes(100), 0)
    disk.broken = ENOSPC
    for i in range(200):
        try:
            journal.append(FINE, bytes(100), 10 * i)
        except JournalError:
            pass
    assert numbers(journal, ALERT) == list(range(6))
    assert [g[0] for g in journal.take_gaps()] == [FINE]


def thinned_on_a_full_disk(is_ledger_full):
    """Frames given up while a disk refuses frames, or frames and ledger."""
    disk = SimDisk()
    journal = Journal(disk, 1 << 19, 4096, FLUSH_MS)
    journal.begin(PlainSession("first"))
    for _ in range(900):
        journal.append(FINE, bytes(100), 0)
    journal.flush()
    real = disk.append

    def append(name, data):
        disk.broken = ENOSPC if is_ledger_full or name[0] != "c" else None
        real(name, data)

    disk.append = append
    for i in range(100):
        try:
            journal.append(FINE, bytes(20), i)
            journal.poll(100000 * i)
        except JournalError:
            pass
    assert numbers(journal, FINE)[-100:] == list(range(900, 1000))
    assert len([name for name in disk.files if name[0] == "c"]) == 1
    return sum([g[5] for g in journal.take_gaps() if g[4] == "full"])


def test_a_storage_filled_by_others_does_not_cost_all_that_is_kept():
    assert 0 < thinned_on_a_full_disk(False) * ENTRY < 65536 + 4096 + ENTRY


def test_nothing_goes_while_the_ledger_cannot_say_why():
    assert thinned_on_a_full_disk(True) == 0


def test_a_spare_file_gives_a_full_disk_the_room_to_write_the_ledger():
    disk = SimDisk()
    journal = Journal(disk, ROOM, 300, FLUSH_MS)
    journal.begin(PlainSession("first"))
    for _ in range(6):
        journal.append(FINE, bytes(100), 0)
    disk.capacity = sum([len(data) for data in disk.files.values()])
    assert "spare" in disk.files
    journal.append(ALERT, b"panic", 0)
    gaps = journal.take_gaps()
    assert len(gaps) == 1 and gaps[0][0] == FINE and "spare" not in disk.files
    assert numbers(journal, ALERT) == [6]
    assert numbers(journal, FINE) == list(range(gaps[0][3] + 1, 6)) and gaps[0][5] < 6
    after = recovered(disk.power_cut(NONE))
    assert [g for g in after.take_gaps() if g[4] == "full"] == gaps
    disk.capacity = None
    journal.ledger.is_dirty = True
    journal.poll(0)
    journal.poll(60000)
    assert "spare" in disk.files


def test_one_lane_that_cannot_be_written_does_not_hold_up_the_others():
    for end in ("close", "flush", "poll"):
        disk = SimDisk()
        journal = Journal(disk, ROOM, 4096, FLUSH_MS)
        journal.begin(PlainSession("first"))
        for lane in (FINE, CRUMB):
            journal.append(lane, b"routine", 0)
        disk.faults = {disk.writes: EIO}
        try:
            journal.poll(FLUSH_MS) if end == "poll" else getattr(journal, end)()
            raise AssertionError("no error")
        except JournalError:
            pass
        assert recovered(disk.power_cut(NONE)).frames_left() == 1
        assert journal.frames_left() == 2


def test_a_new_session_begins_also_when_the_old_one_cannot_be_flushed():
    disk = SimDisk()
    journal = Journal(disk, ROOM, 4096, FLUSH_MS)
    first, second = PlainSession("first"), PlainSession("second")
    journal.begin(first)
    journal.append(FINE, b"old", 0)
    journal.flush()
    journal.append(FINE, b"older", 0)
    disk.broken = EIO
    try:
        journal.begin(second)
        raise AssertionError("no error")
    except JournalError:
        pass
    journal.append(FINE, b"new", 0)
    wanted = [(first.sid, 0), (first.sid, 1), (second.sid, 0)]
    assert [f[:2] for f in frames(journal, FINE)] == wanted
    disk.broken = None
    journal.poll(FLUSH_MS)
    assert [f[:2] for f in frames(recovered(disk.power_cut(NONE)), FINE)] == wanted
    assert len(disk.open) <= 1


def test_handles_are_given_back_however_often_a_session_ends_badly():
    disk = SimDisk()
    journal = Journal(disk, ROOM, 4096, FLUSH_MS)
    for i in range(12):
        try:
            journal.begin(PlainSession(str(i)))
        except JournalError:
            pass
        journal.append(FINE, b"x", 0)
        journal.flush()
        journal.append(FINE, b"y", 0)
        disk.faults = {disk.writes: EIO}
    disk.faults = {}
    journal.flush()
    assert journal.frames_left() == 24 and len(disk.open) <= 3


# Reads that fail


def test_a_file_that_cannot_be_read_holds_up_no_other():
    disk = SimDisk()
    journal = Journal(disk, 1 << 15, 300, FLUSH_MS)
    journal.begin(PlainSession("first"))
    for _ in range(6):
        journal.append(FINE, bytes(100), 0)
    disk.unreadable = ("t00000002",)
    reader = Reader(journal, FINE)
    assert [reader.next()[1] for _ in range(4)] == [0, 1, 4, 5] and reader.next() is None
    assert journal.frames_left() == 6 and journal.counters["read_errors"] == 1
    after = recovered(disk)
    assert after.frames_left() == 4 and after.counters["read_errors"] == 1
    disk.unreadable = ()
    assert numbers(journal, FINE) == [0, 1, 2, 3, 4, 5]
    assert recovered(disk.power_cut(ALL)).frames_left() == 6


def test_a_start_survives_one_failed_operation_of_any_kind():
    story = Story(SimDisk())
    story.play()
    story.flush()
    whole = story.disk
    wanted = len(undelivered(recovered(whole.power_cut(NONE))))
    total = whole.power_cut(NONE)
    recovered(total)
    for k in range(1, total.reads):
        disk = whole.power_cut(NONE)
        disk.read_faults = {k: EIO}
        assert recovered(disk).counters["read_errors"] == 1
        assert len(undelivered(recovered(disk.power_cut(NONE)))) == wanted
