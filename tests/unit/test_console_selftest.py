"""agent/console/selftest.py: each fault is called by its name. By the parts' states; with the real
parts: tests/integration/test_console_faults.py."""

import binascii
import io

from agent.console import certificate
from agent.console import states as parts
from agent.console.selftest import FAIL, NONE, OK, PARTS, WAIT, WARN, examine, problems
from agent.vehicle.inputs import STUCK_MS, Inputs

DAY = 86400000
UTC = 1790000000000


def states():
    """A car on the road, with nothing wrong."""
    return {
        "gps": {
            "open": True, "heard": 100, "said": 100, "fixed": 900, "valid": True, "quality": 1,
            "reason": None, "satellites": 9, "in_view": 12, "antenna": "ok", "jamming": "ok",
        },
        "obd": {"open": True, "heard": 50, "state": "polling", "adapter": "ELM327 v1.5"},
        "power": {
            "battery": 14100, "rpm": 3200, "ignition": True,
            "machine": {"battery_v": 12, "low": False, "cutout": 12200},
        },
        "inputs": {
            "panic": [False, 5000, False], "siren": [True, 60000, False],
            "ignition": [True, 90000, False], "off_duty": [True, 90000000, False],
        },
        "clock": {
            "utc": UTC, "source": 1, "machine": UTC + 400, "refused": 0,
            "not_before": UTC - 300 * DAY,
        },
        "link": {
            "state": "online", "proved": True, "broker": "broker:8883", "cause": None,
            "detail": None, "certificates": [["cert", UTC - DAY, UTC + DAY]],
        },
        "storage": {
            "left": 0, "bytes": 1000, "quota": 100000, "free": 9000000, "lost": 0,
            "write_errors": 0, "full": False,
        },
        "update": {"outcome": "good", "trial": False},
        "agent": {"uptime": 600000, "faults": {}},
    }  # fmt: skip


