"""A u-blox chip in a driving car, on a line of its own: whole drives in virtual time.

The agent finds the receiver at whatever rate it sends, sets it up, notices when it has forgotten
that, and what it then says of the drive is where the car truly was. No time passes, no I/O.
"""

import pytest

from agent.gps import setup
from agent.gps.settings import Settings
from tests.support.gps_bench import Drive, scenario

GENERATIONS = ("6", "8", "9", "10")
_NEAR = 15  # metres: noise of a good day and the course of a second at town speed


def _wanted(drive, settings):
    chip = drive.chip
    return (
        chip.line == drive.rate == settings.baud
        and chip.config.period == settings.period
        and chip.config.model == settings.model
        and {kind.encode() for kind in chip.config.kinds()} == set(settings.sentences)
    )


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("rate", [9600, 38400])
def test_a_new_receiver_is_set_up_and_its_positions_are_good(generation, rate):
    settings = Settings()
    drive = Drive(scenario(generation, baud=rate), settings).run(90)
    assert _wanted(drive, settings), drive.told
    good = drive.good(60)
    assert len(good) >= 25
    assert all(drive.error(fix) < _NEAR for fix in good)
    assert not drive.events


@pytest.mark.parametrize("period", [200, 100])
def test_five_and_ten_positions_a_second(period):
    """A receiver that comes at 9600 baud could never carry them: the rate is raised first."""
    settings = Settings(period=period)
    drive = Drive(scenario("10", baud=9600), settings).run(40)
    assert _wanted(drive, settings), drive.told
    dropped = drive.device.counters["dropped"]
    drive.run(20)
    fixes = drive.placed(40)
    assert len(fixes) == pytest.approx(20_000 / period, abs=2)
    assert drive.device.counters["dropped"] == dropped
    assert all(drive.error(fix) < _NEAR for fix in fixes)
    tods = [fix.tod for fix in fixes]
    assert tods == sorted(set(tods)), "no epoch twice, none out of order"


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_reset_in_mid_drive_is_noticed_and_set_right(generation):
    """It forgets rate, model and sentences; the agent finds it again by itself."""
    settings = Settings()
    chosen = scenario(generation, [{"kind": "reset", "at": 70, "for": 12}])
    drive = Drive(chosen, settings).run(60)
    assert _wanted(drive, settings)
    drive.run(80)
    assert _wanted(drive, settings), drive.told
    assert drive.chip.counters["resets"] == 1
    ready = [t for name, failed, t in drive.told if name == "configured" and not failed]
    assert len(ready) == 2 and ready[1] < 85_000
    # From the silence on the wheels tell where the car is, then the receiver again.
    assert all(drive.error(fix) < 60 for fix in drive.placed(70, 100))
    after = drive.good(110)
    assert len(after) > 20 and all(drive.error(fix) < _NEAR for fix in after)


def test_antenna_lost_and_found_is_told():
    drive = Drive(
        scenario("10", [{"kind": "antenna", "at": 60, "for": 30, "state": "open"}]), Settings()
    ).run(130)
    told = [event[1] for event in drive.told if event[0] == "antenna"]
    assert told == ["ok", "open", "ok"]
    assert not drive.good(64, 90)
    assert drive.good(100)


def test_interference_is_told_and_its_positions_are_not_good():
    drive = Drive(
        scenario("8", [{"kind": "jamming", "at": 60, "for": 30, "state": "critical"}]), Settings()
    ).run(130)
    told = [event[1] for event in drive.told if event[0] == "jamming"]
    assert "critical" in told and told[-1] == "ok"
    assert not drive.good(64, 90) and drive.good(100)


@pytest.mark.parametrize("rate", [0.0005, 0.005])
def test_noise_on_the_line_costs_positions_but_gives_no_wrong_one(rate):
    drive = Drive(
        scenario("9", [{"kind": "noise", "at": 0, "for": 1e9, "rate": rate}]), Settings()
    ).run(180)
    placed = drive.placed(60)
    assert len(placed) > (90 if rate < 0.001 else 20)
    for fix in placed:
        assert drive.error(fix) < 40, fix.reason
    counters = drive.agent.counters
    assert counters["checksum"] + counters["noise"] + counters["unchecked"] > 0


def test_a_receiver_that_hears_nothing_is_used_at_the_rate_it_has():
    drive = Drive(scenario("10", [{"kind": "deaf", "at": 0, "for": 1e9}]), Settings()).run(120)
    assert drive.rate == drive.chip.line == 9600
    assert drive.agent.setup.state == setup.PLAIN
    good = drive.good(60)
    assert len(good) > 40 and all(drive.error(fix) < _NEAR for fix in good)
