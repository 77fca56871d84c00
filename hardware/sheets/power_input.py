"""Vehicle connector, fuse, clamps, reverse protection, filter; battery measurement, power fail."""

from hardware.catalogue.parts import PART
from hardware.catalogue.passives import CP, FUSES, TVS_NEGATIVE, TVS_POSITIVE, C, L, R
from hardware.draw.geometry import Point
from hardware.sheets.blocks import divider, ideal_diode, test_point

_CLAMP_NOTE = """Clamps, chosen for ISO 16750-2 test B (dump clamped by the alternator to 35 V):
positive: D201 stands off 33 V and breaks down above 36.7 V: it sleeps at 24 V jump start and 35 V dump.
negative: D202 stands off 26 V: a battery fitted the wrong way round (-14 V, -24 V) does not blow F201.
ISO 7637-2 pulse 1, -150 V behind 10 Ohm: (150 - 42) / 10 = 10.8 A, the line at about -42 V;
across Q201: 13.5 + 42 = 56 V of its 100 V; U201, cathode to anode: 56 V of its 75 V.
An alternator without its own clamp (test A, 79 to 101 V, 40 to 400 ms) is NOT survived: see README."""

_FILTER_NOTE = """Filter: L201 with C203 and C204 before, C206 behind; the electrolytic C205 damps it.
f0 = 1 / (2 pi sqrt(4.7 uH x 4.7 uF)) = 34 kHz (ceramics at half their value under 12 V),
a decade below the regulators' 400 kHz."""

_FAIL_NOTE = """Falling threshold at +VIN: 0.405 V x (1 + 1000 / 68.1) = 6.35 V.
Below it the 5 V regulator soon leaves regulation and the held
supply takes over. A start of the engine trips it too: who reads
it acts when it has stayed low for 2 s (hold-up pays for that).
Both dividers at 12.6 V: 11.8 uA + 11.5 uA."""

_ADC_NOTE = """Ratio 91 / 1091 = 0.0834: 12.60 V gives 1.051 V, 35 V gives 2.92 V
(the converter reads to about 3.1 V). Corner 1 / (2 pi 83k 100n) = 19 Hz."""

_HARNESS_PORTS = (
    ("CAN_H", "CAN_H"),
    ("CAN_L", "CAN_L"),
    ("IGNITION", "IGN_12V"),
    ("SIREN", "SIREN_12V"),
    ("LIGHT_BAR", "LIGHTBAR_12V"),
    ("PANIC", "PANIC_LOOP"),
    ("SPARE", "SPARE_12V"),
    ("CAN2_H", "CAN2_H"),
    ("CAN2_L", "CAN2_L"),
)


def power_input(project, fuse, supply, has_second_can=False):
    """fuse: key of FUSES; supply: the always-on rail that feeds the power-fail detector."""
    s = project.sheet("power-input", "Power input and protection")
    connector = _connector(s, has_second_can)
    _line(s, connector, fuse)
    _power_fail(s, supply)
    _battery(s)
    return s


def _connector(s, has_second_can):
    s.heading("Vehicle harness", 7, 22)
    j = s.part(PART["harness"], 12, 33)
    for pin, name in _HARNESS_PORTS:
        if name.startswith("CAN2") and not has_second_can:
            s.leave(j, pin)
        else:
            s.port(name, j[pin], "passive", side="r")
    s.gnd_right(j["GND"])
    ground = Point(8, 50)
    s.flag(ground)
    s.gnd(ground)
    s.gnd_right(j["GND2"], 3)
    s.note("Colours and fuses: README", 7, 42)
    return j


def _line(s, j, fuse):
    y = 14
    s.heading("Fuse, clamps, ideal diode, filter", 18, 7)
    begin = s.wire(j["VBAT"], Point(18, j["VBAT"].y), Point(18, y))
    s.flag(begin)
    after_fuse = s.series(FUSES[fuse], s.wire(begin, begin.right(2)), "r")
    node = s.wire(after_fuse, Point(28, y))
    s.flag(Point(28, y))
    test_point(s, Point(25, y), "VBAT_FUSED", 2)
    middle = s.series(TVS_POSITIVE, node, "d", first="1")
    s.gnd(s.series(TVS_NEGATIVE, middle, "d", first="2"), 0)
    s.shunt(C("100n 100V"), s.wire(node, Point(34, y)))
    left, right = ideal_diode(s, 52, y)
    s.wire(Point(34, y), left)
    first = s.wire(right, Point(62, y))
    s.shunt(C("4u7 100V"), first)
    second = s.wire(first, Point(69, y))
    s.shunt(C("4u7 100V"), second)
    coil = s.series(L("4u7 5.5A"), s.wire(second, Point(76, y)), "r")
    third = s.wire(coil, Point(82, y))
    s.shunt(CP("56u 63V"), third)
    fourth = s.wire(third, Point(89, y))
    s.shunt(C("4u7 100V"), fourth)
    end = s.wire(fourth, Point(99, y))
    test_point(s, Point(94, y), "VIN", 1)
    s.rail("+VIN", end)
    s.flag(s.wire(end, end.right(5)))
    s.note(_CLAMP_NOTE, 61, 24)
    s.note(_FILTER_NOTE, 61, 34)


def _power_fail(s, supply):
    s.heading("Power-fail warning", 22, 45)
    sense = divider(s, Point(24, 52), "1M", "68k1", "+VIN")
    chip = s.part(PART["supervisor"], 42, 56, text=(1.5, 3.8))
    s.wire(sense, chip["SENSE"])
    s.leave(chip, "~{MR}", "CT")
    s.rail(supply, chip["VDD"], 1)
    s.gnd(chip["GND"], 0)
    out = s.wire(chip["~{RESET}"], Point(51, 56))
    s.pull_up(R("100k"), out, supply)
    s.port("PWR_FAIL_N", out, "output", side="r", lead=3)
    s.shunt(C("100n"), Point(33, 50))
    s.rail(supply, Point(33, 50), 1)
    s.note(_FAIL_NOTE, 22, 63)


def _battery(s):
    s.heading("Battery measurement", 76, 45)
    sense = divider(s, Point(78, 52), "1M", "91k", "+VIN")
    out = s.wire(sense, Point(87, 55))
    s.shunt(C("100n"), out)
    s.port("VBAT_ADC", out, "output", side="r", lead=6)
    s.note(_ADC_NOTE, 74, 61)
