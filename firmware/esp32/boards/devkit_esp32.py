"""Pins for the plain ESP32 development board (ESP32-WROOM-32, 38 pins): modules on a breadboard.

The pins are on the headers of Espressif's ESP32-DevKitC V4, by its user guide (esp-idf,
hw-reference/esp32/get-started-devkitc), and leave its flash alone.
Not for a WROVER: its PSRAM takes GPIO 16 and 17. GPIO 34, 35, 36, 39 are inputs without pull-ups.
"""

NAME = "devkit-esp32"
CHIP = "esp32"

# net -> GPIO
PINS = {
    "BOOT_N": 0,
    "DEBUG_TX": 1,
    "DEBUG_RX": 3,
    "CAN_TX": 4,
    "SD_CS": 13,
    "MODEM_RI": 14,
    "GNSS_RX": 16,
    "GNSS_TX": 17,
    "SD_SCK": 18,
    "SD_MISO": 19,
    "I2C_SDA": 21,
    "I2C_SCL": 22,
    "SD_MOSI": 23,
    "GNSS_PPS": 25,
    "OBD_RX": 26,
    "OBD_TX": 27,
    "SIREN": 32,
    "LIGHTBAR": 33,
    "IGN_SENSE": 34,
    "CAN_RX": 35,
    "VBAT_ADC": 36,
    "PANIC_N": 39,
}
WAKE = ("IGN_SENSE", "PANIC_N")

GPS_PORT = "uart2:16:17"
OBD_PORT = "uart1:26:27"
MODEM_PORT = None  # UART0 is the console; use Wi-Fi
INPUTS = {"ignition": "34", "panic": "!39", "siren": "32", "light_bar": "33"}
MODEM = None

ROM_BYTES = 0x50000  # of the ROM partition, where a release's modules run in place (docs/memory.md)
