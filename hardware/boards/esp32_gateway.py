"""The ESP32-S3 gateway."""

from hardware.boards.root import arrange
from hardware.draw.project import Project
from hardware.sheets.console import console
from hardware.sheets.gnss import gnss
from hardware.sheets.holdup import holdup
from hardware.sheets.inputs import inputs
from hardware.sheets.lte import lte
from hardware.sheets.mcu import mcu
from hardware.sheets.obd_can import obd_can
from hardware.sheets.power_input import power_input
from hardware.sheets.rails import rails_esp32
from hardware.sheets.storage_sensors import storage_sensors

NAME = "esp32-gateway"

_HOLDUP_NOTE = """Store: 2 x 2 cells of 10 F = 10 F, charged through 2 x 22 Ohm = 11 Ohm: time constant 110 s, peak 2 x 1.0 W.
Full: 5.0 - 0.6 V (D401, silicon) = 4.4 V, 2.2 V a cell (rated 3.0 V to 65 C, 2.5 V to 85 C).
Energy between 4.4 V and 2.0 V: 10 F x (4.4^2 - 2.0^2) / 2 = 77 J; new, at 85 % efficiency: 65 J;
less 20 % tolerance and 30 % ageing: 37 J, against 2 s of waiting at 5 W and 5 s
of flushing the journal and leaving the network at 3 W = 25 J.
Balance: 1 k across each cell, 2.2 mA while charged: ten times the cells' leakage;
time constant 5.6 hours when parked.
Boost: 0.6 V x (1 + 698 / 100) = 4.79 V: below the main path's 5.0 V, so that it rests while that is there (in PFM
no current flows back), and above the cells' 4.6 V at the hottest: else it would join them to the 5 V (pass-through)."""
_ADDRESSES = "expander 0x20, RV-3028 0x52, LIS3DH 0x19, ATECC608B 0x60"
_OTHERS = "The expander reads siren, light bar and spare: high from 2.64 V = 6.5 V in the car."


_NOTES = (
    (
        "Rails",
        """+VIN: the battery behind fuse, clamps, ideal diode and filter; 4.5 to 16 V, 35 V in a load dump.
+3V3: always on. Module, expander, clock, motion sensor, secure element, watchdog, ignition buffer.
+5V_SW: 5.0 V, on by V5_EN. Charges the store.
+5V_HELD: +5V_SW through an ideal diode, or 4.8 V from the store. CAN transceivers, antenna.
+3V3_SW: from +5V_HELD. GNSS receiver, OBD interpreter, memory card.
+3V3_LTE: from +5V_HELD, on by MODEM_PWR_EN. The LTE card.""",
    ),
    (
        "How to read this",
        """One subject a sheet; a number of three digits or more begins with its sheet: R301 is on sheet 3.
_N: active low. _12V: a wire of the car, up to 35 V.
TX and RX are the ESP32's: GNSS_TX goes from the ESP32 to the receiver.
Crossed out in red: not fitted. R706: interpreter's sleep line. R708: bus terminator, bench only.
Pins: firmware/esp32/boards/gateway_s3.py; the tests hold it against the netlist.
Reasons, limits, bring-up: hardware/README.md and docs/hardware.md.""",
    ),
)


def draw():
    """The whole project, drawn but not written."""
    project = Project(NAME, "ESP32-S3 gateway", "2026-11-24", "A")
    sheets = [
        power_input(project, "3A slow", "+3V3"),
        rails_esp32(project),
        holdup(project, "10F 3.0V", 2, 2, "698k", _HOLDUP_NOTE),
        mcu(project),
        gnss(project, "+3V3_SW", "+3V3"),
        obd_can(project),
        lte(project, has_uart=True),
        storage_sensors(project, "+3V3", None, True, _ADDRESSES),
        inputs(project, "+3V3", _OTHERS),
        console(project),
    ]
    by_name = {sheet.name: sheet for sheet in sheets}
    arrange(project, by_name, (
        ("power-input", "rails", "hold-up"),
        ("inputs", "gnss", "storage-sensors"),
        ("mcu",),
        ("obd-can", "lte", "console"),
    ), _NOTES)  # fmt: skip
    return project
