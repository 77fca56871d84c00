"""`patrol room keys`: which room key each vehicle seals to; orders that bring the newest."""

import getpass
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from agent.console import commands, levels
from tools.provision.files import KEY_SET
from tools.room import keys as room_keys
from tools.room.orders import OPEN, OrderBook, OrderError
from tools.room.serve import utc_ms
from tools.room.sqlite import SqliteStore
from tools.room.store import StoreError

_COMMAND = "keys"


def keys(
    folder: Annotated[Path, typer.Option("--dir", help="The room's folder, with room.json.")],
    vehicles: Annotated[list[str] | None, typer.Argument(metavar="[VEHICLE]...")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="Order it of all that need it.")] = False,
    days: Annotated[int, typer.Option(min=1, max=30, help="How long the order waits.")] = 7,
    by: Annotated[str | None, typer.Option(help="Who gives it; default: who is logged in.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Which room key each vehicle seals to; with --all or names, order those to take the newest
    that do not yet.

    Example: patrol room keys --dir room --all
    """
    try:
        room = room_keys.load(folder)
        for name in vehicles or ():
            if name not in room.vehicles:
                raise OrderError(f"vehicle {name}: the room does not know it")
        wanted = set(room.vehicles) if everyone else set(vehicles or ())
        signed = _signed(folder) if wanted else b""
        rows = _rows(room, wanted, signed, by or getpass.getuser(), days)
    except (room_keys.KeysError, OrderError, StoreError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row))
        return
    table = Table("vehicle", "sealed to", "which is", "order", "its state")
    for row in rows:
        table.add_row(*["-" if value is None else str(value) for value in row.values()])
    Console().print(table)


def _signed(folder):
    """The bytes of the newest signed set. Raises OrderError."""
    path = Path(folder) / KEY_SET
    try:
        return bytes.fromhex(json.loads(path.read_text(encoding="utf-8"))["signed"])
    except OSError as error:
        raise OrderError(f"{path}: {error.strerror}: only a fleet authority signs one") from None
    except (ValueError, KeyError, TypeError):
        raise OrderError(f"{path} is no signed set of room keys") from None


def _rows(room, wanted, signed, by, days):
    """[{vehicle, room_key, state, order, order_state}], after what is wanted was ordered."""
    store = SqliteStore(room.database)
    try:
        book = OrderBook(room.database)
        try:
            return [
                _row(room, store, book, name, signed if name in wanted else None, by, days)
                for name in sorted(room.vehicles)
            ]
        finally:
            book.close()
    finally:
        store.close()


def _row(room, store, book, name, signed, by, days):
    sessions = store.sessions(name)
    key_id = sessions[-1].key_id if sessions else None
    state = "unknown" if key_id is None else "current" if key_id == room.room_key_id else "old"
    given = next((o for o in book.of(name) if o.name == _COMMAND), None)
    if signed and state != "current":
        # What went to a session that is over may never have come: once more harms nobody.
        is_there = (
            given
            and given.state in OPEN
            and given.arguments.get("signed") == signed
            and given.sent_sid in (None, sessions[-1].sid if sessions else None)
        )
        if not is_there:
            now = utc_ms()
            values = commands.check(_COMMAND, {"signed": signed}, levels.DANGER)
            until = now + days * 86400000
            number = book.give(name, _COMMAND, values, levels.DANGER, by, now, until)
            given = book.order(number)
    return {
        "vehicle": name,
        "room_key": key_id and key_id.hex(),
        "state": state,
        "order": given and given.id,
        "order_state": given and given.state,
    }
