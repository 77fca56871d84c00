"""The emulated car's control units and buses: services, trouble codes by script, protocols."""

import pytest

from tests.support.obd_bench import Bench, engine_off, fault, scenario
from tools.emulator import ScenarioError, load
from tools.emulator.ecu import NAMES, car_ecus
from tools.emulator.monitors import TESTS
from tools.emulator.pids import bitmap
from tools.emulator.pids_more import ENGINES
from tools.emulator.scenario import ECUS
from tools.emulator.scenario import ENGINES as CARS
from tools.emulator.vehicle import Vehicle


def raw(*more, protocol="6", **options):
    """A bench that shows headers and no spaces."""
    return Bench(protocol=protocol, **options).quiet(f"ATSP{protocol}", "ATH1", *more)


def supported(bench, service, ecu):
    """All numbers that the bitmaps of a service name."""
    found, base, more = set(), 0, True
    while more:
        bits = int.from_bytes(bench.payload(f"{service:02X}{base:02X}", ecu)[2:6], "big")
        found |= {base + n for n in range(1, 33) if bits >> (32 - n) & 1}
        base += 32
        more = base in found
    return {n for n in found if n % 32}


# -- control units and their parameters


@pytest.mark.parametrize(
    "car, ecus, ids",
    [
        ({}, [], ["7E8", "7E9"]), ({"engine": "hybrid"}, [], ["7E8", "7E9", "7EA"]),
        ({"engine": "diesel"}, [], ["7E8", "7E9"]), ({}, ["engine"], ["7E8"]),
        ({}, ["engine", "transmission", "hybrid", "body"], ["7E8", "7E9", "7EA", "7EB"]),
    ],
)  # fmt: skip
def test_who_is_there(car, ecus, ids):
    bench = raw(car=car, ecus=ecus)
    assert [line[:3] for line in bench.lines("0100")] == ids
    maps = [supported(bench, 1, ecu) for ecu in ids]
    assert len(set(map(frozenset, maps))) == len(ids), "each has its own"
    for ecu, have in zip(ids, maps, strict=True):
        bench.quiet(f"ATSH{int(ecu, 16) - 8:03X}")
        for pid in have:
            assert bench.payload(f"01{pid:02X}", ecu)[:2] == bytes((0x41, pid)), (ecu, pid)
        assert bench.lines("0198") == ["NO DATA"]


def test_names_agree():
    assert set(ECUS) == set(NAMES) and set(CARS) == set(ENGINES) == set(TESTS)


@pytest.mark.parametrize("engine", ENGINES)
def test_bitmaps_and_lengths_of_each_engine(engine):
    bench = raw(car={"engine": engine}, ecus=["engine"])
    assert supported(bench, 1, "7E8") == set(ENGINES[engine])
    for pid, row in ENGINES[engine].items():
        data = bench.payload(f"01{pid:02X}")
        assert len(data) == 2 + row.length, f"{pid:02X}"
        assert bench.rows == [{"k": "obd", "pid": pid, "value": row.decode(data[2:])}]


# Lengths of SAE J1979-DA that the tables must have.
@pytest.mark.parametrize(
    "pid, length",
    [(0x5B, 1), (0x64, 5), (0x65, 2), (0x69, 7), (0x6B, 5), (0x70, 10), (0x78, 9), (0x7A, 7),
     (0x7C, 9), (0x7F, 13), (0x83, 9), (0x85, 10), (0x8B, 7), (0x8E, 1), (0x9A, 6), (0x9D, 4),
     (0xA2, 2)],
)  # fmt: skip
def test_lengths_of_long_parameters(pid, length):
    assert {**ENGINES["diesel"], **ENGINES["hybrid"]}[pid].length == length


def test_engines_differ_where_they_must():
    petrol, diesel, hybrid = (raw(car={"engine": e}, ecus=["engine"]) for e in ENGINES)
    assert [b.payload("0151")[2] for b in (petrol, diesel, hybrid)] == [1, 4, 0x11]
    assert diesel.lines("0134") == ["NO DATA"] and petrol.lines("0178") == ["NO DATA"]
    # Byte B: spark or compression; C: which monitors there are.
    assert [b.payload("0101")[2:].hex() for b in (petrol, diesel, hybrid)] == [
        "0007e500", "000feb00", "0007e500",
    ]  # fmt: skip
    assert diesel.payload("0141")[3] & 0x08
    assert {b.payload("0900")[2:].hex() for b in (petrol, hybrid)} == {"55400000"}
    assert diesel.payload("0900")[2:].hex() == "54600000", "0B instead of 08"


