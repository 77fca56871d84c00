"""agent/log.py: each fault is counted, and told at most once a minute."""

from agent.log import MAX_LINES, MAX_NAMES, REPEAT_MS, Log


def make():
    lines = []
    return Log(lines.append), lines


def test_a_line_begins_with_the_uptime():
    log, lines = make()
    log.line(0, "one")
    log.line(83456789, "two")
    assert lines == ["     0.000 one", " 83456.789 two"] and log.lines == lines


def test_a_fault_is_told_and_counted():
    log, lines = make()
    assert log.fault(5, "gps", "UartError", "line lost")
    assert lines == ["     0.005 gps: UartError: line lost"]
    assert log.counters == {"gps.UartError": 1}


def test_its_repetitions_are_counted_and_told_once_a_minute():
    log, lines = make()
    told = [t for t in range(0, 3 * REPEAT_MS, 1000) if log.fault(t, "gps", "UartError", "x")]
    assert told == [0, REPEAT_MS, 2 * REPEAT_MS] and len(lines) == 3
    assert log.counters == {"gps.UartError": 180}


def test_another_fault_is_told_by_itself():
    log, lines = make()
    assert log.fault(0, "gps", "UartError", "x") and log.fault(0, "obd", "UartError", "x")
    assert log.fault(0, "gps", "OtherError", "x") and len(lines) == 3


def test_what_is_kept_is_bounded():
    log, lines = make()
    for i in range(MAX_NAMES + 10):
        log.fault(0, "part", str(i), "x")
    assert len(log.counters) == MAX_NAMES + 1 and log.counters["other"] == 10
    assert len(lines) == MAX_NAMES + 1 and log.lines == lines[-MAX_LINES:]
    log.fault(0, "part", "0", "x")
    assert log.counters["part.0"] == 2
