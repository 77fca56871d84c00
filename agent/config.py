"""The configuration file: JSON, checked against one schema; a wrong key is named in the error.

The schema is data: see `schema.py`.
"""

import json

from agent.const import const
from agent.gps.settings import SettingsError, from_config
from agent.reporting import MAX_LIMIT, MAX_ZONES, MIN_ERROR_CM, PROFILES
from agent.schema import ConfigError, Key, Optional
from agent.schema import check as check_group

_MAX_ERROR_CM = const(100000)  # a kilometre: beyond it a track says nothing
_BAUDS = (4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 500000, 921600)

_TLS = {
    "ca": Key("str", low=1, high=255),
    "cert": Key("str", None, 1, 255, null=True),
    "key": Key("str", None, 1, 255, null=True),
    "server_name": Key("str", None, 1, 253, null=True),
}
_BROKER = {
    "host": Key("str", low=1, high=253),
    "port": Key("int", 1883, 1, 65535),
    "username": Key("str", None, 0, 128, null=True),
    "password": Key("str", None, 0, 128, null=True),
    "tls": Optional(_TLS),
}

_TECHNICIAN = {
    "name": Key("str", low=1, high=24),
    "role": Key("str", "service", 1, 8, choices=("look", "service", "danger")),
    "modulus": Key("str", low=1, high=255),
}

