"""The emulated OBD adapter in simulated time: what each kind of adapter says to a command, how
long it takes, and what its faults look like on the line."""

import pytest

from tests.support.obd_bench import Bench, engine_off, fault, scenario
from tools.emulator import ScenarioError
from tools.emulator.adapters import KINDS

OK = "OK\r\r>"
UNKNOWN = "?\r\r>"


# -- commands


@pytest.mark.parametrize(
    "adapter, command, said",
    [
        ("elm327-1.5", "ATI", "ELM327 v1.5"), ("elm327-2.2", "ATI", "ELM327 v2.2"),
        ("stn1110", "ATI", "ELM327 v1.4b"), ("clone", "ATI", "ELM327 v1.5"),
        ("elm327-2.2", "AT@1", "OBDII to RS232 Interpreter"), ("elm327-2.2", "AT@2", "?"),
        # What came with 2.0 and 2.1 is unknown before, and so are ST commands to an ELM327.
        ("elm327-1.5", "ATCTM5", "?"), ("elm327-2.2", "ATCTM5", "OK"),
        ("elm327-1.5", "ATCRA7EX", "?"), ("elm327-2.2", "ATCRA7EX", "OK"),
        ("elm327-1.5", "ATSH18DA10F1", "?"), ("elm327-2.2", "ATSH18DA10F1", "OK"),
        ("elm327-2.2", "STI", "?"), ("elm327-2.2", "STPX h:7E0,d:0100", "?"),
        ("elm327-1.5", "ATAT2", "OK"), ("elm327-1.5", "ATST19", "OK"), ("elm327-1.5", "ATAL", "OK"),
        ("elm327-1.5", "ATCEA", "OK"), ("elm327-1.5", "ATCP18", "OK"), ("elm327-1.5", "ATFE", "OK"),
        ("elm327-1.5", "ATCS", "T:00 R:00"), ("elm327-1.5", "ATIGN", "ON"),
        ("elm327-1.5", "ATKW", "1:-- 2:--"), ("elm327-1.5", "ATSP00", "OK"),
        ("elm327-1.5", "ATFI", "?"), ("elm327-1.5", "ATBRD00", "?"), ("elm327-1.5", "ATSTXX", "?"),
        ("elm327-1.5", "ATPP 2A SV 18", "OK"), ("elm327-1.5", "ATPP 30 ON", "?"),
        ("elm327-1.5", "ATPP FF OFF", "OK"), ("elm327-1.5", "ATFCSM1", "?"),
        ("elm327-1.5", "ATDM1", "?"), ("elm327-1.5", "ATSD5A", "OK"),
        # Says 1.5 and is not.
        ("clone-lies", "ATI", "ELM327 v1.5"), ("clone-lies", "ATAT1", "?"),
        ("clone-lies", "ATCAF1", "?"), ("clone-lies", "ATPP 0C SV 23", "?"),
        ("clone-lies", "ATPPS", "?"), ("clone-lies", "ATBRD23", "?"), ("clone-lies", "ATFE", "?"),
        ("clone-lies", "ATSP0", "OK"), ("clone-lies", "ATST32", "OK"), ("clone-lies", "ATH1", "OK"),
        ("stn1110", "STI", "STN1110 v4.2.0"), ("stn2120", "STI", "STN2120 v5.6.19"),
        ("stn1110", "STDI", "OBDLink SX r4.2"), ("stn1110", "STMFR", "OBD Solutions LLC"),
        ("stn1110", "STSN", "111000041768"), ("stn2120", "STP33", "OK"), ("stn2120", "STP99", "?"),
        ("stn2120", "STPTO 50", "OK"), ("stn2120", "STNONSENSE", "?"), ("stn2120", "STBR 5", "?"),
        ("stn2120", "STFPA 7E8,7FF", "OK"), ("stn2120", "STPX h:7E0", "?"),
    ],
)  # fmt: skip
def test_commands(adapter, command, said):
    assert Bench(adapter).quiet().ask(command) == f"{said}\r\r>"