# (part that has it, verdict, fault, what about it, {part: {key: value}} that make it so)
FAULTS = (
    ("obd", FAIL, "adapter_dead", [], {"obd": {"state": "lost", "heard": 9000}}),
    ("obd", WARN, "ecu_asleep", [], {"obd": {"state": "asleep"}}),
    ("obd", WARN, "ecu_asleep", [], {"obd": {"state": "searching"}}),
    ("obd", FAIL, "wrong_baud", ["obd"], {"obd": {"state": "lost", "heard": 300}}),
    ("gps", FAIL, "wrong_baud", ["gps"], {"gps": {"said": None, "valid": False}}),
    ("gps", FAIL, "antenna_off", ["open"], {"gps": {"antenna": "open", "valid": False}}),
    ("gps", FAIL, "antenna_off", ["short"], {"gps": {"antenna": "short"}}),
    ("gps", FAIL, "no_fix", ["4"], {"gps": {"valid": False, "in_view": 4}}),
    ("gps", FAIL, "gps_silent", [], {"gps": {"heard": 6000, "said": 6000}}),
    ("gps", FAIL, "gps_port", [], {"gps": {"open": False}}),
    ("gps", FAIL, "gps_jammed", [], {"gps": {"jamming": "critical", "valid": False}}),
    ("gps", WARN, "gps_poor", ["hdop"], {"gps": {"quality": 2, "reason": "hdop"}}),
    ("obd", FAIL, "adapter_port", [], {"obd": {"open": False, "state": None}}),
    ("link", FAIL, "broker_refuses", ["code 5"],
     {"link": {"state": "waiting", "cause": "refused", "detail": "code 5"}}),
    ("link", FAIL, "certificate_expired", ["cert"],
     {"link": {"state": "waiting", "certificates": [["cert", UTC - 9 * DAY, UTC - DAY]]}}),
    ("link", FAIL, "certificate_expired", ["broker"],
     {"link": {"state": "waiting", "cause": "tls", "detail": "certificate has expired"}}),
    ("link", FAIL, "certificate_early", ["ca"],
     {"link": {"state": "waiting", "certificates": [["ca", UTC + DAY, UTC + 9 * DAY]]}}),
    ("link", FAIL, "certificate_unread", ["cert"],
     {"link": {"state": "waiting", "certificates": [["cert", None, None]]}}),
    ("link", FAIL, "tls_refused", ["unknown ca"],
     {"link": {"state": "connecting", "cause": "tls", "detail": "unknown ca"}}),
    ("link", FAIL, "broker_unreachable", ["broker:8883"],
     {"link": {"state": "waiting", "cause": "network"}}),
    ("link", FAIL, "room_silent", [], {"link": {"proved": False}}),
    ("clock", FAIL, "clock_wrong", [], {"clock": {"machine": UTC - 400 * DAY}}),
    ("clock", FAIL, "clock_wrong", [], {"clock": {"utc": None, "machine": 0}}),
    ("clock", FAIL, "clock_wrong", [], {"clock": {"refused": 7, "source": 3}}),
    ("clock", WARN, "clock_off", ["90"], {"clock": {"machine": UTC - 90000}}),
    ("clock", WARN, "clock_unknown", [], {"clock": {"utc": None}}),
    ("storage", FAIL, "storage_full", ["4096"], {"storage": {"free": 4096}}),
    ("storage", FAIL, "storage_full", ["9000000"], {"storage": {"full": True}}),
    ("storage", FAIL, "storage_fails", ["3"], {"storage": {"write_errors": 3}}),
    ("storage", WARN, "journal_full", ["77"], {"storage": {"bytes": 95000, "left": 77}}),
    ("inputs", FAIL, "input_stuck", ["panic"], {"inputs": {"panic": [True, 600001, True]}}),
    ("inputs", FAIL, "input_stuck", ["ignition"], {"inputs": {"ignition": [False, 5000, False]}}),
    ("inputs", FAIL, "input_unread", ["panic"], {"inputs": {"panic": [None, 5000, False]}}),
    ("power", FAIL, "battery_low", ["10.5"], {"power": {"battery": 10500, "rpm": 0}}),
    ("power", WARN, "not_charging", ["12.4"], {"power": {"battery": 12400}}),
    ("power", WARN, "not_charging", ["12.4"], {"power": {"battery": 12400, "machine": None}}),
    ("power", WARN, "battery_cutout", ["12.2"], {"power": {
        "battery": 12100, "rpm": 0, "machine": {"battery_v": 12, "low": True, "cutout": 12200}}}),
    ("power", FAIL, "battery_low", ["23.6"], {"power": {
        "battery": 23600, "rpm": 0, "machine": {"battery_v": 24, "low": True, "cutout": 24400}}}),
    ("power", WARN, "not_charging", ["25.9"], {"power": {
        "battery": 25900, "machine": {"battery_v": 24, "low": False, "cutout": 24400}}}),
    ("update", FAIL, "update_failed", ["crashed"], {"update": {"outcome": "crashed"}}),
    ("update", FAIL, "update_failed", ["unwell"], {"update": {"outcome": "unwell"}}),
    ("update", FAIL, "update_failed", ["broken"], {"update": {"outcome": "broken"}}),
    ("update", WARN, "update_trial", [], {"update": {"trial": True}}),
    ("agent", WARN, "agent_fault", ["tick.KeyError", "2"],
     {"agent": {"faults": {"tick.KeyError": 2}}}),
)  # fmt: skip


def verdicts(changes):
    found = states()
    for part, values in changes.items():
        found[part].update(values)
    return {row["part"]: row for row in examine(found)}


def test_all_is_well():
    rows = examine(states())
    assert [row["part"] for row in rows] == list(PARTS)
    assert [row["verdict"] for row in rows] == [OK] * len(PARTS)
    assert problems(rows) == []


def test_each_fault_is_called_by_its_name_and_nothing_else_is_blamed():
    for part, verdict, fault, about, changes in FAULTS:
        rows = verdicts(changes)
        row = rows[part]
        assert (row["verdict"], row["fault"], row["about"]) == (verdict, fault, about), row
        wrong = [name for name in PARTS if rows[name]["fault"]]
        # An ignition that is stuck is seen by the engine; all others stand alone.
        assert wrong == [part], (fault, wrong)


