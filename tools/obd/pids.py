"""Services 01 and 02: every PID of SAE J1979 whose length and layout are public, as rows.

`python -m tools.obd.pid_table` packs them for the agent.

Columns of PIDS: pid, data length in bytes, tier, fields. Columns of a field: signal (its path in
agent/signals.txt, without "Vehicle.OBD." where it begins so), first byte, bytes; then by name
what it has: `signed`; `bits`, the value is these bits of its one byte, moved down; `given`, bits of
the first data byte that must all be set, else the car has no such sensor; `none`, all ones means
that there is no value; `second`, only there when a PID of VARIABLE comes with its second byte.

Lengths, layouts, support bits and scales were compared with the source of the SAE J1699-3
conformance test (to A6), a car maker's public diagnosis tables (to 9C), and public PID lists. Where
these differ: 68 has 7 bytes (one list says 3), 8C has 17 (one 16), 74 counts 10 rpm (one 1). From
A9 on one or two public lists are the only source: marked "unsure". PIDs whose layout nobody shows
(A7, A8, C3, C4, what is left out above A9) have no row: never asked, and refused in a reply.
"""

FAST = 0
MEDIUM = 1
SLOW = 2
DEMAND = 3  # asked only when the configuration names the signal

# PIDs with a second byte on engines with a third or fourth bank (SAE J1979, PIDs 06..09, 55..58)
VARIABLE = (0x06, 0x07, 0x08, 0x09, 0x55, 0x56, 0x57, 0x58)

# bits of `kind` in a packed row, beside the number of bytes
SIGNED = 0x10
NONE = 0x20
SECOND = 0x40


def f(signal, at=0, size=1, signed=False, bits=0, given=0, none=False, second=False):
    path = signal if signal.startswith("Vehicle.") else "Vehicle.OBD." + signal
    kind = size | SIGNED * signed | NONE * none | SECOND * second
    return path, at, kind, bits, given


def pair(pattern, at, step, size, given, names):
    """Fields of one kind in a row, each with the next support bit."""
    return tuple(
        f(pattern % name, at + step * i, size, given=given << i) for i, name in enumerate(names)
    )


_BANKS = ("Bank1.Sensor1", "Bank1.Sensor2", "Bank2.Sensor1", "Bank2.Sensor2")
_ENGINE = "Vehicle.Powertrain.CombustionEngine."


def _sensors(base, number, second):
    """Wide range oxygen sensors: lambda, and voltage or current."""
    return tuple(
        (base + i, 4, DEMAND, (f(f"O2WR.Sensor{i + 1}.Lambda", 0, 2),
                               f(f"O2WR.Sensor{i + 1}.{second}", 2, 2)))
        for i in range(number)
    )  # fmt: skip


def _aecd(pid, first):
    """Run times of five auxiliary emission control devices, two timers each."""
    fields = []
    for i in range(5):
        for timer in (1, 2):
            at = 1 + 8 * i + 4 * (timer - 1)
            name = f"AECD{first + i}.Timer{timer}"
            fields.append(f(name, at, 4, given=1 << i, none=True))
    return pid, 41, DEMAND, tuple(fields)


def _oxygen(sensors):
    """Concentration and lambda of two banks' sensors, PIDs 8C and 9C."""
    names = [f"Bank{bank}.Sensor{sensor}" for bank in (1, 2) for sensor in sensors]
    return pair("O2Concentration.%s", 1, 2, 2, 0x01, names) + pair(
        "O2Lambda.%s", 9, 2, 2, 0x10, names
    )


def _exhaust(bank, sensors):
    return pair("ExhaustTemperature.%s", 1, 2, 2, 1, [f"Bank{bank}.Sensor{n}" for n in sensors])


def _turbo(x):
    return (
        f(f"Turbo.{x}.CompressorInletTemperature", 1, 1, given=0x01),
        f(f"Turbo.{x}.CompressorOutletTemperature", 2, 1, given=0x02),
        f(f"Turbo.{x}.TurbineInletTemperature", 3, 2, given=0x04),
        f(f"Turbo.{x}.TurbineOutletTemperature", 5, 2, given=0x08),
    )


def _filter(bank):
    name = f"ParticulateFilter.Bank{bank}."
    return (
        f(name + "DeltaPressure", 1, 2, signed=True, given=0x01),
        f(name + "InletPressure", 3, 2, given=0x02),
        f(name + "OutletPressure", 5, 2, given=0x04),
    )


