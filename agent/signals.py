"""The one table of signals: wire id, VSS path, unit and scale.

Columns of SIGNALS: id, path, unit, num, den, offset, with

    physical = raw * num / den + offset

`raw` is the integer that travels on the wire; it keeps the source's full resolution (an OBD
PID's raw count, micro-degrees, cm/s, mV, 0/1 for switches). Ids are small, stable for ever and
never reused: 1..19 location and car inputs, 20 upward OBD-II (service 01, SAE J1979).

Paths are those of the COVESA Vehicle Signal Specification's main branch where it has the signal.
The engine-diagnostic remainder carries the names of VSS's OBD branch (`Vehicle.OBD.*`), which
VSS 4 and 5 have and which lives on as an overlay. Where neither has a name the path is this
project's own, marked "own" below; own names stand only in `Vehicle.Patrol`, `Vehicle.OBD` and
`Vehicle.CurrentLocation`. Units are spelled as in VSS; an empty unit is a count, code or switch.
"""

LATITUDE = 1
LONGITUDE = 2
ALTITUDE = 3
GNSS_SPEED = 4
HEADING = 5
PANIC = 10
SIREN = 11
LIGHT_BAR = 12
IGNITION = 13
BATTERY_VOLTAGE = 14

SIGNALS = (
    # Location (integers of agent/gps/fix.py)
    (1, "Vehicle.CurrentLocation.Latitude", "degrees", 1, 1000000, 0),
    (2, "Vehicle.CurrentLocation.Longitude", "degrees", 1, 1000000, 0),
    (3, "Vehicle.CurrentLocation.Altitude", "m", 1, 100, 0),
    (4, "Vehicle.CurrentLocation.Speed", "m/s", 1, 100, 0),  # own
    (5, "Vehicle.CurrentLocation.Heading", "degrees", 1, 100, 0),
    # Car inputs; own, as VSS knows neither police equipment nor a two-valued ignition
    (10, "Vehicle.Patrol.IsPanicPressed", "", 1, 1, 0),
    (11, "Vehicle.Patrol.IsSirenOn", "", 1, 1, 0),
    (12, "Vehicle.Patrol.IsLightBarOn", "", 1, 1, 0),
    (13, "Vehicle.Patrol.IsIgnitionOn", "", 1, 1, 0),
    (14, "Vehicle.LowVoltageBattery.CurrentVoltage", "V", 1, 1000, 0),
    # OBD-II, in order of PID
    (20, "Vehicle.OBD.Status.IsMILOn", "", 1, 1, 0),
    (21, "Vehicle.OBD.Status.DTCCount", "", 1, 1, 0),
    (22, "Vehicle.OBD.FuelStatus", "", 1, 1, 0),
    (23, "Vehicle.OBD.EngineLoad", "percent", 20, 51, 0),
    (24, "Vehicle.Powertrain.CombustionEngine.EngineCoolant.Temperature", "celsius", 1, 1, -40),
    (25, "Vehicle.OBD.ShortTermFuelTrim1", "percent", 25, 32, -100),
    (26, "Vehicle.OBD.LongTermFuelTrim1", "percent", 25, 32, -100),
    (27, "Vehicle.OBD.ShortTermFuelTrim2", "percent", 25, 32, -100),
    (28, "Vehicle.OBD.LongTermFuelTrim2", "percent", 25, 32, -100),
    (29, "Vehicle.OBD.FuelPressure", "kPa", 3, 1, 0),
    (30, "Vehicle.Powertrain.CombustionEngine.MAP", "kPa", 1, 1, 0),
    (31, "Vehicle.Powertrain.CombustionEngine.Speed", "rpm", 1, 4, 0),
    (32, "Vehicle.Speed", "km/h", 1, 1, 0),
    (33, "Vehicle.OBD.TimingAdvance", "degrees", 1, 2, -64),
    (34, "Vehicle.OBD.IntakeTemp", "celsius", 1, 1, -40),
    (35, "Vehicle.Powertrain.CombustionEngine.MAF", "g/s", 1, 100, 0),
    (36, "Vehicle.Powertrain.CombustionEngine.TPS", "percent", 20, 51, 0),
    (37, "Vehicle.OBD.AirStatus", "", 1, 1, 0),
    (38, "Vehicle.OBD.OxygenSensorsIn2Banks", "", 1, 1, 0),
    (39, "Vehicle.OBD.OBDStandards", "", 1, 1, 0),
    (40, "Vehicle.OBD.OxygenSensorsIn4Banks", "", 1, 1, 0),
    (41, "Vehicle.OBD.IsPTOActive", "", 1, 1, 0),
    (42, "Vehicle.OBD.RunTime", "s", 1, 1, 0),
    (43, "Vehicle.OBD.DistanceWithMIL", "km", 1, 1, 0),
    (44, "Vehicle.OBD.FuelRailPressureVac", "kPa", 79, 1000, 0),
    (45, "Vehicle.OBD.FuelRailPressureDirect", "kPa", 10, 1, 0),
    (46, "Vehicle.OBD.CommandedEGR", "percent", 20, 51, 0),
    (47, "Vehicle.OBD.EGRError", "percent", 25, 32, -100),
    (48, "Vehicle.OBD.CommandedEVAP", "percent", 20, 51, 0),
    (49, "Vehicle.Powertrain.FuelSystem.RelativeLevel", "percent", 20, 51, 0),
    (50, "Vehicle.OBD.WarmupsSinceDTCClear", "", 1, 1, 0),
    (51, "Vehicle.OBD.DistanceSinceDTCClear", "km", 1, 1, 0),
    (52, "Vehicle.OBD.EVAPVaporPressure", "Pa", 1, 4, 0),
    (53, "Vehicle.OBD.BarometricPressure", "kPa", 1, 1, 0),
    (54, "Vehicle.OBD.Catalyst.Bank1.Temperature1", "celsius", 1, 10, -40),
    (55, "Vehicle.OBD.Catalyst.Bank2.Temperature1", "celsius", 1, 10, -40),
    (56, "Vehicle.OBD.Catalyst.Bank1.Temperature2", "celsius", 1, 10, -40),
    (57, "Vehicle.OBD.Catalyst.Bank2.Temperature2", "celsius", 1, 10, -40),
    (58, "Vehicle.OBD.ControlModuleVoltage", "V", 1, 1000, 0),
    (59, "Vehicle.OBD.AbsoluteLoad", "percent", 20, 51, 0),
    (60, "Vehicle.OBD.CommandedEquivalenceRatio", "ratio", 1, 32768, 0),
    (61, "Vehicle.OBD.RelativeThrottlePosition", "percent", 20, 51, 0),
    (62, "Vehicle.Exterior.AirTemperature", "celsius", 1, 1, -40),
    (63, "Vehicle.OBD.ThrottlePositionB", "percent", 20, 51, 0),
    (64, "Vehicle.OBD.ThrottlePositionC", "percent", 20, 51, 0),
    (65, "Vehicle.OBD.AcceleratorPositionD", "percent", 20, 51, 0),
    (66, "Vehicle.OBD.AcceleratorPositionE", "percent", 20, 51, 0),
    (67, "Vehicle.OBD.AcceleratorPositionF", "percent", 20, 51, 0),
    (68, "Vehicle.OBD.ThrottleActuator", "percent", 20, 51, 0),
    (69, "Vehicle.OBD.RunTimeMIL", "min", 1, 1, 0),
    (70, "Vehicle.OBD.TimeSinceDTCCleared", "min", 1, 1, 0),
    (71, "Vehicle.OBD.MaxMAF", "g/s", 10, 1, 0),
    (72, "Vehicle.OBD.FuelType", "", 1, 1, 0),
    (73, "Vehicle.OBD.EthanolPercent", "percent", 20, 51, 0),
    (74, "Vehicle.OBD.EVAPVaporPressureAbsolute", "kPa", 1, 200, 0),
    (75, "Vehicle.OBD.EVAPVaporPressureAlternate", "Pa", 1, 1, 0),
    (76, "Vehicle.OBD.ShortTermO2Trim1", "percent", 25, 32, -100),
    (77, "Vehicle.OBD.LongTermO2Trim1", "percent", 25, 32, -100),
    (78, "Vehicle.OBD.ShortTermO2Trim2", "percent", 25, 32, -100),
    (79, "Vehicle.OBD.LongTermO2Trim2", "percent", 25, 32, -100),
    (80, "Vehicle.OBD.FuelRailPressureAbsolute", "kPa", 10, 1, 0),
    (81, "Vehicle.OBD.RelativeAcceleratorPosition", "percent", 20, 51, 0),
    (82, "Vehicle.OBD.HybridBatteryRemaining", "percent", 20, 51, 0),
    (83, "Vehicle.Powertrain.CombustionEngine.EngineOil.Temperature", "celsius", 1, 1, -40),
    (84, "Vehicle.OBD.FuelInjectionTiming", "degrees", 1, 128, -210),
    (85, "Vehicle.OBD.FuelRate", "l/h", 1, 20, 0),
    (86, "Vehicle.OBD.EmissionRequirements", "", 1, 1, 0),  # own
    (87, "Vehicle.OBD.DemandedTorque", "percent", 1, 1, -125),  # own
    (88, "Vehicle.OBD.ActualTorque", "percent", 1, 1, -125),  # own
    (89, "Vehicle.OBD.ReferenceTorque", "Nm", 1, 1, 0),  # own
    (90, "Vehicle.OBD.IdleTorque", "percent", 1, 1, -125),  # own
    (91, "Vehicle.OBD.MAFSensorA", "g/s", 1, 32, 0),  # own
    (92, "Vehicle.OBD.MAFSensorB", "g/s", 1, 32, 0),  # own
    (93, "Vehicle.OBD.CoolantTemperatureSensor1", "celsius", 1, 1, -40),  # own
    (94, "Vehicle.OBD.CoolantTemperatureSensor2", "celsius", 1, 1, -40),  # own
    (95, "Vehicle.OBD.FrictionTorque", "percent", 1, 1, -125),  # own
    (96, "Vehicle.OBD.EngineFuelRate", "g/s", 1, 50, 0),  # own
    (97, "Vehicle.OBD.VehicleFuelRate", "g/s", 1, 50, 0),  # own
    (98, "Vehicle.OBD.CylinderFuelRate", "mg/stroke", 1, 32, 0),  # own
    (99, "Vehicle.TraveledDistance", "km", 1, 10, 0),  # km as in VSS up to 5; metres later
    # Oxygen sensors: last, as they are seldom sent and ids above 127 cost a byte more
    (100, "Vehicle.OBD.O2.Sensor1.Voltage", "V", 1, 200, 0),
    (101, "Vehicle.OBD.O2.Sensor2.Voltage", "V", 1, 200, 0),
    (102, "Vehicle.OBD.O2.Sensor3.Voltage", "V", 1, 200, 0),
    (103, "Vehicle.OBD.O2.Sensor4.Voltage", "V", 1, 200, 0),
    (104, "Vehicle.OBD.O2.Sensor5.Voltage", "V", 1, 200, 0),
    (105, "Vehicle.OBD.O2.Sensor6.Voltage", "V", 1, 200, 0),
    (106, "Vehicle.OBD.O2.Sensor7.Voltage", "V", 1, 200, 0),
    (107, "Vehicle.OBD.O2.Sensor8.Voltage", "V", 1, 200, 0),
    (108, "Vehicle.OBD.O2WR.Sensor1.Lambda", "", 1, 32768, 0),
    (109, "Vehicle.OBD.O2WR.Sensor2.Lambda", "", 1, 32768, 0),
    (110, "Vehicle.OBD.O2WR.Sensor3.Lambda", "", 1, 32768, 0),
    (111, "Vehicle.OBD.O2WR.Sensor4.Lambda", "", 1, 32768, 0),
    (112, "Vehicle.OBD.O2WR.Sensor5.Lambda", "", 1, 32768, 0),
    (113, "Vehicle.OBD.O2WR.Sensor6.Lambda", "", 1, 32768, 0),
    (114, "Vehicle.OBD.O2WR.Sensor7.Lambda", "", 1, 32768, 0),
    (115, "Vehicle.OBD.O2WR.Sensor8.Lambda", "", 1, 32768, 0),
    (116, "Vehicle.OBD.O2WR.Sensor1.Voltage", "V", 1, 8192, 0),
    (117, "Vehicle.OBD.O2WR.Sensor2.Voltage", "V", 1, 8192, 0),
    (118, "Vehicle.OBD.O2WR.Sensor3.Voltage", "V", 1, 8192, 0),
    (119, "Vehicle.OBD.O2WR.Sensor4.Voltage", "V", 1, 8192, 0),
    (120, "Vehicle.OBD.O2WR.Sensor5.Voltage", "V", 1, 8192, 0),
    (121, "Vehicle.OBD.O2WR.Sensor6.Voltage", "V", 1, 8192, 0),
    (122, "Vehicle.OBD.O2WR.Sensor7.Voltage", "V", 1, 8192, 0),
    (123, "Vehicle.OBD.O2WR.Sensor8.Voltage", "V", 1, 8192, 0),
    # VSS wants amperes; SAE J1979 counts 1/256 mA from -128 mA
    (124, "Vehicle.OBD.O2WR.Sensor1.Current", "A", 1, 256000, -0.128),
    (125, "Vehicle.OBD.O2WR.Sensor2.Current", "A", 1, 256000, -0.128),
    (126, "Vehicle.OBD.O2WR.Sensor3.Current", "A", 1, 256000, -0.128),
    (127, "Vehicle.OBD.O2WR.Sensor4.Current", "A", 1, 256000, -0.128),
    (128, "Vehicle.OBD.O2WR.Sensor5.Current", "A", 1, 256000, -0.128),
    (129, "Vehicle.OBD.O2WR.Sensor6.Current", "A", 1, 256000, -0.128),
    (130, "Vehicle.OBD.O2WR.Sensor7.Current", "A", 1, 256000, -0.128),
    (131, "Vehicle.OBD.O2WR.Sensor8.Current", "A", 1, 256000, -0.128),
)

