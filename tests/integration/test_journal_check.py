"""`patrol journal check`: what it says of a folder, and that it changes nothing in it."""

import json

import pytest
from typer.testing import CliRunner

from agent import port
from agent.comms.bootcount import next_boot
from agent.comms.journal import Journal
from tests.support.sessions import PlainSession
from tools.cli import app

FINE_ALERT_CRUMB = "tttab"


@pytest.fixture
def folder(tmp_path):
    """A journal that was cut off: 40 frames, some acknowledged, a report still in RAM."""
    storage = port.Storage(str(tmp_path / "journal"))
    next_boot(storage)
    journal = Journal(storage, 100000, 1000, 1000)
    journal.recover()
    session = PlainSession("first")
    journal.begin(session)
    for i in range(40):
        journal.append(FINE_ALERT_CRUMB[i % 5], bytes(100), 0)
    journal.flush()
    journal.acknowledge(session.sid, 4, [[10, 11]])
    journal._save_ledger()
    journal.append("t", b"in RAM", 0)
    return tmp_path / "journal"


def checked(folder, code=0):
    """The JSON report; the folder is the same afterwards."""
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    done = CliRunner().invoke(app, ["journal", "check", str(folder), "--json"])
    assert done.exit_code == code, done.output
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}
    return json.loads(done.stdout.splitlines()[-1]) if not code else done


def test_a_sound_journal(folder):
    report = checked(folder)
    assert report["records"] == 40 and report["unacknowledged"] == 34
    assert report["segments"] == len(report["files"]) == 5
    assert report["first_bad_byte"] is None and report["gaps"] == [] and report["strangers"] == []
    (session,) = report["sessions"]
    assert session["session"] == PlainSession("first").sid.hex() and session["end"] is None
    assert session["acknowledged"] == [[0, 3], [10, 11]] and session["missing"] == []
    assert {f["lane"]: f["boot"] for f in report["files"]} == {"a": 7, "b": 7, "t": 7}


def test_damage_is_named_with_its_file_and_offset(folder):
    path = folder / "t00000001"
    data = bytearray(path.read_bytes())
    data[66 + 132 + 40] ^= 1  # in its second frame
    path.write_bytes(data)
    report = checked(folder)
    assert report["first_bad_byte"] == {"file": "t00000001", "offset": 198}
    assert report["damaged"] == [report["first_bad_byte"]]
    assert report["records"] == 40 - 7
    assert report["sessions"][0]["missing"] == [[5, 7]]  # what is acknowledged is not missing


def test_gaps_are_listed_until_the_room_knows(tmp_path):
    storage = port.Storage(str(tmp_path / "journal"))
    journal = Journal(storage, 6000, 500, 1000)
    journal.recover()
    session = PlainSession("first")
    journal.begin(session)
    for _ in range(60):
        journal.append("t", bytes(100), 0)
    (gap,) = journal.take_gaps()
    journal.close()
    said = {"lane": "t", "session": session.sid.hex(), "first": 0, "last": gap[3],
            "reason": "full", "count": gap[5], "told": False}  # fmt: skip
    assert checked(tmp_path / "journal")["gaps"] == [said]
    journal.report("b", b"told", 0)
    journal.acknowledge(session.sid, 0, [[60, 60]])
    journal.close()
    report = checked(tmp_path / "journal")
    assert report["gaps"] == [{**said, "told": True}]
    assert report["sessions"][0]["how"] == "clean" and report["sessions"][0]["end"] == 61


def test_what_is_not_the_journals_is_named(folder):
    (folder / "notes.txt").write_text("x")
    assert checked(folder)["strangers"] == ["notes.txt"]


def test_people_get_tables(folder):
    done = CliRunner().invoke(app, ["journal", "check", str(folder)])
    assert done.exit_code == 0
    for text in ("t00000001", "0–3, 10–11", "40 frames in 5 segments", "34 not acknowledged"):
        assert text in done.output


def test_a_folder_that_is_not_there_fails_with_one_line(tmp_path):
    done = CliRunner().invoke(app, ["journal", "check", str(tmp_path / "no")])
    assert done.exit_code == 1
    assert done.stderr.strip().endswith("no such folder") and done.stderr.count("\n") == 1
