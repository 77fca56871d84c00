"""Memory card, secure element, clock, motion sensor."""

from hardware.catalogue.parts import PART
from hardware.catalogue.passives import C, R
from hardware.draw.geometry import Point

_BUS_NOTE = """{pull_ups}
Addresses: {addresses}."""
_OWN_PULL_UPS = (
    "I2C at 400 kHz, 4.7 k: rise time 0.85 x 4.7k x 60 pF = 240 ns, below the 300 ns of fast mode."
)
_PI_PULL_UPS = "I2C at 100 kHz; the pull-ups of 1.8 k are on the Raspberry Pi."

_CARD_NOTE = """Card in SPI mode at up to 20 MHz. The journal lives in the module's flash;
the card takes the long backlog. Its supply falls with the switched 3.3 V:
the firmware unmounts it first (PWR_FAIL_N gives it the hold-up time)."""

_CLOCK_NOTE = "RV-3028-C7: 45 nA, 1 ppm; {where}."
_NO_BACKUP = (
    "on the always-on rail, so no backup cell (VBACKUP by 10 k to ground, as its manual asks)"
)
_SECURE_NOTE = """ATECC608B: the vehicle's key; sleeps at 30 nA."""
_MOTION_NOTE = """LIS3DH: CS high = I2C, SDO open (its pull-up) = 0x19; 3 uA at 10 Hz: towing and blows while parked."""


def storage_sensors(project, rail, backup, has_card, addresses):
    """rail: supply; backup: supply of the clock when `rail` is off, or None where it never is;
    has_card: with the memory card, pull-ups and shared interrupt line of the ESP32."""
    title = "Storage, secure element, sensors" if has_card else "Secure element, clock, sensor"
    s = project.sheet("storage-sensors", title, "A3" if has_card else "A4")
    x = 74 if has_card else 8
    if has_card:
        _memory_card(s)
    _bus(s, x, rail, has_card)
    _clock(s, x, rail, backup)
    _secure(s, x, rail)
    _motion(s, x, rail)
    pull_ups = _OWN_PULL_UPS if has_card else _PI_PULL_UPS
    s.note(_BUS_NOTE.format(addresses=addresses, pull_ups=pull_ups), x, 56)
    return s


SDA_Y, SCL_Y = 14, 16


def _memory_card(s):
    s.heading("Memory card", 10, 10)
    j = s.part(PART["microsd"], 48, 32, text=(-6, 7.5))
    s.port("SD_MOSI", j["CMD"], "input", lead=3)
    s.port("SD_SCK", j["CLK"], "input", lead=3)
    for pin, net, x, direction in (
        ("DAT3/CD", "SD_CS", 30, "input"),
        ("DAT0", "SD_MISO", 24, "output"),
    ):
        line = s.wire(j[pin], Point(x, j[pin].y))
        s.pull_up(R("10k"), line, "+3V3_SW", side="l")
        s.port(net, line, direction, side="l", lead=1)
    s.leave(j, "DAT1", "DAT2")
    supply = s.wire(j["VDD"], Point(14, j["VDD"].y))
    s.rail("+3V3_SW", supply)
    s.shunt(C("10u"), Point(18, supply.y), side="l")
    s.port("SD_DETECT_N", j["DET_A"], "output", lead=3)
    s.gnd(s.wire(j["DET_B"], j["DET_B"].left(2)), 1)
    s.gnd_left(j["VSS"], 1)
    s.gnd_right(j["SHIELD"], 1)
    s.note(_CARD_NOTE, 10, 48)


def _bus(s, x, rail, has_pull_ups):
    s.heading("I2C: clock, secure element, motion sensor", x, 7)
    if has_pull_ups:
        s.pull_up(R("4k7"), Point(x, SCL_Y), rail)
        s.pull_up(R("4k7"), Point(x + 6, SDA_Y), rail)
        s.wire(Point(x + 6, SDA_Y), Point(x + 8, SDA_Y))
        s.wire(Point(x, SCL_Y), Point(x + 10, SCL_Y))
    s.wire(Point(x + 8, SDA_Y), Point(x + 72, SDA_Y))
    s.wire(Point(x + 10, SCL_Y), Point(x + 72, SCL_Y))
    s.port("I2C_SDA", Point(x + 72, SDA_Y), "bidirectional", side="r", lead=1)
    s.port("I2C_SCL", Point(x + 72, SCL_Y), "bidirectional", side="r", lead=1)


