"""agent/config.py: what is taken, what is filled in, and the error that names the wrong key."""

import json
import os

from agent import config
from agent.comms import session as sessions
from agent.config import ConfigError
from tests.support.files import temporary

PSK = "5ec2e7" * 10 + "5ec2"
PATH = temporary("config.json")


def minimal():
    return {
        "vehicle": "car-7",
        "keys": {"room_key_id": "00112233", "room_public": "ab" * 32, "psk": PSK},
        "mqtt": {"host": "broker.example"},
        "journal": {"dir": "/var/lib/patrol"},
    }


def changed(path, value):
    """The minimal configuration with one key set."""
    raw = minimal()
    group = raw
    names = path.split(".")
    for name in names[:-1]:
        group = group.setdefault(name, {})
    group[names[-1]] = value
    return raw


def without(path):
    raw = minimal()
    group = raw
    names = path.split(".")
    for name in names[:-1]:
        group = group[name]
    group.pop(names[-1])
    return raw


def error(raw):
    try:
        config.check(raw)
    except ConfigError as e:
        return str(e)
    raise AssertionError("taken: %r" % (raw,))


def load_error(data):
    with open(PATH, "wb") as f:
        f.write(data)
    try:
        config.load(PATH)
    except ConfigError as e:
        return str(e)
    finally:
        os.remove(PATH)
    raise AssertionError("taken: %r" % (data,))


def test_a_minimal_configuration_is_filled_in():
    full = config.check(minimal())
    assert full["keys"]["psk"] == bytes.fromhex(PSK) and full["keys"]["psk_generation"] == 1
    assert full["mqtt"] == {
        "host": "broker.example",
        "port": 1883,
        "username": None,
        "password": None,
        "keepalive_s": 60,
        "connect_timeout_s": 20,
        "window": 64,
        "backlog_bytes_per_s": 0,
        "budget_bytes_per_day": 0,
        "budget_floor_bytes": 262144,
        "tls": None,
        "brokers": [
            {
                "host": "broker.example",
                "port": 1883,
                "username": None,
                "password": None,
                "tls": None,
            }
        ],
    }
    assert full["gps"] is None and full["obd"] is None and full["inputs"] is None
    assert full["journal"]["quota_bytes"] == 16777216
    assert full["reporting"] == {
        "profile": "patrol",
        "profiles": (),
        "zones": (),
        "driving_events": True,
    }
    # 2026-01-01T00:00:00Z
    assert full["time"]["not_before_utc_ms"] == 1767225600000


def test_it_holds_the_vehicles_identity():
    identity = sessions.identity(config.check(changed("keys.psk_generation", 9)))
    assert identity.vehicle == "car-7" and identity.room_key_id == b"\x00\x11\x22\x33"
    assert identity.room_public == b"\xab" * 32 and identity.psk == bytes.fromhex(PSK)
    assert identity.generation == 9


def test_groups_may_be_left_out_or_null():
    assert config.check(changed("gps", None))["gps"] is None
    assert config.check(changed("gps.port", "/dev/ttyS0"))["gps"] == {
        "port": "/dev/ttyS0",
        "baud": 9600,
        "configure": True,
        "set_baud": 115200,
        "period_ms": 1000,
        "save": False,
        "sky": False,
        "gpsd": None,
    }
    assert config.check(changed("inputs.panic", "17"))["inputs"] == {
        "panic": "17",
        "siren": None,
        "light_bar": None,
        "ignition": None,
        "off_duty": None,
        "confirm": None,
        "door": None,
        "tamper": None,
        "power_fail": None,
    }
    assert config.check(changed("power", None))["power"] is None
    power = config.check(changed("power", {}))["power"]
    assert (power["linger_s"], power["heartbeat_s"], power["battery_v"]) == (1800, 21600, 12)
    assert error(changed("power.battery_v", 18)) == "power.battery_v: 18 is none of 12, 24"


