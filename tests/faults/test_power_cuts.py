"""Nothing flushed is lost, nothing wrong is taken, nothing is lost in silence: a short part of what
`make faults` runs, and the proof that the harness finds journals that were broken on purpose."""

import json
import subprocess

import pytest

from agent.comms import segment as seg
from agent.port import cpython
from tests.faults import broken, on_ext4
from tests.support.micropython import HOW_TO_GET_IT, ROOT, environment, find


def littlefs(*arguments):
    """The figures of `cuts_littlefs.py` under MicroPython."""
    program = find()
    if program is None:
        pytest.skip(HOW_TO_GET_IT)
    done = subprocess.run(
        [program, "-X", "heapsize=16M", "-m", "tests.faults.cuts_littlefs", *map(str, arguments)],
        cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=1200,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_power_cuts_on_ext4():
    figures = on_ext4.power_cuts(700)
    assert not figures["broken"], figures
    assert figures["cuts"] >= 700 and figures["second_cuts"] > 300


def test_every_operation_that_fails_on_ext4():
    figures = on_ext4.failing_operations((2,))
    assert not figures["broken"], figures
    assert figures["runs"] > 200 and figures["faults_met"] > 200


def test_flipped_bits():
    figures = on_ext4.flipped_bits(61)
    assert not figures["broken"] and figures["flips"] > 500, figures


def test_power_cuts_on_littlefs():
    figures = littlefs(120)
    assert not figures["broken"], figures
    assert figures["cuts"] >= 120 and figures["second_cuts"] > 15
    assert figures["failing_operations"] > 10


# Tests of the tests


def test_a_cursor_stored_before_its_data_is_found():
    assert on_ext4.power_cuts(500, 50, broken.CursorFirst)["broken"]


def test_a_file_removed_before_the_ledger_says_why_is_found():
    assert "flushed and lost" in on_ext4.power_cuts(200, 1, broken.LateLedger)["broken"]


def test_a_crc_check_left_out_is_found():
    mend = broken.leave_out_crc()
    try:
        assert "not what was sealed" in on_ext4.power_cuts(800, 10)["broken"]
        assert "not what was sealed" in on_ext4.flipped_bits(211)["broken"]
    finally:
        mend()
    assert seg.parse_entry(b"\0\1\0\0\0\0t", b"x") is None


def test_a_folder_that_is_not_synced_is_found():
    real, cpython._sync_folder = cpython._sync_folder, lambda path: None
    try:
        assert on_ext4.power_cuts(200)["broken"]
    finally:
        cpython._sync_folder = real


def test_a_flush_without_fsync_is_found():
    real, cpython._sync_file = cpython._sync_file, lambda f: f.flush()
    try:
        assert on_ext4.power_cuts(200)["broken"]
    finally:
        cpython._sync_file = real
