"""The sleeping car: when it is left alone, what wakes it, and that no ECU hears of us meanwhile."""

from agent.obd import sleep
from agent.obd.sleep import FALL_ASLEEP, TRY, WAKE, Sleep
from tests.support.obd_scripted import ENGINE, RPM, Bench

SETTINGS = dict(sleep.DEFAULTS)


def machine(**settings):
    return Sleep(dict(SETTINGS, **settings))


def slept(car, since, until):
    """When it fell asleep, in steps of 500 ms, or None."""
    for now in range(since, until, 500):
        if car.poll(now) == FALL_ASLEEP:
            return now
    return None


# The policy


def test_ignition_off_and_the_engine_still():
    car = machine()
    car.ignition(True, 0)
    car.engine(3000, 0)
    assert slept(car, 0, 3600000) is None
    car.ignition(False, 3600000)
    assert slept(car, 3600000, 3700000) == 3610000


def test_an_engine_that_runs_without_the_key_is_polled_on():
    car = machine()
    car.ignition(False, 0)
    for now in range(0, 600000, 500):
        car.engine(3000, now)
        assert car.poll(now) is None
    car.engine(0, 600000)
    assert slept(car, 600000, 700000) == 604500  # gone for longer than a missed answer


def test_never_on_voltage_alone():
    for level in (True, None):
        car = machine()
        car.ignition(level, 0)
        for now in range(0, 3600000, 500):
            car.voltage(11500)  # a smart alternator, or an old battery
            car.engine(2800, now)
            assert car.poll(now) is None


def test_without_an_ignition_input_a_silent_bus_speaks_for_it():
    car = machine()
    car.bus(True, 0)
    assert slept(car, 0, 600000) is None
    car.bus(False, 600000)
    assert slept(car, 600000, 800000) == 660000


def test_without_an_ignition_input_an_engine_that_stands_and_charges_nothing():
    car = machine()
    car.bus(True, 0)
    car.voltage(12500)
    car.engine(0, 0)
    assert slept(car, 0, 600000) == 300000
    car = machine()
    car.engine(0, 0)
    assert slept(car, 0, 600000) is None  # nothing is known of the battery
    car = machine()
    car.voltage(14100)
    car.engine(0, 0)
    assert slept(car, 0, 600000) is None  # a hybrid, or a charger


def asleep(level=False, volts=12400):
    car = machine()
    car.ignition(level, 0)
    car.bus(False, 0)
    car.voltage(volts)
    assert slept(car, 0, 100000) is not None
    return car


def test_ignition_and_motion_wake():
    car = asleep()
    assert car.poll(200000) is None
    car.ignition(True, 200000)
    assert car.poll(200000) == WAKE and not car.asleep
    car = asleep(None)
    car.moving(200000)
    assert car.poll(200000) == WAKE


def test_a_rise_of_the_voltage_asks_the_car_once():
    car = asleep()
    car.voltage(12300)
    car.voltage(12700)
    assert car.poll(200000) is None
    car.voltage(12800)
    assert car.poll(200000) == TRY
    car.voltage(12900)
    assert car.poll(202000) is None  # a charger: it stays that high
    assert car.tried(False, 203000) is None and car.asleep
    car.voltage(13400)
    assert car.poll(204000) == TRY
    assert car.tried(True, 205000) == WAKE and not car.asleep


def test_without_an_input_the_car_is_asked_now_and_then():
    car = asleep(None)
    tries = [now for now in range(100000, 3700000, 1000) if car.poll(now) == TRY]
    assert len(tries) == 4
    car = asleep(False)
    assert [now for now in range(100000, 3700000, 1000) if car.poll(now)] == []


def test_low_power_only_where_something_else_wakes():
    car = asleep(False)
    assert not car.rests(100000) and car.rests(700000)
    car = asleep(None)
    assert not car.rests(7000000)
    car.voltage(sleep.LOW_MV - 1)
    assert car.rests(100000)


def test_a_lorry_has_two_batteries_in_a_row():
    for volts, asleep_at in ((25600, 300000), (26400, None)):
        car = machine(battery_v=24)
        car.voltage(volts)
        car.engine(0, 0)
        assert slept(car, 0, 600000) == asleep_at
    car = machine(battery_v=24)
    car.voltage(25200)
    car.engine(0, 0)
    assert slept(car, 0, 600000) == 300000
    car.voltage(26100)
    assert car.poll(310000) is None
    car.voltage(26200)
    assert car.poll(320000) == TRY
    assert not car.rests(7000000)
    car.voltage(2 * sleep.LOW_MV - 1)
    assert car.rests(7000000)


def test_a_car_that_drives_does_not_sleep():
    for level in (False, None):  # a hybrid on its battery; an input that is wired wrongly
        car = machine()
        car.ignition(level, 0)
        car.voltage(12600)
        for now in range(0, 1200000, 500):
            car.engine(0, now)
            if now % 1000 == 0:
                car.moving(now)
            assert car.poll(now) is None


