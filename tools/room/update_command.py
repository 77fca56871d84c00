"""`patrol room update` and `updates`: releases to vehicles, from the command line."""

import getpass
import json
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from agent.console import commands, levels
from tools.provision.bundle import KEYS_FOLDER
from tools.release import ReleaseError
from tools.release import folder as releases
from tools.release import keys as release_keys
from tools.room import export as exports
from tools.room import keys as room_keys
from tools.room.orders import OPEN as OPEN_ORDERS
from tools.room.orders import OrderBook, OrderError
from tools.room.serve import utc_ms
from tools.room.store import StoreError
from tools.room.updates import LAST, NAME, ORDERED, UpdateBook

_MAX_ATTEMPT = commands.row(NAME)[2][1][-1]
_GOING = (ORDERED, "fetching", "lost", "ready", "trial")
_LOOK_S = 0.2
_MAX_WAIT_S = 86400

Dir = Annotated[Path, typer.Option("--dir", help="The room's folder, with room.json.")]


def update(
    folder: Dir,
    release: Annotated[Path, typer.Option(help="The release's folder, signed.")],
    vehicles: Annotated[
        list[str] | None, typer.Argument(metavar="[VEHICLE]...", help="The vehicles' ids.")
    ] = None,
    everyone: Annotated[
        bool, typer.Option("--all", help="Every vehicle that the room knows.")
    ] = False,
    public: Annotated[
        Path | None,
        typer.Option("--keys", help="Folder with the three public keys; default: DIR/update-keys."),
    ] = None,
    attempt: Annotated[
        int | None,
        typer.Option(
            min=1, max=_MAX_ATTEMPT, help="Default: one more where it did not come right."
        ),
    ] = None,
    seconds: Annotated[
        int, typer.Option("--for", min=1, max=86400 * 30, help="How long it may still begin.")
    ] = 7 * 86400,
    by: Annotated[str | None, typer.Option(help="Who gives it; default: who is logged in.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Until each has ended.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a vehicle.")] = False,
) -> None:
    """Order vehicles to a release. It is checked first, by the vehicles' own code.

    Exit code 0 with --wait: it is good on each of them.

    Example: patrol room update v-k3n5qw2a --dir room --release r12 --wait
    """
    if bool(vehicles) == everyone:
        raise typer.BadParameter("either vehicles or --all")
    try:
        room = room_keys.load(folder)
        for name in vehicles or ():
            if name not in room.vehicles:
                raise _failed(f"vehicle {name}: the room does not know it")
        manifest = releases.verify(release, release_keys.fleet_keys(public or folder / KEYS_FOLDER))
        names = vehicles or sorted(room.vehicles)
        with _Books(room) as books:
            books.updates.register(release, manifest, utc_ms())
            who = by or getpass.getuser()
            for name in names:
                books.give(name, manifest.id, attempt, who, seconds)
            rows = books.wait(names, manifest.id, _MAX_WAIT_S if wait else 0)
    except (room_keys.KeysError, ReleaseError, OrderError, StoreError, OSError) as error:
        raise _failed(error) from None
    _show(rows, as_json)
    if wait and any(state != "good" for _, state, _ in rows):
        raise typer.Exit(1)


def updates(
    folder: Dir,
    vehicle: Annotated[
        str | None, typer.Argument(metavar="[VEHICLE]", help="One alone; default: all.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """What became of releases on vehicles, the newest order first.

    Example: patrol room updates --dir room
    """
    try:
        with _Books(room_keys.load(folder)) as books:
            rows = [books.told(row) for row in books.updates.rows(vehicle)]
    except (room_keys.KeysError, StoreError) as error:
        raise _failed(error) from None
    _show(rows, as_json)


class _Books:
    """The room's books of updates and of orders."""

    def __init__(self, room):
        self._path = room.database

    def __enter__(self):
        self.updates = UpdateBook(self._path)
        try:
            self.orders = OrderBook(self._path)
        except StoreError:
            self.updates.close()
            raise
        return self

    def __exit__(self, *error):
        self.orders.close()
        self.updates.close()

    def give(self, vehicle, release, attempt, who, seconds):
        """Gives the vehicle its order. Raises OrderError, StoreError."""
        row = self.updates.update(vehicle, release)
        if attempt is None:
            attempt = 1 if row is None else row.attempt + (row.state in LAST)
        now = utc_ms()
        signed = self.updates.signed(release)
        try:
            values = commands.check(NAME, {"signed": signed, "attempt": attempt}, levels.DANGER)
        except levels.CommandError as error:
            raise OrderError(str(error)) from None
        number = self.orders.give(
            vehicle, NAME, values, levels.DANGER, who, now, now + seconds * 1000
        )
        self.updates.ordered(vehicle, release, attempt, number, now)

    def told(self, row):
        """(row, state, why): an order that never became an update tells why by itself."""
        if row.state == ORDERED:
            order = self.orders.order(row.number)
            if order is not None and order.state not in OPEN_ORDERS and order.state != "done":
                return row, order.state, order.detail
        return row, row.state, row.why

    def wait(self, vehicles, release, seconds):
        """The rows, once each has ended or the time is over."""
        end = time.monotonic() + seconds
        while True:
            rows = [self.told(self.updates.update(name, release)) for name in vehicles]
            if not any(state in _GOING for _, state, _ in rows) or time.monotonic() >= end:
                return rows
            time.sleep(_LOOK_S)


def _show(rows, as_json):
    if as_json:
        for row in rows:
            typer.echo(json.dumps(_json(*row)))
        return
    table = Table("vehicle", "release", "attempt", "state", "there", "since", "why")
    for row, state, why in rows:
        share = f"{100 * row.there // row.bytes} %" if row.bytes else "-"
        since = exports.iso(row.state_ms)
        table.add_row(row.vehicle, row.name, str(row.attempt), state, share, since, why)
    Console().print(table)


def _json(row, state, why):
    return {
        "vehicle": row.vehicle,
        "release": row.name,
        "counter": row.counter,
        "update": row.release.hex(),
        "attempt": row.attempt,
        "order": row.number,
        "state": state,
        "why": why,
        "there": row.there,
        "bytes": row.bytes,
        "given": exports.iso(row.given_ms),
        "since": exports.iso(row.state_ms),
    }


def _failed(text):
    typer.echo(str(text), err=True)
    return typer.Exit(1)
