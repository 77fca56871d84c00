"""Monitor test results (service 06 on CAN): records, scales, names."""

from agent.obd import monitors
from tests.support.obd_refusals import unfit


def test_bitmap():
    assert monitors.bitmap(b"\x46\x00\xc0\x00\x00\x01", 0) == b"\xc0\x00\x00\x01"
    for payload, mid in (
        (b"\x46\x00\xc0\x00\x00", 0),
        (b"\x46\x00\xc0\x00\x00\x01\x00", 0),
        (b"\x46\x20\xc0\x00\x00\x01", 0),
        (b"\x42\x00\xc0\x00\x00\x01", 0),
        (b"\x46\x01\xc0\x00\x00\x01", 1),
    ):
        assert unfit(monitors.bitmap, payload, mid), payload


def test_results():
    # ISO 15031-5's form: MID 01 with a voltage (UASID 0A, 0.122 mV a bit) and a time (10, 1 ms)
    payload = b"\x46\x01\x01\x0a\x0b\xb0\x0b\xb0\x0b\xb0\x01\x05\x10\x00\x48\x00\x00\x00\x60"
    assert monitors.results(payload, 1) == [
        (0x01, 0x0A, 0x0BB0, 0x0BB0, 0x0BB0),
        (0x05, 0x10, 0x48, 0x00, 0x60),
    ]
    assert abs(monitors.physical(0x0A, 0x0BB0) - 0.365) < 0.001
    assert monitors.scale(0x0A)[3] == "V"
    assert abs(monitors.physical(0x10, 0x48) - 0.072) < 1e-6
    assert monitors.passed(0x48, 0, 0x60) and monitors.passed(0x60, 0, 0x60)
    assert not monitors.passed(0x61, 0, 0x60) and not monitors.passed(-1, 0, 0x60)


def test_signed_scales():
    payload = b"\x46\xa2\x80\x96\xff\xff\x80\x00\x7f\xff"
    assert monitors.results(payload, 0xA2) == [(0x80, 0x96, -1, -32768, 32767)]
    payload = b"\x46\xa2\x80\x24\xff\xff\x80\x00\x7f\xff"
    assert monitors.results(payload, 0xA2) == [(0x80, 0x24, 65535, 32768, 32767)]


def test_results_that_do_not_fit():
    good = b"\x46\x01\x01\x0a\x0b\xb0\x0b\xb0\x0b\xb0"
    assert len(monitors.results(good, 1)) == 1
    assert unfit(monitors.results, good, 2)
    assert unfit(monitors.results, good[:-1], 1)
    assert unfit(monitors.results, good + b"\x00", 1)
    assert unfit(monitors.results, b"\x46", 1) and unfit(monitors.results, b"", 1)
    assert unfit(monitors.results, b"\x49" + good[1:], 1)
    assert unfit(monitors.results, good + good[1:], 1)  # the same test twice
    assert unfit(monitors.results, good + b"\x02" + good[2:], 1)  # another monitor's


def test_scales():
    # Published: value at raw 1, or at 0 for the one with an offset
    for uasid, raw, value, unit in (
        (0x01, 1, 1, ""),
        (0x02, 1, 0.1, ""),
        (0x07, 1, 0.25, "rpm"),
        (0x0B, 1, 0.001, "V"),
        (0x10, 1, 0.001, "s"),
        (0x11, 1, 0.1, "s"),
        (0x12, 1, 1, "s"),
        (0x16, 0, -40, "celsius"),
        (0x17, 1, 0.01, "kPa"),
        (0x1E, 1, 0.0000305, ""),
        (0x24, 1, 1, "counts"),
        (0x2F, 1, 0.01, "percent"),
        (0x81, -3, -3, ""),
        (0xFD, 1, 0.001, "kPa"),
        (0xFE, -4, -1, "Pa"),
    ):
        found = monitors.scale(uasid)
        assert found is not None, uasid
        assert abs(monitors.physical(uasid, raw) - value) < 1e-4, (uasid, found)
        assert unit in ("", found[3]), (uasid, found)
    assert monitors.scale(0x7F) is None and monitors.physical(0x7F, 1) is None


def test_names():
    assert monitors.monitor_name(0x01) == "exhaust gas sensor, bank 1 sensor 1"
    assert monitors.monitor_name(0xA1) == "misfire, all cylinders"
    assert monitors.monitor_name(0xA2) == "misfire, cylinder 1"
    assert monitors.monitor_name(0xE1) == "maker's own"
    assert monitors.monitor_name(0xD0) is None
    assert monitors.test_name(0x01) == "rich to lean threshold voltage"
    assert monitors.test_name(0x80) == "maker's own"
    assert monitors.test_name(0x40) is None