def test_a_missing_key_is_named():
    for path in ("vehicle", "keys.room_key_id", "keys.room_public", "keys.psk", "mqtt.host"):
        assert error(without(path)) == "key %s is missing" % path
    for group, first in (("mqtt", "mqtt.host"), ("journal", "journal.dir")):
        assert error(without(group)) == "key %s is missing" % first
    assert error(without("keys")).startswith("key keys.")
    assert error(changed("obd", {})) == "key obd.port is missing"
    assert error(changed("mqtt.tls", {})) == "key mqtt.tls.ca is missing"


def test_an_unknown_key_is_named_with_those_that_are_known():
    assert error(changed("gps.bauds", 9600)) == (
        "unknown key gps.bauds; known are baud, configure, gpsd, period_ms, port, save, "
        "set_baud, sky"
    )
    assert error(changed("speed", 1)) == (
        "unknown key speed; known are console, gps, inputs, journal, keys, mqtt, obd, orders, "
        "power, reporting, time, update, uplink, vehicle"
    )
    for path in ("keys.x", "mqtt.x", "mqtt.tls.x", "obd.x", "inputs.x", "journal.x", "time.x"):
        assert error(changed(path, 1)).startswith("unknown key %s; known are " % path)


def gps(**keys):
    group = {"port": "/dev/ttyS0"}
    group.update(keys)
    return changed("gps", group)


def test_positions_come_from_one_source():
    either = "gps: either port (a serial line) or gpsd must be given"
    assert error(changed("gps", {})) == either
    assert error(gps(gpsd={})) == either
    assert config.check(changed("gps.gpsd", {}))["gps"]["gpsd"] == {
        "host": "127.0.0.1",
        "port": 2947,
        "device": None,
    }


def test_the_receiver_is_asked_for_what_it_can_do():
    assert config.check(gps(period_ms=100))["gps"]["period_ms"] == 100
    assert error(gps(period_ms=100, set_baud=9600)) == (
        "gps: 3 sentences every 100 ms do not fit in 9600 baud"
    )
    assert config.check(gps(configure=False, period_ms=100, set_baud=9600))
    assert config.check(gps(set_baud=None))["gps"]["set_baud"] is None
    assert error(gps(configure=1)) == "gps.configure must be true or false"
    assert error(gps(period_ms=20)) == "gps.period_ms: 20 is not within 50 to 10000"


def test_a_wrong_value_is_named():
    for path, value, text in (
        ("vehicle", 7, "must be a text, not int"),
        ("vehicle", "", "must be of 1 to 24 characters, not 0"),
        ("vehicle", "x" * 25, "must be of 1 to 24 characters, not 25"),
        ("mqtt.host", 5, "must be a text, not int"),
        ("mqtt.port", "1883", "must be an integer, not str"),
        ("mqtt.port", True, "must be an integer, not bool"),
        ("mqtt.port", 1883.0, "must be an integer, not float"),
        ("mqtt.port", None, "must be an integer, not NoneType"),
        ("mqtt.port", 0, "0 is not within 1 to 65535"),
        ("mqtt.port", 65536, "65536 is not within 1 to 65535"),
        ("mqtt.window", 129, "129 is not within 1 to 128"),
        ("journal.quota_bytes", 1000, "1000 is not within 65536 to 1099511627776"),
        ("journal.segment_bytes", 10, "10 is not within 4096 to 1048576"),
        ("journal.flush_ms", -1, "-1 is not within 100 to 600000"),
        ("keys.room_key_id", "001122", "must be of 4 bytes, not 3"),
        ("keys.room_public", "zz" * 32, "must be hexadecimal text"),
        ("keys.psk_generation", 65536, "65536 is not within 0 to 65535"),
        ("gps", [], "must be an object"),
        ("keys", None, "must be an object"),
        ("mqtt.tls", "yes", "must be an object"),
    ):
        got = error(changed(path, value))
        assert got.startswith(path) and got.endswith(text), got
    assert error(changed("gps", {"port": "/dev/ttyS0", "baud": 1200})).startswith(
        "gps.baud: 1200 is none of 4800, 9600, "
    )
    assert error([]) == "the file must be an object"


