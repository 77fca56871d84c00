"""Satellites in view, expected errors, true heading: values, ranges, caps."""

from agent.gps import sky
from agent.gps.nmea import ESTIMATED, FIX, NO_FIX, Decoder, FieldError
from agent.gps.sky import (
    BEIDOU,
    GALILEO,
    GLONASS,
    GPS,
    GST,
    GSV,
    HDT,
    HOLDS_MS,
    MAX_GROUPS,
    MAX_SATELLITES,
    NAVIC,
    QZSS,
    SBAS,
    Sky,
    identify,
)


def parse(sentence):
    return Decoder(sky.DECODERS).parse(sentence)


def refused(sentence):
    try:
        parse(sentence)
    except FieldError as e:
        assert sentence[:5].decode() in e.args[0]
        return True
    return False


def gsv(talker, total, number, rows, signal=""):
    text = "%sGSV,%d,%d,%d" % (talker, total, number, 4 * total)
    for row in rows:
        text += ",%s,%s,%s,%s" % row
    return parse((text + ("," + signal if signal else "")).encode())


def test_gsv():
    assert parse(b"GPGSV,6,2,21,12,00,000,50,14,57,107,48,16,00,000,22,18,55,190,50") == (
        GSV, b"GP", 0, 6, 2, 21,
        ((GPS, 12, 0, 0, 50), (GPS, 14, 57, 107, 48), (GPS, 16, 0, 0, 22), (GPS, 18, 55, 190, 50)),
    )  # fmt: skip
    # Empty fields are none, not 0.
    assert parse(b"GPGSV,2,2,06,08,,,49,10,,360,")[6] == (
        (GPS, 8, None, None, 49), (GPS, 10, None, 0, None)
    )  # fmt: skip
    assert parse(b"GPGSV,1,1,00") == (GSV, b"GP", 0, 1, 1, 0, ())
    assert parse(b"GPGSV,1,1,00,,,,,,,,,,,,,,,,")[6] == ()
    assert len(parse(b"GPGSV,1,1,02,15,00,000,,17,00,000,,,,,,,,,")[6]) == 2


def test_signal_id_is_no_satellite():
    row = parse(b"GAGSV,3,3,10,30,14,215,16,36,08,098,,7")
    assert row[2] == 7
    assert row[6] == ((GALILEO, 30, 14, 215, 16), (GALILEO, 36, 8, 98, None))
    assert parse(b"GBGSV,1,1,00,B")[2] == 11
    assert parse(b"GLGSV,1,1,00,1")[2] == 1
    full = b"GPGSV,1,1,04,05,01,047,,10,29,224,,13,22,062,23,15,40,094,,"
    assert parse(full + b"8")[2] == 8
    quectel = parse(b"PQGSV,2,2,08,09,16,119,,10,27,049,,16,07,123,,19,36,213,,0,4")
    assert quectel[2] == 0 and len(quectel[6]) == 4 and quectel[6][3] == (BEIDOU, 19, 36, 213, None)
    assert refused(full + b"0,4")  # of no other talker
    assert parse(full)[2] == 0 and len(parse(full)[6]) == 4
    for bad in (b"G", b"x", b"11", b"-"):
        assert refused(full + bad), bad


def test_gsv_ranges():
    for row in (
        b"05,91,000,10", b"05,-91,000,10", b"05,10,361,10", b"05,10,-1,10", b"05,10,000,100",
        b"05,10,000,-1", b"0,10,000,10", b"x,10,000,10", b"05,1.5,000,10", b"05,1 ,000,10",
        b"05,10", b"05,10,000", b"1000,1,1,1", b"05,99999,000,10", b"05,-,000,10",
    ):  # fmt: skip
        assert refused(b"GPGSV,1,1,01," + row), row
    for head in (b"0,1,1", b"1,0,1", b"1,2,1", b"10,1,9", b",1,1", b"1,,1", b"1,1,x", b"1", b"1,1"):
        assert refused(b"GPGSV," + head), head
    assert refused(b"GPGSV,1,1,05" + b",05,10,000,10" * 5)
    assert parse(b"GPGSV,1,1,01,05,-03,000,10")[6] == ((GPS, 5, -3, 0, 10),)


def test_ids():
    for talker, sent, system, number in (
        (b"GP", 1, GPS, 1), (b"GN", 32, GPS, 32), (b"GP", 33, SBAS, 120), (b"GP", 64, SBAS, 151),
        (b"GP", 152, SBAS, 152), (b"GL", 65, GLONASS, 1), (b"GN", 96, GLONASS, 32),
        (b"GL", 5, GLONASS, 5), (b"GA", 3, GALILEO, 3), (b"GA", 301, GALILEO, 1),
        (b"GN", 336, GALILEO, 36), (b"GB", 1, BEIDOU, 1), (b"BD", 33, BEIDOU, 33),
        (b"GB", 201, BEIDOU, 1), (b"GN", 401, BEIDOU, 1), (b"PQ", 28, BEIDOU, 28),
        (b"GQ", 1, QZSS, 1), (b"QZ", 193, QZSS, 1), (b"GN", 201, QZSS, 9), (b"GI", 7, NAVIC, 7),
        (b"GP", 97, None, 97), (b"GN", 500, None, 500),
    ):  # fmt: skip
        assert identify(talker, sent) == (system, number), (talker, sent)


