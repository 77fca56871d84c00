"""`patrol demo`: the whole system on this machine, with a live table."""

import json
import signal
import sys
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from tools.demo.children import ChildError
from tools.demo.run import Demo, Options
from tools.demo.view import View
from tools.provision import ProvisionError

_REFRESH_S = 0.5


def demo(
    seconds: Annotated[
        float | None, typer.Option(min=1, help="End after so many seconds; without, on Ctrl-C.")
    ] = None,
    micropython: Annotated[
        bool, typer.Option("--micropython", help="Run the agent under MicroPython.")
    ] = False,
    nmea: Annotated[
        Path | None, typer.Option(help="Replay this NMEA capture as the GPS receiver.")
    ] = None,
    scenario: Annotated[
        str, typer.Option(help="Scenario file, or the name of a bundled one.")
    ] = "casablanca-short",
    as_json: Annotated[
        bool, typer.Option("--json", help="No table; a summary as one JSON line at the end.")
    ] = False,
    keep: Annotated[
        Path | None, typer.Option(help="Keep journal, room and logs in this new folder.")
    ] = None,
) -> None:
    """Run an emulated car, the agent, a broker and the command room, all on loopback.

    Example: patrol demo --seconds 30 --json
    """
    if nmea is not None and not nmea.is_file():
        raise _failed(f"demo: {nmea}: no such capture", 2)
    if keep is not None and keep.exists() and any(keep.iterdir()):
        raise _failed(f"demo: {keep} is not empty", 2)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended by `kill` as by Ctrl-C
    options = Options(scenario, nmea, micropython, keep)
    try:
        with Demo(options) as running:
            with _interrupt() as asked:
                _watch(running, seconds, as_json, asked)
            print("ending: the agent delivers its last frames ...", file=sys.stderr)
            running.finish()
            figures, problems = running.summary()
    except (ChildError, ProvisionError) as e:
        raise _failed(f"demo: {e}", 1) from None
    for problem in problems[:20]:
        print(f"demo: {problem}", file=sys.stderr)
    if as_json:
        print(json.dumps(figures))
    else:
        Console().print(_words(figures))
    is_sound = not (figures["missing"] or figures["values_wrong"] or figures["invented"])
    if not is_sound or figures["acknowledged"] != figures["journalled"]:
        raise typer.Exit(1)


@contextmanager
def _interrupt():
    """Gives a list that is no longer empty once Ctrl-C or `kill` has asked for the end. An
    exception amidst a drawing could leave the table's lock held, and its thread waiting on it."""
    asked = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda got, _: asked.append(got)) for number in numbers]
    try:
        yield asked
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _watch(running, seconds, as_json, asked):
    """Until the time is over or somebody interrupts; a part that ends early is an error."""
    end = None if seconds is None else time.monotonic() + seconds
    view = View(running)
    with nullcontext() if as_json else Live(view.table(), refresh_per_second=4) as live:
        while not asked and (end is None or time.monotonic() < end):
            running.check()
            time.sleep(_REFRESH_S)
            if live:
                live.update(view.table())


def _words(figures):
    verdict = "all of them equal to what the car sent"
    if figures["values_wrong"]:
        verdict = f"[red]{figures['values_wrong']} of them wrong[/red]"
    return (
        f"{figures['journalled']} frames journalled, {figures['received']} in the room, "
        f"{figures['acknowledged']} acknowledged; {figures['values_compared']} values compared, "
        + verdict
    )


def _failed(text, code):
    typer.echo(text, err=True)
    return typer.Exit(code)