def test_a_vehicle_is_an_opaque_id():
    for name in ("Car-7", "car 7", "car/7", "+", "#", "voiture-\u00e9"):
        assert error(changed("vehicle", name)).endswith("is not in a-z, 0-9 and -")


def test_certificate_and_key_go_together():
    tls = {"ca": "ca.der", "cert": "cert.der"}
    assert error(changed("mqtt.tls", tls)) == "mqtt.tls: cert and key go together"
    tls["key"] = "key.der"
    assert config.check(changed("mqtt.tls", tls))["mqtt"]["tls"]["server_name"] is None


def brokers(*rows, **rest):
    raw = minimal()
    raw["mqtt"] = {"brokers": list(rows)}
    raw["mqtt"].update(rest)
    return raw


def test_brokers_in_order_of_preference_share_what_the_group_says():
    mqtt = config.check(
        brokers({"host": "one", "port": 8883}, {"host": "two", "username": "else"}, username="car")
    )["mqtt"]
    rows = [(b["host"], b["port"], b["username"], b["tls"]) for b in mqtt["brokers"]]
    assert rows == [("one", 8883, "car", None), ("two", 1883, "else", None)]


def test_a_wrong_broker_is_named():
    tls = {"ca": "ca.der", "cert": "cert.der"}
    for raw, text in (
        (brokers({"port": 1}), "key mqtt.brokers[0].host is missing"),
        (brokers({"host": "one"}, {"host": ""}), "mqtt.brokers[1].host must be of 1 to 253"),
        (brokers({"host": "one", "prot": 1}), "unknown key mqtt.brokers[0].prot"),
        (brokers("one"), "mqtt.brokers[0] must be an object"),
        (brokers(*[{"host": "one"}] * 5), "mqtt.brokers must be a list of at most 4 brokers"),
        (brokers(), "key mqtt.host is missing"),
        (brokers({"host": "one"}, host="two"), "mqtt: either host or brokers must be given"),
        (
            brokers({"host": "one"}, {"host": "two", "tls": tls}),
            "mqtt.brokers[1].tls: cert and key",
        ),
    ):
        assert error(raw).startswith(text), error(raw)


def test_a_budget_must_leave_something_beside_its_floor():
    raw = changed("mqtt.budget_bytes_per_day", 262144)
    assert error(raw).startswith("mqtt.budget_floor_bytes: 262144 leaves nothing")
    assert config.check(changed("mqtt.budget_bytes_per_day", 262145))["mqtt"]["budget_floor_bytes"]


def test_profiles_of_ones_own():
    row = ["mine", 1000, 2000, 150, 30, 5000, [1000, 5000, 30000]]
    raw = changed("reporting", {"profile": "mine", "profiles": [row]})
    assert config.check(raw)["reporting"]["profiles"] == [row]
    assert error(changed("reporting.profile", "mine")) == (
        "reporting.profile: no profile 'mine'; there are patrol, pursuit, parked, event"
    )
    bad = (
        1, [], row[:6], row + [1], [7] + row[1:], row[:6] + [[1, 2]], row[:6] + [7],
        row[:1] + ["1"] + row[2:], row[:1] + [-1] + row[2:],
    )  # fmt: skip
    for wrong in bad:
        text = error(changed("reporting.profiles", [row, wrong]))
        assert text.startswith("reporting.profiles[1]"), text
    assert error(changed("reporting.profiles", {})).startswith("reporting.profiles must be a list")
    assert error(changed("reporting.profiles", [row] * 17)).endswith("of at most 16 rows")


