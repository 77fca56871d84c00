"""How long does the hold-up last, and how soon is it there? python -m hardware.spice.holdup

Worst case: cells at 80 % (tolerance) of 70 % (end of life) of their value, at twice their series
resistance; converter at 85 %; charged to what the diode leaves of the rail.
"""

from hardware.spice.ngspice import simulate

EFFICIENCY = 0.85
STOP = 2.0  # V: the converter works to 0.5 V, but here its input current passes 3 A
AGED = 0.8 * 0.7

WAIT = 2.0  # s: PWR_FAIL_N must stay low that long before anybody acts (a start of the engine)

# board -> farads, series resistance of all cells, charging resistance, rail, full voltage, watts
# while waiting (all that runs while driving), watts and seconds that shutting down takes
BOARDS = {
    "esp32-gateway": {
        "farad": 10.0, "esr": 0.05, "charge": 11.0, "rail": 5.0, "full": 4.4,
        "full_watts": 5.0, "watts": 3.0, "seconds": 5.0,
    },
    "pi-hat": {
        "farad": 50.0, "esr": 0.022, "charge": 5.5, "rail": 5.1, "full": 4.5,
        "full_watts": 9.0, "watts": 5.0, "seconds": 15.0,
    },
}  # fmt: skip


def discharge(board, aged=True, end=120):
    """[(seconds, volts at the cells)] from full: WAIT at full power, then shutting down."""
    row = BOARDS[board]
    found = simulate("holdup", FARAD=row["farad"] * (AGED if aged else 1), FULL=row["full"],
                     ESR=row["esr"] * (2 if aged else 1), POWER=row["watts"], WAIT=WAIT,
                     FULL_POWER=row["full_watts"], EFFICIENCY=EFFICIENCY, STOP=STOP,
                     END=end)  # fmt: skip
    return list(zip(found["time"], found["v(plus)"], strict=True))


def needed(board):
    """Seconds from the first sign of a failing battery until the board is down in order."""
    return WAIT + BOARDS[board]["seconds"]


def margin(board, aged=True):
    """How much longer than needed the store lasts: 0.5 is half as long again."""
    return lasts(discharge(board, aged)) / needed(board) - 1


def lasts(points):
    """Seconds until the cells are at STOP under load."""
    return next((t for t, volts in points if volts <= STOP), points[-1][0])


def charge(board, temperature=25, end=900):
    """[(seconds, volts, amperes)] from empty, with new cells."""
    row = BOARDS[board]
    found = simulate("charge", FARAD=row["farad"], ESR=row["esr"], RESISTANCE=row["charge"],
                     RAIL=row["rail"], END=end, TEMPERATURE=temperature)  # fmt: skip
    amperes = [
        (a - b) / row["charge"] for a, b in zip(found["v(limit)"], found["v(plus)"], strict=True)
    ]
    return list(zip(found["time"], found["v(plus)"], amperes, strict=True))


def ready(board):
    """Seconds after a start with empty new cells until shutting down is paid for."""
    row = BOARDS[board]
    joules = (row["full_watts"] * WAIT + row["watts"] * row["seconds"]) / EFFICIENCY
    for time, volts, _ in charge(board):
        if row["farad"] * (volts**2 - STOP**2) / 2 > joules:
            return time
    raise ValueError(f"{board}: the cells never hold what is needed")


def report():
    """Lines that tell how long each board's store lasts."""
    for board in BOARDS:
        for aged in (False, True):
            seconds = lasts(discharge(board, aged))
            state = "end of life" if aged else "new"
            yield (f"{board}, {state}: holds {seconds:.1f} s, needed {needed(board):.0f} s, "
                   f"margin {margin(board, aged) * 100:.0f} %")  # fmt: skip
        peak = max(amps for _, _, amps in charge(board))
        yield (f"{board}: ready {ready(board):.0f} s after a start with empty cells, "
               f"charging begins at {peak:.2f} A")  # fmt: skip


def main():
    print(*report(), sep="\n")


if __name__ == "__main__":
    main()