def test_a_hybrids_engine_stands_in_slow_traffic():
    bench = raw(car={"engine": "hybrid"}, ecus=["engine"])
    speeds = set()
    for second in range(2, 200, 3):
        bench.now = float(second)
        rpm = int.from_bytes(bench.payload("010C1")[2:], "big") / 4
        speed = bench.payload("010D1")[2]
        assert (rpm > 600) or (rpm == 0 and speed < 32)
        speeds.add((rpm > 0, speed > 0))
    assert {(False, True), (False, False), (True, True)} <= speeds


# -- trouble codes


def test_a_code_by_script():
    script = [fault("car", "dtc", 30, 0, code="P0301", confirm=20.0)]
    bench = raw(faults=script, ecus=["engine"])

    def memory():
        return {s: bench.payload(s).hex() for s in ("03", "07", "0A")} | {
            "01": bench.payload("0101")[2:4].hex()
        }

    assert memory() == {"03": "4300", "07": "4700", "0A": "4a00", "01": "0007"}
    bench.now = 31.0
    assert memory() == {"03": "4300", "07": "47010301", "0A": "4a00", "01": "0007"}, "pending"
    assert bench.payload("020200").hex() == "4202000000", "no freeze frame yet"
    bench.now = 55.0
    assert memory() == {"03": "43010301", "07": "47010301", "0A": "4a010301", "01": "8107"}
    then = bench.car.at(50.0)
    assert bench.payload("020200").hex() == "4202000301", "the code that caused it"
    frame = bench.payload("020C00")
    assert frame[:3].hex() == "420c00"
    assert int.from_bytes(frame[3:], "big") / 4 == pytest.approx(then.rpm, abs=0.2)
    assert bench.payload("020D00")[3] == round(then.wheel_speed)
    assert bench.payload("020C000D00")[:3].hex() == "420c00", "two of a frame in one request"
    assert len(bench.payload("020C000D00")) == 1 + 4 + 3
    assert bench.payload("014D").hex() == "414d0000" and bench.payload("0121").hex() == "41210000"
    bench.now = 170.0
    assert bench.payload("014D").hex() == "414d0002", "two minutes with the lamp on"


def test_the_truth_log_knows_codes():
    script = [fault("car", "dtc", 5, 0, code="U0101", confirm=1.0)]
    bench = raw(faults=script, stored=["P0133"])
    bench.lines("03")
    assert bench.rows == [{"k": "dtc", "codes": ["P0133"]}]
    bench.now = 7.0
    assert bench.payload("03").hex() == "43020133c101"
    assert bench.rows == [{"k": "dtc", "codes": ["P0133", "U0101"]}]


def test_a_freeze_frame_for_each_code():
    script = [
        fault("car", "dtc", 20, 0, code="P0301", confirm=0.0),
        fault("car", "dtc", 90, 0, code="P0420", confirm=0.0),
    ]
    bench = raw(faults=script, ecus=["engine"])
    bench.now = 100.0
    assert [bench.payload(f"0202{n:02X}").hex() for n in (0, 1)] == ["4202000301", "4202010420"]
    assert bench.lines("020202") == bench.lines("020002") == ["NO DATA"], "there is no third"
    for number, second in ((0, 20.0), (1, 90.0)):
        coolant = bench.payload(f"0205{number:02X}")[3] - 40
        assert coolant == round(bench.car.at(second).coolant)
    have = int.from_bytes(bench.payload("020000")[3:], "big")
    assert have >> 30 & 1 and not have >> 31, "PID 02, and not the monitors' status"
    assert bench.lines("020100") == ["NO DATA"]


def test_what_passes_is_pending_only():
    bench = raw(faults=[fault("car", "dtc", 10, 5, code="P0171", confirm=20.0)], ecus=["engine"])
    bench.now = 40.0
    assert bench.payload("03").hex() == "4300"
    assert bench.payload("07").hex() == "47010171"


def test_codes_of_other_control_units():
    script = [fault("car", "dtc", 5, 0, code="P0700", ecu="transmission", confirm=0.0)]
    bench = raw(faults=script)
    bench.now = 6.0
    assert bench.payload("03", "7E9").hex() == "43010700"
    assert bench.payload("03", "7E8").hex() == "4300"
    assert bench.payload("0101", "7E9")[2] == 0x81 and bench.payload("0101", "7E8")[2] == 0


