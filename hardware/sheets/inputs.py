"""The car's inputs: ignition, siren, light bar, a spare one, and the panic button."""

from hardware.catalogue.parts import PART
from hardware.catalogue.passives import CLAMP, ESD_24V, RP, SCHOTTKY_1A, C, R
from hardware.draw.geometry import Point

_LEVEL_NOTE = """Divider 68 / 168 = 0.405, clamp at {supply} + 0.7 V, corner 1 / (2 pi 40k 100n) = 40 Hz:
7 V gives 2.83 V, 16 V would give 6.5 V and is held at 4.0 V, 35 V pushes 0.31 mA into the clamp.
On: above 2.44 V (highest threshold of both makers of the buffer, at 3.4 V) = 6.2 V in the car;
off: below 0.65 V (lowest, at 3.2 V) = 1.6 V.
{others}
Reverse battery: -14 V pull -0.08 mA through the lower diode."""

_PANIC_NOTE = """Panic: the button joins PANIC_LOOP to ground. LED current (12.6 - 1.3 - 0.3) / 3.3 k = 3.3 mA,
1.5 mA at 6.5 V, 10 mA for the 0.4 s of a dump. The transistor must sink 33 uA:
a CTR of 100 % leaves a factor of 45 at 1.5 mA. No current flows while nobody presses,
so a cut wire is not seen: a loop closed at rest would show it, but costs 3 to 5 mA parked."""


def inputs(project, supply, others):
    """supply: rail of the processor that reads them; others: note on what reads the plain inputs."""
    s = project.sheet("inputs", "Vehicle inputs")
    ignition = _channel(s, "Ignition", "IGN_12V", 6, 16, supply)
    _buffer(s, ignition, supply)
    for title, source, name, x, y in (
        ("Siren", "SIREN_12V", "SIREN", 6, 33),
        ("Light bar", "LIGHTBAR_12V", "LIGHTBAR", 64, 16),
        ("Spare", "SPARE_12V", "SPARE_IN", 64, 33),
    ):
        node = _channel(s, title, source, x, y, supply)
        s.port(name, node, "output", side="r", lead=3)
    _panic(s, supply)
    s.note(_LEVEL_NOTE.format(supply=supply, others=others), 6, 66)
    return s


def _channel(s, title, source, x, y, supply):
    s.heading(title, x, y - 9)
    start = Point(x + 9, y)
    s.port(source, start, "passive", side="l", lead=1)
    node = s.series(R("100k"), start, "r")
    first = s.wire(node, Point(x + 14, y))
    s.shunt(R("68k"), first)
    second = s.wire(first, Point(x + 20, y))
    s.shunt(C("100n"), second)
    clamp = s.part(CLAMP, x + 28, y, turn=90, mirror=True, text=(0.8, -2.2))
    tap = s.wire(second, clamp["3"])
    s.rail(supply, clamp["2"], 0)
    s.gnd(clamp["1"], 0)
    return _around(s, tap, x, y)


def _around(s, tap, x, y):
    """Leads the line over the clamp's left side to its right: below its text."""
    s.wire(tap, Point(tap.x, y + 1), Point(x + 31, y + 1), Point(x + 31, y))
    return s.wire(Point(x + 31, y), Point(x + 35, y))


def _buffer(s, node, supply):
    chip = s.part(PART["schmitt"], 50, node.y, text=(-1, 2.4))
    s.wire(node, chip["2"])
    s.rail(supply, chip["5"], 0)
    s.gnd(chip["3"], 0)
    s.port("IGN_SENSE", chip["4"], "output", side="r", lead=1)


def _panic(s, supply):
    s.heading("Panic button", 6, 42)
    chip = s.part(PART["opto"], 46, 51, text=(-2.5, -3.2))
    start = Point(20, 50)
    s.rail("+VIN", start)
    s.wire(s.series(RP("3k3 0.25W"), s.wire(start, Point(24, 50)), "r"), chip["1"])
    cathode = s.wire(chip["2"], Point(36, 52), Point(36, 55))
    far = s.series(SCHOTTKY_1A, cathode, "l", first="2")
    line = s.wire(far, Point(20, 55))
    s.shunt(ESD_24V, Point(26, 55))
    s.port("PANIC_LOOP", line, "passive", side="l", lead=1)
    s.gnd(s.wire(chip["3"], chip["3"].right(2)), 1)
    out = s.wire(chip["4"], Point(56, 50))
    s.pull_up(R("100k"), out, supply)
    s.port("PANIC_N", out, "output", side="r", lead=3)
    s.note(_PANIC_NOTE, 66, 46)
