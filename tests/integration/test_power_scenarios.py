"""Days of a car through power states, recorder and journal, compared with golden outputs.

The scenes are rows in `tests/support/parking_scenes.py`, played by `tests/support/parking.py` in
simulated time on both interpreters; what came of them is kept in tests/golden/power-<scene>.txt: a
line for each boot (with what woke the gateway) and each state, with what the room got of it. After
a change that is meant:

    python tests/integration/test_power_scenarios.py --regenerate      (and read the difference)
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

import pytest  # noqa: E402

from tests.support import micropython  # noqa: E402
from tests.support.parking import play  # noqa: E402
from tests.support.parking_scenes import SCENES  # noqa: E402
from tools import interpreter  # noqa: E402

GOLDEN = ROOT / "tests/golden"


def golden(name):
    return GOLDEN / f"power-{name}.txt"


def text(name):
    return "\n".join(play(SCENES[name])) + "\n"


@pytest.mark.parametrize("name", SCENES)
def test_golden(name):
    assert text(name) == golden(name).read_text()


def test_the_same_on_micropython():
    program = micropython.find()
    if program is None:
        pytest.skip(micropython.HOW_TO_GET_IT)
    command = [program, "-X", "heapsize=1M", "tests/support/parking.py", *sorted(SCENES)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=interpreter.environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "".join(golden(name).read_text() for name in sorted(SCENES))


def rows(name):
    """[(kind, why)] of a scene's boots and states."""
    found = [line.split()[1:3] for line in golden(name).read_text().splitlines()]
    return [
        tuple(row) for row in found if row[0] in ("boot", "asleep", "parked", "idle", "driving")
    ]


def test_nothing_is_lost_but_what_a_sudden_cut_takes():
    for name in SCENES:
        assert ", 0 not;" in golden(name).read_text(), name


def test_only_the_wires_and_the_timer_wake():
    causes = {why for name in SCENES for kind, why in rows(name) if kind == "boot"}
    assert causes == {"power", "ignition", "panic", "tamper", "door", "timer"}
    # A charger does not, and neither does a contact that bounces.
    assert [row for row in rows("no-ignition-wire") if row[0] == "boot"] == [("boot", "power")]
    assert rows("flapping")[-2:] == [("parked", "ignition"), ("asleep", "time")]


def test_a_start_of_the_engine_is_one_state():
    assert [kind for kind, _ in rows("cranking")] == ["boot", "parked", "idle", "driving"]


def regenerate():
    for name in SCENES:
        golden(name).write_text(text(name))
        print(f"{golden(name).relative_to(ROOT)}: {golden(name).stat().st_size} bytes")


if __name__ == "__main__":
    if sys.argv[1:] != ["--regenerate"]:
        sys.exit(__doc__)
    regenerate()
