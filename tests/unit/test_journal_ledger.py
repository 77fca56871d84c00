"""agent/comms: what the journal still knows of frames that it no longer holds, over restarts.

Which frames the room has (the cursor), which are lost, and where sessions ended.
"""

from agent.comms.gaps import MAX_GAPS, Gaps
from agent.comms.intervals import merged, shortened
from agent.comms.journal import CURSOR_FRAMES, LEDGER_MS, Journal, JournalError
from agent.comms.ledger import FILE_BYTES, MAX_ACCOUNTS, Ledger
from agent.comms.seal import MAX_FRAME
from agent.comms.segment import ENTRY_HEAD, OPENING, entry
from agent.records import ALERT, CRUMB, FINE
from tests.support.sessions import PlainSession, numbers, undelivered
from tests.support.simdisk import ALL, CUT, EIO, NONE, PowerCut, SimDisk

FLUSH_MS = 1000
ROOM = 1 << 15


def started(disk=None, name="first", quota=ROOM, segment=4096):
    journal = Journal(disk or SimDisk(), quota, segment, FLUSH_MS)
    journal.recover()
    session = PlainSession(name)
    journal.begin(session)
    return journal, session


def again(journal, name, kept=NONE, **options):
    """The same journal after a power cut, in a new session."""
    return started(journal.storage.power_cut(kept), name, **options)


def fill(journal, lane, count, size=100):
    return [journal.append(lane, bytes(size), 0) for _ in range(count)]


def lost(journal):
    return [tuple(g[:1] + g[2:]) for g in journal.take_gaps()]


def ledger_files(disk):
    return sorted([name for name in disk.files if name[0] == "c"])


# Intervals


def test_ranges_are_merged_where_they_touch_and_shortened_by_the_shortest():
    assert merged([[5, 6], [0, 1]], [[2, 3]], [[6, 9]]) == [[0, 3], [5, 9]]
    assert merged([], [[3, 3]]) == [[3, 3]] and merged() == []
    assert shortened([[0, 9], [11, 11], [20, 25], [30, 31]], 2) == [[0, 9], [20, 25]]


# The cursor


def test_what_was_acknowledged_is_not_sent_again_but_for_a_bounded_rest():
    journal, session = started(segment=1 << 14, quota=1 << 20)
    fill(journal, FINE, 100, 10)
    journal.flush()
    for n in range(1, 100):
        journal.acknowledge(session.sid, n, [])
    after, _ = again(journal, "second")
    left = numbers(after, FINE)
    assert left[-1] == 99 and 0 < len(left) <= CURSOR_FRAMES
    assert after.counters["frames_recovered"] == len(left)


def test_a_cursor_is_kept_after_a_minute_however_few_frames_it_tells_of():
    journal, session = started()
    fill(journal, FINE, 9)
    journal.flush()
    journal.acknowledge(session.sid, 3, [[5, 6]])
    journal.poll(0)
    journal.poll(LEDGER_MS - 1)
    assert numbers(again(journal, "second")[0], FINE) == [0, 1, 2, 3, 4, 5, 6, 7, 8]
    journal.poll(LEDGER_MS)
    after, _ = again(journal, "second")
    assert numbers(after, FINE) == [3, 4, 7, 8]
    writes = journal.counters["ledger_writes"]
    journal.poll(10 * LEDGER_MS)
    assert journal.counters["ledger_writes"] == writes


def test_after_a_clean_end_nothing_acknowledged_is_sent_again():
    journal, session = started()
    fill(journal, FINE, 5)
    fill(journal, CRUMB, 5)
    journal.acknowledge(session.sid, 2, [[4, 4], [6, 7]])
    journal.close()
    after, _ = again(journal, "second")
    assert [n for _, n, _ in undelivered(after)] == [5, 8, 9, 2, 3]


def test_the_cursor_is_of_a_session_never_of_a_place():
    # Files and numbers begin again at 1 and 0; what was said of them before must not count.
    journal, session = started()
    fill(journal, FINE, 5)
    journal.acknowledge(session.sid, 5, [])
    journal.close()
    after, _ = again(journal, "second", ALL)
    fill(after, FINE, 5)
    after.flush()
    third, _ = again(after, "third")
    assert [s.name for s in third.segments] == ["t00000001"]
    assert numbers(third, FINE) == [0, 1, 2, 3, 4]


def test_no_file_goes_before_the_ledger_says_why():
    for lane, count in ((FINE, 2), (FINE, 40)):  # acknowledged, or thinned
        journal, session = started(segment=300, quota=3200)
        removed = []
        disk = journal.storage
        real = disk.remove

        def remove(name, removed=removed, disk=disk, real=real):
            if name[0] != "c":
                known = Ledger(disk, {"read_errors": 0})
                known.load(disk.names())
                removed.append((len(known.accounts), len(known.gaps.rows)))
            real(name)

        disk.remove = remove
        fill(journal, lane, count)
        journal.acknowledge(session.sid, 2, [])
        assert removed and all([accounts or rows for accounts, rows in removed])


