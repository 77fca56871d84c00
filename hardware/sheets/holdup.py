"""Hold-up: two supercapacitors, their charging path, the boost converter and the 5 V that stays."""

from hardware.catalogue.parts import PART
from hardware.catalogue.passives import CP, RECTIFIER, RP, C, L, R
from hardware.draw.geometry import Point
from hardware.sheets.blocks import ideal_diode, test_point


def holdup(project, cell, strings, resistors, upper, note):
    """cell: key of CP, two in series in each of `strings`; resistors: how many 22 Ohm charge them; upper: of the boost's divider over
    100 k; note: the arithmetic of this board."""
    s = project.sheet("hold-up", "Hold-up")
    _main_path(s)
    plus = _store(s, cell, strings, resistors)
    _boost(s, plus, upper)
    s.note(note, 7, 56)
    return s


def _main_path(s):
    y = 14
    s.heading("Main path: 5 V passes, nothing flows back into the regulator", 6, 7)
    start = Point(12, y)
    s.rail("+5V_SW", start)
    left, right = ideal_diode(s, 28, y)
    s.wire(start, left)
    place = s.wire(right, Point(42, y))
    for value in ("22u", "22u", "22u"):
        s.shunt(C(value), place)
        place = s.wire(place, place.right(7))
    test_point(s, place, "5V_HELD", 1)
    end = s.wire(place, place.right(7))
    s.rail("+5V_HELD", end)


def _store(s, cell, strings, resistors):
    y = 34
    s.heading("Store: charged slowly, used by the boost converter", 6, 29)
    start = Point(9, y)
    s.rail("+5V_SW", start)
    node = s.series(RECTIFIER, s.wire(start, start.right(2)), "r", first="2")
    entry = s.wire(node, node.right(2))
    exits = []
    for i in range(resistors):
        top = s.wire(entry, entry.down(4 * i)) if i else entry
        exits.append(s.series(RP("22 1.5W"), top, "r"))
    leave = exits[0].right(2)
    for place in exits:
        s.wire(place, place.right(2), leave)
    plus = s.wire(leave, Point(28, y))
    for i in range(strings):
        plus = s.wire(plus, Point(28 + 7 * i, y))
        middle = s.series(CP(cell), plus, "d")
        s.gnd(s.series(CP(cell), middle, "d"), 0)
    side = s.wire(plus, Point(42, y))
    balance = s.series(R("1k"), side, "d")
    s.wire(Point(28, middle.y), middle, balance)
    s.shunt(R("1k"), balance)
    test_point(s, Point(45, y), "SUPERCAP", 1)
    return s.wire(side, Point(47, y))


def _boost(s, plus, upper):
    y = plus.y
    chip = s.part(PART["boost"], 58, 42)
    s.shunt(C("22u"), s.wire(plus, Point(50, y)))
    entry = s.wire(Point(50, y), Point(chip["VIN"].x, y))
    s.wire(entry, chip["VIN"])
    coil = s.series(L("1u 8A"), entry, "r")
    s.wire(coil, Point(chip["SW"].x, y), chip["SW"])
    s.flag(Point(54, y))
    s.gnd(chip["GND"], 0)
    s.gnd(s.wire(chip["MODE"], chip["MODE"].left(2)), 1)
    enable = s.wire(chip["EN"], Point(46, chip["EN"].y))
    s.shunt(R("100k"), enable)
    s.port("HOLDUP_EN", enable, "input", side="l", lead=1)
    place = s.wire(chip["VOUT"], Point(70, chip["VOUT"].y))
    tap = s.series(R(upper), place, "d")
    s.wire(chip["FB"], chip["FB"].right(2), Point(chip["FB"].x + 2, tap.y), tap)
    s.shunt(R("100k"), tap)
    for _ in range(3):
        place = s.wire(place, place.right(7))
        s.shunt(C("22u"), place)
    s.rail("+5V_HELD", s.wire(place, place.right(6)))
