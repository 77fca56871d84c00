"""gpsd's reports, as gpsd 3.17 to 3.25 write them, to fixes."""

from agent.gps import gpsd
from agent.gps.fix import QUALITY_NONE
from agent.gps.gpsd import Gpsd, GpsdError, iso_time, members, scaled

VERSION = b'{"class":"VERSION","release":"3.22","rev":"3.22","proto_major":3,"proto_minor":14}\r\n'
WATCH = b'{"class":"WATCH","enable":true,"json":true,"nmea":false,"raw":0,"scaled":false}\r\n'
SKY = (
    b'{"class":"SKY","device":"/dev/ttyS0","xdop":0.5,"hdop":0.90,"pdop":1.6,"uSat":3,'
    b'"satellites":[{"PRN":2,"el":40.0,"az":120.0,"ss":35.0,"used":true},'
    b'{"PRN":5,"el":61.0,"az":210.0,"used":false}]}\r\n'
)
SKY_OLD = (
    b'{"class":"SKY","hdop":1.20,"satellites":[{"PRN":2,"used":true},{"PRN":5,"used":true},'
    b'{"PRN":7,"used": true},{"PRN":9,"used":true},{"PRN":9,"used":false}]}\n'
)


def _tpv(second, extra=b"", mode=b"3"):
    return (
        b'{"class":"TPV","device":"/dev/ttyS0","mode":'
        + mode
        + b',"time":"2026-07-01T10:00:%02d.200Z","ept":0.005,' % second
        + b'"lat":33.573110049,"lon":-7.589843510,"altHAE":87.0,"altMSL":41.25,"alt":41.3,'
        + b'"track":84.2000,"magtrack":85.1,"speed":6.431,"climb":0.0'
        + extra
        + b"}\r\n"
    )


def _gpsd(**values):
    machine = Gpsd(**values)
    machine.connected(0)
    return machine


def _refused(function, *arguments):
    try:
        function(*arguments)
    except GpsdError:
        return True
    return False


def test_a_fix_of_tpv_and_sky():
    machine = _gpsd()
    fixes = machine.feed(VERSION + WATCH + SKY + _tpv(7), 1234)
    assert len(fixes) == 1
    fix = fixes[0]
    assert (fix.t, fix.utc, fix.tod) == (1234, 1782900007200, 36007200)
    assert (fix.lat, fix.lon, fix.alt) == (33573110, -7589844, 4125)
    assert (fix.speed, fix.heading, fix.mode) == (643, 8420, 3)
    assert (fix.sats, fix.hdop, fix.valid) == (3, 90, True)
    assert machine.version == "3.22"
    assert machine.counters["lines"] == 4 and machine.counters["epochs"] == 1


def test_older_names():
    machine = _gpsd()
    tpv = _tpv(7).replace(b'"altMSL":41.25,', b"")
    fix = machine.feed(SKY_OLD + tpv, 0)[0]
    assert (fix.alt, fix.sats, fix.hdop) == (4130, 4, 120)


def test_any_cut_gives_the_same():
    stream = VERSION + WATCH + SKY + _tpv(1) + _tpv(2) + b"{nonsense}\n" + SKY_OLD + _tpv(3)
    for size in (1, 2, 7, 64, 1000, len(stream)):
        machine = _gpsd()
        fixes = []
        for at in range(0, len(stream), size):
            fixes += machine.feed(stream[at : at + size], at)
        assert [f.tod for f in fixes] == [36001200, 36002200, 36003200], size
        assert machine.counters["malformed"] == 1 and machine.counters["lines"] == 8


def test_an_epoch_counts_once():
    machine = _gpsd()
    assert len(machine.feed(_tpv(7) + _tpv(7) + _tpv(7, mode=b"1"), 0)) == 1
    assert machine.counters["repeated"] == 2
    assert len(machine.feed(_tpv(8, mode=b"1") + _tpv(8), 0)) == 2  # the second has the position


def test_no_fix_is_no_position():
    machine = _gpsd()
    fixes = machine.feed(_tpv(7, mode=b"1") + b'{"class":"TPV","mode":0}\n', 0)
    assert len(fixes) == 2
    for fix in fixes:
        assert not fix.valid and fix.lat is None and fix.quality == QUALITY_NONE and fix.mode == 1
    assert fixes[0].tod == 36007200 and fixes[1].utc is None
    zero = _tpv(9).replace(b"33.573110049", b"0.000000000").replace(b"-7.589843510", b"-0.0")
    assert not machine.feed(zero, 0)[0].valid


def test_impossible_values_are_refused_and_counted():
    machine = _gpsd()
    for old, new in (
        (b"33.573110049", b"91.000000001"),
        (b"-7.589843510", b"180.1"),
        (b"33.573110049", b"nan"),
        (b"6.431", b"-1"),
        (b"84.2000", b"361"),
        (b"2026-07-01", b"2026-13-01"),
        (b"10:00", b"24:00"),
        (b"200Z", b"200"),
        (b"6.431", b'"fast"'),
    ):
        assert machine.feed(_tpv(7).replace(old, new), 0) == [], new
    assert machine.counters["field"] == 9 and machine.last_error


def test_a_sky_that_is_old_is_not_held_against_a_fix():
    machine = _gpsd()
    machine.feed(SKY, 0)
    assert machine.feed(_tpv(1), 10_000)[0].sats == 3
    assert machine.feed(_tpv(2), 10_001)[0].sats is None


