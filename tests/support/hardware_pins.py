"""Rules that a board's netlist and the firmware's pin tables must both keep: lists of problems."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BOARDS = ROOT / "firmware" / "esp32" / "boards"

# ESP32-S3: straps, the pins of flash and of octal PSRAM, what wakes the chip from deep sleep
# (Espressif's data sheet and the chip's technical manual, "RTC GPIO").
S3_STRAPS = {0, 3, 45, 46}
S3_FLASH = set(range(26, 33))
S3_OCTAL_PSRAM = {33, 34, 35, 36, 37}
S3_RTC = set(range(22))
S3_NONE = {22, 23, 24, 25}  # numbers that no pin has
# ESP32: straps, flash, wake-up, inputs without a driver.
ESP32_STRAPS = {0, 2, 5, 12, 15}
ESP32_FLASH = set(range(6, 12))
ESP32_RTC = {0, 2, 4, 12, 13, 14, 15, 25, 26, 27, *range(32, 40)}
ESP32_INPUTS = {34, 35, 36, 37, 38, 39}
# Pins of the module that are not called IO<n>.
_S3_NAMES = {"TXD0": 43, "RXD0": 44, "USB_D-": 19, "USB_D+": 20}


def table(path):
    """{name: value} of a board file's assignments; the file needs nothing but this."""
    found = {}
    for node in ast.parse(Path(path).read_text()).body:
        if isinstance(node, ast.Assign):
            found[node.targets[0].id] = ast.literal_eval(node.value)
    return found


def _owner(netlist, function):
    """The one part that has a pin of that name."""
    owners = {pin[0] for pin, name in netlist.functions.items() if name == function}
    assert len(owners) == 1, f"{function}: {sorted(owners)}"
    return owners.pop()


def _short(net):
    return net.rpartition("/")[2]


def s3_map(netlist):
    """{net: GPIO} of the ESP32-S3 module, unconnected pins left out."""
    found = {}
    for function, net in netlist.pins_of(_owner(netlist, "TXD0")).items():
        match = re.fullmatch(r"IO(\d+)", function)
        gpio = int(match[1]) if match else _S3_NAMES.get(function)
        if gpio is not None and not net.startswith("unconnected-"):
            found[_short(net)] = gpio
    return found


def expander_map(netlist):
    """{net: 0 to 15} of the MCP23017."""
    found = {}
    for function, net in netlist.pins_of(_owner(netlist, "GPA0")).items():
        match = re.fullmatch(r"GP([AB])(\d)", function)
        if match and not net.startswith("unconnected-"):
            found[_short(net)] = int(match[2]) + (8 if match[1] == "B" else 0)
    return found


def pi_map(netlist):
    """{net: BCM number} of the Pi's header; a resistor in the line is looked through."""
    header = _owner(netlist, "GPIO14")
    found = {}
    for function, net in netlist.pins_of(header).items():
        match = re.fullmatch(r"GPIO(\d+)", function)
        if match:
            found[_short(behind_resistor(netlist, net))] = int(match[1])
    return found


def behind_resistor(netlist, net):
    """The named net on the other side of a resistor where `net` itself has no name; pull-ups and
    pull-downs are no way on."""
    if not net.startswith("Net-("):
        return net
    beyond = set()
    for reference, pin in netlist.nets[net]:
        if reference.startswith("R"):
            other = "2" if pin == "1" else "1"
            beyond |= {n for n, ends in netlist.nets.items() if (reference, other) in ends}
    beyond = {n for n in beyond if n != "GND" and not n.startswith("+")}
    return beyond.pop() if len(beyond) == 1 else net


def is_supply(net):
    return net == "GND" or net.startswith("+")


def ends(netlist, net, unfitted=()):
    """{"U501.IO17", ...}: chips and connectors on a net, through resistors that stand in the line.

    A resistor to a supply or to ground is a pull-up or a pull-down: it leads nowhere.
    unfitted: references of parts that are not there.
    """
    found, seen, waiting = set(), set(), [net]
    while waiting:
        here = waiting.pop()
        if here in seen or is_supply(here):
            continue
        seen.add(here)
        for reference, pin in netlist.nets[here]:
            if reference[0] in "UJ":
                name = netlist.functions[reference, pin] or pin
                found.add(f"{reference}.{name}")
            if reference.startswith("R") and reference not in unfitted:
                other = "2" if pin == "1" else "1"
                waiting += [n for n, pins in netlist.nets.items() if (reference, other) in pins]
    return found


def differences(hardware, firmware):
    """Lines that tell where two {net: pin} tables differ."""
    return [
        f"{net}: schematic {hardware.get(net)}, firmware {firmware.get(net)}"
        for net in sorted(hardware.keys() | firmware.keys())
        if hardware.get(net) != firmware.get(net)
    ]


def misused(chip, pins, wake, straps_in_use=("BOOT_N",)):
    """Problems of a {net: GPIO} table: reserved or shared pins, wake sources that cannot wake."""
    is_s3 = chip == "esp32s3"
    straps = S3_STRAPS if is_s3 else ESP32_STRAPS
    flash = S3_FLASH | S3_NONE if is_s3 else ESP32_FLASH
    rtc = S3_RTC if is_s3 else ESP32_RTC
    found = []
    for net, gpio in pins.items():
        if gpio in straps and net not in straps_in_use:
            found.append(f"{net}: GPIO {gpio} is a strap")
        if gpio in flash:
            found.append(f"{net}: GPIO {gpio} belongs to the flash")
        if is_s3 and gpio in S3_OCTAL_PSRAM:
            found.append(f"{net}: GPIO {gpio} belongs to the PSRAM")
        if list(pins.values()).count(gpio) > 1:
            found.append(f"{net}: GPIO {gpio} is used twice")
    found += [f"{net}: GPIO {pins[net]} cannot wake" for net in wake if pins[net] not in rtc]
    return found


def port_problems(board):
    """Do the serial ports and inputs of a board file name the pins of its own table?"""
    pins, found = board["PINS"], []
    for key, prefix in (("GPS_PORT", "GNSS"), ("OBD_PORT", "OBD"), ("MODEM_PORT", "MODEM")):
        if board[key] is None:
            continue
        _, rx, tx = board[key].split(":")
        found += _port_end(board, key, f"{prefix}_RX", int(rx))
        found += _port_end(board, key, f"{prefix}_TX", int(tx))
    names = {"ignition": "IGN_SENSE", "panic": "PANIC_N", "siren": "SIREN",
             "light_bar": "LIGHTBAR", "power_fail": "PWR_FAIL_N"}  # fmt: skip
    for name, written in board["INPUTS"].items():
        if int(written.strip("!")) != pins[names[name]]:
            found.append(f"input {name} is on {written}, {names[name]} on {pins[names[name]]}")
        if written.startswith("!") != names[name].endswith("_N"):
            found.append(f"input {name}: {written} has the wrong sense for {names[name]}")
    uarts = [board[key].split(":")[0] for key in ("GPS_PORT", "OBD_PORT", "MODEM_PORT")
             if board[key]]  # fmt: skip
    return found + (
        [f"a serial port is used twice: {uarts}"] if len(set(uarts)) < len(uarts) else []
    )


def _port_end(board, key, net, gpio):
    written = board["PINS"].get(net)
    return [] if written == gpio else [f"{key} has {net} on {gpio}, the table on {written}"]
