"""The ESP32-S3 module with reset, boot button and watchdog, and the port expander."""

from hardware.catalogue.parts import PART
from hardware.catalogue.passives import C, R
from hardware.draw.geometry import Point
from hardware.sheets.blocks import test_point

# GPIO -> (net, direction). The firmware's board file is held against the netlist of this sheet.
_LEFT = {
    1: ("VBAT_ADC", "input"),
    2: ("MODEM_RI", "input"),
    4: ("CAN_TX", "output"),
    5: ("CAN_RX", "input"),
    6: ("IMU_INT", "input"),
    7: ("IGN_SENSE", "input"),
    8: ("I2C_SDA", "bidirectional"),
    9: ("I2C_SCL", "bidirectional"),
    10: ("SD_CS", "output"),
    11: ("SD_MOSI", "output"),
    12: ("SD_SCK", "output"),
    13: ("SD_MISO", "input"),
    14: ("PANIC_N", "input"),
    15: ("PWR_FAIL_N", "input"),
    16: ("EXP_INT_N", "bidirectional"),
}
_RIGHT = {
    17: ("GNSS_TX", "output"),
    18: ("GNSS_RX", "input"),
    21: ("GNSS_PPS", "input"),
    38: ("MODEM_CTS", "bidirectional"),
    39: ("OBD_TX", "output"),
    40: ("OBD_RX", "input"),
    41: ("MODEM_RTS", "bidirectional"),
    47: ("MODEM_TX", "output"),
    48: ("MODEM_RX", "input"),
}
# Port of the expander -> (net, direction), at I2C address 0x20.
_EXPANDER = {
    "GPA0": ("V5_EN", "output"),
    "GPA1": ("HOLDUP_EN", "output"),
    "GPA2": ("MODEM_PWR_EN", "output"),
    "GPA3": ("MODEM_RST_N", "output"),
    "GPA4": ("MODEM_W_DISABLE_N", "output"),
    "GPA5": ("MODEM_DTR", "output"),
    "GPA6": ("OBD_RST_N", "output"),
    "GPA7": ("OBD_SLEEP_N", "output"),
    "GPB0": ("SIREN", "input"),
    "GPB1": ("LIGHTBAR", "input"),
    "GPB2": ("SPARE_IN", "input"),
    "GPB3": ("SD_DETECT_N", "input"),
    "GPB4": ("CAN_SILENT", "output"),
    "GPB5": ("LED_OK", "output"),
    "GPB6": ("LED_FAULT", "output"),
}

_STRAP_NOTE = """Straps: IO0 (boot, button), IO3, IO45 and IO46 stay free: a car's wire on them could stop a start.
IO35 to IO37 belong to the octal PSRAM of the N16R8, IO26 to IO32 to the flash: not led out or not used.
Wake-up from deep sleep: only IO0 to IO21. IGN_SENSE, PANIC_N, EXP_INT_N, IMU_INT, MODEM_RI, PWR_FAIL_N are there.
IO19 and IO20 are USB, IO43 and IO44 carry the boot log: nothing else hangs on them."""

_WATCHDOG_NOTE = """TPL5010: REXT 57.6 k = 10 min (T = 600 s in the data sheet's formula gives 57.4 k), 35 nA.
The ESP32 pulses WDT_DONE in every interval, asleep or awake; else its EN is pulled down.
EN: 10 k x 1 uF = 10 ms after the rail. {link}: take it off while firmware is developed."""

_EXPANDER_NOTE = """Address 0x20 (A2 to A0 low). All pins are inputs after reset: every enable has a pull-down,
so the car's battery sees only the always-on rail until the firmware decides. Before V5_EN or MODEM_PWR_EN
falls, the firmware makes every line into the dead side an input or low: it would feed it through its pins.
GPA7 and GPB7 are outputs only (the maker's later data sheets). INTA is set to open drain:
it shares EXP_INT_N with the clock's alarm."""


def mcu(project):
    s = project.sheet("mcu", "ESP32-S3, watchdog, port expander", "A3")
    module = _module(s)
    _reset(s, module)
    _boot(s, module)
    _watchdog(s, module)
    _expander(s)
    return s


