"""Resistors, capacitors, inductors and diodes as rows of data.

A value that stands in no table raises KeyError: nothing is drawn that cannot be bought.
"""


class Spec:
    """A part that can be bought.

    prefix: of its reference; second: another maker's part that fits."""

    def __init__(self, prefix, symbol, value, footprint, manufacturer, mpn, second="", fitted=True,
                 in_bom=True):  # fmt: skip
        self.prefix = prefix
        self.symbol = symbol
        self.value = value
        self.footprint = footprint
        self.manufacturer = manufacturer
        self.mpn = mpn
        self.second = second
        self.is_fitted = fitted
        self.in_bom = in_bom

    def but(self, **changes):
        """The same part with some things different, for example its value text."""
        other = Spec.__new__(Spec)
        other.__dict__.update(self.__dict__)
        other.__dict__.update(changes)
        return other


def R(value):
    """Thick film 0603, 1 %, 0.1 W, AEC-Q200: Yageo's AC series; '4k7', '100', '1M'."""
    code = value.upper()
    if code.isdigit():
        code += "R"
    grade = "J" if value == "0" else "F"
    mpn = f"AC0603{grade}R-07{code}L"
    second = f"Panasonic ERJ-3EKF series, {value}"
    return Spec("R", "Device:R", value, "Resistor_SMD:R_0603_1608Metric", "Yageo", mpn, second)


# Resistors that burn: value -> (footprint, manufacturer, part number, text)
_POWER_RESISTORS = {
    "22 1.5W": ("Resistor_SMD:R_2512_6332Metric", "Vishay", "CRCW251222R0FKEGHP"),
    "68 0.5W": ("Resistor_SMD:R_1210_3225Metric", "Vishay", "CRCW121068R0FKEA"),
    "3k3 0.25W": ("Resistor_SMD:R_1206_3216Metric", "Yageo", "AC1206FR-073K3L"),
}

# value -> (case, manufacturer, part number)
_CERAMIC = {
    "18p": ("0603", "Murata", "GCM1885C1H180JA16D"),
    "27p": ("0603", "Murata", "GCM1885C1H270JA16D"),
    "39p": ("0603", "Murata", "GCM1885C1H390JA16D"),
    "47p": ("0603", "Murata", "GCM1885C1H470JA16D"),
    "100p": ("0603", "Murata", "GCM1885C1H101JA16D"),
    "1n": ("0603", "Murata", "GCM188R71H102KA37D"),
    "3n3": ("0603", "Murata", "GCM188R71H332KA37D"),
    "4n7": ("0603", "Murata", "GCM188R71H472KA37D"),
    "6n8": ("0603", "Murata", "GCM188R71H682KA37D"),
    "10n": ("0603", "Murata", "GCM188R71H103KA37D"),
    "15p": ("0603", "Murata", "GCM1885C1H150JA16D"),
    "100n": ("0603", "Murata", "GCM188R71H104KA57D"),
    "100n 100V": ("0805", "Murata", "GCM21BR72A104KA37L"),
    "1u": ("0603", "Murata", "GCM188R71E105KA64D"),
    "4u7 100V": ("1210", "Murata", "GRM32DC72A475KE01L"),
    "10u": ("0805", "Murata", "GRM21BR71A106KA73L"),
    "22u": ("1210", "Murata", "GRM32ER71E226KE15L"),
    "47u": ("1210", "Murata", "GRM32ER71A476KE15L"),
}
_CASES = {
    "0603": "Capacitor_SMD:C_0603_1608Metric",
    "0805": "Capacitor_SMD:C_0805_2012Metric",
    "1210": "Capacitor_SMD:C_1210_3225Metric",
}
# value -> (footprint, manufacturer, part number)
_POLARISED = {
    "56u 63V": ("Capacitor_SMD:CP_Elec_10x10.5", "Panasonic", "EEH-ZA1J560P"),
    "470u 6.3V": ("Capacitor_Tantalum_SMD:CP_EIA-7343-31_Kemet-D", "KEMET", "T520D477M006ATE018"),
    "10F 3.0V": ("Capacitor_THT:CP_Radial_D10.0mm_P5.00mm", "Eaton", "TV1030-3R0106-R"),
    "100F 3.0V": ("Capacitor_THT:CP_Radial_D18.0mm_P7.50mm", "Eaton", "TV1860-3R0107-R"),
}
_INDUCTORS = {
    "4u7 5.5A": ("Inductor_SMD:L_Vishay_IHLP-2525", "Vishay", "IHLP2525CZER4R7M01"),
    "10u 3A": ("Inductor_SMD:L_Vishay_IHLP-2525", "Vishay", "IHLP2525CZER100M01"),
    "10u 7A": ("Inductor_SMD:L_Vishay_IHLP-4040", "Vishay", "IHLP4040DZER100M01"),
    "1u 8A": ("Inductor_SMD:L_Coilcraft_XAL5030-XXX", "Coilcraft", "XAL5030-102MEC"),
    "2u2 5A": ("Inductor_SMD:L_Coilcraft_XAL4020-XXX", "Coilcraft", "XAL4020-222MEC"),
    "33n": ("Inductor_SMD:L_0402_1005Metric", "Murata", "LQW15AN33NJ00D"),
}
_SECOND = {
    "10F 3.0V": "Maxwell BCAP0010 P300 X11",
    "100F 3.0V": "none on this footprint; 100 F, 3.0 V, 22 mm by several makers",
    "56u 63V": "Nichicon GYA1J560MCQ1GS",
    "470u 6.3V": "Panasonic 6TPE470M",
}


