"""Where the nets end: each bus and each line that matters goes to its pins, and to no other.

KiCad's rule check lets a transmitter sit on a transmitter's net, and a duplicate reference swallow
a part. This is what catches it.
"""

import copy

import pytest

from hardware.netlist import Netlist
from tests.support.hardware_pins import ends, is_supply
from tests.support.hardware_sheets import parts

ESP32_ENDS = {
    # UARTs: one's transmitter on the other's receiver
    "GNSS_TX": {"U501.IO17", "U601.RXD"},
    "GNSS_RX": {"U501.IO18", "U601.TXD"},
    "OBD_TX": {"U501.IO39", "U701.UART_RX"},
    "OBD_RX": {"U501.IO40", "U701.UART_TX"},
    "MODEM_TX": {"U501.IO47", "J801.UART_RX"},
    "MODEM_RX": {"U501.IO48", "J801.UART_TX"},
    "MODEM_CTS": {"U501.IO38", "J801.UART_CTS"},
    "MODEM_RTS": {"U501.IO41", "J801.UART_RTS"},
    "DEBUG_TX": {"U501.TXD0", "J1102.Pin_2"},
    "DEBUG_RX": {"U501.RXD0", "J1102.Pin_3"},
    # I2C
    "I2C_SDA": {"U501.IO8", "U503.SDA", "U901.SDA", "U902.SDA", "U903.SDI"},
    "I2C_SCL": {"U501.IO9", "U503.SCK", "U901.SCL", "U902.SCL", "U903.SPC"},
    # SPI
    "SD_CS": {"U501.IO10", "J901.DAT3/CD"},
    "SD_MOSI": {"U501.IO11", "J901.CMD"},
    "SD_SCK": {"U501.IO12", "J901.CLK"},
    "SD_MISO": {"U501.IO13", "J901.DAT0"},
    # CAN
    "CAN_H": {"U702.CANH", "U703.CANH", "J201.CAN_H"},
    "CAN_L": {"U702.CANL", "U703.CANL", "J201.CAN_L"},
    "CAN_TX": {"U501.IO4", "U703.TXD"},
    "CAN_RX": {"U501.IO5", "U703.RXD"},
    "CAN_SILENT": {"U503.GPB4", "U703.S"},
    # USB
    "USB_DP": {"U501.USB_D+", "U1101.I/O2"},
    "USB_DM": {"U501.USB_D-", "U1101.I/O1"},
    # Wake-up, pulses, enables
    "GNSS_PPS": {"U501.IO21", "U601.TIMEPULSE"},
    "IGN_SENSE": {"U501.IO7", "U1001.4"},
    "PANIC_N": {"U501.IO14", "U1002.4"},
    "PWR_FAIL_N": {"U501.IO15", "U202.~{RESET}"},
    "EXP_INT_N": {"U501.IO16", "U503.INTA", "U901.~{INT}"},
    "IMU_INT": {"U501.IO6", "U903.INT1"},
    "MODEM_RI": {"U501.IO2", "J801.RI"},
    "V5_EN": {"U503.GPA0", "U302.EN"},
    "HOLDUP_EN": {"U503.GPA1", "U402.EN"},
    "MODEM_PWR_EN": {"U503.GPA2", "U802.EN"},
    "MODEM_RST_N": {"U503.GPA3", "J801.~{PERST}"},
    "MODEM_W_DISABLE_N": {"U503.GPA4", "J801.~{W_DISABLE}"},
    "OBD_RST_N": {"U503.GPA6", "U701.~{RESET}"},
    "mcu/WDT_DONE": {"U501.IO42", "U502.DONE"},
    "mcu/EN": {"U501.EN", "U502.~{RST}"},
}
PI_ENDS = {
    "GNSS_TX": {"J601.GPIO14", "U701.RXD"},
    "GNSS_RX": {"J601.GPIO15", "U701.TXD"},
    "GNSS_PPS": {"J601.GPIO18", "U701.TIMEPULSE"},
    "I2C_SDA": {"J601.GPIO2", "U501.PB1", "U1001.SDA", "U1002.SDA", "U1003.SDI"},
    "I2C_SCL": {"J601.GPIO3", "U501.PB0", "U1001.SCL", "U1002.SCL", "U1003.SPC"},
    "pi-header/ID_SD": {"J601.GPIO0", "U601.SDA"},
    "pi-header/ID_SC": {"J601.GPIO1", "U601.SCL"},
    "SPI_MOSI": {"J601.GPIO10", "U801.SDI", "U803.SDI"},
    "SPI_MISO": {"J601.GPIO9", "U801.SDO", "U803.SDO"},
    "SPI_SCK": {"J601.GPIO11", "U801.SCK", "U803.SCK"},
    "CAN0_CS_N": {"J601.GPIO8", "U801.~{CS}"},
    "CAN1_CS_N": {"J601.GPIO7", "U803.~{CS}"},
    "CAN0_INT_N": {"J601.GPIO25", "U801.~{INT}"},
    "CAN1_INT_N": {"J601.GPIO24", "U803.~{INT}"},
    "CAN_H": {"U802.CANH", "J201.CAN_H"},
    "CAN_L": {"U802.CANL", "J201.CAN_L"},
    "CAN2_H": {"U804.CANH", "J201.CAN2_H"},
    "CAN2_L": {"U804.CANL", "J201.CAN2_L"},
    "IGN_SENSE": {"J601.GPIO17", "U501.PA2", "U1101.4"},
    "PANIC_N": {"J601.GPIO5", "U501.PB2", "U1102.4"},
    "PWR_FAIL_N": {"J601.GPIO6", "U501.PA7", "U202.~{RESET}"},
    "HALTED": {"J601.GPIO26", "U501.PA5"},
    "HEARTBEAT": {"J601.GPIO16", "U501.PA6"},
    "RTC_INT_N": {"U501.PB3", "U1001.~{INT}"},
    "IMU_INT": {"J601.GPIO4", "U1003.INT1"},
    "V5_EN": {"U501.PA3", "U302.EN"},
    "HOLDUP_EN": {"U501.PA4", "U402.EN"},
    "MODEM_PWR_EN": {"J601.GPIO22", "U902.EN"},
    "MODEM_RST_N": {"J601.GPIO27", "J901.~{PERST}"},
}
ENDS = {"esp32-gateway": ESP32_ENDS, "pi-hat": PI_ENDS}
# Two pins that must be joined by a net of their own: chip to its transceiver, card to its SIM.
PAIRS = {
    "esp32-gateway": (
        ("U701.HS_CAN_TX", "U702.TXD"),
        ("U701.HS_CAN_RX", "U702.RXD"),
        ("J801.USIM_CLK", "J802.CLK"),
        ("J801.USIM_DATA", "J802.I/O"),
        ("J801.USIM_RST", "J802.RST"),
        ("J801.USIM_VDD", "J802.VCC"),
        ("J801.USB_DP", "J803.Pin_1"),
    ),
    "pi-hat": (
        ("U801.TXCAN", "U802.TXD"),
        ("U801.RXCAN", "U802.RXD"),
        ("U803.TXCAN", "U804.TXD"),
        ("U803.RXCAN", "U804.RXD"),
        ("J901.USIM_CLK", "J902.CLK"),
        ("J901.USIM_DATA", "J902.I/O"),
    ),
}
# Enables must be low, resets high, while nobody drives them: net -> where its resistor must lead.
RESTS = {
    "esp32-gateway": {"HOLDUP_EN": "GND", "MODEM_PWR_EN": "GND", "CAN_SILENT": "+3V3_SW",
                      "OBD_RST_N": "+3V3_SW", "mcu/EN": "+3V3", "mcu/BOOT_N": "+3V3",
                      "PANIC_N": "+3V3", "PWR_FAIL_N": "+3V3", "EXP_INT_N": "+3V3",
                      "I2C_SDA": "+3V3", "I2C_SCL": "+3V3"},
    "pi-hat": {"HOLDUP_EN": "GND", "MODEM_PWR_EN": "GND", "PANIC_N": "+3V3_AON",
               "PWR_FAIL_N": "+3V3_AON", "RTC_INT_N": "+3V3_AON"},
}  # fmt: skip
CASES = [(board, net) for board, table in ENDS.items() for net in table]


