"""`patrol gps`: what a GPS receiver's bytes say, decoded by the agent's own parser."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer

from agent.gps.fix import (
    QUALITY_DEAD_RECKONED,
    QUALITY_DEGRADED,
    QUALITY_GOOD,
    QUALITY_NONE,
)
from agent.gps.quality import Quality
from agent.gps.receiver import STALLED_MS, Receiver

app = typer.Typer(help="Decode GPS receivers' output.", no_args_is_help=True)

QUALITY_NAMES = {
    QUALITY_NONE: "none",
    QUALITY_GOOD: "good",
    QUALITY_DEGRADED: "degraded",
    QUALITY_DEAD_RECKONED: "dead-reckoned",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CHUNK = 65536


@app.callback()
def _group():
    """Keeps `decode` a sub-command while it is the only one."""


def decode_file(path, receiver):
    """Yield every Fix of the capture at `path` (NMEA, other binary mixed in or not)."""
    # A capture has no clock: epochs end by their sentences alone, the last one at the end.
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            yield from receiver.feed(chunk, 0)
    yield from receiver.poll(STALLED_MS + 1)


def to_json(fix):
    """The fix as a dict in the units people use: degrees, m, m/s; None where not known."""
    return {
        "time": iso_time(fix.utc),
        "lat": None if fix.lat is None else fix.lat / 1_000_000,
        "lon": None if fix.lon is None else fix.lon / 1_000_000,
        "alt": _hundredths(fix.alt),
        "speed": _hundredths(fix.speed),
        # A held heading is the last one known, not one the receiver gave for this epoch.
        "track": None if fix.held else _hundredths(fix.heading),
        "valid": fix.valid,
        "quality": QUALITY_NAMES[fix.quality],
        "satellites": fix.sats,
        "hdop": _hundredths(fix.hdop),
    }


def iso_time(utc):
    """ISO 8601 with ms and Z of `utc`, ms since 1970; None stays None."""
    if utc is None:
        return None
    moment = _EPOCH + timedelta(milliseconds=utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{utc % 1000:03}Z"


def _hundredths(value):
    return None if value is None else value / 100


def _row(record):
    """One line for people."""
    cells = [record["time"] or "-"]
    for key, width, form in (
        ("lat", 11, "%.6f"),
        ("lon", 11, "%.6f"),
        ("alt", 8, "%.1f m"),
        ("speed", 9, "%.2f m/s"),
        ("track", 7, "%.2f°"),
        ("satellites", 2, "%d"),
        ("hdop", 5, "%.2f"),
    ):
        value = record[key]
        cells.append(("-" if value is None else form % value).rjust(width))
    return "  ".join([*cells, record["quality"]])


@app.command()
def decode(
    file: Path = typer.Argument(help="Capture of a receiver's output."),  # noqa: B008
    as_json: bool = typer.Option(False, "--json", help="One JSON object a line and epoch."),
):
    """Decode a capture of NMEA 0183 sentences, one line an epoch.

    Example: patrol gps decode drive.nmea --json
    """
    # A capture has no clock, so nothing can be said of how long a receiver has settled.
    receiver = Receiver(quality=Quality(settle=0))
    try:
        for fix in decode_file(file, receiver):
            record = to_json(fix)
            typer.echo(json.dumps(record) if as_json else _row(record))
    except OSError as e:
        typer.echo(f"{file}: {e.strerror or e}", err=True)
        raise typer.Exit(1) from None
    counters = receiver.counters
    if not counters["sentences"]:
        typer.echo(f"{file}: no NMEA sentence with a right checksum in it", err=True)
        raise typer.Exit(1)
    if not as_json:
        typer.echo("  ".join(f"{name} {n}" for name, n in sorted(counters.items())))
