"""Symbols that KiCad has not: pin tables with their sources.

STN2120: 44-pin QFN. Numbers as drawn in a public design made after the maker's data sheet
(stn21xx), and consistent with the 44-pin PIC24H/dsPIC33F the chip is made of (VCAP 7, AVDD 17,
MCLR 18, VDD 28 and 40, OSC1 30, OSC2 31).
MiniPCIe_LTE: PCI Express Mini Card pins with the names that Quectel's EC25/EG25-G card gives them
(11 card receives, 13 card sends, 17 RI, 31 DTR, 1 WAKE#, 20 W_DISABLE#); USB, SIM, supply and
ground are those of the Mini Card specification. 23 and 25 are CTS and RTS: which of the two the
card drives must be looked up before flow control is switched on.
"""

from hardware.draw.boxes import box

_STN2120 = {
    "left": [
        ("5", "UART_RX", "input"),
        ("4", "UART_TX", "output"),
        ("18", "~{RESET}", "input"),
        ("27", "~{SLEEP}", "input"),
        None,
        None,
        ("30", "OSC1", "input"),
        None,
        None,
        ("31", "OSC2", "output"),
        None,
        ("19", "ANALOG_IN", "input"),
        None,
        ("12", "~{LED_OBD}", "output"),
        ("13", "~{LED_HOST}", "output"),
        ("14", "LED_STATUS", "output"),
        None,
        ("7", "VCAP", "passive"),
        None,
        ("28 40", "VDD", "power_in"),
        ("17", "AVDD", "power_in"),
        ("6 29 39 45", "VSS", "power_in"),
        ("16", "AVSS", "power_in"),
    ],
    "right": [
        ("8", "HS_CAN_TX", "output"),
        ("10", "HS_CAN_RX", "input"),
        None,
        ("32", "~{PWR_CTRL}", "output"),
        None,
        ("21", "~{ISO_RX}", "input"),
        ("11", "MS_CAN_RX", "input"),
        ("42", "SW_CAN_RX", "input"),
        None,
        ("22", "VPW_RX", "input"),
        ("23", "PWM_RX", "input"),
        ("1 2 3 15 20 26 37 38", "GP", "passive"),
        None,
        ("9", "MS_CAN_TX", "output"),
        ("41", "SW_CAN_TX", "output"),
        ("35", "SW_CAN_MODE0", "output"),
        ("36", "SW_CAN_MODE1", "output"),
        ("34", "SW_CAN_LOAD", "output"),
        ("43", "~{ISO_K_TX}", "output"),
        ("44", "~{ISO_L_TX}", "output"),
        ("24", "J1850+_TX", "output"),
        ("25", "~{J1850+_VH}", "output"),
        ("33", "J1850-_TX", "output"),
    ],
}

_MINI_PCIE = {
    "left": [
        ("2 24 39 41 52", "VCC_3V3", "power_in"),
        None,
        ("11", "UART_RX", "input"),
        ("13", "UART_TX", "output"),
        ("23", "UART_CTS", "bidirectional"),
        ("25", "UART_RTS", "bidirectional"),
        ("31", "DTR", "input"),
        ("17", "RI", "output"),
        None,
        ("22", "~{PERST}", "input"),
        ("20", "~{W_DISABLE}", "input"),
        ("1", "~{WAKE}", "open_collector"),
        ("42", "~{LED_WWAN}", "open_collector"),
        None,
        ("4 9 15 18 21 26 27 29 34 35 37 40 43 50", "GND", "power_in"),
        ("MP", "MP", "passive"),
    ],
    "right": [
        ("8", "USIM_VDD", "power_out"),
        ("14", "USIM_RST", "output"),
        ("12", "USIM_CLK", "output"),
        ("10", "USIM_DATA", "bidirectional"),
        None,
        ("38", "USB_DP", "bidirectional"),
        ("36", "USB_DM", "bidirectional"),
        None,
        ("3", "PIN3", "passive"),
        ("5", "PIN5", "passive"),
        ("6", "PIN6", "passive"),
        ("7", "PIN7", "passive"),
        ("16", "PIN16", "passive"),
        ("19", "PIN19", "passive"),
        ("28", "PIN28", "passive"),
        ("30", "PIN30", "passive"),
        ("32", "PIN32", "passive"),
        ("33", "PIN33", "passive"),
        ("44", "PIN44", "passive"),
        ("45", "PIN45", "passive"),
        ("46", "PIN46", "passive"),
        ("47", "PIN47", "passive"),
        ("48", "PIN48", "passive"),
        ("49", "PIN49", "passive"),
        ("51", "PIN51", "passive"),
    ],
}

# What the harness brings: the same on both boards.
HARNESS_PINS = (
    ("1", "VBAT"),
    ("2", "GND"),
    ("3", "CAN_H"),
    ("4", "CAN_L"),
    ("5", "IGNITION"),
    ("6", "SIREN"),
    ("7", "LIGHT_BAR"),
    ("8", "GND2"),
    ("9", "PANIC"),
    ("10", "SPARE"),
    ("11", "CAN2_H"),
    ("12", "CAN2_L"),
)

# Raspberry Pi 40-pin header: BCM number -> header pin.
PI_PINS = {
    0: 27, 1: 28, 2: 3, 3: 5, 4: 7, 5: 29, 6: 31, 7: 26, 8: 24, 9: 21, 10: 19, 11: 23, 12: 32,
    13: 33, 14: 8, 15: 10, 16: 36, 17: 11, 18: 12, 19: 35, 20: 38, 21: 40, 22: 15, 23: 16, 24: 18,
    25: 22, 26: 37, 27: 13,
}  # fmt: skip
_PI_SUPPLY = [("2 4", "5V", "power_in"), ("1 17", "3V3", "power_out"), None]
_PI_GROUND = [None, ("6 9 14 20 25 30 34 39", "GND", "power_in")]


def _pi_table():
    order = sorted(PI_PINS)
    rows = [(str(PI_PINS[n]), f"GPIO{n}", "bidirectional") for n in order]
    half = len(rows) // 2
    return {"left": [*_PI_SUPPLY, *rows[:half]], "right": [None] * 3 + rows[half:] + _PI_GROUND}


def symbols():
    """All own symbols in KiCad's form."""
    harness = [(n, name, "passive") for n, name in HARNESS_PINS]
    return [
        box("STN2120", "U", "OBD-II to UART interpreter, ELM327 command set", 30.48, _STN2120,
            "https://www.obdsol.com/"),
        box("MiniPCIe_LTE", "J", "LTE card, PCI Express Mini Card, Quectel names", 30.48,
            _MINI_PCIE),
        box("Harness_12", "J", "Vehicle harness, Micro-Fit 3.0, 12 ways", 15.24,
            {"left": [], "right": harness}),
        box("Raspberry_Pi_40", "J", "Raspberry Pi, 40-pin header", 25.4, _pi_table()),
    ]  # fmt: skip
