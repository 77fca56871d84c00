"""The power budget: what each load takes in each state, summed at the battery.

python -m hardware.budget [--write]

Reads hardware/budget.csv: one row a load, its current in mA at its own rail in each state, and
where the number comes from. Prints the tables of hardware/README.md; --write puts them there.
"""

import csv
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
README = HERE / "README.md"
BEGIN, END = "<!-- budget: begin -->", "<!-- budget: end -->"
BATTERY = 12.6  # V
STATES = ("driving", "idle", "awake", "parked")
# Targets in mA at the battery.
TARGETS = {"parked": 1.0}
FUSES = {"esp32-gateway": 3.0, "pi-hat": 5.0}  # A
LOWEST = 9.0  # V: below that the fuse need not carry the driving load for ever

# Efficiencies: the 5 V regulator, the LTE card's, the always-on one at work and nearly without load
# (its own no-load current is a row of its own), the Pi's own 3.3 V.
_BUCK, _LTE, _ALWAYS, _ALWAYS_LIGHT, _PI = 0.88, 0.90, 0.85, 0.60, 0.85
_HELD_VOLTS = {"esp32-gateway": 5.0, "pi-hat": 5.1}


class Load:
    """A row: `current` {state: mA at the rail}."""

    def __init__(self, row):
        self.board = row["board"]
        self.part = row["part"]
        self.name = row["load"]
        self.rail = row["rail"]
        self.basis = row["basis"]
        self.current = {state: float(row[state]) for state in STATES}

    def power(self, state):
        """mW at the rail that feeds the load's own regulator: the held 5 V, or the battery."""
        current, held = self.current[state], _HELD_VOLTS[self.board]
        always = _ALWAYS_LIGHT if state == "parked" else _ALWAYS
        return {
            "battery": current * BATTERY,
            "3V3": current * 3.3 / always,
            "5V_SW": current * held,
            "5V_HELD": current * held,
            "3V3_SW": current * held,  # a linear regulator: the same current
            "3V3_PI": current * 3.3 / _PI,
            "3V3_LTE": current * 3.3 / _LTE,
        }[self.rail]

    def is_held(self):
        return self.rail in ("5V_HELD", "3V3_SW", "3V3_PI", "3V3_LTE")

    def at_battery(self, state):
        """mA at the battery."""
        behind_buck = self.rail not in ("battery", "3V3")
        return self.power(state) / BATTERY / (_BUCK if behind_buck else 1)


def loads(board):
    rows = csv.DictReader((HERE / "budget.csv").read_text().splitlines())
    return [load for load in map(Load, rows) if load.board == board]


def total(board, state):
    """mA at the battery, 12.6 V."""
    return sum(load.at_battery(state) for load in loads(board))


def held_watts(board, state):
    """What the store must give when the battery is gone: the held 5 V and the always-on rail."""
    return sum(
        load.power(state) for load in loads(board) if load.is_held() or load.rail == "3V3"
    ) / 1000  # fmt: skip


def fuse_load(board):
    """Share of the fuse's rating that driving takes at LOWEST volts."""
    return total(board, "driving") * BATTERY / LOWEST / 1000 / FUSES[board]


def _number(value):
    if value == 0:
        return "–"
    return f"{value:.3f}" if value < 1 else f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def table(board):
    """Markdown lines: each load's mA at its rail, then the sums at the battery."""
    yield f"| {board}: mA | rail | " + " | ".join(STATES) + " | from |"
    yield "|---|---|" + "---:|" * len(STATES) + "---|"
    for load in loads(board):
        cells = " | ".join(_number(load.current[state]) for state in STATES)
        yield f"| {load.name} ({load.part}) | {load.rail} | {cells} | {load.basis} |"
    sums = " | ".join(f"**{_number(total(board, state))}**" for state in STATES)
    yield f"| **at the battery, {BATTERY} V** | | {sums} | target parked: below 1 |"
    watts = " | ".join(_number(total(board, state) * BATTERY / 1000) for state in STATES)
    yield f"| W at the battery | | {watts} | |"


def text():
    """Both tables as they stand in the README."""
    parts = []
    for board in FUSES:
        parts.append("\n".join(table(board)))
        share, watts = fuse_load(board) * 100, held_watts(board, "driving")
        parts.append(
            f"At {LOWEST:g} V driving takes {share:.0f} % of the {FUSES[board]:g} A fuse; "
            f"the store must carry {watts:.1f} W when the battery goes."
        )
    return "\n\n".join(parts) + "\n"


def written(readme):
    """The README's text with the tables of now."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{text()}{END}{after}"


def main(arguments):
    if "--write" in arguments:
        README.write_text(written(README.read_text()))
    else:
        print(text(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
