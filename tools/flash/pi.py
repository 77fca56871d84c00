"""A Raspberry Pi's system becomes a gateway: agent, slots, unit and configuration go into the file
system of its card, mounted here, or into that of the Pi itself (`--root /`).

    /opt/patrol/launcher.py                    starts the chosen slot
    /var/lib/patrol/                           boot code, slot a; the journal
    /etc/patrol/                               the bundle: configuration, keys, certificates
    /etc/systemd/system/patrol-agent.service   and its link, by which it starts at each boot
    /usr/lib/sysusers.d, /usr/lib/tmpfiles.d   the user `patrol`, and that all this is his

Files are written as they are and belong to whoever writes them: another system's users are not
known here. The two last make the user and hand them over when the Pi starts (systemd-sysusers and
systemd-tmpfiles, which run before services). Nothing of the system itself is changed.
"""

import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from agent.port.tree import Tree, TreeError, new_hash
from agent.update import boot
from tools.files import private_folder, write_private
from tools.flash import FlashError, contents
from tools.provision import bundle as bundles
from tools.release import folder

FIRMWARE = contents.ROOT / "firmware" / "pi"
TARGET = HARDWARE = "pi"
STATE, CONFIG_DIR, PROGRAM = "var/lib/patrol", "etc/patrol", "opt/patrol"
_UNIT = "patrol-agent.service"
_UNITS = "etc/systemd/system"
_WANTED = f"{_UNITS}/multi-user.target.wants/{_UNIT}"
_SYSTEM = {
    f"{PROGRAM}/launcher.py": FIRMWARE / "launcher.py",
    f"{_UNITS}/{_UNIT}": FIRMWARE / _UNIT,
    "usr/lib/sysusers.d/patrol.conf": FIRMWARE / "sysusers.conf",
    "usr/lib/tmpfiles.d/patrol.conf": FIRMWARE / "tmpfiles.conf",
}
# What the agent imports -> (its package in Debian, the least version: pyproject.toml).
_PACKAGES = {
    "cryptography": ("python3-cryptography", (42,)),
    "msgpack": ("python3-msgpack", (1, 0, 7)),
    "paho_mqtt": ("python3-paho-mqtt", (2, 2)),
    "pyserial": ("python3-serial", (3, 5)),
}
_PYTHON = (3, 11)


@dataclass
class System:
    """The Pi's system: `name` as it says itself, `python`: (3, 11); `lacks`: what the agent needs
    and is not there, as texts."""

    name: str
    python: tuple
    lacks: list


@dataclass
class Plan:
    root: Path
    system: System
    vehicle: str
    release: contents.Release
    files: dict  # of the bundle, by name; none in an update
    is_update: bool

    def values(self):
        """For a record or JSON; nothing secret."""
        return {
            "chip": TARGET,
            "root": str(self.root),
            "system": self.system.name,
            "vehicle": self.vehicle,
            "board": HARDWARE,
            "agent": self.release.name,
            "agent_sha256": hashlib.sha256(self.release.index).hexdigest(),
            "lacks": self.system.lacks,
            "update": self.is_update,
        }


def look(root):
    """The System below a folder. Raises FlashError where there is none for a gateway."""
    try:
        text = (root / "etc/os-release").read_text(encoding="utf-8")
        libraries = sorted(p.name for p in (root / "usr/lib").glob("python3*"))
    except OSError as error:
        raise FlashError(
            f"{root} is no system of a Raspberry Pi ({error.filename}: {error.strerror}): mount "
            "the card's second partition and name it with --root"
        ) from None
    found = re.search(r'^PRETTY_NAME="?([^"\n]*)', text, re.M)
    versions = [
        tuple(map(int, n[6:].split("."))) for n in libraries if re.fullmatch(r"python3\.\d+", n)
    ]
    python = max(versions, default=(0, 0))
    if python < _PYTHON:
        raise FlashError(f"{root} has no Python of {_PYTHON[0]}.{_PYTHON[1]} or newer")
    if not (root / "usr/lib/systemd").is_dir():
        raise FlashError(f"{root} has no systemd: the agent's unit would not be started")
    return System(found[1] if found else "unknown", python, _lacks(root, python))


