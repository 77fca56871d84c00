"""The rails: always-on 3.3 V, switched 5 V, and on the ESP32 board the switched 3.3 V."""

from hardware.catalogue.parts import PART
from hardware.catalogue.passives import RECTIFIER, SCHOTTKY_1A, SCHOTTKY_5A, C, L, R
from hardware.draw.geometry import Point
from hardware.sheets.blocks import test_point

_ALWAYS_NOTE = """LM5166Y: 3 to 65 V in, fixed 3.3 V, 9.7 uA without load. ILIM at ground: 500 mA.
RT at ground: pulse-frequency mode. L: 3.3 / (10 uH x 1.25 A) x (1 - 3.3 / 12) = 190 kHz.
{feeds}
Silicon where the car's 12 V stand against a dead source: a hot Schottky would leak more than the board takes parked."""

_FIVE_NOTE = """TPS54360, 4.5 to 60 V in, 3.5 A: {volts}
f = 400 kHz: RT = 101756 / 400^1.008 = 243 k.
L: ripple (18 - 5) / 10 uH x 5 / (18 x 400 kHz) = 0.9 A peak to peak.
Loop, crossover 30 kHz with 60 uF left of 94 uF under 5 V bias:
Rc = 2 pi 30k 60u / 12 x 5 / (0.8 x 350 uS) = 16.9 k;
Cc = 1 / (2 pi 16.9k 1.86 kHz) = 4.7 nF; Cp = 1 / (pi 16.9k 400k) = 47 pF.
Enable: 1.2 uA x 11 k = 13 mV, off while nobody drives it."""

_FIVE_5A_NOTE = """TPS54560B, 4.5 to 60 V in, 5 A: {volts}
f = 400 kHz: RT = 101756 / 400^1.008 = 243 k.
L: ripple (18 - 5.1) / 10 uH x 5.1 / (18 x 400 kHz) = 0.9 A peak to peak.
Loop, crossover 25 kHz with 120 uF left of 188 uF under 5 V bias:
Rc = 2 pi 25k 120u / 17 x 5.1 / (0.8 x 350 uS) = 20 k;
Cc = 1 / (2 pi 20k 1.33 kHz) = 6.8 nF; Cp = 1 / (pi 20k 400k) = 39 pF.
Enable: 1.2 uA x 11 k = 13 mV, off while nobody drives it."""


def rails_esp32(project):
    s = project.sheet("rails", "Rails")
    feeds = "Fed by the car, by the held 5 V when the car is gone, or by USB on the bench."
    _always_on(s, "+3V3", "USB_VBUS", feeds)
    _five_volts(s)
    _switched_3v3(s)
    return s


def rails_pi(project):
    s = project.sheet("rails", "Rails")
    _always_on(s, "+3V3_AON", None, "Fed by the car, or by the held 5 V when the car is gone.")
    _five_volts_5a(s)
    return s


def _always_on(s, rail, bench, feeds):
    s.heading("Always-on 3.3 V", 6, 7)
    node = Point(22, 15)
    sources = [("+VIN", 12), ("+5V_HELD", 18)]
    for name, y in sources:
        start = Point(13, y)
        s.rail(name, start, 0)
        diode = SCHOTTKY_1A if name == "+VIN" else RECTIFIER
        end = s.series(diode, s.wire(start, start.right(3)), "r", first="2", side=None)
        s.wire(end, Point(22, y), node)
    if bench:
        end = s.series(RECTIFIER, Point(16, 23), "r", first="2")
        s.port(bench, Point(16, 23), "input", side="l", lead=1)
        s.wire(end, Point(22, 23), node)
    chip = s.part(PART["buck 3v3"], 40, 18, text=(-3, -5.7))
    line = s.wire(node, chip["VIN"])
    s.shunt(C("4u7 100V"), Point(26, 15))
    s.flag(Point(31, 15))
    s.wire(Point(34, line.y), Point(34, chip["EN"].y), chip["EN"])
    s.leave(chip, "PGOOD", "HYS", "SS")
    s.gnd(s.wire(chip["RT"], chip["RT"].left(2)), 1)
    s.gnd(chip["GND"], 0)
    s.gnd(s.wire(chip["ILIM"], chip["ILIM"].right(3)), 1)
    out = s.series(L("10u 3A"), s.wire(chip["SW"], chip["SW"].right(5)), "r")
    s.wire(chip["VOUT"], Point(54, chip["VOUT"].y), Point(54, out.y))
    place = s.wire(out, Point(58, out.y))
    for _ in range(2):
        s.shunt(C("22u"), place)
        place = s.wire(place, place.right(6))
    test_point(s, place, rail.lstrip("+"), 1)
    end = s.wire(place, place.right(6))
    s.rail(rail, end)
    s.flag(s.wire(end, end.right(5)))
    s.note(_ALWAYS_NOTE.format(feeds=feeds), 50, 23)


def _enable(s, pin, x):
    """The enable pin with its resistors, down to a port at (x, y)."""
    y = pin.y + 6
    foot = s.wire(pin, pin.left(2), Point(pin.x - 2, y))
    near = s.wire(foot, Point(x + 8, y))
    s.shunt(R("10k"), near)
    far = s.series(R("1k"), s.wire(near, near.left(2)), "l")
    s.port("V5_EN", far, "input", side="l", lead=1)


