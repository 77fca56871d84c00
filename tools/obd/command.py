"""`patrol obd`: a laptop directly on a car, with the agent's own drivers."""

import contextlib
import json
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from agent.obd import services
from agent.obd.poller import Obd
from tools.obd import dtc as codes
from tools.obd import scan as scanning
from tools.obd import vin as identity
from tools.obd import words
from tools.obd.line import LineError, open_line
from tools.obd.talk import Talk
from tools.obd.watch import Watch, value_row

app = typer.Typer(help="A car's OBD-II by an adapter or by CAN.", no_args_is_help=True)

# Shown as "-" from this age on: where named signals are asked for as fast as the adapter can, and
# where the slowest tier comes every 10 s.
_STALE_NAMED_MS = 3000
_STALE_ALL_MS = 25000

Port = Annotated[
    str, typer.Option(help="Serial port of the adapter, or a CAN interface such as can0.")
]
Baud = Annotated[
    int, typer.Option(help="Rate of the serial port; the bit rate of a CAN bus, if 250000.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")]

# What is being asked, by service, for whoever waits
_DOING = {
    0x01: "live data", 0x02: "freeze frame", 0x03: "stored codes", 0x04: "clearing",
    0x06: "test results", 0x07: "pending codes", 0x09: "identity", 0x0A: "permanent codes",
}  # fmt: skip


def _fail(text, code=1):
    typer.echo(text, err=True)
    return typer.Exit(code)


@contextlib.contextmanager
def _line(port, baud):
    """An open line; what goes wrong on it becomes one line of error."""
    try:
        with open_line(port, baud) as line:
            yield line
    except LineError as e:
        raise _fail(str(e)) from None


def _finish(line, machine):
    """Runs a machine to its end and tells on stderr how far it is, where somebody looks."""
    console = Console(stderr=True)
    if not console.is_terminal:
        line.finish(machine)
        return
    with console.status("the adapter is set up") as status:

        def progress(text):
            if text and text[:1].isdigit():
                doing = _DOING.get(int(text[:2], 16), "the car")
                asked = machine.counters.get("requests", 0)
                status.update(f"{doing}: {asked} questions, {line.now() / 1000:.0f} s")

        line.finish(machine, progress)


@app.command()
def watch(
    port: Port,
    baud: Baud = 38400,
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
        settings = _settings(signals)
        Obd(settings)
    except ValueError as e:
        raise _fail(str(e), 2) from None
    with _line(port, baud) as line:
        obd = line.poller(settings)
        seen = Watch(obd.counters)
        with contextlib.suppress(KeyboardInterrupt):
            if as_json:
                _print(line.run(obd, seconds), seen)
            else:
                stale_ms = _STALE_NAMED_MS if signals else _STALE_ALL_MS
                _show(line, line.run(obd, seconds), seen, stale_ms)
        summary = seen.summary(line.now())
    if as_json:
        print(json.dumps(summary))
    else:
        print(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in summary.items()))
    if not seen.count:
        raise _fail(f"{port}: no value came; the adapter is {seen.state}")


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


@app.command()
def scan(
    port: Port,
    baud: Baud = 38400,
    tests: Annotated[
        bool, typer.Option("--tests", help="Also the results of the car's own tests, service 06.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tell everything about a car once: identity, trouble codes, readiness, freeze frame.

    Example: patrol obd scan --port /dev/ttyUSB0 --baud 115200 --json
    """
    with _line(port, baud) as line:
        scanner = line.scanner(tests)
        _finish(line, scanner)
    seen = scanning.report(scanner.result)
    if as_json:
        print(json.dumps(seen))
    elif seen["ecus"]:
        console = Console()
        for table in scanning.tables(seen):
            console.print(table)
    if not seen["ecus"]:
        reason = seen["missing"][-1]["reason"] if seen["missing"] else "nothing was found"
        raise _fail(f"{port}: {reason}{_named(seen['adapter'], port)}")


@app.command()
def vin(port: Port, baud: Baud = 38400, as_json: AsJson = False) -> None:
    """Print the vehicle's identification number.

    Example: patrol obd vin --port /dev/ttyUSB0
    """
    talk = _talk(port, baud, identity.steps)
    if as_json:
        first = talk.result[0]["vin"] if talk.result else None
        print(json.dumps({"vin": first, "ecus": talk.result, **_adapter(talk)}))
    else:
        for text in dict.fromkeys(row["vin"] for row in talk.result):
            print(text)
    if not talk.result:
        raise _fail(f"{port}: no ECU tells a VIN")


@app.command()
def dtc(
    port: Port,
    baud: Baud = 38400,
    clear: Annotated[
        bool,
        typer.Option("--clear", help="Clear the codes: with the engine off, ignition on."),
    ] = False,
    confirm: Annotated[
        str | None,
        typer.Option(help=f'With --clear: "{services.CLEAR_ORDER}"; asked for without.'),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show stored, pending and permanent trouble codes; clear them by explicit order.

    Example: patrol obd dtc --port /dev/ttyUSB0

    Clearing also resets readiness and freeze frames: write them down first (patrol obd scan).
    """
    if confirm is not None and not clear:
        raise _fail("--confirm is for --clear", 2)
    order = _order(confirm) if clear else None
    if clear:
        clock = time.monotonic_ns
        talk = _talk(port, baud, codes.clearing(order, lambda: clock() // 1_000_000))
        outcome = talk.result
        dtcs = outcome.pop("dtcs") or dict.fromkeys(codes.SERVICES)
    else:
        talk = _talk(port, baud, codes.reading)
        outcome, dtcs = None, talk.result
    if as_json:
        print(json.dumps({**dtcs, **({"clear": outcome} if clear else {}), **_adapter(talk)}))
    elif outcome is None or outcome["cleared"]:
        shown = {kind: rows or [] for kind, rows in dtcs.items()}
        Console().print(scanning.codes_table(shown))
    if outcome is not None and not outcome["cleared"]:
        raise _fail(f"{port}: not cleared: {outcome['reason']}")
    if not any(rows is not None for rows in dtcs.values()):
        raise _fail(f"{port}: no ECU tells its trouble codes")


def _order(confirm):
    """The technician's own words; wrong ones end the command."""
    if confirm is None:
        confirm = typer.prompt(f'Type "{services.CLEAR_ORDER}"', err=True)
    if confirm != services.CLEAR_ORDER:
        raise _fail(f'not cleared: only "{services.CLEAR_ORDER}" clears them', 2)
    return confirm


def _talk(port, baud, steps):
    """A finished Talk that has a result."""
    with _line(port, baud) as line:
        talk = Talk(steps, line.driver)
        _finish(line, talk)
    if talk.error:
        raise _fail(f"{port}: {talk.error}{_named(talk.adapter, port)}")
    return talk


def _named(adapter, port):
    """Which adapter it is, for an error's text; a CAN interface is none."""
    return f" ({adapter})" if adapter and adapter != port else ""


def _adapter(talk):
    return {"adapter": talk.adapter, "protocol": words.protocol(talk.protocol)}
