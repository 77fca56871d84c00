"""The table of PIDs: fields that fit, support bits, variable lengths, other full scales."""

from agent import signals
from agent.obd import pids


def hexed(text):
    return bytes([int(text[at : at + 2], 16) for at in range(0, len(text), 2)])


def read(pid, text, length=0):
    """{path without Vehicle.OBD.: physical value} of a PID's data"""
    data = hexed(text)
    found = {}
    for signal, raw in pids.values(pid, data, 0, length):
        path = signals.row(signal)[signals.PATH].replace("Vehicle.OBD.", "")
        found[path] = round(signals.physical(signal, raw), 4)
    return found


def test_every_field_has_a_signal_and_fits_its_length():
    seen = []
    used = []
    for pid, length, tier, fields in pids.PIDS:
        assert 0 <= pid <= 0xFF and tier in range(4) and length == pids.LENGTHS[pid] > 0
        seen.append(pid)
        for signal, at, size, signed, bits, given in fields:
            second = pid in pids.VARIABLE and at == 1
            assert signals.row(signal) is not None and signal >= 20
            assert 1 <= size <= 4 and at + size <= length + second, "%02X" % pid
            assert not bits or size == 1 and not signed
            assert not given or at >= 1 or pid == 0x9B
            used.append(signal)
    assert seen == sorted(seen) and len(seen) == len(set(seen)) == 167
    # every signal that comes by OBD has its PID
    for row in signals.rows():
        assert row[signals.ID] < 20 or row[signals.ID] in used, row
    for bitmap in pids.BITMAPS:
        assert bitmap not in seen and pids.LENGTHS[bitmap] == 4


def test_lengths_as_published():
    known = [n for n in range(1, 0x31) if n != 0x20]
    text = "".join([str(pids.LENGTHS[n]) for n in known])
    assert text == "4221111111121112111" + "2" * 8 + "1112" + "222" + "4" * 8 + "11111", text
    for pid, length in (
        (0x31, 2), (0x34, 4), (0x3C, 2), (0x41, 4), (0x4F, 4), (0x50, 4), (0x51, 1), (0x5E, 2),
        (0x64, 5), (0x65, 2), (0x68, 7), (0x6D, 11), (0x6E, 9), (0x70, 10), (0x71, 6), (0x75, 7),
        (0x78, 9), (0x7A, 7), (0x7F, 13), (0x81, 41), (0x83, 9), (0x85, 10), (0x88, 13), (0x8A, 41),
        (0x8B, 7), (0x8C, 17), (0x8F, 7), (0x90, 3), (0x91, 5), (0x94, 12), (0x9A, 6), (0x9B, 4),
        (0x9F, 9), (0xA1, 9), (0xA3, 9), (0xA6, 4), (0x95, 0), (0xA7, 0), (0xC4, 0), (0xFF, 0),
    ):  # fmt: skip
        assert pids.LENGTHS[pid] == length, "%02X" % pid