SCHEMA = {
    "vehicle": Key("str", low=1, high=24),
    "keys": {
        "room_key_id": Key("hex", low=4, high=4),
        "room_public": Key("hex", low=32, high=32),
        "psk": Key("hex", low=32, high=32),
        "psk_generation": Key("int", 1, 0, 65535),
        # Of the fleet root, 384 bytes as hexadecimal text, or the file that holds them; null: no
        # order brings a set of room keys. A set of a version up to this one is no newer.
        "fleet_root": Key("str", None, 1, 768, null=True),
        "key_set_version": Key("int", 0, 0, (1 << 32) - 1),
    },
    "mqtt": {
        # One broker by itself, or `brokers`, in the order of preference; what a broker of the list
        # does not say is said here.
        "host": Key("str", None, 1, 253, null=True),
        "port": Key("int", 1883, 1, 65535),
        "username": Key("str", None, 0, 128, null=True),
        "password": Key("str", None, 0, 128, null=True),
        "tls": Optional(_TLS),
        "brokers": Key("brokers", (), 0, 4),
        "keepalive_s": Key("int", 60, 5, 3600),
        "connect_timeout_s": Key("int", 20, 1, 300),
        "window": Key("int", 64, 1, 128),
        "backlog_bytes_per_s": Key("int", 0, 0, 10000000),
        # Of a metered SIM, by UTC's day; 0: none. The floor is kept back for alerts.
        "budget_bytes_per_day": Key("int", 0, 0, 1 << 40),
        "budget_floor_bytes": Key("int", 262144, 0, 1 << 40),
    },
    # On an ESP32; elsewhere the system makes the connections. Keys: `uplink_settings.py`.
    "uplink": Key("uplink", None, null=True),
    "gps": Optional(
        {
            "port": Key("str", None, 1, 255, null=True),
            "baud": Key("int", 9600, choices=_BAUDS),
            # Find the receiver's rate, and set up what is a u-blox; else nothing is written to it.
            "configure": Key("bool", True),
            "set_baud": Key("int", 115200, choices=_BAUDS, null=True),  # null: as it is found
            "period_ms": Key("int", 1000, 50, 10000),
            "save": Key("bool", False),
            "sky": Key("bool", False),  # satellites in view
            "gpsd": Optional(
                {
                    "host": Key("str", "127.0.0.1", 1, 253),
                    "port": Key("int", 2947, 1, 65535),
                    "device": Key("str", None, 1, 255, null=True),
                }
            ),
        }
    ),
    "obd": Optional(
        {
            "port": Key("str", low=1, high=255),
            "baud": Key("int", 38400, choices=_BAUDS),
            "set_baud": Key("int", 115200, choices=_BAUDS, null=True),  # null: as it is found
            "bitrate": Key("int", 500000, choices=(250000, 500000)),  # of a CAN interface
            "signals": Key("names", None, 1, 64, null=True),  # null: what the PID table holds
            "sleep": Key("bool", True),
        }
    ),
    "inputs": Optional(
        {
            "panic": Key("str", None, 1, 255, null=True),
            "siren": Key("str", None, 1, 255, null=True),
            "light_bar": Key("str", None, 1, 255, null=True),
            "ignition": Key("str", None, 1, 255, null=True),
            "off_duty": Key("str", None, 1, 255, null=True),
            "confirm": Key("str", None, 1, 255, null=True),
            "door": Key("str", None, 1, 255, null=True),
            "tamper": Key("str", None, 1, 255, null=True),
            "power_fail": Key("str", None, 1, 255, null=True),
        }
    ),
    # Null: the gateway never sleeps. Defaults and their sources: docs/power.md.
    "power": Optional(
        {
            # A file that holds mV, or a chip's '<pin>:<numerator>:<denominator>'; null: OBD tells.
            "battery": Key("str", None, 1, 255, null=True),
            "battery_v": Key("int", 12, choices=(12, 24)),
            "cutout_mv": Key("int", None, 9000, 28000, null=True),  # null: 12200 for each 12 V
            "cutout_s": Key("int", 240, 10, 3600),
            "idle_s": Key("int", 60, 5, 3600),
            "linger_s": Key("int", 1800, 0, 604800),
            "alarm_s": Key("int", 600, 1, 86400),
            "heartbeat_s": Key("int", 21600, 0, 604800),  # 0: none
            "heartbeat_awake_s": Key("int", 120, 10, 3600),
            "send_s": Key("int", 300, 0, 86400),
            "fail_ms": Key("int", 2000, 0, 60000),
            # A chip's pin that an external watchdog wants to see move every 10 minutes.
            "watchdog": Key("str", None, 1, 3, null=True),
        }
    ),
    "journal": {
        "dir": Key("str", low=1, high=255),
        # A day at 1 Hz, in batches of 60, is about 0.8 MB.
        "quota_bytes": Key("int", 16777216, 65536, 1 << 40),
        "segment_bytes": Key("int", 16384, 4096, 1048576),
        "flush_ms": Key("int", 10000, 100, 600000),
    },
    "reporting": {
        "profile": Key("str", "patrol", 1, 24),
        "profiles": Key("rows", (), 0, 16),
        "zones": Key("zones", (), 0, MAX_ZONES),
        # Braking, acceleration and cornering; a collision is always told.
        "driving_events": Key("bool", True),
    },
    "orders": {
        # The most that the room may order: look, service or danger.
        "role": Key("str", "danger", 1, 8, choices=("look", "service", "danger")),
    },
    # Releases over the air; only where the agent runs from a slot (docs/update.md).
    "update": Optional(
        {
            "hardware": Key("str", low=1, high=24),  # what a release must name to be taken
            "keys": Key("str", low=1, high=255),  # file with the three moduli, 1,152 bytes
            "capacity_bytes": Key("int", 2097152, 65536, 16777216),  # of one slot
            # When a release on trial may be committed, and by when it must have been.
            "settle_ms": Key("int", 60000, 1000, 600000),
            "trial_ms": Key("int", 600000, 5000, 3600000),
        }
    ),
    "console": {
        "port": Key("str", None, 1, 255, null=True),  # a serial line; on an ESP32 also "usb"
        "baud": Key("int", 115200, choices=_BAUDS),
        "socket": Key("str", None, 1, 100, null=True),  # of this machine; on a Raspberry Pi
        "language": Key("str", "en", 2, 2, choices=("en", "fr", "ar")),
        "charset": Key("str", "ascii", 5, 5, choices=("ascii", "utf-8")),
        "technicians": Key("groups", (), 0, 16, choices=_TECHNICIAN),
    },
    "time": {
        # Before this agent was written no receiver tells the truth: 2026-01-01T00:00:00Z.
        "not_before_utc_ms": Key("int", 1767225600000, 0, 1 << 53),
        # How long after its epoch the receiver begins to send: its model's, to be measured.
        "gnss_late_ms": Key("int", 80, 0, 1000),
    },
}


