"""`patrol provision technician`: people and their keys."""

from pathlib import Path
from typing import Annotated

import typer

from tools import provision
from tools.provision import keys
from tools.provision.telling import listed, told


def technician(
    folder: Annotated[Path, typer.Option("--dir", help="The room's folder, with room.json.")],
    name: Annotated[str, typer.Argument(help="Letters, digits, - and _; 24 at most.")],
    role: Annotated[str, typer.Option(help="The most that he may do: look, service, danger.")] = (
        "service"
    ),
    key_dir: Annotated[
        Path, typer.Option(help="Where the key pair is written; never the room's folder.")
    ] = Path("."),
    key_passphrase_file: Annotated[
        Path | None, typer.Option(help="File whose first line seals the private key.")
    ] = None,
    public: Annotated[
        Path | None, typer.Option(help="His own public key, NAME.pub; then none is made.")
    ] = None,
    vehicle: Annotated[
        list[str] | None, typer.Option(help="Admit him to this vehicle; once for each.")
    ] = None,
    all_vehicles: Annotated[
        bool, typer.Option("--all-vehicles", help="Admit him to all that the room has.")
    ] = False,
) -> None:
    """Register a technician, who logs in at consoles by a key. Vehicles that are made from now on
    know him; to those that are there take the changed bundle.

    Example: patrol provision technician bench-2 --dir room --role danger --key-dir /media/key

    Example: patrol provision technician bench-2 --dir room --public bench-2.pub --all-vehicles
    """
    with told():
        private, changed = provision.create_technician(
            folder,
            name,
            role,
            keys=key_dir,
            passphrase=keys.read_passphrase(key_passphrase_file),
            public=public,
            vehicles=None if all_vehicles else vehicle or (),
        )
    if private is not None:
        typer.echo(f"{private}: for {name} alone")
    typer.echo(f"{name}: role {role}; {len(changed)} configurations changed{listed(changed)}")
