"""What goes wrong with the emulated OBD adapter, row by row of the fault script, in simulated
time: what it looks like on the line, and that it passes."""

import pytest

from tests.support.obd_bench import Bench, fault

TABLE = (
    "NO DATA", "UNABLE TO CONNECT", "BUS INIT: ...ERROR", "BUS BUSY", "BUS ERROR", "CAN ERROR",
    "FB ERROR", "DATA ERROR", "BUFFER FULL", "STOPPED", "ERR94", "NOT CONNECTED", "?",
)  # fmt: skip


@pytest.mark.parametrize("text", TABLE)
def test_every_error_reply_by_script(text):
    bench = Bench(faults=[fault("obd", "error", 2, 3, text=text)]).quiet("ATSP6")
    assert bench.ask("0133") == "413365\r\r>"
    bench.now = 2.5
    assert bench.ask("0133") == f"{text}\r\r>" and bench.rows == []
    assert bench.ask("ATI") == "ELM327 v1.5\r\r>"
    bench.now = 6.0
    assert bench.ask("0133") == "413365\r\r>"


@pytest.mark.parametrize("text", ["<DATA ERROR", "<RX ERROR", " DATA ERROR"])
def test_marked_lines_show_their_bytes_all_the_same(text):
    bench = Bench(faults=[fault("obd", "line-error", 2, text=text)]).quiet("ATSP6")
    bench.now = 3.0
    assert bench.ask("0133") == f"413365{text}\r\r>"
    assert bench.rows == []


def test_corrupt_digits():
    bench = Bench(faults=[fault("obd", "corrupt", 2, rate=0.2)]).quiet("ATSP6", "ATH1")
    bench.now = 3.0
    texts = [bench.ask("01331") for _ in range(40)]
    wrong = [text for text in texts if text != "7E803413365\r\r>"]
    assert 20 < len(wrong) < 40
    assert all(len(text) == 14 and set(text) <= set("0123456789ABCDEF\r>") for text in texts)
    bench = Bench(faults=[fault("obd", "corrupt", 2, rate=1.0, hex=False)]).quiet("ATSP6")
    bench.now = 3.0
    assert not set(bench.ask("01331")) & set("0123456789ABCDEF")
    assert bench.rows == []
    assert bench.ask("ATRV")[:3] == "14.", "only what comes from the bus"


def test_another_testers_replies():
    row = fault("obd", "foreign", 2, data="03410DC8")
    bench = Bench(faults=[row], ecus=["engine"]).quiet("ATSP6", "ATH1")
    bench.now = 3.0
    assert bench.lines("0133") == ["7E803410DC8", "7E803413365"]
    assert bench.ask("01331") == "7E803410DC8\r\r>", "the digit counts it"
    row = fault("obd", "foreign", 2, id="7C8", data="0462F19001")
    bench = Bench("elm327-2.2", faults=[row], ecus=["engine"]).quiet("ATSP6", "ATH1")
    bench.now = 3.0
    assert bench.lines("0133") == ["7E803413365"], "the filter takes it away"
    bench.quiet("ATCRA7XX")
    assert bench.lines("0133") == ["7C80462F19001", "7E803413365"]
    row = fault("obd", "foreign", 2, id="18DAFA10", data="03410DC8")
    bench = Bench(faults=[row], ecus=["engine"], protocol="7").quiet(
        "ATSP7", "ATH1", "ATCM00000000"
    )
    bench.now = 3.0
    assert bench.lines("0133") == ["18DAFA1003410DC8", "18DAF11003413365"]


def test_response_pending_and_who_waits_for_the_answer():
    rows = [fault("obd", "pending", 2, wait=1.5)]
    for adapter, said in (("clone", ["7F0178"]), ("stn2120", ["7F0178", "413365"])):
        bench = Bench(adapter, faults=rows, ecus=["engine"]).quiet("ATSP6", "ATAT0")
        bench.now = 3.0
        assert bench.lines("0133") == said
        bench.quiet("ATSTFF", "ATCTM5") if adapter == "clone" else None
        assert bench.lines("0133") == ["7F0178", "413365"]
        assert bench.lines("01331") == ["7F0178"], "one frame was asked for"


def test_missing_ok_and_prompt():
    rows = [fault("obd", "no-ok", 2, 3), fault("obd", "no-prompt", 10, 3)]
    bench = Bench(faults=rows).quiet("ATSP6")
    bench.now = 3.0
    assert bench.ask("ATH0") == "\r\r>"
    assert bench.ask("ATI") == "ELM327 v1.5\r\r>"
    bench.now = 11.0
    assert bench.ask("0133") == "413365\r\r"
    assert bench.ask("ATH0") == "OK\r\r"
    bench = Bench("clone-lost-prompt").quiet("ATSP6")
    lost = sum(not bench.ask("01331").endswith(">") for _ in range(300))
    assert 10 < lost < 60