class Wiped(ConfigError):
    """The secrets of this vehicle were erased by order: it never starts again."""


def read(path):
    """The parsed JSON of the file, nothing of it checked. Raises ConfigError; Wiped."""
    try:
        with open(path) as f:
            text = f.read()
    except OSError as e:
        raise ConfigError("configuration %s cannot be read: error %s" % (path, e.args[0]))
    except ValueError:
        raise ConfigError("configuration %s is no UTF-8 text" % path)
    try:
        raw = json.loads(text)
    except ValueError as e:
        raise ConfigError("configuration %s is no JSON: %s" % (path, e))
    if isinstance(raw, dict) and "wiped" in raw:
        text = "configuration %s: the secrets of this vehicle were erased by order %s"
        raise Wiped(text % (path, raw["wiped"]))
    return raw


def load(path):
    """The checked configuration as nested dicts. Raises ConfigError."""
    raw = read(path)
    try:
        return check(raw)
    except ConfigError as e:
        raise ConfigError("configuration %s: %s" % (path, e))


def is_key(name):
    """True when a value has this dotted name, which groups have not."""
    rule = SCHEMA
    for part in name.split("."):
        rule = rule.group if isinstance(rule, Optional) else rule
        if not isinstance(rule, dict) or part not in rule:
            return False
        rule = rule[part]
    return isinstance(rule, Key)


def check(raw):
    """Checks a parsed file and fills in defaults. Raises ConfigError."""
    config = check_group(SCHEMA, raw, "", _KINDS)
    names = [row[0] for row in PROFILES] + [row[0] for row in config["reporting"]["profiles"]]
    if config["reporting"]["profile"] not in names:
        text = "reporting.profile: no profile %r; there are %s"
        raise ConfigError(text % (config["reporting"]["profile"], ", ".join(names)))
    if config["reporting"]["zones"]:
        from agent.zones import ZoneError
        from agent.zones import check as check_zones

        try:
            check_zones(config["reporting"]["zones"], names)
        except ZoneError as e:
            raise ConfigError("reporting.%s" % e)
    _check_gps(config["gps"])
    _check_obd(config["obd"])
    for c in config["vehicle"]:
        if c not in "abcdefghijklmnopqrstuvwxyz0123456789-":
            raise ConfigError("vehicle: %r is not in a-z, 0-9 and -" % c)
    _check_brokers(config["mqtt"])
    _check_uarts(config)
    update = config["update"]
    if update and update["settle_ms"] >= update["trial_ms"]:
        raise ConfigError("update.settle_ms: no trial would be committed before its time is over")
    return config


def _check_uarts(config):
    """An ESP32's UART has one user: 'uart1:18:17' is UART 1."""
    uplink = config["uplink"] or {}
    groups = [(name, config[name]) for name in ("gps", "obd", "console")]
    users = {}
    for name, group in groups + [("uplink.lte", uplink.get("lte"))]:  # noqa: RUF005
        uart = ((group or {}).get("port") or "").split(":")[0]
        if uart[:4] == "uart" and uart in users:
            raise ConfigError("%s.port: %s is that of %s.port" % (name, uart, users[uart]))
        users[uart] = name


