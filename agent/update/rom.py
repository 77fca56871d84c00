"""A release's modules in a chip's ROM partition, where they run in place and cost the heap little.

Boot code, as `boot.py` beside it: a copy of this file lies beside the slots and imports nothing of
the agent. The slots stay what a gateway is updated by; the partition is a copy of the one that
starts, made anew whenever it is not that one. It begins to be valid with its first block, which is
written last: a power cut before that leaves a partition that is no image, and the next start makes
it again.

An image is a ROMFS of MicroPython (docs/reference/romfs.rst, extmod/vfs_rom.c): records of a kind,
a length and a payload, numbers in groups of 7 bits, the greatest first. The first record holds
what this code knows it by, in a kind that readers skip: SHA-256 of the slot's index, SHA-256 of
all that follows. Then the folders and the files of the slot that end in `.mpy`; tables of text are
read from the slot.
"""

MAGIC = b"\xd2\xcd\x31"
_SKIPPED, _DATA, _FOLDER, _FILE = 1, 2, 4, 5  # kinds of records
_LENGTH = 4  # bytes of each length here: a number may begin with empty groups
_KEY = len(MAGIC) + _LENGTH + 1 + _LENGTH  # where the two hashes begin
_SUM = _KEY + 32
HEAD = _SUM + 32  # up to the first folder
PIECE = 4096  # read, hashed and written at once
_SUFFIX = ".mpy"
_MOUNT = "/rom"
# Operations of vfs.rom_ioctl, and of the partition that there is one of.
_SEGMENTS, _SEGMENT, _PREPARE, _WRITE, _COMPLETE = 1, 2, 3, 4, 5
_FIRST = 0


class RomError(Exception):
    """The partition cannot take the slot; the text says why."""


def _number(n):
    return bytes([0x80 | n >> 21, 0x80 | n >> 14 & 0x7F, 0x80 | n >> 7 & 0x7F, n & 0x7F])


def _named(kind, name, size):
    """The beginning of a folder or file: size is that of what follows the name."""
    return bytes([kind]) + _number(1 + len(name) + size) + bytes([len(name)]) + name.encode()


def _groups(files, at):
    """(name, size or None, files below it) of what lies in a folder; files: sorted (path, size);
    at: how much of the paths is the folder's."""
    i = 0
    while i < len(files):
        path, size = files[i]
        name, slash, _ = path[at:].partition("/")
        end = i + 1
        if slash:
            begin = path[: at + len(name) + 1]
            while end < len(files) and files[end][0].startswith(begin):
                end += 1
        yield name, None if slash else size, files[i:end]
        i = end


def _size(files, at):
    """Of a folder's content as records."""
    total = 0
    for name, size, below in _groups(files, at):
        inner = 1 + _LENGTH + size if size is not None else _size(below, at + len(name) + 1)
        total += 1 + _LENGTH + 1 + len(name) + inner
    return total


def _pieces(storage, folder, files, at):
    """Generator of the bytes of a folder's content."""
    for name, size, below in _groups(files, at):
        if size is None:
            inner = at + len(name) + 1
            yield _named(_FOLDER, name, _size(below, inner))
            for piece in _pieces(storage, folder, below, inner):
                yield piece
            continue
        yield _named(_FILE, name, 1 + _LENGTH + size) + bytes([_DATA]) + _number(size)
        done = 0
        while done < size:
            piece = storage.read(folder + below[0][0], done, PIECE)
            if not piece:
                raise RomError("%s ends early" % below[0][0])
            yield piece
            done += len(piece)


def image_size(files):
    """Of an image; files: sorted list of (path, size)."""
    return HEAD + _size(files, 0)


