"""The littlefs of the `vfs` partition, made and read as MicroPython's VfsLfs2 does.

The parameters are those that `vfs.mount(partition, "/")` takes by itself (extmod/vfs_lfsx.c):
blocks of 4,096 bytes, reads and writes of 32, a lookahead of 32, and so a cache of 128 bytes. With
the same cache the same small files lie in their folder's block as if MicroPython had written them.
The version on the disk is 2.0, which old and new ones mount; the first write of a newer one makes
it 2.1.
"""

from tools.flash import FlashError

BLOCK = 4096
_SMALLEST = 32
_CACHE = 4 * _SMALLEST
_LOOKAHEAD = 32
_CYCLES = 100
_DISK_VERSION = 0x00020000
_FILE = 1  # LFS_TYPE_REG


def _library():
    try:
        import littlefs
    except ImportError:
        raise FlashError("littlefs-python is not installed: pip install littlefs-python") from None
    return littlefs


class Volume:
    """Files by paths without a leading "/"; what agent/update/boot.py asks of a storage is here
    as well. `size`: bytes of the partition; `data`: its content, or None for a new one. Raises
    FlashError where that is no littlefs of this size."""

    def __init__(self, size, data=None):
        library = _library()
        self._lfs_error = library.LittleFSError
        self._fs = library.LittleFS(
            block_size=BLOCK,
            block_count=size // BLOCK,
            read_size=_SMALLEST,
            prog_size=_SMALLEST,
            cache_size=_CACHE,
            lookahead_size=_LOOKAHEAD,
            block_cycles=_CYCLES,
            disk_version=_DISK_VERSION if data is None else 0,
            mount=False,
        )
        self.blocks = size // BLOCK
        if data is None:
            self._fs.format()
        else:
            self._fs.context.buffer = bytearray(data)
        try:
            self._fs.mount()
        except library.LittleFSError as error:
            raise FlashError(f"the file system does not mount: {error}") from None

    def image(self):
        """The partition's bytes."""
        return bytes(self._fs.context.buffer)

    def used(self):
        """Blocks that something uses."""
        return self._fs.used_block_count

    def names(self, folder=""):
        """Sorted paths of all files below the folder."""
        found = []
        try:
            for root, _, files in self._fs.walk("/" + folder):
                found += [f"{root}/{name}".strip("/").replace("//", "/") for name in files]
        except self._lfs_error:
            return []  # there is no such folder
        return sorted(found)

    def size(self, name):
        """Bytes in the file, None where there is no such file."""
        try:
            found = self._fs.stat("/" + name)
        except self._lfs_error:
            return None
        return found.size if found.type == _FILE else None

    def read(self, name, offset=0, length=-1):
        """Raises OSError, as the agent's own storages."""
        try:
            with self._fs.open("/" + name, "rb") as f:
                if offset:
                    f.seek(offset)
                return f.read(length) if length >= 0 else f.read()
        except self._lfs_error as error:
            raise OSError(str(error)) from None

    def replace(self, name, data):
        """Raises FlashError where it does not fit."""
        folder = name.rpartition("/")[0]
        try:
            if folder:
                self._fs.makedirs("/" + folder, exist_ok=True)
            with self._fs.open("/" + name, "wb") as f:
                f.write(data)
        except self._lfs_error as error:
            raise FlashError(f"{name} does not fit into the file system: {error}") from None

    def remove(self, name):
        try:
            self._fs.remove("/" + name)
        except self._lfs_error as error:
            raise FlashError(f"{name}: {error}") from None


def changes(new, old=None):
    """[(place in the image, bytes)] of the runs of blocks that are not as in `old`, which is as
    long, or erased."""
    old = old or b"\xff" * len(new)
    found = []
    for at in range(0, len(new), BLOCK):
        block = new[at : at + BLOCK]
        if block == old[at : at + BLOCK]:
            continue
        if found and found[-1][0] + len(found[-1][1]) == at:
            found[-1] = (found[-1][0], found[-1][1] + block)
        else:
            found.append((at, block))
    return found
