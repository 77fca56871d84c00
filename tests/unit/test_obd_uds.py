"""UDS reads (services 22 and 19): echoes, lengths, codes of three bytes."""

from agent.obd import services, uds
from tests.support.obd_refusals import unfit


def wrong(call, *args):
    try:
        call(*args)
    except ValueError:
        return True
    return False


def test_requests():
    assert services.request(0x19, uds.by_status()) == b"19020D"
    assert services.request(0x19, uds.by_status(0xFF)) == b"1902FF"
    assert services.request(0x19, uds.snapshot("P0301-11")) == b"1904030111FF"
    assert services.request(0x19, uds.extended("U0100-87", 1)) == b"1906C1008701"
    assert services.request(0x19, uds.supported()) == b"190A"
    assert services.request(0x22, uds.identifier(0xF190)) == b"22F190"
    assert wrong(uds.snapshot, "P0301") and wrong(uds.extended, "")


def test_codes():
    # ISO 14229-1, 11.3.5.3: the code 0A 9B 17 with status 24, 08 05 11 with 2F
    payload = b"\x59\x02\xff\x0a\x9b\x17\x24\x08\x05\x11\x2f"
    assert uds.codes(payload, uds.BY_STATUS) == (0xFF, [("P0A9B-17", 0x24), ("P0805-11", 0x2F)])
    assert uds.codes(b"\x59\x02\xff", uds.BY_STATUS) == (0xFF, [])
    for bad in (b"", b"\x59", b"\x59\x02", payload[:-1], payload + b"\x00", b"\x58" + payload[1:]):
        assert unfit(uds.codes, bad, uds.BY_STATUS), bad
    assert unfit(uds.codes, payload, uds.SUPPORTED)
    assert uds.codes(b"\x59\x0a" + payload[2:], uds.SUPPORTED)[1][1] == ("P0805-11", 0x2F)


def test_records():
    # ISO 14229-1, 11.3.5.4: snapshot 02 of 12 34 56, status 24, identifier 4711
    payload = b"\x59\x04\x12\x34\x56\x24\x02\x01\x47\x11\xa6\x66\x07\x50\x20"
    status, data = uds.record(payload, uds.SNAPSHOT, "P1234-56")
    assert status == 0x24 and data[:2] == b"\x02\x01" and len(data) == 9
    assert uds.record(payload[:6], uds.SNAPSHOT, "P1234-56") == (0x24, b"")
    assert unfit(uds.record, payload, uds.SNAPSHOT, "P1234-57")
    assert unfit(uds.record, payload, uds.EXTENDED, "P1234-56")
    assert unfit(uds.record, payload[:5], uds.SNAPSHOT, "P1234-56")


def test_identifiers():
    vin = b"W0L000043MB541326"  # ISO 14229-1, 10.2.5.2
    assert uds.data_of(b"\x62\xf1\x90" + vin, 0xF190) == vin
    assert unfit(uds.data_of, b"\x62\xf1\x90" + vin[:-1], 0xF190)  # a VIN has 17 characters
    assert unfit(uds.data_of, b"\x62\xf1\x90" + vin, 0xF191)
    assert unfit(uds.data_of, b"\x62\xf1\x90", 0xF190)
    assert unfit(uds.data_of, b"\x61\xf1\x90" + vin, 0xF190)
    assert uds.data_of(b"\x62\x12\x34\x01", 0x1234) == b"\x01"
    assert uds.length_of(0xF190) == 17 and uds.length_of(0x1234) == 0
    assert uds.identifier_name(0xF190) == "vehicle identification number"
    assert uds.identifier_name(0x1234) is None
