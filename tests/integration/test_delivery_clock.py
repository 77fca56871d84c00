"""Dates: an emulated receiver on a paced line, the agent's clock, the room's dating; virtual time.

Scenario second 0 is uptime 0, so that a record's true UTC is the scenario's start plus its uptime.
"""

import ctypes
import random

import pytest

from agent import config
from agent.clock import STEP_AFTER, Clock, lateness
from agent.gps.settings import from_config
from agent.port.kernel_clock import clock_error_ms
from agent.records import SOURCE_GNSS, SOURCE_ROOM
from tests.support import gps_bench
from tools.room.dating import Dating

LATE_MS = 80  # the configuration's default
WITHIN_MS = 50
BAUD = 9600
RAW = {
    "vehicle": "v-one",
    "keys": {"room_key_id": "00" * 4, "room_public": "00" * 32, "psk": "00" * 32},
    "mqtt": {"host": "broker.example"},
    "journal": {"dir": "journal"},
}


def settings(**changes):
    """A receiver's settings, the defaults of a configuration but for the changes."""
    gps = {"port": "/dev/ttyS0", "baud": BAUD, **changes}
    return from_config(config.check({**RAW, "gps": gps})["gps"])


class Drive(gps_bench.Drive):
    """Also with an agent that leaves the receiver as it is."""

    @property
    def rate(self):
        return super().rate or BAUD


class Told:
    """An agent's clock and all anchors that it gave."""

    def __init__(self):
        self.clock = Clock(gps_bench.NOT_BEFORE)
        self.anchors = []

    def take(self, fix, baud, utc=None):
        late = lateness(LATE_MS, baud)
        t = self.clock.gnss(fix.utc if utc is None else utc, fix.t, late)
        self.keep()
        return t

    def keep(self):
        anchor = self.clock.anchor
        if anchor is not None and anchor[1:] not in self.anchors:
            self.anchors.append(anchor[1:])

    def dating(self):
        return Dating(self.anchors)


@pytest.mark.parametrize("latency", [0.06, 0.08, 0.1])
@pytest.mark.parametrize("chip", ["6", "8", "10"])
@pytest.mark.parametrize("is_set_up", [True, False])
def test_records_from_before_the_first_fix_are_dated_to_within_50_ms(chip, is_set_up, latency):
    """A cold start of half a minute; whatever was recorded since uptime 0 is dated afterwards."""
    chosen = gps_bench.scenario(chip, cold_start=30, latency=latency)
    drive = Drive(chosen, settings(configure=is_set_up), seed=chip)
    told = Told()
    before = []
    for second in range(1, 60):
        count = len(drive.fixes)
        drive.run(1)
        for fix, _ in drive.fixes[count:]:
            if fix.valid:
                told.take(fix, drive.rate)
        if not told.clock.is_known():
            before.append(second * 1000 - random.Random(second).randrange(1000))
    assert len(before) >= 15, "it knew the time too soon for this test"
    dating = told.dating()
    assert dating.quality(before[0])[0] == SOURCE_GNSS
    errors = [dating.utc(t) - (drive.start + t) for t in before]
    assert max(abs(e) for e in errors) <= WITHIN_MS, (min(errors), max(errors))


def test_a_jumping_clock_changes_nothing_that_is_already_dated():
    """Steps of a leap second up to weeks, some of them staying long enough to be believed."""
    told = Told()
    rng = random.Random(7)
    start = 1_790_000_000_000
    dated = {}
    step = 0
    left = 0
    for second in range(1, 4000):
        t = second * 1000
        if left == 0:
            step = rng.choice((0, 0, 18000, -18000, 3_600_000, -619_315_200, 700, 86_400_000))
            left = rng.choice((1, 5, STEP_AFTER - 1, STEP_AFTER + 20, 120))
        left -= 1
        told.clock.gnss(start + step + t, t + LATE_MS + rng.randrange(30), LATE_MS)
        told.keep()
        dating = told.dating()
        for uptime, utc in dated.items():
            assert dating.utc(uptime) == utc, (second, step)
        if dating.utc(t) is not None and second % 40 == 0:
            # Only what the next anchor cannot be in force for: it is dated from its uptime on.
            dated[t - 1000] = dating.utc(t - 1000)
    assert len(told.anchors) > 10 and len(dated) > 90


def test_the_rooms_time_dates_what_gnss_never_will():
    told = Told()
    for t, waited in ((5000, 1800), (9000, 90), (30000, 400)):
        told.clock.room(1_790_000_000_000 + t - waited, t)
        told.keep()
    dating = told.dating()
    assert dating.quality(0) == (SOURCE_ROOM, 2000)
    assert abs(dating.utc(0) - 1_790_000_000_000) <= 2000
    assert abs(dating.utc(20000) - 1_790_000_020_000) <= 100


def test_the_kernels_clock_is_believed_only_where_it_is_synchronised():
    def kernel(state, status, error_us):
        def adjtimex(timex):
            timex.status, timex.maxerror = status, error_us
            return state

        return adjtimex

    assert clock_error_ms(kernel(0, 0x2001, 4200)) == 5
    assert clock_error_ms(kernel(5, 0x0040, 16000000)) is None
    assert clock_error_ms(kernel(0, 0x0040, 4200)) is None
    assert clock_error_ms(kernel(-1, 0, 0)) is None
    # And the real one answers, whatever it says.
    found = clock_error_ms()
    assert found is None or 0 < found < 1 << 40
    assert ctypes.CDLL(None).adjtimex is not None
