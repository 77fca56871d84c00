"""What comes over a serial line while somebody looks: shown, or kept in a file. Bounded in both.

A trace of GPS is the receiver's bytes as they came, what `patrol emulate --nmea` replays. One of
OBD has a line for each piece: ms since the begin, > to the adapter or < from it, and the text.
"""

import asyncio

from agent import port
from agent.const import const

_LOOK_MS = const(200)
_MAX_LINE = const(128)  # of a sentence, as `gps/framer.py` has it
_MAX_WAITING = const(4096)  # bytes of a trace in RAM until they are written


class Sentences:
    """part: positioning, with its `tap`. Collects lines for `ms`, `most` of them."""

    def __init__(self, part, ms, most):
        self._part = part
        self._ms = ms
        self._most = most
        self._begun = b""
        self._tap = self._take
        self.lines = []

    def start(self, ended):
        """ended(lines) is called when the time is over."""
        if self._part.tap is None:  # else a trace goes on, and there is nothing to show
            self._part.tap = self._tap
        self._task = asyncio.create_task(self._run(ended))

    async def _run(self, ended):
        await asyncio.sleep(self._ms / 1000)
        if self._part.tap is self._tap:
            self._part.tap = None
        ended(self.lines)

    def _take(self, data):
        pieces = (self._begun + data).split(b"\n")
        self._begun = pieces.pop()[-_MAX_LINE:]
        for piece in pieces:
            if not piece.startswith(b"$"):
                continue  # the end of what had begun before
            if len(self.lines) < self._most:
                self.lines.append(_printable(piece[-_MAX_LINE:]))


class Trace:
    """Bytes of a line into a file beside the journal, at most `most` of them."""

    def __init__(self, part, name, storage, now, ms, most):
        self._part = part
        self._name = name
        self._storage = storage
        self._now = now
        self._began = now()
        self._ms = ms
        self._left = most
        self._waiting = []
        self._size = 0  # of what waits
        self.file = "trace.nmea" if name == "gps" else "trace-obd.txt"
        self.counters = {"bytes": 0, "dropped": 0}

    def start(self, ended):
        """ended(data, why) is called at the end."""
        self._part.tap = self._take_gps if self._name == "gps" else self._take_obd
        self._task = asyncio.create_task(self._run(ended))

    async def _run(self, ended):
        why = None
        try:
            self._storage.remove(self.file)
            while self._now() - self._began < self._ms and self._left > 0:
                await asyncio.sleep(_LOOK_MS / 1000)
                self._write()
        except port.StorageError as e:
            why = "trace: %s" % e
        finally:
            self._part.tap = None
            self._close()
        found = {"file": self.file, "bytes": self.counters["bytes"],
                 "dropped": self.counters["dropped"], "ms": self._now() - self._began}  # fmt: skip
        ended(None if why else found, why)

    def _close(self):
        try:
            self._write()
            self._storage.sync(self.file)
            self._storage.close(self.file)
        except port.StorageError:
            pass  # told already, or the trace is short of its last bytes

    def _write(self):
        data = b"".join(self._waiting)
        self._waiting = []
        self._size = 0
        if data:
            self._storage.append(self.file, data)
            self.counters["bytes"] += len(data)

    def _take_gps(self, data):
        self._take(data)

    def _take_obd(self, sign, data):
        head = "%d %s " % (self._now() - self._began, sign)
        self._take(head.encode() + _printable(data).encode() + b"\n")

    def _take(self, data):
        if len(data) > self._left or self._size + len(data) > _MAX_WAITING:
            self.counters["dropped"] += len(data)
            if len(data) > self._left:
                self._left = 0
            return
        self._left -= len(data)
        self._size += len(data)
        self._waiting.append(data)


def _printable(data):
    """Bytes as text of ASCII; others, and control characters, as in Python."""
    text = ""
    for c in data.rstrip(b"\r\n"):
        text += chr(c) if 32 <= c < 127 and c != 92 else "\\x%02x" % c
    return text
