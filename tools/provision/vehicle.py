"""A vehicle's part: its id, its secret of one generation, its certificate and configuration."""

import secrets
from pathlib import Path

from agent import config as agent_config
from tools.files import private_folder, write_private
from tools.provision import bundle, keys
from tools.provision import technicians as people
from tools.provision.authority import DAYS
from tools.provision.errors import ProvisionError
from tools.provision.files import authority_of, changing, save, text, vehicle_folder
from tools.release import ReleaseError
from tools.release import folder as releases
from tools.release import keys as release_keys
from tools.room import keys as room_keys

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"  # base32 (RFC 4648), in lower case
_ID_LETTERS = 8


def suggest_id():
    """An opaque id: nobody at the broker learns which car it is."""
    return "v-" + "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LETTERS))


def create_vehicle(
    folder,
    vehicle=None,
    *,
    gps=None,
    obd=None,
    journal=None,
    mqtt=None,
    generation=1,
    target=None,
    install_dir=None,
    days=DAYS,
    passphrase=None,
    update_keys=None,
    hardware=None,
    release=None,
    console=None,
    technicians=None,
    board=None,
    has_inputs=True,
    networks=None,
    lte=None,
):
    """Adds a vehicle to room.json and writes `folder`/vehicles/<id>/.

    vehicle: its id, or None for a new opaque one; gps, obd: (port, baud) or None where the part is
    absent; mqtt: keys of `mqtt` in the config, host and port default to the room's; target: "pi"
    or "esp32", None to run it where it is written; install_dir, journal: folders on the gateway,
    defaults by the target; update_keys: folder with the three public keys that sign releases, by
    default `folder`/update-keys where there is one; hardware: what a release must name, default by
    the target; release: folder of a verified one that it leaves the bench with; console: keys of
    `console` beside what the target has; technicians: names of those who may log in there, None for
    all that the room has. board: of tools/boards.py: what is not said is as its pins are;
    has_inputs: the car's wires are on them. networks: rows of `uplink.wifi.networks`; lte: keys of
    `uplink.lte`, beside the board's. Returns (id, path of the config).
    """
    vehicle = vehicle or suggest_id()
    if not room_keys.VEHICLE.fullmatch(vehicle):
        raise ProvisionError(f"vehicle {vehicle}: an id has 1 to 24 characters of a-z, 0-9 and -")
    own = vehicle_folder(folder, vehicle)
    form, install_dir, journal = _places(own, target, install_dir, journal)
    admitted = people.chosen(folder, technicians)
    moduli, update = _update(folder, target, install_dir, update_keys, hardware, board)
    if release is not None and update is None:
        raise ProvisionError("a gateway with slots wants update keys (--update-keys)")
    with changing(folder) as (raw, room):
        authority = authority_of(folder, passphrase)
        if vehicle in room.vehicles or vehicle in room.revoked:
            raise ProvisionError(f"vehicle {vehicle} is there already: its key would be lost")
        psk = new_psk(authority, vehicle, generation)
        config = {
            "vehicle": vehicle,
            "keys": key_group(room, psk, generation, authority),
            "mqtt": _mqtt(room.mqtt, mqtt or {}),
            "gps": None if gps is None else {"port": str(gps[0]), "baud": gps[1]},
            "obd": None if obd is None else {"port": str(obd[0]), "baud": obd[1]},
            "journal": {"dir": journal},
            **_wiring(board, has_inputs),
            **_uplink(board, networks, lte),
        }
        is_certified = authority is not None and config["mqtt"]["tls"] is None
        if is_certified:
            name = room.mqtt.tls["server_name"] if room.mqtt.tls else None
            config["mqtt"]["tls"] = {**bundle.tls_paths(form, install_dir), "server_name": name}
        if update is not None:
            config["update"] = update
        group = {**(bundle.TARGETS[target].console if target else {}), **(console or {})}
        if admitted:
            group["technicians"] = people.rows_of(admitted, install_dir)
        if group:
            config["console"] = group
        agent_config.check(config)
        raw.setdefault("vehicles", {})[vehicle] = {"psk": psk.hex(), "generation": generation}
        room_keys.check(raw, own)
        # The vehicle's part first: a secret that only a file holds does no harm.
        private_folder(own)
        if is_certified:
            with authority.changing():
                certify(folder, authority, vehicle, form, generation, days)
        if moduli is not None:
            write_private(own / bundle.UPDATE_KEYS, moduli)
        people.write_moduli(own, admitted)
        if release is not None:
            _lay_out(release, own / bundle.SLOTS)
        write_private(own / bundle.CONFIG, text(config))
        save(folder, raw)
    return vehicle, own / bundle.CONFIG


