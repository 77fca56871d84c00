"""Releases in RAM for tests of updates, on both interpreters: files, index, manifest, a room that
sends them in chunks. Their signatures are empty: what RSA must refuse is in the vectors."""

from agent import port
from agent.update import boot

HARDWARE = "gateway-s3"
VEHICLE = "v-test0001"
UTC = 1790000000
DEVICE = (HARDWARE, VEHICLE)


class NoKeys:
    """Stands where the fleet's Keys do, and lets everything pass."""

    def quorum_steps(self, signatures, message):
        yield


def index_of(files):
    """The index of {path: bytes}."""
    out = b""
    for path in sorted(files):
        data = files[path]
        out += len(data).to_bytes(3, "big") + port.sha256(data)
        out += bytes((len(path),)) + path.encode()
    return out


class Release:
    """`files`: {path: bytes}."""

    def __init__(self, files, name="0.2.0", counter=2, minimum=1, generation=2, **changed):
        self.files = files
        self.index = index_of(files)
        size = sum([len(data) for data in files.values()])
        self.manifest = port.packb([
            1, name, changed.get("hardware", [HARDWARE]), counter, minimum, generation,
            changed.get("expires", UTC + 86400), changed.get("vehicles", []), len(files),
            changed.get("bytes", size), len(self.index),
            changed.get("index_hash", port.sha256(self.index)),
        ])  # fmt: skip
        self.signed = port.packb([1, self.manifest, []])
        self.id = port.sha256(self.manifest)[:8]

    def part(self, file, offset, length):
        """What a room answers to `wanted`."""
        data = self.index if file == 0 else self.files[sorted(self.files)[file - 1]]
        return data[offset : offset + length]

    def install(self, storage, slot):
        """As the bench does it."""
        for path, data in self.files.items():
            storage.replace(slot + "/app/" + path, data)
        storage.replace(slot + "/manifest", self.signed)
        storage.replace(slot + "/files", self.index)
        storage.replace(slot + "/whole", port.sha256(self.index))

    def is_in(self, storage, slot):
        """True when the slot holds this release, all of it and nothing else."""
        wanted = dict([(slot + "/app/" + p, d) for p, d in self.files.items()])
        wanted[slot + "/manifest"] = self.signed
        wanted[slot + "/files"] = self.index
        wanted[slot + "/whole"] = port.sha256(self.index)
        found = storage.names(slot)
        return found == sorted(wanted) and all([storage.read(n) == wanted[n] for n in found])


def pattern(size, seed=1):
    """Bytes that differ from place to place."""
    out = bytearray(size)
    x = seed
    for i in range(size):
        x = (x * 1103 + 12345) & 0xFFFF
        out[i] = x >> 8
    return bytes(out)


def old_release():
    return Release(
        {"agent/a.py": pattern(5000, 1), "agent/same.py": pattern(6000, 2), "main.py": b"old"},
        name="0.1.0", counter=1, generation=1,
    )  # fmt: skip


def new_release(**changed):
    files = {
        "agent/a.py": pattern(9000, 3),
        "agent/empty.py": b"",
        "agent/same.py": pattern(6000, 2),
        "main.py": b"new",
    }
    return Release(files, **changed)


def drive(download, release, now=0, chunk=4000, allowed=1 << 30, rounds=1000):
    """Works, asks and feeds until the download ends; the time after it."""
    for _ in range(rounds):
        while download.work():
            pass
        wanted = download.wanted(now, allowed)
        if wanted is None:
            if download.state != "fetching":
                return now
            now += 1000
            continue
        file, offset, length = wanted
        end = offset + length
        while offset < end:
            data = release.part(file, offset, min(chunk, end - offset))
            download.feed(release.id, file, offset, data, now)
            offset += len(data)
    raise AssertionError(f"the download does not end: {download.report()}")


def choose(storage):
    """The boot code's choice."""
    from agent.port.tree import new_hash

    return boot.choose(storage, new_hash)
