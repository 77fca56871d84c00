"""`patrol bench obd`: its testers and its line do what the figures rest on."""

from agent import signals
from tools.bench import obd


def test_all_testers_get_all_signals():
    speed = signals.by_name("speed")
    for ecus in obd.ECUS:
        own = obd.measure(obd.driver(), 38400, 40, ecus, seconds=2)
        assert len({row[0] for row in own}) == len(obd.SIGNALS)
        for digit in (True, False):
            rows = obd.measure(obd._OnePid(digit), 38400, 40, ecus, seconds=2)
            assert len({row[0] for row in rows}) == len(obd.SIGNALS)
        delays = obd.latencies(own, speed)
        # No change is seen before its request's answer has passed the line.
        assert delays[0] > 1000 * (obd.LATENCY + 20 * 10 / 38400)


def test_the_line_is_paced():
    """Sixteen characters there, three frames back and a prompt, and the ECU's time: no faster."""
    own = obd.measure(obd.driver(), 38400, 40, 1, seconds=2)
    cycle = (16 + 3 * 20 + 2) * 10 / 38400 + obd.LATENCY
    assert len(own) / 2 <= 6 / cycle
    assert len(obd.measure(obd.driver(), 115200, 40, 1, seconds=2)) > len(own)


def test_without_the_digit_the_adapter_waits():
    short = obd.measure(obd._OnePid(False), 38400, 40, 1, seconds=4)
    long = obd.measure(obd._OnePid(False), 38400, 200, 1, seconds=4)
    assert len(short) > 2 * len(long) > 0