def new_psk(authority, vehicle, generation):
    if authority is None:
        return secrets.token_bytes(32)
    return authority.psk(vehicle, generation)


def key_group(room, psk, generation, authority=None):
    """`keys` of the vehicle's configuration; with an authority it takes sets of room keys later."""
    rooted = {}
    if authority is not None:
        rooted = {
            "fleet_root": keys.modulus(authority.root_public).hex(),
            "key_set_version": authority.register["key_set_version"],
        }
    return {
        **rooted,
        "room_key_id": room.room_key_id.hex(),
        "room_public": room.room_keys[room.room_key_id].public.hex(),
        "psk": psk.hex(),
        "psk_generation": generation,
    }


def certify(folder, authority, vehicle, form, generation, days):
    """A new certificate and what goes with it, into the vehicle's folder (within `changing`)."""
    own = vehicle_folder(folder, vehicle)
    certificate, key = authority.issue(vehicle, "vehicle", days, generation=generation)
    bundle.write_tls(own, form, authority.certificate, certificate, key)
    write_private(own / bundle.ROOT, keys.modulus(authority.root_public))


def _places(own, target, install_dir, journal):
    """(form of the TLS files, where the bundle lies on the gateway, where its journal does)."""
    if target is None:
        where = own.absolute() if install_dir is None else Path(install_dir)
        return "pem", str(where), str(journal or where / "journal")
    if target not in bundle.TARGETS:
        raise ProvisionError(f"target {target}: there are {', '.join(bundle.TARGETS)}")
    rules = bundle.TARGETS[target]
    return rules.form, str(install_dir or rules.install_dir), str(journal or rules.journal)


def _wiring(board, has_inputs):
    """Groups of the configuration that are the board's own."""
    found = {}
    if board is not None and has_inputs:
        found["inputs"] = board.inputs
    if board is not None and board.power:
        found["power"] = board.power
    return found


def _uplink(board, networks, lte):
    """`uplink` of an ESP32's configuration: Wi-Fi first, as it costs nothing."""
    ways = {}
    if networks is not None:
        ways["wifi"] = {"networks": networks}
    if lte is not None:
        modem = board.modem if board is not None else None
        if modem is None and "port" not in lte:
            raise ProvisionError("lte: no modem's port: name a board that has one, or `port`")
        ways["lte"] = {**(modem or {}), **lte}
    return {"uplink": {"order": list(ways), **ways}} if ways else {}


def _update(folder, target, install_dir, update_keys, hardware, board):
    """(the moduli of the update keys, `update` of the configuration), both None without keys."""
    default = Path(folder) / bundle.KEYS_FOLDER
    if update_keys is None and not default.is_dir():
        if hardware is not None:
            raise ProvisionError(f"hardware {hardware}: no update keys (--update-keys)")
        return None, None
    hardware = hardware or (board.name if board else None)
    hardware = hardware or (bundle.TARGETS[target].hardware if target else None)
    if hardware is None:
        if update_keys is None:
            return None, None  # keys lie there for the others
        raise ProvisionError("say which board it is (--hardware): releases name it")
    try:
        public = release_keys.public_keys(update_keys or default)
    except ReleaseError as e:
        raise ProvisionError(str(e)) from e
    moduli = b"".join(release_keys.modulus(key) for key in public.values())
    return moduli, {"hardware": hardware, "keys": str(Path(install_dir) / bundle.UPDATE_KEYS)}


def _lay_out(release, where):
    try:
        releases.install(release, where)
    except ReleaseError as e:
        raise ProvisionError(str(e)) from e


def _mqtt(room, changes):
    """The broker as the vehicle sees it. The room's own credentials are never handed on."""
    mqtt = {
        "host": room.host,
        "port": room.port,
        "username": None,
        "password": None,
        "keepalive_s": 60,
        "tls": None,
    }
    mqtt.update(changes)
    return mqtt