def _check_brokers(mqtt):
    """`brokers` is a list in the end, also where the group itself names the only one."""
    if not mqtt["brokers"]:
        if mqtt["host"] is None:
            raise ConfigError("key mqtt.host is missing")
        mqtt["brokers"] = [{key: mqtt[key] for key in _BROKER}]
    elif mqtt["host"] is not None:
        raise ConfigError("mqtt: either host or brokers must be given")
    for i, broker in enumerate([mqtt] + mqtt["brokers"]):  # noqa: RUF005 MicroPython has no [x, *y]
        tls = broker["tls"]
        if tls and (tls["cert"] is None) != (tls["key"] is None):
            where = "mqtt.brokers[%d].tls" % (i - 1) if mqtt["host"] is None and i else "mqtt.tls"
            raise ConfigError("%s: cert and key go together" % where)
    if 0 < mqtt["budget_bytes_per_day"] <= mqtt["budget_floor_bytes"]:
        text = "mqtt.budget_floor_bytes: %d leaves nothing of mqtt.budget_bytes_per_day"
        raise ConfigError(text % mqtt["budget_floor_bytes"])


def _check_gps(gps):
    if gps is None:
        return
    if (gps["port"] is None) == (gps["gpsd"] is None):
        raise ConfigError("gps: either port (a serial line) or gpsd must be given")
    try:
        from_config(gps)
    except SettingsError as e:
        raise ConfigError("gps: %s" % e)


def _check_obd(obd):
    if obd is None or obd["signals"] is None:
        return
    from agent import signals  # looked up only where the configuration names some
    from agent.obd import pids

    for name in obd["signals"]:
        signal = signals.by_name(name)
        if signal is None or not pids.of_signal(signal):
            raise ConfigError("obd.signals: no PID gives signal %r" % name)


def _brokers(rule, value, name, mqtt):
    """Groups of the keys of _BROKER; what one does not say is said by the group around the list."""
    if not isinstance(value, (list, tuple)) or len(value) > rule.high:
        raise ConfigError("%s must be a list of at most %d brokers" % (name, rule.high))
    found = []
    for i, broker in enumerate(value):
        if isinstance(broker, dict):
            whole = {k: mqtt[k] for k in _BROKER if k in mqtt and k != "host"}
            whole.update(broker)
            broker = whole
        found.append(check_group(_BROKER, broker, "%s[%d]." % (name, i)))
    return found


def _rows(rule, value, name, _):
    """Profiles of one's own: rows with the columns of `reporting.PROFILES`, the last two or the
    last one of which may be absent."""
    if not isinstance(value, list) or len(value) > rule.high:
        raise ConfigError("%s must be a list of at most %d rows" % (name, rule.high))
    for i, row in enumerate(value):
        where = "%s[%d]" % (name, i)
        if not isinstance(row, list) or not 7 <= len(row) <= 9:
            raise ConfigError("%s must have the columns of a profile" % where)
        if not isinstance(row[0], str):
            raise ConfigError("%s: the name must be a text" % where)
        numbers = row[1:6] + (row[6] if isinstance(row[6], list) else [None])
        if len(numbers) != 8 or not all([isinstance(n, int) and n >= 0 for n in numbers]):
            raise ConfigError("%s: five integers and a list of three follow the name" % where)
        for column, low, high in zip(row[7:], (MIN_ERROR_CM, 1), (_MAX_ERROR_CM, MAX_LIMIT)):  # noqa: B905
            if not isinstance(column, int) or (column and not low <= column <= high):
                text = "%s: %r is neither 0 nor within %d to %d"
                raise ConfigError(text % (where, column, low, high))
    return value


def _zones(rule, value, name, _):
    """The rows are checked when the profiles are known that they may name."""
    if not isinstance(value, list) or len(value) > rule.high:
        raise ConfigError("%s must be a list of at most %d rows" % (name, rule.high))
    return value


def _uplink(rule, value, name, _):
    """An ESP32's ways to the network; only who has some pays for what checks them."""
    from agent import uplink_settings

    return uplink_settings.check(value, name)


_KINDS = {"brokers": _brokers, "rows": _rows, "zones": _zones, "uplink": _uplink}