class _Writer:
    """Blocks of the partition in their order, but for the first, which comes last."""

    def __init__(self, ioctl, digest):
        self._ioctl = ioctl
        self._digest = digest  # of all that is added
        self._block = bytearray(PIECE)
        self._used = HEAD  # of the block
        self._at = 0
        self._first = None

    def add(self, piece):
        self._digest.update(piece)
        done = 0
        while done < len(piece):
            count = min(len(piece) - done, PIECE - self._used)
            self._block[self._used : self._used + count] = piece[done : done + count]
            self._used += count
            done += count
            if self._used == PIECE:
                self._flush()

    def _flush(self):
        if self._first is None:
            self._first = self._block
            self._block = bytearray(PIECE)
        else:
            self._write(self._at, self._block)
        self._at += PIECE
        self._used = 0

    def _write(self, at, data):
        if self._ioctl(_WRITE, _FIRST, at, data) < 0:
            raise RomError("the partition cannot be written at %d" % at)

    def end(self, key, size):
        """The rest, and then the head, which makes it an image."""
        if self._used or self._first is None:
            self._block[self._used :] = b"\xff" * (PIECE - self._used)
            self._flush()
        head = MAGIC + _number(size - len(MAGIC) - _LENGTH) + bytes([_SKIPPED]) + _number(64)
        self._first[:HEAD] = head + key + self._digest.digest()
        self._write(0, self._first)
        if self._ioctl(_COMPLETE, _FIRST) < 0:
            raise RomError("the partition cannot be completed")


def find(memory, key, new_hash, is_thorough=True):
    """The part of a partition's memory that is the image of a key, or None."""
    head = bytes(memory[:HEAD])
    if len(head) < HEAD or head[: len(MAGIC)] != MAGIC or head[_KEY:_SUM] != key:
        return None
    size = 0
    for group in head[len(MAGIC) : len(MAGIC) + _LENGTH]:
        size = size << 7 | group & 0x7F
    size += len(MAGIC) + _LENGTH
    if not HEAD <= size <= len(memory):
        return None
    if is_thorough:
        digest = new_hash()
        for at in range(HEAD, size, PIECE):
            digest.update(memory[at : min(at + PIECE, size)])
        if digest.digest() != head[_SUM:]:
            return None
    return memory[:size]


def write(storage, folder, files, key, ioctl, digest):
    """Makes the partition the image of a folder's files; files: sorted list of (path, size), as in
    an index, which lie in `folder`. Raises RomError, OSError."""
    size = image_size(files)
    there = len(memoryview(ioctl(_SEGMENT, _FIRST)))
    whole = (size + PIECE - 1) // PIECE * PIECE
    if whole > there:
        raise RomError("the partition has %d bytes, %d are needed" % (there, whole))
    if ioctl(_PREPARE, _FIRST, whole) < 0:
        raise RomError("the partition cannot be erased")
    writer = _Writer(ioctl, digest)
    for piece in _pieces(storage, folder, files, 0):
        writer.add(piece)
    writer.end(key, size)


def place(storage, slot, rows, ioctl, new_hash, is_thorough=True):
    """The memory of the image of a whole slot, made first where the partition is not that already;
    None where there is no partition. rows: as `boot.rows`; ioctl: as `vfs.rom_ioctl`. Raises
    RomError, OSError, ValueError: the slot itself is to be run then."""
    if ioctl(_SEGMENTS) < 1:
        return None
    index = storage.read(slot + "/files")
    digest = new_hash()
    digest.update(index)
    key = digest.digest()
    image = find(memoryview(ioctl(_SEGMENT, _FIRST)), key, new_hash, is_thorough)
    if image is None:
        files = sorted([(path, size) for path, size, _ in rows(index) if path.endswith(_SUFFIX)])
        write(storage, slot + "/app/", files, key, ioctl, new_hash())
        image = find(memoryview(ioctl(_SEGMENT, _FIRST)), key, new_hash)
        if image is None:
            raise RomError("the partition does not hold what was written to it")
    return image


def start(storage, slot, rows, new_hash, vfs, path, is_thorough=True):
    """Mounts the image of a slot at /rom and puts it first into `path` (of modules); what went
    wrong, as text, or None. Without it the modules come out of the slot, into the heap. vfs: the
    module."""
    if not hasattr(vfs, "rom_ioctl"):
        return None
    for name in ("/rom/lib", _MOUNT):  # the firmware may have mounted what was there before
        if name in path:
            path.remove(name)
    try:
        vfs.umount(_MOUNT)
    except OSError:
        pass
    try:
        image = place(storage, slot, rows, vfs.rom_ioctl, new_hash, is_thorough)
        if image is not None:
            vfs.mount(vfs.VfsRom(image), _MOUNT)
            path.insert(0, _MOUNT)
    except (RomError, OSError, ValueError) as e:
        return "%s: %s" % (type(e).__name__, e)
    return None