# Power cuts


def test_frames_that_were_in_ram_at_a_cut_are_named_and_the_sessions_end_is_told():
    journal, first = started()
    fill(journal, FINE, 2)  # 0, 1
    journal.flush()
    fill(journal, FINE, 2)  # 2, 3: in RAM
    fill(journal, ALERT, 1)  # 4: on the medium
    fill(journal, CRUMB, 1)  # 5: in RAM
    after, _ = again(journal, "second")
    assert lost(after) == [("*", 2, 3, "power", 2)]
    assert after.take_ends() == [(first.sid, 5, "cut")]
    assert after.take_gaps() == [] and after.take_ends() == []
    assert after.counters["frames_cut"] == 2 and after.counters["frames_lost"] == 0


def test_a_clean_end_is_told_as_one():
    journal, first = started()
    fill(journal, FINE, 3)
    journal.close()
    after, _ = again(journal, "second")
    assert after.take_gaps() == [] and after.take_ends() == [(first.sid, 3, "clean")]


def test_also_when_nothing_of_the_session_is_left_but_the_ledger():
    journal, first = started(segment=300)
    fill(journal, FINE, 2)
    journal.acknowledge(first.sid, 2, [])
    fill(journal, FINE, 1)
    after, _ = again(journal, "second")
    assert after.frames_left() == 0 and not after.segments
    assert after.take_gaps() == [] and after.take_ends() == [(first.sid, 2, "cut")]


def test_a_session_that_ends_while_the_agent_runs_is_told_of_in_the_next():
    journal, first = started()
    fill(journal, FINE, 3)
    assert journal.take_ends() == []
    journal.begin(PlainSession("second"))
    assert journal.take_ends() == [(first.sid, 3, "clean")]


def test_one_that_could_not_be_flushed_is_not_called_clean():
    journal, first = started()
    fill(journal, FINE, 3)
    journal.storage.broken = EIO
    try:
        journal.begin(PlainSession("second"))
        raise AssertionError("no error")
    except JournalError:
        pass
    assert journal.take_ends() == []
    journal.storage.broken = None
    fill(journal, ALERT, 1)
    after, _ = again(journal, "third")
    ends = [end[1:] for end in after.take_ends()]
    assert ends == [(0, "cut"), (1, "cut")]  # of the first nothing is on the medium


def test_what_the_room_has_is_no_hole():
    journal, first = started(segment=300)
    fill(journal, FINE, 4)  # two files
    fill(journal, ALERT, 1)
    journal.acknowledge(first.sid, 0, [[0, 1], [2, 2]])
    after, _ = again(journal, "second")
    assert lost(after) == [] and after.take_ends() == [(first.sid, 5, "cut")]


def test_a_file_that_broke_while_the_car_was_off_is_found_at_the_start():
    journal, first = started(segment=300)
    fill(journal, FINE, 6)
    journal.close()
    after, _ = again(journal, "second")
    assert after.take_ends() == [(first.sid, 6, "clean")]
    after.storage.files["t00000002"][100] ^= 1
    third, _ = again(after, "third", ALL)
    assert lost(third) == [("*", 2, 3, "broken", 2)]
    assert numbers(third, FINE) == [0, 1, 4, 5]


# Telling


def test_gaps_and_ends_are_given_again_until_the_frame_that_tells_them_is_acknowledged():
    journal, first = started(segment=300, quota=3200)
    fill(journal, FINE, 14)
    thinned = [(FINE, 0, 1, "full", 2)]
    assert lost(journal) == thinned
    second, session = again(journal, "second", segment=300, quota=3200)
    ends = [(first.sid, 14, "cut")]
    assert lost(second) == thinned and second.take_ends() == ends  # taken is not told
    ends.append((session.sid, 0, "cut"))  # the second, which had no time for a frame
    third, session = again(second, "third", segment=300, quota=3200)
    assert lost(third) == thinned and third.take_ends() == ends
    third.report(CRUMB, b"these", 0)
    third.flush()
    third.acknowledge(session.sid, 0, [[5, 9]])
    third.poll(0)
    third.poll(LEDGER_MS)
    fourth, _ = again(third, "fourth", segment=300, quota=3200)
    assert lost(fourth) == []  # the frame that tells of them is in the journal
    assert fourth.take_ends() == [(session.sid, 1, "cut")]
    fourth.acknowledge(session.sid, 1, [])
    fourth.close()
    fifth, _ = again(fourth, "fifth", segment=300, quota=3200)
    assert lost(fifth) == [] and (first.sid, 14, "cut") not in fifth.take_ends()


