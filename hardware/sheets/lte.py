"""LTE card in a Mini PCIe socket, its supply, the SIM."""

from hardware.catalogue.parts import PART
from hardware.catalogue.passives import CP, LED_GREEN, C, L, R
from hardware.draw.geometry import Point
from hardware.sheets.blocks import test_point

_SUPPLY_NOTE = """Mini PCIe: 3.0 to 3.6 V (not the 3.8 V of the bare module), bursts of 2 A.
0.8 V x (1 + 470 / 150) = 3.31 V. Energy of a burst from the capacitors: 2 A x 577 us / 1.06 mF = 1.1 V
if the regulator slept; awake (2.5 MHz, 3 A) it gives all of it. Off: MODEM_PWR_EN has a pull-down."""

_CARD_NOTE = """EG25-G Mini PCIe: main UART at 3.3 V. Pin 11 the card receives, 13 it sends.
Pins 23 and 25 go to two GPIOs: which of them the card drives is to be
read in its manual before flow control is switched on."""

_CARD_NOTE_PI = """EG25-G Mini PCIe on USB: the Pi sees ttyUSB0 to 3 and a network interface.
{usb} takes a short cable to a USB port of the Pi. D+ and D- as 90 Ohm pair."""


def lte(project, has_uart):
    """has_uart: the processor talks to the card over its UART, else over USB."""
    s = project.sheet("lte", "LTE modem and SIM")
    card = _card(s, has_uart)
    _sim(s, card)
    usb = _usb(s, card)
    _supply(s)
    note = _CARD_NOTE if has_uart else _CARD_NOTE_PI
    s.note(note.format(usb=usb), 6, 41)
    return s


def _card(s, has_uart):
    s.heading("LTE card", 36, 8)
    card = s.part(PART["mini pcie"], 56, 26, text=(-6, 14))
    top = s.wire(card["VCC_3V3"], Point(32, card["VCC_3V3"].y))
    s.rail("+3V3_LTE", top)
    s.shunt(C("100n"), top)
    if has_uart:
        s.port("MODEM_TX", card["UART_RX"], "input", lead=3)
        s.port("MODEM_RX", card["UART_TX"], "output", lead=3)
        s.port("MODEM_CTS", card["UART_CTS"], "bidirectional", lead=3)
        s.port("MODEM_RTS", card["UART_RTS"], "bidirectional", lead=3)
        s.port("MODEM_DTR", card["DTR"], "input", lead=3)
        s.port("MODEM_RI", card["RI"], "output", lead=3)
    else:
        s.leave(card, "UART_RX", "UART_TX", "UART_CTS", "UART_RTS", "DTR", "RI")
    s.port("MODEM_RST_N", card["~{PERST}"], "input", lead=3)
    s.port("MODEM_W_DISABLE_N", card["~{W_DISABLE}"], "input", lead=3)
    s.leave(card, "~{WAKE}")
    lamp = s.series(LED_GREEN, s.wire(card["~{LED_WWAN}"], card["~{LED_WWAN}"].left(16)), "l")
    end = s.series(R("1k"), s.wire(lamp, lamp.left(2)), "l")
    s.rail_left("+3V3_LTE", end)
    low = s.wire(card["GND"], card["GND"].left(2), card["MP"].left(2))
    s.wire(card["MP"], low)
    s.gnd(low, 1)
    s.leave(card, *[f"PIN{n}" for n in _SPARE])
    return card


_SPARE = (3, 5, 6, 7, 16, 19, 28, 30, 32, 33, 44, 45, 46, 47, 48, 49, 51)


def _sim(s, card):
    s.heading("SIM", 84, 8)
    j = s.part(PART["sim"], 102, card["USIM_VDD"].y + 3, text=(-2, -5.2))
    esd = s.part(PART["sim esd"], 86, 28, text=(3.4, 1.2))
    for signal, pin, clamp in (
        ("USIM_VDD", "VCC", "1"),
        ("USIM_RST", "RST", "3"),
        ("USIM_CLK", "CLK", "4"),
    ):
        s.wire(card[signal], j[pin])
        s.wire(esd[clamp], Point(esd[clamp].x, card[signal].y))
    data = card["USIM_DATA"].y
    s.wire(card["USIM_DATA"], Point(91, data), Point(91, j["I/O"].y), j["I/O"])
    s.wire(esd["5"], Point(esd["5"].x, data))
    s.leave(esd, "6")
    s.leave(j, "VPP")
    s.gnd(esd["2"], 0)
    s.gnd_left(j["GND"], 1)
    s.gnd_left(j["SH"], 1)
    top = s.series(C("100n"), Point(92, card["USIM_VDD"].y), "u", first="2", side="l")
    s.gnd_right(top, 1)


def _usb(s, card):
    j = s.part(
        PART["header 4"].but(value="USB of the card"), 72, card["USB_DP"].y + 1, text=(-1.5, 3)
    )
    s.wire(card["USB_DP"], j["1"])
    s.wire(card["USB_DM"], j["2"])
    s.gnd_left(j["3"], 1)
    s.leave(j, "4")
    return j.reference


def _supply(s):
    s.heading("3.3 V, 3 A for the card", 6, 48)
    chip = s.part(PART["buck modem"], 34, 59, text=(3, 5.5))
    top = s.wire(chip["VIN"], Point(chip["VIN"].x, 53))
    place = s.wire(top, Point(26, 53))
    s.shunt(C("22u"), place, side="l")
    s.rail("+5V_HELD", s.wire(place, Point(20, 53)))
    enable = s.wire(chip["EN"], Point(20, chip["EN"].y))
    s.shunt(R("100k"), enable)
    s.port("MODEM_PWR_EN", enable, "input", side="l", lead=3)
    start = s.wire(chip["SS/TR"], chip["SS/TR"].left(2))
    s.shunt(C("3n3"), start, side="l")
    low = s.wire(chip["FSW"], chip["FSW"].left(1), chip["FSW"].left(1).down(2))
    s.wire(chip["DEF"], chip["DEF"].left(1), low)
    s.gnd(low, 1)
    s.gnd(chip["GND"], 0)
    y = chip["SW"].y
    out = s.series(L("2u2 5A"), s.wire(chip["SW"], chip["SW"].right(3)), "r")
    node = s.wire(out, Point(48, y))
    s.wire(chip["VOS"], Point(46, chip["VOS"].y), Point(46, y))
    s.leave(chip, "PG")
    tap = s.series(R("470k"), s.wire(node, node.down(1)), "d")
    s.wire(chip["FB"], Point(41, chip["FB"].y), Point(41, tap.y), tap)
    s.shunt(R("150k"), tap)
    place = s.wire(node, Point(55, y))
    for part in (C("22u"), C("47u"), CP("470u 6.3V"), CP("470u 6.3V")):
        s.shunt(part, place)
        place = s.wire(place, place.right(7))
    test_point(s, place, "3V3_LTE", 1)
    end = s.wire(place, place.right(7))
    s.rail("+3V3_LTE", end)
    s.flag(s.wire(end, end.right(5)))
    s.note(_SUPPLY_NOTE, 6, 73)
