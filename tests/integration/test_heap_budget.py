"""What each room of the agent takes of the heap stays within `tests/heap_budget.json`.

Imports are deterministic: the same source gives the same bytes, on the 64-bit unix port. Who has a
reason to grow a room raises its row in the same change, and says so. `patrol bench heap` prints the
rows as they are.
"""

import json
from pathlib import Path

import pytest

from tools import interpreter
from tools.bench import heap_rooms
from tools.release import ReleaseError
from tools.release.build import collect

BUDGET = json.loads((Path(__file__).parents[1] / "heap_budget.json").read_text())


@pytest.fixture(scope="module")
def rooms():
    program = interpreter.find()
    if program is None:
        pytest.skip(interpreter.HOW_TO_GET_IT)
    try:
        collect("unix")
    except ReleaseError as e:
        pytest.skip(str(e))
    return heap_rooms.measure(program, interpreter.compiled())


def test_every_room_has_a_budget_and_every_budget_a_room(rooms):
    assert sorted(rooms) == sorted(BUDGET["rooms"])


@pytest.mark.parametrize("room", sorted(BUDGET["rooms"]))
def test_a_room_stays_within_its_budget(rooms, room):
    for column, most in BUDGET["rooms"][room].items():
        assert rooms[room][column] <= most, (
            f"{room}, {column}: {rooms[room][column]} bytes of {most}"
        )


def test_the_start_as_a_whole_stays_within_its_budget(rooms):
    for column in ("start", "start in place"):
        assert sum(row[column] for row in rooms.values()) <= BUDGET[column], column


def test_a_module_that_grows_is_seen(tmp_path, rooms):
    """The measure sees what one module has more, and puts it into its room alone."""
    files = collect("unix")
    for name, data in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (tmp_path / "agent/records.mpy").unlink()
    source = (interpreter.ROOT / "agent/records.py").read_text()
    (tmp_path / "agent/records.py").write_text(source + "\nGROWN = bytearray(8192)\n")
    grown = heap_rooms.measure(interpreter.find(), tmp_path, is_in_place=False)
    assert grown["top"]["start"] - rooms["top"]["start"] >= 8000
    assert abs(grown["gps"]["start"] - rooms["gps"]["start"]) < 256