def test_profiles_may_bound_the_error_and_the_speed():
    row = ["mine", 1000, 2000, 150, 30, 5000, [1000, 5000, 30000]]
    good = [row, row + [0], row + [50], row + [500, 0], row + [100000, 300]]
    assert config.check(changed("reporting.profiles", good))["reporting"]["profiles"] == good
    for tail in ([49], [-1], [100001], [None], ["500"], [500, 301], [500, -1], [500, 50, 0]):
        text = error(changed("reporting.profiles", [row, row + tail]))
        assert text.startswith("reporting.profiles[1]"), text
    assert error(changed("reporting.profiles", [row + [7]])) == (
        "reporting.profiles[0]: 7 is neither 0 nor within 50 to 100000"
    )


def test_zones_are_checked_against_the_profiles():
    zone = ["depot", "parked", 30, 0, [33990000, -6850000, 200]]
    assert config.check(changed("reporting.zones", [zone]))["reporting"]["zones"] == [zone]
    own = ["mine", 1000, 2000, 150, 30, 5000, [1000, 5000, 30000]]
    raw = changed("reporting", {"profiles": [own], "zones": [zone[:1] + ["mine"] + zone[2:]]})
    assert config.check(raw)["reporting"]["zones"][0][1] == "mine"
    other = ["school", "slow"] + zone[2:]
    assert error(changed("reporting.zones", [zone, other])) == (
        "reporting.zones[1] (school): no profile 'slow'"
    )
    for wrong in ({}, "depot", [zone] * 65):
        text = error(changed("reporting.zones", wrong))
        assert text == "reporting.zones must be a list of at most 64 rows"


def test_no_secret_is_ever_in_the_text():
    for path, value in (
        ("keys.psk", PSK + "00"),
        ("keys.psk", PSK[:-1]),
        ("keys.psk", PSK[:-1] + "g"),
        ("keys.psk", [PSK]),
        ("keys.psk", int(PSK[:15], 16)),
        ("keys.psk_generation", PSK),
        ("keys.room_key_id", PSK),
        ("vehicle", PSK),
        ("mqtt.password", 20262026),
        ("mqtt.password", ["20262026"]),
        ("mqtt.password", "20262026" * 20),
        ("mqtt.port", "20262026"),
        ("mqtt", PSK),
    ):
        text = error(changed(path, value))
        assert path in text
        for secret in (PSK[:6], str(int(PSK[:15], 16)), "20262026"):
            assert secret not in text, text


def test_a_file_is_loaded():
    with open(PATH, "w") as f:
        f.write(json.dumps(minimal()))
    try:
        assert config.load(PATH) == config.check(minimal())
    finally:
        os.remove(PATH)


def test_a_file_that_cannot_be_used_is_named():
    assert load_error(b"{").startswith("configuration %s is no JSON" % PATH)
    assert load_error(b"").startswith("configuration %s is no JSON" % PATH)
    assert load_error(b"[]") == "configuration %s: the file must be an object" % PATH
    assert load_error(b'{"vehicle": "\xff\xfe"}').startswith("configuration %s" % PATH)
    try:
        config.load("/nowhere/config.json")
        raise AssertionError("no error")
    except ConfigError as e:
        assert str(e) == "configuration /nowhere/config.json cannot be read: error 2"


def test_a_uart_of_a_chip_has_one_user():
    raw = changed("gps", {"port": "uart1:18:17"})
    raw["obd"] = {"port": "uart1:40:39"}
    assert error(raw) == "obd.port: uart1 is that of gps.port"
    raw["obd"] = {"port": "uart2:40:39"}
    raw["uplink"] = {"order": ["lte"], "lte": {"port": "uart2:48:47"}}
    assert error(raw) == "uplink.lte.port: uart2 is that of obd.port"
    raw["uplink"]["lte"]["port"] = "uart0:48:47"
    config.check(raw)
    raw["console"] = {"port": "uart0:44:43"}
    assert error(raw) == "uplink.lte.port: uart0 is that of console.port"
    raw["console"] = {"port": "usb"}
    config.check(raw)
