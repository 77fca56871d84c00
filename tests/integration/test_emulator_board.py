"""The emulated board does to itself what a chip does: its watchdog, its resets, its power."""

import subprocess
import sys

import pytest

from tests.support import esp_board, esp_firmware, micropython
from tests.support.esp_flash import Flash
from tools.emulator.esp32_board.command import CUT
from tools.flash.volume import Volume

pytestmark = [
    pytest.mark.skipif(esp_board.missing() is not None, reason=esp_board.missing() or ""),
    pytest.mark.skipif(micropython.find() is None, reason=micropython.HOW_TO_GET_IT),
]
# Each of these starts goes on from what the one before has left in the file `step`.
STEPS = """
import machine, time
try:
    step = int(open("step").read())
except OSError:
    step = 0
with open("step", "w") as f:
    f.write(str(step + 1))
print(step, machine.reset_cause(), machine.RTC().memory())
machine.RTC().memory(b"of %d" % step)
"""
BITES = """
if step == 0:
    dog = machine.WDT(timeout=10000)
    for _ in range(4):
        time.sleep(0.25)
        dog.feed()
    dog = machine.WDT(timeout=4000)
    while True:
        try:
            time.sleep(9)
        except BaseException:
            pass
if step == 1:
    machine.WDT(timeout=4000)
    raise ValueError("at the prompt nobody feeds it")
if step == 2:
    machine.WDT(timeout=60000)
    try:
        machine.reset()
    except BaseException:
        print("a reset was caught")
if step == 3:
    machine.deepsleep(100)
"""
WRITES = """
for text in ("first", "second"):
    with open("a", "w") as f:
        f.write(text)
"""


def board(folder, main):
    """A flash file with this main.py alone."""
    made = Volume(0x200000)
    made.replace("main.py", main.encode())
    table = esp_firmware.partition_table(esp_firmware.LAYOUTS["4MB"])
    path = folder / "flash.bin"
    path.write_bytes(table.rjust(0x8C00, b"\xff").ljust(0x200000, b"\xff") + made.image())
    return path


def run(path, *options):
    command = [sys.executable, "-m", "tools.emulator.esp32_board", "--flash", str(path), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, cwd=micropython.ROOT)


def test_a_watchdog_that_is_not_fed_resets_the_board_and_nothing_catches_it(tmp_path):
    done = run(board(tmp_path, STEPS + BITES), "--hurry", "10")
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line[0].isdigit()] == [
        "0 1 b''",  # power
        "1 3 b'of 0'",  # the watchdog, amid a loop that catches everything
        "2 3 b'of 1'",  # the same at the prompt
        "3 2 b'of 2'",  # machine.reset()
        "4 4 b'of 3'",  # a sleep
    ]


def test_power_that_fails_in_a_write_leaves_the_part_that_was_done(tmp_path):
    path = board(tmp_path, WRITES)
    fresh = path.read_bytes()
    seen = set()
    for number in range(12):
        for quarters in (0, 1, 3):
            path.write_bytes(fresh)
            done = run(path, "--cut", f"{number}={quarters}")
            volume = Flash(path).volume  # it mounts
            seen.add(volume.read("a") if volume.size("a") is not None else None)
            if done.returncode == 0:
                assert number > 1 and None in seen and b"second" in seen
                assert seen <= {None, b"", b"first", b"second"}
                return
            assert done.returncode == CUT, done.stderr
    raise AssertionError("so many writes?")