# Short names for technicians, configuration and `patrol obd watch --signals`: name, id
ALIASES = (
    ("latitude", 1),
    ("longitude", 2),
    ("altitude", 3),
    ("gnss_speed", 4),
    ("heading", 5),
    ("panic", 10),
    ("siren", 11),
    ("light_bar", 12),
    ("ignition", 13),
    ("battery", 14),
    ("mil", 20),
    ("dtc_count", 21),
    ("fuel_status", 22),
    ("load", 23),
    ("coolant", 24),
    ("stft1", 25),
    ("ltft1", 26),
    ("stft2", 27),
    ("ltft2", 28),
    ("fuel_pressure", 29),
    ("map", 30),
    ("rpm", 31),
    ("speed", 32),
    ("timing", 33),
    ("intake_temp", 34),
    ("maf", 35),
    ("throttle", 36),
    ("run_time", 42),
    ("mil_distance", 43),
    ("rail_pressure", 45),
    ("egr", 46),
    ("evap", 48),
    ("fuel", 49),
    ("warmups", 50),
    ("clear_distance", 51),
    ("barometer", 53),
    ("catalyst", 54),
    ("module_voltage", 58),
    ("absolute_load", 59),
    ("lambda", 60),
    ("relative_throttle", 61),
    ("ambient", 62),
    ("pedal", 65),
    ("fuel_type", 72),
    ("ethanol", 73),
    ("hybrid_battery", 82),
    ("oil", 83),
    ("fuel_rate", 85),
    ("torque", 88),
    ("reference_torque", 89),
    ("odometer", 99),
)

_ROWS = {row[0]: row for row in SIGNALS}


def row(signal):
    """The table row of a signal id, or None."""
    return _ROWS.get(signal)


def by_name(name):
    """The id of a short name ("rpm") or a VSS path, or None."""
    for alias, number in ALIASES:
        if alias == name:
            return number
    for entry in SIGNALS:
        if entry[1] == name:
            return entry[0]
    return None


def name(signal):
    """The short name of a signal id; its VSS path where it has none; its number when unknown."""
    for alias, number in ALIASES:
        if number == signal:
            return alias
    return _ROWS[signal][1] if signal in _ROWS else str(signal)


def unit(signal):
    """The unit of a signal id; "" for counts, codes, switches and unknown ids."""
    return _ROWS[signal][2] if signal in _ROWS else ""


def physical(signal, raw):
    """The physical value as a float, for display only. KeyError for an unknown id."""
    found = _ROWS[signal]
    return raw * found[3] / found[4] + found[5]
