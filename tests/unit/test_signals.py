"""The table of signals: unique, complete, and true to the formulas of SAE J1979."""

from agent import signals
from agent.obd import pids


def test_ids_paths_and_aliases_are_unique():
    ids = [row[0] for row in signals.SIGNALS]
    paths = [row[1] for row in signals.SIGNALS]
    names = [alias for alias, _ in signals.ALIASES]
    assert len(set(ids)) == len(ids) and len(set(paths)) == len(paths)
    assert len(set(names)) == len(names)
    assert len(set([number for _, number in signals.ALIASES])) == len(names)
    for _, number in signals.ALIASES:
        assert signals.row(number) is not None
    for path in paths:
        assert path.startswith("Vehicle.")


def test_reserved_ids():
    for number, name in (
        (1, "latitude"),
        (2, "longitude"),
        (3, "altitude"),
        (4, "gnss_speed"),
        (5, "heading"),
        (10, "panic"),
        (11, "siren"),
        (12, "light_bar"),
        (13, "ignition"),
        (14, "battery"),
        (31, "rpm"),
        (32, "speed"),
        (24, "coolant"),
    ):
        assert signals.by_name(name) == number and signals.name(number) == name


def test_every_field_of_every_pid_has_a_signal_and_fits_its_length():
    seen = []
    for pid, length, tier, fields in pids.PIDS:
        assert pid not in seen and 0 <= pid <= 0xFF and tier in range(4)
        seen.append(pid)
        for field in fields:
            assert signals.row(field[0]) is not None
            assert field[0] >= 20 and field[1] + field[2] <= length
            assert len(field) in (4, 6)
    assert len(seen) >= 50


# pid, data, name, physical value: the examples follow the formulas in SAE J1979
EXAMPLES = (
    (0x04, "FF", "load", 100.0),
    (0x05, "7B", "coolant", 83.0),
    (0x05, "00", "coolant", -40.0),
    (0x06, "80", "stft1", 0.0),
    (0x06, "00", "stft1", -100.0),
    (0x07, "C0", "ltft1", 50.0),
    (0x0A, "10", "fuel_pressure", 48.0),
    (0x0B, "65", "map", 101.0),
    (0x0C, "1AF8", "rpm", 1726.0),
    (0x0C, "FFFF", "rpm", 16383.75),
    (0x0D, "FF", "speed", 255.0),
    (0x0E, "89", "timing", 4.5),
    (0x0F, "46", "intake_temp", 30.0),
    (0x10, "04D2", "maf", 12.34),
    (0x11, "33", "throttle", 20.0),
    (0x14, "5AFF", "Vehicle.OBD.O2.Sensor1.Voltage", 0.45),
    (0x1F, "0E10", "run_time", 3600.0),
    (0x21, "0100", "mil_distance", 256.0),
    (0x22, "03E8", "Vehicle.OBD.FuelRailPressureVac", 79.0),
    (0x23, "01F4", "rail_pressure", 5000.0),
    (0x24, "80004000", "Vehicle.OBD.O2WR.Sensor1.Lambda", 1.0),
    (0x24, "80004000", "Vehicle.OBD.O2WR.Sensor1.Voltage", 2.0),
    (0x2D, "80", "Vehicle.OBD.EGRError", 0.0),
    (0x2F, "33", "fuel", 20.0),
    (0x32, "FFFC", "Vehicle.OBD.EVAPVaporPressure", -1.0),
    (0x33, "65", "barometer", 101.0),
    (0x34, "80008100", "Vehicle.OBD.O2WR.Sensor1.Current", 0.001),
    (0x3C, "1194", "catalyst", 410.0),
    (0x42, "35E8", "module_voltage", 13.8),
    (0x43, "00FF", "absolute_load", 100.0),
    (0x44, "8000", "lambda", 1.0),
    (0x46, "3C", "ambient", 20.0),
    (0x54, "FF9C", "Vehicle.OBD.EVAPVaporPressureAlternate", -100.0),
    (0x59, "0064", "Vehicle.OBD.FuelRailPressureAbsolute", 1000.0),
    (0x5C, "82", "oil", 90.0),
    (0x5D, "6900", "Vehicle.OBD.FuelInjectionTiming", 0.0),
    (0x5E, "00C8", "fuel_rate", 10.0),
    (0x62, "AF", "torque", 50.0),
    (0x63, "0190", "reference_torque", 400.0),
    (0xA6, "000CD961", "odometer", 84208.1),
    (0x01, "830765E5", "mil", 1.0),
    (0x01, "830765E5", "dtc_count", 3.0),
    (0x1E, "01", "Vehicle.OBD.IsPTOActive", 1.0),
)


def test_examples():
    for pid, data, name, expected in EXAMPLES:
        data = bytes([int(data[at : at + 2], 16) for at in range(0, len(data), 2)])
        assert len(data) == pids.LENGTHS[pid], pid
        signal = signals.by_name(name)
        found = dict(pids.values(pid, data, 0))
        assert abs(signals.physical(signal, found[signal]) - expected) < 0.0001, name


def test_sensors_the_car_does_not_have_give_no_value():
    assert dict(pids.values(0x67, b"\x01\x7b\x00", 0)) == {93: 0x7B}
    assert pids.values(0x67, b"\x00\x7b\x7b", 0) == []
    assert dict(pids.values(0x66, b"\x02\x00\x00\x01\x00", 0)) == {92: 256}


def test_frame_counts():
    assert [pids.frames(n) for n in (1, 7, 8, 13, 14, 20, 21)] == [1, 1, 2, 2, 3, 3, 4]


def test_unknown_signals():
    assert signals.row(999) is None and signals.by_name("no such") is None
    assert signals.name(999) == "999" and signals.unit(999) == ""
    assert signals.name(97) == "Vehicle.OBD.VehicleFuelRate" and signals.unit(31) == "rpm"
