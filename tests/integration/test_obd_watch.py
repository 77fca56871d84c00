"""`patrol obd watch` on the emulated adapter's pseudo-terminal, as a technician starts it."""

import json
import os
import pty
import subprocess
import sys

import pytest

from tests.support import micropython
from tools.demo.children import Child


@pytest.fixture
def car(tmp_path):
    """(the adapter's terminal, rows of the emulator's log so far)."""
    truth = tmp_path / "truth.jsonl"
    command = [sys.executable, "-m", "tools.emulator", "--truth", str(truth)]
    child = Child("emulator", [*command, "--json", "--attached"], tmp_path / "emulator.log")
    try:
        where = json.loads(child.first_line())["obd"]
        yield where, lambda: [json.loads(line) for line in truth.read_text().splitlines()]
    finally:
        child.stop()


def watch(*arguments):
    command = [sys.executable, "-m", "tools.cli", "obd", "watch", *arguments]
    return subprocess.run(
        command, cwd=micropython.ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def test_values_as_json_with_a_summary_as_the_last_line(car):
    terminal, truth = car
    done = watch("--port", terminal, "--signals", "rpm,speed,fuel", "--seconds", "8", "--json")
    assert done.returncode == 0, done.stderr
    *rows, summary = [json.loads(line) for line in done.stdout.splitlines()]
    assert summary["values"] == len(rows) > 50
    assert summary["values_per_second"] > 10
    assert summary["errors"] == summary["wrong_replies_refused"] == 0
    assert {row["signal"] for row in rows} == {"rpm", "speed", "fuel"}
    sent = [row for row in truth() if row["k"] == "obd"]
    for signal, pid in (("rpm", 12), ("speed", 13), ("fuel", 47)):
        said = {round(row["value"], 3) for row in sent if row["pid"] == pid}
        shown = {round(row["value"], 3) for row in rows if row["signal"] == signal}
        assert shown and shown <= said, signal


def test_a_live_table_for_people(car):
    terminal, _ = car
    done = watch("--port", terminal, "--signals", "rpm,coolant", "--seconds", "6")
    assert done.returncode == 0, done.stderr
    for word in ("rpm", "coolant", "celsius", "polling", "values per second"):
        assert word in done.stdout


def test_what_is_wrong_is_said_in_a_line():
    done = watch("--port", "/dev/there-is-none", "--seconds", "1")
    assert done.returncode == 1 and done.stderr.startswith("/dev/there-is-none: ")
    assert len(done.stderr.splitlines()) == 1
    done = watch("--port", "/dev/null", "--signals", "rpm,warp")
    assert done.returncode == 2 and "'warp'" in done.stderr
    master, slave = pty.openpty()
    try:
        done = watch("--port", os.ttyname(slave), "--seconds", "2", "--json")
    finally:
        os.close(slave)
        os.close(master)
    assert done.returncode == 1 and "no value came" in done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["values"] == 0
