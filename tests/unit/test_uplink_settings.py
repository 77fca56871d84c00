"""agent/uplink_settings.py: an ESP32's ways to the network; the error names the wrong key, and
never a secret."""

from agent import config
from agent.config import ConfigError
from agent.console.look_config import HIDDEN, hidden
from agent.uplink_settings import check

SECRET = "hunter2hunter2"


def both():
    return {
        "order": ["wifi", "lte"],
        "wifi": {"networks": [{"ssid": "depot", "password": SECRET}, {"ssid": "open"}]},
        "lte": {"port": "uart1:5:4", "apn": "internet", "pin": "1234", "power_key": "46"},
    }


def changed(path, value):
    raw = both()
    group = raw
    names = path.split(".")
    for name in names[:-1]:
        group = group[name]
    group[names[-1]] = value
    return raw


def error(raw):
    try:
        check(raw, "uplink")
    except ConfigError as e:
        assert SECRET not in str(e) and "1234" not in str(e)
        return str(e)
    raise AssertionError("taken: %r" % (raw,))


def test_it_is_filled_in():
    full = check(both(), "uplink")
    assert full["order"] == ["wifi", "lte"] and full["fails"] == 3
    assert full["return_s"] == 300 and full["hold_s"] == 10
    assert full["wifi"]["networks"] == [
        {"ssid": "depot", "password": SECRET}, {"ssid": "open", "password": None}
    ]  # fmt: skip
    assert full["wifi"]["power_save"] is False and full["wifi"]["country"] is None
    assert full["lte"]["baud"] == 115200 and full["lte"]["dial"] == "ATD*99#"
    assert full["lte"]["auth"] == "chap" and full["lte"]["commands"] == ()


def test_one_way_alone_does():
    raw = both()
    raw["order"] = ["lte"]
    raw.pop("wifi")
    assert check(raw, "uplink")["wifi"] is None


def test_the_wrong_key_is_named():
    for path, value, text in (
        ("order", ["wifi", "lora"], "uplink.order: 'lora' is none of wifi, lte"),
        ("order", ["wifi", "wifi"], "uplink.order: wifi is there twice"),
        ("order", [], "uplink.order must be a list of 1 to 2 names"),
        ("wifi", None, "key uplink.wifi is missing: it is in order"),
        ("fails", 0, "uplink.fails: 0 is not within 1 to 20"),
        ("wifi.networks", [], "uplink.wifi.networks must be a list of 1 to 6 objects"),
        ("wifi.networks", [{"password": SECRET}], "key uplink.wifi.networks[0].ssid is missing"),
        ("wifi.networks", [{"ssid": "a", "password": "short"}],
         "uplink.wifi.networks[0].password must be of 8 to 64 characters, not 5"),
        ("wifi.networks", [{"ssid": "\u0645" * 17}],
         "uplink.wifi.networks[0].ssid has more than 32 bytes"),
        ("wifi.country", "M!", "uplink.wifi.country: 'M!' is not in A-Z, a-z, 0-9 and -"),
        ("wifi.hostname", "a b", "uplink.wifi.hostname: 'a b' is not in A-Z, a-z, 0-9 and -"),
        ("lte.port", 3, "uplink.lte.port must be a text, not int"),
        ("lte.port", "/dev/ttyUSB2", "uplink.lte.port: '/dev/ttyUSB2' is not uart<id>:<rx>:<tx>"),
        ("lte.port", "uart1", "uplink.lte.port: 'uart1' is not uart<id>:<rx>:<tx>"),
        ("lte.apn", 'a"b', "uplink.lte.apn: 'a\"b' cannot stand in an AT command"),
        ("lte.pin", "12a4", "uplink.lte.pin must be of digits"),
        ("lte.username", "u", "uplink.lte: username and password go together"),
        ("lte.commands", ["AT+CGNSSPWR=1", "rm"], "uplink.lte.commands[1]: 'rm' is no AT command"),
        ("lte.commands", ["AT\rATD112"], "uplink.lte.commands[0]: 'AT\\rATD112' is no AT command"),
        ("lte.reset", "x", "uplink.lte.reset: 'x' is no pin"),
        ("lte.enable", "i2c:9:8:32:16", "uplink.lte.enable: 'i2c:9:8:32:16' is no pin"),
        ("lte.baud", 1200, "uplink.lte.baud: 1200 is none of 9600, 57600, 115200"),
        ("lte.wrong", 1, "unknown key uplink.lte.wrong"),
    ):  # fmt: skip
        assert text in error(changed(path, value)), (path, error(changed(path, value)))


def test_pins_of_the_chip_and_of_an_expander_are_taken():
    for pin in ("46", "!17", "i2c:9:8:32:2", "!i2c:9:8:32:3"):
        assert check(changed("lte.enable", pin), "uplink")["lte"]["enable"] == pin


def test_a_configuration_has_it_or_not():
    raw = {
        "vehicle": "car-7",
        "keys": {"room_key_id": "00112233", "room_public": "ab" * 32, "psk": "cd" * 32},
        "mqtt": {"host": "broker.example"},
        "journal": {"dir": "/journal"},
    }
    assert config.check(raw)["uplink"] is None
    raw["uplink"] = both()
    assert config.check(raw)["uplink"]["order"] == ["wifi", "lte"]
    raw["uplink"]["lte"]["baud"] = 7
    try:
        config.check(raw)
    except ConfigError as e:
        assert "uplink.lte.baud" in str(e)
    else:
        raise AssertionError("taken")


def test_the_console_shows_no_secret_of_it():
    shown = hidden(check(both(), "uplink"))
    assert shown["wifi"]["networks"][0] == {"ssid": "depot", "password": HIDDEN}
    assert shown["lte"]["pin"] == HIDDEN
