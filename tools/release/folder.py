"""A release's folder after it was built: sign, verify, read, install."""

import contextlib
from pathlib import Path

from agent import port
from agent.port.tree import Tree
from agent.update import boot, rsa
from agent.update import manifest as manifests
from agent.update.errors import UpdateError
from tools.release import ReleaseError, keys

ROOT = Path(__file__).resolve().parents[2]
# What lies beside the slots under names of its own: it is no part of any release.
BASE = {
    "slotboot.py": "agent/update/boot.py",
    "slotstart.py": "agent/update/starts.py",
    "slottree.py": "agent/port/tree.py",
}


def _read(path):
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ReleaseError(f"{path}: {error.strerror}") from None


def read(folder):
    """(Manifest, its bytes) of a release's folder, or of a gateway's slot."""
    data = _read(Path(folder) / "manifest")
    with contextlib.suppress(UpdateError):
        data, _ = manifests.split(data)  # a slot has it with its signatures
    try:
        return manifests.parse(data), data
    except UpdateError as error:
        raise ReleaseError(f"{folder}: {error}") from None


def check_files(folder, manifest):
    """Raises ReleaseError unless index and files are all those of the manifest."""
    folder = Path(folder)
    index = _read(folder / "files")
    if port.sha256(index) != manifest.index_hash:
        raise ReleaseError(f"{folder / 'files'} is not the index that the manifest names")
    try:
        manifests.check_index(index, manifest)
    except UpdateError as error:
        raise ReleaseError(f"{folder}: {error}") from None
    wanted = {path: (size, digest) for path, size, digest in boot.rows(index)}
    app = folder / "app"
    there = {p.relative_to(app).as_posix() for p in app.rglob("*") if not p.is_dir()}
    for path in sorted(there ^ set(wanted)):
        text = "is missing" if path in wanted else "does not belong to the release"
        raise ReleaseError(f"{app / path} {text}")
    for path, (size, digest) in wanted.items():
        data = _read(app / path)
        if len(data) != size or port.sha256(data) != digest:
            raise ReleaseError(f"{app / path} is not what the manifest says")


def sign(folder, key, is_blind=False):
    """Writes one key's signature; returns its key id. is_blind: the files are not here."""
    manifest, data = read(folder)
    if not is_blind:
        check_files(folder, manifest)
    name, signature = keys.sign(key, data)
    (Path(folder) / f"{name.hex()}.sig").write_bytes(signature)
    return name


def signatures(folder):
    """[(key id, signature)] that lie in a release's folder, or a slot's manifest."""
    with contextlib.suppress(UpdateError):
        return manifests.split(_read(Path(folder) / "manifest"))[1]
    found = []
    for path in sorted(Path(folder).glob("*.sig")):
        try:
            name = bytes.fromhex(path.stem)
        except ValueError:
            raise ReleaseError(f"{path}: the name is no key id") from None
        found.append((name, _read(path)))
    return found


def verify(folder, fleet):
    """Manifest of a release that vehicles with these Keys take; writes `signed`. What is not whole
    or not signed by two raises ReleaseError."""
    manifest, data = read(folder)
    check_files(folder, manifest)
    signed = port.packb([1, data, [list(item) for item in signatures(folder)]])
    try:
        manifests.open_signed(signed, fleet)
    except UpdateError as error:
        raise ReleaseError(f"{folder}: {error}") from None
    (Path(folder) / "signed").write_bytes(signed)
    return manifest


def signers(folder, public):
    """Names of those of {name: public key} that have signed."""
    _, data = read(folder)
    by = dict(signatures(folder))
    found = []
    for name, key in public.items():
        number = keys.modulus(key)
        signature = by.get(rsa.key_id(number), b"")
        if rsa.verify(int.from_bytes(number, "big"), signature, manifests.CONTEXT + data):
            found.append(name)
    return found


def part(folder, file, offset, length):
    """Bytes of a file by its number, 0 the index: what the room answers to `wanted`. Raises
    ReleaseError where there are none such."""
    index = _read(Path(folder) / "files")
    paths = [path for path, _, _ in boot.rows(index)]
    if not 0 <= file <= len(paths) or offset < 0:
        raise ReleaseError(f"{folder}: no file {file}")
    data = index if file == 0 else _read(Path(folder) / "app" / paths[file - 1])
    return data[offset : offset + length]


def install(folder, root, slot="a"):
    """Puts a verified release into a slot below `root`, and the boot code's copies beside it: how
    a gateway leaves the bench."""
    folder = Path(folder)
    manifest, _ = read(folder)
    check_files(folder, manifest)
    signed = _read(folder / "signed")
    Path(root).mkdir(parents=True, exist_ok=True)
    tree = Tree(str(root))
    try:
        tree.replace(f"{slot}/whole", b"")
        for name in tree.names(slot):
            tree.remove(name)
        for path, _, _ in boot.rows(_read(folder / "files")):
            tree.replace(f"{slot}/app/{path}", _read(folder / "app" / path))
        tree.replace(f"{slot}/manifest", signed)
        tree.replace(f"{slot}/files", _read(folder / "files"))
        tree.replace(f"{slot}/whole", manifest.index_hash)
        for name, source in BASE.items():
            tree.replace(name, (ROOT / source).read_bytes())
    except OSError as error:
        raise ReleaseError(f"{root}: {error}") from None
