"""What lies on a gateway's file system when it leaves the bench.

    boot.py main.py             firmware/esp32: MicroPython runs them at its start
    board.py                    firmware/esp32/boards: pins
    slotboot.py slottree.py     which slot starts (docs/update.md)
    slotrom.py                  and runs out of the ROM partition, where there is one
    slotstart.py                the agent or the minimal boot (docs/starting.md)
    a/                          the agent, compiled
    config.json tls/ *.bin      the vehicle's bundle (tools/provision/bundle.py)

All is put into the file system on this machine, and looked at with the gateway's own code before
anything is written to a board.
"""

import io
import json
import tarfile
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from agent import config as agent_config
from agent import port
from agent.port.tree import new_hash
from agent.update import boot
from tools import boards
from tools.flash import FlashError, budget
from tools.provision import bundle as bundles
from tools.release import ReleaseError, folder
from tools.release import build as builder

ROOT = Path(__file__).resolve().parents[2]
FIRMWARE = ROOT / "firmware" / "esp32"
DEFAULT_BOARDS = {"esp32": "devkit_esp32", "esp32s3": "gateway_s3"}
_BASE = {
    "boot.py": FIRMWARE / "boot.py",
    "main.py": FIRMWARE / "main.py",
    "slotrom.py": ROOT / "agent" / "update" / "rom.py",
}
_SLOT = "a"
CONSOLE = "usb"  # the line that the firmware speaks on, and that a board is flashed by
_MAX_BUNDLE_FILE = 1 << 20


def board(name):
    """The Board of a name (tools/boards.py). Raises FlashError."""
    try:
        return boards.find(name)
    except boards.BoardError as error:
        raise FlashError(str(error)) from None


def bundle(path):
    """{name: bytes} of a vehicle's folder or .tar. Raises FlashError."""
    try:
        if path.is_dir():
            found = {name: (path / name).read_bytes() for name in bundles.files(path)}
        else:
            with tarfile.open(path) as tar:
                members = [m for m in tar.getmembers() if m.isfile()]
                if any(m.size > _MAX_BUNDLE_FILE or m.name.startswith("/") for m in members):
                    raise FlashError(f"{path} is no bundle of a vehicle")
                found = {m.name: tar.extractfile(m).read() for m in members}
    except tarfile.TarError:
        raise FlashError(f"{path} is no bundle of a vehicle: neither a folder nor a .tar") from None
    except OSError as error:
        raise FlashError(f"bundle {path}: {error.strerror}") from None
    if bundles.CONFIG not in found or any(".." in name.split("/") for name in found):
        raise FlashError(f"{path} has no {bundles.CONFIG}: it is no bundle of a vehicle")
    return found


def parsed(files, where):
    """(configuration as it is written, as it was checked). Raises FlashError."""
    try:
        raw = json.loads(files[bundles.CONFIG])
        return raw, agent_config.check(raw)
    except (ValueError, agent_config.ConfigError) as error:
        raise FlashError(f"{where}: {bundles.CONFIG}: {error}") from None


def configuration(files, where, board):
    """The same of a bundle that is good for this board. Raises FlashError."""
    raw, checked = parsed(files, where)
    for broker in checked["mqtt"]["brokers"]:
        for key in ("ca", "cert", "key"):
            name = (broker["tls"] or {}).get(key)
            if name and name.lstrip("/") not in files:
                raise FlashError(
                    f"{where}: mqtt.tls.{key} is {name}, which the bundle has not: "
                    "was it made with --target esp32?"
                )
    for part in ("gps", "obd"):
        path = (checked[part] or {}).get("port")
        if path and not path.startswith("uart"):
            raise FlashError(
                f"{where}: {part}.port {path} is no UART of an ESP32; "
                f"on {board.name} it is {getattr(board, part)}"
            )
    if (checked["gps"] or {}).get("gpsd"):
        raise FlashError(
            f"{where}: gps.gpsd is for a Raspberry Pi; a chip reads the receiver itself"
        )
    update = checked["update"]
    if update and update["hardware"] != board.name:
        raise FlashError(
            f"{where}: update.hardware is {update['hardware']}, the board is {board.name}"
        )
    if update and update["keys"].lstrip("/") not in files:
        raise FlashError(f"{where}: update.keys is {update['keys']}, which the bundle has not")
    if not checked["journal"]["dir"].startswith("/"):
        raise FlashError(f"{where}: journal.dir {checked['journal']['dir']} does not begin with /")
    return raw, checked


@dataclass
class Release:
    """The agent as it goes into a slot; `signed`: the manifest with its signatures, if it has
    any."""

    name: str
    files: dict
    index: bytes
    signed: bytes


def built(target, hardware):
    """The Release of this source tree, unsigned: it stands on the bench's word alone."""
    try:
        files = builder.collect(target)
        index = builder.index_of(files)
        name = builder.version()
        order = builder.Order(name, 1, 1, int(time.time()), 0, [hardware])
        manifest = builder.manifest_of(order, files, index)
    except (ReleaseError, OSError) as error:
        raise FlashError(f"the agent cannot be built: {error}") from None
    return Release(name, files, index, port.packb([1, manifest, []]))