def test_gst():
    assert parse(b"GNGST,223745.00,228650,2.5,2.4,126,0.98,1.0,3.1") == (
        GST, 81465000, 98, 100, 310
    )  # fmt: skip
    assert parse(b"GPGST,,,,,,,,") == (GST, None, None, None, None)
    for bad in (b"GPGST,1,,,,,,,", b"GPGST,,,,,,x,,", b"GPGST,,,,,,-1,,", b"GPGST,,,,,,1"):
        assert refused(bad), bad


def test_heading():
    assert parse(b"GPHDT,123.456,T") == (HDT, 12346, FIX)
    assert parse(b"HEHDT,,T") == (HDT, None, NO_FIX)
    assert parse(b"GPTHS,359.996,A") == (HDT, 0, FIX)
    assert parse(b"GPTHS,77.52,E") == (HDT, 7752, ESTIMATED)
    assert parse(b"GPTHS,77.52,V") == (HDT, None, NO_FIX)
    for bad in (b"GPHDT,123.4", b"GPHDT,12,M", b"GPHDT,361,T", b"GPTHS,1,X", b"GPTHS,-1,A"):
        assert refused(bad), bad


def test_not_decoded_unless_asked_for():
    for text in (b"GPGSV,1,1,00", b"GPGST,x", b"GPHDT,x", b"GPTHS,x"):
        assert Decoder().parse(text) is None
    assert parse(b"GPTXT,01,01,02,x") is None
    assert parse(b"GPGSV") is None


def test_the_view_is_of_all_systems():
    view = Sky()
    view.add(gsv("GP", 2, 1, [(n, 10, 20, 30) for n in (1, 2, 3, 4)]), 0)
    assert view.satellites(0) == []  # half a group
    view.add(gsv("GP", 2, 2, [(5, 10, 20, "")]), 5)
    view.add(gsv("GL", 1, 1, [(65, 1, 2, 3)], "1"), 10)
    # A second signal: the stronger one counts, and each satellite is there once.
    view.add(gsv("GP", 1, 1, [(5, 10, 20, 44), (1, 10, 20, 29)], "6"), 15)
    rows = view.satellites(20)
    assert [row[:2] for row in rows] == [(GPS, n) for n in range(1, 6)] + [(GLONASS, 1)]
    assert rows[0][4] == 30 and rows[4][4] == 44
    # The next cycle replaces its own group only.
    view.add(gsv("GP", 1, 1, [(9, 1, 1, 1)]), 1000)
    assert [row[:2] for row in view.satellites(1000)] == [(0, 1), (0, 5), (0, 9), (6, 1)]
    # What is not repeated goes out of view.
    assert [row[:2] for row in view.satellites(15 + HOLDS_MS + 1)] == [(GPS, 9)]


def test_a_lost_sentence_leaves_the_view_as_it_was():
    view = Sky()
    view.add(gsv("GP", 1, 1, [(9, 1, 1, 1)]), 0)
    view.add(gsv("GP", 3, 1, [(1, 1, 1, 1)]), 1)
    view.add(gsv("GP", 3, 3, [(3, 1, 1, 1)]), 2)
    assert [row[1] for row in view.satellites(2)] == [9] and view.counters["torn"] == 1
    view.add(gsv("GP", 2, 2, [(3, 1, 1, 1)]), 3)
    view.add(gsv("GP", 2, 1, [(3, 1, 1, 1)]), 3)
    view.add(gsv("GL", 2, 1, [(70, 1, 1, 1)]), 3)
    view.add(gsv("GP", 2, 2, [(3, 1, 1, 1)]), 3)
    assert [row[1] for row in view.satellites(3)] == [9] and view.counters["torn"] == 3


def test_caps():
    view = Sky()
    for i in range(MAX_GROUPS + 3):
        rows = [(1 + (4 * i + k) % 30, 1, 1, 1) for k in range(4)]
        view.add(gsv("GP" if i < 12 else "GL", 1, 1, rows, "%X" % (i % 12 + 1)), 0)
    assert view.counters["dropped"] == 3 * 4
    view = Sky()
    for talker in ("GP", "GL", "GA"):
        for k in range(8):
            rows = [(k * 4 + j + 1, 1, 1, 1) for j in range(4)]
            view.add(gsv(talker, 8, k + 1, rows), 0)
    assert len(view.satellites(0)) == MAX_SATELLITES and view.counters["dropped"] == 32


def test_errors_and_heading():
    view = Sky()
    assert view.errors is None and view.heading is None
    view.add(parse(b"GNGST,223745.00,228650,2.5,2.4,126,0.98,1.0,3.1"), 0)
    view.add(parse(b"GPHDT,123.456,T"), 0)
    view.add(Decoder().parse(b"GPVTG,,T,,M,,N,36.0,K,A"), 0)
    assert view.errors == (98, 100, 310) and view.heading == 12346
