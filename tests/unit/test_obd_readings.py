"""A value has an age: what is too old is absent."""

from agent import signals
from agent.obd import readings
from agent.obd.readings import Readings
from tests.support.obd_scripted import RPM, SPEED, Bench

COOLANT = signals.by_name("coolant")


def test_a_value_ends_with_its_limit():
    found = Readings()
    assert found.get(31, 0) is None and found.age(31, 0) is None
    found.take(31, 0, 1000, 2000)  # a raw zero is a value
    assert found.get(31, 3000) == 0 and found.live(3000) == [(31, 0, 2000)]
    assert found.get(31, 3001) is None and found.live(3001) == []
    assert found.age(31, 3001) == 2001
    found.take(31, 7, 4000, 2000)
    assert found.get(31, 4000) == 7


def test_signals_are_bounded():
    found = Readings()
    for signal in range(2 * readings.MAX_SIGNALS):
        found.take(signal, 1, 0, 1000)
    assert len(found.live(0)) == readings.MAX_SIGNALS
    found.take(5, 2, 0, 1000)
    assert found.get(5, 0) == 2


def ended(fault):
    """ms after the last answer at which speed and coolant stop being true."""
    bench = Bench({"vin": False})
    bench.run(15000)
    live = bench.obd.readings
    assert live.get(RPM, bench.now) == 0x1AF8 and live.get(SPEED, bench.now) == 0x32
    fault(bench)
    start = bench.now
    ends = {}
    while bench.now < start + 60000:
        bench.run(bench.now + 50)
        for signal in (SPEED, COOLANT):
            if live.get(signal, bench.now) is None and signal not in ends:
                ends[signal] = bench.now - start
    assert live.live(bench.now)[0][0] == signals.BATTERY_VOLTAGE or not live.live(bench.now)
    return ends


def test_values_end_whatever_ends_them():
    def silent(bench):
        bench.adapter.silent = True

    def asleep(bench):
        bench.car.alive = False

    def garbled(bench):
        bench.adapter.mangle = lambda text: "7E804410C1A"

    for fault in (silent, asleep, garbled):
        ends = ended(fault)
        assert ends[SPEED] <= 3100 and 15000 < ends[COOLANT] <= 31600, (fault, ends)