def _supply(s, pin, rail, level, left):
    """Supply pin up to `level`, its capacitor to the left."""
    top = s.wire(pin, Point(pin.x, level))
    s.rail(rail, top, 1)
    s.shunt(C("100n"), s.wire(top, top.left(left)), side="l")


def _clock(s, x, rail, backup):
    chip = s.part(PART["rtc"], x + 18, 34, text=(1, 4.4))
    s.wire(chip["SCL"], Point(x + 10, chip["SCL"].y), Point(x + 10, SCL_Y))
    s.wire(chip["SDA"], Point(x + 8, chip["SDA"].y), Point(x + 8, SDA_Y))
    _supply(s, chip["VDD"], rail, 23, 1)
    if backup:
        top = chip["VBACKUP"].up(2)
        s.rail(backup, s.wire(chip["VBACKUP"], top, top.right(3)), 1)
    else:
        top = chip["VBACKUP"].up(4)
        s.flag(top.right(3))
        s.shunt(R("10k"), s.wire(chip["VBACKUP"], top, top.right(6)))
    s.gnd(chip["VSS"], 0)
    s.gnd_left(chip["EVI"], 1)
    s.leave(chip, "CLKOUT")
    if not backup:
        end = s.series(R("1k"), chip["~{INT}"], "r")
        s.port("EXP_INT_N", end, "bidirectional", side="r", lead=1)
    else:
        line = s.wire(chip["~{INT}"], chip["~{INT}"].right(3))
        s.pull_up(R("100k"), line, backup)
        s.port("RTC_INT_N", line, "output", side="r", lead=1)
    s.note(_CLOCK_NOTE.format(where=f"backed by {backup}" if backup else _NO_BACKUP), x, 44)


def _secure(s, x, rail):
    chip = s.part(PART["secure"], x + 42, 34, mirror=True, text=(1, 3.6))
    s.wire(chip["SDA"], Point(x + 34, chip["SDA"].y), Point(x + 34, SDA_Y))
    s.wire(chip["SCL"], Point(x + 36, chip["SCL"].y), Point(x + 36, SCL_Y))
    top = s.wire(chip["VCC"], Point(chip["VCC"].x, 23))
    s.rail(rail, top, 1)
    s.shunt(C("100n"), s.wire(top, top.right(4)))
    s.gnd(chip["GND"], 0)
    s.note(_SECURE_NOTE, x, 47)


def _motion(s, x, rail):
    chip = s.part(PART["imu"], x + 66, 35, text=(1.5, 6.4))
    s.wire(chip["SDI"], Point(x + 54, chip["SDI"].y), Point(x + 54, SDA_Y))
    s.wire(chip["SPC"], Point(x + 56, chip["SPC"].y), Point(x + 56, SCL_Y))
    s.leave(chip, "SDO", "INT2", "ADC1", "ADC2", "ADC3")
    _interrupt(s, x, chip)
    top = s.wire(chip["VDD"], Point(chip["VDD"].x, 23))
    s.wire(chip["VDD_IO"], Point(chip["VDD_IO"].x, 23), top)
    s.rail(rail, top, 1)
    s.shunt(C("100n"), s.wire(top, top.right(4)))
    s.wire(chip["CS"], Point(x + 59, chip["CS"].y), Point(x + 59, chip["CS"].y + 4))
    s.rail_left(rail, Point(x + 59, chip["CS"].y + 4))
    s.gnd(chip["GND"], 0)
    s.note(_MOTION_NOTE, x, 50)


def _interrupt(s, x, chip):
    pin = chip["INT1"]
    s.wire(pin, Point(x + 60, pin.y), Point(x + 60, 28), Point(x + 73, 28))
    s.port("IMU_INT", Point(x + 73, 28), "output", side="r", lead=1)
