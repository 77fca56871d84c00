"""agent/comms/quota.py in the journal: which lane gives way, what it leaves, and what gaps say."""

from agent.comms.gaps import MAX_GAPS
from agent.comms.journal import Journal
from agent.comms.quota import MAX_SEGMENTS, taken
from agent.records import ALERT, CRUMB, FINE
from tests.support.journals import FLUSH_MS, fill, gaps, segment_files, started
from tests.support.sessions import PlainSession, numbers
from tests.support.simdisk import SimDisk

# A text of 100 bytes takes 132; with segments of 300 bytes two go into one, which is 330.
SMALL = 3200  # a quota: 400 bytes are the alerts' own, 800 the breadcrumbs', 400 fine telemetry's


def used(journal):
    """Frames of each lane: alerts, breadcrumbs, fine telemetry."""
    return [len(numbers(journal, lane)) for lane in (ALERT, CRUMB, FINE)]


def test_the_quota_is_used_whole_and_never_passed():
    for lane, frames_kept in ((FINE, 12), (CRUMB, 14), (ALERT, 12)):
        journal, _ = started(quota=SMALL, segment=300)
        for _ in range(60):
            fill(journal, lane, 1)
            assert journal.size() <= SMALL
        assert frames_kept <= sum(used(journal)) <= frames_kept + 2


def test_fine_telemetry_goes_first_then_breadcrumbs_then_alerts():
    journal, _ = started(quota=SMALL, segment=300)
    fill(journal, ALERT, 2)  # 0, 1
    fill(journal, CRUMB, 4)  # 2..5
    fill(journal, FINE, 10)  # 6..15
    assert gaps(journal) == []
    fill(journal, CRUMB, 10)
    assert set([g[0] for g in gaps(journal)]) == {FINE} and used(journal) == [2, 14, 2]
    fill(journal, CRUMB, 2)
    assert gaps(journal) == [(CRUMB, 2, 3, "full", 2)]  # what is fine telemetry's own stays
    fill(journal, ALERT, 10)
    assert set([g[0] for g in gaps(journal)]) == {CRUMB} and used(journal) == [12, 4, 2]
    fill(journal, ALERT, 2)
    assert gaps(journal) == [(ALERT, 0, 1, "full", 2)]


def test_no_lane_takes_what_is_anothers_own():
    journal, _ = started(quota=SMALL, segment=300)
    for lane in (ALERT, CRUMB, FINE):
        fill(journal, lane, 60)
    assert used(journal) == [12, 4, 2]  # fine telemetry passes in the 400 bytes that are its own
    gaps(journal)
    fill(journal, FINE, 2)
    assert set([g[0] for g in gaps(journal)]) == {FINE}
    fill(journal, CRUMB, 2)
    assert set([g[0] for g in gaps(journal)]) == {CRUMB}


def test_a_quota_made_smaller_is_kept_by_who_is_over_his_own():
    journal, _ = started(quota=1 << 14, segment=300)
    fill(journal, ALERT, 2)
    fill(journal, CRUMB, 30)
    journal._quota = SMALL
    fill(journal, FINE, 2)
    assert [g[0] for g in gaps(journal)] == [CRUMB] and journal.size() <= SMALL
    assert numbers(journal, FINE) == [32, 33]


def test_the_number_of_segments_is_bounded_however_many_sessions_there_are():
    journal, _ = started(quota=1 << 20)
    for i in range(MAX_SEGMENTS + 20):
        journal.begin(PlainSession(str(i)))
        fill(journal, (FINE, CRUMB)[i % 2], 1, 10)
        assert len(journal.segments) <= MAX_SEGMENTS
    assert set([g[0] for g in gaps(journal)]) == {FINE}


def test_a_gap_says_exactly_what_went():
    journal, session = started(quota=SMALL, segment=300)
    fill(journal, FINE, 1)
    fill(journal, CRUMB, 1)
    fill(journal, FINE, 3)  # the files have 0 and 2, 3 and 4
    journal.acknowledge(session.sid, 1, [])
    fill(journal, CRUMB, 13)
    assert gaps(journal) == [(FINE, 2, 2, "full", 1)]  # 0 the room has, 1 is another lane's
    assert journal.take_gaps() == []
    fill(journal, FINE, 2)
    assert gaps(journal) == [(FINE, 3, 4, "full", 2)]


def test_gaps_in_a_row_are_one_and_what_lies_between_two_is_not_claimed():
    disk = SimDisk()
    journal, _ = started(disk, segment=300)
    fill(journal, FINE, 8)
    for name in ("t00000001", "t00000003", "t00000004"):
        disk.files[name][100] ^= 1  # the first of its two frames, so both
    assert numbers(journal, FINE) == [2, 3]
    assert gaps(journal) == [(FINE, 0, 1, "broken", 2), (FINE, 4, 7, "broken", 4)]


def test_a_crowd_of_gaps_is_bounded_and_told_in_fewer_words():
    journal, _ = started(quota=1 << 16, segment=300)
    for i in range(MAX_GAPS + 3):
        session = PlainSession(str(i))
        journal.begin(session)
        fill(journal, FINE, 1)
    journal.begin(PlainSession("last"))
    journal._quota = 350  # the alert, and what is the others' own
    fill(journal, ALERT, 1)
    assert len(journal.take_gaps()) == MAX_GAPS
    assert journal.counters["gaps_forgotten"] == 0
    gone = [end for end in journal.take_ends() if end[2] == "gone"]
    assert [end[:2] for end in gone] == [(PlainSession(str(i)).sid, 0) for i in range(3)]
    assert journal.counters["frames_lost"] == MAX_GAPS + 3


def test_what_counts_is_what_files_take_of_the_storage():
    """A block is the least that littlefs gives to a file: short sessions fill it by their number,
    full segments leave little of their last block unused."""
    unit, quota = 4096, 40 * 4096
    for size, sessions in ((10, 100), (300, 1)):
        disk = SimDisk()
        journal = Journal(disk, quota, 16384, FLUSH_MS, unit)
        journal.recover()
        for number in range(sessions):
            journal.begin(PlainSession(str(number)))
            fill(journal, FINE, 3 if sessions > 1 else 1000, size)
            assert journal.size() <= quota
        journal.flush()
        files = [len(disk.files[name]) for name in segment_files(disk)]
        assert sum([taken(length, unit) for length in files]) == journal.size()
        assert journal.size() >= quota * 5 // 8 - 5 * unit  # what is not the other lanes' own
        if sessions > 1:
            assert len(files) == 25 and max(files) < 1000
        else:
            assert sum(files) > journal.size() * 9 // 10


def test_what_a_file_takes():
    assert taken(1000, 1) == 1000 and taken(0, 4096) == 0
    assert taken(1, 4096) == taken(4088, 4096) == 4096
    assert taken(4089, 4096) == 8192 and taken(40880, 4096) == 40960
