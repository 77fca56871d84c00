"""Whole drives through the GPS part, without time or I/O, compared with golden outputs.

The emulator's receiver and the car's OBD speed go through agent/gps as the agent wires it; what
comes out is kept in tests/golden/gps-<scenario>.jsonl, a line for each fix:

    {"t":uptime ms,"q":quality,"r":reason,"p":[lat,lon],"v":cm/s,"h":centi-degrees,"T":"trusted"}
    {"t":..,"e":[event ...]}

Keys are left out while they stay as in the fix before. After a change that is meant:

    python tests/integration/test_gps_scenarios.py --regenerate      (and read the difference)
"""

import json
import sys
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

import pytest  # noqa: E402

from agent.gps import quality as judge  # noqa: E402
from agent.gps.fix import (  # noqa: E402
    QUALITY_DEAD_RECKONED,
    QUALITY_DEGRADED,
    QUALITY_GOOD,
    QUALITY_NONE,
)
from agent.gps.quality import Quality  # noqa: E402
from agent.gps.receiver import Receiver  # noqa: E402
from tools.emulator.device import drive  # noqa: E402
from tools.emulator.scenario import BUNDLED, load, parse  # noqa: E402
from tools.emulator.vehicle import Vehicle  # noqa: E402

GOLDEN = ROOT / "tests/golden"
NAMES = ("tunnel-400m", "parked-multipath", "cold-start", "rollover")
NOT_BEFORE = 1_735_689_600_000  # 2025-01-01
LARGEST = 40_000  # bytes of a golden file
_TICK = 50  # ms
_OBD_EVERY = 250  # ms