def test_watch_is_asked_for_until_it_is_granted_and_again_after_silence():
    machine = Gpsd()
    assert machine.poll(0) is None and machine.wake(0) == 1000
    machine.connected(100)
    assert machine.wake(100) == 0
    assert machine.poll(100) == b'?WATCH={"enable":true,"json":true};\n'
    assert machine.poll(101) is None and machine.poll(5099) is None
    assert machine.poll(5100)
    machine.feed(WATCH, 5200)
    assert machine.poll(5200 + gpsd.SILENT_MS - 1) is None
    machine.feed(_tpv(1), 20_000)
    assert machine.poll(34_999) is None and machine.poll(35_000)


def test_one_device_of_several():
    machine = _gpsd(device="/dev/ttyS0")
    assert machine.poll(0) == b'?WATCH={"enable":true,"json":true,"device":"/dev/ttyS0"};\n'
    other = _tpv(1).replace(b"ttyS0", b"ttyS1")
    assert machine.feed(other, 0) == [] and machine.counters["other_device"] == 1
    assert len(machine.feed(_tpv(1), 0)) == 1
    assert len(machine.feed(_tpv(2).replace(b"/dev/", b"\\/dev\\/"), 0)) == 1


def test_errors_of_gpsd_are_kept():
    machine = _gpsd()
    machine.feed(b'{"class":"ERROR","message":"Unrecognized request"}\n', 0)
    assert machine.counters["errors"] == 1
    assert machine.last_error == "gpsd: Unrecognized request"


def test_lines_are_bounded():
    machine = _gpsd()
    long = b'{"class":"X","a":"' + b"x" * 20_000
    for at in range(0, len(long), 500):
        machine.feed(long[at : at + 500], 0)
        assert len(machine._tail) <= gpsd.MAX_LINE
    assert len(machine.feed(b'"}\n' + _tpv(1), 0)) == 1
    assert len(machine.feed(long + b'"}\n' + _tpv(2), 0)) == 1
    assert machine.counters["too_long"] == 2


def test_a_new_connection_forgets_the_half_line():
    machine = _gpsd()
    machine.feed(_tpv(1)[:50], 0)
    machine.connected(10)
    assert len(machine.feed(_tpv(1), 20)) == 1


def test_numbers_are_exact():
    for text, factor, value in (
        (b"33.573110049", 1_000_000, 33573110),
        (b"33.5731105", 1_000_000, 33573111),
        (b"-33.5731105", 1_000_000, -33573111),
        (b"-0.0000004", 1_000_000, 0),
        (b"179.999999999", 1_000_000, 180_000_000),
        (b"1.5e-3", 1_000_000, 1500),
        (b"1.5E+3", 1, 1500),
        (b"2e2", 100, 20000),
        (b"7", 100, 700),
        (b"null", 1, None),
        (None, 1, None),
    ):
        assert scaled(text, factor) == value, text
    for text in (b"", b"-", b".", b"1e", b"1e999", b"1e30", b"0x10", b"1 2", b"--1", b"+1",
                 b"9" * 40, b"true", b"[1]", b"1.2.3", b"nan", b"Infinity"):  # fmt: skip
        assert _refused(scaled, text, 1), text


def test_times():
    assert iso_time(b'"1970-01-01T00:00:00Z"') == 0
    assert iso_time(b'"2026-07-01T10:00:07.2Z"') == 1782900007200
    assert iso_time(b'"2026-07-01T10:00:07.123456Z"') == 1782900007123
    assert iso_time(b'"2016-12-31T23:59:60.000Z"') == iso_time(b'"2017-01-01T00:00:00.000Z"')
    for text in (b'""', b'"2026-07-01"', b'"2026-07-01T10:00:07.Z"', b"7",
                 b'"2026-07-01 10:00:07.000Z"', b'"2026-07-01T10:61:07.000Z"'):  # fmt: skip
        assert _refused(iso_time, text), text


def test_members_of_an_object():
    assert members(b"{}") == {}
    assert members(b' { "a" : 1 , "b":"x,}\\"" ,"c":[{"d":"]"},[1]],"e":null}\r') == {
        b"a": b"1",
        b"b": b'"x,}\\""',
        b"c": b'[{"d":"]"},[1]]',
        b"e": b"null",
    }
    assert members(b'{"a":"\\\\","b":2}') == {b"a": b'"\\\\"', b"b": b"2"}


def test_what_is_no_object_is_refused():
    for line in (b"", b"{", b"}", b"[]", b'"a"', b"{1:2}", b'{"a"}', b'{"a":}', b'{"a":1,}',
                 b'{"a" 1}', b'{"a":1 "b":2', b'{"a":[1}', b'{"a":"x}', b'{"a}', b'{"a":"x"y}',
                 b'{"a":{"b":1}', b'{"a":"x"1:2}', b"{,}", b'{"a":[1]]}', b'{"a\\"}'):  # fmt: skip
        assert _refused(members, line), line


def test_every_prefix_and_every_changed_byte_is_survived():
    machine = _gpsd()
    for line in (SKY, _tpv(1)):
        for n in range(len(line)):
            machine.feed(line[:n] + b"\n", 0)
            for byte in b'"{}[]:,\\0 ':
                machine.feed(line[:n] + bytes((byte,)) + line[n + 1 :].rstrip() + b"\n", 0)