# pid, data, length, what comes out: formulas of SAE J1979, checked against public tables
EXAMPLES = (
    (0x03, "0204", 0, {"FuelStatus": 2, "FuelStatus2": 4}),
    (0x06, "80", 1, {"ShortTermFuelTrim1": 0}),
    (0x06, "80FF", 2, {"ShortTermFuelTrim1": 0, "ShortTermFuelTrim3": 99.2188}),
    (0x58, "00C0", 2, {"LongTermO2Trim2": -100, "LongTermO2Trim4": 50}),
    (0x14, "5A80", 0, {"O2.Sensor1.Voltage": 0.45, "O2.Sensor1.ShortTermFuelTrim": 0}),
    (0x1B, "5AFF", 0, {"O2.Sensor8.Voltage": 0.45}),  # not used in the trim
    (0x4F, "02088020", 0, {"MaxEquivalenceRatio": 2, "MaxO2Voltage": 8, "MaxO2Current": 128,
                           "MaxMAP": 320}),
    (0x50, "41000000", 0, {"MaxMAF": 650}),
    (0x64, "7D7E7F80FF", 0, {"IdleTorque": 0, "TorquePoint2": 1, "TorquePoint3": 2,
                             "TorquePoint4": 3, "TorquePoint5": 130}),
    (0x65, "0001", 0, {}),
    (0x65, "1151", 0, {"Auxiliary.IsPTOActive": 1, "Auxiliary.RecommendedGear": 5}),
    (0x68, "3F282930313233", 0, {
        "IntakeTempSensor.Bank1.Sensor1": 0, "IntakeTempSensor.Bank1.Sensor2": 1,
        "IntakeTempSensor.Bank1.Sensor3": 8, "IntakeTempSensor.Bank2.Sensor1": 9,
        "IntakeTempSensor.Bank2.Sensor2": 10, "IntakeTempSensor.Bank2.Sensor3": 11}),
    (0x69, "07FF3380000000", 0, {"EGR.A.Commanded": 100, "EGR.A.Actual": 20, "EGR.A.Error": 0}),
    (0x69, "380000000033C0", 0, {"EGR.B.Commanded": 0, "EGR.B.Actual": 20, "EGR.B.Error": 50}),
    (0x6B, "213CFF0000", 0, {"EGR.Temperature.Bank1.Sensor1": 20,
                             "EGR.TemperatureWide.Bank1.Sensor2": 980}),
    (0x6D, "3F03E803E97803EA03EB79", 0, {
        "FuelRail.A.CommandedPressure": 10000, "FuelRail.A.Pressure": 10010,
        "FuelRail.A.Temperature": 80, "FuelRail.B.CommandedPressure": 10020,
        "FuelRail.B.Pressure": 10030, "FuelRail.B.Temperature": 81}),
    (0x6F, "096480", 0, {"Turbo.A.InletPressure": 100, "Turbo.B.InletPressureWide": 1024}),
    (0x70, "2712C0129000000000" "09", 0, {
        "Boost.A.CommandedPressure": 150, "Boost.A.Pressure": 148.5, "Boost.A.ControlStatus": 1,
        "Boost.B.ControlStatus": 2}),
    (0x71, "1200330044" "0F", 0, {"VGT.A.Actual": 20, "VGT.B.Actual": 26.6667}),
    (0x74, "012EE00000", 0, {"Turbo.A.Speed": 120000}),
    (0x75, "0F3C5014501068", 0, {
        "Turbo.A.CompressorInletTemperature": 20, "Turbo.A.CompressorOutletTemperature": 40,
        "Turbo.A.TurbineInletTemperature": 480, "Turbo.A.TurbineOutletTemperature": 380}),
    (0x78, "0511940000" "0FA00000", 0, {"ExhaustTemperature.Bank1.Sensor1": 410,
                                       "ExhaustTemperature.Bank1.Sensor3": 360}),
    (0x7A, "01FF9C00000000", 0, {"ParticulateFilter.Bank1.DeltaPressure": -1}),
    (0x7F, "0300010000" "FFFFFFFF" "00000005", 0, {"TotalRunTime.Engine": 65536}),
    (0x81, "02" + "00" * 8 + "0000000A0000000B" + "00" * 24, 0, {"AECD2.Timer1": 10,
                                                               "AECD2.Timer2": 11}),
    (0x8A, "10" + "00" * 32 + "0000000AFFFFFFFF", 0, {"AECD20.Timer1": 10}),
    (0x83, "0C0000000001F40010", 0, {"NOx.Bank2.Sensor1": 500, "NOx.Bank2.Sensor2": 16}),
    (0x85, "0F00C800C933000000FF", 0, {
        "Reagent.ConsumptionRate": 1, "Reagent.DemandedRate": 1.005, "Reagent.TankLevel": 20,
        "Reagent.NOxWarningTime": 255}),
    (0x86, "0100500000", 0, {"ParticulateMass.Bank1": 1}),
    (0x8B, "7F0B330258012C", 0, {
        "Aftertreatment.IsFilterRegenerating": 1, "Aftertreatment.IsRegenerationActive": 1,
        "Aftertreatment.IsNOxDesorbing": 0, "Aftertreatment.IsDesulfurizing": 1,
        "Aftertreatment.RegenerationTrigger": 20, "Aftertreatment.RegenerationInterval": 600,
        "Aftertreatment.RegenerationDistance": 300}),
    (0x8C, "11" "3333" "000000000000" "2000" "000000000000", 0, {
        "O2Concentration.Bank1.Sensor1": 20, "O2Lambda.Bank1.Sensor1": 1}),
    (0x8F, "0C" "000000" "02" "FF9C", 0, {
        "PMSensor.Bank2.IsMeasuring": 0, "PMSensor.Bank2.IsRegenerating": 1,
        "PMSensor.Bank2.Output": -1}),
    (0x90, "4D0010", 0, {"WWH.MIDisplayStrategy": 1, "WWH.VehicleMIMode": 3,
                         "WWH.IsReadinessIncomplete": 1, "WWH.VehicleMITime": 16}),
    (0x92, "8180", 0, {"ClosedLoop.FuelPressure1": 0, "ClosedLoop.IdleBalance2": 1}),
    (0x94, "0313" "0007" + "FFFF" * 4, 0, {
        "NOxControl.IsWarningActive": 1, "NOxControl.InducementLevel1": 1,
        "NOxControl.InducementLevel2": 2, "NOxControl.InducementLevel3": 0,
        "NOxControl.ReagentQualityTime": 7}),
    (0x9A, "070132C8FF9C", 0, {"Hybrid.ChargingState": 1, "Hybrid.BatteryVoltage": 203.125,
                               "Hybrid.BatteryCurrent": -10}),
    (0x9B, "1F823CFF", 0, {"ExhaustFluid.Type": 1, "ExhaustFluid.Concentration": 32.5,
                           "ExhaustFluid.TankTemperature": 20, "ExhaustFluid.TankLevel": 100}),
    (0x9F, "09330000FF00000000", 0, {"FuelSystemUse.A.Bank1": 20, "FuelSystemUse.B.Bank2": 100}),
    (0xA1, "11FFFF000000000000", 0, {}),  # the sensor's data is not available
    (0xA3, "05FFFC0000000400" "00", 0, {"EVAPPressure.A": -1, "EVAPPressure.B": 1}),
    (0xA4, "03300BB8", 0, {"TransmissionGear": 3, "TransmissionRatio": 3}),
    (0xA5, "036407D0", 0, {"ExhaustFluid.CommandedDosing": 50, "ExhaustFluid.CycleUse": 1}),
    (0xC5, "03E80000", 0, {"FuelPressureA": 79, "FuelPressureB": 0}),
)  # fmt: skip


