"""Active parts, connectors and what else is bought by name: one row each."""

from hardware.catalogue.passives import Spec
from hardware.draw.symbols import property_of


def _row(prefix, symbol, manufacturer, mpn, footprint="", value="", second="", fitted=True):
    footprint = footprint or property_of(symbol, "Footprint")
    value = value or symbol.partition(":")[2]
    return Spec(prefix, symbol, value, footprint, manufacturer, mpn, second, fitted)


_SOT23_5 = "Package_TO_SOT_SMD:SOT-23-5"

# name -> (prefix, symbol, manufacturer, part number, footprint, value, second source)
_ROWS = {
    # Power
    "ideal diode": ("U", "Power_Management:LM74700", "Texas Instruments", "LM74700QDBVRQ1", "",
                    "LM74700-Q1", "TI LM74700QDDFRQ1, another footprint"),
    "fet": ("Q", "Transistor_FET:BSC070N10NS5", "Infineon", "BSC070N10NS5ATMA1", "", "",
            "onsemi NTMFS10N7D2C"),
    "buck 3v3": ("U", "Regulator_Switching:LM5166Y", "Texas Instruments", "LM5166YDRCR", "", "",
                 "TI LM5166DRCR, same pins, with two resistors"),
    "buck 5v 3.5A": ("U", "Regulator_Switching:TPS54360DDA", "Texas Instruments", "TPS54360DDAR",
                     "", "TPS54360", "TI TPS54360BDDAR"),
    "buck 5v 5A": ("U", "Regulator_Switching:TPS54560BDDA", "Texas Instruments", "TPS54560BDDAR",
                   "", "TPS54560B", "TI TPS54560DDAR"),
    "boost": ("U", "Converter_DCDC:TPS61022", "Texas Instruments", "TPS61022RWUR", "", "",
              "TI TPS61023DRLR, 3.7 A, another footprint"),
    "buck modem": ("U", "Regulator_Switching:TPS62130", "Texas Instruments", "TPS62130RGTR", "", "",
                   "TI TPS62130ARGTR"),
    "ldo 3v3": ("U", "Regulator_Linear:AP2112K-3.3", "Diodes Inc", "AP2112K-3.3TRG1", _SOT23_5, "",
                "Microchip MIC5504-3.3YM5, 300 mA"),
    "supervisor": ("U", "Power_Supervisor:TPS3808DBV", "Texas Instruments", "TPS3808G01DBVR", "",
                   "TPS3808G01", "TI TPS3808G01QDBVRQ1, same pins"),
    # Processors and logic
    "esp32-s3": ("U", "RF_Module:ESP32-S3-WROOM-1", "Espressif", "ESP32-S3-WROOM-1-N16R8", "",
                 "ESP32-S3-WROOM-1-N16R8", "Espressif ESP32-S3-WROOM-1-N8R8, half the flash"),
    "attiny": ("U", "MCU_Microchip_ATtiny:ATtiny1614-SS", "Microchip", "ATTINY1614-SSNR", "",
               "ATtiny1614", "Microchip ATTINY3224-SSU, same pins"),
    "watchdog": ("U", "Timer:TPL5010", "Texas Instruments", "TPL5010DDCR", "", "",
                 "TI TPL5010-Q1, same pins"),
    "expander": ("U", "Interface_Expansion:MCP23017_SS", "Microchip", "MCP23017-E/SS", "",
                 "MCP23017", "single source; Microchip MCP23S17 is the SPI kin"),
    "schmitt": ("U", "74xGxx:74LVC1G17", "Texas Instruments", "SN74LVC1G17DBVR", _SOT23_5, "",
                "Nexperia 74LVC1G17GV,125"),
    "opto": ("U", "Isolator:TLP291", "Toshiba", "TLP291(GB-TP,SE", "", "",
             "Lite-On LTV-217 family, GB grade"),
    "n-fet": ("Q", "Transistor_FET:2N7002", "Nexperia", "2N7002,215", "", "", "onsemi 2N7002LT1G"),
    # Vehicle bus
    "stn2120": ("U", "patrol:STN2120", "OBD Solutions", "STN2120-I/ML",
                "Package_DFN_QFN:QFN-44-1EP_8x8mm_P0.65mm_EP6.45x6.45mm_ThermalVias", "",
                "single source; a module with an ELM327 on its UART fits the firmware"),
    "can": ("U", "Interface_CAN_LIN:TJA1042T-3", "NXP", "TJA1042T/3,118", "", "TJA1042T/3",
            "TI TCAN1042HGVDRQ1"),
    "can silent": ("U", "Interface_CAN_LIN:TJA1051T-3", "NXP", "TJA1051T/3,118", "", "TJA1051T/3",
                   "TI TCAN1051HGVDRQ1"),
    "can spi": ("U", "Interface_CAN_LIN:MCP2518FD-xQBB", "Microchip", "MCP2518FDT-H/QBB", "",
                "MCP2518FD", "Microchip MCP2517FD, same pins"),
    "crystal 16M": ("Y", "Device:Crystal_GND24", "Abracon", "ABM8-16.000MHZ-B2-T",
                    "Crystal:Crystal_SMD_3225-4Pin_3.2x2.5mm", "16MHz"),
    "crystal 40M": ("Y", "Device:Crystal_GND24", "Abracon", "ABM8-40.000MHZ-B2-T",
                    "Crystal:Crystal_SMD_3225-4Pin_3.2x2.5mm", "40MHz"),
    # Sensors, clock, keys, memory
    "gnss": ("U", "RF_GPS:MAX-M10S", "u-blox", "MAX-M10S-00B", "", "", "u-blox MAX-M10M-00B"),
    "rtc": ("U", "Timer_RTC:RV-3028-C7", "Micro Crystal", "RV-3028-C7 32.768kHz 1ppm TA QC", "",
            "RV-3028-C7", "single source; the agent runs without a clock"),
    "imu": ("U", "Sensor_Motion:LIS3DH", "STMicroelectronics", "LIS3DHTR", "", "", "ST LIS2DH12TR"),
    "secure": ("U", "Security:ATECC608B-SSHDA", "Microchip", "ATECC608B-SSHDA-T", "", "ATECC608B",
               "single source; may be left out: keys are then in flash"),
    "eeprom": ("U", "Memory_EEPROM:24LC32", "Microchip", "24LC32AT-I/SN",
               "Package_SO:SOIC-8_3.9x4.9mm_P1.27mm", "24LC32A", "onsemi CAT24C32WI-GT3"),
    # Protection of ports
    "usb esd": ("U", "Power_Protection:USBLC6-2SC6", "STMicroelectronics", "USBLC6-2SC6", "", "",
                "ST USBLC6-2P6, another footprint"),
    "sim esd": ("U", "Power_Protection:ESDA6V1-5SC6", "STMicroelectronics", "ESDA6V1-5SC6", "",
                "", "ST ESDA6V1-5W6, another footprint"),
    # Connectors, buttons
    "harness": ("J", "patrol:Harness_12", "Molex", "43045-1200",
                "Connector_Molex:Molex_Micro-Fit_3.0_43045-1200_2x06_P3.00mm_Horizontal",
                "Vehicle harness"),
    "mini pcie": ("J", "patrol:MiniPCIe_LTE", "JAE", "MM60-52B1-G1-R850",
                  "Connector_PCBEdge:BUS_PCI_Express_Mini_Full", "LTE card EG25-G Mini PCIe"),
    "sim": ("J", "Connector:SIM_Card_Shielded", "GCT", "SIM8060-6-0-14-00-A",
            "Connector_Card:nanoSIM_GCT_SIM8060-6-0-14-00", "nano-SIM"),
    "microsd": ("J", "Connector:Micro_SD_Card_Det_Hirose_DM3AT", "Hirose", "DM3AT-SF-PEJM5",
                "Connector_Card:microSD_HC_Hirose_DM3AT-SF-PEJM5", "microSD"),
    "usb c": ("J", "Connector:USB_C_Receptacle_USB2.0_16P", "GCT", "USB4105-GF-A",
              "Connector_USB:USB_C_Receptacle_GCT_USB4105-xx-A_16P_TopMnt_Horizontal", "Console"),
    "antenna": ("J", "Connector:Conn_Coaxial", "Amphenol RF", "132289",
                "Connector_Coaxial:SMA_Amphenol_132289_EdgeMount", "GNSS antenna"),
    "header 4": ("J", "Connector_Generic:Conn_01x04", "Wuerth", "61300411121",
                 "Connector_PinHeader_2.54mm:PinHeader_1x04_P2.54mm_Vertical", "Header 4"),
    "header 3": ("J", "Connector_Generic:Conn_01x03", "Wuerth", "61300311121",
                 "Connector_PinHeader_2.54mm:PinHeader_1x03_P2.54mm_Vertical", "Header 3"),
    "pi header": ("J", "patrol:Raspberry_Pi_40", "Samtec", "SSQ-120-03-T-D",
                  "Connector_PinSocket_2.54mm:PinSocket_2x20_P2.54mm_Vertical", "Raspberry Pi"),
    "button": ("SW", "Switch:SW_Push", "Omron", "B3U-1000P",
               "Button_Switch_SMD:SW_SPST_B3U-1000P", "Button"),
}  # fmt: skip
PART = {name: _row(row[0], row[1], row[2], row[3], *row[4:]) for name, row in _ROWS.items()}

# A copper pad to put a probe on: nothing to buy.
TEST_POINT = Spec("TP", "Connector:TestPoint", "TP", "TestPoint:TestPoint_Pad_D1.5mm", "", "",
                  in_bom=False)  # fmt: skip
