"""USB console and programming port, debug UART, the two lamps."""

from hardware.catalogue.parts import PART
from hardware.catalogue.passives import LED_GREEN, LED_RED, C, R
from hardware.draw.geometry import Point

_NOTE = """USB is the ESP32-S3's own (serial, JTAG, download): no bridge chip. 5.1 k on CC1 and CC2: a device, 5 V.
On the bench USB feeds the always-on rail through a diode (sheet rails): modem and receiver stay off.
100 k on VBUS: what leaks back through that diode does not lift an open plug.
Debug UART: 1 ground, 2 from the gateway, 3 to the gateway, 4 3.3 V; 115200 baud, boot log and console."""


def console(project):
    s = project.sheet("console", "Console and programming")
    _usb(s)
    _uart(s)
    lamps(s, 74, 30)
    s.note(_NOTE, 6, 60)
    return s


def _usb(s):
    s.heading("USB-C: console, programming", 6, 8)
    j = s.part(PART["usb c"], 16, 32)
    esd = s.part(PART["usb esd"], 46, 32, text=(2, -2.6))
    y = 17
    bus = s.wire(j["VBUS"], j["VBUS"].right(1), Point(23, y), Point(33, y))
    s.shunt(C("1u"), bus)
    s.shunt(R("100k"), Point(39, y))
    end = s.wire(bus, Point(esd["VBUS"].x, y))
    s.wire(end, esd["VBUS"])
    s.port("USB_VBUS", end, "output", side="r", lead=8)
    first = s.wire(j["CC1"], Point(25, j["CC1"].y), Point(25, 22))
    s.gnd_right(s.series(R("5k1"), s.wire(first, Point(27, 22)), "r"))
    second = s.wire(j["CC2"], Point(29, j["CC2"].y), Point(29, 27))
    s.gnd_right(s.series(R("5k1"), s.wire(second, Point(31, 27)), "r"))
    for pins, name, y, left, right in (
        (("A7", "B7"), "USB_DM", 32, "1", "6"),
        (("A6", "B6"), "USB_DP", 33, "3", "4"),
    ):
        for pin in pins:
            s.wire(j[pin], Point(24, j[pin].y), Point(24, y))
        s.wire(Point(24, y), esd[left])
        s.port(name, esd[right], "bidirectional", side="r", lead=6)
    s.gnd(esd["GND"], 0)
    s.leave(j, "SBU1", "SBU2")
    s.gnd(s.wire(j["GND"], j["GND"].down(1)), 0)
    s.wire(j["SHIELD"], j["SHIELD"].down(1), j["GND"].down(1))


def _uart(s):
    s.heading("Debug UART", 74, 8)
    j = s.part(PART["header 4"], 104, 17, text=(-1, -2.9))
    s.gnd_left(j["1"], 2)
    s.port("DEBUG_TX", Point(90, j["2"].y), "input", side="l", lead=1)
    s.wire(s.series(R("470"), Point(90, j["2"].y), "r"), j["2"])
    end = s.wire(j["3"], Point(98, j["3"].y), Point(98, 21), Point(93, 21))
    s.port("DEBUG_RX", s.series(R("470"), end, "l"), "output", side="l", lead=1)
    s.wire(j["4"], Point(100, j["4"].y), Point(100, 25))
    s.rail_left("+3V3", Point(100, 25))


def lamps(s, x, y):
    """Two lamps on processor outputs, below the heading at (x, y)."""
    s.heading("Lamps", x, y)
    for name, lamp, down in (("LED_OK", LED_GREEN, 7), ("LED_FAULT", LED_RED, 14)):
        start = Point(x + 10, y + down)
        s.port(name, start, "input", side="l", lead=1)
        middle = s.series(R("1k"), start, "r")
        end = s.series(lamp, s.wire(middle, middle.right(2)), "r", first="2")
        s.gnd_right(end, 2)
    s.note("(3.3 - 2.0) V / 1 k = 1.3 mA", x + 8, y + 2)
