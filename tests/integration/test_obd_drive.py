"""The OBD machine on the emulated car, under either interpreter.

Ignition cycles, cranking, silence, sleep, and long driving in a heap that does not grow.
"""

import pytest

from agent import signals
from tests.support import obd_hour
from tests.support.micropython import HOW_TO_GET_IT, find
from tests.support.obd_bench import engine_off, fault, scenario
from tests.support.obd_virtual import Drive

RPM = signals.by_name("rpm")
SPEED = signals.by_name("speed")
COOLANT = signals.by_name("coolant")
LIVE_MS = {RPM: 3000, SPEED: 3000, COOLANT: 31500}  # three periods of the tier, and an exchange
STEP_MS = 101  # the looks are 100 ms apart
BACK_S = 5.0

RATES = pytest.mark.parametrize("rates", [None, [38400, 115200]], ids=["38400", "raised"])


@pytest.fixture(params=["cpython", "micropython"])
def interpreter(request):
    if request.param == "micropython" and find() is None:
        pytest.skip(HOW_TO_GET_IT)
    return request.param


def reading(drive, signal):
    return drive.peer.ask(f"reading {round(drive.now * 1000)} {signal}").strip()


def watched(drive, until, lost_at):
    """Runs on; when each signal stopped being true, in ms after `lost_at`."""
    ends = {}
    while drive.now < until:
        drive.run(drive.now + 0.1)
        for signal in LIVE_MS:
            if signal not in ends and reading(drive, signal) == "null":
                ends[signal] = (drive.now - lost_at) * 1000
    return ends


@RATES
@pytest.mark.parametrize("text", [None, "LV RESET", "ERR94"])
def test_ignition_cycle_with_a_cranking_reset_in_mid_polling(interpreter, rates, text):
    """The car is switched off at 30 s for 45 s, the starter then takes the adapter's voltage."""
    rows = [
        fault("car", "ignition-off", 30, 45),
        fault("car", "cranking", 75, 1.5, **({"text": text} if text else {})),
    ]
    with Drive(scenario(faults=rows), interpreter, {"rates": rates}) as drive:
        drive.run(30)
        assert reading(drive, RPM) != "null" and drive.states() == ["searching", "polling"]
        ends = watched(drive, 76.5, 30)
        assert {s: ends[s] < LIVE_MS[s] + STEP_MS for s in LIVE_MS} == dict.fromkeys(
            LIVE_MS, True
        ), ends
        between = [e for e in drive.of("value", 31) if e[1] in LIVE_MS and e[3] < 76500]
        assert between == []
        drive.run(76.5 + BACK_S)
        assert drive.values(RPM, 76.5) and drive.values(SPEED, 76.5), drive.states()
        assert reading(drive, RPM) != "null" and drive.states()[-1] == "polling"
        if text == "ERR94":
            assert "ATFE" in drive.commands(76)


@RATES
def test_cranking_without_an_ignition_cycle(interpreter, rates):
    """A stop-start engine, or a tired battery: the adapter alone breaks down."""
    rows = [fault("car", "cranking", 30, 1.2, text="LV RESET")]
    with Drive(scenario(faults=rows), interpreter, {"rates": rates}) as drive:
        drive.run(31.2)
        ends = watched(drive, 31.2 + BACK_S, 30)
        assert drive.values(RPM, 31.2) and COOLANT not in ends, (ends, drive.states())
        assert drive.of("lost", 0) == []


@RATES
def test_a_silent_adapter_holds_nothing_up(interpreter, rates):
    """It neither hears nor says anything for twenty seconds, then goes on as if nothing were."""
    rows = [fault("obd", "silent", 30, 20)]
    with Drive(scenario(faults=rows), interpreter, {"rates": rates}) as drive:
        drive.run(30)
        ends = watched(drive, 50, 30)
        assert ends[RPM] < LIVE_MS[RPM] + STEP_MS and ends[SPEED] < LIVE_MS[SPEED] + STEP_MS
        assert drive.slowest <= 1000, "no wait is longer than a command's deadline"
        assert drive.states() == ["searching", "polling", "lost"]
        lost = drive.of("state")[-1][2]
        assert lost - 30000 < 4000
        gaps = [b[0] - a[0] for a, b in zip(drive.written, drive.written[1:], strict=False)
                if a[0] > 30]  # fmt: skip
        assert max(gaps) < 1.6, "each command is given up within its deadline"
        drive.run(50 + BACK_S)
        assert drive.values(RPM, 50) and drive.states()[-1] == "polling"


