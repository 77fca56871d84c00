"""The plain console: this terminal's keys to the gateway, what it says to the screen and a log."""

import contextlib
import os
import select
import sys
import termios
import tty

from tools.console import keys

END = b"\x1d"  # Ctrl-]
_READ = 4096
_MAX_SEEN = 4096
_ASKED = b"console answer "


class Plain:
    """line: of `line.py`; log: a file or None; key: path of a technician's key, which then answers
    challenges by itself."""

    def __init__(self, line, log=None, key=None, passphrase=None):
        self._line = line
        self._log = log
        self._key = key
        self._passphrase = passphrase
        self._seen = b""

    def run(self):
        """Until Ctrl-], the end of standard input, or the line's."""
        line = self._line
        line.write(b"\r")
        with _raw(sys.stdin):
            while True:
                ready, _, _ = select.select([line.fileno(), 0], [], [])
                if 0 in ready:
                    typed = os.read(0, _READ)
                    if not typed or END in typed:
                        line.write(typed.partition(END)[0] + b"\x15\x04")
                        return
                    line.write(typed)
                if line.fileno() in ready:
                    self._show(line.read(0))

    def _show(self, data):
        os.write(1, data)
        if self._log:
            self._log.write(data)
            self._log.flush()
        if self._key is None or not data:
            return
        self._seen = (self._seen + data)[-_MAX_SEEN:]
        begin = self._seen.rfind(_ASKED)
        end = self._seen.find(b"\n", begin)
        if begin >= 0 and end >= 0:
            found = keys.CHALLENGE.search(self._seen[begin:end].decode("ascii", "replace"))
            self._seen = b""
            if found:
                text = keys.answer(self._key, found.group(), self._passphrase)
                self._line.write(text.encode() + b"\r")


@contextlib.contextmanager
def _raw(stream):
    """Keys as they are typed; the terminal is as before in the end."""
    if not stream.isatty():
        yield
        return
    before = termios.tcgetattr(stream)
    tty.setraw(stream)
    try:
        yield
    finally:
        termios.tcsetattr(stream, termios.TCSADRAIN, before)
