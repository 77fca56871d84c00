"""The read-only allow-list and the strict reading of replies."""

from agent.obd import dtc, services
from tests.support.obd_refusals import unfit


def refused(*args):
    try:
        services.request(*args)
    except services.ServiceRefused:
        return True
    return False


def test_requests():
    assert services.request(1, b"\x0c") == b"010C"
    assert services.request(1, b"\x0c\x0d\x05\x04\x11\x2f") == b"010C0D0504112F"
    assert services.request(1, b"\x0c\x0d", 1) == b"010C0D1"
    assert services.request(1, b"\x0c", 15) == b"010CF"
    assert services.request(2, b"\x0c\x00") == b"020C00"
    assert services.request(3) == b"03"
    assert services.request(7) == b"07"
    assert services.request(0x0A) == b"0A"
    assert services.request(9, b"\x02") == b"0902"
    assert services.request(0x22, b"\xf1\x90") == b"22F190"
    assert services.request(0x19, b"\x02\xff") == b"1902FF"


def test_only_reading_services_exist():
    allowed = set([row[0] for row in services.READ_SERVICES])
    assert allowed == {1, 2, 3, 6, 7, 9, 0x0A, 0x19, 0x22}
    for service in range(-1, 300):
        if service not in allowed:
            for size in range(8):
                assert refused(service, bytes(size)), service


def test_of_service_19_only_reading_sub_functions_exist():
    sizes = {0x02: 2, 0x04: 5, 0x06: 5, 0x0A: 1}
    for function in range(256):
        for size in range(8):
            data = (bytes([function]) + bytes(7))[:size]
            fits = size > 0 and sizes.get(function) == size
            assert refused(0x19, data) == (not fits), (function, size)


def test_requests_of_another_form_are_refused():
    assert refused(1) and refused(1, bytes(7)) and refused(3, b"\x01")
    assert refused(9) and refused(9, b"\x02\x04") and refused(0x22, b"\xf1")
    assert refused(2, b"\x02") and refused(2, bytes(3)) and refused(0x22, bytes(3))
    assert refused(1, b"\x0c", 16) and refused(1, b"\x0c", -1)


def test_clearing_needs_an_order_and_a_standing_engine():
    clear = services.clear_request
    order = services.CLEAR_ORDER
    assert clear(order, 0, 0) == b"04" and clear(order, 0, 2000) == b"04"
    for args in (
        (None, 0, 0), (True, 0, 0), ("", 0, 0), ("clear", 0, 0),
        (order, None, 0), (order, 0, None), (order, None, None),  # unknown
        (order, 1, 0), (order, 3000, 100), (order, -1, 0),  # runs
        (order, 0, 2001), (order, 0, 60000), (order, 0, -1),  # not now
    ):  # fmt: skip
        try:
            clear(*args)
        except services.ServiceRefused as e:
            assert "04" in str(e)
            continue
        raise AssertionError(args)
    assert refused(4) and refused(4, b"", 1)


def test_live_in_any_order():
    asked = b"\x0c\x0d\x05"
    assert services.live(b"\x41\x0d\x32\x0c\x1a\xf8", asked) == [(0x0D, 2), (0x0C, 4)]
    assert services.live(b"\x41\x05\x7b", asked) == [(0x05, 2)]


def test_live_refuses_what_does_not_fit():
    for payload in (
        b"",
        b"\x41",
        b"\x41\x0c",
        b"\x41\x0c\x1a",  # a byte missing
        b"\x41\x0c\x1a\xf8\x00",  # a byte too many
        b"\x41\x0d\x32\x0d",
        b"\x41\x0d\x32\x0d\x32",  # twice
        b"\x41\x04\x32",  # not asked for
        b"\x42\x0c\x1a\xf8",
        b"\x01\x0c\x1a\xf8",
        b"\x7f\x01\x12",
        b"\x41\x0c\x1a\xf8\x05",
    ):
        assert unfit(services.live, payload, b"\x0c\x0d"), payload
    assert unfit(services.live, b"\x41\xf5\x00", b"\xf5")  # asked, but of unknown length