def test_dead_and_dead_in_the_middle():
    rows = [fault("obd", "silent", 2, 3), fault("obd", "mid-reply", 10, 5, after=5)]
    bench = Bench(faults=rows).quiet("ATSP6")
    bench.now = 3.0
    assert bench.ask("0133") == ""
    bench.now = 11.0
    assert bench.ask("0133") == "41336"
    assert bench.ask("0133") == bench.ask("ATH1") == ""
    bench.now = 16.0
    assert bench.ask("0133") == "413365\r\r>"


def test_noise_bytes():
    bench = Bench(faults=[fault("obd", "noise", 2, rate=1.0)]).quiet("ATSP6")
    bench.now = 3.0
    text = bench.ask("0133")
    assert set(text[::2]) == {"\0", "\xff"} and text[1::2] == "413365\r\r>"


@pytest.mark.parametrize("text", [None, "LV RESET", "ERR94"])
def test_cranking(text):
    values = {"text": text} if text else {}
    rows = [fault("car", "cranking", 10, 1.2, volts=6.9, **values)]
    bench = Bench("elm327-1.5", faults=rows).quiet("ATSP0", "ATH1", "0100")
    assert bench.ask("0133") == "7E803413365\r\r>"
    bench.now = 10.5
    assert bench.ask("ATRV") == "", "dead while the starter turns"
    assert bench.at(11.2) == f"\r\r{text or 'ELM327 v1.5'}\r\r>"
    bench.now = 12.0
    assert bench.ask("ATRV")[:7] == "ATRV\r14", "echo is back"
    bench.quiet()
    answer = bench.ask("0100")
    if text != "ERR94":
        assert answer.endswith("410088180010\r\r>"), "without headers"
        return
    assert answer == "SEARCHING...\rUNABLE TO CONNECT\r\r>", "CAN is left out"
    bench.quiet("ATZ")
    bench.quiet()
    assert bench.ask("0100").endswith("CONNECT\r\r>"), "a reset does not help"
    bench.ask("ATFE")
    assert bench.ask("0100").endswith("410088180010\r\r>")


def test_an_adapter_that_survives_cranking():
    rows = [fault("car", "cranking", 10, 1.2, survives=True, volts=7.9)]
    bench = Bench(faults=rows).quiet("ATSP6", "ATH1")
    bench.now = 10.2
    assert bench.ask("ATRV") == "7.9V\r\r>"
    assert bench.ask("0133") == "NO DATA\r\r>"
    bench.now = 12.0
    assert bench.ask("0133") == "7E803413365\r\r>"


def test_brown_out():
    rows = [fault("car", "voltage", 10, 5, volts=11.2)]
    bench = Bench(faults=rows).quiet("ATSP6")
    assert bench.ask("ATRV")[:3] == "14."
    bench.now = 11.0
    assert bench.ask("ATRV") == "11.2V\r\r>"
    assert bench.ask("01421") == "41422BC0\r\r>", "11.2 V to the engine's ECU as well"


@pytest.mark.parametrize("text, sleep", [("ACT ALERT", 60.0), ("!LP ALERT", 2.0)])
def test_alerts_and_sleep(text, sleep):
    rows = [fault("obd", "alert", 10, 0, text=text, sleep=sleep)]
    bench = Bench("elm327-2.2", faults=rows).quiet("ATSP6")
    assert bench.elm.wake() == 10.0
    assert bench.at(10.0) == f"\r{text}\r\r>"
    assert bench.elm.wake() == 10.0 + sleep
    bench.at(10.1 + sleep)
    assert bench.ask("0133") == "\r\rELM327 v2.2\r\r>", "asleep: the line only woke it"
    # A character in time keeps it awake.
    bench = Bench("elm327-2.2", faults=rows).quiet("ATSP6")
    bench.at(10.0)
    bench.at(11.0)
    bench.ask("ATI")
    bench.at(10.5 + sleep)
    assert bench.ask("0133") == "413365\r\r>"


def test_low_power_and_waking():
    bench = Bench("elm327-2.2").quiet("ATSP6")
    assert bench.ask("ATLP") == "OK\r\r>"
    bench.now += 2.0
    bench.at(bench.now)
    emissions = bench.elm.feed(b" ", bench.now)
    assert b"".join(e.data for e in emissions) == b"\r\rELM327 v2.2\r\r>"
    bench.now += 1.0
    assert bench.ask("ATI") == "ATI\rELM327 v2.2\r\r>", "a warm start: settings are lost"
