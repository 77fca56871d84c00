"""GPIO lines, buses and device paths of the Raspberry Pi with the project's HAT.

The names are the nets of hardware/schematics/pi-hat; the tests hold PINS against its netlist and
`config.txt` beside this file against PINS.
"""

# net -> BCM number
PINS = {
    "ID_SD": 0,
    "ID_SC": 1,
    "I2C_SDA": 2,
    "I2C_SCL": 3,
    "IMU_INT": 4,
    "PANIC_N": 5,
    "PWR_FAIL_N": 6,
    "CAN1_CS_N": 7,
    "CAN0_CS_N": 8,
    "SPI_MISO": 9,
    "SPI_MOSI": 10,
    "SPI_SCK": 11,
    "SIREN": 12,
    "LIGHTBAR": 13,
    "GNSS_TX": 14,
    "GNSS_RX": 15,
    "HEARTBEAT": 16,
    "IGN_SENSE": 17,
    "GNSS_PPS": 18,
    "SPARE_IN": 19,
    "LED_OK": 20,
    "LED_FAULT": 21,
    "MODEM_PWR_EN": 22,
    "MODEM_W_DISABLE_N": 23,
    "CAN1_INT_N": 24,
    "CAN0_INT_N": 25,
    "HALTED": 26,
    "MODEM_RST_N": 27,
}
# Pins of the supervisor (ATtiny1614) -> net, for its program.
SUPERVISOR = {
    "PA1": "VBAT_ADC",
    "PA2": "IGN_SENSE",
    "PA3": "V5_EN",
    "PA4": "HOLDUP_EN",
    "PA5": "HALTED",
    "PA6": "HEARTBEAT",
    "PA7": "PWR_FAIL_N",
    "PB0": "I2C_SCL",
    "PB1": "I2C_SDA",
    "PB2": "PANIC_N",
    "PB3": "RTC_INT_N",
}
I2C_ADDRESSES = {"supervisor": 0x2A, "motion": 0x19, "clock": 0x52, "secure": 0x60}

GPIO_CHIP = "/dev/gpiochip0"
# On a Pi 5 serial0 is the debug connector; ttyAMA0 is on GPIO 14 and 15 of every model.
GPS_PORT = "/dev/ttyAMA0"
PPS_DEVICE = "/dev/pps0"
RTC_DEVICE = "/dev/rtc0"
CAN_INTERFACES = {"can0": "diagnostics, sends questions", "can1": "listens only"}
MODEM_PORT = "/dev/ttyUSB2"  # the card's AT port of four; its NMEA is on ttyUSB1
INPUTS = {"ignition": 17, "panic": "!5", "siren": 12, "light_bar": 13}
