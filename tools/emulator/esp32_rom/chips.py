"""What differs between the chips for whoever talks to their loader, as rows.

Register addresses are those of the chips' technical reference manuals (SPI controller, eFuse
controller) as esptool asks for them; a register that is not listed reads as 0.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Spi:
    """Addresses of the SPI controller's registers, from `base`."""

    base: int
    user: int
    user1: int
    user2: int
    mosi_length: int
    miso_length: int
    words: int


@dataclass(frozen=True)
class Chip:
    """`image_id`: in the extended header of its images; `loader_at`: where the ROM looks for the
    second-stage loader; `knows_security`: its ROM answers GET_SECURITY_INFO; `mac`: the registers
    of the low and the high word; `uart_divider`: the register that esptool tells the crystal by."""

    name: str
    title: str
    image_id: int
    magic: int
    loader_at: int
    knows_security: bool
    spi: Spi
    mac: tuple
    uart_divider: int | None = None
    registers: dict = field(default_factory=dict)


MAGIC_REGISTER = 0x40001000
CRYSTAL_HZ = 40_000_000

CHIPS = {
    chip.name: chip
    for chip in (
        Chip(
            "esp32", "ESP32", 0, 0x00F01D83, 0x1000, False,
            Spi(0x3FF42000, 0x1C, 0x20, 0x24, 0x28, 0x2C, 0x80),
            (0x3FF5A004, 0x3FF5A008),
            uart_divider=0x3FF40014,
            # eFuse block 0, word 3: revision 1, package ESP32-D0WDQ6; word 5: revision 2 as well;
            # the date register of the APB controller: revision 3. Word 4 and the calibration of
            # the 8 MHz clock by the crystal, from which the ROM reckons its baud: 40 MHz.
            registers={
                0x3FF5A00C: 1 << 15, 0x3FF5A014: 1 << 20, 0x3FF6607C: 1 << 31,
                0x3FF5A010: 133, 0x3FF5F06C: 770 << 7,
            },
        ),
        Chip(
            "esp32s3", "ESP32-S3", 9, 0x00000009, 0x0, True,
            Spi(0x60002000, 0x18, 0x1C, 0x20, 0x24, 0x28, 0x58),
            (0x60007044, 0x60007048),
            # eFuse block 1, word 3: revision 0.2
            registers={0x60007050: 2 << 18},
        ),
    )
}  # fmt: skip


def mac_words(mac):
    """(low, high) words of the eFuse for six bytes."""
    return int.from_bytes(mac[2:], "big"), int.from_bytes(mac[:2], "big")