def RP(value):
    """A resistor that must stand heat."""
    footprint, manufacturer, mpn = _POWER_RESISTORS[value]
    return Spec("R", "Device:R", value, footprint, manufacturer, mpn)


def C(value):
    """Ceramic capacitor: C0G below 1 nF, X7R or X7S above; 50 V to 1 µF (25 V), else as it says."""
    case, manufacturer, mpn = _CERAMIC[value]
    return Spec(
        "C", "Device:C", value, _CASES[case], manufacturer, mpn, "TDK CGA series, same case"
    )


def CP(value):
    """Polarised capacitor: pin 1 is plus."""
    footprint, manufacturer, mpn = _POLARISED[value]
    second = _SECOND.get(value, "")
    return Spec("C", "Device:C_Polarized", value, footprint, manufacturer, mpn, second)


def L(value):
    footprint, manufacturer, mpn = _INDUCTORS[value]
    return Spec("L", "Device:L", value, footprint, manufacturer, mpn)


def _diode(symbol, value, footprint, manufacturer, mpn, second=""):
    return Spec("D", symbol, value, footprint, manufacturer, mpn, second)


TVS_POSITIVE = _diode("Device:D_Zener", "SMBJ33A", "Diode_SMD:D_SMB", "Littelfuse", "SMBJ33A",
                      "Vishay SMBJ33A-E3/52")  # fmt: skip
TVS_NEGATIVE = _diode("Device:D_Zener", "SMBJ26A", "Diode_SMD:D_SMB", "Littelfuse", "SMBJ26A",
                      "Vishay SMBJ26A-E3/52")  # fmt: skip
SCHOTTKY_1A = _diode("Device:D_Schottky", "PMEG6010CEH", "Diode_SMD:D_SOD-123F", "Nexperia",
                     "PMEG6010CEH,115", "onsemi SS16FL")  # fmt: skip
SCHOTTKY_5A = _diode("Device:D_Schottky", "B560C", "Diode_SMD:D_SMC", "Diodes Inc", "B560C-13-F",
                     "Vishay SS56-E3/57T")  # fmt: skip
# Silicon on purpose: its drop keeps the supercapacitors below the boost converter's output.
RECTIFIER = _diode("Device:D", "S1G", "Diode_SMD:D_SMA", "Vishay", "S1G-E3/61T", "onsemi S1G")
ESD_24V = _diode("Device:D_TVS", "PESD24VL1BA", "Diode_SMD:D_SOD-323", "Nexperia",
                 "PESD24VL1BA,115", "Littelfuse SD24C-01FTG")  # fmt: skip
ESD_RF = _diode("Device:D_TVS", "PESD0402-140", "Diode_SMD:D_0402_1005Metric", "Littelfuse",
                "PESD0402-140", "Infineon ESD101-B1-02EL")  # fmt: skip
CLAMP = _diode("Diode:BAV99", "BAV99", "Package_TO_SOT_SMD:SOT-23", "Nexperia", "BAV99,215",
               "onsemi BAV99LT1G")  # fmt: skip
CAN_CLAMP = _diode("Power_Protection:NUP2105L", "NUP2105L", "Package_TO_SOT_SMD:SOT-23", "onsemi",
                   "NUP2105LT1G", "Nexperia PESD1CAN,215")  # fmt: skip
LED_GREEN = _diode("Device:LED", "green", "LED_SMD:LED_0603_1608Metric", "Lite-On", "LTST-C190KGKT")
LED_RED = _diode("Device:LED", "red", "LED_SMD:LED_0603_1608Metric", "Lite-On", "LTST-C190KRKT")
FUSES = {
    "3A slow": Spec(
        "F",
        "Device:Fuse",
        "3A slow",
        "Fuse:Fuse_Littelfuse-NANO2-451_453",
        "Littelfuse",
        "0449003.MR",
    ),  # fmt: skip
    "5A slow": Spec(
        "F",
        "Device:Fuse",
        "5A slow",
        "Fuse:Fuse_Littelfuse-NANO2-451_453",
        "Littelfuse",
        "0449005.MR",
    ),  # fmt: skip
}