def test_the_engine_is_watched_although_nobody_wants_its_speed():
    bench = Bench({"signals": ["coolant"], "asleep_still_ms": 20000})
    bench.adapter.volts = "12.4V"
    bench.run(60000)
    assert bench.states() == ["searching", "polling"] and bench.values(RPM) == []
    bench.car.data[ENGINE][0x0C] = b"\x00\x00"
    bench.run(100000)
    assert bench.states()[-1] == "asleep"
    bench = Bench({"signals": ["coolant"], "asleep_still_ms": 20000, "asleep_ms": 0})
    bench.run(20000)
    assert "010C" not in "".join(bench.asked())


def test_it_can_be_switched_off():
    car = machine(asleep_ms=0)
    car.ignition(False, 0)
    car.bus(False, 0)
    assert slept(car, 0, 600000) is None


# The whole machine


def parked(settings=None, level=False):
    bench = Bench(settings)
    bench.adapter.volts = "12.4V"
    bench.obd.ignition(True if level is False else level, 0)
    bench.run(10000)
    bench.car.data[ENGINE][0x0C] = b"\x00\x00"
    bench.car.data[ENGINE][0x0D] = b"\x00"
    bench.obd.ignition(level, bench.now)
    return bench


def test_no_request_while_asleep_and_the_battery_is_watched():
    bench = parked()
    bench.run(30000)
    assert bench.states() == ["searching", "polling", "asleep"]
    bench.adapter.log.clear()
    bench.events.clear()
    bench.run(500000)
    assert bench.asked() == []
    looks = [text for _, text in bench.adapter.log]
    assert set(looks) == {"ATRV"} and len(looks) > 200
    assert 14 <= len(bench.values(14)) <= 17  # told as seldom as ever
    assert bench.obd.readings.get(RPM, bench.now) is None
    assert bench.obd.readings.get(14, bench.now) == 12400


def test_the_ignition_wakes_within_a_second():
    bench = parked()
    bench.run(60000)
    bench.events.clear()
    bench.obd.ignition(True, bench.now)
    bench.run(bench.now + 1500)
    assert bench.states() == ["searching", "polling"] and bench.values(RPM)


def test_the_ignition_ends_the_wait_for_a_bus():
    bench = Bench({"bus_retry_ms": 60000, "asleep_ms": 0})
    bench.car.alive = False
    bench.obd.ignition(False, 0)
    bench.run(20000)
    assert bench.states() == ["searching"]
    bench.car.alive = True
    bench.obd.ignition(True, bench.now)
    bench.run(bench.now + 1500)
    assert bench.states() == ["searching", "polling"]


def test_low_power_after_a_while_and_a_look_at_the_battery_now_and_then():
    bench = parked()
    bench.run(640000)
    assert bench.adapter.asleep
    bench.adapter.log.clear()
    bench.run(3 * 600000 + 640000 + 30000)
    looks = [text for _, text in bench.adapter.log]
    assert 2 <= looks.count("ATRV") <= 4 and looks.count("ATLP") == looks.count("ATRV")
    assert bench.asked() == [] and bench.adapter.asleep
    bench.events.clear()
    bench.obd.ignition(True, bench.now)
    bench.run(bench.now + 3000)
    assert bench.states()[-1] == "polling"


def test_an_adapter_without_low_power_stays_awake():
    bench = parked()
    bench.adapter.answers["ATLP"] = "?"
    bench.run(900000)
    looks = [text for _, text in bench.adapter.log]
    assert looks.count("ATLP") == 1 and bench.obd.memory["unsupported"] == ["ATLP"]
    assert bench.states()[-1] == "asleep"


def test_a_charger_is_asked_about_once():
    bench = parked()
    bench.run(60000)
    bench.car.alive = False
    bench.adapter.log.clear()
    bench.adapter.volts = "13.6V"
    bench.run(120000)
    assert bench.asked() == ["0100", "0100"]  # by the known protocol, then by any
    assert bench.states()[-1] == "asleep"
    bench.adapter.volts = "14.3V"
    bench.car.alive = True
    bench.car.data[ENGINE][0x0C] = b"\x0c\x80"
    bench.run(130000)
    assert bench.states()[-1] == "polling"  # run-lock: the engine runs without the key


def test_an_adapter_that_is_lost_asleep_comes_back_asleep():
    bench = parked()
    bench.run(60000)
    bench.adapter.log.clear()
    bench.adapter.silent = True
    bench.run(90000)
    bench.adapter.silent = False
    bench.run(100000)
    assert bench.states()[-2:] == ["lost", "asleep"] and bench.asked() == []


def test_a_reset_asleep_without_an_input_asks_once():
    for level, asked in ((None, ["0100"]), (False, [])):
        bench = parked({"asleep_still_ms": 10000}, level)
        bench.run(60000)
        assert bench.states()[-1] == "asleep"
        bench.adapter.log.clear()
        bench.adapter.say(b"\r\rLV RESET\r\r>", bench.now + 5)
        bench.run(bench.now + 1300)
        assert bench.asked()[:1] == asked, level
