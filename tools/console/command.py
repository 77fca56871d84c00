"""`patrol console`: the technician's console of a gateway, by serial port or socket."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from tools.console import ConsoleError, keys
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
    log: Annotated[Path | None, typer.Option(help="Append all that comes to this file.")] = None,
) -> None:
    """Open the console. Ctrl-] ends it; Ctrl-C goes to the gateway.

    Example: patrol console /dev/ttyACM0 --command status --json
    """
    if name and not key:
        raise typer.BadParameter("--as needs --key")
    try:
        secret = None if passphrase is None else _first_line(passphrase)
        where = port or find()
        if command is None:
            _plain(where, baud, key, secret, log)
        else:
            _one(where, baud, command, as_json, key, name, role, secret, log)
    except ConsoleError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


def _plain(where, baud, key, secret, log):
    with open_line(where, baud) as line:
        typer.echo(f"{where}: Ctrl-] ends", err=True)
        if log is None:
            Plain(line, None, key, secret).run()
            return
        with open(log, "ab") as file:
            Plain(line, file, key, secret).run()
    typer.echo("", err=True)


def _one(where, baud, command, as_json, key, name, role, secret, log):
    with open(log or os.devnull, "ab") as file, Client.open(where, baud, file.write) as console:
        if name:
            console.log_in(name, key, role, secret)
        data = console.command(command)
        if name:
            console.log_out()
    if as_json:
        typer.echo(json.dumps(data))
        return
    for line in _lines(command, data):
        typer.echo(line)


def _lines(command, data):
    """The answer as the console itself shows it."""
    from agent.console import grammar, show, show_car
    from agent.console.shell import CAR
    from agent.console.texts import Texts

    name = grammar.alias(grammar.words(command))[0]
    drawer = show_car if name in CAR else show
    return drawer.render(name, data, Texts("en", "utf-8"))


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


def _first_line(path):
    try:
        return path.read_text(encoding="utf-8").splitlines()[0].encode()
    except (OSError, UnicodeDecodeError, IndexError) as error:
        raise ConsoleError(f"{path} cannot be read: {error}") from None