@pytest.fixture(scope="module")
def netlists():
    return {board: Netlist(board) for board in ENDS}


@pytest.mark.parametrize("board, net", CASES)
def test_net_ends_where_it_must(netlists, board, net):
    unfitted = {part.reference for part in parts(board) if not part.is_fitted}
    assert ends(netlists[board], net, unfitted) == ENDS[board][net]


def _net(netlist, end):
    reference, _, function = end.partition(".")
    return netlist.net_of(reference, function)


@pytest.mark.parametrize("board", PAIRS)
def test_pairs_are_joined_and_alone(netlists, board):
    netlist = netlists[board]
    for one, other in PAIRS[board]:
        net = _net(netlist, one)
        assert net == _net(netlist, other), (one, other)
        protection = {end for end in ends(netlist, net) if ".IO" in end}  # the SIM's clamps
        assert ends(netlist, net) - protection == {one, other}


@pytest.mark.parametrize("board", RESTS)
def test_enables_and_resets_rest_as_they_must(netlists, board):
    netlist = netlists[board]
    for net, rail in RESTS[board].items():
        leads = {
            other
            for reference, pin in netlist.nets[net]
            if reference.startswith("R")
            for other, pins in netlist.nets.items()
            if (reference, "2" if pin == "1" else "1") in pins and is_supply(other)
        }
        assert leads == {rail}, net


