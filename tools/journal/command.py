"""`patrol journal`: a look into a vehicle's journal."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tools.journal.check import CheckError
from tools.journal.check import check as examine

app = typer.Typer(help="A vehicle's journal.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `check` a command of its own while it is the only one."""


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="The journal's folder (`journal.dir`).")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Say what a journal holds, where it is damaged, what the room still lacks. Changes nothing.

    Example: patrol journal check /var/lib/patrol/journal
    """
    try:
        report = examine(folder)
    except CheckError as e:
        typer.echo(f"journal check: {e}", err=True)
        raise typer.Exit(1) from None
    if as_json:
        print(json.dumps(report))
    else:
        _show(report)
    if report["unreadable"]:
        typer.echo(f"journal check: {report['unreadable'][0]}", err=True)
        raise typer.Exit(1)


def _show(report):
    console = Console()
    files = Table("file", "session", "frames", "numbers", "bytes", "damage", title="segments")
    for f in report["files"]:
        bad = f["first_bad_byte"]
        numbers = f"{f['first']}–{f['last']}" if f["records"] else ""
        damage = "" if bad is None else f"from byte {bad}"
        files.add_row(
            f["file"], f.get("session"), str(f["records"]), numbers, str(f["bytes"]), damage
        )
    sessions = Table(
        "session", "ended", "the room has", "lies here", "is missing", title="sessions"
    )
    for s in report["sessions"]:
        end = s["how"] if s["end"] is None else f"{s['how']} at {s['end']}"
        sessions.add_row(
            s["session"], end, _ranges(s["acknowledged"]), str(s["unacknowledged"]),
            _ranges(s["missing"]),
        )  # fmt: skip
    console.print(files)
    console.print(sessions)
    if report["gaps"]:
        gaps = Table("session", "lane", "numbers", "frames", "why", "the room knows", title="gaps")
        for g in report["gaps"]:
            known = "yes" if g["told"] else "not yet"
            numbers = f"{g['first']}–{g['last']}"
            gaps.add_row(g["session"], g["lane"], numbers, str(g["count"]), g["reason"], known)
        console.print(gaps)
    line = (
        "{records} frames in {segments} segments, {bytes} bytes; {unacknowledged} not acknowledged"
    )
    console.print(line.format(**report))
    for name in report["strangers"]:
        console.print(f"{name}: not the journal's")


def _ranges(ranges):
    return ", ".join(str(a) if a == b else f"{a}–{b}" for a, b in ranges)
