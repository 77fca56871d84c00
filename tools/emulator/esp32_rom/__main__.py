"""`python -m tools.emulator.esp32_rom --flash flash.bin`"""

import typer

from tools.emulator.esp32_rom.command import emulate_esp32

if __name__ == "__main__":
    typer.run(emulate_esp32)
