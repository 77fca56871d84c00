"""SimDisk with the interface of `agent/port/tree.py`: the storage of updates that loses power."""

from agent.port.errors import StorageError
from agent.port.tree import TreeError
from tests.support.simdisk import CUT, NONE, TORN, PowerCut, SimDisk

__all__ = ["CUT", "TORN", "PowerCut", "SimTree"]


class SimTree:
    """`disk` is the SimDisk: arm its faults, look at its files. Removals are for good, as `Tree`
    syncs the folder; what was appended, and a new file's name, only after `sync`."""

    def __init__(self, files=None):
        self.disk = files if isinstance(files, SimDisk) else SimDisk(files)
        self._name = None

    def power_cut(self, kept=NONE):
        """What the next start finds."""
        return SimTree(self.disk.power_cut(kept))

    def _do(self, action, *arguments):
        try:
            return action(*arguments)
        except StorageError as e:
            raise TreeError(str(e))  # noqa: B904 MicroPython only warns at `from`

    def names(self, folder):
        return [n for n in self._do(self.disk.names) if n.startswith(folder + "/")]

    def size(self, name):
        return self._do(self.disk.size, name) if name in self.disk.files else None

    def read(self, name, offset=0, length=-1):
        return self._do(self.disk.read, name, offset, length)

    def append(self, name, data):
        if self._name != name:
            self.close()
        self._name = name
        self._do(self.disk.append, name, data)

    def sync(self):
        if self._name is not None:
            self._do(self.disk.sync, self._name)

    def close(self):
        name, self._name = self._name, None
        if name is not None:
            self._do(self.disk.close, name)

    def remove(self, name):
        if self._name == name:
            self.close()
        self._do(self.disk.remove, name)
        self.disk._removed = {}

    def replace(self, name, data):
        if self._name == name:
            self.close()
        self._do(self.disk.replace, name, data)
