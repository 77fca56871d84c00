"""`patrol provision`: identities, keys and configuration, from the command line."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tools import provision

app = typer.Typer(no_args_is_help=True, help="Identities, keys and configuration.")

Dir = Annotated[Path, typer.Option("--dir", help="The room's folder, with room.json.")]


@app.command()
def room(
    folder: Dir,
    broker_host: Annotated[str, typer.Option(help="The broker's name or address.")] = "127.0.0.1",
    broker_port: Annotated[int, typer.Option(min=1, max=65535)] = 1883,
    username: Annotated[str | None, typer.Option(help="The room's name at the broker.")] = None,
    password_file: Annotated[
        Path | None, typer.Option(help="File with the room's password; it is copied.")
    ] = None,
    tls_ca: Annotated[Path | None, typer.Option(help="Certificates that the room trusts.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="The room's own certificate.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its key.")] = None,
) -> None:
    """Create room.json with a new key pair. An existing one is never overwritten.

    Example: patrol provision room --dir room --broker-host mqtt.example.org
    """
    mqtt = _broker(broker_host, broker_port, username, password_file, tls_ca, tls_cert, tls_key)
    try:
        created = provision.create_room(folder, mqtt)
    except provision.ProvisionError as error:
        raise _failed(error) from None
    typer.echo(f"{folder / 'room.json'}: room key {created.room_key_id.hex()}")


@app.command()
def vehicle(
    folder: Dir,
    name: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Opaque id; a random one if left out.")
    ] = None,
    gps: Annotated[str | None, typer.Option(help="Serial port of the GPS receiver.")] = None,
    gps_baud: Annotated[int, typer.Option()] = 9600,
    obd: Annotated[str | None, typer.Option(help="Serial port of the OBD adapter.")] = None,
    obd_baud: Annotated[int, typer.Option()] = 38400,
    journal: Annotated[str | None, typer.Option(help="Folder of the journal, there.")] = None,
    broker_host: Annotated[str | None, typer.Option(help="Default: as the room's.")] = None,
    broker_port: Annotated[int | None, typer.Option(min=1, max=65535)] = None,
    username: Annotated[str | None, typer.Option(help="The vehicle's name there.")] = None,
    password_file: Annotated[
        Path | None, typer.Option(help="File with the vehicle's password; it is copied.")
    ] = None,
    tls_ca: Annotated[Path | None, typer.Option(help="Certificates that it trusts.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="The vehicle's certificate.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its key.")] = None,
) -> None:
    """Add a vehicle to the room and write its configuration.

    Example: patrol provision vehicle v-k3n5qw2a --dir room --gps /dev/ttyAMA0 --obd /dev/rfcomm0
    """
    mqtt = _broker(broker_host, broker_port, username, password_file, tls_ca, tls_cert, tls_key)
    try:
        name, path = provision.create_vehicle(
            folder,
            name,
            gps=(gps, gps_baud) if gps else None,
            obd=(obd, obd_baud) if obd else None,
            journal=journal,
            mqtt=mqtt,
        )
    except provision.ProvisionError as error:
        raise _failed(error) from None
    typer.echo(f"{name}: {path}")


@app.command("list")
def list_(
    folder: Dir, as_json: Annotated[bool, typer.Option("--json", help="As JSON lines.")] = False
) -> None:
    """List the vehicles that the room knows. No secret is shown.

    Example: patrol provision list --dir room
    """
    try:
        rows = provision.list_vehicles(folder)
    except provision.ProvisionError as error:
        raise _failed(error) from None
    if as_json:
        for name, generation, path in rows:
            typer.echo(
                json.dumps(
                    {
                        "vehicle": name,
                        "psk_generation": generation,
                        "config": str(path) if path else None,
                    }
                )
            )
        return
    table = Table("vehicle", "key generation", "configuration")
    for name, generation, path in rows:
        table.add_row(name, str(generation), str(path or "not here"))
    Console().print(table)


def _broker(host, port, username, password_file, ca, cert, key):
    """Only what was said, as keys of `mqtt`."""
    mqtt = {"host": host, "port": port, "username": username}
    if password_file is not None:
        try:
            mqtt["password"] = password_file.read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            raise _failed(f"{password_file}: {error.strerror}") from None
    if ca is not None:
        mqtt["tls"] = {"ca": str(ca)}
        if cert is not None or key is not None:
            mqtt["tls"].update(cert=str(cert) if cert else None, key=str(key) if key else None)
    elif cert is not None or key is not None:
        raise typer.BadParameter("--tls-cert and --tls-key want --tls-ca")
    return {name: value for name, value in mqtt.items() if value is not None}


def _failed(text):
    typer.echo(str(text), err=True)
    return typer.Exit(1)
