"""`patrol bench [NAME] --json`."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tools.bench import console, gps, heap, journal, link, loop, obd, wire

BENCHES = {
    "wire": wire.run,
    "gps": gps.run,
    "obd": obd.run,
    "link": link.run,
    "journal": journal.run,
    "loop": loop.run,
    "console": console.run,
    "heap": heap.run,
}


def bench(
    name: Annotated[
        str | None, typer.Argument(help=f"One of {', '.join(BENCHES)}; all without.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The figures as one JSON line.")] = False,
    seconds: Annotated[int, typer.Option(min=5, help="How long `loop` drives.")] = loop.SECONDS,
    minutes: Annotated[
        float, typer.Option(min=0.5, max=600, help="heap: length of the drive.")
    ] = heap.MINUTES,
    heapsize: Annotated[
        str | None,
        typer.Option(
            help=f"heap: MicroPython's heap; {heap.HEAPSIZE}, with --loaded {heap.LOADED_HEAPSIZE}."
        ),
    ] = None,
    loaded: Annotated[
        bool, typer.Option("--loaded", help="heap: the modules are in the heap, not run in place.")
    ] = False,
    find: Annotated[
        bool, typer.Option("--find", help="heap: also look for the smallest that does.")
    ] = False,
) -> None:
    """Run the project's benchmarks.

    Example: patrol bench wire --json
    """
    if name is not None and name not in BENCHES:
        typer.echo(f"bench: no benchmark {name}; there are {', '.join(BENCHES)}", err=True)
        raise typer.Exit(2)
    for chosen in [name] if name else BENCHES:
        options = {"heap": (minutes, heapsize, find, None, loaded), "loop": (seconds,)}.get(
            chosen, ()
        )
        try:
            figures = BENCHES[chosen](*options)
        except heap.BenchError as e:
            typer.echo(f"bench: {e}", err=True)
            raise typer.Exit(2 if e.is_wrong_use else 1) from None
        if as_json:
            print(json.dumps(figures))
        else:
            _show(chosen, figures)
        if "failed" in figures:
            raise typer.Exit(1)


def _show(name, figures):
    rows = figures.pop("rows", [])
    if rows:
        table = Table(*(key.replace("_", " ") for key in rows[0]), title=name)
        for row in rows:
            table.add_row(*(str(value) for value in row.values()))
        Console().print(table)
    table = Table("figure", "value", title=name)
    for key, value in figures.items():
        table.add_row(key, str(value))
    Console().print(table)
