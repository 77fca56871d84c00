"""A gateway's console as a script: answers by command, refusals, and a line that can be cut."""

import threading
import time

from tools.console import ConsoleError, Refused
from tools.console.plan import name_of


class Script:
    """`connect` makes clients. answers: {command: data, or Refused(why)}; `cut()` and `mend()`."""

    def __init__(self, answers):
        self.answers = answers
        self.asked = []  # (time, command line)
        self.opened = 0
        self._cut = threading.Event()

    def connect(self):
        if self._cut.is_set():
            raise ConsoleError("/dev/ttyUSB0: no such device")
        self.opened += 1
        return _Client(self)

    def cut(self):
        self._cut.set()

    def mend(self):
        self._cut.clear()

    @property
    def is_cut(self):
        return self._cut.is_set()


class _Client:
    def __init__(self, script):
        self._script = script
        self.is_closed = False

    def command(self, command, wait_s):
        script = self._script
        if script.is_cut:
            raise ConsoleError("no answer within 5 s")
        script.asked.append((time.monotonic(), command))
        found = script.answers.get(name_of(command), Refused(f"no command {command}"))
        if isinstance(found, Exception):
            raise found
        return found

    def close(self):
        self.is_closed = True
