"""After flashing, the gateway's own word: the emulated chip leaves its loader by its RESET button,
what was flashed into it starts, and `patrol flash` hears its self-test on the same terminal."""

import json
import re
import subprocess
import sys
import time

import pytest

from tests.support import esp_board, micropython
from tests.support.esp_board import ROOT, VEHICLE, Bench, Chip
from tools import interpreter
from tools.demo.children import Child

pytestmark = [
    pytest.mark.skipif(esp_board.missing() is not None, reason=esp_board.missing() or ""),
    pytest.mark.skipif(micropython.find() is None, reason=micropython.HOW_TO_GET_IT),
]


@pytest.fixture
def car(tmp_path):
    """{"gps": terminal, "obd": terminal}"""
    command = [sys.executable, "-m", "tools.emulator", "--json", "--attached"]
    child = Child("car", command, tmp_path / "car.log")
    yield json.loads(child.first_line())
    child.stop()


@pytest.fixture
def chip(tmp_path, car):
    made = Chip(tmp_path, size="4MB", uarts=(f"1={car['gps']}", f"2={car['obd']}"))
    yield made
    made.close()


class Flashing:
    """`patrol flash esp32` as it runs: what it says is seen as it comes."""

    def __init__(self, bench, chip, *arguments):
        self._chip = chip
        command = [sys.executable, "-m", "tools.cli", "flash", "esp32", "--records", bench.records]
        self._process = subprocess.Popen(
            [*command, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, cwd=bench.folder,
            env={**interpreter.environment(), "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        )  # fmt: skip
        self.text = ""

    def until(self, text):
        for line in self._process.stdout:
            self.text += line
            if text in line:
                return
        raise AssertionError(f"{text}: never said\n{self.text}\n{self._chip.log_text()}")

    def end(self):
        self.text += self._process.stdout.read()
        return self._process.wait(60)


def test_the_gateway_judges_itself_after_it_was_flashed(chip, tmp_path):
    bench = Bench(tmp_path).provision()
    flash = ("--firmware", bench.firmware(layout="4MB"), "--port", chip.port)
    flashing = Flashing(bench, chip, *flash, "--bundle", bench.bundle)
    flashing.until("press RESET to start it")
    chip.press()
    flashing.until("the gateway speaks")
    began = time.monotonic()
    assert flashing.end() == 0, flashing.text + chip.log_text()
    print(flashing.text, f"{time.monotonic() - began:.1f} s for the self-test")
    verdicts = dict(re.findall(r"^  (\w+) +(ok|warn|fail|wait|none) ", flashing.text, re.M))
    # The car is there, no room is.
    assert (verdicts["gps"], verdicts["obd"], verdicts["storage"]) == ("ok", "ok", "ok")
    assert verdicts["link"] == "fail" and "broker" in flashing.text
    (row,) = bench.rows()
    assert {part: verdict for part, verdict, _ in row["selftest"]} == verdicts
    assert VEHICLE in row["vehicle"]

    # It runs until the loader is asked for, which keeps what is there.
    chip.press(with_boot=True)
    done = bench.flash(*flash, "--update")
    assert done.code == 0, done.error
    assert [row["selftest"] is None for row in bench.rows()] == [False, True]


def test_a_configuration_without_a_console_has_no_self_test(chip, tmp_path):
    bench = Bench(tmp_path).provision()
    path = bench.room / "vehicles" / VEHICLE / "config.json"
    config = json.loads(path.read_text())
    config["console"] = {"port": None}
    path.write_text(json.dumps(config))
    done = bench.run(
        "esp32", "--records", bench.records, "--firmware", bench.firmware(layout="4MB"), "--port",
        chip.port, "--bundle", path.parent,
    )  # fmt: skip
    assert done.code == 0 and "no self-test" in done.out, done.error
    assert bench.rows()[0]["selftest"] is None
