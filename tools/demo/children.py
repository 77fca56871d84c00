"""Child programs that never outlive us: each ends cleanly when its standard input closes."""

import socket
import subprocess
import threading
from collections import deque
from contextlib import suppress
from pathlib import Path

from tools import interpreter

ROOT = interpreter.ROOT
_LINES = 200  # of a child's output kept in memory; all of its log goes to a file
_GRACE_S = 20  # an agent delivers its last frames, a room commits: then it is killed


class ChildError(Exception):
    """A child program did not start, or ended before its time."""


def free_port():
    """A loopback port that is free now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def find_micropython():
    """Path of the MicroPython interpreter. Raises ChildError with the way to get one."""
    found = interpreter.find()
    if found is None:
        raise ChildError(interpreter.HOW_TO_GET_IT)
    return found


def micropython_agent(heap):
    """(command, keywords for Child) that run the agent under MicroPython, compiled as a gateway
    carries it. Raises ChildError."""
    program = find_micropython()
    folder = interpreter.compiled()
    command = [program, "-X", f"heapsize={heap}", "-m", "agent"]
    # MicroPython looks where it is first.
    return command, {"cwd": folder, "env": interpreter.environment(folder)}


def rom_agent(heap):
    """The same with its modules run in place, as out of a chip's ROM partition. Raises
    ChildError."""
    find_micropython()
    command, environment = interpreter.in_rom(heap, "agent.__main__")
    return command, {"cwd": ROOT, "env": environment}


class Child:
    """A program with a pipe to its standard input. `lines` holds what it printed last: as many as
    the option of that name says."""

    def __init__(self, name, command, log, cwd=ROOT, env=None, lines=_LINES):
        self.name = name
        self.lines = deque(maxlen=lines)
        self._log_path = log
        self._log = open(log, "ab")  # noqa: SIM115 as long as the child lives
        # A process group of its own: Ctrl-C reaches us alone, and we end the children in their
        # order. No session of its own: its leader would get a serial port that it opens as its
        # controlling terminal, and be hung up together with it.
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=cwd,
            env=env or interpreter.environment(),
            process_group=0,
        )
        self._first = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.decode(errors="replace").rstrip("\n"))
            self._first.set()
        self._first.set()

    def first_line(self, seconds=20):
        """The first line it prints. Raises ChildError."""
        if not self._first.wait(seconds) or not self.lines:
            raise ChildError(f"{self.name} did not start: {self.last_words()}")
        return self.lines[0]

    def log_text(self):
        """All that it has written to its standard error."""
        return Path(self._log_path).read_text(errors="replace").strip()

    def last_words(self):
        """The end of its log, for an error's text."""
        text = self.log_text()
        return text.splitlines()[-1] if text else "it said nothing"

    def is_running(self):
        return self.process.poll() is None

    def stop(self, seconds=_GRACE_S):
        """Asks it to end, waits, and kills it if it does not. Returns its exit code."""
        with suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        self._reader.join(5)
        self._log.close()
        return self.process.returncode

    def kill(self):
        """As a power cut would."""
        self.process.kill()
        self.process.wait()
