"""`patrol release`: build, sign and verify what vehicles are updated to."""

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tools.provision import ProvisionError
from tools.provision import technicians as people
from tools.release import ReleaseError, folder, keys
from tools.release import build as builder
from tools.release import wipe as wipes

app = typer.Typer(no_args_is_help=True, help="Build, sign and verify releases of the agent.")

Release = Annotated[Path, typer.Argument(metavar="RELEASE", help="The release's folder.")]
Keys = Annotated[Path, typer.Option("--keys", help="Folder with the three public keys, *.pub.")]
PassphraseFile = Annotated[
    Path | None, typer.Option(help="File whose first line is the private key's passphrase.")
]


@app.command("keys")
def keys_(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    directory: Annotated[Path, typer.Option("--dir", help="Folder for NAME.key and NAME.pub.")],
    passphrase_file: PassphraseFile = None,
) -> None:
    """Make one person's update key. A fleet has three; any two of them sign a release.

    Each makes the key on their own machine and hands round NAME.pub alone.

    Example: patrol release keys first --dir keys --passphrase-file first.txt
    """
    try:
        found, path = keys.create(directory, name, _passphrase(passphrase_file))
    except ReleaseError as error:
        raise _failed(error) from None
    typer.echo(f"{path}: update key {found.hex()}")


