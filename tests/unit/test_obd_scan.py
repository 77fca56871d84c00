"""The scan: what it gathers from a car, and how it names what it could not have."""

import json

from agent import signals
from agent.obd import replies, scan, services
from agent.obd.scan import Scan
from agent.obd.scanner import Scanner
from tests.support import obd_car
from tests.support.obd_car import ENGINE, GEARBOX, VIN

RPM = signals.by_name("rpm")
SPEED = signals.by_name("speed")
LOAD = signals.by_name("load")


def run(table, can=True, tests=False, spoil=None):
    """A scan of a car -> its result. `spoil(service, data, messages)` may change an answer."""
    machine = Scan(can, tests)
    asked = []
    while not machine.done:
        assert len(asked) < 500
        question = machine.next()
        assert question == machine.next()
        service, data = question
        services.request(service, data)  # must be allowed
        asked.append("%02X" % service + obd_car.text_of(data))
        found = obd_car.messages(table, service, data)
        kind = replies.DONE if found else replies.NO_DATA
        clean = True
        if spoil:
            kind, found, clean = spoil(asked, kind, found)
        machine.reply(kind, found, clean)
    assert machine.next() is None
    return machine.result, asked


def without(result, what):
    """The rows of "missing" about other things."""
    return [row for row in result["missing"] if row["what"] != what]


def test_a_whole_car():
    result, asked = run(obd_car.answers())
    assert result["vin"] == VIN
    engine, gearbox = result["ecus"]
    assert engine["id"] == ENGINE and gearbox["id"] == GEARBOX
    assert engine["pids"] == [1, 4, 5, 0x0C, 0x0D, 0x0F, 0x11, 0x1C, 0x41, 0x42, 0x51]
    assert gearbox["pids"] == [1, 4, 5, 0x0C, 0x0D]
    assert (engine["acronym"], engine["name"]) == ("ECM", "Engine Control")
    assert (gearbox["acronym"], gearbox["name"]) == ("TCM", "Transmission")
    assert engine["calibrations"] == ["JMB*36761500"] and engine["verifications"] == ["1791BC82"]
    assert gearbox["calibrations"] == ["A" * 16]
    assert engine["readiness"]["mil"] and engine["readiness"]["codes"] == 1
    assert engine["readiness"]["ignition"] == "spark" and engine["cycle"]["codes"] == 0
    assert engine["standard"] == 6 and engine["fuel"] == 1 and "standard" not in gearbox
    assert engine["stored"] == ["P0301"] and engine["pending"] == ["P0301", "U0100"]
    assert engine["permanent"] == [] and gearbox["stored"] == []
    assert engine["freeze"] == {
        "code": "P0301",
        "values": [(LOAD, 0x80), (RPM, 0x1AF8), (SPEED, 0x32)],
    }
    assert gearbox["freeze"] == {"code": None, "values": []}
    assert engine["tracking"] == [("OBDCOND", 1), ("IGNCNTR", 10)]
    assert "tests" not in engine
    assert result["missing"] == [
        {"what": "permanent", "ecu": GEARBOX, "reason": "refused: service not supported"}
    ]
    assert asked[0] == asked[1] == "0100" and asked[2] == "0120"


def test_test_results_on_request():
    result, asked = run(obd_car.answers(), True, True)
    assert result["ecus"][0]["tests"] == [(1, 1, 0x0A, 0x0BB0, 0x0BB0, 0x0BB0)]
    assert "tests" not in result["ecus"][1] and "0601" in asked


def test_a_car_that_says_nothing():
    result, asked = run({})
    assert result["vin"] is None and result["ecus"] == []
    row = {"what": "supported PIDs from 00", "ecu": None, "reason": "no answer"}
    assert result["missing"] == [row]
    assert asked == ["0100"] * scan.TRIES


def test_refusals_and_waiting_are_told_apart():
    table = obd_car.answers()
    table["03"] = {ENGINE: ["7F0378", "43010301"], GEARBOX: "7F0322"}
    result, _ = run(table)
    assert result["ecus"][0]["stored"] == ["P0301"]
    assert "stored" not in result["ecus"][1]
    assert {
        "what": "stored",
        "ecu": GEARBOX,
        "reason": "refused: conditions not correct",
    } in result["missing"]


