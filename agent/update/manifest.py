"""The signed manifest of a release, and the index of its files; made by `patrol release`.

Both are read only within caps, and nothing of a manifest is believed before two of the fleet's
three keys have signed it. It is msgpack, not JSON: what was signed are bytes, and they are kept as
they came, so that there is no canonical form to agree about.

    signed   [1, manifest, [[key id, signature], ...]]      manifest: the bytes that are signed
    manifest [1, name, [hardware, ...], counter, minimum, generation, expires, [vehicle, ...],
              files, bytes, index size, index SHA-256]

A signature is over "pu1" and the manifest, so that no signature for another purpose fits. The hash
of every file stands in the index, and the index's hash in the manifest: a list of a hundred files
would not fit into one frame. See docs/update.md.
"""

from agent import port
from agent.const import const
from agent.update import boot
from agent.update.errors import (
    ExpiredError,
    HardwareError,
    IndexFormatError,
    ManifestFormatError,
    RoomTimeError,
    VehicleError,
)
from agent.update.rsa import KEY_ID_SIZE, MAX_SIGNATURES, SIZE

CONTEXT = b"pu1"
MAX_SIGNED = 3900  # fits into one down frame (4,096 less what sealing and the offer take)
MAX_MANIFEST = 2680  # leaves room for three signatures
MAX_TEXT = 24  # characters of a name, a hardware id, a vehicle id
MAX_HARDWARE = 8
MAX_VEHICLES = 64  # a group to try a release on; none named: all
MAX_FILES = 256
MAX_FILE = 1 << 20  # a file that comes wrong is fetched again as a whole
MAX_BYTES = 16 << 20
MAX_PATH = 60
MAX_DEPTH = 5
_MAX_NUMBER = const((1 << 32) - 1)
_FIELDS = const(12)
_ROWS_A_STEP = const(8)  # a chip takes about 20 ms for them
_TEXT = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."


class Manifest:
    """What a release is. `id`: 8 bytes, the first of SHA-256 of the manifest's bytes."""

    __slots__ = (
        "name", "hardware", "counter", "minimum", "generation", "expires", "vehicles", "files",
        "bytes", "index_size", "index_hash", "id",
    )  # fmt: skip

    def check(self, hardware, vehicle, utc_s):
        """Raises the UpdateError that says why this is not for this vehicle now. utc_s: the
        room's time in seconds, None while it is not known."""
        if hardware not in self.hardware:
            wanted = ", ".join(self.hardware)
            raise HardwareError("release %s is for %s, not for %s" % (self.name, wanted, hardware))
        if self.vehicles and vehicle not in self.vehicles:
            raise VehicleError("release %s is not for vehicle %s" % (self.name, vehicle))
        if utc_s is None:
            raise RoomTimeError("release %s: the room's time is not known" % self.name)
        if utc_s >= self.expires:
            late = (utc_s - self.expires) // 60
            raise ExpiredError("release %s expired %d minutes ago" % (self.name, late))


def _need(is_so, what):
    if not is_so:
        raise ManifestFormatError("manifest: " + what)


def _unpack(data, limit, fields, what):
    """The array of so many fields that begins with the version. Raises ManifestFormatError."""
    if not 0 < len(data) <= limit:
        raise ManifestFormatError("%s of %d bytes" % (what, len(data)))
    try:
        values = port.unpackb(bytes(data))
    except (ValueError, TypeError):
        raise ManifestFormatError("%s is no msgpack" % what)
    if type(values) is not list or len(values) != fields or values[0] != 1:
        raise ManifestFormatError("%s is not of this version" % what)
    return values


def _is_number(value, low, high):
    return type(value) is int and low <= value <= high  # a bool is an int, too


def _is_text(value):
    return type(value) is str and 0 < len(value) <= MAX_TEXT and all([c in _TEXT for c in value])


def _is_texts(value, low, high):
    return type(value) is list and low <= len(value) <= high and all([_is_text(v) for v in value])


