"""Vehicle information (service 09): VIN, calibrations, names, counters; CAN and older buses."""

from agent.obd import vehicle_info as info
from tests.support.obd_refusals import unfit

VIN = b"W0L000051T2123456"
# J1979's own example: a VIN that an older bus brings in five messages
OLD_VIN = (
    b"\x49\x02\x01\x00\x00\x00\x31",
    b"\x49\x02\x02\x47\x31\x4a\x43",
    b"\x49\x02\x03\x35\x34\x34\x34",
    b"\x49\x02\x04\x52\x37\x32\x35",
    b"\x49\x02\x05\x32\x33\x36\x37",
)


def test_vin():
    assert info.vin(b"\x49\x02\x01" + VIN) == "W0L000051T2123456"
    for payload in (
        b"\x49\x02\x01" + VIN[:16],
        b"\x49\x02\x01" + VIN + b"0",
        b"\x49\x02\x02" + VIN + VIN,
        b"\x49\x02\x00" + VIN,
        b"\x49\x02\x01" + VIN[:16] + b"\x00",
        b"\x49\x02\x01" + VIN[:16] + b"a",
        b"\x49\x04\x01" + VIN,
        b"\x41\x02\x01" + VIN,
        b"\x49\x02",
        b"",
    ):
        assert unfit(info.vin, payload), payload


def test_vin_of_an_older_bus():
    assert info.vin(info.join(OLD_VIN, info.VIN)) == "1G1JC5444R7252367"
    assert unfit(info.join, OLD_VIN[1:], info.VIN)  # the first is missing
    assert unfit(info.join, OLD_VIN[:3] + OLD_VIN[4:], info.VIN)  # one in the middle
    assert unfit(info.vin, info.join(OLD_VIN, info.VIN)[:-1])
    assert unfit(info.join, OLD_VIN[:4], info.VIN)  # the last
    assert unfit(info.join, (), info.VIN)


def test_calibrations():
    payload = b"\x49\x04\x02" + b"JMB*36761500\x00\x00\x00\x00" + b"JMB*47872611\x00\x00\x00\x00"
    assert info.calibrations(payload) == ["JMB*36761500", "JMB*47872611"]
    assert unfit(info.calibrations, payload[:-1])
    old = [
        b"\x49\x04\x01JMB*",
        b"\x49\x04\x023676",
        b"\x49\x04\x031500",
        b"\x49\x04\x04\x00\x00\x00\x00",
    ]
    assert info.calibrations(info.join(old, info.CALIBRATIONS)) == ["JMB*36761500"]
    assert info.calibrations(b"\x49\x04\x01" + b"A\x80\x07B" + bytes(12)) == ["A..B"]


def test_verifications():
    payload = b"\x49\x06\x02\x17\x91\xbc\x82\x16\xe0\x62\xbe"
    assert info.verifications(payload) == ["1791BC82", "16E062BE"]
    assert unfit(info.verifications, payload + b"\x00")
    assert unfit(info.verifications, b"\x49\x06\x01\x17\x91\xbc")


def test_name():
    payload = b"\x49\x0a\x01" + b"ECM\x00-Engine Control\x00"
    assert info.ecu_name(payload) == ("ECM", "Engine Control")
    assert info.ecu_name(b"\x49\x0a\x01" + b"BCCM-BatCharger" + bytes(5)) == ("BCCM", "BatCharger")
    assert info.ecu_name(b"\x49\x0a\x01" + b"Something else" + bytes(6)) == ("", "Something else")
    assert unfit(info.ecu_name, payload[:-1])
    assert unfit(info.ecu_name, payload + bytes(20))


def test_tracking():
    payload = b"\x49\x08\x04\x00\x01\x00\x02\x00\x03\x01\x00"
    assert info.tracking(payload, info.SPARK_TRACKING) == [
        ("OBDCOND", 1),
        ("IGNCNTR", 2),
        ("CATCOMP1", 3),
        ("CATCOND1", 256),
    ]
    payload = b"\x49\x0b\x03\x00\x01\x00\x02\x00\x03"
    assert info.tracking(payload, info.COMPRESSION_TRACKING)[2] == ("HCCATCOMP", 3)
    assert unfit(info.tracking, payload, info.SPARK_TRACKING)
    many = b"\x49\x08\x20" + bytes(64)
    assert info.tracking(many, info.SPARK_TRACKING)[-1] == ("counter 32", 0)


def test_supported_types():
    assert info.bitmap(b"\x49\x00\x55\x00\x00\x00") == b"\x55\x00\x00\x00"
    assert info.bitmap(b"\x49\x00\x01\x55\x00\x00\x00") == b"\x55\x00\x00\x00"
    assert unfit(info.bitmap, b"\x49\x00\x02\x55\x00\x00\x00")
    assert unfit(info.bitmap, b"\x49\x00\x55\x00\x00")
    assert unfit(info.items, b"\x49\x7f\x01\x00", 0x7F)
