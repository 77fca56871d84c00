"""What the rails do while the engine starts: python -m hardware.spice.rails

The held 5 V and the always-on 3.3 V must not notice the start profiles of ISO 16750-2.
"""

from hardware.spice.holdup import AGED, BOARDS
from hardware.spice.ngspice import simulate
from hardware.spice.pulses import PULSES

# board -> boost set point, lowest held voltage that its load stands
HELD = {"esp32-gateway": (4.79, 4.5), "pi-hat": (4.89, 4.63)}
ALWAYS_MIN = 3.13  # V: 5 % below 3.3 V
PROFILES = ("crank-1", "crank-2", "crank-3")


def run(board, profile, power):
    """Vectors of one start profile, with cells at the end of their life; power: W from the 5 V."""
    title, source, _, _, end, _ = PULSES[profile]
    row = BOARDS[board]
    return simulate("rails", TITLE=title, SOURCE=source, POWER=power, RAIL=row["rail"], END=end,
                    OUTPUT="60u" if row["rail"] == 5.0 else "120u", FARAD=row["farad"] * AGED,
                    FULL=row["full"], SET=HELD[board][0])  # fmt: skip


def lowest(found, after=0.02):
    """(held 5 V, always-on 3.3 V, cells) at their lowest, once the simulation has settled."""
    at = [i for i, t in enumerate(found["time"]) if t >= after]
    return tuple(min(found[name][i] for i in at) for name in ("v(held)", "v(always)", "v(cells)"))


def main():
    for board, row in BOARDS.items():
        for profile in PROFILES:
            held, always, cells = lowest(run(board, profile, row["watts"]))
            print(f"{board}, {PULSES[profile][0]}: held {held:.2f} V, "
                  f"always-on {always:.2f} V, cells {cells:.2f} V")  # fmt: skip


if __name__ == "__main__":
    main()
