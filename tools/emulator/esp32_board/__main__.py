"""`python -m tools.emulator.esp32_board --flash flash.bin`"""

import typer

from tools.emulator.esp32_board.command import emulate_gateway

if __name__ == "__main__":
    typer.run(emulate_gateway)