@app.command()
def build(
    target: Annotated[str, typer.Option(help="pi, esp32, or unix (MicroPython on a PC).")],
    out: Annotated[Path, typer.Option(help="New folder for the release.")],
    counter: Annotated[int, typer.Option(min=1, help="Number of the release; ever greater.")],
    generation: Annotated[int, typer.Option(min=1, help="Number of the order; ever greater.")],
    minimum: Annotated[
        int | None,
        typer.Option(min=0, help="Lowest counter that is taken after it. Default: --counter."),
    ] = None,
    hardware: Annotated[
        list[str] | None, typer.Option(help="Board that it is for; once for each.")
    ] = None,
    vehicle: Annotated[
        list[str] | None, typer.Option(help="Only for this vehicle; once for each.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="Days that it may be taken.")] = 30,
    name: Annotated[str | None, typer.Option(help="Default: the agent's version.")] = None,
    source: Annotated[Path, typer.Option(help="Folder with agent/.")] = builder.ROOT,
    technicians: Annotated[
        Path | None,
        typer.Option(help="technicians.json of a room: revoked keys open no console any more."),
    ] = None,
) -> None:
    """Build a release: the agent's files for a target, their index, and the manifest to sign.

    Example: patrol release build --target esp32 --hardware gateway-s3 --counter 12 --generation 5 --out r12
    """  # noqa: E501 one line to copy
    try:
        order = builder.Order(
            name or builder.version(source),
            counter,
            generation,
            int(time.time()) + days * 86400,
            counter if minimum is None else minimum,
            hardware or [],
            vehicle or [],
        )
        made = builder.build(out, target, order, source, _revoked(technicians))
    except (ReleaseError, ProvisionError, OSError) as error:
        raise _failed(error) from None
    typer.echo(f"{out}: release {made.name}, {made.files} files, {made.bytes} bytes, unsigned")


@app.command()
def sign(
    release: Release,
    key: Annotated[Path, typer.Option(help="The private key, NAME.key.")],
    passphrase_file: PassphraseFile = None,
    without_files: Annotated[
        bool, typer.Option(help="Sign a manifest whose files are not here to be looked at.")
    ] = False,
) -> None:
    """Sign a release with one key. Two people do that, each on their own machine.

    What is handed to the next one is the folder, or this one's .sig file alone.

    Example: patrol release sign r12 --key keys/first.key
    """
    try:
        private = _private(key, passphrase_file)
        _show(release)
        name = folder.sign(release, private, without_files)
    except (ReleaseError, OSError) as error:
        raise _failed(error) from None
    typer.echo(f"{release}: signed by key {name.hex()}")


@app.command()
def wipe(
    order: Annotated[Path, typer.Argument(metavar="ORDER", help="File of the order.")],
    vehicle: Annotated[
        str | None, typer.Option(help="Make a new order, for this vehicle alone.")
    ] = None,
    generation: Annotated[
        int | None, typer.Option(min=1, help="Number of the new order; ever greater for a vehicle.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=365, help="Days that it may be taken.")] = 7,
    key: Annotated[Path | None, typer.Option(help="Sign it with this private key.")] = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Make, sign or show an order that erases a vehicle's secrets. Two people sign it.

    The room gives it: patrol room order VEHICLE wipe signed=@ORDER --role danger

    Example: patrol release wipe v-k3n5qw2a.wipe --vehicle v-k3n5qw2a --generation 1 --key keys/first.key
    """  # noqa: E501 one line to copy
    try:
        if vehicle is not None:
            if generation is None:
                raise typer.BadParameter("--vehicle wants --generation")
            wipes.create(order, vehicle, generation, int(time.time()) + days * 86400)
        if key is not None:
            wipes.sign(order, _private(key, passphrase_file))
        found = wipes.show(order)
    except ReleaseError as error:
        raise _failed(error) from None
    until = datetime.fromtimestamp(found["expires"], UTC).isoformat().replace("+00:00", "Z")
    by = ", ".join(found["signatures"]) or "nobody yet"
    typer.echo(
        f"{order}: erases {found['vehicle']}, order {found['generation']}, until {until};"
        f" signed by {by}"
    )


@app.command()
def verify(release: Release, public: Keys) -> None:
    """Check that a release is whole and signed by two of the three; writes RELEASE/signed.

    It is the vehicles' own code that says so, but for what only a vehicle knows.

    Example: patrol release verify r12 --keys keys
    """
    try:
        found = folder.verify(release, keys.fleet_keys(public))
        by = folder.signers(release, keys.public_keys(public))
    except (ReleaseError, OSError) as error:
        raise _failed(error) from None
    typer.echo(f"{release}: release {found.name} is whole, signed by {', '.join(by)}")


@app.command()
def show(
    release: Release, as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False
) -> None:
    """Show what the manifest of a release, or of a gateway's slot, says.

    That it is signed well is for `verify` to say.

    Example: patrol release show r12 --json
    """
    try:
        _show(release, as_json)
    except (ReleaseError, OSError) as error:
        raise _failed(error) from None


def _show(release, as_json=False):
    found, _ = folder.read(release)
    values = {
        "name": found.name,
        "order": found.id.hex(),
        "hardware": found.hardware,
        "vehicles": found.vehicles,
        "counter": found.counter,
        "minimum": found.minimum,
        "generation": found.generation,
        "expires": datetime.fromtimestamp(found.expires, UTC).isoformat().replace("+00:00", "Z"),
        "files": found.files,
        "bytes": found.bytes,
        "index_sha256": found.index_hash.hex(),
        "signatures": [name.hex() for name, _ in folder.signatures(release)],
    }
    if as_json:
        typer.echo(json.dumps(values))
        return
    for name, value in values.items():
        if isinstance(value, list):
            value = ", ".join(value) or ("all" if name == "vehicles" else "none")
        typer.echo(f"{name:<13} {value}")


def _private(path, passphrase_file):
    """The private key of a file; its passphrase is asked for where a person sits."""
    try:
        return keys.load_private(path, _passphrase(passphrase_file))
    except keys.NeedsPassphrase:
        if not sys.stdin.isatty():
            raise
        said = typer.prompt(f"Passphrase of {path}", hide_input=True)
        return keys.load_private(path, said.encode())


def _passphrase(path):
    if path is None:
        return None
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ReleaseError(f"{path}: {error.strerror}") from None
    if not lines or not lines[0]:
        raise ReleaseError(f"{path}: its first line is empty")
    return lines[0].encode()


def _revoked(path):
    """Ids of the keys that a room's list of technicians says are revoked."""
    return [] if path is None else [row["key_id"] for row in people.read(path)["revoked"]]


def _failed(text):
    typer.echo(str(text), err=True)
    return typer.Exit(1)
