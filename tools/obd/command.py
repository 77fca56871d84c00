"""`patrol obd`: a laptop directly on an OBD adapter, with the agent's own driver."""

import contextlib
import json
from typing import Annotated

import typer
from rich.live import Live

from agent.obd.poller import Obd
from tools.obd.line import Line, LineError
from tools.obd.watch import Watch, value_row

app = typer.Typer(help="A car's OBD-II by an ELM327 or STN adapter.", no_args_is_help=True)

# Shown as "-" from this age on: where named signals are asked for as fast as the adapter can, and
# where the slowest tier comes every 10 s.
_STALE_NAMED_MS = 3000
_STALE_ALL_MS = 25000


@app.callback()
def _group():
    """Keeps `watch` a sub-command while it is the only one."""


@app.command()
def watch(
    port: Annotated[str, typer.Option(help="Serial port of the adapter.")],
    baud: Annotated[int, typer.Option(help="Its rate.")] = 38400,
    signals: Annotated[
        str | None, typer.Option(help="Short names or VSS paths, by commas; all without.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="End after so long.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="A JSON object a value, and a summary as the last line.")
    ] = False,
) -> None:
    """Show live values until Ctrl-C.

    Example: patrol obd watch --port /dev/ttyUSB0 --baud 115200 --signals rpm,speed,coolant
    """
    try:
        obd = Obd(_settings(signals))
    except ValueError as e:
        typer.echo(str(e), err=True)
        raise typer.Exit(2) from None
    seen = Watch(obd.counters)
    try:
        with Line(port, baud) as line:
            with contextlib.suppress(KeyboardInterrupt):
                if as_json:
                    _print(line.run(obd, seconds), seen)
                else:
                    stale_ms = _STALE_NAMED_MS if signals else _STALE_ALL_MS
                    _show(line, line.run(obd, seconds), seen, stale_ms)
            summary = seen.summary(line.now())
    except LineError as e:
        typer.echo(str(e), err=True)
        raise typer.Exit(1) from None
    if as_json:
        print(json.dumps(summary))
    else:
        print(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in summary.items()))
    if not seen.count:
        typer.echo(f"{port}: no value came; the adapter is {seen.state}", err=True)
        raise typer.Exit(1)


def _settings(names):
    if names is None:
        return {}
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    # Named ones are asked for as fast as the adapter can, and nothing else comes between.
    return {
        "signals": wanted,
        "periods": dict.fromkeys(wanted, 0),
        **dict.fromkeys(("status_ms", "dtc_ms", "voltage_ms"), 0),
        "vin": False,
        "voltage_signal": None,
    }


def _print(events, seen):
    for event in events:
        seen.take(event)
        if event[0] == "value":
            print(json.dumps(value_row(event)), flush=True)


def _show(line, events, seen, stale_ms):
    with Live(seen.table(line.now(), stale_ms), refresh_per_second=4) as live:
        for event in events:
            seen.take(event)
            live.update(seen.table(line.now(), stale_ms))
