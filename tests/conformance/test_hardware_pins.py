"""One source of pins: the schematics' netlists against the firmware's tables.

Reads the committed netlists, so that it runs without KiCad; test_hardware_sheets.py tells whether
they are those of the committed sheets.
"""

import copy
import re

import pytest

from hardware.catalogue.own_symbols import HARNESS_PINS, PI_PINS
from hardware.netlist import Netlist
from tests.support import hardware_pins as pins

GATEWAY = pins.table(pins.BOARDS / "gateway_s3.py")
PI = pins.table(pins.ROOT / "firmware" / "pi" / "pins.py")
CONFIG = (pins.ROOT / "firmware" / "pi" / "config.txt").read_text()
ALL_BOARDS = sorted(path.stem for path in pins.BOARDS.glob("*.py"))


@pytest.fixture(scope="module")
def esp32():
    return Netlist("esp32-gateway")


@pytest.fixture(scope="module")
def hat():
    return Netlist("pi-hat")


def test_gateway_firmware_has_the_pins_of_the_schematic(esp32):
    assert pins.differences(pins.s3_map(esp32), GATEWAY["PINS"]) == []
    assert len(GATEWAY["PINS"]) == 30


def test_expander_table_is_that_of_the_schematic(esp32):
    assert pins.differences(pins.expander_map(esp32), GATEWAY["EXPANDER"]) == []


def test_expander_address_is_what_its_pins_say(esp32):
    chip = pins._owner(esp32, "GPA0")
    nets = esp32.pins_of(chip)
    bits = [0 if nets[name] == "GND" else 1 for name in ("A0", "A1", "A2")]
    assert GATEWAY["EXPANDER_ADDRESS"] == 0x20 + bits[0] + 2 * bits[1] + 4 * bits[2]


def test_pi_firmware_has_the_pins_of_the_schematic(hat):
    assert pins.differences(pins.pi_map(hat), PI["PINS"]) == []
    assert len(PI["PINS"]) == 28


def test_supervisor_table_is_that_of_the_schematic(hat):
    nets = hat.pins_of(pins._owner(hat, "~{RESET}/PA0"))
    drawn = {}
    for function, net in nets.items():
        if re.fullmatch(r"P[AB]\d", function):
            drawn[function] = pins.behind_resistor(hat, net)
    assert drawn == PI["SUPERVISOR"]


@pytest.mark.parametrize("name", ALL_BOARDS)
def test_no_pin_is_misused(name):
    board = pins.table(pins.BOARDS / f"{name}.py")
    allowed = board.get("STRAPS_IN_USE", ("BOOT_N",))
    assert pins.misused(board["CHIP"], board["PINS"], board["WAKE"], allowed) == []


@pytest.mark.parametrize("name", ALL_BOARDS)
def test_serial_ports_and_inputs_are_those_of_the_table(name):
    assert pins.port_problems(pins.table(pins.BOARDS / f"{name}.py")) == []


def test_nothing_hangs_on_straps_and_psram_of_the_gateway(esp32):
    module = esp32.pins_of("U501")
    for gpio in (3, 35, 36, 37, 45, 46):
        assert module[f"IO{gpio}"].startswith("unconnected-"), gpio
    assert "IO26" not in module and "IO33" not in module  # the module does not lead them out
    boot = esp32.ends(module["IO0"])
    assert {end[0] for end in boot} == {"U501", "SW502", "R502"}  # button and pull-up, no wire


def test_battery_ratio_is_that_of_the_divider(esp32):
    def ohms(reference):
        value = esp32_values()[reference]
        return float(value[:-1]) * {"k": 1e3, "M": 1e6}[value[-1]]

    middle = esp32.nets["VBAT_ADC"]
    upper, lower = sorted((r for r, _ in middle if r.startswith("R")), key=ohms, reverse=True)
    ratio = (ohms(upper) + ohms(lower)) / ohms(lower)
    assert GATEWAY["BATTERY_NUMERATOR"] / GATEWAY["BATTERY_DENOMINATOR"] == pytest.approx(ratio)
    numbers = (GATEWAY["PINS"]["VBAT_ADC"], GATEWAY["BATTERY_NUMERATOR"])
    battery = ":".join(str(n) for n in (*numbers, GATEWAY["BATTERY_DENOMINATOR"]))
    assert GATEWAY["POWER"]["battery"] == battery
    assert GATEWAY["POWER"]["watchdog"] == str(GATEWAY["PINS"]["WDT_DONE"])
    assert GATEWAY["POWER"]["fail_ms"] == GATEWAY["POWER_FAIL_WAIT_MS"]


def esp32_values():
    from tests.support import hardware_sheets

    return {part.reference: part.value for part in hardware_sheets.parts("esp32-gateway")}


# The Pi's configuration file


def _overlays():
    """[(name, {parameter: value})] of the overlays in config.txt."""
    found = []
    for line in CONFIG.splitlines():
        if line.startswith("dtoverlay="):
            name, *rest = line.removeprefix("dtoverlay=").split(",")
            found.append((name, dict(part.partition("=")[::2] for part in rest)))
    return found


