"""Secure boot v2 and flash encryption, as the commands of Espressif's own tools, in their order.

After "Security Features Enablement Workflows" of the ESP-IDF Programming Guide: encryption first,
for the boot key must stay readable, and what keeps it so would forbid the other to be hidden. The
firmware must have been built for both (CONFIG_SECURE_BOOT, CONFIG_SECURE_FLASH_ENC_ENABLED, release
mode) with its `vfs` partition marked as encrypted; MicroPython's own builds are not.

A fuse that is burnt stays burnt. So the commands are shown; `run` asks for the board's address, and
espefuse itself asks again before each fuse.
"""

import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tools.files import private_folder, write_private
from tools.flash import FlashError, UsageError
from tools.flash.esptool import Esptool
from tools.flash.firmware import SECTOR, TABLE_AT, TABLE_SIZE, image_size

# What differs: how the keys are burnt, what switches encryption and secure boot on, what closes the
# ways round them, what is write-protected then, and what closes the loader at last.
_CHIPS = {
    "esp32": {
        "encryption key": ("burn-key", "flash_encryption", "{k}/flash-encryption.bin"),
        "encryption": ("burn-efuse", "FLASH_CRYPT_CNT", "127", "FLASH_CRYPT_CONFIG", "0xF"),
        "ways round": ("burn-efuse", "DISABLE_DL_ENCRYPT", "1", "DISABLE_DL_DECRYPT", "1",
                       "DISABLE_DL_CACHE", "1", "JTAG_DISABLE", "1"),
        "protect": ("write-protect-efuse", "DIS_CACHE"),
        "boot key": ("burn-key", "secure_boot_v2", "{k}/secure-boot-digest.bin"),
        "boot": ("burn-efuse", "ABS_DONE_1", "1"),
        "revoke": None,
        "loader": ("burn-efuse", "UART_DOWNLOAD_DIS", "1"),
        "xts": (),
    },
    "esp32s3": {
        "encryption key": ("burn-key", "BLOCK_KEY1", "{k}/flash-encryption.bin",
                           "XTS_AES_128_KEY"),
        "encryption": ("burn-efuse", "SPI_BOOT_CRYPT_CNT", "7"),
        "ways round": ("burn-efuse", "DIS_DOWNLOAD_MANUAL_ENCRYPT", "1", "DIS_DOWNLOAD_ICACHE",
                       "1", "DIS_DOWNLOAD_DCACHE", "1", "DIS_DIRECT_BOOT", "1", "DIS_USB_JTAG",
                       "1", "DIS_PAD_JTAG", "1"),
        "protect": ("write-protect-efuse", "DIS_ICACHE"),
        "boot key": ("burn-key", "BLOCK_KEY0", "{k}/secure-boot-digest.bin",
                     "SECURE_BOOT_DIGEST0"),
        "boot": ("burn-efuse", "SECURE_BOOT_EN", "1"),
        "revoke": ("burn-efuse", "SECURE_BOOT_KEY_REVOKE1", "1", "SECURE_BOOT_KEY_REVOKE2", "1"),
        "loader": ("burn-efuse", "ENABLE_SECURITY_DOWNLOAD", "1"),
        "xts": ("--aes-xts",),
    },
}  # fmt: skip


@dataclass(frozen=True)
class Step:
    """`arguments` of one of Espressif's programs; `is_burning`: it cannot be undone."""

    why: str
    program: str
    arguments: tuple
    is_burning: bool = False

    def line(self):
        return shlex.join((self.program, *self.arguments))