def test_every_kind_answers_a_request():
    for adapter in KINDS:
        bench = Bench(adapter).quiet("ATL0", "ATSP6")
        for _ in range(20):
            answer = bench.ask("0133")
            bench.elm.counters["refused"] = 0
            assert answer.replace("0133\r", "").replace(" ", "").rstrip(">") == "413365\r\r", (
                adapter
            )


def test_settings_go_with_a_reset_and_parameters_stay():
    bench = Bench("elm327-2.2").quiet("ATH1", "ATST10", "ATSH7E0")
    assert bench.elm.settings.headers and bench.elm.settings.timeout == 0x10
    bench.ask("ATD")
    assert not bench.elm.settings.headers and bench.elm.settings.header is None
    assert bench.elm.settings.timeout == 0x32 and bench.elm.settings.echo
    bench.quiet("ATPP 03 SV 19", "ATPP 03 ON", "ATPP 09 SV FF", "ATPP 09 ON")
    bench.ask("ATWS")
    assert bench.elm.settings.timeout == 0x19
    assert bench.ask("ATI") == "ELM327 v2.2\r\r>", "no echo: PP 09"
    assert bench.lines("ATPPS")[0] == "00:FF F  01:FF F  02:FF F  03:19 N"
    assert len(bench.lines("ATPPS")) == 12
    bench.ask("ATPP FF OFF")
    assert bench.ask("ATWS") == "\r\rELM327 v2.2\r\r>"
    assert bench.elm.settings.timeout == 0x32


def test_identifiers_and_bytes_are_kept():
    bench = Bench("elm327-2.2").quiet()
    assert [bench.ask(c) for c in ("AT@3PATROL-CAR-1", "AT@3PATROL-CAR-2")] == [OK, UNKNOWN]
    assert bench.ask("AT@2") == "PATROL-CAR-1\r\r>"
    bench.ask("ATSD5A")
    assert bench.ask("ATRD") == "5A\r\r>"


def test_voltage_can_be_calibrated():
    bench = Bench().quiet()
    before = bench.ask("ATRV")
    bench.ask("ATCV1250")
    assert bench.ask("ATRV")[:4] in ("12.4", "12.5", "12.6") != before[:4]
    bench.ask("ATCV0000")
    assert bench.ask("ATRV")[:3] == "14."


def test_lines_feeds_and_echo():
    bench = Bench("clone-linefeeds")
    assert bench.ask("ATI") == "ATI\r\nELM327 v1.5\r\n\r\n>"
    assert bench.ask("ATL0") == "ATL0\r\nOK\r\r>"
    bench = Bench("clone-echo")
    bench.ask("ATE0")
    assert bench.ask("ATI") == "ATI\rELM327 v1.5\r\r>", "ATE0 was only words"
    bench = Bench("clone-spaces").quiet("ATSP6")
    assert bench.ask("0133") == "41 33 65 \r\r>", "and so was ATS0"


# -- requests


@pytest.mark.parametrize(
    "adapter, request_, said",
    [
        ("clone", "010D0C1", "00F:"), ("clone", "01331", "413365"),
        ("clone-no-digit", "01331", "?"), ("clone-no-digit", "0133", "413365"),
        ("clone-ignores-digit", "01331", "413365"),
        ("clone-one-pid", "013351", "?"), ("clone-one-pid", "0133", "413365"),
        ("clone-first-pid", "01335C", "413365"), ("clone-two-bytes", "01335C", "413365"),
        ("clone-two-bytes", "0202", "NO DATA"), ("clone-two-bytes", "22F190", "7F2213"),
        ("stn1110", "01335C1", "4133655C"), ("elm327-2.2", "01335C1", "4133655C"),
    ],
)  # fmt: skip
def test_what_of_a_request_gets_through(adapter, request_, said):
    bench = Bench(adapter, ecus=["engine"]).quiet("ATSP6", "ATSH7E0")
    answer = bench.ask(request_)
    if said == "00F:":
        assert answer.startswith("410D") and "0C" in answer
    else:
        assert answer.startswith(said)


