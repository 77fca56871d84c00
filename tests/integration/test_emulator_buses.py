"""The emulated car on the buses before CAN: SAE J1850, ISO 9141-2 and ISO 14230-4."""

import pytest

from tests.support.obd_bench import Bench, fault, rate
from tools.emulator import legacy


@pytest.mark.parametrize(
    "protocol, init, header, seconds",
    [
        ("1", [], "416B10", 0.24), ("2", [], "486B10", 0.26),
        ("3", ["BUS INIT: ...OK"], "486B10", 2.94),
        ("4", ["BUS INIT: ...OK"], "86F110", 2.94), ("5", ["BUS INIT: OK"], "86F110", 0.46),
    ],
)  # fmt: skip
def test_first_request_on_each_bus(protocol, init, header, seconds):
    bench = Bench(protocol=protocol).quiet(f"ATSP{protocol}")
    text, took = bench.timed("0100")
    assert text.split("\r")[:-2] == [*init, "4100BE7FB813", "410088180010"]
    assert took == pytest.approx(seconds, rel=0.05)
    bench.quiet("ATH1")
    line = bench.lines("0100")[0]
    assert line[:-2] == header + "4100BE7FB813", "no second initialization"
    assert int(line[-2:], 16) == legacy.check(protocol, bytes.fromhex(line[:-2]))
    bench.quiet("ATS1")
    assert bench.lines("0133")[0][:9] == {"8": "83 F1 10 "}.get(
        header[0], f"{header[:2]} {header[2:4]} {header[4:]} "
    )
    assert bench.ask("ATDPN") == f"{protocol}\r\r>"


@pytest.mark.parametrize(
    "protocol, line",
    [
        # Check bytes of captures: sums, and the CRC of SAE J1850.
        ("3", "48 6B 10 41 00 B8 7B 30 10 77"), ("3", "48 6B 10 49 02 01 00 00 00 57 66"),
        ("5", "87 F1 10 49 02 02 44 58 2D 53 F1"), ("5", "83 F1 10 7F 01 12 16"),
    ],
)  # fmt: skip
def test_check_bytes(protocol, line):
    data = bytes.fromhex(line)
    assert legacy.check(protocol, data[:-1]) == data[-1]


def test_crc_of_j1850():
    # The residue of a message with its CRC is C4, whatever the message.
    for message in (b"\x48\x6b\x10\x41\x0c\x1a\xf8", b"\x41\x6b\x10\x41\x0d\x32"):
        whole = message + bytes((legacy.check("2", message),))
        assert legacy.check("2", whole) ^ 0xFF == 0xC4


@pytest.mark.parametrize("protocol", "12345")
def test_messages_of_seven_bytes(protocol):
    bench = Bench(protocol=protocol, stored=["P0133", "U0101", "P0300", "P0420"], ecus=["engine"])
    bench.quiet(f"ATSP{protocol}", "0100")
    assert bench.lines("03") == ["430133C1010300", "43042000000000"]
    assert bench.lines("07") == ["47000000000000"]
    vin = bench.lines("0902")
    assert vin[0] == "49020100000056" and [line[4:6] for line in vin] == [
        "01",
        "02",
        "03",
        "04",
        "05",
    ]
    assert bytes.fromhex("".join(line[6:] for line in vin))[3:] == b"VF1RFB00X56789012"
    assert bench.rows == [{"k": "vin", "vin": "VF1RFB00X56789012"}]
    assert len(bench.lines("0904")) == 4 and len(bench.lines("0906")) == 1
    assert [bench.lines(f"09{n:02X}") for n in (1, 3, 5)] == [["490105"], ["490304"], ["490501"]]
    assert bench.rows == [] and bench.lines("0900") == ["490001FFC00000"], "odd types count"
    assert bench.lines("0133") == ["413365"]
    assert bench.lines("01331") == ["413365"]
    assert bench.lines("013351") == ["NO DATA"], "one parameter a request"
    assert bench.lines("0600") == ["NO DATA"] and bench.lines("22F190") == ["NO DATA"]
    refused = {"4": "7F0422", "5": "7F0422"}.get(protocol, "7F040000000022")
    assert bench.lines("04") == [refused]


def test_buses_before_can_are_slow():
    seconds = {}
    for protocol in "1236":
        bench = Bench(protocol=protocol, ecus=["engine"]).quiet(f"ATSP{protocol}", "0100")
        bench.now += 1
        seconds[protocol] = bench.timed("010C1")[1]
    assert seconds["6"] < seconds["1"] < seconds["2"] < 0.025
    assert 0.06 < seconds["3"] < 0.09
    bench = Bench(protocol="5", ecus=["engine"], baud=115200).quiet("ATSP5", "0100")
    assert 7 < rate(bench, "010D1") < 9, "55 ms of rest between messages"


def test_physical_addresses_before_can():
    for protocol, header, wrong in (("3", "6810F1", "6899F1"), ("5", "8210F1", "8299F1")):
        bench = Bench(protocol=protocol).quiet(f"ATSP{protocol}", "ATH1", "0100", f"ATSH{header}")
        assert [line[4:6] for line in bench.lines("010D")] == ["10"]
        bench.quiet(f"ATSH{wrong}")
        assert bench.lines("010D") == ["NO DATA"]


def test_automatic_search_on_every_bus():
    for protocol in "123456789":
        bench = Bench(protocol=protocol).quiet()
        assert bench.lines("0100")[0] == "SEARCHING..."
        assert bench.ask("ATDPN") == f"A{protocol}\r\r>"
        assert "INIT" not in bench.ask("0133")


def test_a_bus_that_fell_asleep_is_initialized_anew():
    off = [fault("car", "ignition-off", 20, 10)]
    bench = Bench(protocol="5", faults=off).quiet("ATSP5", "0100")
    assert bench.ask("ATKW") == "1:8F 2:E9\r\r>"
    bench.now = 21.0
    assert bench.lines("0133") == ["NO DATA"]
    assert bench.lines("0133") == ["BUS INIT: ERROR"]
    bench.now = 31.0
    assert bench.lines("0133") == ["BUS INIT: OK", "413365"]
    bench.quiet("ATPC")
    assert bench.ask("ATFI") == "BUS INIT: OK\r\r>"
    assert bench.ask("ATSI") == "?\r\r>", "that is for protocols 3 and 4"
    assert bench.lines("0133") == ["413365"]
