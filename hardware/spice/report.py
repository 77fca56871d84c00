"""The simulations' results as tables of docs/hardware.md.

python -m hardware.spice.report [--write]
"""

import sys
from pathlib import Path

from hardware.spice import holdup, ignition, pulses, rails

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "hardware.md"
BEGIN, END = "<!-- simulations: begin -->", "<!-- simulations: end -->"


def _range(values):
    low, high = (round(value, 1) + 0.0 for value in values)  # no minus before a zero
    return f"{low:.1f} to {high:.1f}"


def _pulses():
    limits = pulses.LIMITS
    yield "| pulse | at the clamps, V | +VIN, V | across the ideal diode, V | into the clamps, J |"
    yield "|---|---:|---:|---:|---:|"
    for row in pulses.PULSES.values():
        found = pulses.run(row)
        at = pulses.extremes(found)
        cells = " | ".join(_range(at[node]) for node in ("line", "vin", "across"))
        yield f"| {row[0]} | {cells} | {pulses.clamp_energy(found):.2f} |"
    cells = " | ".join(f"{low:g} to {high:g}" for low, high in
                       (limits["line"], limits["vin"], limits["across"]))  # fmt: skip
    yield f"| **limits** | {cells} | 0.6 |"


def _ignition():
    yield "| temperature, °C | seen on above, V | buffer at 7 V | at 16 V | at 35 V | at −24 V |"
    yield "|---:|---:|---:|---:|---:|---:|"
    for temperature in ignition.TEMPERATURES:
        worst = ignition.curve(temperature, 3.4, ignition.TOLERANCE)
        highest = ignition.at(ignition.curve(temperature, 3.4, -ignition.TOLERANCE), 35)
        cells = [
            ignition.switches_on(worst),
            ignition.at(worst, 7),
            ignition.at(worst, 16),
            highest,
        ]
        numbers = " | ".join(f"{v:.2f}" for v in [*cells, ignition.at(worst, -24)])
        yield f"| {temperature} | {numbers} |"


def _starts():
    yield "| board | start profile, 10 s | held 5 V, V | always-on 3.3 V, V | cells after it, V |"
    yield "|---|---|---:|---:|---:|"
    for board in holdup.BOARDS:
        for profile in rails.PROFILES:
            lowest = rails.lowest(rails.run(board, profile))
            numbers = " | ".join(f"{v:.2f}" for v in lowest)
            yield f"| {board} | {pulses.PULSES[profile][0]} | {numbers} |"


def _holdup():
    yield "| board | cells | holds, s | needed, s | margin, % |"
    yield "|---|---|---:|---:|---:|"
    for board in holdup.BOARDS:
        for state, aged in (("new", False), ("end of life", True)):
            seconds = holdup.lasts(holdup.discharge(board, aged))
            share = holdup.margin(board, aged) * 100
            needed = f"{holdup.needed(board):.0f}"
            yield f"| {board} | {state} | {seconds:.1f} | {needed} | {share:.0f} |"


def text():
    tables = (("Pulses", _pulses), ("Ignition", _ignition), ("Starting the engine", _starts),
              ("Hold-up", _holdup))  # fmt: skip
    return "\n\n".join(f"**{title}**\n\n" + "\n".join(rows()) for title, rows in tables) + "\n"


def parts(document):
    """(before, the tables, after) of the document's text."""
    before, _, rest = document.partition(BEGIN + "\n")
    tables, _, after = rest.partition(END)
    return before, tables, after


def main(arguments):
    if "--write" in arguments:
        before, _, after = parts(DOCUMENT.read_text())
        DOCUMENT.write_text(f"{before}{BEGIN}\n{text()}{END}{after}")
    else:
        print(text(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