def test_answers_that_do_not_fit_are_named_not_used():
    table = obd_car.answers()
    table["0902"] = {ENGINE: obd_car.vin_reply()[:-2]}
    table["0101"] = {ENGINE: "41018107E5", GEARBOX: "410100040000"}
    table["07"] = {ENGINE: "47030301C100", GEARBOX: "4300"}
    table["020D00"] = {ENGINE: "420D0132"}
    result, _ = run(table)
    engine = result["ecus"][0]
    assert result["vin"] is None and "readiness" not in engine and "pending" not in engine
    assert [row[0] for row in engine["freeze"]["values"]] == [LOAD, RPM]
    missing = [(row["what"], row["ecu"]) for row in result["missing"]]
    for row in (
        ("VIN", ENGINE), ("readiness", ENGINE), ("pending", ENGINE), ("pending", GEARBOX),
        ("freeze frame PID 0D", ENGINE),
    ):  # fmt: skip
        assert row in missing, row
    for row in result["missing"]:
        assert row["reason"], row


def test_a_question_is_put_again_where_an_answer_was_lost():
    def spoil(asked, kind, found):
        if asked.count(asked[-1]) == 1:
            return replies.CORRUPT, found[1:], False
        return kind, found, True

    plain, _ = run(obd_car.answers())
    result, asked = run(obd_car.answers(), True, False, spoil)
    assert result["ecus"] == plain["ecus"] and result["vin"] == VIN
    assert asked.count("0902") == 2 and asked.count("020C00") == 2


def test_the_reason_is_the_adapters():
    def spoil(asked, kind, found):
        if asked[-1] == "0904":
            return replies.OVERFLOW, [], False
        return kind, found, True

    result, _ = run(obd_car.answers(), True, False, spoil)
    found = [row for row in result["missing"] if row["what"] == "calibrations"]
    reason = "the answer is too long for the adapter"
    assert found == [
        {"what": "calibrations", "ecu": ENGINE, "reason": reason},
        {"what": "calibrations", "ecu": GEARBOX, "reason": reason},
    ]


def test_a_strange_ecu_does_not_come_in():
    table = obd_car.answers()
    table["03"] = {ENGINE: "43010301", GEARBOX: "4300", 0x7EA: "43010302"}
    table["0902"] = {0x7EA: obd_car.vin_reply("1HGCM82633A004210")}
    result, _ = run(table)
    assert [ecu["id"] for ecu in result["ecus"]] == [ENGINE, GEARBOX]
    assert result["vin"] is None
    assert {"what": "VIN", "ecu": ENGINE, "reason": "no answer"} in result["missing"]


def test_two_vins():
    table = obd_car.answers()
    table["0900"] = {ENGINE: "490040000000", GEARBOX: "490040000000"}
    table["0902"] = {ENGINE: obd_car.vin_reply(), GEARBOX: obd_car.vin_reply("1HGCM82633A004210")}
    result, _ = run(table)
    assert result["vin"] == VIN
    assert [row["ecu"] for row in result["missing"] if row["what"] == "VIN"] == [GEARBOX]


def test_an_older_bus():
    vin = obd_car.text_of(b"\x00\x00\x00" + VIN.encode())
    table = {
        "0100": {0x10: "410098000000"},
        "0101": {0x10: "410181000000"},
        "0900": {0x10: "49000160000000"},
        "0902": {0x10: ["4902%02X%s" % (n + 1, vin[8 * n : 8 * n + 8]) for n in range(5)]},
        "03": {0x10: ["43030103020303", "43030400000000"]},
    }
    result, _ = run(table, False)
    ecu = result["ecus"][0]
    assert result["vin"] == VIN and ecu["id"] == 0x10
    assert ecu["stored"] == ["P0301", "P0302", "P0303", "P0304"]
    assert ecu["pids"] == [1, 4, 5]
    whats = [row["what"] for row in result["missing"]]
    assert whats == ["pending", "permanent", "freeze frame"]
    table["0902"][0x10].pop(2)
    result, _ = run(table, False)
    assert result["vin"] is None


