"""Pins for any ESP32-S3 development board with octal PSRAM (N8R8, N16R8): modules on a breadboard.

The same GPIOs as on the project's gateway wherever the board leads them out, so that a car's wiring
can be tried on it. GPIO 48 (38 on some boards) drives the board's own lamp and stays free. The pins
are on the headers of Espressif's ESP32-S3-DevKitC-1, by its user guide (esp-idf,
hw-reference/esp32s3/user-guide-devkitc-1).
"""

NAME = "devkit-s3"
CHIP = "esp32s3"

# net -> GPIO
PINS = {
    "BOOT_N": 0,
    "VBAT_ADC": 1,
    "CAN_TX": 4,
    "CAN_RX": 5,
    "SIREN": 6,
    "IGN_SENSE": 7,
    "I2C_SDA": 8,
    "I2C_SCL": 9,
    "SD_CS": 10,
    "SD_MOSI": 11,
    "SD_SCK": 12,
    "SD_MISO": 13,
    "PANIC_N": 14,
    "LIGHTBAR": 15,
    "GNSS_TX": 17,
    "GNSS_RX": 18,
    "USB_DM": 19,
    "USB_DP": 20,
    "GNSS_PPS": 21,
    "OBD_TX": 39,
    "OBD_RX": 40,
    "MODEM_TX": 41,
    "MODEM_RX": 42,
    "DEBUG_TX": 43,
    "DEBUG_RX": 44,
}
WAKE = ("IGN_SENSE", "PANIC_N", "SIREN", "LIGHTBAR")

GPS_PORT = "uart1:18:17"
OBD_PORT = "uart2:40:39"
MODEM_PORT = "uart0:42:41"
INPUTS = {"ignition": "7", "panic": "!14", "siren": "6", "light_bar": "15"}
MODEM = {"port": "uart0:42:41"}  # a module with a key or a reset of its own: add its pins

ROM_BYTES = 0x50000  # of the ROM partition, where a release's modules run in place (docs/memory.md)
