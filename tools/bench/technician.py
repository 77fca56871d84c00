"""A technician who has the console open during a benchmark's drive, and types."""

import contextlib
import os
import select
import threading

from tools.console import ConsoleError
from tools.console.client import Client

COMMANDS = (
    "status", "gps", "obd", "link", "journal", "selftest", "inputs", "power", "events", "log",
    "counters", "time", "config get mqtt",
)  # fmt: skip
_PAUSE_S = 5  # between two commands: one who reads what comes
_WATCH = 3  # pictures of `watch`, after each round of the commands
_HALF_HOUR_S = 1800  # a session: then the technician leaves, and comes again


class _Cable:
    """Our end of the terminal, as `tools/console/line.py` has its lines."""

    name = "console"

    def __init__(self, fd):
        self._fd = fd

    def read(self, seconds):
        ready = select.select([self._fd], [], [], max(0, seconds))[0]
        return os.read(self._fd, 4096) if ready else b""

    def write(self, data):
        os.write(self._fd, data)

    def close(self):
        pass


class Technician:
    """`path` is the terminal that the agent opens. `answered`: commands; `visits`; `missed`: those
    that got no answer, and why."""

    def __init__(self):
        self._ours, self._theirs = os.openpty()
        self.path = os.ttyname(self._theirs)
        self.answered = self.visits = 0
        self.missed = []
        self._ending = threading.Event()
        self._task = threading.Thread(target=self._work, daemon=True)

    def start(self):
        self._task.start()

    def _work(self):
        while not self._ending.wait(_PAUSE_S):
            self.visits += 1
            client = Client(_Cable(self._ours))
            end = _HALF_HOUR_S / _PAUSE_S
            while end > 0 and not self._ending.is_set():
                for command in COMMANDS:
                    self._ask(client, command)
                    end -= 1
                    if self._ending.wait(_PAUSE_S):
                        break
                else:
                    self._watch(client)
            with contextlib.suppress(OSError):
                os.write(self._ours, b"exit\r")

    def _ask(self, client, command):
        try:
            client.command(command)
            self.answered += 1
        except ConsoleError as e:
            self.missed.append(f"{command}: {e}")

    def _watch(self, client):
        pictures = client.watch("rpm", "speed")
        try:
            for _ in range(_WATCH):
                next(pictures)
            self.answered += 1
        except ConsoleError as e:
            self.missed.append(f"watch: {e}")
        finally:
            pictures.close()

    def close(self):
        self._ending.set()
        self._task.join(30)
        os.close(self._ours)
        os.close(self._theirs)
