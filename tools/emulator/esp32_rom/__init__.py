"""The serial loader in the ROM of an ESP32 or ESP32-S3, on a pseudo-terminal, over a flash file.

Good enough for the real esptool: it connects, identifies the chip, sets up the flash by the SPI
controller's registers, uploads its stub (which is taken, and from then on played, not run), writes,
reads, erases and verifies. After Espressif's "Serial Protocol" document and what esptool 5 sends.

    slip.py     framing
    chips.py    what differs between the chips, as rows
    nor.py      the flash: a write clears bits, an erase sets a sector of them
    spi.py      the SPI controller, as far as esptool uses it by hand
    rom.py      the loader and the stub, fed with bytes
    faults.py   what goes wrong
    serve.py    the pseudo-terminal; command.py the command line
"""
