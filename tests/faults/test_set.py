"""The short form of the set test (`set_test.py`), and tests of its own judgement."""

import random
import sqlite3

from tests.faults import set_test

SECONDS, CUTS, KILLS = 280, 16, 6


def test_a_drive_with_cuts_and_kills_loses_and_invents_nothing(tmp_path):
    for row in set_test.run_all(tmp_path, seconds=SECONDS, cuts=CUTS, kills=KILLS, seed=3):
        print(row)
        assert row["left"] == 0 and all(row[key] == 0 for key in set_test.FAULTS), row
        assert row["cuts"] == CUTS and row["kills"] == KILLS and row["agent_kills"] == 2
        # Of a busy machine the fewest: it is only to show that something was there to be lost.
        assert row["journalled"] > 10 and row["connections"] > CUTS // 2


def test_the_plan_is_the_seeds():
    rows = set_test.plan(360, 200, 60, 1)
    assert rows == set_test.plan(360, 200, 60, 1) != set_test.plan(360, 200, 60, 2)
    kinds = [row[2] for row in rows if row[1] == "link"]
    assert len([kind for kind in kinds if kind in set_test._CUTS]) == 200
    assert [row[2] for row in rows if row[1] == "kill"].count("broker") == 20


def judged(tmp_path, lines, frames, gaps=()):
    ledger = tmp_path / "ledger"
    ledger.write_text("\n".join(lines) + "\n")
    database = tmp_path / f"{random.random()}.db"
    with sqlite3.connect(database) as db:
        db.execute("CREATE TABLE sessions (id INTEGER, sid BLOB)")
        db.execute("CREATE TABLE frames (session INTEGER, number INTEGER)")
        db.execute("CREATE TABLE gaps (sid BLOB, first INTEGER, last INTEGER)")
        db.execute("INSERT INTO sessions VALUES (1, x'aa')")
        db.executemany("INSERT INTO frames VALUES (1, ?)", [(n,) for n in frames])
        db.executemany("INSERT INTO gaps VALUES (x'aa', ?, ?)", gaps)
    found = set_test.judge(ledger, database)
    return {key: found[key] for key in set_test.FAULTS if found[key]}


def test_each_fault_is_seen(tmp_path):
    """The test of the test: a ledger and a room that do not agree."""
    sound = ["A aa 0", "J aa 0", "A aa 1", "J aa 1", "K aa 2 -", "E aa 0", "E aa 1"]
    assert judged(tmp_path, sound, [0, 1]) == {}
    assert judged(tmp_path, sound[:4], [0]) == {"missing": 1}
    assert judged(tmp_path, sound[:4], [0], [(1, 1)]) == {}
    assert judged(tmp_path, sound, [0, 1, 2]) == {"invented": 1}
    assert judged(tmp_path, sound, [0, 1, 1]) == {"duplicates": 1}
    assert judged(tmp_path, [*sound[:4], "K aa 1 -", *sound[5:]], [0, 1]) == {"erased_unproved": 1}
    assert judged(tmp_path, [*sound[:4], "K aa 0 1-1"], [0, 1]) == {}
    got = judged(tmp_path, sound, [0])
    assert got == {"missing": 1, "acknowledged_unheld": 1}
