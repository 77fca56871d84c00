"""firmware/esp32/boards: pins of boards that are not the project's own, against what their makers
publish; and that the agent takes what a board's file says as its configuration.

The makers' tables are copied here as numbers, with the page that has them; that a page and a board
say the same was not measured.
"""

import pytest

from agent import config, uplink_settings
from tests.support import hardware_pins as pins

ALL_BOARDS = sorted(path.stem for path in pins.BOARDS.glob("*.py"))
# Espressif, ESP-IDF: hw-reference/esp32s3/user-guide-devkitc-1, headers J1 and J3; GPIO 48 is the
# lamp of v1.0, 38 that of v1.1.
DEVKIT_S3_HEADERS = {
    4, 5, 6, 7, 15, 16, 17, 18, 8, 3, 46, 9, 10, 11, 12, 13, 14,
    43, 44, 1, 2, 42, 41, 40, 39, 38, 37, 36, 35, 0, 45, 48, 47, 21, 20, 19,
}  # fmt: skip
DEVKIT_S3_LAMPS = {38, 48}
DEVKIT_S3_UART0 = {"DEBUG_TX": 43, "DEBUG_RX": 44, "USB_DP": 20, "USB_DM": 19, "BOOT_N": 0}
# Espressif, ESP-IDF: hw-reference/esp32/get-started-devkitc (V4), headers J1 and J3 without the
# flash's pins 6 to 11.
DEVKIT_ESP32_HEADERS = {
    36, 39, 34, 35, 32, 33, 25, 26, 27, 14, 12, 13,
    23, 22, 1, 3, 21, 19, 18, 5, 17, 16, 4, 0, 2, 15,
}  # fmt: skip
DEVKIT_ESP32_UART0 = {"DEBUG_TX": 1, "DEBUG_RX": 3, "BOOT_N": 0}
# LilyGO, LilyGo-Modem-Series: docs/en/esp32s3/sim7670g-s3-standard/README.MD, "Pins Map".
LILYGO = {
    "MODEM_TX": 4, "MODEM_RX": 5, "MODEM_RI": 6, "MODEM_DTR": 7, "MODEM_PWRKEY": 46,
    "GNSS_RX": 48, "GNSS_TX": 45, "GNSS_PPS": 17, "VBAT_ADC": 8, "SD_SCK": 12, "SD_MISO": 13,
    "SD_MOSI": 11, "SD_CS": 10, "POWER_SAVE": 42, "I2C_SDA": 3, "I2C_SCL": 2,
}  # fmt: skip
# The same page: the camera's, free where there is no camera.
LILYGO_CAMERA = {21, 1, 41, 9, 14, 37, 40, 39, 38, 36, 16, 47, 15, 35}
LILYGO_FIXED = {"BOOT_N", "DEBUG_TX", "DEBUG_RX", "USB_DM", "USB_DP"}  # the chip's own


def board(name):
    return pins.table(pins.BOARDS / f"{name}.py")


def test_devkit_s3_uses_what_its_headers_lead_out():
    used = board("devkit_s3")["PINS"]
    assert set(used.values()) <= DEVKIT_S3_HEADERS - DEVKIT_S3_LAMPS
    assert {net: used[net] for net in DEVKIT_S3_UART0} == DEVKIT_S3_UART0


def test_devkit_esp32_uses_what_its_headers_lead_out():
    used = board("devkit_esp32")["PINS"]
    assert set(used.values()) <= DEVKIT_ESP32_HEADERS
    assert {net: used[net] for net in DEVKIT_ESP32_UART0} == DEVKIT_ESP32_UART0


def test_lilygo_has_the_pins_of_its_makers_table():
    used = board("lilygo_t_sim7670g_s3")["PINS"]
    assert {net: used.get(net) for net in LILYGO} == LILYGO
    own = {
        net: gpio for net, gpio in used.items() if net not in LILYGO | dict.fromkeys(LILYGO_FIXED)
    }
    assert set(own.values()) <= LILYGO_CAMERA, own


@pytest.mark.parametrize("name", ALL_BOARDS)
def test_the_agent_takes_a_boards_modem_power_and_inputs(name):
    found = board(name)
    raw = {
        "vehicle": "car-7",
        "keys": {"room_key_id": "00112233", "room_public": "ab" * 32, "psk": "cd" * 32},
        "mqtt": {"host": "broker.example"},
        "journal": {"dir": "/journal"},
        "gps": {"port": found["GPS_PORT"]},
        "obd": {"port": found["OBD_PORT"]},
        "inputs": found["INPUTS"],
        "power": found.get("POWER"),
    }
    if found["MODEM"]:
        raw["uplink"] = {"order": ["lte"], "lte": found["MODEM"]}
    checked = config.check(raw)
    assert (checked["uplink"] is None) == (found["MODEM"] is None)


@pytest.mark.parametrize("name", ALL_BOARDS)
def test_a_boards_modem_is_on_the_pins_of_its_table(name):
    assert modem_problems(board(name)) == []


def modem_problems(found):
    modem, used, expander = found["MODEM"], found["PINS"], found.get("EXPANDER", {})
    if modem is None or found["MODEM_PORT"] is None:
        return [] if modem is found["MODEM_PORT"] else ["one of MODEM, MODEM_PORT is missing"]
    problems = [] if modem["port"] == found["MODEM_PORT"] else ["MODEM's port is not MODEM_PORT"]
    for key, net in (("power_key", "MODEM_PWRKEY"), ("reset", "MODEM_RST_N"),
                     ("enable", "MODEM_PWR_EN")):  # fmt: skip
        text = modem.get(key)
        if text is None:
            if net in used or net in expander:
                problems.append(f"{key}: {net} is in the table")
            continue
        if text.startswith("!") != net.endswith("_N"):
            problems.append(f"{key}: {text} has the wrong sense for {net}")
        bus = f"{used.get('I2C_SCL')}:{used.get('I2C_SDA')}:{found.get('EXPANDER_ADDRESS')}"
        wanted = f"i2c:{bus}:{expander[net]}" if net in expander else str(used.get(net))
        if text.lstrip("!") != wanted:
            problems.append(f"{key}: {text}, the table says {wanted}")
    return problems


# Wrong on purpose: each of these must be noticed


@pytest.mark.parametrize(
    "key, value",
    [("enable", "i2c:9:8:32:3"), ("enable", "!i2c:9:8:32:2"), ("reset", "i2c:9:8:32:3"),
     ("port", "uart0:47:48"), ("enable", None)],
)  # fmt: skip
def test_a_modems_pin_that_is_moved_is_noticed(key, value):
    wrong = board("gateway_s3")
    wrong["MODEM"][key] = value
    assert modem_problems(wrong)


def test_a_wrong_pin_of_a_modem_is_refused_by_the_agent():
    modem = {**board("gateway_s3")["MODEM"], "enable": "i2c:9:8:32:16"}
    with pytest.raises(config.ConfigError, match="is no pin"):
        uplink_settings.check({"order": ["lte"], "lte": modem}, "uplink")
