"""OBD interpreter with its CAN transceiver, and the ESP32's own transceiver, silent by default."""

from hardware.catalogue.parts import PART
from hardware.catalogue.passives import CAN_CLAMP, LED_GREEN, C, R
from hardware.draw.geometry import Point

_SILENT_NOTE = """The car is read, never written: S is pulled high (silent) and the firmware must pull it low to send.
For later: MicroPython's ESP32 port has no CAN driver; TWAI takes no CAN FD."""

_BUS_NOTE = """120 Ohm are not fitted: the car's bus is terminated at its own ends; fit them on the bench only.
NUP2105L: stands off 24 V (jump start on a bus wire), clamps at 40 V and 5 A; 30 pF a line.
Two transceivers on one stub: keep the stub below 1 m in all (ISO 11898-2 at 500 kbit/s)."""

_STN_NOTE = """STN2120 (ELM327 commands and ST extensions) at 3.3 V, UART up to 2 Mbit/s. 16 MHz, load 18 pF: 2 x 27 pF
in series 13.5 pF and about 5 pF of stray. VCAP: 10 uF, low ESR. Built for CAN cars only: J1850 and K-line
pins are at rest. STB of U702 is low: it works whenever its rails are on, and they are off while parked.
{link} not fitted: fit it only when the interpreter is to sleep with its rails on; set the level of PWR_CTRL first
(STSLPCP; as delivered it is low in low power, the wrong way round for STB)."""


def obd_can(project):
    s = project.sheet("obd-can", "OBD interpreter and CAN", "A3")
    stn = _interpreter(s)
    _crystal(s, stn)
    _supply(s, stn)
    _rest(s, stn)
    link = _bus_transceiver(s, stn)
    _silent_transceiver(s)
    s.note(_STN_NOTE.format(link=link), 16, 66)
    return s


def _interpreter(s):
    s.heading("OBD interpreter", 16, 10)
    stn = s.part(PART["stn2120"], 66, 38, text=(-6, 13))
    s.port("OBD_TX", stn["UART_RX"], "input", lead=4)
    line = s.wire(stn["UART_TX"], Point(44, stn["UART_TX"].y))
    s.pull_up(R("4k7"), line, "+3V3_SW")
    s.port("OBD_RX", line, "output", side="l", lead=1)
    for pin, net, x in (("~{RESET}", "OBD_RST_N", 34), ("~{SLEEP}", "OBD_SLEEP_N", 24)):
        line = s.wire(stn[pin], Point(x, stn[pin].y))
        s.pull_up(R("10k"), line, "+3V3_SW")
        s.port(net, line, "input", side="l", lead=1)
    s.gnd_left(stn["ANALOG_IN"], 1)
    lamp = s.series(LED_GREEN, s.wire(stn["~{LED_OBD}"], Point(55, stn["~{LED_OBD}"].y)), "l")
    top = s.series(R("1k"), s.wire(lamp, lamp.left(2)), "l")
    s.rail_left("+3V3_SW", top)
    s.leave(stn, "~{LED_HOST}", "LED_STATUS")
    return stn


def _crystal(s, stn):
    x = 42
    crystal = s.part(PART["crystal 16M"], x, 34.5, turn=90, mirror=True, text=(2.2, -0.3))
    for pin, end, side in (("OSC1", crystal["3"], "u"), ("OSC2", crystal["1"], "d")):
        s.wire(stn[pin], end)
        s.gnd_left(s.series(C("27p"), s.wire(end, end.left(6)), "l", side=side), 1)
    s.gnd_left(crystal["2"], 1)


def _supply(s, stn):
    cap = s.series(C("10u"), s.wire(stn["VCAP"], Point(54, stn["VCAP"].y)), "l", side="d")
    s.gnd_left(cap, 1)
    corner = Point(57, stn["AVDD"].y)
    s.wire(stn["VDD"], Point(57, stn["VDD"].y), corner)
    s.wire(stn["AVDD"], corner)
    place = s.wire(corner, Point(50, corner.y))
    for value in ("100n", "100n", "10u"):
        s.shunt(C(value), place)
        place = s.wire(place, place.left(6))
    s.rail("+3V3_SW", place)
    s.wire(stn["VSS"], Point(57, stn["VSS"].y), Point(57, stn["AVSS"].y))
    s.gnd(s.wire(stn["AVSS"], Point(57, stn["AVSS"].y)), 1)


