"""`patrol room order` and `orders`: what the room asks of vehicles, from the command line."""

import getpass
import json
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from agent import settings
from agent.console import commands, levels
from agent.console.texts import Texts
from tools.room import export as exports
from tools.room import keys as room_keys
from tools.room.orders import OPEN, OrderBook, OrderError
from tools.room.serve import utc_ms
from tools.room.store import StoreError

_LOOK_S = 0.2
_GRACE_S = 60  # an answer may come that long after an order's time


def order(
    vehicle: Annotated[str, typer.Argument(help="The vehicle's id.")],
    name: Annotated[str, typer.Argument(help="The command; --list shows all.")],
    folder: Annotated[Path, typer.Option("--dir", help="The room's folder, with room.json.")],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="JSON or text; @FILE: its bytes."),
    ] = None,
    seconds: Annotated[
        int, typer.Option("--for", min=1, max=86400 * 30, help="How long it may still begin.")
    ] = 60,
    role: Annotated[str, typer.Option(help="look, service or danger.")] = "service",
    by: Annotated[str | None, typer.Option(help="Who gives it; default: who is logged in.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Until it has ended.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Give a vehicle an order. It is kept for a vehicle that is away, until its time is over.

    Example: patrol room order v-k3n5qw2a profile name=pursuit --dir room --for 300 --wait
    """
    if role not in levels.ROLES:
        raise typer.BadParameter(f"--role {role}: there are {', '.join(levels.ROLES)}")
    level = levels.ROLES.index(role)
    values = _values(arguments or ())
    try:
        values = commands.check(name, values, level)
    except levels.CommandError as error:
        raise typer.BadParameter(str(error)) from None
    book = _book(folder, vehicle)
    try:
        now = utc_ms()
        who = by or getpass.getuser()
        number = book.give(vehicle, name, values, level, who, now, now + seconds * 1000)
        found = book.order(number)
        end = time.monotonic() + seconds + _GRACE_S + 1
        while wait and found.state in OPEN and time.monotonic() < end:
            time.sleep(_LOOK_S)
            found = book.order(number)
        result = book.result(number)
    except (OrderError, StoreError) as error:
        raise _failed(error) from None
    finally:
        book.close()
    if as_json:
        typer.echo(json.dumps(_json(found, result)))
    else:
        typer.echo(f"order {number}: {found.state}" + (f", {found.detail}" if found.detail else ""))
        if result is not None:
            typer.echo(json.dumps(result, indent=2))
    if wait and found.state != "done":
        raise typer.Exit(1)


def orders(
    vehicle: Annotated[str, typer.Argument(help="The vehicle's id.")],
    folder: Annotated[Path, typer.Option("--dir", help="The room's folder, with room.json.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """A vehicle's orders and what became of each, the newest first.

    Example: patrol room orders v-k3n5qw2a --dir room
    """
    book = _book(folder, vehicle)
    try:
        rows = [(row, book.result(row.id)) for row in book.of(vehicle)]
    except StoreError as error:
        raise _failed(error) from None
    finally:
        book.close()
    if as_json:
        for row, result in rows:
            typer.echo(json.dumps(_json(row, result)))
        return
    table = Table("order", "given", "by", "command", "state", "since", "read", "why")
    for row, _ in rows:
        shown = _shown(row.arguments)
        given = " ".join([row.name, *(f"{k}={json.dumps(v)}" for k, v in shown.items())])
        table.add_row(
            str(row.id), exports.iso(row.given_ms), row.given_by, given, row.state,
            exports.iso(row.state_ms), exports.iso(row.read_ms) or "", row.detail,
        )  # fmt: skip
    Console().print(table)


def commands_() -> None:
    """The commands that a vehicle can be ordered, with the role that each takes.

    Example: patrol room commands
    """
    table = Table("command", "role", "what it does", "example")
    texts = Texts()
    for name, role, _, example, _ in commands.rows():
        table.add_row(name, levels.ROLES[role], texts.get("c." + name), example)
    Console().print(table)


def _values(words):
    """{key: value} of KEY=VALUE; a value that is no JSON is a text."""
    found = {}
    for word in words:
        key, sign, text = word.partition("=")
        if not sign:
            raise typer.BadParameter(f"{word}: an argument is KEY=VALUE")
        if text.startswith("@"):
            found[key] = _contents(text[1:])
            continue
        try:
            found[key] = json.loads(text)
        except ValueError:
            found[key] = text
    return found


def _contents(path):
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be read: {error.strerror}") from None


def _shown(arguments):
    """The arguments for people and JSON: of bytes, how many there are; of settings, no secret."""
    found = {k: f"({len(v)} bytes)" if isinstance(v, bytes) else v for k, v in arguments.items()}
    if isinstance(found.get("values"), dict):
        found["values"] = settings.shown(found["values"])
    return found


def _json(row, result):
    return {
        "order": row.id,
        "vehicle": row.vehicle,
        "command": row.name,
        "arguments": _shown(row.arguments),
        "role": levels.ROLES[row.role],
        "by": row.given_by,
        "given": exports.iso(row.given_ms),
        "until": exports.iso(row.until_ms),
        "state": row.state,
        "why": row.detail,
        "since": exports.iso(row.state_ms),
        "read": exports.iso(row.read_ms),
        "result": result,
    }


def _book(folder, vehicle):
    """The room's OrderBook; only for a vehicle that it knows."""
    try:
        room = room_keys.load(folder)
        if vehicle not in room.vehicles:
            raise _failed(f"vehicle {vehicle}: the room does not know it")
        return OrderBook(room.database)
    except (room_keys.KeysError, StoreError) as error:
        raise _failed(error) from None


def _failed(text):
    typer.echo(str(text), err=True)
    return typer.Exit(1)
