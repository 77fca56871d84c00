"""The `patrol` command: every tool of the project under one name."""

import os
import sys
from typing import Annotated

import typer

from tools import gps
from tools.bench.command import bench
from tools.console.command import app as console
from tools.demo.command import demo
from tools.emulator.command import emulate
from tools.emulator.esp32_board.command import emulate_gateway
from tools.emulator.esp32_rom.command import emulate_esp32
from tools.emulator.modem.serve import emulate_modem
from tools.flash.command import app as flash
from tools.journal.command import app as journal
from tools.obd.command import app as obd
from tools.provision.command import app as provision
from tools.release.command import app as release
from tools.room.command import app as room

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Connected patrol vehicles: the agent, the command room, and the tools around them.",
)
app.command()(demo)
app.command()(emulate)
app.command("emulate-esp32")(emulate_esp32)
app.command("emulate-gateway")(emulate_gateway)
app.command("emulate-modem")(emulate_modem)
app.command()(bench)
app.add_typer(room, name="room", help="The reference command room.")
app.add_typer(provision, name="provision", help="Keys and configuration of rooms and vehicles.")
app.add_typer(release, name="release", help="Build, sign and verify releases of the agent.")
app.add_typer(flash, name="flash", help="Turn factory-fresh boards into gateways.")
app.add_typer(journal, name="journal", help="A vehicle's journal.")
app.add_typer(gps.app, name="gps", help="GPS captures.")
app.add_typer(console, name="console")
app.add_typer(obd, name="obd", help="A car's OBD-II by an adapter on this machine.")


@app.command()
def agent(
    config: Annotated[str, typer.Option(help="Configuration of this vehicle (JSON).")],
    status: Annotated[float, typer.Option(help="Print the state as JSON so often, s.")] = 0,
    attached: Annotated[bool, typer.Option(help="End when standard input closes.")] = False,
    drain: Annotated[float, typer.Option(help="Wait so long for the room at the end, s.")] = 10,
) -> None:
    """Run the patrol agent on this machine until it is interrupted.

    Example: patrol agent --config /etc/patrol/config.json
    """
    from agent.__main__ import main as run

    argv = ["--config", config, "--drain", str(drain)]
    argv += ["--status", str(status)] if status else []
    raise typer.Exit(run(argv + (["--attached"] if attached else [])))


def main() -> None:
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read our output has gone; not an error, and nothing is left to say it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)


if __name__ == "__main__":
    main()