def test_pids_of_one_byte_or_two():
    # one bank, and four banks (SAE J1979, PID 06: data B only where there is a bank 3)
    assert services.live(b"\x41\x06\x80", b"\x06") == [(0x06, 2)]
    assert services.live(b"\x41\x06\x80\x81", b"\x06") == [(0x06, 2)]
    assert services.split(b"\x41\x06\x80\x81", b"\x06", 1) == [(0x06, 2, 2)]
    assert unfit(services.live, b"\x41\x06\x80\x81\x82", b"\x06")
    assert unfit(services.live, b"\x41\x06", b"\x06")
    asked = b"\x06\x07\x0c"
    one = b"\x41\x06\x80\x0c\x1a\xf8\x07\x7f"
    two = b"\x41\x06\x80\x81\x0c\x1a\xf8\x07\x7f\x80"
    assert services.live(one, asked) == [(0x06, 2), (0x0C, 4), (0x07, 7)]
    assert services.live(two, asked) == [(0x06, 2), (0x0C, 5), (0x07, 8)]
    assert services.split(two, asked, 1)[2] == (0x07, 8, 2)
    # 06 = 07 and 05 = 07 and 07 = 05, or 06 = 07 05 and 07 = 07 05: neither
    both = b"\x41\x06\x07\x05\x07\x07\x05"
    assert unfit(services.live, both, b"\x06\x07\x05")


def test_trouble_codes():
    codes = services.trouble_codes
    assert codes(b"\x43\x00", 3) == ()
    assert codes(b"\x43\x02\x03\x01\xc1\x23", 3) == ("P0301", "U0123")
    assert codes(b"\x47\x01\x44\x20", 7) == ("C0420",)
    assert codes(b"\x4a\x01\x80\x01", 0x0A) == ("B0001",)
    assert codes(b"\x43\x01\x00\x00", 3) == ()
    assert codes(b"\x43\x03\x01\x00\x00\x00\x00", 3, False) == ("P0301",)
    for payload in (b"", b"\x43", b"\x43\x01", b"\x43\x01\x03", b"\x43\x00\x03\x01", b"\x47\x00"):
        assert unfit(codes, payload, 3), payload
    assert unfit(codes, b"\x43\x03\x01", 3, False)


def test_codes_of_all_letters():
    for high, low, text in (
        (0x00, 0x01, "P0001"),
        (0x13, 0x37, "P1337"),
        (0x2A, 0xBC, "P2ABC"),
        (0x3F, 0xFF, "P3FFF"),
        (0x40, 0x35, "C0035"),
        (0x80, 0x12, "B0012"),
        (0xC1, 0x00, "U0100"),
        (0xFF, 0xFF, "U3FFF"),
    ):
        assert dtc.code(high, low) == text


def test_vin_has_all_seventeen_characters():
    # 0, 1 and 2 at both ends
    for vin in ("1HGCM82633A004210", "0FTFW1ET5DFC10312", "2T1BURHE0JC067012"):
        assert services.vin(b"\x49\x02\x01" + vin.encode()) == vin
    for payload in (
        b"",
        b"\x49\x02\x01",
        b"\x49\x02\x011HGCM82633A00421",
        b"\x49\x02\x011HGCM82633A0042100",
        b"\x49\x02\x02" + b"1HGCM82633A004210",
        b"\x49\x04\x01" + b"1HGCM82633A004210",
        b"\x49\x02\x01\x00HGCM82633A004210",
        b"\x49\x02\x011hgcm82633a004210",
        b"\x7f\x09\x11",
    ):
        assert unfit(services.vin, payload), payload


def test_negative_responses():
    assert services.negative(b"\x7f\x01\x78") == (1, services.WAIT)
    assert services.negative(b"\x7f\x22\x31") == (0x22, 0x31)
    assert services.negative(b"\x7f\x22") is None
    assert services.negative(b"\x41\x0c\x78") is None
    assert services.nrc_name(0x78) == "response pending"
    assert services.nrc_name(0x31) == "request out of range"
    assert services.nrc_name(0xF0) == "code F0"