def test_clearing():
    script = [fault("car", "dtc", 5, 0, code="P0301", confirm=1.0)]
    bench = raw(faults=script, stored=["P0133"], pending=["P0420"], ecus=["engine"])
    bench.now = 10.0
    assert bench.lines("04") == ["7E8037F0422"], "not while the engine runs"
    assert bench.payload("03").hex() == "430201330301"
    bench = raw(
        faults=script, stored=["P0133"], pending=["P0420"], ecus=["engine"], state=engine_off
    )
    bench.now = 10.0
    assert bench.payload("0601").hex() != "46" + "00" * 9
    assert bench.lines("04") == ["7E80144"]
    assert bench.payload("03").hex() == "4300" and bench.payload("07").hex() == "4700"
    assert bench.payload("0A").hex() == "4a010301", "permanent codes stay"
    assert bench.payload("020200").hex() == "4202000000"
    assert bench.payload("0101").hex() == "41010077e5e5", "nothing has been tested since"
    assert bench.payload("0130")[2] == 0 and bench.payload("0131").hex() == "41310000"
    assert bench.payload("0621").hex() == "46" + "218020" + "00" * 6, "nor has the catalyst"
    bench.now = 22.0
    assert bench.payload("03").hex() == "43010301", "what is still broken comes back"
    bench.now = 250.0
    assert bench.payload("0101").hex() == "41018107e5a5", "some monitors have run"
    bench.now = 1400.0
    assert bench.payload("0101")[5] == 0


def test_somebody_else_has_cleared():
    bench = raw(faults=[fault("car", "cleared", 20, 0)], stored=["P0133"])
    bench.now = 21.0
    assert [bench.payload("0101", e)[2:].hex() for e in ("7E8", "7E9")] == ["0077e5e5"] * 2


# -- monitors, information


def test_monitor_test_results():
    bench = raw(ecus=["engine"])
    mids = supported(bench, 6, "7E8")
    assert {0x01, 0x21, 0x31, 0x41, 0xA1, 0xA2} <= mids
    for mid in mids:
        data = bench.payload(f"06{mid:02X}")
        assert data[0] == 0x46 and (len(data) - 1) % 9 == 0 and len(data) > 9
        for start in range(1, len(data), 9):
            record = data[start : start + 9]
            value, low, high = (
                int.from_bytes(record[i : i + 2], "big", signed=record[2] >= 0x80)
                for i in (3, 5, 7)
            )
            assert record[0] == mid and low <= value <= high, record.hex()
    # MID, TID, unit FE (0.25 Pa, signed): -355 Pa of -1500 to -250.
    assert bench.payload("063B").hex() == "463b80fe" + "fa74" + "e890" + "fc18"
    assert bench.lines("0699") == ["NO DATA"]
    maps = bench.payload("06002040")
    assert maps[0] == 0x46 and [maps[i] for i in (1, 6, 11)] == [0x00, 0x20, 0x40]
    assert maps[2:6] == bitmap(mids, 0)
    bench = raw(car={"engine": "diesel"}, ecus=["engine"])
    assert {0x85, 0x90, 0xB2} <= supported(bench, 6, "7E8")


def test_vehicle_information():
    bench = raw()
    assert bench.payload("0902") == b"\x49\x02\x01VF1RFB00X56789012"
    assert bench.rows == [{"k": "vin", "vin": "VF1RFB00X56789012"}]
    assert bench.payload("0904") == b"\x49\x04\x01PV1-ENGINE-2.0.7"
    assert bench.payload("0906").hex() == "4906011791bc82"
    assert bench.payload("090A") == b"\x49\x0a\x01ECM\0-EngineControl".ljust(23, b"\0")
    assert bench.payload("090A", "7E9")[:6] == b"\x49\x0a\x01TCM"
    counters = bench.payload("0908")
    assert counters[:3].hex() == "490814" and len(counters) == 3 + 2 * 20
    numbers = [int.from_bytes(counters[i : i + 2], "big") for i in range(3, 43, 2)]
    assert all(done <= could for done, could in zip(numbers[::2], numbers[1::2], strict=True))
    counters = raw(car={"engine": "diesel"}).payload("090B")
    assert counters[:3].hex() == "490b10" and len(counters) == 3 + 2 * 16
    assert bench.lines("0914") == ["NO DATA"]


# -- UDS


