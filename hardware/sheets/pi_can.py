"""Two CAN FD controllers on the Pi's SPI: the diagnostic bus, and a second bus that is only heard."""

from hardware.catalogue.parts import PART
from hardware.catalogue.passives import C, R
from hardware.draw.geometry import Point
from hardware.sheets.obd_can import bus, transceiver

_NOTE = """MCP2518FD, 40 MHz (overlay mcp251xfd, oscillator=40000000), SPI at 10 MHz.
47 Ohm in MISO damp the shared line. Crystal: load 18 pF; 2 x 27 pF in series and about 5 pF of stray.
can0 asks the car's diagnostic questions (STB low = normal). can1 only listens: S at 3.3 V = silent;
nothing on the board can make it send."""


def pi_can(project):
    s = project.sheet("can", "CAN interfaces", "A3")
    first = _interface(s, 0, 24, "can", "CAN_H", "CAN_L")
    s.gnd(s.wire(first["STB"], first["STB"].left(2), first["STB"].left(2).down(2)), 0)
    second = _interface(s, 1, 66, "can silent", "CAN2_H", "CAN2_L")
    foot = s.wire(second["S"], second["S"].left(2), second["S"].left(2).down(7))
    s.rail_left("+3V3_PI", s.series(R("10k"), foot, "l"), 1)
    s.note(_NOTE, 56, 44)
    return s


def _interface(s, number, y, kind, high, low):
    s.heading(f"can{number}", 20, y - 15)
    chip = s.part(PART["can spi"], 56, y, text=(1, 5.4))
    for pin, net, direction in (
        ("SDI", "SPI_MOSI", "input"),
        ("~{CS}", f"CAN{number}_CS_N", "input"),
        ("SCK", "SPI_SCK", "input"),
    ):
        s.port(net, chip[pin], direction, lead=3)
    out = s.series(R("47"), s.wire(chip["SDO"], Point(38, chip["SDO"].y)), "l")
    s.port("SPI_MISO", out, "output", side="l", lead=1)
    s.port(f"CAN{number}_INT_N", chip["~{INT}"], "output", lead=3)
    s.leave(chip, "CLKO/SOF", "~{INT0}/GPIO0/XSTBY", "~{INT1}/GPIO1")
    top = s.wire(chip["VDD"], chip["VDD"].up(4))
    s.rail("+3V3_PI", top, 1)
    s.shunt(C("100n"), s.wire(top, top.right(5)))
    s.gnd(chip["VSS"], 0)
    _crystal(s, chip)
    line = chip["TXCAN"].y
    driver = transceiver(s, kind, 100, line + 2, "+3V3_PI")
    s.wire(chip["TXCAN"], driver["TXD"])
    s.wire(chip["RXCAN"], Point(82, chip["RXCAN"].y), Point(82, driver["RXD"].y), driver["RXD"])
    bus(s, driver, high, low)
    return driver


def _crystal(s, chip):
    crystal = s.part(PART["crystal 40M"], 36, chip["OSC2"].y + 4, turn=90, mirror=True,
                     text=(2.2, -0.3))  # fmt: skip
    top, foot = crystal["3"], crystal["1"]
    s.wire(chip["OSC2"], Point(46, chip["OSC2"].y), Point(46, top.y), top)
    s.wire(chip["OSC1"], Point(48, chip["OSC1"].y), Point(48, foot.y), foot)
    for end, side in ((top, "u"), (foot, "d")):
        s.gnd_left(s.series(C("27p"), s.wire(end, end.left(6)), "l", side=side), 1)
    s.gnd_left(crystal["2"], 1)
