"""Readiness monitors (PIDs 01 and 41), spark and compression."""

from agent.obd import readiness


def states(data):
    return dict(readiness.decode(data)["monitors"])


def test_spark():
    found = readiness.decode(b"\x00\x07\xe5\x00")
    assert found["ignition"] == "spark" and not found["mil"] and found["codes"] == 0
    assert dict(found["monitors"]) == {
        "misfire": "complete",
        "fuel system": "complete",
        "components": "complete",
        "catalyst": "complete",
        "heated catalyst": "not supported",
        "evaporative system": "complete",
        "secondary air": "not supported",
        "air conditioning refrigerant": "not supported",
        "oxygen sensor": "complete",
        "oxygen sensor heater": "complete",
        "EGR or VVT": "complete",
    }
    assert readiness.incomplete(found) == []


def test_what_waits():
    # A worked example of public lists: 81 07 65 04
    found = readiness.decode(b"\x81\x07\x65\x04")
    assert found["mil"] and found["codes"] == 1
    assert readiness.incomplete(found) == ["evaporative system"]
    assert states(b"\x00\x77\x00\x00")["misfire"] == "incomplete"
    # a "not complete" bit of a monitor that is not there means nothing
    assert states(b"\x00\x70\x00\xff")["misfire"] == "not supported"
    assert states(b"\x00\x70\x00\xff")["catalyst"] == "not supported"


def test_compression():
    found = readiness.decode(b"\x00\x0e\xeb\x08")
    assert found["ignition"] == "compression"
    assert dict(found["monitors"]) == {
        "misfire": "not supported",
        "fuel system": "complete",
        "components": "complete",
        "NMHC catalyst": "complete",
        "NOx or SCR aftertreatment": "complete",
        "boost pressure": "incomplete",
        "exhaust gas sensor": "complete",
        "PM filter": "complete",
        "EGR or VVT": "complete",
    }


def test_each_bit_has_one_monitor():
    for bits, names in (
        (0, [name for name in readiness.SPARK_MONITORS]),
        (8, [name for name in readiness.COMPRESSION_MONITORS]),
    ):
        for bit, name in enumerate(names):
            found = states(bytes([0, bits, 1 << bit, 1 << bit]))
            waiting = [key for key in found if found[key] == "incomplete"]
            assert waiting == [name or "reserved %d" % bit], (bits, bit)
