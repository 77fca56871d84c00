"""The HAT that makes a Raspberry Pi a gateway."""

from hardware.boards.root import arrange
from hardware.draw.project import Project
from hardware.sheets.gnss import gnss
from hardware.sheets.holdup import holdup
from hardware.sheets.inputs import inputs
from hardware.sheets.lte import lte
from hardware.sheets.pi_can import pi_can
from hardware.sheets.pi_header import pi_header
from hardware.sheets.power_input import power_input
from hardware.sheets.rails import rails_pi
from hardware.sheets.storage_sensors import storage_sensors
from hardware.sheets.supervisor import supervisor

NAME = "pi-hat"

_HOLDUP_NOTE = """Store: 2 x 100 F in series = 50 F, charged through 4 x 22 Ohm = 5.5 Ohm: time constant 275 s, peak 4 x 1.0 W.
Full: 5.1 - 0.6 V (D401, silicon) = 4.5 V, 2.25 V a cell (rated 3.0 V to 65 C, 2.5 V to 85 C).
Energy between 4.5 V and 2.0 V: 50 F x (4.5^2 - 2.0^2) / 2 = 406 J; new, at 85 % efficiency: 345 J;
less 20 % tolerance and 30 % ageing: 193 J, against 2 s of waiting at 9 W and 15 s of shutting down at 5 W = 93 J.
Balance: 1 k across each cell, 2.2 mA while charged; time constant 28 hours when parked.
Boost: 0.6 V x (1 + 715 / 100) = 4.89 V: below the main path's 5.1 V, above the Pi's warning at 4.63 V, and
above the cells' 4.7 V at the hottest: else it would join them to the 5 V (pass-through)."""
_ADDRESSES = "supervisor 0x2A, RV-3028 0x52, LIS3DH 0x19, ATECC608B 0x60"
_OTHERS = "The Pi reads siren, light bar and spare: high from about 2.0 V = 5 V in the car."


_NOTES = (
    (
        "Rails",
        """+VIN: the battery behind fuse, clamps, ideal diode and filter; 4.5 to 16 V, 35 V in a load dump.
+3V3_AON: always on. Supervisor, clamps, ignition buffer, the clock's and the receiver's memory.
+5V_SW: 5.1 V, on by the supervisor. Charges the store.
+5V_HELD: +5V_SW through an ideal diode, or 4.9 V from the store. The Pi, CAN transceivers, antenna.
+3V3_PI: made by the Pi. GNSS receiver, CAN controllers, clock, motion sensor, secure element.
+3V3_LTE: from +5V_HELD, on by MODEM_PWR_EN. The LTE card.""",
    ),
    (
        "How to read this",
        """One subject a sheet; a number of three digits or more begins with its sheet: R301 is on sheet 3.
_N: active low. _12V: a wire of the car, up to 35 V.
TX and RX are the Pi's: GNSS_TX goes from the Pi to the receiver.
Crossed out in red: not fitted. R802, R804: bus terminators, bench only.
Pins: firmware/pi/pins.py and config.txt; the tests hold them against the netlist.
Reasons, limits, bring-up: hardware/README.md and docs/hardware.md.""",
    ),
)


def draw():
    """The whole project, drawn but not written."""
    project = Project(NAME, "Raspberry Pi HAT", "2026-11-24", "A")
    sheets = [
        power_input(project, "5A slow", "+3V3_AON", has_second_can=True),
        rails_pi(project),
        holdup(project, "100F 3.0V", 1, 4, "715k", _HOLDUP_NOTE),
        supervisor(project),
        pi_header(project),
        gnss(project, "+3V3_PI", "+3V3_AON"),
        pi_can(project),
        lte(project, has_uart=False),
        storage_sensors(project, "+3V3_PI", "+3V3_AON", False, _ADDRESSES),
        inputs(project, "+3V3_AON", _OTHERS),
    ]
    by_name = {sheet.name: sheet for sheet in sheets}
    arrange(project, by_name, (
        ("power-input", "rails", "hold-up"),
        ("inputs", "supervisor", "storage-sensors"),
        ("pi-header",),
        ("can", "gnss", "lte"),
    ), _NOTES)  # fmt: skip
    return project
