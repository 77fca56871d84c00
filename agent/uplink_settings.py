"""The group `uplink` of the configuration: an ESP32's ways to the network, in order of preference.

    check(raw, "uplink") -> {"order": ["wifi", "lte"], "wifi": {...}, "lte": {...}, ...}

On a Raspberry Pi and on a PC there is no such group: the system makes the connections there.
"""

from agent.schema import ConfigError, Key, Optional
from agent.schema import check as check_group

WAYS = ("wifi", "lte")
MAX_NETWORKS = 6  # each that is not there takes some seconds
_MAX_SSID = 32  # bytes [IEEE 802.11, 9.4.2.2]
_MAX_LINE = 96  # characters of an AT command

# A pin: '<GPIO>', or 'i2c:<scl>:<sda>:<address>:<pin>' of an MCP23017; '!' before it: low is on.
_PIN = Key("str", None, 1, 32, null=True)

_NETWORK = {
    "ssid": Key("str", low=1, high=_MAX_SSID),
    "password": Key("str", None, 8, 64, null=True),  # null: an open network
}
_WIFI = {
    "networks": Key("groups", low=1, high=MAX_NETWORKS, choices=_NETWORK),
    "country": Key("str", None, 2, 2, null=True),  # null: the channels that are allowed anywhere
    "hostname": Key("str", None, 1, 32, null=True),
    "power_save": Key("bool", False),
    "network_s": Key("int", 12, 3, 60),  # to find one, to join it, and for its address
}
_LTE = {
    "port": Key("str", low=1, high=32),
    "baud": Key("int", 115200, choices=(9600, 57600, 115200, 230400, 460800, 921600)),
    "apn": Key("str", None, 1, 63, null=True),  # null: the modem's, or what the operator gives
    "username": Key("str", None, 1, 64, null=True),
    "password": Key("str", None, 1, 64, null=True),
    "auth": Key("str", "chap", 3, 4, choices=("pap", "chap")),
    "pin": Key("str", None, 4, 8, null=True),
    "power_key": _PIN,
    "reset": _PIN,
    "enable": _PIN,  # the modem's supply
    "pulse_ms": Key("int", 100, 50, 5000),  # of power_key and reset
    "commands": Key("names", (), 0, 8),  # AT commands of the board's own, before the SIM is asked
    "dial": Key("str", "ATD*99#", 3, _MAX_LINE),
    "patience_s": Key("int", 180, 20, 900),  # from a modem that is off to an address
}
_SCHEMA = {
    "order": Key("names", low=1, high=len(WAYS)),
    "fails": Key("int", 3, 1, 20),  # attempts of the link that end a way
    "return_s": Key("int", 300, 10, 86400),  # on a worse way until a better one is looked for
    "hold_s": Key("int", 10, 0, 300),  # a better way must stand so long before it is taken
    "wifi": Optional(_WIFI),
    "lte": Optional(_LTE),
}


def check(raw, name):
    """The checked group. Raises ConfigError; no secret is in its text."""
    config = check_group(_SCHEMA, raw, name + ".")
    order = config["order"]
    for way in order:
        if way not in WAYS:
            raise ConfigError("%s.order: %r is none of %s" % (name, way, ", ".join(WAYS)))
        if order.count(way) > 1:
            raise ConfigError("%s.order: %s is there twice" % (name, way))
        if config[way] is None:
            raise ConfigError("key %s.%s is missing: it is in order" % (name, way))
    if config["wifi"]:
        _check_wifi(config["wifi"], name + ".wifi")
    if config["lte"]:
        _check_lte(config["lte"], name + ".lte")
    return config


def _check_wifi(wifi, name):
    for i, network in enumerate(wifi["networks"]):
        if len(network["ssid"].encode()) > _MAX_SSID:
            text = "%s.networks[%d].ssid has more than %d bytes"
            raise ConfigError(text % (name, i, _MAX_SSID))
    for key in ("country", "hostname"):
        text = wifi[key]
        if text is not None and not _is_plain(text, "-" if key == "hostname" else ""):
            raise ConfigError("%s.%s: %r is not in A-Z, a-z, 0-9 and -" % (name, key, text))


def _check_lte(lte, name):
    if not _is_uart(lte["port"]):
        raise ConfigError("%s.port: %r is not uart<id>:<rx>:<tx>" % (name, lte["port"]))
    for key in ("apn", "dial"):
        if lte[key] is not None and not _is_line(lte[key], key == "dial"):
            raise ConfigError("%s.%s: %r cannot stand in an AT command" % (name, key, lte[key]))
    for i, line in enumerate(lte["commands"]):
        if len(line) > _MAX_LINE or line[:2] != "AT" or not _is_line(line, True):
            raise ConfigError("%s.commands[%d]: %r is no AT command" % (name, i, line))
    if lte["pin"] is not None and not lte["pin"].isdigit():
        raise ConfigError("%s.pin must be of digits" % name)
    if (lte["username"] is None) != (lte["password"] is None):
        raise ConfigError("%s: username and password go together" % name)
    for key in ("power_key", "reset", "enable"):
        if lte[key] is not None and not _is_pin(lte[key]):
            raise ConfigError("%s.%s: %r is no pin" % (name, key, lte[key]))


def _is_plain(text, more):
    return all([c in more or (ord(c) < 128 and (c.isalpha() or c.isdigit())) for c in text])


def _is_line(text, is_quoting):
    """Printable ASCII; a quote would end the string that a value stands in."""
    return all([" " <= c <= "~" and (is_quoting or c != '"') for c in text])


def _is_uart(text):
    parts = text.split(":")
    return (
        len(parts) == 3
        and parts[0][:4] == "uart"
        and all([part.isdigit() for part in (parts[0][4:], parts[1], parts[2])])
    )


def _is_pin(text):
    parts = text.lstrip("!").split(":")
    if parts[0] == "i2c":
        parts = parts[1:]
        return len(parts) == 4 and all([part.isdigit() for part in parts]) and int(parts[3]) < 16
    return len(parts) == 1 and parts[0].isdigit()
