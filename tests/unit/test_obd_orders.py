"""A technician's orders between the polls: clearing codes, and a whole scan."""

from agent.obd import services
from tests.support.obd_scripted import ENGINE, GEARBOX, RPM, VIN, Bench, Car

STILL = b"\x00\x00"


def bench_with_codes(rpm=STILL):
    car = Car()
    car.data[ENGINE][0x0C] = rpm
    car.data[ENGINE][0x01] = b"\x81\x07\xe5\x00"
    car.codes[ENGINE] = b"\x03\x01"
    bench = Bench(None, car)
    bench.run(8000)
    return bench


def refused(bench, order=services.CLEAR_ORDER):
    try:
        bench.obd.order_clear(order, bench.now)
    except services.ServiceRefused as error:
        return str(error)
    return None


def test_codes_are_cleared_with_the_engine_off():
    bench = bench_with_codes()
    assert bench.codes()[-1] == ("P0301",)
    since = bench.now
    assert refused(bench) is None
    bench.run(bench.now + 3000)
    assert bench.of("cleared") == [("cleared", True, "", bench.of("cleared")[0][3])]
    asked = bench.asked(since)
    assert asked.count("04") == 1 and "010C" in asked[: asked.index("04")]
    assert bench.codes()[-1] == ()  # read again at once


def test_never_while_the_engine_runs_or_its_speed_is_unknown():
    for rpm, reason in ((b"\x00\x01", "the engine runs"), (None, "speed is not known")):
        bench = bench_with_codes()
        if rpm is None:
            bench.car.data[ENGINE].pop(0x0C)
        else:
            bench.car.data[ENGINE][0x0C] = rpm
        assert refused(bench) is None
        bench.run(bench.now + 3000)
        done = bench.of("cleared")
        assert len(done) == 1 and done[0][1] is False and done[0][2].endswith(reason), done
        assert "04" not in bench.asked() and bench.codes()[-1] == ("P0301",)


def test_any_ecu_that_sees_the_engine_turn_is_enough():
    bench = bench_with_codes()
    bench.car.data[GEARBOX] = {0x0C: b"\x0c\x00"}
    assert refused(bench) is None
    bench.run(bench.now + 3000)
    assert bench.of("cleared")[0][1] is False and "04" not in bench.asked()


def test_a_spoilt_answer_about_the_engine_clears_nothing():
    for answer in ("7E804410C000", "7E803410D00", "NO DATA", "7E804410C0000\r7E904410C00"):
        bench = bench_with_codes()
        assert refused(bench) is None
        bench.adapter.mangle = lambda text, answer=answer: answer
        bench.run(bench.now + 2000)
        assert bench.of("cleared")[0][1] is False and "04" not in bench.asked(), answer


def test_what_the_car_says_to_it():
    bench = bench_with_codes()
    bench.car.refusal = b"\x7f\x04\x22"
    assert refused(bench) is None
    bench.run(bench.now + 3000)
    assert bench.of("cleared")[0][1:3] == (False, "refused: conditions not correct")


def test_orders_that_cannot_be_tried():
    bench = bench_with_codes()
    for order in (None, "", "clear", True, 4):
        assert "nobody ordered" in refused(bench, order)
    assert refused(bench) is None
    assert "another order" in refused(bench)
    assert not bench.obd.order_scan()
    fresh = Bench()
    assert "does not answer now" in refused(fresh) and not fresh.obd.order_scan()
    assert "04" not in bench.asked() and "04" not in fresh.asked()


def test_an_order_ends_with_the_adapter():
    bench = bench_with_codes()
    assert refused(bench) is None
    bench.adapter.silent = True
    bench.run(bench.now + 6000)
    assert bench.of("cleared")[0][1] is False
    bench.adapter.silent = False
    bench.run(bench.now + 10000)
    assert "04" not in bench.asked()  # not made up for later


def test_a_scan_between_the_polls():
    bench = bench_with_codes()
    assert bench.obd.order_scan()
    before = len(bench.values(RPM))
    start = bench.now
    while not bench.of("scan"):
        assert bench.now < start + 20000
        bench.run(bench.now + 100)
    result = bench.of("scan")[0][1]
    assert result["vin"] == VIN
    engine = [ecu for ecu in result["ecus"] if ecu["id"] == ENGINE][0]
    assert engine["stored"] == ["P0301"] and 0x0C in engine["pids"]
    seconds = (bench.now - start) / 1000
    assert len(bench.values(RPM)) - before >= seconds  # polling went on
    bench.run(bench.now + 3000)
    assert bench.states() == ["searching", "polling"]
