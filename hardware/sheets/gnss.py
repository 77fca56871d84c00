"""GNSS receiver with an active antenna fed through a resistor that limits a short."""

from hardware.catalogue.parts import PART
from hardware.catalogue.passives import ESD_RF, RP, C, L, R
from hardware.draw.geometry import Point

_BIAS_NOTE = """Antenna supply from the held 5 V through 68 Ohm, 0.5 W, and 33 nH:
20 mA antenna: 5.0 - 68 x 0.020 = 3.6 V; short at the antenna: 5.0 / 68 = 74 mA, 0.37 W, for ever.
33 nH at 1575 MHz: 327 Ohm beside the 50 Ohm line; C 47 pF: 2 Ohm."""

_SUPPLY_NOTE = """Supply {rail}; backup {backup} stays on while parked (MAX-M10S backup about 30 uA): hot start.
VIO_SEL open: 3.3 V levels. 470 Ohm in each signal: at most 7 mA flow into an unpowered side
(the maker forbids driving it then: the firmware lets GNSS_TX float before it takes the supply away)."""


def gnss(project, rail, backup):
    """rail: supply of the receiver; backup: supply that stays."""
    s = project.sheet("gnss", "GNSS receiver")
    s.heading("GNSS receiver", 8, 8)
    chip = s.part(PART["gnss"], 52, 34, text=(3, 7.6))
    _signals(s, chip)
    _supply(s, chip, rail, backup)
    _antenna(s, chip)
    s.note(_SUPPLY_NOTE.format(rail=rail, backup=backup), 8, 50)
    return s


def _signals(s, chip):
    s.port("GNSS_TX", Point(26, 26), "input", side="l", lead=2)
    end = s.series(R("470"), Point(26, 26), "r")
    s.wire(end, Point(38, 26), Point(38, chip["RXD"].y), chip["RXD"])
    s.port("GNSS_RX", Point(26, 34), "output", side="l", lead=2)
    end = s.series(R("470"), Point(26, 34), "r")
    s.wire(end, Point(38, 34), Point(38, chip["TXD"].y), chip["TXD"])
    pulse = chip["TIMEPULSE"]
    end = s.series(R("470"), s.wire(pulse, pulse.right(4)), "r")
    s.port("GNSS_PPS", end, "output", side="r", lead=3)
    s.leave(chip, "SDA", "SCL", "EXTINT", "~{SAFEBOOT}", "~{RESET}", "VIO_SEL", "LNA_EN", "VCC_RF")


def _supply(s, chip, rail, backup):
    y = 19
    s.wire(chip["VCC"], Point(chip["VCC"].x, y))
    s.wire(chip["VCC_IO"], Point(chip["VCC_IO"].x, y), Point(chip["VCC"].x, y))
    place = s.wire(Point(chip["VCC"].x, y), Point(44, y))
    s.shunt(C("100n"), place)
    place = s.wire(place, Point(38, y))
    s.shunt(C("10u"), place)
    s.rail(rail, s.wire(place, Point(34, y)))
    top = s.wire(chip["V_BCKP"], Point(chip["V_BCKP"].x, 15))
    s.rail(backup, top)
    s.shunt(C("100n"), s.wire(top, top.right(5)))
    s.gnd(chip["GND"], 0)


def _antenna(s, chip):
    line = chip["RF_IN"].y
    node = s.series(C("47p"), s.wire(chip["RF_IN"], chip["RF_IN"].right(6)), "r")
    corner = s.wire(node, Point(76, line))
    j = s.part(PART["antenna"], 88, line, text=(-1, -3))
    s.wire(corner, j["In"])
    s.gnd(j["Ext"], 1)
    s.shunt(ESD_RF, Point(79, line))
    fed = s.series(L("33n"), corner, "u", first="2")
    top = s.wire(fed, fed.up(3))
    s.shunt(C("100n"), s.wire(fed.up(2), fed.up(2).right(6)))
    source = s.series(RP("68 0.5W"), top, "u", first="2")
    s.rail("+5V_HELD", source, 1)
    s.note(_BIAS_NOTE, 62, 46)