@pytest.mark.parametrize(
    "request_, answer",
    [
        ("22F190", "62f190" + b"VF1RFB00X56789012".hex()),
        ("22F187", "62f187" + b"PV-ENG-1001".hex()), ("22F195", "62f195" + b"0207".hex()),
        ("22F186F195", "62f18601f195" + b"0207".hex()), ("22F186DEAD", "62f18601"),
        ("22F451", "62f45101"),  # PID 51
        ("22DEAD", "7f2231"), ("22F1", "7f2213"), ("22", "7f2213"), ("220101", "7f2233"),
        ("220100", "7f2222"), ("220102", "7f2278"),
        ("19020C", "5902ff" "013300a8" "030100af" "04200026"), ("190201", "5902ff030100af"),
        ("190108", "5901ff010002"), ("1903", "590301330001" "03010001"),
        ("190603010001", "5906030100af010300"), ("190603010007", "5906030100af"),
        ("190699990001", "7f1931"), ("1919", "7f1912"), ("1902", "7f1913"), ("19", "7f1913"),
        ("3E00", "7e00"), ("1001", "5001003201f4"), ("1003", "7f1012"),
        # Services that write: not even known.
        ("14FFFFFF", "7f1411"), ("2EF190", "7f2e11"), ("2F0100", "7f2f11"), ("2701", "7f2711"),
        ("310101", "7f3111"),
    ],
)  # fmt: skip
def test_uds(request_, answer):
    script = [
        fault("car", "dtc", 1, 0, code="P0301", confirm=0.5),
        fault("car", "dtc", 0, 1, code="P0420", confirm=5.0),
    ]
    bench = raw("ATSH7E0", faults=script, stored=["P0133"])
    bench.now = 5.0
    assert bench.payload(request_).hex() == answer


def test_uds_snapshot():
    bench = raw("ATSH7E0", faults=[fault("car", "dtc", 20, 0, code="P0301", confirm=0.0)])
    bench.now = 30.0
    data = bench.payload("190403010001")
    assert data[:8].hex() == "5904030100af0104", "code, status, record 1, four identifiers"
    assert data[8:10].hex() == "f404" and data[11:13].hex() == "f405"
    assert data[13] - 40 == round(bench.car.at(20.0).coolant)


def test_uds_functional_and_conditions():
    bench = raw(ecus=["engine"], state=engine_off)
    assert bench.lines("22DEAD") == ["NO DATA"], "to all: 31, 12 and 11 are kept back"
    assert bench.lines("1919") == ["NO DATA"] and bench.lines("2701") == ["NO DATA"]
    assert bench.lines("22F1") == ["7E8037F2213"]
    bench.quiet("ATSH7E0")
    assert bench.payload("220100").hex() == "6201002a", "the engine is off"


def test_response_pending_of_the_ecu_itself():
    bench = Bench("stn1110").quiet("ATSP6", "ATH1", "ATSH7E0")
    text, seconds = bench.timed("220102")
    assert text.startswith("7E8037F2278\r7E8046201022A\r") and seconds > 1.2
    bench = raw("ATSH7E0")
    assert bench.lines("220102") == ["7E8037F2278"], "this adapter gives up before"


def test_can_ids():
    for protocol, name in (("6", "7E8"), ("7", "18DAF110"), ("8", "7E8"), ("9", "18DAF110")):
        bench = raw(protocol=protocol)
        assert bench.payload("0902", name) == b"\x49\x02\x01VF1RFB00X56789012"


def test_the_bundled_bad_day():
    chosen = load("obd-bad-day")
    car = Vehicle(chosen)
    assert [ecu.name for ecu in car_ecus(chosen, car)] == ["engine", "transmission", "body"]
    kinds = {(row.part, row.kind) for row in chosen.faults}
    assert {("car", "dtc"), ("car", "cranking"), ("obd", "mid-reply")} <= kinds


@pytest.mark.parametrize(
    "sections, key",
    [
        ({"car": {"engine": "steam"}}, "car.engine:"),
        ({"faults": [{"part": "car", "kind": "dtc", "at": 1, "speling": 1}]}, "faults[0].speling:"),
        ({"faults": [fault("car", "dtc", 1, code="P01")]}, "faults[0].code:"),
        ({"faults": [fault("car", "dtc", 1, ecu="radio")]}, "faults[0].ecu:"),
        ({"faults": [fault("obd", "foreign", 1, data="4")]}, "faults[0].data:"),
        ({"faults": [fault("obd", "foreign", 1, id="7E")]}, "faults[0].id:"),
    ],
)
def test_the_offending_key_is_named(sections, key):
    with pytest.raises(ScenarioError) as raised:
        scenario(**sections)
    assert str(raised.value).startswith(key)