def test_what_was_told_in_a_frame_that_is_lost_is_told_again():
    journal, _ = started(segment=300, quota=3200)
    fill(journal, FINE, 14)
    assert lost(journal) == [(FINE, 0, 1, "full", 2)]
    journal.report(CRUMB, b"these", 0)  # its session is cut before it was written
    after, _ = again(journal, "second", segment=300, quota=3200)
    assert (FINE, 0, 1, "full", 2) in lost(after)
    after.report(CRUMB, b"these", 0)
    fill(after, CRUMB, 30)  # thinned itself
    assert (FINE, 0, 1, "full", 2) in lost(after)


def test_a_report_that_is_no_frame_leaves_what_it_would_have_told():
    journal, _ = started(segment=300, quota=3200)
    fill(journal, FINE, 14)
    assert len(journal.take_gaps()) == 1
    try:
        journal.report(CRUMB, bytes(MAX_FRAME), 0)
        raise AssertionError("no error")
    except JournalError:
        pass
    assert len(journal.take_gaps()) == 1


def test_many_gaps_become_coarser_and_none_is_forgotten():
    counters = {"frames_lost": 0, "frames_cut": 0, "gaps_forgotten": 0}
    gaps = Gaps(counters)
    for i in range(200):
        sid = b"sid%d" % (i % MAX_GAPS)
        gaps.add("abt"[i % 3], sid, (10 * i, 10 * i + 5, 3), ("full", "write")[i % 2], yes)
        if i % 5 == 0:
            gaps.take()
            gaps.rows[0][6] = (sid, i)  # told, in a frame that is not acknowledged
    assert len(gaps.rows) == MAX_GAPS and counters["gaps_forgotten"] == 0
    for i in range(200):
        sid = b"sid%d" % (i % MAX_GAPS)
        assert any([g[1] == sid and g[2] <= 10 * i and 10 * i + 5 <= g[3] for g in gaps.rows])
    assert sum([g[5] for g in gaps.rows]) == 600 == counters["frames_lost"]
    gaps.add("t", b"more", (0, 0, 1), "full", yes)
    assert len(gaps.rows) == MAX_GAPS and counters["gaps_forgotten"] == 1


def yes(*_):
    return True


def test_many_sessions_without_a_link_are_all_accounted_for():
    journal, session = started(quota=20000)
    made = {}  # sid -> numbers
    for i in range(MAX_ACCOUNTS - 4):
        made[session.sid] = fill(journal, (FINE, CRUMB, FINE)[i % 3], 9)
        journal.flush()
        journal, session = again(journal, f"{i}", quota=20000)
    told, frames = [], []
    for _ in range(4):
        gaps, ends = journal.take_gaps(), journal.take_ends()
        told += [(g[1], g[2], g[3]) for g in gaps] + [(sid, n, 1 << 32) for sid, n, _ in ends]
        frames += [f[:2] for f in undelivered(journal)]
    assert journal.counters["gaps_forgotten"] == journal.counters["accounts_forgotten"] == 0
    assert len(set([sid for sid, _ in frames])) < len(made) - MAX_GAPS
    assert len(told) > MAX_GAPS
    for sid, numbers_made in made.items():
        for n in numbers_made:
            is_told = any([s == sid and first <= n <= last for s, first, last in told])
            assert is_told or (sid, n) in frames, (sid, n)
    once_more, _ = again(journal, "last", quota=20000)
    assert once_more.counters["frames_cut"] == 0  # what is gone is not found missing again


# The ledger's own files


def grown(disk, most=400):
    """A ledger saved until it has left a file."""
    counters = {"read_errors": 0, "write_errors": 0, "ledger_writes": 0, "frames_lost": 0,
                "gaps_forgotten": 0, "accounts_forgotten": 0}  # fmt: skip
    ledger = Ledger(disk, counters)
    ledger.load(disk.names())
    for n in range(most):
        ledger.settle(b"sid1", n, [], 1)
        ledger.save()
    return ledger


def test_the_ledger_is_bounded_and_only_its_last_file_stays():
    disk = SimDisk()
    grown(disk)
    assert len(ledger_files(disk)) == 1 and len(disk.files[ledger_files(disk)[0]]) <= FILE_BYTES
    assert int(ledger_files(disk)[0][1:]) > 2 and not disk.open


