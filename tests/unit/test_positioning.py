"""agent/positioning.py: what the room hears of the receiver's set-up, and of what GPS is worth."""

from agent.gps.settings import from_config
from agent.positioning import Positioning
from tests.support.lines import Lines

UTC = 1790000000000
UART = {"port": "/dev/null", "baud": 9600, "configure": True, "set_baud": 115200,
        "period_ms": 1000, "save": False, "sky": False, "gpsd": None}  # fmt: skip


class Bench:
    def __init__(self, **keys):
        config = dict(UART)
        config.update(keys)
        self.fixes, self.events, self.log = [], [], Lines()
        self.part = Positioning(
            config,
            UTC,
            lambda: 0,
            self.log,
            self.fixes.append,
            lambda name, t, *fields: self.events.append((name, t, fields)),
        )


def test_the_rates_are_looked_for_from_the_configured_one():
    settings = from_config(UART)
    assert settings.bauds[:3] == (115200, 9600, 38400)
    assert len(settings.bauds) == len(set(settings.bauds))
    as_found = from_config(dict(UART, set_baud=None, baud=4800))
    assert as_found.baud is None and as_found.bauds[0] == 4800
    assert from_config(dict(UART, configure=False)) is None


def test_what_the_set_up_says_is_told():
    bench = Bench()
    for event in (
        ("baud", 38400, 1),
        ("receiver", "ROM SPG 5.10", 2),
        ("refused", "model", 3),
        ("configured", 1, 4),
        ("antenna", "open", 5),
        ("jamming", "critical", 6),
        ("reset", "banner", 7),
        ("lost", "", 8),
    ):
        bench.part._on_set_up(*event)
    assert bench.events == [
        ("gps_receiver", 2, ("ROM SPG 5.10",)),
        ("gps_setup", 3, ("refused", "model")),
        ("gps_setup", 4, ("configured", 1)),
        ("gps_antenna", 5, ("open",)),
        ("gps_jamming", 6, ("critical",)),
        ("gps_setup", 7, ("reset", "banner")),
    ]
    assert bench.log.lines[0] == "gps: baud 38400" and bench.log.lines[-1] == "gps: lost"


def sentence(body):
    check = 0
    for byte in body:
        check ^= byte
    return b"$%s*%02X\r\n" % (body, check)


def epoch(second):
    """A car that drives west at 25 knots, 12.86 m/s."""
    place = b"3335.24000,N,00737.%05d,W" % (650 + second * 832)
    return sentence(b"GPRMC,1000%02d.00,A,%s,25.0,270.0,220926,,,A" % (second, place)) + sentence(
        b"GPGGA,1000%02d.00,%s,1,09,0.9,41.0,M,46.0,M,," % (second, place)
    )


def test_while_gps_is_lost_positions_are_reckoned_and_no_older_ones_repeated():
    bench = Bench(configure=False)
    quality, receiver = bench.part.quality, bench.part.receiver
    for second in range(8):
        now = second * 1000
        quality.obd_speed(1286, now)
        bench.fixes += receiver.feed(epoch(second), now) + receiver.poll(now + 500)
        bench.part.poll(now + 500)
    heard = len(bench.fixes)
    assert heard == 8 and bench.fixes[-1].reason is None
    for now in range(7500, 12000, 50):
        quality.obd_speed(1286, now)
        bench.part.poll(now)
    reckoned = bench.fixes[heard:]
    assert [fix.reason for fix in reckoned] == ["reckoned"] * 4
    west = [fix.lon for fix in reckoned]
    assert west == sorted(west, reverse=True) and west[-1] < bench.fixes[heard - 1].lon


def test_what_speaks_against_a_position_is_told():
    bench = Bench()
    bench.part.quality._tell("gps_speed", 1, 1500, 0, 77)
    bench.part.poll(100)
    assert bench.events == [("gps_speed", 77, (1, 1500, 0))]


def test_gpsd_takes_the_receivers_place():
    bench = Bench(port=None, gpsd={"host": "127.0.0.1", "port": 2947, "device": None})
    assert bench.part.receiver is None and "epochs" in bench.part.counters
