"""`python -m tools.emulator --scenario rabat-hour`"""

import typer

from tools.emulator.command import emulate

if __name__ == "__main__":
    typer.run(emulate)
