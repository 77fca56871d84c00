"""Inputs as files that hold 0 or 1: sysfs GPIO value files, or plain files on a test bench."""


class FileInputs:
    """`sources`: {name: path}. A file that is absent or unreadable counts as 'not known'."""

    def __init__(self, sources):
        self._sources = sources

    def read(self):
        """{name: True, False, or None when the level is not known}."""
        levels = {}
        for name, path in self._sources.items():
            try:
                with open(path) as f:
                    text = f.read(2)
                levels[name] = {"0": False, "1": True}.get(text[:1])
            except OSError:
                levels[name] = None
        return levels