PIDS = (
    (0x01, 4, SLOW, (f("Status.IsMILOn", bits=0x80), f("Status.DTCCount", bits=0x7F))),
    (0x02, 2, DEMAND, ()),
    (0x03, 2, DEMAND, (f("FuelStatus"), f("FuelStatus2", 1))),
    (0x04, 1, MEDIUM, (f("EngineLoad"),)),
    (0x05, 1, SLOW, (f(_ENGINE + "EngineCoolant.Temperature"),)),
    (0x06, 1, DEMAND, (f("ShortTermFuelTrim1"), f("ShortTermFuelTrim3", 1, second=True))),
    (0x07, 1, DEMAND, (f("LongTermFuelTrim1"), f("LongTermFuelTrim3", 1, second=True))),
    (0x08, 1, DEMAND, (f("ShortTermFuelTrim2"), f("ShortTermFuelTrim4", 1, second=True))),
    (0x09, 1, DEMAND, (f("LongTermFuelTrim2"), f("LongTermFuelTrim4", 1, second=True))),
    (0x0A, 1, DEMAND, (f("FuelPressure"),)),
    (0x0B, 1, DEMAND, (f(_ENGINE + "MAP"),)),
    (0x0C, 2, FAST, (f(_ENGINE + "Speed", 0, 2),)),
    (0x0D, 1, FAST, (f("Vehicle.Speed"),)),
    (0x0E, 1, DEMAND, (f("TimingAdvance"),)),
    (0x0F, 1, SLOW, (f("IntakeTemp"),)),
    (0x10, 2, DEMAND, (f(_ENGINE + "MAF", 0, 2),)),
    (0x11, 1, MEDIUM, (f(_ENGINE + "TPS"),)),
    (0x12, 1, DEMAND, (f("AirStatus"),)),
    (0x13, 1, DEMAND, (f("OxygenSensorsIn2Banks"),)),
    *((0x14 + i, 2, DEMAND, (f(f"O2.Sensor{i + 1}.Voltage"),
                             f(f"O2.Sensor{i + 1}.ShortTermFuelTrim", 1, none=True)))
      for i in range(8)),
    (0x1C, 1, DEMAND, (f("OBDStandards"),)),
    (0x1D, 1, DEMAND, (f("OxygenSensorsIn4Banks"),)),
    (0x1E, 1, DEMAND, (f("IsPTOActive", bits=0x01),)),
    (0x1F, 2, SLOW, (f("RunTime", 0, 2),)),
    (0x21, 2, DEMAND, (f("DistanceWithMIL", 0, 2),)),
    (0x22, 2, DEMAND, (f("FuelRailPressureVac", 0, 2),)),
    (0x23, 2, DEMAND, (f("FuelRailPressureDirect", 0, 2),)),
    *_sensors(0x24, 8, "Voltage"),
    (0x2C, 1, DEMAND, (f("CommandedEGR"),)),
    (0x2D, 1, DEMAND, (f("EGRError"),)),
    (0x2E, 1, DEMAND, (f("CommandedEVAP"),)),
    (0x2F, 1, SLOW, (f("Vehicle.Powertrain.FuelSystem.RelativeLevel"),)),
    (0x30, 1, DEMAND, (f("WarmupsSinceDTCClear"),)),
    (0x31, 2, DEMAND, (f("DistanceSinceDTCClear", 0, 2),)),
    (0x32, 2, DEMAND, (f("EVAPVaporPressure", 0, 2, signed=True),)),
    (0x33, 1, DEMAND, (f("BarometricPressure"),)),
    *_sensors(0x34, 8, "Current"),
    (0x3C, 2, DEMAND, (f("Catalyst.Bank1.Temperature1", 0, 2),)),
    (0x3D, 2, DEMAND, (f("Catalyst.Bank2.Temperature1", 0, 2),)),
    (0x3E, 2, DEMAND, (f("Catalyst.Bank1.Temperature2", 0, 2),)),
    (0x3F, 2, DEMAND, (f("Catalyst.Bank2.Temperature2", 0, 2),)),
    (0x41, 4, DEMAND, ()),  # readiness in this driving cycle: agent/obd/readiness.py
    (0x42, 2, SLOW, (f("ControlModuleVoltage", 0, 2),)),
    (0x43, 2, DEMAND, (f("AbsoluteLoad", 0, 2),)),
    (0x44, 2, DEMAND, (f("CommandedEquivalenceRatio", 0, 2),)),
    (0x45, 1, DEMAND, (f("RelativeThrottlePosition"),)),
    (0x46, 1, SLOW, (f("Vehicle.Exterior.AirTemperature"),)),
    (0x47, 1, DEMAND, (f("ThrottlePositionB"),)),
    (0x48, 1, DEMAND, (f("ThrottlePositionC"),)),
    (0x49, 1, DEMAND, (f("AcceleratorPositionD"),)),
    (0x4A, 1, DEMAND, (f("AcceleratorPositionE"),)),
    (0x4B, 1, DEMAND, (f("AcceleratorPositionF"),)),
    (0x4C, 1, DEMAND, (f("ThrottleActuator"),)),
    (0x4D, 2, DEMAND, (f("RunTimeMIL", 0, 2),)),
    (0x4E, 2, DEMAND, (f("TimeSinceDTCCleared", 0, 2),)),
    (0x4F, 4, DEMAND, (f("MaxEquivalenceRatio"), f("MaxO2Voltage", 1), f("MaxO2Current", 2),
                       f("MaxMAP", 3))),
    (0x50, 4, DEMAND, (f("MaxMAF"),)),
    (0x51, 1, DEMAND, (f("FuelType"),)),
    (0x52, 1, DEMAND, (f("EthanolPercent"),)),
    (0x53, 2, DEMAND, (f("EVAPVaporPressureAbsolute", 0, 2),)),
    (0x54, 2, DEMAND, (f("EVAPVaporPressureAlternate", 0, 2, signed=True),)),
    (0x55, 1, DEMAND, (f("ShortTermO2Trim1"), f("ShortTermO2Trim3", 1, second=True))),
    (0x56, 1, DEMAND, (f("LongTermO2Trim1"), f("LongTermO2Trim3", 1, second=True))),
    (0x57, 1, DEMAND, (f("ShortTermO2Trim2"), f("ShortTermO2Trim4", 1, second=True))),
    (0x58, 1, DEMAND, (f("LongTermO2Trim2"), f("LongTermO2Trim4", 1, second=True))),
    (0x59, 2, DEMAND, (f("FuelRailPressureAbsolute", 0, 2),)),
    (0x5A, 1, DEMAND, (f("RelativeAcceleratorPosition"),)),
    (0x5B, 1, DEMAND, (f("HybridBatteryRemaining"),)),
    (0x5C, 1, SLOW, (f(_ENGINE + "EngineOil.Temperature"),)),
    (0x5D, 2, DEMAND, (f("FuelInjectionTiming", 0, 2),)),
    (0x5E, 2, DEMAND, (f("FuelRate", 0, 2),)),
    (0x5F, 1, DEMAND, (f("EmissionRequirements"),)),
    (0x61, 1, DEMAND, (f("DemandedTorque"),)),
    (0x62, 1, DEMAND, (f("ActualTorque"),)),
    (0x63, 2, DEMAND, (f("ReferenceTorque", 0, 2),)),
    (0x64, 5, DEMAND, (f("IdleTorque"), *(f(f"TorquePoint{n}", n - 1) for n in range(2, 6)))),
    (0x65, 2, DEMAND, (
        f("Auxiliary.IsPTOActive", 1, bits=0x01, given=0x01),
        f("Auxiliary.IsInDriveGear", 1, bits=0x02, given=0x02),
        f("Auxiliary.IsManualInGear", 1, bits=0x04, given=0x04),
        f("Auxiliary.IsGlowPlugLampOn", 1, bits=0x08, given=0x08),
        f("Auxiliary.RecommendedGear", 1, bits=0xF0, given=0x10))),
    (0x66, 5, DEMAND, pair("MAFSensor%s", 1, 2, 2, 1, "AB")),
    (0x67, 3, DEMAND, pair("CoolantTemperatureSensor%s", 1, 1, 1, 1, "12")),
    (0x68, 7, DEMAND, pair("IntakeTempSensor.%s", 1, 1, 1, 1, [
        f"Bank{bank}.Sensor{sensor}" for bank in (1, 2) for sensor in (1, 2, 3)])),
    (0x69, 7, DEMAND, pair("EGR.%s", 1, 1, 1, 1, (
        "A.Commanded", "A.Actual", "A.Error", "B.Commanded", "B.Actual", "B.Error"))),
    (0x6A, 5, DEMAND, pair("IntakeAirFlow.%s", 1, 1, 1, 1, (
        "A.Commanded", "A.Relative", "B.Commanded", "B.Relative"))),
    (0x6B, 5, DEMAND, pair("EGR.Temperature.%s", 1, 1, 1, 0x01, _BANKS)
     + pair("EGR.TemperatureWide.%s", 1, 1, 1, 0x10, _BANKS)),
    (0x6C, 5, DEMAND, pair("Throttle.%s", 1, 1, 1, 1, (
        "A.Commanded", "A.Relative", "B.Commanded", "B.Relative"))),
    (0x6D, 11, DEMAND, (
        f("FuelRail.A.CommandedPressure", 1, 2, given=0x01),
        f("FuelRail.A.Pressure", 3, 2, given=0x02),
        f("FuelRail.A.Temperature", 5, 1, given=0x04),
        f("FuelRail.B.CommandedPressure", 6, 2, given=0x08),
        f("FuelRail.B.Pressure", 8, 2, given=0x10),
        f("FuelRail.B.Temperature", 10, 1, given=0x20))),
    (0x6E, 9, DEMAND, pair("InjectionControl.%s", 1, 2, 2, 1, (
        "A.CommandedPressure", "A.Pressure", "B.CommandedPressure", "B.Pressure"))),
    (0x6F, 3, DEMAND, pair("Turbo.%s.InletPressure", 1, 1, 1, 0x01, "AB")
     + pair("Turbo.%s.InletPressureWide", 1, 1, 1, 0x04, "AB")),
    (0x70, 10, DEMAND, (
        f("Boost.A.CommandedPressure", 1, 2, given=0x01), f("Boost.A.Pressure", 3, 2, given=0x02),
        f("Boost.B.CommandedPressure", 5, 2, given=0x08), f("Boost.B.Pressure", 7, 2, given=0x10),
        f("Boost.A.ControlStatus", 9, bits=0x03, given=0x04),
        f("Boost.B.ControlStatus", 9, bits=0x0C, given=0x20))),
    (0x71, 6, DEMAND, (
        f("VGT.A.Commanded", 1, given=0x01), f("VGT.A.Actual", 2, given=0x02),
        f("VGT.B.Commanded", 3, given=0x08), f("VGT.B.Actual", 4, given=0x10),
        f("VGT.A.ControlStatus", 5, bits=0x03, given=0x04),
        f("VGT.B.ControlStatus", 5, bits=0x0C, given=0x20))),
    (0x72, 5, DEMAND, pair("Wastegate.%s", 1, 1, 1, 1, (
        "A.Commanded", "A.Actual", "B.Commanded", "B.Actual"))),
    (0x73, 5, DEMAND, pair("ExhaustPressure.Bank%s", 1, 2, 2, 1, "12")),
    (0x74, 5, DEMAND, pair("Turbo.%s.Speed", 1, 2, 2, 1, "AB")),
    (0x75, 7, DEMAND, _turbo("A")),
    (0x76, 7, DEMAND, _turbo("B")),
    (0x77, 5, DEMAND, pair("ChargeAirTemperature.%s", 1, 1, 1, 1, _BANKS)),
    (0x78, 9, DEMAND, _exhaust(1, (1, 2, 3, 4))),
    (0x79, 9, DEMAND, _exhaust(2, (1, 2, 3, 4))),
    (0x7A, 7, DEMAND, _filter(1)),
    (0x7B, 7, DEMAND, _filter(2)),
    (0x7C, 9, DEMAND, pair("ParticulateFilter.%s", 1, 2, 2, 1, (
        "Bank1.InletTemperature", "Bank1.OutletTemperature",
        "Bank2.InletTemperature", "Bank2.OutletTemperature"))),
    (0x7D, 1, DEMAND, (f("NOxNTEStatus"),)),
    (0x7E, 1, DEMAND, (f("PMNTEStatus"),)),
    (0x7F, 13, DEMAND, (
        f("TotalRunTime.Engine", 1, 4, given=0x01, none=True),
        f("TotalRunTime.Idle", 5, 4, given=0x02, none=True),
        f("TotalRunTime.PTO", 9, 4, given=0x04, none=True))),
    _aecd(0x81, 1),
    _aecd(0x82, 6),
    (0x83, 9, DEMAND, pair("NOx.%s", 1, 2, 2, 1, _BANKS)),
    (0x84, 1, DEMAND, (f("ManifoldSurfaceTemperature"),)),
    (0x85, 10, DEMAND, (
        f("Reagent.ConsumptionRate", 1, 2, given=0x01), f("Reagent.DemandedRate", 3, 2, given=0x02),
        f("Reagent.TankLevel", 5, given=0x04),
        f("Reagent.NOxWarningTime", 6, 4, given=0x08, none=True))),
    (0x86, 5, DEMAND, pair("ParticulateMass.Bank%s", 1, 2, 2, 1, "12")),
    (0x87, 5, DEMAND, pair("MAPSensor%s", 1, 2, 2, 1, "AB")),
    (0x88, 13, DEMAND, (
        f("SCRInducement.State"),
        f("SCRInducement.History1", 1, bits=0x0F), f("SCRInducement.History2", 1, bits=0xF0),
        f("SCRInducement.History3", 2, bits=0x0F), f("SCRInducement.History4", 2, bits=0xF0),
        f("SCRInducement.ActiveDistance1", 3, 2), f("SCRInducement.Distance1", 5, 2),
        f("SCRInducement.ActiveDistance2", 7, 2), f("SCRInducement.ActiveDistance3", 9, 2),
        f("SCRInducement.ActiveDistance4", 11, 2))),
    _aecd(0x89, 11),
    _aecd(0x8A, 16),
    (0x8B, 7, DEMAND, (
        f("Aftertreatment.IsFilterRegenerating", 1, bits=0x01, given=0x01),
        f("Aftertreatment.IsRegenerationActive", 1, bits=0x02, given=0x02),
        f("Aftertreatment.IsNOxDesorbing", 1, bits=0x04, given=0x04),
        f("Aftertreatment.IsDesulfurizing", 1, bits=0x08, given=0x08),
        f("Aftertreatment.RegenerationTrigger", 2, given=0x10),
        f("Aftertreatment.RegenerationInterval", 3, 2, given=0x20),
        f("Aftertreatment.RegenerationDistance", 5, 2, given=0x40))),
    (0x8C, 17, DEMAND, _oxygen((1, 2))),
    (0x8D, 1, DEMAND, (f("ThrottlePositionG"),)),
    (0x8E, 1, DEMAND, (f("FrictionTorque"),)),
    (0x8F, 7, DEMAND, (
        f("PMSensor.Bank1.IsMeasuring", 1, bits=0x01, given=0x01),
        f("PMSensor.Bank1.IsRegenerating", 1, bits=0x02, given=0x01),
        f("PMSensor.Bank1.Output", 2, 2, signed=True, given=0x02),
        f("PMSensor.Bank2.IsMeasuring", 4, bits=0x01, given=0x04),
        f("PMSensor.Bank2.IsRegenerating", 4, bits=0x02, given=0x04),
        f("PMSensor.Bank2.Output", 5, 2, signed=True, given=0x08))),
    (0x90, 3, DEMAND, (
        f("WWH.MIDisplayStrategy", bits=0x03), f("WWH.VehicleMIMode", bits=0x3C),
        f("WWH.IsReadinessIncomplete", bits=0x40), f("WWH.VehicleMITime", 1, 2))),
    (0x91, 5, DEMAND, (
        f("WWH.ECUMIMode", bits=0x0F), f("WWH.ECUMITime", 1, 2), f("WWH.ECUB1Time", 3, 2))),
    (0x92, 2, DEMAND, tuple(
        f("ClosedLoop." + name, 1, bits=1 << i, given=1 << i)
        for i, name in enumerate((
            "FuelPressure1", "FuelQuantity1", "InjectionTiming1", "IdleBalance1",
            "FuelPressure2", "FuelQuantity2", "InjectionTiming2", "IdleBalance2")))),
    (0x93, 3, DEMAND, (f("WWH.CumulativeMITime", 1, 2, given=0x01),)),
    (0x94, 12, DEMAND, (
        f("NOxControl.IsWarningActive", 1, bits=0x01, given=0x01),
        f("NOxControl.InducementLevel1", 1, bits=0x06, given=0x01),
        f("NOxControl.InducementLevel2", 1, bits=0x18, given=0x01),
        f("NOxControl.InducementLevel3", 1, bits=0x60, given=0x01),
        *pair("NOxControl.%s", 2, 2, 2, 0x02, (
            "ReagentQualityTime", "ReagentConsumptionTime", "DosingTime", "EGRValveTime",
            "MonitoringTime")))),
    (0x98, 9, DEMAND, _exhaust(1, (5, 6, 7, 8))),
    (0x99, 9, DEMAND, _exhaust(2, (5, 6, 7, 8))),
    (0x9A, 6, DEMAND, (
        f("Hybrid.ChargingState", 1, bits=0x01, given=0x01),
        f("Hybrid.EnhancedChargingState", 1, bits=0x06, given=0x08),
        f("Hybrid.BatteryVoltage", 2, 2, given=0x02),
        f("Hybrid.BatteryCurrent", 4, 2, signed=True, given=0x04))),
    (0x9B, 4, DEMAND, (
        f("ExhaustFluid.Type", bits=0xF0, given=0x01),
        f("ExhaustFluid.Concentration", 1, given=0x02),
        f("ExhaustFluid.TankTemperature", 2, given=0x04),
        f("ExhaustFluid.TankLevel", 3, given=0x08))),
    (0x9C, 17, DEMAND, _oxygen((3, 4))),
    (0x9D, 4, DEMAND, (f("EngineFuelRate", 0, 2), f("VehicleFuelRate", 2, 2))),
    (0x9E, 2, DEMAND, (f("ExhaustFlowRate", 0, 2),)),
    (0x9F, 9, DEMAND, pair("FuelSystemUse.%s", 1, 1, 1, 1, [
        f"{system}.Bank{bank}" for bank in (1, 2, 3, 4) for system in "AB"])),
    (0xA1, 9, DEMAND, tuple(
        f("NOxCorrected." + name, 1 + 2 * i, 2, given=1 << i, none=True)
        for i, name in enumerate(_BANKS))),
    (0xA2, 2, DEMAND, (f("CylinderFuelRate", 0, 2),)),
    (0xA3, 9, DEMAND, (
        f("EVAPPressure.A", 1, 2, signed=True, given=0x01),
        f("EVAPPressure.AWide", 3, 2, signed=True, given=0x02),
        f("EVAPPressure.B", 5, 2, signed=True, given=0x04),
        f("EVAPPressure.BWide", 7, 2, signed=True, given=0x08))),
    (0xA4, 4, DEMAND, (
        f("TransmissionGear", 1, bits=0xF0, given=0x01),
        f("TransmissionRatio", 2, 2, given=0x02))),
    (0xA5, 4, DEMAND, (
        f("ExhaustFluid.CommandedDosing", 1, given=0x01),
        f("ExhaustFluid.CycleUse", 2, 2, given=0x02))),
    (0xA6, 4, SLOW, (f("Vehicle.TraveledDistance", 0, 4),)),
    (0xA9, 4, DEMAND, (f("IsABSDisabled", 1, bits=0x01, given=0x01),)),  # unsure
    (0xAA, 1, DEMAND, (f("SpeedLimit"),)),  # unsure
    (0xB2, 1, DEMAND, (f("TractionBatteryHealth"),)),  # unsure
    (0xC5, 4, DEMAND, (f("FuelPressureA", 0, 2), f("FuelPressureB", 2, 2))),  # unsure
    (0xC6, 7, DEMAND, (  # unsure
        f("ParticulateControl.InducementStatus"), f("ParticulateControl.RemovalTime", 1, 2),
        f("ParticulateControl.ReagentFailureTime", 3, 2),
        f("ParticulateControl.MonitoringFailureTime", 5, 2))),
    (0xC7, 2, DEMAND, (f("DistanceSinceReflash", 0, 2),)),  # unsure
    (0xC8, 1, DEMAND, (f("EmissionWarningLamps"),)),  # unsure
    (0xD2, 3, DEMAND, pair("Certified%s", 1, 1, 1, 1, ("Energy", "Range"))),  # unsure
    (0xD3, 4, DEMAND, (f("EngineOdometer", 0, 4),)),  # unsure
)  # fmt: skip