def test_what_is_not_fitted_is_no_fault():
    found = states()
    for part in ("gps", "obd", "update"):
        found[part] = None
    found["inputs"] = {}
    found["power"] = {"battery": None, "rpm": None, "machine": None}
    rows = {row["part"]: row["verdict"] for row in examine(found)}
    assert [rows[part] for part in ("gps", "obd", "update", "inputs")] == [NONE] * 4
    assert rows["power"] == WAIT


def test_in_its_first_seconds_nothing_is_blamed_for_being_slow():
    changes = {
        "agent": {"uptime": 4000},
        "gps": {"open": False, "heard": None, "said": None, "valid": False},
        "obd": {"open": False, "state": None},
        "link": {"state": "online", "proved": False},
    }
    rows = verdicts(changes)
    assert [rows[part]["verdict"] for part in ("gps", "obd", "link")] == [WAIT] * 3


class App:
    """As much of the application as tells how its inputs are."""

    def __init__(self, *names):
        self.config = {"inputs": {name: "a wire" for name in names}}
        self.inputs = Inputs()


def test_what_is_stuck_the_inputs_say_and_nothing_else_does():
    """One table of limits: whatever the room is told of the self-test says as well, and only that;
    so a crew's switch may be on for days."""
    for name in ("panic", "siren", "light_bar", "tamper", "off_duty", "ignition"):
        app = App(name)
        for now in range(0, 200, 20):
            app.inputs.feed({name: True}, now)
        limit = STUCK_MS.get(name)
        for now in (limit - 1, limit) if limit else (30 * DAY,):
            found = states()
            found["inputs"] = parts.inputs(app, now)
            (row,) = [row for row in examine(found) if row["part"] == "inputs"]
            wanted = name if app.inputs.newly_stuck(now) else None
            assert row["fault"] == (wanted and "input_stuck"), (name, now, row)
            assert (wanted is not None) == (now == limit)


def test_the_worst_comes_first():
    rows = examine(states())
    rows[0]["verdict"], rows[1]["verdict"] = WARN, FAIL
    assert [row["part"] for row in problems(rows)] == ["obd", "gps"]


def der(begins, ends):
    """As much of a certificate as its dates need (RFC 5280)."""

    def item(tag, content):
        return bytes((tag, 0x82)) + len(content).to_bytes(2, "big") + content

    def time(text):
        return bytes((0x17 if len(text) == 13 else 0x18, len(text))) + text

    inner = b"\xa0\x03\x02\x01\x02" + b"\x02\x01\x07" + b"\x30\x00" + item(0x30, bytes(300))
    inner += item(0x30, time(begins) + time(ends)) + item(0x30, bytes(200))
    return item(0x30, item(0x30, inner) + b"\x30\x00")


def test_dates_of_a_certificate():
    data = der(b"260102030405Z", b"20510607080910Z")
    assert certificate.validity(data) == (1767323045000, 2569738150000)
    assert certificate.validity(der(b"991231235959Z", b"000229000000Z")) == (
        946684799000, 951782400000,
    )  # fmt: skip


def test_the_beginning_of_a_file_is_enough():
    whole = der(b"260102030405Z", b"20510607080910Z") + b"\x00" * 3000
    dates = (1767323045000, 2569738150000)
    pem = b"-----BEGIN CERTIFICATE-----\n"
    for i in range(0, len(whole), 48):
        pem += binascii.b2a_base64(whole[i : i + 48])
    pem += b"-----END CERTIFICATE-----\n"
    for data in (whole, pem, b"Certificate:\n" + b"    Data: text\n" * 300 + pem + pem):
        assert certificate.validity(certificate.begin(io.BytesIO(data))) == dates
    for data in (b"", b"no certificate\n" * 100000):
        assert len(certificate.begin(io.BytesIO(data))) <= 2048


def test_what_is_no_certificate_has_no_dates():
    whole = der(b"260102030405Z", b"20510607080910Z")
    for data in (b"", b"x" * 300, b"-----BEGIN CERTIFICATE-----\n!!!", whole[:40],
                 der(b"2601020304xxZ", b"20510607080910Z")):  # fmt: skip
        try:
            certificate.validity(data)
        except certificate.CertificateError:
            continue
        raise AssertionError("read: %r" % data[:20])