def _module(s):
    s.heading("ESP32-S3 module", 44, 8)
    module = s.part(PART["esp32-s3"], 62, 36, text=(4, 11.6))
    for table in (_LEFT, _RIGHT):
        for gpio, (net, direction) in table.items():
            s.port(net, module[f"IO{gpio}"], direction, lead=3)
    s.port("DEBUG_TX", module["TXD0"], "output", lead=3)
    s.port("DEBUG_RX", module["RXD0"], "input", lead=3)
    s.port("USB_DM", module["USB_D-"], "bidirectional", lead=3)
    s.port("USB_DP", module["USB_D+"], "bidirectional", lead=3)
    s.leave(module, "IO3", "IO35", "IO36", "IO37", "IO45", "IO46")
    top = s.wire(module["3V3"], module["3V3"].up(3))
    s.rail("+3V3", top, 1)
    place = s.wire(top, top.right(5))
    s.shunt(C("22u"), place)
    s.shunt(C("100n"), s.wire(place, place.right(6)))
    s.gnd(module["GND"], 1)
    s.note(_STRAP_NOTE, 30, 54)
    return module


def _reset(s, module):
    enable = module["EN"]
    line = s.wire(enable, Point(46, enable.y))
    s.pull_up(R("10k"), line, "+3V3")
    s.shunt(C("1u"), s.wire(line, Point(40, enable.y)), side="l")
    end = s.wire(Point(40, enable.y), Point(34, enable.y))
    button = s.part(PART["button"], 30, enable.y, text=(-1.5, -3))
    s.wire(end, button["2"])
    s.gnd(s.wire(button["1"], button["1"].left(1)), 1)
    s.label("EN", Point(50, enable.y), "r")
    test_point(s, Point(36, enable.y), "EN", 1)


def _boot(s, module):
    pin = module["IO0"]
    s.label("BOOT_N", Point(50, pin.y), "r")
    end = s.wire(pin, Point(48, pin.y), Point(48, pin.y + 6), Point(34, pin.y + 6))
    button = s.part(PART["button"], 30, end.y, text=(-1.5, -3))
    s.wire(end, button["2"])
    s.gnd(s.wire(button["1"], button["1"].left(1)), 1)
    s.pull_up(R("10k"), Point(38, end.y), "+3V3")


def _watchdog(s, module):
    s.heading("Watchdog", 90, 30)
    chip = s.part(PART["watchdog"], 96, module["IO42"].y, mirror=True, text=(1.5, 3.4))
    s.wire(module["IO42"], chip["DONE"])
    s.label("WDT_DONE", Point(82, chip["DONE"].y), "r")
    foot = s.wire(chip["~{RST}"], Point(86, chip["~{RST}"].y), Point(86, 39))
    s.label("EN", s.series(R("0"), foot, "u", first="2"), "l")
    link = s.parts[-1].reference
    s.leave(chip, "WAKE")
    s.shunt(R("57k6"), s.wire(chip["DELAY/M_RST"], chip["DELAY/M_RST"].right(2)))
    top = s.wire(chip["VDD"], chip["VDD"].up(3))
    s.rail("+3V3", top, 0)
    s.shunt(C("100n"), s.wire(top, top.right(5)))
    s.gnd(chip["GND"], 0)
    s.note(_WATCHDOG_NOTE.format(link=link), 78, 49)


def _expander(s):
    s.heading("Port expander", 124, 8)
    chip = s.part(PART["expander"], 138, 30, text=(1.5, 11.6))
    for pin, (net, direction) in _EXPANDER.items():
        s.port(net, chip[pin], direction, lead=3)
    s.leave(chip, "GPB7", "INTB")
    s.port("I2C_SDA", chip["SDA"], "bidirectional", lead=3)
    s.port("I2C_SCL", chip["SCK"], "bidirectional", lead=3)
    interrupt = s.wire(chip["INTA"], Point(122, chip["INTA"].y))
    s.pull_up(R("100k"), interrupt, "+3V3")
    s.port("EXP_INT_N", interrupt, "bidirectional", side="l", lead=2)
    reset = s.wire(
        chip["~{RESET}"], Point(128, chip["~{RESET}"].y), Point(128, chip["~{RESET}"].y + 2)
    )
    s.wire(reset, reset.left(3))
    s.rail("+3V3", reset.left(3), 0)
    for name in ("A2", "A1", "A0"):
        s.wire(chip[name], chip[name].left(2))
    foot = chip["A0"].left(2)
    s.wire(chip["A2"].left(2), foot)
    s.gnd(foot, 1)
    top = s.wire(chip["VDD"], chip["VDD"].up(2))
    s.rail("+3V3", top, 1)
    s.shunt(C("100n"), s.wire(top, top.right(5)))
    s.gnd(chip["VSS"], 1)
    s.note(_EXPANDER_NOTE, 104, 60)
