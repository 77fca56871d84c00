"""What the simulations must show: no rail beyond its limit, ignition seen, hold-up long enough."""

import re

import pytest

from hardware.spice import holdup, ignition, ngspice, pulses, rails, report

pytestmark = pytest.mark.skipif(not ngspice.is_there(), reason=ngspice.HOW_TO_GET_IT)

CLAMP_WATTS = 600  # SMBJ series, 10/1000 us


@pytest.mark.parametrize("name", pulses.PULSES)
def test_no_rail_beyond_its_absolute_maximum(name):
    found = pulses.extremes(pulses.run(pulses.PULSES[name]))
    print(name, {node: f"{low:.1f} .. {high:.1f}" for node, (low, high) in found.items()})
    for node, (low, high) in found.items():
        lowest, highest = pulses.LIMITS[node]
        assert lowest <= low and high <= highest, (name, node, low, high)


def test_pulses_reach_the_clamps_as_the_standard_says():
    """A source that does not kick would pass every limit: what is applied is looked at too."""
    applied = {name: pulses.run(row)["v(source)"] for name, row in pulses.PULSES.items()}
    assert min(applied["pulse-1"]) == pytest.approx(-150, abs=5)
    assert max(applied["pulse-2a"]) == pytest.approx(13.5 + 112, abs=5)
    assert min(applied["pulse-3a"]) == pytest.approx(13.5 - 220, abs=25)
    assert max(applied["pulse-3b"]) == pytest.approx(13.5 + 150, abs=20)
    assert max(applied["load-dump"]) == 35 and max(applied["jump-start"]) == 24
    assert min(applied["reversed"]) == -14
    dips = [min(applied[name]) for name in ("crank-1", "crank-2", "crank-3")]
    assert dips == [8, 4.5, 3]


def test_clamps_sleep_in_jump_start_and_load_dump():
    for name in ("jump-start", "load-dump", "reversed"):
        assert pulses.clamp_energy(pulses.run(pulses.PULSES[name])) == 0


def test_clamps_survive_the_negative_pulse():
    found = pulses.run(pulses.PULSES["pulse-1"])
    watts = max(abs(v * i) for v, i in zip(found["v(line)"], found["i(vsource)"], strict=True))
    energy = pulses.clamp_energy(found)
    print(f"pulse 1: {watts:.0f} W at the clamps' peak, {energy:.2f} J")
    assert watts < CLAMP_WATTS and 0.1 < energy < 0.6


def test_an_unclamped_alternator_is_not_survived():
    """The README says so: if this ever passes, the README must change."""
    found = pulses.run(pulses.NOT_SURVIVED)
    assert pulses.clamp_energy(found) > 10  # J, of the 1 J that a clamp of this size takes


@pytest.mark.parametrize("temperature", ignition.TEMPERATURES)
@pytest.mark.parametrize("supply", ignition.SUPPLIES)
def test_ignition_is_seen_from_7_to_16_volts(temperature, supply):
    for spread in (-ignition.TOLERANCE, 0, ignition.TOLERANCE):
        points = ignition.curve(temperature, supply, spread)
        for tenth in range(70, 161):
            volts = tenth / 10
            assert ignition.at(points, volts) > ignition.ON_MAX, (volts, spread)
        assert ignition.at(points, 1.5) < ignition.OFF_MIN  # and off it is off
        assert ignition.switches_on(points) < 6.5


@pytest.mark.parametrize("temperature", ignition.TEMPERATURES)
def test_ignition_input_stays_within_the_buffers_limits(temperature):
    for spread in (-ignition.TOLERANCE, ignition.TOLERANCE):
        points = ignition.curve(temperature, max(ignition.SUPPLIES), spread)
        values = [node for _, node in points]  # -24 V to 35 V in the car
        assert min(values) >= ignition.INPUT_MIN and max(values) <= ignition.INPUT_MAX


