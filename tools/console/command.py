"""`patrol console`: the technician's console of a gateway, by serial port or socket."""

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from typer.core import TyperGroup

from agent.console.texts import LANGUAGES
from tools.console import ConsoleError, keys, visiting
from tools.console.client import Client
from tools.console.line import BAUD, find, open_line
from tools.console.plain import Plain


class _Group(TyperGroup):
    """`patrol console PORT` is `patrol console open PORT`."""

    def parse_args(self, ctx, args):
        if not args or (args[0] not in self.commands and args[0] not in ("--help", "-h")):
            args = ["open", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(cls=_Group, help="A gateway's console: diagnose car and gateway on the spot.")

Key = Annotated[Path | None, typer.Option(help="The technician's key file, to log in with.")]
Passphrase = Annotated[
    Path | None, typer.Option("--passphrase", help="File whose first line opens the key.")
]


@app.command(name="open")
def open_(
    port: Annotated[
        str | None, typer.Argument(help="Serial port or socket; without, the one USB port.")
    ] = None,
    baud: Annotated[int, typer.Option(help="Rate of a serial port.")] = BAUD,
    command: Annotated[
        str | None, typer.Option("--command", "-c", help="Give this one command, and end.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Its answer as one JSON line.")] = False,
    key: Key = None,
    name: Annotated[
        str | None, typer.Option("--as", help="Log in as this technician; needs --key.")
    ] = None,
    role: Annotated[str | None, typer.Option(help="look, service or danger.")] = None,
    passphrase: Passphrase = None,
    log: Annotated[
        Path | None,
        typer.Option(help="Append all that comes to this file. Default: one of this visit."),
    ] = None,
    screen: Annotated[
        bool | None,
        typer.Option("--screen/--plain", help="The screen, or bare lines; without, what fits."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Ask for everything once, write this HTML file, and end.")
    ] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="With --report: also as PDF.")] = False,
    technician: Annotated[
        str, typer.Option(help="Name in the report of the visit; without, that of --as.")
    ] = "",
    language: Annotated[
        str | None,
        typer.Option(help="Of screen and report: en, fr, ar. Default: the gateway's."),
    ] = None,
) -> None:
    """Open the console: the screen on a terminal that can show it, else bare lines, where Ctrl-]
    ends and Ctrl-C goes to the gateway.

    Example: patrol console /dev/ttyACM0 --command status --json

    Example: patrol console /dev/ttyACM0 --report visit.html --pdf --technician "A. Idrissi"
    """
    if name and not key:
        raise typer.BadParameter("--as needs --key")
    if pdf and not report:
        raise typer.BadParameter("--pdf needs --report")
    if sum(map(bool, (command, report, screen))) > 1:
        raise typer.BadParameter("--command, --report and --screen exclude each other")
    if language is not None and language not in LANGUAGES:
        raise typer.BadParameter(f"--language is one of {', '.join(LANGUAGES)}")
    try:
        secret = None if passphrase is None else _first_line(passphrase)
        where = port or find()
        access = visiting.Access(where, baud, key, name, role, secret)
        if command is not None:
            _one(where, baud, command, as_json, key, name, role, secret, log)
        elif report is not None:
            _report(access, report, technician or name or "", pdf, language)
        elif screen or (screen is None and visiting.can_show()):
            kept = visiting.run_screen(access, technician or name or "", log, language)
            typer.echo(f"what was asked and answered: {kept}")
        else:
            _plain(where, baud, key, secret, log)
    except ConsoleError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


def _report(access, path, technician, with_pdf, language):
    with Console(stderr=True).status("asking") as status:
        lines = visiting.run_report(access, path, technician, with_pdf, status.update, language)
    for line in lines:
        typer.echo(line)
    if lines[-1].startswith("no PDF"):
        raise typer.Exit(1)


def _plain(where, baud, key, secret, log):
    if log is None and sys.stdin.isatty():  # a person's visit is kept, a program keeps its own
        log = visiting.log_name()
    with open_line(where, baud) as line:
        typer.echo(f"{where}: Ctrl-] ends", err=True)
        if log is None:
            Plain(line, None, key, secret).run()
            return
        with _private(log) as file:
            Plain(line, file, key, secret).run()
    typer.echo(f"\nwhat was said: {log}", err=True)


def _private(path):
    """Where a patrol car was is for its owner alone."""
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
    except OSError as error:
        raise ConsoleError(f"{path}: {error.strerror}") from None


def _one(where, baud, command, as_json, key, name, role, secret, log):
    with _private(log or os.devnull) as file, Client.open(where, baud, file.write) as console:
        if name:
            console.log_in(name, key, role, secret)
        data = console.command(command)
        if name:
            with contextlib.suppress(ConsoleError):  # a restart may have taken the line away
                console.log_out()
    if as_json:
        typer.echo(json.dumps(data))
        return
    for line in _lines(command, data):
        typer.echo(line)


def _lines(command, data):
    """The answer as the console itself shows it."""
    from agent.console import grammar
    from agent.console.shell import drawn
    from agent.console.texts import Texts

    return drawn(grammar.alias(grammar.words(command))[0], data, Texts("en", "utf-8"))


@app.command()
def answer(
    key: Annotated[Path, typer.Argument(help="The technician's key file.")],
    challenge: Annotated[str, typer.Argument(help="What the console asked to be signed.")],
    passphrase: Passphrase = None,
) -> None:
    """Answer a challenge of a console that is open in another terminal program.

    Example: patrol console answer tech.key v-k3n5qw2a/tech/service/5f0c…
    """
    try:
        secret = None if passphrase is None else _first_line(passphrase)
        typer.echo(keys.answer(key, challenge, secret))
    except ConsoleError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


@app.command(name="key")
def key_(
    name: Annotated[str, typer.Argument(help="The technician's name.")],
    folder: Annotated[Path, typer.Option("--dir", help="Where the key is written.")] = Path("."),
    passphrase: Passphrase = None,
) -> None:
    """Make a technician's key: NAME.key for him, NAME.modulus for the vehicles.

    Example: patrol console key tech --dir keys
    """
    try:
        secret = None if passphrase is None else _first_line(passphrase)
        path = keys.create(folder, name, secret)
    except ConsoleError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{path}.key for {name} alone; {path}.modulus for console.technicians")


@app.command()
def shots(
    folder: Annotated[Path, typer.Argument(help="Where the pictures are written.")],
) -> None:
    """Make the documents' pictures of screen and report, of an emulated car and a real agent.

    Example: patrol console shots docs/console
    """
    from tools.console import pdf, shots
    from tools.demo.children import ChildError

    try:
        shots.shoot(folder, typer.echo)
    except (shots.ShotError, pdf.PdfError, ChildError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


def _first_line(path):
    try:
        return path.read_text(encoding="utf-8").splitlines()[0].encode()
    except (OSError, UnicodeDecodeError, IndexError) as error:
        raise ConsoleError(f"{path} cannot be read: {error}") from None
