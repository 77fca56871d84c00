"""The wait of an adapter that does not know the frame-count digit, learned by measuring."""

from agent.obd import timing
from agent.obd.timing import Timing
from tests.support.obd_scripted import RPM, Bench


def answered(machine, latency):
    for _ in range(timing.SAMPLES):
        machine.answered(latency)


def test_the_wait_is_twice_the_slowest_answer():
    machine = Timing()
    assert machine.wanted() is None
    answered(machine, 20)
    machine.answered(30)
    assert machine.wanted() == 15  # 60 ms
    assert machine.wanted() is None and machine.wait_ms == 60


def test_never_below_what_a_busy_ecu_takes_nor_where_it_pays_little():
    machine = Timing()
    answered(machine, 2)
    assert machine.wanted() == 6  # 24 ms
    machine = Timing()
    answered(machine, 80)
    assert machine.wanted() is None and machine.wait_ms is None


def test_back_to_the_default_when_answers_go_missing():
    machine = Timing()
    for attempt in range(timing.ATTEMPTS):
        answered(machine, 20)
        assert machine.wanted() == -(-20 * (2 + attempt) * 1000 // 4096)
        for _ in range(timing.TROUBLES - 1):
            machine.missed()
        machine.answered(20)  # a single loss is none
        machine.missed()
        assert machine.wanted() is None
        machine.missed()
        machine.missed()
        assert machine.wanted() == 0 and machine.wait_ms is None
    answered(machine, 20)
    assert machine.wanted() is None  # this car is not to be hurried


def test_a_new_car_is_measured_anew():
    machine = Timing()
    answered(machine, 10)
    machine.wanted()
    machine.restart()
    assert machine.wait_ms is None and machine.wanted() is None
    answered(machine, 12)
    assert machine.wanted() is not None


def test_only_adapters_without_the_digit_are_hurried():
    for digit in (True, False):
        bench = Bench({"dtc_ms": 0, "vin": False})
        bench.adapter.digit = digit
        bench.run(30000)
        sent = [text for _, text in bench.adapter.log if text.startswith("ATST")]
        assert sent == ([] if digit else ["ATST06"])
        assert len(bench.values(RPM)) > 45
