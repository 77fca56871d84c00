"""`patrol emulate`: the emulated patrol car from the command line."""

from pathlib import Path
from typing import Annotated

import typer

from tools.emulator import serve
from tools.emulator.replay import CaptureError
from tools.emulator.scenario import ScenarioError, load

_USAGE = 2  # exit code of wrong use


def emulate(
    scenario: Annotated[
        str, typer.Option(help="Scenario file, or the name of a bundled one.")
    ] = "casablanca-short",
    truth: Annotated[
        Path | None, typer.Option(help="Write what is true, as JSON lines, to this file.")
    ] = None,
    nmea: Annotated[
        Path | None, typer.Option(help="Replay this NMEA capture as the GPS receiver.")
    ] = None,
    speed: Annotated[
        float, typer.Option(min=0.1, max=1000, help="So many times faster than real time.")
    ] = 1.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the terminals as one JSON line.")
    ] = False,
    attached: Annotated[
        bool, typer.Option("--attached", help="End when standard input closes.")
    ] = False,
) -> None:
    """Emulate a patrol car's GPS receiver and OBD adapter on two pseudo-terminals.

    Runs until stopped. Example: patrol emulate --scenario rabat-hour --truth truth.jsonl
    """
    try:
        chosen = load(scenario)
    except ScenarioError as error:
        raise _failed(f"scenario {scenario}: {error}", _USAGE) from None
    except OSError as error:
        raise _failed(f"scenario {scenario}: {error.strerror}", 1) from None
    try:
        serve.run(chosen, truth=truth, nmea=nmea, speed=speed, as_json=as_json, attached=attached)
    except (CaptureError, OSError) as error:
        raise _failed(str(error), 1) from None


def _failed(text, code):
    typer.echo(text, err=True)
    return typer.Exit(code)
