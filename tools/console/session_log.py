"""The file of a session: what was asked by hand and answered, and what became of the line.

    2026-01-02T15:04:05+01:00 line open
    2026-01-02T15:04:09+01:00 > link
    2026-01-02T15:04:09+01:00 < {"state": "online", ...}

What the screen asks by itself is left out but for the first answer to each command: a second a
line for a whole visit would bury what matters.
"""

import contextlib
import json
import os
from datetime import datetime

from tools.console.plan import name_of
from tools.console.words import plain

MAX_BYTES = 20_000_000  # a day of scans; then it says so and keeps no more
_MOST = 100_000  # characters of one answer


class SessionLog:
    """path: the file, made anew or appended to, for its owner alone; None: kept nowhere."""

    def __init__(self, path):
        """Raises OSError."""
        self.name = str(path) if path else "no file"
        self._left = MAX_BYTES
        self._known = set()
        self._file = None
        if path:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            self._file = os.fdopen(fd, "w", encoding="utf-8")

    def event(self, event, wall):
        """One event of the talker."""
        if event[0] == "line":
            self._write(wall, f"line {event[1]} {plain(event[2])}".rstrip())
            return
        kind, command, said, _, by_hand = event
        if not by_hand and name_of(command) in self._known:
            return
        self._known.add(name_of(command))
        self._write(wall, "> " + plain(command, 240))
        shown = json.dumps(said) if kind == "answer" else "refused: " + plain(said)
        self._write(wall, "< " + shown[:_MOST])

    def note(self, text, wall):
        self._write(wall, "# " + plain(text, 400))

    def close(self):
        if self._file:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None

    def _write(self, wall, text):
        if self._file is None or self._left <= 0:
            return
        when = datetime.fromtimestamp(wall).astimezone().isoformat(timespec="seconds")
        line = f"{when} {text}\n"
        self._left -= len(line)
        if self._left <= 0:
            line = f"{when} # the file is full; nothing more is kept\n"
        try:
            self._file.write(line)
            self._file.flush()
        except OSError:
            self.close()  # a full disk does not end the visit