def _rest(s, stn):
    """Inputs of buses that the car has not: receivers high, J1850 low."""
    top, foot = stn["~{ISO_RX}"].right(3), stn["SW_CAN_RX"].right(3)
    for name in ("~{ISO_RX}", "MS_CAN_RX", "SW_CAN_RX"):
        s.wire(stn[name], stn[name].right(3))
    s.wire(top, foot)
    middle = s.series(R("10k"), s.wire(top.down(1), top.down(1).right(2)), "r")
    s.rail("+3V3_SW", s.wire(middle, middle.right(1)), 2)
    ground = stn["GP"].right(3)
    for name in ("VPW_RX", "PWM_RX", "GP"):
        s.wire(stn[name], stn[name].right(3))
    s.wire(stn["VPW_RX"].right(3), ground)
    s.gnd(ground, 1)
    s.leave(stn, "MS_CAN_TX", "SW_CAN_TX", "SW_CAN_MODE0", "SW_CAN_MODE1", "SW_CAN_LOAD",
            "~{ISO_K_TX}", "~{ISO_L_TX}", "J1850+_TX", "~{J1850+_VH}", "J1850-_TX")  # fmt: skip


def transceiver(s, name, x, y, io_rail, bus_rail="+5V_HELD"):
    """A transceiver with both supplies; gives the part."""
    chip = s.part(PART[name], x, y, text=(1.5, 3.9))
    io = s.wire(chip["VIO"], Point(x - 8, chip["VIO"].y))
    s.shunt(C("100n"), io, side="l")
    s.rail_left(io_rail, s.wire(io, io.left(1)))
    top = s.wire(chip["VCC"], chip["VCC"].up(3))
    s.rail(bus_rail, top, 1)
    s.shunt(C("100n"), s.wire(top, top.right(6)))
    s.gnd(chip["GND"], 0)
    return chip


def _bus_transceiver(s, stn):
    """Gives the reference of the link that is not fitted."""
    s.heading("Interpreter's transceiver", 84, 10)
    chip = transceiver(s, "can", 100, stn["HS_CAN_TX"].y + 2, "+3V3_SW")
    s.wire(stn["HS_CAN_TX"], chip["TXD"])
    s.wire(stn["HS_CAN_RX"], chip["RXD"])
    power = stn["~{PWR_CTRL}"]
    start = s.wire(power, Point(84.5, power.y), Point(84.5, power.y + 6))
    select = s.series(R("0"), start, "r", fitted=False)
    link = s.parts[-1].reference
    corner = s.wire(select, Point(94, select.y))
    s.wire(corner, Point(94, chip["STB"].y), chip["STB"])
    s.shunt(R("10k"), corner)
    bus(s, chip, "CAN_H", "CAN_L")
    s.note(_BUS_NOTE, 108, 40)
    return link


def bus(s, chip, high_name, low_name):
    """The two wires with terminator (not fitted) and clamp, out to ports."""
    high, low = chip["CANH"].y, chip["CANL"].y + 1
    x = chip["CANH"].x
    s.wire(chip["CANH"], Point(x + 33, high))
    s.wire(chip["CANL"], Point(x + 2, chip["CANL"].y), Point(x + 2, low), Point(x + 33, low))
    s.series(R("120"), Point(x + 9, high), "d", fitted=False)
    clamp = s.part(CAN_CLAMP, x + 20, high + 6, text=(2.2, -0.4))
    s.wire(clamp["1"], Point(clamp["1"].x, high))
    s.wire(clamp["2"], Point(clamp["2"].x, low))
    s.gnd(clamp["3"], 0)
    s.port(high_name, Point(x + 33, high), "passive", side="r", lead=1)
    s.port(low_name, Point(x + 33, low), "passive", side="r", lead=1)


def _silent_transceiver(s):
    s.heading("The ESP32's own transceiver, silent by default", 84, 50)
    chip = transceiver(s, "can silent", 116, 62, "+3V3_SW")
    s.port("CAN_TX", chip["TXD"], "input", lead=12)
    s.port("CAN_RX", chip["RXD"], "output", lead=12)
    select = s.wire(chip["S"], Point(chip["S"].x - 1, chip["S"].y), Point(chip["S"].x - 1, 72))
    line = s.wire(select, Point(100, 72))
    s.pull_up(R("10k"), line, "+3V3_SW")
    s.port("CAN_SILENT", line, "input", side="l", lead=2)
    s.label("CAN_H", s.wire(chip["CANH"], chip["CANH"].right(4)), "r")
    s.label("CAN_L", s.wire(chip["CANL"], chip["CANL"].right(4)), "r")
    s.note(_SILENT_NOTE, 84, 78)
