"""`patrol room`: the reference command room from the command line."""

import json
import os
import signal
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tools.room import export as exports
from tools.room import key_command, order_command, update_command
from tools.room import keys as room_keys
from tools.room import track as tracks
from tools.room.serve import ServeError, Server, utc_ms
from tools.room.sqlite import SqliteStore
from tools.room.store import StoreError
from tools.room.words import event_text

app = typer.Typer(no_args_is_help=True, help="The reference command room.")
app.command()(order_command.order)
app.command()(order_command.orders)
app.command("commands")(order_command.commands_)
app.command()(key_command.keys)
app.command()(update_command.update)
app.command()(update_command.updates)

Dir = Annotated[Path, typer.Option("--dir", help="The room's folder, with room.json.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
Vehicle = Annotated[str, typer.Argument(help="The vehicle's id.")]
From = Annotated[str | None, typer.Option("--from", help="ISO 8601; UTC where it names no zone.")]
To = Annotated[str | None, typer.Option("--to", help="ISO 8601, inclusive.")]


@app.command()
def serve(
    folder: Dir,
    attached: Annotated[
        bool, typer.Option("--attached", help="End when standard input closes.")
    ] = False,
    status: Annotated[
        Path | None, typer.Option(help="Keep counters in this file, once a second.")
    ] = None,
) -> None:
    """Take in what vehicles send, store it, acknowledge it; until stopped.

    Example: patrol room serve --dir room
    """
    try:
        server = Server(folder, lambda text: print(text, file=sys.stderr, flush=True), status)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: server.stop())
        if attached:
            threading.Thread(target=_watch_stdin, args=(server,), daemon=True).start()
        server.run()
    except (room_keys.KeysError, ServeError, StoreError) as error:
        raise _failed(error) from None
    typer.echo(json.dumps({"summary": server.status()}))


@app.command()
def vehicles(folder: Dir, as_json: Json = False) -> None:
    """Every vehicle with where it is now, how old its newest fix and the link's last word are.

    A car whose last fix is less than a minute old is drawn where its speed and heading lead.

    Example: patrol room vehicles --dir room
    """
    with _opened(folder) as (room, store):
        names = sorted({*room.vehicles, *(store.vehicles() if store else ())})
        states = [_state(store, name) for name in names]
    now = utc_ms()
    if as_json:
        for state in states:
            typer.echo(json.dumps(_state_json(state, now)))
        return
    table = _table("vehicle position", "fix is", "speed", "heard", "link", "frames", "missing")
    for s in states:
        p = s.position
        place = (tracks.expected(p, now) or (p.lat, p.lon)) if p else None
        table.add_row(
            s.vehicle,
            f"{exports.decimal(place[0], 6)} {exports.decimal(place[1], 6)}" if place else "-",
            _age(p.utc, now) if p else "-",
            f"{p.speed * 36 / 1000:.0f} km/h" if p and p.speed is not None else "-",
            _age(s.heard_ms, now) if s.heard_ms is not None else "never",
            {None: "unknown", True: "online", False: "offline"}[s.presence],
            str(s.frames),
            str(s.missing),
        )
    Console().print(table)


@app.command()
def track(
    vehicle: Vehicle, folder: Dir, start: From = None, end: To = None, as_json: Json = False
) -> None:
    """A vehicle's positions; with --json also values and events, in their order.

    Example: patrol room track v-k3n5qw2a --dir room --from 2026-05-04T08:00 --to 2026-05-04T09:00
    """
    found = _records(folder, vehicle, start, end)
    if as_json:
        for record in found:
            typer.echo(json.dumps(record_json(record)))
        return
    table = _table("time lat lon", "alt m", "m/s", "heading", "sats", "quality")
    for p in found:
        if isinstance(p, tracks.Position):
            table.add_row(
                exports.iso(p.utc) or f"uptime {p.uptime} ms",
                exports.decimal(p.lat, 6),
                exports.decimal(p.lon, 6),
                "-" if p.alt is None else exports.decimal(p.alt, 2),
                "-" if p.speed is None else exports.decimal(p.speed, 2),
                "-" if p.heading is None else exports.decimal(p.heading, 2),
                "-" if p.sats is None else str(p.sats),
                p.quality,
            )
    Console().print(table)


@app.command()
def events(
    vehicle: Vehicle, folder: Dir, start: From = None, end: To = None, as_json: Json = False
) -> None:
    """A vehicle's alerts, starts, trouble codes, states and gaps.

    Example: patrol room events v-k3n5qw2a --dir room
    """
    start_ms, end_ms = _time(start, "--from"), _time(end, "--to")
    with _opened(folder) as (_, store):
        _known(store, vehicle)
        found = _asked(tracks.happenings, store, vehicle, start_ms, end_ms)
    if as_json:
        for record in found:
            typer.echo(json.dumps(record_json(record)))
        return
    table = _table("time event", "what")
    for e in found:
        what = e.fields.items() if isinstance(e.fields, dict) else e.fields
        text = event_text(e.name, e.fields)
        text = text or ", ".join(f"{w[0]} {w[1]}" if isinstance(w, tuple) else str(w) for w in what)
        table.add_row(exports.iso(e.utc) or f"uptime {e.uptime} ms", e.name, text)
    Console().print(table)


@app.command()
def export(
    vehicle: Vehicle,
    folder: Dir,
    out: Annotated[Path, typer.Option(help="File to write.")],
    kind: Annotated[str, typer.Option("--format", help="geojson, gpx or csv.")] = "geojson",
    start: From = None,
    end: To = None,
) -> None:
    """Write a vehicle's track for another program.

    Example: patrol room export v-k3n5qw2a --dir room --format gpx --out track.gpx
    """
    if kind not in exports.FORMATS:
        raise typer.BadParameter(f"--format {kind}: there are {', '.join(exports.FORMATS)}")
    found = _records(folder, vehicle, start, end)
    try:
        with open(out, "w", encoding="utf-8", newline="\n") as f:
            for line in exports.FORMATS[kind](vehicle, found):
                f.write(line + "\n")
    except OSError as error:
        raise _failed(f"{out}: {error.strerror}") from None


def record_json(record):
    """A record as `track --json` prints it: SI units, ISO times, absent is null."""
    head = {
        "time": exports.iso(record.utc),
        "uptime_ms": record.uptime,
        "session": record.session,
    }
    if isinstance(record, tracks.Position):
        return {
            "kind": "position",
            **head,
            "lat": record.lat / 1e6,
            "lon": record.lon / 1e6,
            "alt": None if record.alt is None else record.alt / 100,
            "speed": None if record.speed is None else record.speed / 100,
            "heading": None if record.heading is None else record.heading / 100,
            "satellites": record.sats,
            "quality": record.quality,
        }
    if isinstance(record, tracks.Value):
        return {
            "kind": "value",
            **head,
            "path": record.path,
            "unit": record.unit,
            "value": record.value,
            "raw": record.raw,
        }
    row = {"kind": "event", **head, "name": record.name, "fields": record.fields}
    text = event_text(record.name, record.fields)
    return {**row, "text": text} if text else row


def _state_json(s, now):
    drawn = tracks.expected(s.position, now) if s.position else None
    return {
        "vehicle": s.vehicle,
        "position": record_json(s.position) if s.position else None,
        "drawn": {"lat": drawn[0] / 1e6, "lon": drawn[1] / 1e6} if drawn else None,
        "time_source": s.source,
        "values": [record_json(value) for value in s.values],
        "heard": exports.iso(s.heard_ms),
        "online": s.presence,
        "sessions": s.sessions,
        "frames": s.frames,
        "missing": s.missing,
    }


def _records(folder, vehicle, start, end):
    start_ms, end_ms = _time(start, "--from"), _time(end, "--to")
    with _opened(folder) as (_, store):
        _known(store, vehicle)
        return _asked(tracks.records, store, vehicle, start_ms, end_ms)


@contextmanager
def _opened(folder):
    """(RoomFile, store for reading or None while there is none)."""
    try:
        room = room_keys.load(folder)
        store = SqliteStore(room.database, readonly=True) if room.database.exists() else None
    except (room_keys.KeysError, StoreError) as error:
        raise _failed(error) from None
    try:
        yield room, store
    finally:
        if store is not None:
            store.close()


def _known(store, vehicle):
    if store is None or vehicle not in _asked(store.vehicles):
        raise _failed(f"vehicle {vehicle}: nothing has come from it")


def _asked(question, *arguments):
    try:
        return question(*arguments)
    except StoreError as error:
        raise _failed(error) from None


def _state(store, name):
    if store is None:
        return tracks.State(name, None, [], None, None, 0, 0, 0, None)
    return _asked(tracks.state, store, name)


def _time(text, option):
    """UTC ms of an ISO 8601 text."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{option} {text}: not a time of ISO 8601") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def _table(whole, *others):
    """A table; the columns named in `whole` are never cut to fit the terminal."""
    table = Table()
    for title in whole.split():
        table.add_column(title, no_wrap=True)
    for title in others:
        table.add_column(title)
    return table


def _age(utc, now):
    if utc is None:
        return "undated"
    seconds = max(0, now - utc) // 1000
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def _watch_stdin(server):
    while os.read(0, 4096):
        pass
    server.stop()


def _failed(text):
    typer.echo(str(text), err=True)
    return typer.Exit(1)
