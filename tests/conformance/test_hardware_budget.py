"""The power budget's sums against its targets, and its table against the README."""

import pytest

from hardware import budget
from hardware.spice.holdup import BOARDS
from tests.support import hardware_sheets


@pytest.mark.parametrize("board", budget.FUSES)
def test_parked_takes_less_than_a_milliampere(board):
    total = budget.total(board, "parked")
    print(f"{board}: parked {total:.3f} mA at {budget.BATTERY} V")
    assert total < budget.TARGETS["parked"]


@pytest.mark.parametrize("board", budget.FUSES)
def test_sums_are_those_of_the_rows(board):
    """Reckoned here again, by power: volts times amperes through the efficiencies of each rail."""
    held = {"esp32-gateway": 5.0, "pi-hat": 5.1}[board]
    watts = 0.0
    for load in budget.loads(board):
        current = load.current["driving"] / 1000
        watts += {
            "battery": current * 12.6,
            "3V3": current * 3.3 / 0.85,
            "5V_SW": current * held / 0.88,
            "5V_HELD": current * held / 0.88,
            "3V3_SW": current * held / 0.88,
            "3V3_PI": current * 3.3 / 0.85 / 0.88,
            "3V3_LTE": current * 3.3 / 0.90 / 0.88,
        }[load.rail]
    assert budget.total(board, "driving") == pytest.approx(watts / 12.6 * 1000)


@pytest.mark.parametrize("board", budget.FUSES)
def test_states_take_less_from_driving_to_parked(board):
    totals = [budget.total(board, state) for state in budget.STATES]
    assert totals == sorted(totals, reverse=True)


@pytest.mark.parametrize("board", budget.FUSES)
def test_fuse_carries_the_driving_load_with_room(board):
    assert budget.fuse_load(board) < 0.5


@pytest.mark.parametrize("board", budget.FUSES)
def test_hold_up_was_reckoned_with_more_than_the_budget_says(board):
    assert BOARDS[board]["full_watts"] > 1.2 * budget.held_watts(board, "driving")


@pytest.mark.parametrize("board", budget.FUSES)
def test_every_part_of_the_budget_is_on_the_board(board):
    there = {part.reference for part in hardware_sheets.parts(board)}
    named = {reference for load in budget.loads(board) for reference in load.part.split()}
    assert named - there == set()


@pytest.mark.parametrize("board", budget.FUSES)
def test_every_chip_is_in_the_budget(board):
    """What takes current and stands in no row would make the sum a wish."""
    passive = {"U303", "U402", "U801", "U802", "U902", "U901", "U1002", "U1101", "U1102"}
    chips = {p.reference for p in hardware_sheets.parts(board) if p.reference.startswith("U")}
    named = {reference for load in budget.loads(board) for reference in load.part.split()}
    assert chips - named <= passive


def test_readme_has_the_table_of_now():
    readme = budget.README.read_text()
    assert budget.BEGIN in readme and readme == budget.written(readme)
