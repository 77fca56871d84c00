"""Sentences to integers: the values, nulls, ranges and refusals."""

from agent.gps.nmea import (
    ESTIMATED,
    FIX,
    GGA,
    GLL,
    GNS,
    GSA,
    NO_FIX,
    RMC,
    VTG,
    ZDA,
    Decoder,
    FieldError,
    day_number,
    parse,
)


def refused(sentence):
    try:
        parse(sentence)
    except FieldError as e:
        assert sentence[:5].decode() in e.args[0]  # names the sentence
        return True
    return False


def rmc(**changes):
    fields = {
        "time": "223745.00", "status": "A", "lat": "3806.62964", "ns": "N", "lon": "12237.61382",
        "ew": "W", "speed": "0.040", "course": "", "date": "110720", "mode": "D",
    }  # fmt: skip
    for name in changes:
        fields[name] = changes[name]
    text = "GNRMC"
    for name in ("time", "status", "lat", "ns", "lon", "ew", "speed", "course", "date"):
        text += "," + fields[name]
    return (text + ",,," + fields["mode"] + ",V").encode()


def position(lat, lon="00000.00000"):
    return parse(rmc(lat=lat, lon=lon, ew="E"))[3:5]


def test_rmc():
    day = day_number(2020, 7, 11)
    assert parse(rmc()) == (RMC, 81465000, FIX, 38110494, -122626897, 2, None, day)


def test_gga():
    assert parse(b"GNGGA,223745.00,3806.62964,N,12237.61382,W,2,12,0.54,83.1,M,-29.5,M,,0000") == (
        GGA,
        81465000,
        FIX,
        38110494,
        -122626897,
        12,
        54,
        8310,
    )
    assert parse(b"GPGGA,,,,,,0,00,99.99,,,,,,") == (GGA, None, NO_FIX, None, None, 0, None, None)
    assert parse(b"GPGGA,,,,,,0,,,,M,,M,,") == (GGA, None, NO_FIX, None, None, None, None, None)
    row = parse(b"GPGGA,191516.98,3645.874753,N,03124.635752,W,6,04,2.0,-49.1,M,32.0,M,,")
    assert row == (GGA, 69316980, ESTIMATED, 36764579, -31410596, 4, 200, -4910)
    # What a receiver without a fix writes for a position is none.
    row = parse(b"GPGGA,235946.005,8960.000000,N,00000.000000,E,0,0,,137.000,M,13.000,M,,")
    assert row == (GGA, 86386005, NO_FIX, None, None, 0, None, None)


def test_gns():
    assert parse(b"GNGNS,053232.438,3114.8789,N,12135.2442,E,ANNA,07,1.2,153.8,8.3,,0000") == (
        GNS, 19952438, FIX, 31247982, 121587403, 7, 120, 15380
    )  # fmt: skip
    assert parse(b"GNGNS,191434.96,,,,,NNN,,,,,,") == (
        GNS, 69274960, NO_FIX, None, None, None, None, None
    )  # fmt: skip
    assert parse(b"GNGNS,053232,3114.8789,N,12135.2442,E,NE,07,1.2,153.8,8.3,,")[2] == ESTIMATED


def test_gll_vtg_zda_gsa():
    assert parse(b"GPGLL,5547.82107,N,02334.14132,E,152504.50,A,A") == (
        GLL, 55504500, FIX, 55797018, 23569022
    )  # fmt: skip
    assert parse(b"GPGLL,5547.82107,N,02334.14132,E,152504.50,A")[2] == FIX  # NMEA before 2.3
    assert parse(b"GPGLL,,,,,,V,N") == (GLL, None, NO_FIX, None, None)
    assert parse(b"GPVTG,221.16,T,,M,30.324,N,56.191,K,A") == (VTG, 1560, 22116)
    assert parse(b"GPVTG,,T,,M,,N,,K,N") == (VTG, None, None)
    assert parse(b"GPVTG,0.00,T,,M,0.000,N,0.000,K,N") == (VTG, None, None)
    assert parse(b"GPVTG,,T,,M,,N,36.0,K,A") == (VTG, 1000, None)  # km/h only if nothing else
    assert parse(b"GPZDA,152504.50,09,12,2009,00,00") == (ZDA, 55504500, day_number(2009, 12, 9))
    assert parse(b"GPZDA,,,,,00,00") == (ZDA, None, None)
    assert parse(b"GNGSA,A,3,29,20,18,16,51,13,44,26,,,,,0.99,0.54,0.83,1") == (GSA, 3, 54)
    assert parse(b"GNGSA,A,1,,,,,,,,,,,,,99.99,99.99,99.99") == (GSA, 1, None)


def test_any_talker_but_vendors():
    body = rmc()[2:]
    for talker in (b"GP", b"GL", b"GA", b"GB", b"BD", b"GQ", b"QZ", b"GI", b"GN", b"PQ", b"XX"):
        assert parse(talker + body) == parse(rmc())
    assert parse(b"PGRMC,A,218.8,100,6378137.000,298.257223563,0.0,0.0,0.0,A,3,1,1,4,30") is None
    assert parse(b"PUBX,00,081350.00,4717.113210,N") is None
    for other in (b"", b"G", b"GPGSV,1,1,00", b"GPRMCX,1", b"GPRMC", b"RMC,1", b"GPTXT,01,01,02,x"):
        assert parse(other) is None


