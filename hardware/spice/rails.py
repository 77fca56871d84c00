"""What the rails do while the engine starts: python -m hardware.spice.rails

The held 5 V and the always-on 3.3 V must not notice the start profiles of ISO 16750-2, whole: 10 s
of the starter at its low voltage. As nobody knows at first that it is a start, the load goes down
after holdup.WAIT as if the battery were going.
"""

from hardware.spice.holdup import AGED, BOARDS, WAIT
from hardware.spice.ngspice import simulate
from hardware.spice.pulses import PULSES, STARTS, start_profile

# board -> boost set point, lowest held voltage that its load stands
HELD = {"esp32-gateway": (4.79, 4.5), "pi-hat": (4.89, 4.63)}
ALWAYS_MIN = 3.13  # V: 5 % below 3.3 V
PROFILES = tuple(STARTS)


def run(board, profile):
    """Vectors of one start profile, with cells at the end of their life."""
    title = PULSES[profile][0]
    source, end = start_profile(*STARTS[profile], 10), 10.5
    row = BOARDS[board]
    return simulate("rails", TITLE=title, SOURCE=source, POWER=row["watts"], WAIT=WAIT,
                    FULL_POWER=row["full_watts"], RAIL=row["rail"], END=end,
                    OUTPUT="60u" if row["rail"] == 5.0 else "120u", FARAD=row["farad"] * AGED,
                    FULL=row["full"], SET=HELD[board][0])  # fmt: skip


def lowest(found, after=0.02):
    """(held 5 V, always-on 3.3 V, cells) at their lowest, once the simulation has settled."""
    at = [i for i, t in enumerate(found["time"]) if t >= after]
    return tuple(min(found[name][i] for i in at) for name in ("v(held)", "v(always)", "v(cells)"))


def main():
    for board in BOARDS:
        for profile in PROFILES:
            held, always, cells = lowest(run(board, profile))
            print(f"{board}, {PULSES[profile][0]}: held {held:.2f} V, "
                  f"always-on {always:.2f} V, cells {cells:.2f} V")  # fmt: skip


if __name__ == "__main__":
    main()