def test_pi_configuration_has_the_pins_of_the_table():
    used = PI["PINS"]
    by_name = dict(_overlays())
    assert int(by_name["pps-gpio"]["gpiopin"]) == used["GNSS_PPS"]
    assert int(by_name["gpio-shutdown"]["gpio_pin"]) == used["PWR_FAIL_N"]
    assert by_name["gpio-shutdown"]["active_low"] == "1"  # the net's name ends in _N
    assert int(by_name["gpio-poweroff"]["gpiopin"]) == used["HALTED"]
    can = [values for name, values in _overlays() if name == "mcp251xfd"]
    assert [int(values["interrupt"]) for values in can] == [used["CAN0_INT_N"], used["CAN1_INT_N"]]
    assert [("spi0-0" in v, "spi0-1" in v) for v in can] == [(True, False), (False, True)]


def test_pi_uses_the_fixed_pins_of_its_buses():
    """I2C1, SPI0 and UART0 are on these lines of every model."""
    fixed = {"ID_SD": 0, "ID_SC": 1, "I2C_SDA": 2, "I2C_SCL": 3, "CAN1_CS_N": 7, "CAN0_CS_N": 8,
             "SPI_MISO": 9, "SPI_MOSI": 10, "SPI_SCK": 11, "GNSS_TX": 14,
             "GNSS_RX": 15}  # fmt: skip
    assert {net: PI["PINS"][net] for net in fixed} == fixed


def test_crystals_of_the_can_controllers_are_what_the_configuration_says():
    from tests.support import hardware_sheets

    crystals = {p.value for p in hardware_sheets.parts("pi-hat") if p.reference.startswith("Y")}
    told = {values["oscillator"] for name, values in _overlays() if name == "mcp251xfd"}
    assert crystals == {"40MHz"} and told == {"40000000"}


def test_both_boards_wait_as_long_as_the_hold_up_was_reckoned_for():
    from hardware.spice.holdup import WAIT

    assert GATEWAY["POWER_FAIL_WAIT_MS"] == WAIT * 1000
    assert int(dict(_overlays())["gpio-shutdown"]["debounce"]) == WAIT * 1000


def test_header_pins_are_those_of_the_pi():
    """Every BCM number once, none on a supply or ground pin."""
    supply = {1, 2, 4, 6, 9, 14, 17, 20, 25, 30, 34, 39}
    assert sorted(PI_PINS) == list(range(28))
    assert sorted(set(PI_PINS.values()) | supply) == list(range(1, 41))


def test_both_boards_take_the_same_harness():
    for board in ("esp32-gateway", "pi-hat"):
        nets = Netlist(board).pins_of("J201")
        assert set(nets) == {name for _, name in HARNESS_PINS}
        assert nets["CAN_H"] == "CAN_H" and nets["IGNITION"] == "IGN_12V"


# Wrong on purpose: each of these must be noticed


def test_a_pin_moved_in_the_firmware_only_is_noticed(esp32, hat):
    wrong = {**GATEWAY["PINS"], "GNSS_RX": 16}
    assert pins.differences(pins.s3_map(esp32), wrong) == ["GNSS_RX: schematic 18, firmware 16"]
    wrong = {**PI["PINS"], "HALTED": 16}
    assert pins.differences(pins.pi_map(hat), wrong) == ["HALTED: schematic 26, firmware 16"]


def test_a_pin_moved_in_the_schematic_only_is_noticed(esp32):
    moved = copy.deepcopy(esp32)
    swap = {("U501", "10"), ("U501", "11")}  # IO17 and IO18: transmit and receive
    for name in ("GNSS_TX", "GNSS_RX"):
        moved.nets[name] = moved.nets[name] ^ swap
    told = pins.differences(pins.s3_map(moved), GATEWAY["PINS"])
    assert told == ["GNSS_RX: schematic 17, firmware 18", "GNSS_TX: schematic 18, firmware 17"]


@pytest.mark.parametrize(
    "net, gpio, words",
    [
        ("OBD_TX", 46, "GPIO 46 is a strap"),
        ("OBD_TX", 27, "GPIO 27 belongs to the flash"),
        ("OBD_TX", 35, "GPIO 35 belongs to the PSRAM"),
        ("OBD_TX", 40, "GPIO 40 is used twice"),
        ("IGN_SENSE", 38, "GPIO 38 cannot wake"),
    ],
)
def test_a_misused_pin_is_noticed(net, gpio, words):
    wrong = {**GATEWAY["PINS"], net: gpio}
    told = pins.misused("esp32s3", wrong, GATEWAY["WAKE"])
    assert any(words in line for line in told)


def test_a_port_with_its_wires_crossed_is_noticed():
    wrong = {**GATEWAY, "GPS_PORT": "uart1:17:18"}
    assert len(pins.port_problems(wrong)) == 2
    assert pins.port_problems({**GATEWAY, "OBD_PORT": "uart1:40:39"})
    assert pins.port_problems({**GATEWAY, "INPUTS": {"panic": "14"}})