def test_the_last_sound_snapshot_counts_whatever_was_torn():
    for fault in range(0, 300):
        disk = SimDisk()
        disk.faults = {fault: CUT}
        done = 0
        try:
            ledger = grown(disk, 0)
            for n in range(60):
                ledger.settle(b"sid1", 100 * n + 1, [[100 * n + 7, 100 * n + 7 + n]], 1)
                ledger.save()
                done = n
        except PowerCut:
            pass
        for kept in (NONE, (1, 2), ALL, None):
            after = grown(disk.power_cut(kept), 0)
            if done:
                assert after.accounts[0].settled[0][1] in (100 * done, 100 * (done + 1))


def test_no_flipped_bit_in_a_ledger_passes_and_an_older_snapshot_takes_over():
    disk = SimDisk()
    ledger = grown(disk, 0)
    sizes = []
    for n in (10, 20):
        ledger.settle(b"sid1", n, [], 1)
        ledger.save()
        sizes.append(len(disk.files["c00000001"]))
    for bit in range(8 * sizes[1]):
        data = bytearray(disk.files["c00000001"])
        data[bit // 8] ^= 1 << bit % 8
        after = grown(SimDisk({"c00000001": data}), 0)
        known = [a.settled for a in after.accounts]
        assert known == [[[0, 9 if bit >= 8 * sizes[0] else 19]]]
    first = bytes(disk.files["c00000001"][: sizes[0]])  # alone, it is there twice
    for bit in range(8 * len(first)):
        data = bytearray(first)
        data[bit // 8] ^= 1 << bit % 8
        after = grown(SimDisk({"c00000001": data}), 0)
        assert [a.settled for a in after.accounts] == [[[0, 9]]]


def test_a_ledger_that_cannot_be_written_holds_up_nothing_and_is_written_later():
    journal, session = started(segment=300)
    fill(journal, FINE, 4)
    real = journal.storage.append

    def append(name, data):
        if name[0] == "c":
            journal.storage._fault(EIO, name)
        real(name, data)

    journal.storage.append = append
    assert journal.acknowledge(session.sid, 3, []) == 3
    assert journal.frames_left() == 1 and journal.counters["write_errors"] == 1
    journal.storage.append = real
    journal.poll(0)
    journal.poll(LEDGER_MS)
    after, _ = again(journal, "second", segment=300)
    assert numbers(after, FINE) == [3] and lost(after) == []


def test_a_ledger_that_cannot_be_read_is_left_alone():
    journal, session = started(segment=300)
    fill(journal, FINE, 4)
    journal.acknowledge(session.sid, 3, [])
    disk = journal.storage
    disk.unreadable = tuple(ledger_files(disk))
    after = Journal(disk, ROOM, 300, FLUSH_MS)
    after.recover()
    assert after.counters["read_errors"] == 1 and numbers(after, FINE) == [2, 3]
    assert ledger_files(disk)[0] in disk.files


def test_a_full_ledger_is_one_frame_long_at_most():
    disk = SimDisk()
    journal, _ = started(disk, quota=1 << 20)
    ledger = journal.ledger
    for i in range(MAX_ACCOUNTS + 9):
        sid = i.to_bytes(4, "big")
        ledger.settle(sid, 1 << 19, [[(1 << 19) + 9 * k + 1] * 2 for k in range(60)], 1)
        ledger.accounts[-1].end, ledger.accounts[-1].how = 1 << 20, "clean"
        ledger.take_ends()
        ledger.told((sid, 1 << 19))
        for k in range(3):
            ledger.gaps.add("t", sid, (1 << 19, (1 << 19) + 99, 50), "%d" % k, lambda *_: True)
    ledger.save()
    assert len(disk.files["c00000001"]) <= 2 * len(entry("c", bytes(MAX_FRAME)))
    assert len(ledger.accounts) == MAX_ACCOUNTS and len(ledger.gaps.rows) <= MAX_GAPS
    after = Journal(disk, 1 << 20, 4096, FLUSH_MS)
    after.recover()
    assert len(after.ledger.accounts) == MAX_ACCOUNTS


def test_a_file_that_broke_as_a_whole_is_no_silent_loss():
    """Neither its open nor its first frame can be read, and the ledger does not know the session:
    the room is still told that it has ended."""
    for at in (20, OPENING + ENTRY_HEAD + 20):
        journal, session = started()
        fill(journal, FINE, 3)
        journal.flush()
        disk = journal.storage
        [name] = [n for n in disk.files if n[0] == FINE]
        disk.files[name][at] ^= 1
        for ledger in ledger_files(disk):
            disk.files[ledger][:] = b""
        journal, _ = started(disk, "second")
        assert name not in disk.files and not undelivered(journal)
        assert journal.take_ends() == [(session.sid, 0, "cut")], at
        # Also where power goes right after it: the file went after the ledger was written.
        journal, _ = again(journal, "third")
        assert (session.sid, 0, "cut") in journal.take_ends()