def test_a_digit_saves_the_wait_unless_it_is_ignored():
    for adapter, seconds in (("clone", 0.011), ("clone-ignores-digit", 0.216)):
        bench = Bench(adapter, ecus=["engine"]).quiet("ATSP6")
        assert bench.timed("01331")[1] == pytest.approx(seconds, abs=0.003)


def test_the_wait_is_st_times_the_multiplier():
    bench = Bench("elm327-2.2", ecus=["engine"]).quiet("ATSP6", "ATAT0")
    for command, wait in (
        ("ATST00", 0.2048), ("ATST0A", 0.041), ("ATSTFF", 1.0445), ("ATCTM5", 5.222),
        ("ATST0A", 0.205),
    ):  # fmt: skip
        bench.ask(command)
        assert bench.timed("0133")[1] == pytest.approx(0.011 + wait, abs=0.003)


def test_adaptive_timing_learns_from_genuine_adapters_only():
    for adapter, mode, least, most in (
        ("elm327-2.2", "ATAT0", 0.2, 0.22), ("elm327-2.2", "ATAT1", 0.05, 0.07),
        ("elm327-2.2", "ATAT2", 0.04, 0.05), ("clone", "ATAT2", 0.2, 0.22),
    ):  # fmt: skip
        bench = Bench(adapter, ecus=["engine"]).quiet("ATSP6", mode, "0133")
        assert least < bench.timed("0133")[1] < most, (adapter, mode)


def test_the_default_wait_is_200_ms_and_half_of_it_on_an_stn():
    for adapter, wait in (("clone", 0.205), ("elm327-1.5", 0.205), ("stn1110", 0.102)):
        bench = Bench(adapter, ecus=["engine"]).quiet("ATSP6", "ATAT0")
        assert bench.timed("0133")[1] == pytest.approx(0.011 + wait, abs=0.003)


def test_stpx_is_one_request_with_its_own_settings():
    bench = Bench("stn2120").quiet("ATSP6", "ATAT0", "ATH1")
    assert bench.lines("0133") == ["7E803413365"]
    assert len(bench.lines("010D")) == 2
    text, seconds = bench.timed("STPX h:7E1, d:010D, r:1")
    assert text.startswith("7E903410D") and seconds < 0.02
    assert bench.timed("STPX d:0198, t:40")[1] == pytest.approx(0.041, abs=0.003)
    assert len(bench.lines("010D")) == 2, "back to all ECUs"


def test_ecu_latency():
    for latency in (0.002, 0.010, 0.150):
        bench = Bench(ecus=["engine"], latency=latency).quiet("ATSP6")
        assert bench.timed("01331")[1] == pytest.approx(0.001 + latency, abs=0.001)
    bench = Bench(ecus=["engine"], latency=0.3).quiet("ATSP6")
    assert bench.ask("0133") == "NO DATA\r\r>", "later than ATST"


def test_long_requests_want_atal():
    bench = Bench().quiet("ATSP6", "ATSH7E0")
    assert bench.ask("22F186F187F18A00") == UNKNOWN, "eight bytes"
    bench.ask("ATAL")
    assert bench.ask("22F186F187F18A00") == "7F2213\r\r>"
    bench.ask("ATNL")
    assert bench.ask("22F186F187F18A00") == UNKNOWN


def test_protocols_by_name():
    bench = Bench(protocol="7").quiet()
    said = [bench.ask("ATSP" + n) and bench.lines("ATDP")[0] for n in "0123456789ABC"]
    assert said[0] == "AUTO" and len(set(said)) == 13
    assert said[6] == "ISO 15765-4 (CAN 11/500)" and said[3] == "ISO 9141-2"
    bench.quiet("ATSPA6", "0100")
    assert [bench.lines(c)[0] for c in ("ATDP", "ATDPN")] == [
        "AUTO, ISO 15765-4 (CAN 29/500)", "A7",
    ]  # fmt: skip


