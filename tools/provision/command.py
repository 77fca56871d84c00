"""`patrol provision`: identities, keys and configuration, from the command line."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tools import boards, provision
from tools.provision import broker as brokers
from tools.provision import bundle, keys
from tools.provision.files import vehicle_folder
from tools.provision.people_command import technician
from tools.provision.telling import listed, told

app = typer.Typer(no_args_is_help=True, help="Identities, keys and configuration.")

Dir = Annotated[Path, typer.Option("--dir", help="The room's folder, with room.json.")]
Passphrase = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        envvar="PATROL_PASSPHRASE_FILE",
        help="File with the authority's passphrase, if it has one.",
    ),
]
_NONE = "none"  # where a board would have one
Json = Annotated[bool, typer.Option("--json", help="As JSON lines.")]
Days = Annotated[int, typer.Option(min=1, max=7300, help="How long the certificate is good.")]
Out = Annotated[Path | None, typer.Option(help="Pack the gateway's files as this .tar, too.")]


@app.command()
def fleet(folder: Dir, passphrase_file: Passphrase = None) -> None:
    """Create the fleet authority: CA, master secret, root of the room's keys. Before the room.

    Example: patrol provision fleet --dir room --passphrase-file /media/key/passphrase
    """
    with told():
        provision.create_fleet(folder, keys.read_passphrase(passphrase_file))
    typer.echo(f"{folder / 'authority'}: the secret of the fleet; keep it off the room's machine")


@app.command()
def room(
    folder: Dir,
    broker_host: Annotated[str, typer.Option(help="The broker's name or address.")] = "127.0.0.1",
    broker_port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Default: 8883 with a fleet authority, else 1883."),
    ] = None,
    server_name: Annotated[
        str | None, typer.Option(help="Name in the broker's certificate, if not --broker-host.")
    ] = None,
    username: Annotated[str | None, typer.Option(help="The room's name at the broker.")] = None,
    password_file: Annotated[
        Path | None, typer.Option(help="File with the room's password; it is copied.")
    ] = None,
    tls_ca: Annotated[Path | None, typer.Option(help="Certificates that the room trusts.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="The room's own certificate.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its key.")] = None,
    worker: Annotated[
        int | None,
        typer.Option(help="Certify this worker of a room that is there: each needs its own."),
    ] = None,
    passphrase_file: Passphrase = None,
) -> None:
    """Create room.json with a new key pair. An existing one is never overwritten.

    With a fleet authority in the folder the room gets its client certificate as well.

    Example: patrol provision room --dir room --broker-host mqtt.example.org
    """
    with told():
        passphrase = keys.read_passphrase(passphrase_file)
        if worker is not None:
            names = provision.create_worker(folder, worker, passphrase)
            typer.echo(f"worker {worker}: {folder / names['cert']}, {folder / names['key']}")
            return
        files = [path and path.absolute() for path in (tls_ca, tls_cert, tls_key)]
        mqtt = _broker(broker_host, broker_port, username, password_file, *files)
        if server_name is not None and "tls" in mqtt:
            mqtt["tls"]["server_name"] = server_name
        created = provision.create_room(
            folder, mqtt, server_name=server_name, passphrase=passphrase
        )
    typer.echo(f"{folder / 'room.json'}: room key {created.room_key_id.hex()}")


@app.command()
def vehicle(
    folder: Dir,
    name: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Opaque id; a random one if left out.")
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(help="pi (PEM files) or esp32 (DER files); default: to be run here."),
    ] = None,
    board: Annotated[
        str | None,
        typer.Option(help="An ESP32 board: its serial ports, inputs, modem; --target esp32."),
    ] = None,
    inputs: Annotated[
        bool, typer.Option(help="With --board: the car's wires are on its inputs.")
    ] = True,
    wifi: Annotated[
        Path | None,
        typer.Option(help='File with networks: [{"ssid": …, "password": …}, …], the best first.'),
    ] = None,
    lte: Annotated[
        Path | None,
        typer.Option(help='File with the SIM: {"apn": …, "pin": …}; keys of `uplink.lte`.'),
    ] = None,
    gps: Annotated[
        str | None,
        typer.Option(help="Serial port of the GPS receiver; none: without, whatever --board."),
    ] = None,
    gps_baud: Annotated[int, typer.Option()] = 9600,
    obd: Annotated[
        str | None, typer.Option(help="Serial port of the OBD adapter, or none.")
    ] = None,
    obd_baud: Annotated[int, typer.Option()] = 38400,
    journal: Annotated[str | None, typer.Option(help="Folder of the journal, there.")] = None,
    install_dir: Annotated[
        str | None, typer.Option(help="Where the files will lie there; default by --target.")
    ] = None,
    out: Out = None,
    days: Days = provision.DAYS,
    broker_host: Annotated[str | None, typer.Option(help="Default: as the room's.")] = None,
    broker_port: Annotated[int | None, typer.Option(min=1, max=65535)] = None,
    username: Annotated[str | None, typer.Option(help="The vehicle's name there.")] = None,
    password_file: Annotated[
        Path | None, typer.Option(help="File with the vehicle's password; it is copied.")
    ] = None,
    tls_ca: Annotated[Path | None, typer.Option(help="Certificates that it trusts.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="The vehicle's certificate.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its key.")] = None,
    update_keys: Annotated[
        Path | None,
        typer.Option(help="Folder with the three public update keys; default: DIR/update-keys."),
    ] = None,
    hardware: Annotated[
        str | None, typer.Option(help="Board that releases must name; default: pi for --target pi.")
    ] = None,
    release: Annotated[
        Path | None, typer.Option(help="Verified release that it leaves the bench with, in slots.")
    ] = None,
    console: Annotated[
        str | None,
        typer.Option(help="Serial line of the console there; none: no console. Default: target's."),
    ] = None,
    language: Annotated[
        str | None, typer.Option("--console-language", help="en, fr or ar.")
    ] = None,
    charset: Annotated[
        str | None, typer.Option("--console-charset", help="ascii, or utf-8 where terminals can.")
    ] = None,
    technician: Annotated[
        list[str] | None,
        typer.Option(help="Who may log in there, once for each; default: all that the room has."),
    ] = None,
    passphrase_file: Passphrase = None,
) -> None:
    """Add a vehicle to the room; write its configuration and, with an authority, its certificate.

    Example: patrol provision vehicle v-k3n5qw2a --dir room --gps /dev/ttyAMA0 --obd /dev/rfcomm0

    Example: patrol provision vehicle --dir room --target esp32 --gps uart1:18:17 --out gateway.tar

    Example: patrol provision vehicle --dir room --board gateway-s3 --wifi nets.json --out gateway.tar
    """  # noqa: E501 one line to copy
    with told():
        pins = _board(board)
        if pins is not None:
            target, gps, obd = target or "esp32", gps or pins.gps, obd or pins.obd
        mqtt = _broker(broker_host, broker_port, username, password_file, tls_ca, tls_cert, tls_key)
        name, path = provision.create_vehicle(
            folder,
            name,
            gps=(gps, gps_baud) if gps not in (None, _NONE) else None,
            obd=(obd, obd_baud) if obd not in (None, _NONE) else None,
            board=pins,
            has_inputs=inputs,
            networks=_json_file(wifi, list),
            lte=_json_file(lte, dict),
            journal=journal,
            mqtt=mqtt,
            target=target,
            install_dir=install_dir,
            days=days,
            passphrase=keys.read_passphrase(passphrase_file),
            update_keys=update_keys,
            hardware=hardware,
            release=release,
            console=_console(console, language, charset),
            technicians=technician,
        )
        if out is not None:
            bundle.pack(path.parent, out)
    typer.echo(f"{name}: {out or path}")


app.command()(technician)


@app.command("bundle")
def bundle_(
    folder: Dir,
    name: Annotated[str, typer.Argument(metavar="ID", help="The vehicle.")],
    out: Annotated[Path, typer.Option(help="The .tar to write.")],
) -> None:
    """Pack a vehicle's files again: what its gateway needs, and nothing else.

    Example: patrol provision bundle v-k3n5qw2a --dir room --out gateway.tar
    """
    with told():
        bundle.pack(vehicle_folder(folder, name), out)
    typer.echo(f"{name}: {out}")


@app.command()
def rotate(
    folder: Dir,
    name: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="A vehicle; without one: the room's key.")
    ] = None,
    out: Out = None,
    days: Days = provision.DAYS,
    passphrase_file: Passphrase = None,
) -> None:
    """A new key for the room, or a new secret and certificate for a vehicle. The old ones still
    open what was sealed with them, until they are revoked.

    Example: patrol provision rotate --dir room

    Example: patrol provision rotate v-k3n5qw2a --dir room --out gateway.tar
    """
    with told():
        passphrase = keys.read_passphrase(passphrase_file)
        if name is not None:
            generation, path = provision.rotate_vehicle(folder, name, days, passphrase)
            if out is not None:
                bundle.pack(path.parent, out)
            typer.echo(f"{name}: generation {generation}: {out or path}")
            return
        if out is not None:
            raise typer.BadParameter("--out wants a vehicle")
        key_id, version, changed = provision.rotate_room(folder, passphrase)
    signed = "" if version is None else f", signed set {version}"
    typer.echo(f"room key {key_id.hex()}{signed}; {len(changed)} configurations name it")


@app.command()
def revoke(
    folder: Dir,
    name: Annotated[str | None, typer.Argument(metavar="[ID]", help="The vehicle.")] = None,
    generation: Annotated[
        int | None, typer.Option(help="Only this older secret of the vehicle.")
    ] = None,
    room_key: Annotated[
        str | None, typer.Option(help="An old key of the room: what is sealed to it is lost.")
    ] = None,
    technician: Annotated[
        str | None, typer.Option(help="A technician: his key opens no console that learns of it.")
    ] = None,
    passphrase_file: Passphrase = None,
) -> None:
    """Refuse a vehicle from now on; or drop one older secret, or an old key of the room.

    Example: patrol provision revoke v-k3n5qw2a --dir room

    Example: patrol provision revoke v-k3n5qw2a --generation 1 --dir room
    """
    if sum(x is not None for x in (name, room_key, technician)) != 1 or (
        generation is not None and name is None
    ):
        why = "either a vehicle, with or without --generation, or --room-key, or --technician"
        raise typer.BadParameter(why)
    with told():
        if technician is not None:
            key_id, changed = provision.revoke_technician(folder, technician)
            typer.echo(f"{technician}: key {key_id} is revoked{listed(changed)}")
            typer.echo("gateways learn it with their bundle or the next release: docs/console.md")
            return
        passphrase = keys.read_passphrase(passphrase_file)
        if room_key is not None:
            provision.retire_room_key(folder, room_key, passphrase)
            typer.echo(f"room key {room_key}: gone")
            return
        if generation is not None:
            count = provision.revoke_generation(folder, name, generation, passphrase)
            what = f"{name}: generation {generation} opens nothing any more"
        else:
            count = provision.revoke_vehicle(folder, name, passphrase)
            what = f"{name}: revoked"
    if count:
        what += f"; certificates revoked: {count}. The broker needs the new list, and a restart to"
        what += " end a connection that stands"
    typer.echo(what)


@app.command()
def broker(
    folder: Dir,
    out: Annotated[Path, typer.Option(help="Folder for the broker's files.")],
    host: Annotated[
        str | None, typer.Option(help="Name or address in its certificate; default: the room's.")
    ] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Default: the room's.")] = None,
    bind: Annotated[str, typer.Option(help="Address to listen on.")] = "0.0.0.0",
    workers: Annotated[int, typer.Option(help="Workers of the room that it lets in.")] = 1,
    install_dir: Annotated[
        str | None, typer.Option(help="Where the files will lie; default: where they are written.")
    ] = None,
    days: Days = provision.DAYS,
    passphrase_file: Passphrase = None,
) -> None:
    """Write mosquitto's configuration: client certificates, ACL by vehicle, list of the revoked.

    Example: patrol provision broker --dir room --out broker --install-dir /etc/mosquitto/patrol
    """
    with told():
        path = brokers.create_broker(
            folder,
            out,
            host=host,
            port=port,
            bind=bind,
            workers=workers,
            install_dir=install_dir,
            days=days,
            passphrase=keys.read_passphrase(passphrase_file),
        )
    typer.echo(str(path))


@app.command("list")
def list_(
    folder: Dir,
    room_keys: Annotated[
        bool, typer.Option("--room-keys", help="The room's keys instead.")
    ] = False,
    certificates: Annotated[
        bool, typer.Option("--certificates", help="All certificates instead.")
    ] = False,
    technicians: Annotated[
        bool, typer.Option("--technicians", help="Who may log in at consoles instead.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the vehicles that the room knows, with states and dates. No secret is shown.

    Older generations still open a backlog; revoked ones open nothing.

    Example: patrol provision list --dir room --json
    """
    with told():
        if room_keys:
            rows = provision.list_room_keys(folder)
            columns = (("room key", "room_key"), ("state", "state"),
                       ("signed set", "key_set_version"))  # fmt: skip
        elif technicians:
            rows = provision.list_technicians(folder)
            columns = (("technician", "name"), ("role", "role"), ("state", "state"),
                       ("since", "since"), ("key", "key_id"),
                       ("vehicles", "vehicles"))  # fmt: skip
        elif certificates:
            rows = provision.list_certificates(folder)
            columns = (("name", "name"), ("for a", "kind"), ("state", "state"),
                       ("good until", "until"), ("generation", "generation"))  # fmt: skip
        else:
            rows = provision.list_vehicles(folder)
            columns = (("vehicle", "vehicle"), ("state", "state"),
                       ("certificate", "certificate_until"), ("generation", "psk_generation"),
                       ("older", "older_generations"),
                       ("revoked", "revoked_generations"))  # fmt: skip
    if as_json:
        for row in rows:
            typer.echo(json.dumps(asdict(row), default=str))
        return
    table = Table()
    for title, _ in columns:
        table.add_column(title, no_wrap=True)
    for row in rows:
        table.add_row(*[_cell(getattr(row, name)) for _, name in columns])
    Console().print(table)


