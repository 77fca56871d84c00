"""Trouble codes: bytes to text and back, the table of meanings, failure types, status."""

from agent.obd import dtc
from agent.tables import beside
from tests.support import files


def test_all_letters():
    assert dtc.code(0x03, 0x01) == "P0301"
    assert dtc.code(0x34, 0x97) == "P3497"
    assert dtc.code(0x40, 0x35) == "C0035"
    assert dtc.code(0x80, 0x01) == "B0001"
    assert dtc.code(0xC1, 0x00) == "U0100"
    assert dtc.code(0xFF, 0xFF) == "U3FFF"
    # the worked example of a public list of service 03: 01 33 is P0133
    assert dtc.code(0x01, 0x33) == "P0133"


def test_every_code_comes_back():
    for value in range(0, 65536, 7):
        high = value >> 8
        low = value & 0xFF
        assert dtc.number(dtc.code(high, low)) == bytes([high, low])


def test_long_codes():
    assert dtc.long_code(b"\x03\x01\x11", 0) == "P0301-11"
    assert dtc.number("P0301-11") == b"\x03\x01\x11"
    assert dtc.failure_type("P0301-11") == "circuit short to ground"
    assert dtc.failure_type("P0301-F1") is None and dtc.failure_type("P0301") is None


def test_what_is_no_code():
    for text in ("", "P030", "P03011", "X0301", "P4301", "P0G01", "p0301", "P0301-1", "P0301+11",
                 "P0301-1g", "P0301-111"):  # fmt: skip
        assert dtc.number(text) is None, text


def test_codes_of_a_reply():
    assert dtc.codes(b"\x03\x01\x00\x00\xc1\x00", 0) == ("P0301", "U0100")
    assert dtc.codes(b"\x03\x01\x04", 0) == ("P0301",)  # half a code is none


def test_meanings():
    for code, text in (
        ("P0001", "Fuel volume regulator control: circuit open or faulty"),
        ("P0110", "Intake air temperature sensor 1: circuit fault"),
        ("P0132", "Oxygen sensor, bank 1 sensor 1: voltage high"),
        ("P0171", "Mixture, bank 1: too lean"),
        ("P0301", "Cylinder 1: misfire"),
        ("P0420", "Catalyst, bank 1: efficiency below threshold"),
        ("P2463", "Diesel particulate filter: full of soot"),
        ("P3497", "Cylinder deactivation, bank 2: fault"),
        ("C0033", "Right front tone wheel"),
        ("B0001", "Driver frontal airbag, stage 1: deployment control"),
        ("U0100", "No communication with engine control module A"),
        ("U0401", "Invalid data from engine control module A"),
        ("U3010", "Ignition input: start"),
    ):
        assert dtc.text(code) == text, code
    assert dtc.text("P0301-11") == "Cylinder 1: misfire"
    assert dtc.text("P1234") is None and dtc.text("P0000") is None
    assert dtc.text("") is None and dtc.text("#") is None


def test_a_makers_table_is_asked_first():
    path = beside(dtc.__file__, "dtc_test-make.txt")
    with open(path, "w") as file:
        file.write("P0301 The maker's own words\nP1234 A thing\n")
    try:
        assert dtc.text("P0301", "test-make") == "The maker's own words"
        assert dtc.text("P1234", "test-make") == "A thing"
        assert dtc.text("P0302", "test-make") == "Cylinder 2: misfire"
        assert dtc.text("P0301", "another") == "Cylinder 1: misfire"
    finally:
        files.remove_all(path)


def test_status():
    assert dtc.status_names(0x00) == ()
    assert dtc.status_names(0x09) == ("test failed", "confirmed")
    assert len(dtc.status_names(0xFF)) == 8
    assert dtc.status_names(0x80) == ("warning indicator requested",)
