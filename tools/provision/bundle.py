"""What goes to one gateway: its configuration, certificate, key, and the fleet root.

    config.json         for `patrol agent --config`
    tls/                ca, client certificate and key: PEM for CPython, DER for MicroPython
    fleet-root.bin      384 bytes: the RSA modulus that signs sets of room keys
    update-keys.bin     1,152 bytes: the three RSA moduli that sign releases
    technicians/        the public keys (RSA moduli) of those who may log in at the console
    slots/              a release in slot a, with the boot code: to the folder of the slots there

All of mode 600, in the vehicle's folder or packed as a .tar with these names.
"""

import io
import os
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from tools.files import private_folder, write_private
from tools.provision.errors import ProvisionError

CONFIG = "config.json"
ROOT = "fleet-root.bin"
UPDATE_KEYS = "update-keys.bin"
TECHNICIANS = "technicians"
SLOTS = "slots"
KEYS_FOLDER = "update-keys"  # in the room's folder: the three public keys, *.pub
_MAX_FILE = 1 << 20


@dataclass(frozen=True)
class Target:
    """A kind of gateway: the form of its TLS files, where things lie on it, what releases call it
    (None: its board), and where a technician finds its console."""

    form: str
    install_dir: str
    journal: str
    hardware: str | None
    console: dict


TARGETS = {
    # Of the service's user alone; a serial line is named by whoever fits one.
    "pi": Target(
        "pem", "/etc/patrol", "/var/lib/patrol/journal", "pi", {"socket": "/run/patrol/console"}
    ),
    # The plug that it is flashed by.
    "esp32": Target("der", "/", "/journal", None, {"port": "usb"}),
}


def tls_names(form):
    """Names in the bundle of (ca, cert, key)."""
    return tuple(f"tls/{name}.{form}" for name in ("ca", "cert", "key"))


def tls_paths(form, install_dir):
    """The same where they will lie, as `mqtt.tls` of the configuration."""
    paths = [str(Path(install_dir) / name) for name in tls_names(form)]
    return dict(zip(("ca", "cert", "key"), paths, strict=True))


def form_of(config):
    """'pem' or 'der', as the configuration's paths say, or None without client certificate."""
    tls = config["mqtt"].get("tls") or {}
    return None if not tls.get("cert") else "der" if tls["cert"].endswith(".der") else "pem"


def place_of(config, own):
    """Where a bundle lies on its gateway, by the paths in its configuration; `own`: its folder
    here, where it is to be run if they say nothing else."""
    tls = (config["mqtt"].get("tls") or {}).get("ca")
    if tls and Path(tls).parent.name == "tls":
        return Path(tls).parent.parent
    if config.get("update"):
        return Path(config["update"]["keys"]).parent
    for row in (config.get("console") or {}).get("technicians") or ():
        if Path(row["modulus"]).parent.name == TECHNICIANS:
            return Path(row["modulus"]).parent.parent
    for target in TARGETS.values():
        if config["journal"]["dir"] == target.journal:
            return Path(target.install_dir)
    return Path(own).absolute()


def write_tls(folder, form, ca, certificate, key):
    """The three files of a client; ca, certificate: x509 objects. Raises OSError."""
    encoding = serialization.Encoding.PEM if form == "pem" else serialization.Encoding.DER
    # SEC 1 for small TLS stacks' sake: they need not unpack PKCS#8.
    kind = serialization.PrivateFormat.TraditionalOpenSSL
    contents = (
        ca.public_bytes(encoding),
        certificate.public_bytes(encoding),
        key.private_bytes(encoding, kind, serialization.NoEncryption()),
    )
    for name, content in zip(tls_names(form), contents, strict=True):
        path = Path(folder) / name
        private_folder(path.parent)
        write_private(path, content)


def files(folder):
    """Names of what belongs to the bundle; never what else lies there, as a journal."""
    folder = Path(folder)
    found = [CONFIG, ROOT, *sorted(f"tls/{p.name}" for p in folder.glob("tls/*.[pd]e[mr]"))]
    found.append(UPDATE_KEYS)
    found += sorted(f"{TECHNICIANS}/{p.name}" for p in folder.glob(f"{TECHNICIANS}/*.modulus"))
    slots = sorted(p for p in (folder / SLOTS).rglob("*") if p.is_file())
    found += [p.relative_to(folder).as_posix() for p in slots]
    return [name for name in found if (folder / name).is_file()]


def pack(folder, out):
    """Writes the bundle of a vehicle's folder as a .tar of mode 600. Raises ProvisionError."""
    out = Path(out)
    if out.suffix != ".tar":
        raise ProvisionError(f"{out}: a bundle's name ends in .tar")
    names = files(folder)
    if CONFIG not in names:
        raise ProvisionError(f"{Path(folder) / CONFIG} is not here: nothing to pack")
    try:
        fd, temporary = tempfile.mkstemp(dir=out.parent or ".", prefix=f".{out.name}.")
        try:
            with os.fdopen(fd, "wb") as f, tarfile.open(fileobj=f, mode="w") as tar:
                for name in names:
                    _add(tar, name, (Path(folder) / name).read_bytes())
            os.replace(temporary, out)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as e:
        raise ProvisionError(f"{e.filename or out}: {e.strerror}") from e


def _add(tar, name, content):
    if len(content) > _MAX_FILE:
        raise ProvisionError(f"{name}: {len(content)} bytes do not belong to a bundle")
    info = tarfile.TarInfo(name)
    info.size = len(content)
    info.mode = 0o600
    tar.addfile(info, io.BytesIO(content))