def steps(firmware, keys, port=None):
    """[Step] for a Firmware, with the keys in a folder."""
    rows, k = _CHIPS[firmware.chip], str(keys)
    fuse = ("--chip", firmware.chip, "--port", port or "PORT")

    def burnt(why, name):
        arguments = tuple(a.format(k=k) for a in rows[name])
        return Step(why, "espefuse", (*fuse, *arguments), True)

    def sealed(what, at, source):
        out = f"{k}/{what}-encrypted.bin"
        key = ("--keyfile", f"{k}/flash-encryption.bin", "--address", hex(at), "--output", out)
        arguments = ("encrypt-flash-data", *rows["xts"], *key, source)
        return Step(f"encrypt the {what}", "espsecure", arguments)

    def signed(what):
        key = ("--keyfile", f"{k}/secure-boot.pem", "--output", f"{k}/{what}-signed.bin")
        arguments = ("sign-data", "--version", "2", *key, f"{k}/{what}.bin")
        return Step(f"sign the {what}", "espsecure", arguments)

    app_at = _app(firmware).at
    places = (("loader", firmware.at), ("table", TABLE_AT), ("app", app_at))
    found = [
        Step("erase the board", "esptool", (*fuse, "erase-flash")),
        Step(
            "this board's key, from this machine's random numbers", "espsecure",
            ("generate-flash-encryption-key", f"{k}/flash-encryption.bin"),
        ),
        burnt("burn it, not to be read again", "encryption key"),
        burnt("encryption on, for good", "encryption"),
        burnt("close the ways round it", "ways round"),
        burnt("and keep them so", "protect"),
        Step(
            "the fleet's signing key: once, then the same for all boards", "espsecure",
            ("generate-signing-key", "--version", "2", "--scheme", "rsa3072",
             f"{k}/secure-boot.pem"),
        ),
        Step(
            "what the board knows of it", "espsecure",
            ("digest-sbv2-public-key", "--keyfile", f"{k}/secure-boot.pem", "--output",
             f"{k}/secure-boot-digest.bin"),
        ),
        burnt("burn that", "boot key"),
        burnt("secure boot on, for good", "boot"),
        Step(
            "the digest must stay readable", "espefuse", (*fuse, "write-protect-efuse", "RD_DIS"),
            True,
        ),
    ]  # fmt: skip
    if rows["revoke"]:
        found.append(burnt("no other signing keys", "revoke"))
    found += [signed("loader"), signed("app")]
    for what, at in places:
        found.append(sealed(what, at, f"{k}/{what}{'' if what == 'table' else '-signed'}.bin"))
    pairs = [text for what, at in places for text in (hex(at), f"{k}/{what}-encrypted.bin")]
    found.append(Step("write all", "esptool", (*fuse, "write-flash", *pairs)))
    found.append(burnt("close the loader; last, for espefuse works no more after it", "loader"))
    return found


def run(found, firmware, keys, port, confirm):
    """Does it, step by step. port: a ports.Port. Raises FlashError at the first that fails; what
    was burnt until then stays."""
    if confirm is None:
        raise UsageError("--run wants --confirm with the board's address, as its label says")
    if not port.has_lines:
        # Only the emulator is so, and it has no fuses.
        raise FlashError(f"{port.path}: burning fuses is not supported by this emulator")
    chip = Esptool(port, 115200).chip()
    if chip.mac != confirm.lower() or chip.family != firmware.chip:
        raise FlashError(f"the board is {chip.family} {chip.mac}: not the one that was confirmed")
    write_parts(firmware, keys)
    for step in found:
        is_made = (Path(keys) / "secure-boot.pem").exists()
        if "generate-signing-key" in step.arguments and is_made:
            continue  # the fleet has it
        if subprocess.run([_program(step.program), *step.arguments]).returncode:
            raise FlashError(f"{step.why}: {step.program} failed")


def write_parts(firmware, keys):
    """Loader, table and application of an image as files of their own, in the keys' folder."""
    app_at = _app(firmware).at
    loader_at = firmware.at + (0x1000 if firmware.data[0] == 0xFF else 0)
    sizes = {what: image_size(firmware.data, at - firmware.at, firmware.path, what)
             for what, at in (("loader", loader_at), ("app", app_at))}  # fmt: skip
    # Signed, it is whole sectors long and one more.
    if loader_at + (sizes["loader"] // SECTOR + 2) * SECTOR > TABLE_AT:
        raise FlashError(
            f"{firmware.path}: the loader has no room for a signature before the table"
        )
    places = (("loader", loader_at), ("table", TABLE_AT), ("app", app_at))
    private_folder(keys)
    for what, at in places:
        size = sizes.get(what, TABLE_SIZE)
        data = firmware.data[at - firmware.at : at - firmware.at + size]
        write_private(Path(keys) / f"{what}.bin", data)


def _app(firmware):
    return min((p for p in firmware.partitions if p.kind == 0), key=lambda p: p.at)


def _program(name):
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        raise FlashError(f"{name} is not installed: pip install esptool")
    return found