@pytest.mark.parametrize("board", holdup.BOARDS)
def test_hold_up_lasts_for_flush_and_detach(board):
    for aged in (False, True):
        seconds = holdup.lasts(holdup.discharge(board, aged))
        share = holdup.margin(board, aged)
        print(f"{board}, {'end of life' if aged else 'new'}: {seconds:.1f} s, "
              f"needed {holdup.needed(board):.0f} s, margin {share * 100:.0f} %")  # fmt: skip
        assert share > 0.25, (board, aged, seconds)


@pytest.mark.parametrize("board", holdup.BOARDS)
def test_energy_of_the_hold_up_is_what_the_formula_gives(board):
    """1/2 C (V1^2 - V2^2) x efficiency, less what the cells' resistance burns."""
    row = holdup.BOARDS[board]
    joules = row["farad"] * (row["full"] ** 2 - holdup.STOP**2) / 2 * holdup.EFFICIENCY
    wait = row["full_watts"] * holdup.WAIT
    ideal = holdup.WAIT + (joules - wait) / row["watts"]
    assert 0.85 * ideal < holdup.lasts(holdup.discharge(board, aged=False)) < ideal


@pytest.mark.parametrize("board", holdup.BOARDS)
def test_store_stays_below_the_converters_output_and_its_cells_rating(board):
    """Above it, the boost converter would join store and 5 V (pass-through)."""
    hottest = max(volts for _, volts, _ in holdup.charge(board, temperature=85, end=3600))
    assert hottest < rails.HELD[board][0] - 0.05
    assert hottest / 2 < 2.5  # V a cell at 85 C, 3.0 V to 65 C


@pytest.mark.parametrize("board", holdup.BOARDS)
def test_charging_burns_less_than_its_resistors_stand(board):
    row = holdup.BOARDS[board]
    peak = max(amperes for _, _, amperes in holdup.charge(board))
    each = peak**2 * row["charge"] / (22 / row["charge"])
    assert each < 1.5  # W, of each 22 Ohm resistor
    assert holdup.ready(board) < 400  # s


@pytest.mark.parametrize("board", holdup.BOARDS)
@pytest.mark.parametrize("profile", rails.PROFILES)
def test_rails_do_not_notice_a_start_of_the_engine(board, profile):
    held, always, cells = rails.lowest(rails.run(board, profile))
    print(f"{board}, {profile}: held {held:.2f} V, always-on {always:.2f} V, cells {cells:.2f} V")
    assert held >= rails.HELD[board][1] and always >= rails.ALWAYS_MIN
    assert cells > holdup.STOP


def test_a_run_that_stops_early_is_an_error(tmp_path, monkeypatch):
    """ngspice ends with code 0 and half a result when its step gets too small."""
    deck = (
        "x\nV1 a 0 1\nR1 a 0 1\n.tran 1m 10m\n.control\nset wr_singlescale\nset wr_vecnames\nrun\n"
    )
    (tmp_path / "short.cir").write_text(deck + "wrdata $OUT v(a)\nquit\n.endc\n.end\n")
    monkeypatch.setattr(ngspice, "HERE", tmp_path)
    assert ngspice.simulate("short", END=0.01)["v(a)"][-1] == pytest.approx(1)
    with pytest.raises(ngspice.SpiceError, match="stopped at 0.01 s of 0.02 s"):
        ngspice.simulate("short", END=0.02)


_NUMBER = r"-?\d+(?:\.\d+)?"


def test_the_document_tells_what_is_simulated():
    """Words alike, numbers within what another version of the simulator may round."""
    written = report.parts(report.DOCUMENT.read_text())[1]
    now = report.text()
    assert re.sub(_NUMBER, "#", written) == re.sub(_NUMBER, "#", now)
    pairs = zip(re.findall(_NUMBER, written), re.findall(_NUMBER, now), strict=True)
    for told, found in pairs:
        assert float(found) == pytest.approx(float(told), rel=0.05, abs=0.3)


def test_the_document_shows_every_plot():
    shown = set(re.findall(r"plots/([\w-]+\.svg)", report.DOCUMENT.read_text()))
    there = {path.name for path in (ngspice.HERE / "plots").glob("*.svg")}
    assert shown == there != set()