def parked(state):
    return engine_off(state)._replace(wheel_speed=0.0)


@pytest.mark.parametrize("adapter, command", [("clone", "ATLP"), ("stn1110", "STSLEEP")])
def test_low_power(adapter, command):
    """The adapter sleeps soon after the car, and looks at the battery every minute."""
    settings = {"rest_ms": 20000, "rest_voltage_ms": 60000, "rates": [38400, 115200]}
    with Drive(scenario(obd={"adapter": adapter}), settings=settings) as drive:
        drive.elm.bus._state_at = lambda t: parked(drive.elm._state_at(t))
        drive.peer.obd.ignition(False, 0)
        drive.run(60)
        assert drive.states()[-1] == "asleep" and drive.elm._asleep
        seen = len(drive.asked)
        drive.run(260)
        asked = drive.commands(60)
        assert drive.elm._asleep and asked.count(command) == asked.count("ATRV") == 3
        assert len(drive.asked) == seen and drive.of("lost") == []
        drive.peer.obd.ignition(True, 260000)
        drive.run(264)
        assert drive.states()[-1] == "polling" and drive.values(RPM, 260)


def test_a_sleeping_car_hears_nothing(interpreter):
    """Ignition off by its input at 40 s, ECUs that would go on answering; on again at 400 s."""
    with Drive(scenario(), interpreter, {"asleep_ms": 10000}) as drive:
        drive.elm.bus._state_at = lambda t: parked(drive.elm._state_at(t))
        drive.peer.ask("ignition 0 on")
        drive.run(40)
        drive.peer.ask("ignition 40000 off")
        drive.run(60)
        assert drive.states()[-1] == "asleep"
        seen = len(drive.asked)
        drive.run(400)
        assert len(drive.asked) == seen, "no request reached the bus"
        assert len(drive.values(signals.BATTERY_VOLTAGE, 60)) >= 10, "the battery is watched"
        assert set(drive.commands(60)) == {"ATRV"}
        drive.peer.ask("ignition 400000 on")
        drive.run(402)
        assert drive.states()[-1] == "polling" and drive.values(RPM, 400)


def test_without_an_ignition_input_the_alternator_wakes_the_car(interpreter):
    """The bus falls silent with the ignition; the adapter goes on looking at the battery alone."""
    rows = [fault("car", "ignition-off", 30, 570)]
    with Drive(scenario(faults=rows), interpreter) as drive:
        drive.run(100)
        assert drive.states()[-1] == "asleep"
        seen = len(drive.asked)
        drive.run(600)
        assert len(drive.asked) == seen
        drive.run(606)
        assert drive.states()[-1] == "polling" and drive.values(RPM, 600)


def test_codes_are_cleared_on_order_with_the_engine_off_only(interpreter):
    with Drive(scenario(obd={"stored": ["P0133"], "pending": []}), interpreter) as drive:
        drive.run(10)
        assert drive.peer.ask(f"clear {round(drive.now * 1000)}").strip() == "null"
        drive.run(15)
        assert drive.of("cleared")[0][1:3] == (False, "service 04: the engine runs")
        assert b"\x04" not in [data for _, data in drive.asked]
        running = drive.elm.bus._state_at
        drive.elm.bus._state_at = lambda t: engine_off(running(t))
        drive.run(20)
        drive.peer.ask(f"clear {round(drive.now * 1000)}")
        drive.run(25)
        assert drive.of("cleared")[1][1:3] == (True, "")
        assert [data for _, data in drive.asked].count(b"\x04") == 1
        assert list(drive.of("dtc", 20)[0][2]) == []


def test_a_quarter_of_an_hour_in_a_heap_that_does_not_grow():
    """The full hour: python -m tests.support.obd_hour."""
    if find() is None:
        pytest.skip(HOW_TO_GET_IT)
    rows = list(obd_hour.minutes_of(15))
    assert obd_hour.grown(rows) <= obd_hour.MARGIN_BYTES, rows
    assert rows[-1][2] > 5000
