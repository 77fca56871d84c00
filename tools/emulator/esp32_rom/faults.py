"""What goes wrong between a flasher and a chip.

A fault is written `name`, `name@N` or `name=N`. N counts data blocks from the first of the run
(`@`), or is a value of its own (`=`). The kinds:

    lost@N          two bytes of block N do not arrive; once
    reset@N         the chip resets at block N: a brown-out; once
    unplug@N        the terminal is closed at block N and comes back later; once
    failing@N       writing reports an error from block N on
    protected       writes and erases have no effect, and no error is reported
    md5             digests come back with a bit flipped
    silent          nothing is answered
    max-baud=N      the cable carries no more than N baud: above, bytes are garbled
"""

from dataclasses import dataclass
from pathlib import Path

_COUNTED = ("lost", "reset", "unplug", "failing")
_PLAIN = ("protected", "md5", "silent")
_VALUED = ("max-baud",)
KINDS = (*_COUNTED, *_PLAIN, *_VALUED)
_DEFAULT_BLOCK = 3


class FaultError(Exception):
    """A fault is not written well."""


@dataclass(frozen=True)
class Fault:
    kind: str
    number: int = 0


def parse(text):
    """Fault of its text. Raises FaultError."""
    for mark, kinds in (("@", _COUNTED), ("=", _VALUED)):
        kind, found, number = text.strip().partition(mark)
        if kind in kinds and (not found or number.isdigit()) and (found or mark == "@"):
            return Fault(kind, int(number) if found else _DEFAULT_BLOCK)
    if text.strip() in _PLAIN:
        return Fault(text.strip())
    raise FaultError(f"fault {text!r}: known are {', '.join(KINDS)}")


class Faults:
    """`control`: a file with one fault a line, read again when it has changed; what happens once
    may then happen once more."""

    def __init__(self, faults=(), control=None):
        self._faults = list(faults)
        self._control = Path(control) if control else None
        self._seen = None
        self._done = set()
        self.blocks = 0  # data blocks that came

    def refresh(self):
        """Raises FaultError, OSError for a control file that cannot be used."""
        if self._control is None:
            return
        try:
            stat = self._control.stat()
        except FileNotFoundError:
            return
        seen = stat.st_mtime_ns, stat.st_size
        if seen != self._seen:
            self._faults = [parse(line) for line in self._control.read_text().split()]
            self._seen = seen
            self._done.clear()
            self.blocks = 0

    def has(self, kind):
        return self.value(kind) is not None

    def value(self, kind):
        for fault in self._faults:
            if fault.kind == kind:
                return fault.number
        return None

    def now(self, kind):
        """True when a counted fault strikes at this block; but `failing`, each strikes once."""
        number = self.value(kind)
        if number is None or kind in self._done or self.blocks < number:
            return False
        if kind != "failing":
            self._done.add(kind)
        return True
