"""`patrol demo`, as people start it: what it sums up, and that it leaves nothing behind."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support import micropython

CAPTURE = Path(os.environ.get("PATROL_NMEA", micropython.ROOT / "../shared/nmea")) / "bt451.log"
SECONDS = 20
CASES = {
    "cpython": [],
    "micropython": ["--micropython"],
    "capture": ["--nmea", str(CAPTURE)],
    "capture-micropython": ["--nmea", str(CAPTURE), "--micropython"],
}


def run(arguments):
    command = [sys.executable, "-m", "tools.cli", "demo", "--seconds", str(SECONDS), "--json"]
    done = subprocess.run(
        command + arguments,
        cwd=micropython.ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS + 90,
    )
    return done


@pytest.fixture(scope="module")
def results():
    """All cases, two at a time: each mostly waits for its car to drive."""
    names = list(CASES)
    if micropython.find() is None:
        names = [name for name in names if "micropython" not in name]
    if not CAPTURE.exists():
        names = [name for name in names if "capture" not in name]
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(names, pool.map(run, [CASES[name] for name in names]), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_all_that_was_journalled_is_in_the_room_and_equal_to_what_was_sent(results, name):
    if name not in results:
        pytest.skip("no capture in ../shared/nmea" if "capture" in name else "no MicroPython")
    done = results[name]
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.strip().splitlines()
    figures = json.loads(line)
    assert figures["journalled"] == figures["received"] == figures["acknowledged"] > 3
    for key in ("missing", "duplicates", "invented", "gaps", "values_wrong"):
        assert figures[key] == 0, done.stderr
    assert figures["records_journalled"] == figures["records_received"]
    # A track is drawn within 5 m by few positions, and a report goes out every 5 s.
    assert figures["positions"] >= SECONDS / 5
    assert figures["readings"] >= SECONDS
    assert figures["values_compared"] >= figures["positions"] * 4 - 4 + figures["readings"]


def children_of(pid):
    """Process ids of all descendants."""
    found, parents = [], {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    todo = [pid]
    while todo:
        parent = todo.pop()
        own = [child for child, its in parents.items() if its == parent]
        found += own
        todo += own
    return found


def start_on_a_terminal():
    """(process, master): the demo as a person sees it, with the live table."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.cli", "demo"],
        cwd=micropython.ROOT,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=dict(os.environ, TERM="xterm", COLUMNS="100", LINES="40"),
    )
    os.close(slave)
    return process, master


def read_until(master, words, seconds):
    os.set_blocking(master, False)
    text = ""
    end = time.monotonic() + seconds
    while not all(word in text for word in words) and time.monotonic() < end:
        try:
            text += os.read(master, 65536).decode(errors="replace")
        except OSError:
            time.sleep(0.05)
    return text


def test_a_person_sees_the_car_move_and_ctrl_c_ends_it_cleanly():
    process, master = start_on_a_terminal()
    try:
        words = ("position", "33.", "OBD rpm", "OBD speed", "acknowledged", "online")
        text = read_until(master, words, 40)
        assert all(word in text for word in words), text[-2000:]
        children = children_of(process.pid)
        assert len(children) >= 4
        process.send_signal(signal.SIGINT)
        text = " ".join(read_until(master, ("car sent",), 30).split())
        assert "all of them equal to what the car sent" in text, text[-2000:]
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        os.close(master)
    left = [pid for pid in children if Path(f"/proc/{pid}").exists()]
    assert not left


def test_nothing_outlives_a_demo_that_is_killed():
    process, master = start_on_a_terminal()
    try:
        read_until(master, ("acknowledged",), 30)
        children = children_of(process.pid)
        assert len(children) >= 4
    finally:
        process.kill()
        process.wait()
        os.close(master)
    end = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in children):
        assert time.monotonic() < end, "a child outlived the demo"
        time.sleep(0.2)


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["--nmea", "/absent.log"], 2, "/absent.log"),
        (["--scenario", "nowhere"], 1, "nowhere"),
        (["--seconds", "soon"], 2, "--seconds"),
    ],
)
def test_wrong_use_is_said_in_words(arguments, code, named):
    done = subprocess.run(
        [sys.executable, "-m", "tools.cli", "demo", *arguments],
        cwd=micropython.ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        env=dict(os.environ, COLUMNS="200", TERM="dumb"),
    )
    assert done.returncode == code
    assert named in done.stderr and "Traceback" not in done.stderr
