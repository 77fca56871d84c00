"""The Raspberry Pi's header and the HAT's identity memory."""

from hardware.catalogue.parts import PART
from hardware.catalogue.passives import C, R
from hardware.draw.geometry import Point
from hardware.sheets.blocks import test_point

# BCM number -> (net, direction). firmware/pi/pins.py is held against the netlist of this sheet.
_PORTS = {
    2: ("I2C_SDA", "bidirectional"),
    3: ("I2C_SCL", "bidirectional"),
    4: ("IMU_INT", "input"),
    5: ("PANIC_N", "input"),
    6: ("PWR_FAIL_N", "input"),
    7: ("CAN1_CS_N", "output"),
    8: ("CAN0_CS_N", "output"),
    9: ("SPI_MISO", "input"),
    10: ("SPI_MOSI", "output"),
    11: ("SPI_SCK", "output"),
    12: ("SIREN", "input"),
    13: ("LIGHTBAR", "input"),
    14: ("GNSS_TX", "output"),
    15: ("GNSS_RX", "input"),
    16: ("HEARTBEAT", "output"),
    18: ("GNSS_PPS", "input"),
    19: ("SPARE_IN", "input"),
    20: ("LED_OK", "output"),
    21: ("LED_FAULT", "output"),
    22: ("MODEM_PWR_EN", "output"),
    23: ("MODEM_W_DISABLE_N", "output"),
    24: ("CAN1_INT_N", "input"),
    25: ("CAN0_INT_N", "input"),
    26: ("HALTED", "output"),
    27: ("MODEM_RST_N", "output"),
}

_POWER_NOTE = """The HAT feeds the Pi through pins 2 and 4 with the held 5 V (5.1 V, 5 A on the main path).
A Pi that is fed by its own USB-C cannot push current back: ideal diode and boost block it.
3.3 V of the Pi: receiver 25 mA, two CAN controllers 30 mA, sensors 1 mA; the Pi gives 500 mA."""

_IGN_NOTE = """10 k to the Pi: the ignition buffer runs on the always-on rail;
0.3 mA at most flow into a Pi that is off."""


def pi_header(project):
    s = project.sheet("pi-header", "Raspberry Pi header")
    s.heading("Raspberry Pi", 30, 7)
    j = s.part(PART["pi header"], 46, 30, text=(-5, 11.4))
    for gpio, (net, direction) in _PORTS.items():
        s.port(net, j[f"GPIO{gpio}"], direction, lead=3)
    s.port("IGN_SENSE", Point(74, j["GPIO17"].y), "input", side="r", lead=1)
    s.wire(s.series(R("10k"), Point(74, j["GPIO17"].y), "l"), j["GPIO17"])
    _supplies(s, j)
    _identity(s, j)
    s.note(_POWER_NOTE, 44, 46)
    s.note(_IGN_NOTE, 72, 18)
    return s


def _supplies(s, j):
    five = s.wire(j["5V"], Point(22, j["5V"].y))
    s.rail("+5V_HELD", five)
    s.shunt(C("22u"), Point(26, five.y))
    three = s.wire(j["3V3"], Point(36, j["3V3"].y), Point(36, 16))
    s.wire(three, Point(36, 12))
    s.rail("+3V3_PI", Point(36, 12))
    s.shunt(C("10u"), s.wire(Point(36, 12), Point(42, 12)))
    s.gnd(s.wire(j["GND"], j["GND"].right(2)), 1)


def _identity(s, j):
    s.heading("Identity of the HAT", 7, 46)
    chip = s.part(PART["eeprom"], 36, 62, mirror=True, text=(1, 3.6))
    data = s.wire(j["GPIO0"], Point(34, j["GPIO0"].y))
    s.label("ID_SD", data, "l")
    clock = s.wire(j["GPIO1"], Point(34, j["GPIO1"].y))
    s.label("ID_SC", clock, "l")
    for pin, name, x in (("SDA", "ID_SD", 24), ("SCL", "ID_SC", 16)):
        line = s.wire(chip[pin], Point(x, chip[pin].y))
        s.pull_up(R("3k9"), line, "+3V3_PI")
        s.label(name, line, "l", lead=1)
    write = s.wire(chip["WP"], Point(28, chip["WP"].y), Point(28, 68))
    end = s.series(R("10k"), write, "l")
    s.rail_left("+3V3_PI", end, 1)
    test_point(s, Point(28, 68), "ID_WP", 0)
    for name in ("A0", "A1", "A2"):
        s.wire(chip[name], chip[name].right(2))
    s.wire(chip["A0"].right(2), chip["A2"].right(2))
    s.gnd(chip["A2"].right(2), 1)
    top = s.wire(chip["VCC"], chip["VCC"].up(4))
    s.rail("+3V3_PI", top, 1)
    s.shunt(C("100n"), s.wire(top, top.right(4)))
    s.gnd(chip["GND"], 0)