def _console(port, language, charset):
    """Only what was said, as keys of `console`."""
    found = {"language": language, "charset": charset}
    found = {name: value for name, value in found.items() if value is not None}
    if port is not None:
        found.update({"port": None, "socket": None} if port == "none" else {"port": port})
    return found


def _cell(value):
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "-"
    text = "-" if value is None else str(value)
    return text.split("T")[0] if text.endswith("Z") else text  # the day will do


def _board(name):
    try:
        return None if name is None else boards.find(name)
    except boards.BoardError as error:
        raise provision.ProvisionError(str(error)) from None


def _json_file(path, kind):
    """What a file with secrets holds; they are not given as options, which others can see."""
    if path is None:
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise provision.ProvisionError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise provision.ProvisionError(f"{path} is no JSON: {error}") from None
    if not isinstance(found, kind):
        what = "a list of networks" if kind is list else "an object"
        raise provision.ProvisionError(f"{path} must hold {what}")
    return found


def _broker(host, port, username, password_file, ca, cert, key):
    """Only what was said, as keys of `mqtt`."""
    mqtt = {"host": host, "port": port, "username": username}
    if password_file is not None:
        try:
            mqtt["password"] = password_file.read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            raise provision.ProvisionError(f"{password_file}: {error.strerror}") from None
    if ca is not None:
        mqtt["tls"] = {"ca": str(ca)}
        if cert is not None or key is not None:
            mqtt["tls"].update(cert=str(cert) if cert else None, key=str(key) if key else None)
    elif cert is not None or key is not None:
        raise typer.BadParameter("--tls-cert and --tls-key want --tls-ca")
    return {name: value for name, value in mqtt.items() if value is not None}
