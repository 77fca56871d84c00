"""agent/comms: segment, journal, gaps, reader on a storage that works.

What a failing storage or a power cut does is in test_journal_faults.py.
"""

from agent.comms import segment as seg
from agent.comms.journal import MAX_TAIL, Journal, JournalError
from agent.comms.reader import Reader
from agent.comms.seal import MAX_FRAME, OVERHEAD
from agent.records import ALERT, CRUMB, FINE
from tests.support.journals import FLUSH_MS, ROOM, SEGMENT, fill, gaps, segment_files, started
from tests.support.sessions import PlainSession, frames, numbers, undelivered
from tests.support.simdisk import NONE, SimDisk

# What the room holds


def index_of(segment):
    return segment.index


def segment_of(count):
    segment = seg.Segment(FINE, 1, b"sid0")
    for number in range(0, 2 * count, 2):
        segment.add(number, b"entry")
    return segment


def test_an_acknowledgement_covers_all_below_and_the_ranges():
    segment = segment_of(6)  # 0 2 4 6 8 10
    assert segment.acknowledge(3, [[6, 7], [9, 9]], index_of) == 3
    assert segment.unacked(segment.index) == [4, 8, 10] and segment.left == 3
    assert [segment.is_acked(i) for i in range(6)] == [True, True, False, True, False, False]


def test_acknowledgements_add_up_in_any_order_and_count_once():
    segment = segment_of(6)
    assert segment.acknowledge(0, [[8, 8]], index_of) == 1
    assert segment.acknowledge(0, [[2, 3]], index_of) == 1
    assert segment.acknowledge(0, [[8, 8], [2, 2]], index_of) == 0
    assert segment.unacked(segment.index) == [0, 4, 6, 10]
    assert segment.acknowledge(100, [], index_of) == 4 and segment.left == 0
    segment.add(12, b"later")  # what was said before it existed does not speak of it
    assert segment.unacked(segment.index) == [12] and segment.left == 1


def test_what_is_acknowledged_stays_with_its_frames_when_a_segment_is_split():
    segment = segment_of(6)
    segment.acknowledge(1, [[6, 8]], index_of)
    fresh = seg.Segment(FINE, 2, b"sid0")
    segment.split(2, fresh)
    fresh.index.numbers.extend([4, 6, 8, 10])
    assert list(segment.index.numbers) == [0, 2]
    assert segment.unacked(segment.index) == [2] and segment.left == 1
    assert (fresh.first, fresh.last, fresh.count) == (4, 10, 4)
    assert fresh.unacked(fresh.index) == [4, 10] and fresh.left == 2


# Entries


def test_an_entry_is_length_crc_lane_and_frame():
    data = seg.entry("t", b"frame")
    # binascii.crc32(b"\x00\x05tframe") as zlib, gzip and PNG count it
    assert data == b"\x00\x05\xd4\x73\x74\xc9tframe"
    assert seg.parse_entry(data[:7], data[7:]) == ("t", b"frame")