def released(path, hardware, is_compiled=True):
    """The Release of a folder that `patrol release verify` has passed. hardware: what it must be
    for; is_compiled: for MicroPython. Raises FlashError."""
    return _release(path, "signed", hardware, is_compiled)


def laid_out(bundle, hardware, is_compiled=True):
    """The Release that a bundle carries in slot a (`patrol provision vehicle --release`), or None.
    Raises FlashError."""
    inside = f"{bundles.SLOTS}/{_SLOT}/"
    names = [name for name in bundle if name.startswith(inside)]
    if not names:
        return None
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            path = Path(scratch) / name.removeprefix(inside)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bundle[name])
        return _release(Path(scratch), "manifest", hardware, is_compiled)


def _release(path, signed, hardware, is_compiled):
    """signed: the file with the manifest and its signatures."""
    try:
        manifest, _ = folder.read(path)
        folder.check_files(path, manifest)
        signed = (path / signed).read_bytes()
        index = (path / "files").read_bytes()
        names = [name for name, _, _ in boot.rows(index)]
        files = {name: (path / "app" / name).read_bytes() for name in names}
    except ReleaseError as error:
        raise FlashError(str(error)) from None
    except OSError as error:
        text = "patrol release verify writes it" if error.filename else error.strerror
        raise FlashError(f"{error.filename or path} is missing: {text}") from None
    if hardware not in manifest.hardware:
        known = ", ".join(manifest.hardware)
        raise FlashError(f"release {manifest.name} is for {known}, the board is {hardware}")
    if any(name.endswith(".mpy") for name in names) != is_compiled:
        word, target = ("not compiled", "esp32") if is_compiled else ("compiled", "pi")
        raise FlashError(f"release {manifest.name} is {word}: build it with --target {target}")
    return Release(manifest.name, files, index, signed)


def put_base(volume, board):
    """Boot files and pins."""
    sources = {**_BASE, **{name: ROOT / path for name, path in folder.BASE.items()}}
    for name, path in sources.items():
        _put(volume, name, path.read_bytes())
    _put(volume, "board.py", board.source)


def put_release(volume, release):
    """The agent into slot a, which is the good one from then on; what the gateway refuses to go
    back behind stays. A release on trial in the other slot is given up."""
    files = {f"{_SLOT}/app/{name}": data for name, data in release.files.items()}
    files[f"{_SLOT}/manifest"] = release.signed
    files[f"{_SLOT}/files"] = release.index
    files[f"{_SLOT}/whole"] = port.sha256(release.index)
    for name in volume.names(_SLOT):
        if name not in files:
            volume.remove(name)
    for name, data in files.items():
        _put(volume, name, data)
    pointer = boot.load(volume)
    if pointer.sequence:
        pointer.slot = boot.SLOTS.index(_SLOT)
        pointer.end(boot.GOOD)
        boot.store(volume, pointer)


def _put(volume, name, data):
    """What is there already needs no blocks to be written on the board."""
    if volume.size(name) != len(data) or volume.read(name) != data:
        volume.replace(name, data)


def put_bundle(volume, files, raw, checked):
    """Configuration, keys and certificates. Where the configuration leaves the journal's quota
    open, it becomes what the file system has room for beside a second slot, and so does what a
    release may have; where it says nothing of the console's port, that is the one of the bench.
    Returns the budget.Budget. Raises FlashError."""
    for name, data in files.items():
        if not name.startswith(bundles.SLOTS + "/"):
            volume.replace(name, data)
    room = budget.of(volume)
    room.check()
    quota = room.journal_bytes
    is_open = "quota_bytes" not in raw.get("journal", {})
    if not is_open and checked["journal"]["quota_bytes"] > quota:
        raise FlashError(
            f"journal.quota_bytes is {checked['journal']['quota_bytes']}; partition vfs has room "
            f"for {quota}, or for what fits where the configuration does not say"
        )
    if is_open:
        raw.setdefault("journal", {})["quota_bytes"] = quota
    # The bench looks at the gateway by it (selftest.py); null in the configuration closes it.
    if "port" not in raw.get("console", {}):
        raw.setdefault("console", {})["port"] = CONSOLE
    if checked["update"] and "capacity_bytes" not in raw["update"]:
        raw["update"]["capacity_bytes"] = room.slot_bytes
    _put(volume, bundles.CONFIG, (json.dumps(raw, indent=1) + "\n").encode())
    return room


def check(volume):
    """The gateway's own boot code looks at what will be written. Returns the slot that it would
    start. Raises FlashError."""
    slot = boot.SLOTS[boot.load(volume).slot]
    if not boot.is_whole(volume, slot, new_hash):
        raise FlashError(f"slot {slot} is not whole: the boot code would not start it")
    return slot


def configured(volume):
    """The checked configuration that lies in the file system. Raises FlashError."""
    try:
        return agent_config.check(json.load(io.BytesIO(volume.read(bundles.CONFIG))))
    except (OSError, ValueError, agent_config.ConfigError) as error:
        raise FlashError(f"the board has no configuration that can be used: {error}") from None
