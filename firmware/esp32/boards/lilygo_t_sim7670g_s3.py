"""Pins of the LilyGO T-SIM7670G-S3-Standard (ESP32-S3-WROOM-1-N16R2, modem with receiver).

Modem, receiver, memory card, I2C and battery pins as the maker's own pin table of the Standard
series gives them (LilyGo-Modem-Series, docs/en/esp32s3/sim7670g-s3-standard), TX and RX as seen
from the chip, as its examples open them. The older T-SIM7670G-S3 has another table. OBD and the
inputs use pins of the camera header, which must be free. GPIO 45 (a strap) leads to the receiver's
input, which does not drive it: a start is not disturbed.
"""

NAME = "lilygo-t-sim7670g-s3"
CHIP = "esp32s3"

# net -> GPIO
PINS = {
    "BOOT_N": 0,
    "I2C_SCL": 2,
    "I2C_SDA": 3,
    "MODEM_TX": 4,
    "MODEM_RX": 5,
    "MODEM_RI": 6,
    "MODEM_DTR": 7,
    "VBAT_ADC": 8,
    "SD_CS": 10,
    "SD_MOSI": 11,
    "SD_SCK": 12,
    "SD_MISO": 13,
    "IGN_SENSE": 14,
    "PANIC_N": 16,
    "GNSS_PPS": 17,
    "USB_DM": 19,
    "USB_DP": 20,
    "SIREN": 21,
    "OBD_TX": 39,
    "OBD_RX": 40,
    "POWER_SAVE": 42,
    "DEBUG_TX": 43,
    "DEBUG_RX": 44,
    "GNSS_TX": 45,
    "MODEM_PWRKEY": 46,
    "LIGHTBAR": 47,
    "GNSS_RX": 48,
}
WAKE = ("IGN_SENSE", "PANIC_N", "SIREN", "MODEM_RI")
# The maker has wired straps: the reset state of what hangs on them is right for a start.
STRAPS_IN_USE = {"BOOT_N", "I2C_SDA", "GNSS_TX", "MODEM_PWRKEY"}

GPS_PORT = "uart2:48:45"
OBD_PORT = "uart0:40:39"
MODEM_PORT = "uart1:5:4"
INPUTS = {"ignition": "14", "panic": "!16", "siren": "21", "light_bar": "47"}

# As the agent's configuration writes it, group `uplink.lte`. The key is pressed by a high level,
# 100 ms by the maker's utilities.h. The commands switch the receiver on: the first two the supply
# of its aerial, as the maker's page for this board says; the others as its examples for the A7670,
# a sister of this modem. None was tried on a board.
MODEM = {
    "port": "uart1:5:4",
    "power_key": "46",
    "pulse_ms": 100,
    "commands": [
        "AT+CGDRT=1,1",
        "AT+CGSETV=1,1",
        "AT+CGNSSPWR=1",
        "AT+CGNSSTST=1",
        "AT+CGNSSPORTSWITCH=0,1",
    ],
}

ROM_BYTES = 0x50000  # of the ROM partition, where a release's modules run in place (docs/memory.md)
