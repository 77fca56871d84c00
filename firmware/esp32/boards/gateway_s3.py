"""Pins of the project's own gateway: ESP32-S3-WROOM-1-N16R8, schematics in hardware/schematics.

The names are the nets of the schematic. The tests hold PINS and EXPANDER against its netlist: a pin
that is moved in one place only does not pass.
"""

NAME = "gateway-s3"
CHIP = "esp32s3"

# net -> GPIO
PINS = {
    "BOOT_N": 0,
    "VBAT_ADC": 1,
    "MODEM_RI": 2,
    "CAN_TX": 4,
    "CAN_RX": 5,
    "IMU_INT": 6,
    "IGN_SENSE": 7,
    "I2C_SDA": 8,
    "I2C_SCL": 9,
    "SD_CS": 10,
    "SD_MOSI": 11,
    "SD_SCK": 12,
    "SD_MISO": 13,
    "PANIC_N": 14,
    "PWR_FAIL_N": 15,
    "EXP_INT_N": 16,
    "GNSS_TX": 17,
    "GNSS_RX": 18,
    "USB_DM": 19,
    "USB_DP": 20,
    "GNSS_PPS": 21,
    "MODEM_CTS": 38,
    "OBD_TX": 39,
    "OBD_RX": 40,
    "MODEM_RTS": 41,
    "WDT_DONE": 42,
    "DEBUG_TX": 43,
    "DEBUG_RX": 44,
    "MODEM_TX": 47,
    "MODEM_RX": 48,
}
# The battery may dip this long while the engine starts before PWR_FAIL_N means anything, ms: the
# hold-up pays for it (hardware/spice/holdup.py).
POWER_FAIL_WAIT_MS = 2000
# Nets that wake the chip from deep sleep: RTC pins, GPIO 0 to 21.
WAKE = ("IGN_SENSE", "PANIC_N", "EXP_INT_N", "IMU_INT", "MODEM_RI")

# net -> pin of the MCP23017: 0 to 7 are GPA0 to GPA7, 8 to 15 are GPB0 to GPB7.
EXPANDER_ADDRESS = 0x20
EXPANDER = {
    "V5_EN": 0,
    "HOLDUP_EN": 1,
    "MODEM_PWR_EN": 2,
    "MODEM_RST_N": 3,
    "MODEM_W_DISABLE_N": 4,
    "MODEM_DTR": 5,
    "OBD_RST_N": 6,
    "OBD_SLEEP_N": 7,
    "SIREN": 8,
    "LIGHTBAR": 9,
    "SPARE_IN": 10,
    "SD_DETECT_N": 11,
    "CAN_SILENT": 12,
    "LED_OK": 13,
    "LED_FAULT": 14,
}
I2C_ADDRESSES = {"expander": 0x20, "motion": 0x19, "clock": 0x52, "secure": 0x60}

# As the agent's configuration writes serial ports: uart<id>:<rx>:<tx>. The chip has three: the
# console is on USB, so that the modem gets the third; the boot log still comes on GPIO 43.
GPS_PORT = "uart1:18:17"
OBD_PORT = "uart2:40:39"
MODEM_PORT = "uart0:48:47"
INPUTS = {"ignition": "7", "panic": "!14", "power_fail": "!15"}

# As the agent's configuration writes it, group `uplink.lte`: the card's supply and its reset are
# pins of the expander. V5_EN, which feeds that supply, is not among them: it feeds more than that.
MODEM = {
    "port": "uart0:48:47",
    "enable": "i2c:9:8:32:2",
    "reset": "!i2c:9:8:32:3",
    "pulse_ms": 500,
}

# Voltage at the pin x BATTERY_NUMERATOR / BATTERY_DENOMINATOR = battery (1 M over 91 k).
BATTERY_NUMERATOR = 1091
BATTERY_DENOMINATOR = 91
# As the agent's configuration writes them, group `power`: the battery's measurement, and the pin
# that the TPL5010 wants to see move every 10 minutes, asleep or awake.
POWER = {"battery": "1:1091:91", "watchdog": "42", "fail_ms": 2000}

ROM_BYTES = 0x50000  # of the ROM partition, where a release's modules run in place (docs/memory.md)