def test_position_is_rounded_to_nearest():
    # 1 micro-degree is 0.00006 minutes.
    assert position("4807.03800") == (48117300, 0)
    assert position("0000.00002")[0] == 0  # 0.33
    assert position("0000.00003")[0] == 1  # 0.5: away from zero
    assert position("0000.00004")[0] == 1  # 0.67
    assert position("0000.00008")[0] == 1  # 1.33
    assert position("0000.00009")[0] == 2  # 1.5
    assert parse(rmc(lat="0000.00003", ns="S"))[3] == -1
    assert position("4134.49821229")[0] == 41574970
    assert position("0000.00002999")[0] == 0
    assert position("0000.00003000")[0] == 1
    assert position("0000.000029999999")[0] == 0
    assert position("4434.5")[0] == 44575000
    assert position("4434")[0] == 44566667
    assert position("4434.")[0] == 44566667
    for places in range(1, 9):
        for minutes in (0, 1, 2949, 5900):
            for step in range(7):
                n = minutes * 10**places // 100 + step
                text = "12%02d.%0*d" % (n // 10**places, places, n % 10**places)
                exact = 12 * 60 * 10**places + n  # in 1 / (60 * 10**places) degrees
                below, rest = divmod(exact * 1000000, 60 * 10**places)
                nearest = below + (1 if rest * 2 >= 60 * 10**places else 0)
                assert position(text)[0] == nearest, text


def test_position_ranges():
    assert position("9000.00000", "18000.00000") == (90000000, 180000000)
    assert position("8959.99999", "17959.99999") == (90000000, 180000000)
    for lat in (
        "9000.00010",
        "9999",
        "9999.9999",
        "4860.0000",
        "48a7.038",
        "4807.0-38",
        "-4807.03",
    ):
        assert refused(rmc(lat=lat)), lat
    for lon in ("18000.00010", "18100.0", "00060.0", "99999.99", "0 100.0", "+0100.0"):
        assert refused(rmc(lon=lon)), lon
    for ns in ("", "E", "n", "NN"):
        assert refused(rmc(ns=ns))
    assert refused(rmc(ew="N"))


def test_null_stays_null():
    assert parse(rmc(lat="", ns="", lon="", ew=""))[3:5] == (None, None)
    assert parse(rmc(lon=""))[3:5] == (None, None)
    assert parse(rmc(speed=""))[5] is None
    assert parse(rmc(time=""))[1] is None
    assert parse(rmc(date=""))[7] is None


def test_rmc_validity():
    # Field 2 and the mode decide; the navigational status at the end says V on good fixes.
    assert parse(rmc())[2] == FIX
    assert parse(rmc(mode="E"))[2] == ESTIMATED
    assert parse(rmc(mode="N"))[2:7] == (NO_FIX, None, None, None, None)
    assert parse(rmc(status="V"))[2:7] == (NO_FIX, None, None, None, None)
    assert parse(rmc(status=""))[2] == NO_FIX
    old = b"GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W"  # before NMEA 2.3
    assert parse(old) == (
        RMC, 45319000, FIX, 48117300, 11516667, 1152, 8440, day_number(1994, 3, 23)
    )  # fmt: skip


def test_time():
    for text, ms in (
        ("000000", 0),
        ("000000.0", 0),
        ("152504.5", 55504500),
        ("152504.05", 55504050),
        ("053229.438", 19949438),
        ("053229.4389", 19949438),
        ("235959.999", 86399999),
        ("235960.00", 86400000),
        ("235960.50", 86400500),
    ):
        assert parse(rmc(time=text))[1] == ms
    for text in ("240000", "236000", "235961", "12345", "1234567", "12:45:0", "-12345", "1234.5"):
        assert refused(rmc(time=text)), text


def test_date():
    assert day_number(1970, 1, 1) == 0
    assert day_number(2000, 2, 29) == 11016
    assert day_number(2000, 3, 1) == 11017
    assert day_number(2099, 12, 31) == 47481
    assert parse(rmc(date="050180"))[7] == day_number(1980, 1, 5)
    assert parse(rmc(date="311279"))[7] == day_number(2079, 12, 31)
    assert parse(rmc(date="290224"))[7] == parse(rmc(date="010324"))[7] - 1
    for text in ("290223", "310420", "000120", "010020", "011320", "1107", "11072020", "a10720"):
        assert refused(rmc(date=text)), text
    assert refused(b"GPZDA,152504.50,09,12,1969,00,00")


def test_speed_and_course():
    # 1 knot = 463/9 cm/s, rounded to nearest.
    for text, cm in (("1", 51), ("0.010", 1), ("0.009", 0), ("30.324", 1560), ("000.0", 0),
                     ("100", 5144), ("32.273", 1660), (".5", 26)):  # fmt: skip
        assert parse(rmc(speed=text))[5] == cm, text
    for text, centi in (("0", 0), ("221.16", 22116), ("221.164", 22116), ("221.165", 22117),
                        ("360.00", 0), ("359.996", 0), ("084.4", 8440)):  # fmt: skip
        assert parse(rmc(course=text))[6] == centi, text
    for text in ("360.01", "-1", "12,", "1.2.3", "1_0", "nan", "1e1", "."):
        assert refused(rmc(course=text)) or text == "12,"
    for text in ("-1.0", "1_0", "1.2.3", "x", " 1"):
        assert refused(rmc(speed=text)), text


def test_dop():
    def hdop(text):
        return parse(("GNGSA,A,3,,,,,,,,,,,,,1.0,%s,1.0" % text).encode())[2]

    assert hdop("1.2") == 120
    assert hdop("25.5") == 2550
    for unknown in ("", "0", "0.0", "0.00", "99.99", "99.9", "100"):
        assert hdop(unknown) is None


def test_missing_fields_are_refused():
    for short in (
        b"GPRMC,", b"GPRMC,123519,A,4807.038,N", b"GPGGA,123519", b"GPGLL,1", b"GPGSA,A,3",
        b"GPVTG,", b"GPZDA,1", b"GPGNS,,,",
    ):  # fmt: skip
        assert refused(short), short


def test_a_decoder_remembers_nothing_wrong():
    """A Decoder gives what parse gives, in any order, also after refused sentences."""
    good = [
        rmc(),
        rmc(course="12.5", speed="3"),
        rmc(time="", lat="", lon=""),
        b"GNGGA,223745.00,3806.62964,N,12237.61382,W,2,12,0.54,83.1,M,-29.5,M,,0000",
        b"GNGGA,223745.00,3806.62964,S,12237.61382,W,2,12,0.54,83.1,M,-29.5,M,,0000",
        b"GPGLL,5547.82107,N,02334.14132,E,152504.50,A,A",
        b"GPVTG,221.16,T,,M,30.324,N,56.191,K,A",
        b"GPVTG,,T,,M,,N,36.0,K,A",
        b"GPZDA,152504.50,09,12,2009,00,00",
    ]
    bad = [
        rmc(lat="9999"),
        rmc(ns="x"),
        rmc(time="999999"),
        rmc(date="999999"),
        rmc(speed="x"),
        rmc(course="x"),
    ]
    decoder = Decoder()
    for a in good:
        for b in good + bad:
            for sentence in (a, b, a):
                try:
                    row = decoder.parse(sentence)
                except FieldError:
                    assert sentence in bad
                    continue
                assert row == parse(sentence)


def test_a_position_that_comes_again_is_not_taken_for_another():
    """GGA takes time and position from the RMC before only if they are the same to the letter."""
    first = rmc()
    gga = b"GNGGA,223745.00,3806.62964,N,12237.61382,W,2,12,0.54,83.1,M,-29.5,M,,0000"
    others = (
        gga,
        gga.replace(b"223745.00", b"223745.0"),
        gga.replace(b"223745.00", b"223745.001"),
        gga.replace(b"223745.00", b""),
        gga.replace(b"62964", b"6296"),
        gga.replace(b"62964", b"62965"),
        gga.replace(b",N,", b",S,"),
        gga.replace(b",W,", b",E,"),
        gga.replace(b"61382", b"613821"),
        gga.replace(b",W,2,", b",W,0,"),
        gga.replace(b",12,0.54", b",,"),
        gga.replace(b"0.54", b"99.99"),
        gga.replace(b"83.1", b"-0.1"),
        gga.replace(b"83.1", b""),
    )
    for other in others:
        decoder = Decoder()
        assert decoder.parse(first) == parse(first)
        assert decoder.parse(other) == parse(other), other
        assert decoder.parse(gga) == parse(gga)
        assert decoder.parse(first) == parse(first)
    # What is cut off or impossible behind them is refused all the same.
    for bad in (
        b",N" + gga[2:], b"G," + gga[2:], gga[:15], gga[:16], gga[:42], gga[:43],
        gga[:44], gga[:50],
        gga.replace(b",2,12", b",x,12"), gga.replace(b",12,", b",1x,"),
        gga.replace(b"0.54", b"0.5.4"), gga.replace(b"83.1", b"--1"),
    ):  # fmt: skip
        decoder = Decoder()
        decoder.parse(first)
        try:
            row = decoder.parse(bad)
        except FieldError:
            assert refused(bad), bad
        else:
            assert row == parse(bad), bad


def test_numbers_are_digits_and_one_point():
    for text in ("1.2.3", ".", "..", "1 .2", "1._2", "+1.2", "1.+2", "1.1234567890123"):
        assert refused(rmc(speed=text)), text
        assert refused(rmc(lat="380" + text)), text
    assert parse(rmc(speed="1."))[5] == 51
    for text in ("152504.", "152504.0000000"):
        assert parse(rmc(time=text))[1] == 55504000
    for text in ("152504,5", "152504.5.", "1525.0450", "152504.-5", "152504. 5", "152504:50"):
        if "," not in text:
            assert refused(rmc(time=text)), text
