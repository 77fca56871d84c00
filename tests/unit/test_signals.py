"""The table of signals: unique, complete, and true to the formulas of SAE J1979."""

from agent import signals
from agent.obd import pids


def test_ids_paths_and_names_are_unique():
    rows = list(signals.rows())
    ids = [row[signals.ID] for row in rows]
    paths = [row[signals.PATH] for row in rows]
    names = [row[signals.NAME] for row in rows if row[signals.NAME]]
    assert ids == sorted(ids) and len(set(ids)) == len(ids) == 418
    assert len(set(paths)) == len(paths) and len(set(names)) == len(names)
    for row in rows:
        assert row[signals.PATH].startswith("Vehicle.") and row[signals.DEN] > 0 and row[3]
        for number in row[3:6]:
            assert isinstance(number, int), row
        assert "." not in (row[signals.NAME] or ""), row


def test_every_row_is_found_by_id_path_and_name():
    for row in signals.rows():
        assert signals.row(row[signals.ID]) == row
        assert signals.by_name(row[signals.PATH]) == row[signals.ID]
        if row[signals.NAME]:
            assert signals.by_name(row[signals.NAME]) == row[signals.ID]
        assert signals.name(row[signals.ID]) == (row[signals.NAME] or row[signals.PATH])
    assert len(signals._rows) <= 128


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


def test_unknown_signals():
    for unknown in (0, 15, 19, 131 + 900, 999, 1000, -1):
        assert signals.row(unknown) is None
    for unknown in ("no such", "", "-", "1", "percent", "Vehicle.", "Vehicle.Spee", "rpm "):
        assert signals.by_name(unknown) is None
    assert signals.name(999) == "999" and signals.unit(999) == ""
    assert signals.name(97) == "Vehicle.OBD.VehicleFuelRate" and signals.unit(31) == "rpm"