def _lacks(root, python):
    """Texts of the packages that are missing or too old."""
    places = [
        "usr/lib/python3/dist-packages",
        f"usr/local/lib/python{python[0]}.{python[1]}/dist-packages",
    ]
    there = {}
    for place in places:
        for path in sorted((root / place).glob("*-info")):
            name, _, version = re.sub(r"\.(egg|dist)-info$", "", path.name).partition("-")
            numbers = re.match(r"\d+(\.\d+)*", version)
            if numbers:
                there[name.lower()] = tuple(map(int, numbers[0].split(".")))
    found = []
    for name, (package, least) in _PACKAGES.items():
        version = there.get(name)
        if version is None:
            found.append(package)
        elif version < least:
            has, wants = (".".join(map(str, v)) for v in (version, least))
            found.append(f"{package} of {wants} or newer (there is {has})")
    return found


def configuration(files, where):
    """(as it is written, as it was checked) of a bundle that is good for a Raspberry Pi. Raises
    FlashError."""
    raw, checked = contents.parsed(files, where)
    inside = f"/{CONFIG_DIR}/"
    named = [("update.keys", checked["update"]["keys"])] if checked["update"] else []
    for broker in checked["mqtt"]["brokers"]:
        named += [(f"mqtt.tls.{k}", (broker["tls"] or {}).get(k)) for k in ("ca", "cert", "key")]
    for key, name in named:
        if name and (not name.startswith(inside) or name[len(inside) :] not in files):
            raise FlashError(
                f"{where}: {key} is {name}, which the bundle has not: was it made with --target pi?"
            )
    for part in ("gps", "obd"):
        path = (checked[part] or {}).get("port")
        if path and path.startswith("uart"):
            raise FlashError(f"{where}: {part}.port {path} is a UART of an ESP32")
    if checked["update"] and checked["update"]["hardware"] != HARDWARE:
        raise FlashError(
            f"{where}: update.hardware is {checked['update']['hardware']}, this is {HARDWARE}"
        )
    if not checked["journal"]["dir"].startswith(f"/{STATE}/"):
        raise FlashError(
            f"{where}: journal.dir {checked['journal']['dir']} is not below /{STATE}, all that the "
            "agent's user may write to"
        )
    return raw, checked


def fresh(root, path, release_path, is_erasing):
    """The Plan for a system that is no gateway yet, or shall be another. Raises FlashError."""
    system, files = look(root), contents.bundle(path)
    _, checked = configuration(files, path)
    kept = (f"{CONFIG_DIR}/{bundles.CONFIG}", f"{STATE}/journal")
    if not is_erasing and any((root / name).exists() for name in kept):
        raise FlashError(
            f"{root} is a gateway already, perhaps with a journal that the room has not got: "
            "--update keeps it, --erase takes it away"
        )
    return Plan(root, system, checked["vehicle"], _release(release_path, files), files, False)


def update(root, release_path):
    """The Plan for a gateway whose configuration, keys and journal stay. Raises FlashError."""
    system = look(root)
    try:
        files = {bundles.CONFIG: (root / CONFIG_DIR / bundles.CONFIG).read_bytes()}
    except OSError as error:
        raise FlashError(f"{root} is no gateway: {error.filename}: {error.strerror}") from None
    _, checked = contents.parsed(files, root)
    return Plan(root, system, checked["vehicle"], _release(release_path, {}), {}, True)


def _release(path, files):
    if path is not None:
        return contents.released(path, HARDWARE, False)
    return contents.laid_out(files, HARDWARE, False) or contents.built(TARGET, HARDWARE)


def write(plan):
    """Writes all, the unit's link last: what is broken off before it starts nothing. Raises
    FlashError."""
    try:
        if not plan.is_update:
            for name in (STATE, CONFIG_DIR):
                if (plan.root / name).exists():
                    shutil.rmtree(plan.root / name)
        for name, source in _SYSTEM.items():
            _put(plan.root / name, source.read_bytes())
        state = private_folder(plan.root / STATE)
        tree = Tree(str(state))
        for name, source in folder.BASE.items():
            tree.replace(name, (contents.ROOT / source).read_bytes())
        contents.put_release(tree, plan.release)
        for name, data in plan.files.items():
            if not name.startswith(bundles.SLOTS + "/"):
                target = plan.root / CONFIG_DIR / name
                private_folder(target.parent)
                write_private(target, data)
        slot = boot.SLOTS[boot.load(tree).slot]
        if not boot.is_whole(tree, slot, new_hash):
            raise FlashError(f"slot {slot} is not whole: the boot code would not start it")
        link = plan.root / _WANTED
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(f"/{_UNITS}/{_UNIT}")
        os.sync()  # the card is pulled out next
    except TreeError as error:
        raise FlashError(str(error)) from None
    except OSError as error:
        raise FlashError(f"{error.filename or plan.root}: {error.strerror}") from None


def _put(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(data)
    temporary.replace(path)