class Outcome:
    """What a drive gave: `fixes` [(fix, time state)], `events`, and how far off it was."""

    def __init__(self, scenario, obd=True, ignition=True, hold_by_gps=True):
        self.car = Vehicle(scenario)
        self.plane = self.car.motion.projection
        self.fixes, self.events, self.log = [], [], []
        self.quality = Quality(None, NOT_BEFORE, hold_by_gps=hold_by_gps)
        receiver = Receiver(quality=self.quality)
        start = scenario.start_ms
        epochs = [(row["utc"] - start, data) for data, row in drive(scenario)]
        for now in range(0, round(scenario.duration * 1000), _TICK):
            state = self.car.at(now / 1000)
            if ignition:
                self.quality.ignition(state.ignition, now)
            if obd and state.ignition and now % _OBD_EVERY == 0:
                kmh = round(state.wheel_speed)  # what PID 0D has room for
                self.quality.obd_speed(kmh * 100_000 // 3600, now)
            while epochs and epochs[0][0] <= now:
                t, data = epochs.pop(0)
                self._take(receiver.feed(data, t))
            self._take(receiver.poll(now))
            reckoned = self.quality.poll(now)
            if reckoned is not None:
                self._take([reckoned])

    def _take(self, fixes):
        for fix in fixes:
            self.fixes.append((fix, self.quality.time))
        for event in self.quality.take_events():
            self.events.append(event)
            self.log.append((len(self.fixes), event))

    def error(self, fix):
        """Metres between a fix and where the car truly was."""
        # A receiver's fix is of its full second (the line takes a third of one), a reckoned one
        # of its own moment.
        t = fix.t if fix.reason == judge.REASON_RECKONED else fix.t - fix.t % 1000
        state = self.car.at(t / 1000)
        return _metres(self.plane, fix, state.lat, state.lon)

    def of(self, quality):
        return [fix for fix, _ in self.fixes if fix.quality == quality]

    def lines(self):
        """The golden output."""
        made, before, taken = [], {}, 0
        for i, (fix, time) in enumerate([*self.fixes, (None, None)]):
            while taken < len(self.log) and self.log[taken][0] <= i:
                made.append({"e": list(self.log[taken][1])})
                taken += 1
            if fix is None:
                break
            now = {
                "q": fix.quality,
                "r": fix.reason,
                "p": None if fix.lat is None else [fix.lat, fix.lon],
                "v": fix.speed,
                "h": fix.heading,
                "T": time,
            }
            made.append({"t": fix.t, **{k: v for k, v in now.items() if before.get(k, "") != v}})
            before = now
        return [json.dumps(line, separators=(",", ":")) for line in made]


def _metres(plane, fix, lat, lon):
    x, y = plane.metres(fix.lat / 1e6, fix.lon / 1e6)
    x0, y0 = plane.metres(lat, lon)
    return ((x - x0) ** 2 + (y - y0) ** 2) ** 0.5


_OUTCOMES = {}


def outcome(name):
    if name not in _OUTCOMES:
        _OUTCOMES[name] = Outcome(load(name))
    return _OUTCOMES[name]


def changed(name, **sections):
    """The bundled scenario with other sections."""
    return parse(json.loads((BUNDLED / f"{name}.json").read_text()) | sections)


def golden(name):
    return GOLDEN / f"gps-{name}.jsonl"


@pytest.mark.parametrize("name", NAMES)
def test_golden(name):
    lines = outcome(name).lines()
    kept = golden(name).read_text().splitlines()
    assert lines == kept, "if the change is meant, see the head of this file"
    assert golden(name).stat().st_size < LARGEST


# -- tunnel


def tunnel_way(run):
    """Metres that the car drove from the last fix before the tunnel to the last reckoned one."""
    reckoned = run.of(QUALITY_DEAD_RECKONED)
    before = [f for f in run.of(QUALITY_GOOD) if f.t < reckoned[0].t][-1]
    at = run.car.motion.at
    return at(reckoned[-1].t / 1000).distance - at(before.t / 1000).distance


def test_tunnel_is_reckoned_through():
    run = outcome("tunnel-400m")
    reckoned = run.of(QUALITY_DEAD_RECKONED)
    way = tunnel_way(run)
    assert 400 < way < 440
    assert run.error(reckoned[-1]) < 0.1 * way
    assert all(run.error(f) < 0.1 * way for f in reckoned)
    # One a second, until the fix is there again.
    times = [f.t for f in reckoned]
    assert {b - a for a, b in pairwise(times)} == {1000}
    back = next(f for f in run.of(QUALITY_DEGRADED) if f.t > times[-1])
    assert back.t - times[-1] <= 1050
    for fix in reckoned:
        assert fix.reason == "reckoned" and fix.utc is None and fix.sats is None and fix.held
    assert not run.events


def test_a_reckoned_fix_says_how_far_it_may_be_off():
    run = outcome("tunnel-400m")
    assert run.error(run.of(QUALITY_DEAD_RECKONED)[-1]) * 100 < run.quality.error_cm
    assert abs(run.quality.scale - 10000 / run.car._wheel_scale) < 100


def test_a_tunnel_without_obd_has_no_positions():
    run = Outcome(load("tunnel-400m"), obd=False)
    assert not run.of(QUALITY_DEAD_RECKONED)
    assert len(run.of(QUALITY_NONE)) == len(outcome("tunnel-400m").of(QUALITY_NONE)) > 20


@pytest.mark.parametrize("fault", ["silent", "antenna", "no-fix"])
def test_any_loss_is_reckoned_through_and_ends(fault):
    faults = [{"part": "gps", "kind": fault, "at": 60, "for": 80}]
    run = Outcome(changed("tunnel-400m", faults=faults))
    reckoned = run.of(QUALITY_DEAD_RECKONED)
    assert 25 <= len(reckoned) <= 61
    first, last = reckoned[0].t, reckoned[-1].t
    assert last - first <= 60_000
    at = run.car.motion.at
    assert at(last / 1000).distance - at(60).distance < 530
    # What comes afterwards has no position, until the receiver has one.
    assert all(f.lat is None for f, _ in run.fixes if last < f.t < 140_000)
    assert all((f.lat, f.lon) != (0, 0) for f, _ in run.fixes)
    # The first fixes after a loss are not taken for good.
    after = [f for f, _ in run.fixes if f.t >= 140_000]
    assert [f.reason for f in after[:5]] == ["settling"] * 4 + [None]


# -- parked


def parked_track(run, begin=72_000):
    return {(f.lat, f.lon) for f, _ in run.fixes if f.t >= begin}


def test_a_parked_car_does_not_move():
    run = outcome("parked-multipath")
    raw = Outcome(load("parked-multipath"), obd=False, ignition=False, hold_by_gps=False)
    off = [raw.error(f) for f, _ in raw.fixes if f.t >= 80_000]
    assert max(off) > 200 and min(off) >= 0  # what the receiver said
    assert len(parked_track(run)) == 1
    parked = [f for f, _ in run.fixes if f.t >= 72_000]
    assert len(parked) > 600
    for fix in parked:
        assert run.error(fix) < 10
        assert (fix.quality, fix.reason, fix.speed) == (QUALITY_GOOD, "standing", 0)
        assert fix.held
    assert not [e for e in run.events if e[0] == "gps_displaced"]


def test_a_parked_car_without_an_ignition_input_does_not_move_either():
    """The adapter falls asleep with the ignition; nothing else says that the car stands."""
    assert len(parked_track(Outcome(load("parked-multipath"), ignition=False))) == 1


def test_a_parked_car_with_nothing_but_gps_is_frozen_before_the_walls_matter():
    faults = [{"part": "gps", "kind": "wander", "at": 120, "for": 570, "bias": 8, "wander": 5}]
    run = Outcome(changed("parked-multipath", faults=faults), obd=False, ignition=False)
    assert len(parked_track(run, 100_000)) == 1


def test_a_towed_car_moves():
    """Wheels and ignition say that it stands; the way and the receiver's speed say otherwise."""
    scenario = changed(
        "rollover", faults=[{"part": "car", "kind": "ignition-off", "at": 0, "for": 150}]
    )
    run = Outcome(scenario, obd=False)
    assert [e[0] for e in run.events] == ["gps_displaced"]
    moving = [f for f, _ in run.fixes if f.speed and f.speed > 500]
    assert len(moving) > 60 and all(run.error(f) < 15 for f in moving)


def test_driving_off_releases_at_once():
    run = Outcome(changed("casablanca-short", start="2026-03-02T08:00:00Z"))
    starts = [b for (a, _), (b, _) in pairwise(run.fixes) if a.reason == "standing" != b.reason]
    assert len(starts) >= 3
    for fix, _ in run.fixes:
        assert run.error(fix) < 8
        moving = run.car.at(fix.t / 1000 - 1).speed > 0.5 < run.car.at(fix.t / 1000).speed
        assert not (moving and fix.reason == "standing")


# -- cold start


def test_cold_start_never_reports_a_wrong_position_as_good():
    run = outcome("cold-start")
    off = [run.error(f) for f, _ in run.fixes if f.lat is not None]
    assert max(off) > 100  # the first fixes truly are wrong
    good = run.of(QUALITY_GOOD)
    assert len(good) > 60
    assert all(run.error(f) < 30 for f in good)
    assert all(f.lat is None for f in run.of(QUALITY_NONE))
    assert not run.events


# -- rollover


def test_rollover_never_gives_a_trusted_wrong_date():
    scenario = load("rollover")
    run = outcome("rollover")
    right = 0
    for fix, time in run.fixes:
        if time == "trusted":
            # The line takes a third of a second, the reckoning of a tick the rest.
            assert fix.utc is None or abs(fix.utc - scenario.start_ms - fix.t) < 1000
            right += 1
    assert right >= 25
    wrong = [(f, t) for f, t in run.fixes if f.utc < NOT_BEFORE]
    assert len(wrong) == 120
    assert all(t == "rollover" for _, t in wrong)
    assert all(run.error(f) < 15 for f, _ in wrong)
    assert [e[1] for e in run.events if e[0] == "gps_time"] == ["rollover"]


# -- false signals and faults of the receiver


def moving_with(*faults, **sections):
    return Outcome(changed("tunnel-400m", faults=list(faults), **sections))


def test_a_spoofed_jump_is_told_and_nothing_is_dropped():
    run = moving_with({"part": "gps", "kind": "spoof", "at": 60, "for": 20, "north": 3000})
    jumps = [e for e in run.events if e[0] == "gps_jump"]
    assert [round(e[1], -2) for e in jumps] == [3000, 3000]
    there = [f for f, _ in run.fixes if 60_000 <= f.t < 80_000]
    assert len(there) == 20 and all(run.error(f) > 2900 for f in there)
    assert [f.reason for f in there[:6]] == ["jump"] + ["settling"] * 3 + [None] * 2


def test_a_spoofed_speed_is_told():
    run = moving_with(
        {"part": "gps", "kind": "spoof", "at": 60, "for": 20, "north": 0, "speed": 35}
    )
    told = [e for e in run.events if e[0] == "gps_speed"]
    assert [e[1] for e in told] == [1, 0]
    assert 70_000 < told[0][4] < 72_000 and 80_000 <= told[1][4] < 81_500
    reasons = {f.reason for f, _ in run.fixes if 64_000 < f.t < 80_000}
    assert reasons == {"speed"}


def test_a_stuck_position_is_told():
    run = moving_with({"part": "gps", "kind": "stuck", "at": 60, "for": 20})
    assert [e[1] for e in run.events if e[0] == "gps_stuck"] == [1, 0]
    stuck = [f for f, _ in run.fixes if 64_500 < f.t < 80_000]
    assert stuck and all(f.reason == "stuck" and f.quality == QUALITY_DEGRADED for f in stuck)


@pytest.mark.parametrize("rate", [5, 10])
def test_faster_receivers(rate):
    gps = {"baud": 115200, "rate": rate}
    data = json.loads((BUNDLED / "tunnel-400m.json").read_text())
    run = Outcome(parse(data | {"gps": gps}))
    reckoned = run.of(QUALITY_DEAD_RECKONED)
    assert len(reckoned) >= 20
    way = tunnel_way(run)
    state = run.car.at(reckoned[-1].t / 1000)
    assert _metres(run.plane, reckoned[-1], state.lat, state.lon) < 0.1 * way
    # At the start the car stands, so every fix afterwards is counted: 4 epochs are not enough.
    settling = [f.t for f, _ in run.fixes if f.reason == "settling"]
    assert settling[-1] > 2900
    assert not run.events


def regenerate():
    for name in NAMES:
        text = "\n".join(outcome(name).lines()) + "\n"
        golden(name).write_text(text)
        print(f"{golden(name).relative_to(ROOT)}: {len(text)} bytes")


if __name__ == "__main__":
    if sys.argv[1:] != ["--regenerate"]:
        sys.exit(__doc__)
    regenerate()