def test_examples():
    for pid, text, length, expected in EXAMPLES:
        assert len(text) // 2 == (length or pids.LENGTHS[pid]), "%02X" % pid
        assert read(pid, text, length) == expected, ("%02X" % pid, read(pid, text, length))


def test_sensors_the_car_does_not_have_give_no_value():
    assert dict(pids.values(0x67, b"\x01\x7b\x00", 0)) == {93: 0x7B}
    assert pids.values(0x67, b"\x00\x7b\x7b", 0) == []
    assert dict(pids.values(0x66, b"\x02\x00\x00\x01\x00", 0)) == {92: 256}
    for pid, length, _, _ in pids.PIDS:  # nothing is given: only fields without support bits
        found = [signal for signal, _ in pids.values(pid, bytes(length), 0)]
        for field in pids.row(pid)[3]:
            absent = field[5] or (pid in pids.VARIABLE and field[1] == 1)
            assert (field[0] in found) == (not absent), "%02X" % pid


def test_data_may_begin_anywhere():
    payload = b"\x41\x0c\x1a\xf8\x66\x03\x00\x20\x00\x40"
    assert pids.values(0x0C, payload, 2) == [(31, 0x1AF8)]
    assert pids.values(0x66, payload, 5) == [(91, 32), (92, 64)]


def test_pids_without_a_row():
    for pid in (0x00, 0x20, 0x95, 0xA7, 0xE0, 0xFF):
        assert pids.row(pid) is None and pids.values(pid, b"\x00\x00\x00\x00", 0) == []


def test_pids_of_a_signal():
    assert pids.of_signal(31) == [0x0C] and pids.of_signal(108) == [0x24, 0x34]
    assert pids.of_signal(427) == [0xD3] and pids.of_signal(5) == [] and pids.of_signal(999) == []


def test_other_full_scales():
    none = b"\x00\x00\x00\x00\x00"
    for signal, raw in ((60, 0x8000), (116, 0x4000), (124, 0x8100), (30, 100), (35, 1234)):
        assert pids.scaled(signal, raw, none) == raw
    limits = b"\x04\x10\x40\x40\xff"  # lambda 4, 16 V, 64 mA, 640 kPa, 2550 g/s
    assert pids.scaled(60, 0x4000, limits) == 0x8000  # a quarter of 4 is half of 2
    assert pids.scaled(115, 0xFFFF, limits) == 0x1FFFE
    assert pids.scaled(123, 0x2000, limits) == 0x4000
    assert pids.scaled(131, 0x8200, limits) == 0x8100 and pids.scaled(124, 0x7E00, limits) == 0x7F00
    assert pids.scaled(30, 255, limits) == 640 and pids.scaled(30, 51, limits) == 128
    assert pids.scaled(35, 65535, limits) == 255000
    assert pids.scaled(31, 1000, limits) == 1000


def test_frame_counts():
    assert [pids.frames(n) for n in (1, 7, 8, 13, 14, 20, 21)] == [1, 1, 2, 2, 3, 3, 4]
