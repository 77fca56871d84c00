"""Three days without a link and a quota for one: what stays, what goes, what it costs in RAM."""

import json
import subprocess

import pytest

from agent.comms import unbatch
from agent.records import ALERT, CRUMB, EVENT, FINE, GAP, POSITION
from tests.faults.offline import QUOTA_DAY, Drive
from tests.support.micropython import HOW_TO_GET_IT, ROOT, environment, find
from tests.support.simdisk import SimDisk

HOURS = 72
# Bytes of heap between one hour and another: lists and indexes of what is being written.
HEAP_PLAY = 4096
# ... and from the first day to the third, while breadcrumbs fill the share that is their own: some
# segments more, about 400 bytes each here, 200 on a chip.
HEAP_GROWTH = 8192


def observed(hours):
    """(Drive, {(sid, number): (lane, records)} of all frames, frames lost after each hour)"""
    drive = Drive(SimDisk(), QUOTA_DAY)
    made = {}
    real = drive.journal.append

    def append(lane, plaintext, now):
        number = real(lane, plaintext, now)
        made[drive.sessions[-1].sid, number] = lane, unbatch.decode(plaintext)
        return number

    drive.journal.append = append
    lost = []
    for _ in range(hours):
        drive.hour()
        lost.append(drive.journal.counters["frames_lost"])
    return drive, made, lost


def test_three_days_keep_all_alerts_and_breadcrumbs_and_name_every_record_that_went():
    drive, made, after = observed(HOURS)
    assert after[23] == 0 < after[26]  # the quota holds a day
    assert drive.journal.size() <= QUOTA_DAY
    got, gaps, counted = {}, [], sum(g[5] for g in drive.journal.ledger.gaps.rows)

    def take(lane, sid, number, records):
        assert (sid, number) not in got
        got[sid, number] = lane, records
        gaps.extend(record for record in records if record[0] == GAP)

    drive.deliver(take)
    assert drive.journal.frames_left() == 0 and not drive.journal.take_gaps()
    for key, frame in got.items():
        assert made[key] == frame
    lost = {key for key in made if key not in got}
    # What went is fine telemetry, and the gaps name each of its frames and no other.
    assert {made[key][0] for key in lost} == {FINE}
    named = set()
    for _, _, lane, sid, first, last, reason in gaps:
        assert (lane, reason) == (FINE, "full")
        keys = {k for k in made if k[0] == sid and first <= k[1] <= last and made[k][0] == lane}
        assert not named & keys
        named |= keys
    assert named == lost and counted == len(lost)
    # To the record: what was recorded is what came and what the gaps account for.
    seconds = {lane: set() for lane in drive.lanes}
    for lane, records in got.values():
        seconds[lane] |= {r[1] for r in records if r[0] in (POSITION, EVENT)}
    gone = {r[1] for key in lost for r in made[key][1]}
    every = {lane: {1000 * t for t in range(0, HOURS * 3600, step)}
             for lane, step in ((ALERT, 1200), (CRUMB, 60), (FINE, 1))}  # fmt: skip
    assert seconds[ALERT] >= every[ALERT]
    assert seconds[CRUMB] >= every[CRUMB]
    assert seconds[FINE] | gone == every[FINE] and not seconds[FINE] & gone
    # What is kept is the newest.
    assert min(seconds[FINE]) > max(gone)
    assert len(seconds[FINE]) > 8 * 3600


def test_three_days_take_no_more_ram_than_one_under_micropython(tmp_path):
    program = find()
    if program is None:
        pytest.skip(HOW_TO_GET_IT)
    done = subprocess.run(
        [program, "-X", "heapsize=512K", "-m", "tests.faults.offline", tmp_path, str(HOURS)],
        cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout)
    recorded, delivered = figures["recorded"], figures["delivered"]
    assert recorded == {"a": HOURS * 3, "b": HOURS * 60, "t": HOURS * 3600}
    assert delivered["a"] == recorded["a"] and delivered["b"] == recorded["b"]
    assert 8 * 3600 < delivered["t"] < recorded["t"] and figures["left"] == 0
    assert {gap[0] for gap in figures["gaps"]} == {FINE}
    heap = figures["heap"]
    assert max(heap[23:]) - heap[23] < HEAP_GROWTH, heap
    assert max(heap[56:]) - min(heap[56:]) < HEAP_PLAY, heap