def test_stn_protocol_presets():
    bench = Bench("stn1110").quiet()
    assert bench.ask("STPR") == "AUTO\r\r>"
    for preset, name, protocol in ((33, "ISO 15765, 11-bit Tx, 500kbps, DLC=8", "6"),
                                   (36, "ISO 15765, 29-bit Tx, 250kbps, DLC=8", "9"),
                                   (25, "ISO 14230-4 (fast autoinit)", "5")):  # fmt: skip
        bench.ask(f"STP {preset}")
        assert [bench.ask(c) for c in ("STPR", "STPRS", "ATDPN")] == [
            f"{preset}\r\r>", f"{name}\r\r>", f"{protocol}\r\r>",
        ]  # fmt: skip
    bench.ask("STP33")
    assert bench.ask("STPBRR") == "500000\r\r>"
    assert bench.ask("0133") == "413365\r\r>"


def test_no_responses_wanted():
    bench = Bench().quiet("ATSP6", "ATR0")
    text, seconds = bench.timed("0133")
    assert text == "\r>" and seconds < 0.01


# -- finding the car


def test_searching_takes_its_time():
    bench = Bench(search=2.5).quiet()
    first = bench.elm.feed(b"0100\r", 2.0)
    assert first[0].data == b"SEARCHING..." and first[0].at == pytest.approx(2.001)
    assert first[1].at == pytest.approx(4.501)
    bench.now = 10.0
    assert bench.timed("0100")[1] < 0.3, "found"
    bench.quiet("ATPC")
    assert bench.timed("0100")[1] < 0.5, "it is tried first now"
    assert bench.ask("ATDPN") == "A6\r\r>"


def test_no_car():
    bench = Bench(faults=[fault("car", "ignition-off", 0)], search_in_vain=7).quiet()
    text, seconds = bench.timed("0100")
    assert (text, seconds) == ("SEARCHING...\rUNABLE TO CONNECT\r\r>", pytest.approx(7.001))
    bench = Bench(faults=[fault("car", "ignition-off", 20)]).quiet("0100")
    bench.now = 21.0
    assert bench.ask("0100") == "NO DATA\r\r>", "the ECUs have gone to sleep"
    assert bench.ask("ATIGN") == "OFF\r\r>"
    assert bench.ask("ATRV")[:3] == "12."
    bench.ask("ATPC")
    assert bench.ask("0100").endswith("UNABLE TO CONNECT\r\r>")


@pytest.mark.parametrize(
    "car, fixed, said, seconds",
    [
        ("6", "1", "NO DATA", 0.2), ("6", "2", "NO DATA", 0.2),
        ("6", "3", "BUS INIT: ...ERROR", 3.2), ("6", "4", "BUS INIT: ...ERROR", 3.2),
        ("6", "5", "BUS INIT: ERROR", 0.42), ("6", "7", "CAN ERROR", 0.06),
        ("6", "8", "CAN ERROR", 0.06), ("6", "A", "CAN ERROR", 0.06), ("9", "A", "NO DATA", 0.2),
        ("8", "A", "NO DATA", 0.2), ("3", "6", "CAN ERROR", 0.06), ("6", "B", "CAN ERROR", 0.06),
    ],
)  # fmt: skip
def test_wrong_protocol(car, fixed, said, seconds):
    bench = Bench(protocol=car).quiet(f"ATSP{fixed}")
    text, took = bench.timed("0100")
    assert (text, took) == (f"{said}\r\r>", pytest.approx(seconds, rel=0.1))


def test_can_error_counters():
    bench = Bench().quiet("ATSP8", *["0100"] * 3)
    assert bench.ask("ATCS") == "T:18 R:00\r\r>"
    bench.quiet(*["0100"] * 31)
    assert bench.ask("ATCS") == "T:OFF R:00\r\r>"


def test_monitoring_waits_for_a_character():
    bench = Bench("stn1110").quiet("ATSP6")
    for command in (b"ATMA\r", b"STMA\r"):
        assert bench.elm.feed(command, bench.now) == []
        emissions = bench.elm.feed(b" ", bench.now + 3)
        assert b"".join(e.data for e in emissions) == b"STOPPED\r\r>"
        bench.now += 4
    assert bench.ask("0133") == "413365\r\r>"


# -- headers, filters, flow control