def _output(s, node, upper, count, feedback, y_feedback):
    """Divider, output capacitors and the rail behind the coil."""
    s.wire(node, node.down(2))
    tap = s.series(R(upper), node.down(2), "d")
    s.shunt(R("10k2"), tap)
    s.wire(feedback, feedback.right(1), Point(feedback.x + 1, y_feedback), tap.at(y=y_feedback))
    place = s.wire(node, node.right(7))
    for _ in range(count):
        s.shunt(C("47u"), place)
        place = s.wire(place, place.right(6))
    test_point(s, place, "5V_SW", 1)
    end = s.wire(place, place.right(5))
    s.rail("+5V_SW", end)
    s.flag(s.wire(end, end.right(5)))


def _five_volts(s):
    s.heading("Switched 5 V, 3.5 A", 6, 30)
    chip = s.part(PART["buck 5v 3.5A"], 36, 41)
    start = Point(10, chip["VIN"].y)
    s.rail("+VIN", start)
    for x in (13, 20):
        s.wire(start, Point(x, start.y))
        s.shunt(C("4u7 100V"), Point(x, start.y))
    s.wire(Point(20, start.y), chip["VIN"])
    s.shunt(R("243k"), s.wire(chip["RT/CLK"], chip["RT/CLK"].left(4)))
    _enable(s, chip["EN"], 12)
    s.gnd(s.wire(chip["GND"], chip["GND"].down(1)), 0)
    s.wire(chip["GNDPAD"], chip["GNDPAD"].down(1), chip["GND"].down(1))
    line = chip["SW"].y
    s.wire(chip["BOOT"], chip["BOOT"].right(1), Point(41, line - 3), Point(44, line - 3))
    s.series(C("100n"), Point(44, line - 3), "d")
    s.wire(chip["SW"], Point(49, line))
    s.gnd(s.series(SCHOTTKY_5A, Point(49, line), "d", first="1"), 0)
    out = s.series(L("10u 7A"), s.wire(Point(49, line), Point(55, line)), "r")
    _compensate(s, chip["COMP"], Point(44, 51), "16k9", "4n7", "47p")
    node = s.wire(out, Point(61, line))
    _output(s, node, "53k6", 2, chip["FB"], line + 5)
    s.note(_FIVE_NOTE.format(volts="0.8 V x (1 + 53.6 / 10.2) = 5.00 V."), 58, 52)


def _compensate(s, pin, top, resistor, capacitor, small):
    s.wire(pin, Point(top.x, pin.y), top)
    middle = s.series(R(resistor), top, "d")
    s.shunt(C(capacitor), middle)
    s.shunt(C(small), s.wire(top, top.right(6)))


def _five_volts_5a(s):
    s.heading("Switched 5.1 V, 5 A", 6, 30)
    chip = s.part(PART["buck 5v 5A"], 36, 41, text=(-4, -5))
    start = Point(8, 35)
    s.rail("+VIN", start)
    for x in (12, 19):
        s.wire(start, Point(x, start.y))
        s.shunt(C("4u7 100V"), Point(x, start.y))
    s.wire(Point(19, start.y), Point(29, start.y), Point(29, chip["VIN"].y), chip["VIN"])
    foot = chip["RT/CLK"].left(1)
    s.shunt(R("243k"), s.wire(chip["RT/CLK"], foot, foot.down(5)))
    _enable_straight(s, chip["EN"])
    top = Point(25, 48)
    s.wire(chip["COMP"], Point(top.x, chip["COMP"].y), top)
    middle = s.series(R("20k"), top, "d")
    s.shunt(C("6n8"), middle)
    s.shunt(C("39p"), s.wire(top, top.left(6)))
    s.gnd(chip["GND"], 0)
    line = chip["SW"].y
    s.wire(chip["BOOT"], chip["BOOT"].right(1), Point(42, line - 3), Point(45, line - 3))
    s.series(C("100n"), Point(45, line - 3), "d")
    s.wire(chip["SW"], Point(50, line))
    s.gnd(s.series(SCHOTTKY_5A, Point(50, line), "d", first="1"), 0)
    out = s.series(L("10u 7A"), s.wire(Point(50, line), Point(56, line)), "r")
    node = s.wire(out, Point(62, line))
    _output(s, node, "54k9", 4, chip["FB"], line + 5)
    s.note(_FIVE_5A_NOTE.format(volts="0.8 V x (1 + 54.9 / 10.2) = 5.11 V."), 58, 52)


def _enable_straight(s, pin):
    near = s.wire(pin, Point(20, pin.y))
    s.shunt(R("10k"), near)
    far = s.series(R("1k"), s.wire(near, near.left(3)), "l")
    s.port("V5_EN", far, "input", side="l", lead=1)


def _switched_3v3(s):
    s.heading("Switched 3.3 V: GNSS, OBD interpreter, memory card", 6, 62)
    chip = s.part(PART["ldo 3v3"], 28, 71, text=(-2, -3.5))
    start = Point(13, chip["VIN"].y)
    s.rail("+5V_HELD", start)
    s.shunt(C("1u"), s.wire(start, Point(17, start.y)))
    s.wire(Point(17, start.y), chip["VIN"])
    s.wire(Point(24, start.y), Point(24, chip["EN"].y), chip["EN"])
    s.gnd(chip["GND"], 0)
    place = s.wire(chip["VOUT"], chip["VOUT"].right(4))
    s.shunt(C("1u"), place)
    place = s.wire(place, place.right(6))
    s.shunt(C("22u"), place)
    test_point(s, place, "3V3_SW", 1)
    end = s.wire(place, place.right(7))
    s.rail("+3V3_SW", end)
    s.note("Heat: (5.0 - 3.3) V x 0.20 A = 0.34 W at most.", 34, 77)
