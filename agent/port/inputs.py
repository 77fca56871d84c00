"""Inputs as files: sysfs GPIO value files, or plain files on a test bench."""

_MAX_DIGITS = 6


class FileInputs:
    """`sources`: {name: path}, of files that hold 0 or 1; '!<path>' is active low. A file that is
    absent or unreadable counts as 'not known'."""

    def __init__(self, sources):
        self._sources = sources

    def read(self):
        """{name: True, False, or None when the level is not known}."""
        levels = {}
        for name, source in self._sources.items():
            is_low = source.startswith("!")
            text = _text(source[1:] if is_low else source, 2)
            level = {"0": False, "1": True}.get(text[:1])
            levels[name] = level if level is None else level != is_low
        return levels


class FileBattery:
    """A file that holds millivolts: an `in*_input` of Linux's hwmon, or a plain file."""

    def __init__(self, path):
        self._path = path

    def read(self):
        """mV, or None where nothing is known."""
        try:
            return int(_text(self._path, _MAX_DIGITS))
        except ValueError:
            return None


def _text(path, size):
    """What the file holds, or "" where it cannot be read."""
    try:
        with open(path) as f:
            return f.read(size)
    except OSError:
        return ""