@pytest.mark.parametrize(
    "commands, shown",
    [
        ((), ["7E8", "7E9"]), (("ATCRA7E8",), ["7E8"]), (("ATCRA7EX",), ["7E8", "7E9"]),
        (("ATCRA7E8", "ATCRA"), ["7E8", "7E9"]), (("ATCRA7E8", "ATAR"), ["7E8", "7E9"]),
        (("ATCF7E9", "ATCM7FF"), ["7E9"]), (("ATCF7E8", "ATCM7F8"), ["7E8", "7E9"]),
        (("ATSH7E1",), ["7E9"]), (("ATSH7DF",), ["7E8", "7E9"]), (("ATSH7E5",), []),
    ],
)  # fmt: skip
def test_whom_one_hears(commands, shown):
    bench = Bench("elm327-2.2").quiet("ATSP6", "ATH1", *commands)
    lines = [line for line in bench.lines("010D") if line != "NO DATA"]
    assert [line[:3] for line in lines] == shown


def test_29_bit_headers_and_priority():
    bench = Bench("elm327-2.2", protocol="7").quiet("ATSP7", "ATH1")
    for commands, shown in (
        (("ATSHDA10F1",), ["18DAF110"]), (("ATSHDB33F1",), ["18DAF110", "18DAF118"]),
        (("ATSH18DA18F1",), ["18DAF118"]), (("ATSHDA10F1", "ATCP10"), ["NO DATA"]),
        (("ATCP18",), ["18DAF110"]),
    ):  # fmt: skip
        bench.quiet(*commands)
        assert [line[:8].strip() for line in bench.lines("010D")] == shown


def test_flow_control():
    bench = Bench(ecus=["engine"]).quiet("ATSP6", "ATH1", "ATCFC0")
    assert bench.lines("0902") == ["7E81014490201564631"], "the rest is never sent"
    bench.quiet("ATCFC1", "ATFCSH7E0", "ATFCSD300014")
    assert bench.ask("ATFCSM1") == OK
    emissions = bench.elm.feed(b"0902\r", bench.now)
    assert emissions[2].at - emissions[1].at == pytest.approx(0.020), "20 ms asked for"
    bench.now += 1
    bench.quiet("ATFCSH7E5")
    assert len(bench.lines("0902")) == 1, "somebody else's flow control"
    bench.quiet("ATFCSM0")
    assert len(bench.lines("0902")) == 3


def test_interleaved_ecus_line_by_line():
    codes = ["P0133", "P0300", "P0420"]
    script = [fault("car", "dtc", 0, code=c, ecu="transmission", confirm=0.0) for c in codes]
    bench = Bench(faults=script, stored=codes * 4).quiet("ATSP6", "ATH1")
    assert [line[:5] for line in bench.lines("03")] == [
        "7E810", "7E821", "7E822", "7E823", "7E910", "7E921",
    ]  # fmt: skip
    bench = Bench(faults=script, stored=codes * 7, protocol="8").quiet("ATSP8", "ATH1")
    senders = [line[:3] for line in bench.lines("03")]
    assert senders.index("7E9") < len(senders) - 1 - senders[::-1].index("7E8"), "mixed"


def test_frames_as_they_are():
    bench = Bench(ecus=["engine"]).quiet("ATSP6", "ATH1", "ATCAF0")
    assert bench.ask("020133") == "7E80341336500000000\r\r>"
    bench.quiet("ATCAF1", "ATD1")
    assert bench.ask("0133") == "7E8803413365\r\r>"


@pytest.mark.parametrize(
    "obd, key",
    [
        ({"adapter": "elm328"}, "obd.adapter:"), ({"protocol": "A"}, "obd.protocol:"),
        ({"ecus": ["engine", "engine"]}, "obd.ecus:"), ({"ecus": ["radio"]}, "obd.ecus:"),
    ],
)  # fmt: skip
def test_the_offending_key_is_named(obd, key):
    with pytest.raises(ScenarioError) as raised:
        scenario(obd=obd)
    assert str(raised.value).startswith(key)


def test_state_can_be_what_a_test_wants():
    assert Bench(state=engine_off).quiet("ATSP6", "ATSH7E0").ask("010C1") == "410C0000\r\r>"
