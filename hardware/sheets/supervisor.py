"""The small processor on the always-on rail that owns ignition, battery and the Pi's 5 V."""

from hardware.catalogue.parts import PART
from hardware.catalogue.passives import C, R
from hardware.draw.geometry import Point
from hardware.sheets.console import lamps

# Pin -> (net, direction)
_PINS = {
    "PB0": ("I2C_SCL", "bidirectional"),
    "PB1": ("I2C_SDA", "bidirectional"),
    "PB2": ("PANIC_N", "input"),
    "PB3": ("RTC_INT_N", "input"),
    "PA1": ("VBAT_ADC", "input"),
    "PA2": ("IGN_SENSE", "input"),
    "PA3": ("V5_EN", "output"),
    "PA4": ("HOLDUP_EN", "output"),
    "PA7": ("PWR_FAIL_N", "input"),
}

_NOTE = """ATtiny1614 at 3.3 V, standby with its 32 kHz clock: about 1 uA; woken by ignition, panic, the clock's alarm.
5 V comes on with ignition, panic or alarm and when the battery is above 12.2 V; it goes
after HALTED (the Pi has shut down), or 60 s after it was told to shut down, or when HEARTBEAT stays away for 60 s.
I2C address 0x2A (by its program): battery, ignition, reason of the last start. UPDI: 1 UPDI, 2 3.3 V, 3 ground.
HALTED and HEARTBEAT: 10 k in line, 100 k to ground: low while the Pi is off."""


def supervisor(project):
    s = project.sheet("supervisor", "Supervisor")
    s.heading("Supervisor", 8, 8)
    chip = s.part(PART["attiny"], 50, 30, text=(1, 7.8))
    for pin, (net, direction) in _PINS.items():
        s.port(net, chip[pin], direction, lead=3)
    for pin, net, x, low in (("PA5", "HALTED", 84, 0), ("PA6", "HEARTBEAT", 84, 8)):
        start = chip[pin]
        y = start.y + low
        corner = s.wire(start, Point(68, start.y), Point(68, y))
        node = s.wire(corner, Point(72, y))
        s.shunt(R("100k"), node)
        far = s.series(R("10k"), s.wire(node, Point(78, y)), "r")
        s.port(net, s.wire(far, Point(x, y)), "input", side="r", lead=1)
    top = s.wire(chip["VCC"], chip["VCC"].up(2))
    s.rail("+3V3_AON", top, 1)
    s.shunt(C("100n"), s.wire(top, top.right(6)))
    s.gnd(chip["GND"], 0)
    _programming(s, chip)
    lamps(s, 8, 58)
    s.note(_NOTE, 8, 50)
    return s


def _programming(s, chip):
    pin = chip["~{RESET}/PA0"]
    j = s.part(PART["header 3"].but(value="UPDI"), 90, 16, text=(-1, -3.4))
    s.wire(pin, Point(62, pin.y), Point(62, j["1"].y), j["1"])
    s.rail_left("+3V3_AON", s.wire(j["2"], j["2"].left(2)))
    s.gnd(s.wire(j["3"], j["3"].left(1)), 1)