def test_no_flipped_bit_in_an_entry_passes():
    data = seg.entry("t", b"frame")
    for i in range(8 * len(data)):
        bad = bytearray(data)
        bad[i // 8] ^= 1 << i % 8
        assert seg.parse_entry(bytes(bad[:7]), bytes(bad[7:])) is None


# Kept and given


def test_a_reader_gives_each_frame_of_its_lane_once_and_in_order():
    journal, session = started()
    for i, lane in enumerate((FINE, CRUMB, FINE, ALERT, FINE)):
        assert journal.append(lane, bytes((65 + i,)), 0) == i
    assert frames(journal, FINE) == [
        (session.sid, 0, b"A"),
        (session.sid, 2, b"C"),
        (session.sid, 4, b"E"),
    ]
    assert numbers(journal, CRUMB) == [1] and numbers(journal, ALERT) == [3]
    assert journal.frames_left() == 5
    reader = Reader(journal, FINE)
    seen = [reader.next()[1] for _ in range(3)]
    assert reader.next() is None
    journal.append(FINE, b"late", 0)
    assert seen == [0, 2, 4] and reader.next()[1] == 5 and reader.next() is None


def test_a_reader_goes_through_flushed_and_unflushed_frames_of_many_segments():
    journal, _ = started(segment=500)
    wanted = fill(journal, FINE, 3)
    journal.flush()
    reader = Reader(journal, FINE)
    seen = [reader.next()[1], reader.next()[1]]
    wanted += fill(journal, FINE, 20)
    journal.flush()
    wanted += fill(journal, FINE, 2)
    while True:
        found = reader.next()
        if found is None:
            break
        seen.append(found[1])
    assert seen == wanted and len(journal.segments) > 3


def test_a_live_reader_begins_behind_what_is_there():
    journal, _ = started()
    fill(journal, FINE, 3)
    reader = Reader(journal, FINE, live=True)
    assert reader.next() is None
    journal.append(FINE, b"now", 0)
    journal.append(CRUMB, b"another lane", 0)
    assert reader.next()[1] == 3 and reader.next() is None


def test_acknowledged_frames_are_passed_over():
    journal, session = started()
    fill(journal, FINE, 10)
    assert journal.acknowledge(session.sid, 2, [[4, 5], [9, 9]]) == 5
    assert numbers(journal, FINE) == [2, 3, 6, 7, 8]
    assert journal.frames_left() == 5
    assert journal.holds(session.sid, 2) and not journal.holds(session.sid, 4)
    assert journal.acknowledge(session.sid, 2, [[4, 5], [9, 9]]) == 0


def test_each_session_is_acknowledged_for_itself():
    journal, first = started()
    fill(journal, FINE, 3)
    second = PlainSession("second")
    journal.begin(second)
    fill(journal, FINE, 3)
    assert journal.acknowledge(second.sid, 2, []) == 2
    assert journal.acknowledge(b"none", 9, []) == 0
    assert [f[:2] for f in frames(journal, FINE)] == [
        (first.sid, 0),
        (first.sid, 1),
        (first.sid, 2),
        (second.sid, 2),
    ]
    assert journal.acknowledge(first.sid, 3, []) == 3
    assert [f[:2] for f in frames(journal, FINE)] == [(second.sid, 2)]


def test_a_reader_survives_segments_that_go_under_it():
    journal, session = started(segment=300)
    fill(journal, FINE, 12)  # two frames a segment
    reader = Reader(journal, FINE)
    seen = [reader.next()[1]]
    journal.acknowledge(session.sid, 5, [])
    seen.append(reader.next()[1])
    journal.acknowledge(session.sid, 5, [[8, 9]])
    seen += [reader.next()[1] for _ in range(4)]
    assert seen == [0, 5, 6, 7, 10, 11] and reader.next() is None


# Files


def test_a_file_goes_when_all_its_frames_are_acknowledged_and_not_before():
    disk = SimDisk()
    journal, session = started(disk, segment=300)
    fill(journal, FINE, 6)
    assert len(segment_files(disk)) == 3
    journal.acknowledge(session.sid, 1, [[3, 3], [4, 4]])
    assert len(segment_files(disk)) == 3  # 1, 2 and 5 keep theirs
    journal.acknowledge(session.sid, 2, [])
    assert len(segment_files(disk)) == 2 and numbers(journal, FINE) == [2, 5]
    journal.acknowledge(session.sid, 6, [])
    assert not segment_files(disk) and not journal.segments
    assert journal.counters["segments_freed"] == 3
    assert journal.counters["frames_acknowledged"] == 6


def test_the_file_that_is_written_to_stays_also_when_all_in_it_is_acknowledged():
    disk = SimDisk()
    journal, session = started(disk)
    for n in range(3):
        journal.append(ALERT, b"panic", 0)
        assert journal.acknowledge(session.sid, n + 1, []) == 1
    assert segment_files(disk) == ["a00000001"]
    journal.close()
    assert not segment_files(disk) and journal.frames_left() == 0


def test_a_segment_begins_with_its_open_and_holds_one_lane():
    disk = SimDisk()
    journal, session = started(disk)
    fill(journal, FINE, 2)
    fill(journal, ALERT, 1)
    journal.flush()
    assert segment_files(disk) == ["a00000002", "t00000001"]
    for name in segment_files(disk):
        data = disk.files[name]
        assert seg.parse_entry(bytes(data[:7]), bytes(data[7:66])) == ("s", session.open_bytes)
    assert [s.opening(disk) for s in journal.segments] == [session.open_bytes] * 2


def test_alerts_are_flushed_at_once_and_routine_records_in_time():
    disk = SimDisk()
    journal, _ = started(disk)
    disk.syncs = 0  # the ledger's
    journal.append(FINE, b"routine", 100)
    assert disk.syncs == 0 and journal.poll(100) == FLUSH_MS
    journal.append(ALERT, b"panic", 200)
    assert disk.syncs == 1
    assert journal.poll(200) == FLUSH_MS - 100
    journal.append(FINE, b"routine", 1000)
    assert journal.poll(1099) == 1 and disk.syncs == 1
    assert journal.poll(1100) is None and disk.syncs == 2
    after = Journal(disk.power_cut(NONE), ROOM, SEGMENT, FLUSH_MS)
    assert after.recover() == 3


def test_so_many_unflushed_bytes_are_flushed_before_their_time():
    disk = SimDisk()
    journal, _ = started(disk, segment=1 << 20)
    disk.syncs = 0
    while not disk.syncs:
        journal.append(FINE, bytes(1000), 0)
    assert MAX_TAIL <= len(disk.files["t00000001"]) < MAX_TAIL + 1200


def test_a_batch_beyond_a_frames_cap_is_refused_and_hurts_no_other():
    journal, _ = started()
    journal.append(FINE, bytes(MAX_FRAME - OVERHEAD), 0)
    try:
        journal.append(FINE, bytes(MAX_FRAME - OVERHEAD + 1), 0)
        raise AssertionError("a frame that cannot be read was taken")
    except JournalError as e:
        assert "4072 bytes" in str(e)
    journal.append(FINE, b"next", 0)
    assert [f[1] for f in frames(journal, FINE)] == [0, 1] and journal.take_gaps() == []


# Starting again


def test_what_was_flushed_comes_back_and_new_frames_follow():
    disk = SimDisk()
    journal, first = started(disk)
    fill(journal, FINE, 2)
    fill(journal, ALERT, 1)
    journal.close()
    assert not disk.open
    journal = Journal(disk.power_cut(NONE), ROOM, SEGMENT, FLUSH_MS)
    assert journal.recover() == 3 and journal.counters["frames_recovered"] == 3
    second = PlainSession("second")
    journal.begin(second)
    journal.append(FINE, b"new", 0)
    assert [f[:2] for f in undelivered(journal)] == [
        (first.sid, 2),
        (first.sid, 0),
        (first.sid, 1),
        (second.sid, 0),
    ]
    assert [s.opening(journal.storage) for s in journal.segments] == [
        first.open_bytes,
        first.open_bytes,
        second.open_bytes,
    ]


def test_files_that_are_none_of_the_journals_are_left_alone():
    disk = SimDisk({"boot-a": bytearray(b"x"), "t1": bytearray(), "x00000001": bytearray(b"y")})
    assert Journal(disk, ROOM, SEGMENT, FLUSH_MS).recover() == 0
    assert sorted(disk.files) == ["boot-a", "t1", "x00000001"]


def test_an_entry_with_a_flipped_bit_ends_its_segment_at_a_start():
    disk = SimDisk()
    journal, session = started(disk)
    journal.append(FINE, b"one", 0)
    journal.flush()
    before = len(disk.files["t00000001"])
    journal.append(FINE, b"two", 0)
    journal.append(FINE, b"three", 0)
    journal.flush()
    sound = bytes(disk.files["t00000001"])
    for i in range(8 * before, 8 * (before + 20)):
        data = bytearray(sound)
        data[i // 8] ^= 1 << i % 8
        after = Journal(SimDisk({"t00000001": data}), ROOM, SEGMENT, FLUSH_MS)
        assert after.recover() == 1 and after.counters["segments_torn"] == 1
        assert undelivered(after) == [(session.sid, 0, b"one")]


def test_an_entry_that_breaks_while_running_is_a_gap_and_ram_still_delivers():
    disk = SimDisk()
    journal, session = started(disk)
    fill(journal, FINE, 4)
    journal.flush()
    wanted = fill(journal, FINE, 2)
    disk.files["t00000001"][66 + 132 + 50] ^= 1  # in the second frame
    assert numbers(journal, FINE) == [0] + wanted
    assert gaps(journal) == [(FINE, 1, 3, "broken", 3)]
    journal.append(FINE, b"goes on", 0)
    journal.flush()
    assert numbers(journal, FINE) == [0, 4, 5, 6]
    after = Journal(disk.power_cut(NONE), ROOM, SEGMENT, FLUSH_MS)
    after.recover()
    assert numbers(after, FINE) == [0, 4, 5, 6]


# What never needs the medium


def test_what_the_room_has_before_its_time_comes_is_not_written():
    disk = SimDisk()
    journal, session = started(disk)
    live = Reader(journal, FINE, live=True)
    seen = []
    for n in range(40):
        journal.append(FINE, b"report", 500 * n)
        seen.append(live.next()[1])
        assert journal.acknowledge(session.sid, n + 1, []) == 1
        assert journal.poll(500 * n) is None
    assert seen == list(range(40)) and live.next() is None
    assert segment_files(disk) == [] and journal.frames_left() == 0
    assert journal.counters["frames_never_written"] == 40
    journal.close()
    assert segment_files(disk) == [] and not disk.open
    after = Journal(disk.power_cut(NONE), ROOM, SEGMENT, FLUSH_MS)
    after.recover()
    assert after.take_gaps() == [] and after.take_ends() == [(session.sid, 40, "clean")]


def test_only_what_the_room_has_not_is_written_and_numbers_stay_right():
    disk = SimDisk()
    journal, session = started(disk)
    fill(journal, FINE, 3)
    journal.flush()
    reader = Reader(journal, FINE)
    assert [reader.next()[1] for _ in range(3)] == [0, 1, 2]
    fill(journal, FINE, 5)  # 3..7
    assert [reader.next()[1] for _ in range(2)] == [3, 4]
    journal.acknowledge(session.sid, 0, [[3, 3], [5, 6]])
    size = len(disk.files["t00000001"])
    journal.flush()
    assert len(disk.files["t00000001"]) == size + 2 * 132
    assert numbers(journal, FINE) == [0, 1, 2, 4, 7] and reader.next()[1] == 7
    fill(journal, FINE, 1)
    assert reader.next()[1] == 8 and reader.next() is None
    journal.flush()
    after = Journal(disk.power_cut(NONE), ROOM, SEGMENT, FLUSH_MS)
    after.recover()
    assert numbers(after, FINE) == [0, 1, 2, 4, 7, 8]
    # The ledger was written before higher numbers were: nothing looks like lost in the cut.
    assert after.take_gaps() == []


def test_a_lane_that_the_room_has_whole_begins_its_time_anew():
    disk = SimDisk()
    journal, session = started(disk)
    fill(journal, FINE, 1)
    journal.acknowledge(session.sid, 1, [])
    disk.syncs = 0
    journal.append(FINE, b"later", 900)
    assert journal.poll(1000) == 900 and disk.syncs == 0
    assert journal.poll(1900) is None and segment_files(disk) == ["t00000001"]