def test_a_car_without_service_09_may_still_have_a_vin():
    table = obd_car.answers()
    del table["0900"]
    result, _ = run(table)
    assert result["vin"] == VIN
    assert {"what": "vehicle information", "ecu": None, "reason": "no answer"} in result["missing"]


def test_other_full_scales_hold_for_the_freeze_frame():
    table = obd_car.answers()
    table["0140"][ENGINE] = "4140C0028000"  # and 4F
    table["014F"] = {ENGINE: "414F00000033"}  # 510 kPa
    table["020000"][ENGINE] = "42000050280000"  # 02, 04, 0B, 0D
    table["020B00"] = {ENGINE: "420B0064"}
    result, _ = run(table)
    assert (30, 200) in result["ecus"][0]["freeze"]["values"]


def test_lost():
    machine = Scan()
    for _ in range(scan.TRIES):
        machine.reply(replies.DONE, obd_car.messages(obd_car.answers(), 1, b"\x00"), True)
    machine.lost("the adapter does not answer")
    assert machine.done and machine.next() is None
    row = {"what": "the rest", "ecu": None, "reason": "the adapter does not answer"}
    assert machine.result["missing"] == [row]
    assert [ecu["id"] for ecu in machine.result["ecus"]] == [ENGINE, GEARBOX]
    machine.reply(replies.DONE, [], True)
    machine.lost("again")
    assert len(machine.result["missing"]) == 1


def test_missing_rows_are_bounded():
    table = {"0100": {}, "020200": {}, "020000": {}}
    for ecu in range(0x7E8, 0x7F0):
        table["0100"][ecu] = "410000000000"
        table["020200"][ecu] = "4202000301"
        table["020000"][ecu] = "420000FFFFFFFE"  # and then answers none of them
    result, _ = run(table)
    assert len(result["missing"]) == scan.MAX_MISSING


# On an adapter of its own


def scanned(adapter, limit_ms=180000, tests=False, latency=20):
    scanner = Scanner(None, tests, limit_ms)
    scanner.start(0)
    now = 0
    pending = []
    while not scanner.done:
        assert now < 1000000
        if pending and pending[0][0] <= now:
            scanner.feed(pending.pop(0)[1], now)
        else:
            scanner.feed(b"", now)
        out = scanner.poll(now)
        if out:
            answer = adapter.command(out)
            if answer:
                pending.append((now + latency, answer))
            continue
        now += max(1, min(scanner.wake(now), latency))
    assert scanner.poll(now) is None
    return scanner.result, now


def test_scanner():
    adapter = obd_car.Elm327(obd_car.answers())
    result, now = scanned(adapter)
    plain, _ = run(obd_car.answers())
    assert result["ecus"] == plain["ecus"] and result["vin"] == VIN
    assert result["adapter"] == "ELM327 v1.5" and result["protocol"] == "6"
    assert result["voltage"] == 12600
    assert json.loads(json.dumps(result))["ecus"][0]["stored"] == ["P0301"]
    assert now < 10000


def test_scanner_without_car_or_adapter():
    result, _ = scanned(obd_car.Elm327({}))
    assert result["ecus"] == [] and result["adapter"] == "ELM327 v1.5"
    assert result["missing"][0]["reason"] == "the car does not answer"
    result, _ = scanned(obd_car.Elm327({}, True))
    assert result["missing"][0]["reason"] == "the adapter does not answer"
    assert result["adapter"] is None and result["vin"] is None


def test_scanner_ends_in_time():
    result, now = scanned(obd_car.Elm327(obd_car.answers()), 1000, False, 100)
    assert 1000 <= now < 2000
    assert result["missing"][-1]["reason"] == "the scan took longer than 1 s"
    assert [ecu["id"] for ecu in result["ecus"]] == [ENGINE, GEARBOX] or result["ecus"] == []
