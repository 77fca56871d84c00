"""`python -m tools.emulator.modem --relay 1883`"""

import typer

from tools.emulator.modem.serve import emulate_modem

if __name__ == "__main__":
    typer.run(emulate_modem)