def test_five_volts_stay_off_while_nobody_drives_the_enable(netlists):
    """V5_EN goes through 1 k to a node with 10 k to ground, on both boards."""
    for board in ENDS:
        netlist = netlists[board]
        node = netlist.net_of("U302", "EN")
        ground = {reference for reference, _ in netlist.nets["GND"]}
        assert [r for r, _ in netlist.nets[node] if r.startswith("R") and r in ground], board


def test_second_can_of_the_pi_cannot_send(netlists):
    """Its transceiver's S is at the supply through a resistor, and nothing else is on that net."""
    netlist = netlists["pi-hat"]
    silent = netlist.net_of("U804", "S")
    assert ends(netlist, silent) == {"U804.S"}


def test_always_on_rail_feeds_only_what_may_live_while_parked(netlists):
    def fed(board, rail):
        return {r for r, _ in netlists[board].nets[rail] if r[0] in "U"}

    assert fed("esp32-gateway", "+3V3") == {
        "U202", "U301", "U501", "U502", "U503", "U601", "U901", "U902", "U903", "U1001",
    }  # fmt: skip
    assert fed("pi-hat", "+3V3_AON") == {"U202", "U301", "U501", "U701", "U1001", "U1101"}


def test_every_net_has_two_ends_or_is_left_open_on_purpose(netlists):
    for board, netlist in netlists.items():
        lonely = [net for net, pins in netlist.nets.items()
                  if len(pins) < 2 and not net.startswith("unconnected-")]  # fmt: skip
        assert lonely == [], board


def test_no_two_push_pull_outputs_share_a_net(netlists):
    """By the pins' electrical types in the netlist's last column."""
    for board in ENDS:
        drivers = netlists[board].drivers()
        assert {net: pins for net, pins in drivers.items() if len(pins) > 1} == {}, board


def test_transmitter_on_transmitter_is_noticed(netlists):
    crossed = copy.deepcopy(netlists["esp32-gateway"])
    for number in ("2", "3"):  # the receiver's TXD and RXD change places
        for net in crossed.nets:
            crossed.nets[net] = {(r, "swap" + n) if (r, n) == ("U601", number) else (r, n)
                                 for r, n in crossed.nets[net]}  # fmt: skip
    crossed.functions["U601", "swap2"] = "RXD"
    crossed.functions["U601", "swap3"] = "TXD"
    assert ends(crossed, "GNSS_TX") != ESP32_ENDS["GNSS_TX"]
    assert ends(crossed, "GNSS_RX") != ESP32_ENDS["GNSS_RX"]


def test_a_lost_part_is_noticed(netlists):
    lost = copy.deepcopy(netlists["esp32-gateway"])
    for net in lost.nets:
        lost.nets[net] = {pin for pin in lost.nets[net] if pin[0] != "R602"}
    assert ends(lost, "GNSS_RX") == {"U501.IO18"}
