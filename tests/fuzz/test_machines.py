"""The fuzz of all machines, in short; and that it would find what it is to find."""

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

from agent.comms import inbox
from agent.gps.framer import Framer
from tests.fuzz import machines
from tests.fuzz.generate import inputs
from tests.fuzz.targets import TARGETS
from tools import interpreter

INPUTS = 3000
ON_MICROPYTHON = 400


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_that_comes_from_outside_raises(name):
    assert machines.run(name, 7, INPUTS)["faults"] == []


@pytest.mark.parametrize("name", TARGETS)
def test_nor_on_micropython(name):
    program = interpreter.find()
    if program is None:
        pytest.skip(interpreter.HOW_TO_GET_IT)
    row = _script([program, "-X", "heapsize=2M", "tests/fuzz/machines.py"], name, ON_MICROPYTHON)
    assert row["inputs"] == ON_MICROPYTHON and row["faults"] == []


def test_guided_by_coverage():
    if find_spec("atheris") is None:
        pytest.skip("atheris is not installed (pip install atheris; x86-64 only)")
    row = _script([sys.executable, "tests/fuzz/guided.py"], "message", 2000)
    assert row["inputs"] >= 2000 and row["faults"] == []


def _script(command, name, count):
    done = subprocess.run(
        [*command, name, "7", str(count)],
        cwd=interpreter.ROOT, env=interpreter.environment(), capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_inputs_are_right_ones_and_spoilt_ones():
    _, seeds = TARGETS["message"]()
    found = list(inputs(seeds, 1, 1000))
    assert found == list(inputs(seeds, 1, 1000)) != list(inputs(seeds, 2, 1000))
    right = sum(data in seeds for data in found)
    assert 200 < right < 500 and len(set(found)) > 500


# The test of the test


def test_a_parser_that_trusts_a_length_is_found(monkeypatch):
    def ranges(value):
        return [(first, last) for first, last in value]  # no look at what it is

    monkeypatch.setattr(inbox, "_ranges", ranges)
    assert machines.run("message", 7, INPUTS)["faults"]


def test_a_seal_that_is_not_looked_at_is_found(monkeypatch):
    from agent import port

    def opened(self, nonce, data, aad):
        return bytes(len(data) - 16)

    monkeypatch.setattr(port.Aead, "open", opened)
    assert machines.run("frame", 7, INPUTS)["faults"]


def test_a_buffer_without_an_end_is_found(monkeypatch):
    feed = Framer.feed

    def greedy(self, data):
        found = feed(self, data)
        self.pending += 10_000
        return found

    monkeypatch.setattr(Framer, "feed", greedy)
    assert machines.run("nmea", 7, 10)["faults"]


def test_the_campaign_gives_each_target_its_share():
    from tests.fuzz.__main__ import _SHARES

    assert sorted(_SHARES) == sorted(TARGETS)
