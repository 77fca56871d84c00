"""The emulated OBD adapter's UART: pacing, poll rates, its buffer, and changes of the baud rate."""

import asyncio

import pytest
import serial

from tests.support.obd_bench import Bench, rate
from tools.emulator.pty import Clock
from tools.emulator.serve import ObdPort
from tools.emulator.truth import Log


def test_baud_raise_and_its_way_back():
    bench = Bench("elm327-2.2").quiet()
    emissions = bench.elm.feed(b"ATBRD23\r", 2.0, 38400)
    assert [(e.data, e.baud) for e in emissions] == [(b"OK\r", 38400), (b"ELM327 v2.2\r", 114286)]
    assert emissions[1].at - emissions[0].at == pytest.approx(0.075, abs=0.003)
    end = emissions[1].at + len(emissions[1].data) * 10 / 114286
    accepted = bench.elm.feed(b"\r", end + 0.03, 114286)
    assert [(e.data, e.baud) for e in accepted] == [(b"OK\r", 114286), (b"\r>", 114286)]
    assert bench.elm.wake() == pytest.approx(end + 0.075, abs=0.001)
    assert bench.elm.poll(end + 0.1) == []
    assert bench.elm.feed(b"ATI\r", 4.0, 38400) == [], "the old rate is noise now"
    assert bench.elm.counters["framing"] == 4
    assert bench.elm.feed(b"ATI\r", 4.1, 115200)[0].baud == 114286, "near enough"
    assert bench.elm.feed(b"ATWS\r", 4.2, 114286)[0].baud == 114286, "a warm start keeps the rate"
    assert bench.elm.feed(b"ATZ\r", 5.0, 114286)[-1].baud == 38400
    # Nobody answers.
    bench.elm.feed(b"ATE0\rATBRD10\r", 6.0, 38400)
    bench.elm.feed(b"\r", 6.1, 38400)
    assert 6.15 < bench.elm.wake() < 6.2
    assert [(e.data, e.baud) for e in bench.elm.poll(6.2)] == [(b"\r>", 38400)]
    assert bench.elm.feed(b"ATI\r", 6.3, 38400)[0].data == b"ELM327 v2.2\r"


def test_baud_time_out_is_a_setting():
    bench = Bench("elm327-2.2").quiet("ATBRT14")  # 20 times 5 ms
    emissions = bench.elm.feed(b"ATBRD23\r", 2.0)
    assert emissions[1].at - emissions[0].at == pytest.approx(0.1, abs=0.003)


def test_stn_baud_commands():
    bench = Bench("stn1110").quiet("STBRT 500")
    emissions = bench.elm.feed(b"STBR 921600\r", 2.0)
    assert [(e.data, e.baud) for e in emissions] == [
        (b"OK\r", 38400),
        (b"STN1110 v4.2.0\r", 921600),
    ]
    assert emissions[1].at - emissions[0].at == pytest.approx(0.5, abs=0.01)
    assert bench.elm.feed(b"\r", 2.6, 921600)[0].data == b"OK\r"
    assert bench.elm.baud == 921600
    emissions = bench.elm.feed(b"STSBR 115200\r", 4.0, 921600)
    assert [(e.data, e.baud) for e in emissions] == [(b"OK\r", 921600), (b"\r>", 115200)]
    bench.elm.feed(b"STWBR\r", 5.0, 115200)
    assert bench.elm.feed(b"ATZ\r", 6.0, 115200)[-1].baud == 115200, "it was written down"


# Rows of shared/facts/obd.md: baud, ST, then requests a second with one PID and digit, without
# digit, and PIDs a second with six PIDs, with six PIDs and digit.
@pytest.mark.parametrize(
    "baud, st, one_digit, one, six, six_digit",
    [
        (38400, "32", 54.9, 4.6, 25.6, 175), (38400, "0A", 55.8, 17.3, 81.3, 177),
        (115200, "32", 74.6, 4.7, 27.2, 296), (115200, "0A", 74.8, 18.7, 99.4, 294),
    ],
)  # fmt: skip
def test_poll_rates_are_those_of_the_timing_table(baud, st, one_digit, one, six, six_digit):
    def bench(*more):
        made = Bench(baud=baud, ecus=["engine"], latency=0.010)
        return made.quiet("ATSP6", "ATH1", f"ATST{st}", *more)

    assert rate(bench("ATS1"), "010C1") == pytest.approx(one_digit, rel=0.1)
    assert rate(bench("ATS1"), "010C") == pytest.approx(one, rel=0.1)
    # Here the adapter writes while it waits out ATST; where it does not it is a little slower.
    assert 6 * rate(bench(), "010C0D0504112F") == pytest.approx(six, rel=0.3)
    assert 6 * rate(bench(), "010C0D0504112F3") == pytest.approx(six_digit, rel=0.15)


def test_buffer_full_when_the_uart_is_too_slow():
    codes = [f"P{n:04X}" for n in range(0x0100, 0x0164)]
    for baud, settings, overflows in (
        (38400, ("ATH1", "ATS1"), True), (38400, ("ATH0",), False),
        (921600, ("ATH1", "ATS1"), False),
    ):  # fmt: skip
        bench = Bench(baud=baud, stored=codes, ecus=["engine"]).quiet("ATSP6", *settings)
        text = bench.ask("03")
        assert text.endswith("BUFFER FULL\r\r>") == overflows
        assert bool(bench.rows) is not overflows, "what was not said is not true"
        assert bench.elm.counters["overflows"] == overflows
        assert not overflows or 512 < len(text) < 700, "the buffer, and what left meanwhile"


async def _raised_on_a_terminal():
    port = ObdPort(Clock(), Log(), Bench("elm327-2.2").elm, 38400)
    task = asyncio.create_task(port.run())
    said = []

    async def talk(text, end, seconds=2.0):
        tty.write(text)
        got = b""
        while not got.endswith(end) and seconds > 0:
            await asyncio.sleep(0.01)
            seconds -= 0.01
            got += tty.read(1000)
        said.append(got)

    with serial.Serial(port.uart.path, 38400, timeout=0) as tty:
        await talk(b"ATE0\r", b">")
        await talk(b"ATBRT50\r", b">")
        await talk(b"ATBRD08\r", b">")
        await talk(b"ATBRD08\r", b"OK\r")
        tty.baudrate = 500000
        await talk(b"", b"2.2\r")
        await talk(b"\r", b">")
        tty.baudrate = 38400
        await talk(b"ATI\r", b">", 0.3)
        tty.baudrate = 500000
        await talk(b"ATI\r", b">")
    task.cancel()
    await port.uart.close()
    return said


def test_a_terminal_at_the_wrong_rate_is_not_understood():
    said = asyncio.run(_raised_on_a_terminal())[2:]
    garbled = said.pop(0)
    assert garbled.startswith(b"OK\r") and garbled.endswith(b"\r>") and b"ELM" not in garbled
    assert said == [
        b"OK\r", b"ELM327 v2.2\r", b"OK\r\r>", b"", b"ELM327 v2.2\r\r>",
    ]  # fmt: skip