def parse(data):
    """Manifest of its bytes. Raises ManifestFormatError."""
    values = _unpack(data, MAX_MANIFEST, _FIELDS, "manifest")
    m = Manifest()
    (_, m.name, m.hardware, m.counter, m.minimum, m.generation, m.expires, m.vehicles,
     m.files, m.bytes, m.index_size, m.index_hash) = values  # fmt: skip
    _need(_is_text(m.name), "name")
    _need(_is_texts(m.hardware, 1, MAX_HARDWARE), "hardware")
    _need(_is_number(m.counter, 1, _MAX_NUMBER), "counter")
    _need(_is_number(m.minimum, 0, m.counter), "minimum")
    _need(_is_number(m.generation, 1, _MAX_NUMBER), "generation")
    _need(_is_number(m.expires, 0, _MAX_NUMBER), "expires")
    _need(_is_texts(m.vehicles, 0, MAX_VEHICLES), "vehicles")
    _need(_is_number(m.files, 1, MAX_FILES), "files")
    _need(_is_number(m.bytes, 0, MAX_BYTES), "bytes")
    _need(_is_number(m.index_size, 1, boot.MAX_INDEX), "index size")
    _need(type(m.index_hash) is bytes and len(m.index_hash) == 32, "index hash")
    m.id = order_id(data)
    return m


def order_id(data):
    """Id of the order in a manifest's bytes: the first 8 of their SHA-256."""
    return port.sha256(bytes(data))[:8]


def split(signed):
    """(manifest's bytes, [(key id, signature), ...]) of a signed manifest, nothing of it checked
    but its form. Raises ManifestFormatError."""
    _, manifest, signatures = _unpack(signed, MAX_SIGNED, 3, "signed manifest")
    is_list = type(signatures) is list and len(signatures) <= MAX_SIGNATURES
    _need(type(manifest) is bytes and is_list, "signatures")
    for item in signatures:
        _need(type(item) is list and len(item) == 2, "signatures")
        for field, size in zip(item, (KEY_ID_SIZE, SIZE)):  # noqa: B905 MicroPython has no strict
            _need(type(field) is bytes and len(field) == size, "signatures")
    return manifest, [(item[0], item[1]) for item in signatures]


def open_steps(signed, keys):
    """Generator, a signature a step, that returns the Manifest. Raises ManifestFormatError,
    SignatureError, QuorumError."""
    data, signatures = split(signed)
    yield from keys.quorum_steps(signatures, CONTEXT + data)
    return parse(data)


def open_signed(signed, keys):
    """`open_steps` in one go."""
    steps = open_steps(signed, keys)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def _is_path(path):
    parts = path.split("/")
    if len(path) > MAX_PATH or len(parts) > MAX_DEPTH:
        return False
    for part in parts:
        if not part or part[0] == "." or not all([c in _TEXT for c in part]):
            return False
    # Beside a .mpy a .py is preferred, and the like: what a slot holds must be one thing.
    return not path.endswith(".new")


def check_index_steps(index, manifest):
    """Generator, some rows a step; `boot.rows` gives the rows once this is passed. Raises
    IndexFormatError."""
    count = 0
    total = 0
    last = ""
    try:
        for path, size, _ in boot.rows(index):
            if not _is_path(path) or path <= last:
                raise IndexFormatError("index: path %r" % path)
            if size > MAX_FILE:
                raise IndexFormatError("index: %s of %d bytes" % (path, size))
            last = path
            total += size
            count += 1
            if count % _ROWS_A_STEP == 0:
                yield
    except ValueError as e:
        raise IndexFormatError("index: %s" % e)
    if count != manifest.files or total != manifest.bytes:
        text = "index: %d files of %d bytes, the manifest says %d of %d"
        raise IndexFormatError(text % (count, total, manifest.files, manifest.bytes))


def check_index(index, manifest):
    """`check_index_steps` in one go."""
    for _ in check_index_steps(index, manifest):
        pass
