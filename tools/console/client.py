"""A program at the console: commands in, parsed data out.

    with Client.open("/dev/ttyACM0") as console:
        data = console.command("status")
        role = console.log_in("tech", "tech.key", role="service")
        for picture in console.watch("rpm", "speed"): ...

Each command carries a number that comes back in its answer, so that noise, a half-read answer of
somebody else or a prompt are told apart from what was asked for: what is no line of JSON with that
number is passed over. Before a command what may stand in the gateway's line is dropped (Ctrl-C
ends what runs there, Ctrl-U what was typed), unless the last one was answered; and a command that
is not answered is given again.
Raises ConsoleError, and Refused where the gateway says why not.
"""

import itertools
import json
import time

from tools.console import ConsoleError, Refused, keys
from tools.console.line import BAUD, open_line

TIMEOUT_S = 15
SLOW = {"scan": 200, "monitor": 100, "dtc": 60, "freeze": 60, "ready": 60, "vin": 60, "trace": 330,
        "gps": 45}  # fmt: skip
_TRIES = 2
_CLEAR = b"\x03\x15"
_MAX_LINE = 1 << 20  # a gateway's longest answer is some 30 KB
_QUIET_S = 0.2


class Client:
    """line: of `line.py`; log: called with all bytes that come, for a session log."""

    def __init__(self, line, log=None):
        self._line = line
        self._log = log
        self._rest = b""
        self._is_clear = False  # all that was asked is answered: nothing stands in the way
        self._numbers = itertools.count(1)

    @classmethod
    def open(cls, name, baud=BAUD, log=None):
        return cls(open_line(name, baud), log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._line.close()

    def command(self, text, seconds=None):
        """The data that a command answers with. Only commands that look are given a second time
        where nothing came back: nobody knows whether a lost one was carried out."""
        name = text.split(" ")[0]
        limit = seconds or SLOW.get(name, TIMEOUT_S)
        for left in reversed(range(_TRIES if self._is_look(text) else 1)):
            number = next(self._numbers)
            self._send(f"{text} --json={number}")
            try:
                return self._answer(number, limit)
            except TimeoutError:
                if not left:
                    break
        raise ConsoleError(f"{self._line.name}: no answer to {name} within {limit} s")

    def watch(self, *names, seconds=TIMEOUT_S):
        """Pictures of live values, each as `command("watch")` has it, for ever; to be closed."""
        number = next(self._numbers)
        self._send(" ".join(["watch", *names, f"--json={number}"]))
        try:
            while True:
                yield self._answer(number, seconds)
        except TimeoutError:
            raise ConsoleError(f"{self._line.name}: no values within {seconds} s") from None
        finally:
            self._line.write(b"q")
            self._settle()
            self._is_clear = False

    def log_in(self, name, key, role=None, passphrase=None):
        """The role that the gateway grants."""
        number = next(self._numbers)
        self._send(" ".join(filter(None, ["login", name, role, f"--json={number}"])))
        try:
            asked = self._answer(number, TIMEOUT_S)
            text = keys.answer(key, asked["challenge"], passphrase)
            self._line.write(text.encode() + b"\r")
            return self._answer(number, TIMEOUT_S)[1]
        except TimeoutError:
            raise ConsoleError(f"{self._line.name}: no answer to the log-in") from None

    def log_out(self):
        """Gives the role back."""
        self._send("logout --json")
        self._settle()

    def _is_look(self, text):
        from agent.console import commands, grammar, levels

        try:
            words = grammar.alias(grammar.words(text))
            found = commands.row(words[0])
        except (levels.CommandError, IndexError):
            return False
        return found is not None and found[1] == levels.LOOK

    def _send(self, text):
        if not self._is_clear:
            self._line.write(_CLEAR)
            self._settle()
        self._is_clear = False
        self._line.write(text.encode() + b"\r")

    def _settle(self):
        """Passes over what comes until the line is quiet for a moment."""
        end = time.monotonic() + TIMEOUT_S
        while self._read(_QUIET_S) and time.monotonic() < end:
            pass
        self._rest = b""

    def _answer(self, number, seconds):
        """The data of the answer with that number. Raises TimeoutError, Refused."""
        end = time.monotonic() + seconds
        while True:
            line, newline, rest = self._rest.partition(b"\n")
            if newline:
                self._rest = rest
                found = _parsed(line)
                if found is not None and found.get("id") == number:
                    self._is_clear = True
                    if not found.get("ok"):
                        raise Refused(str(found.get("error")))
                    return found.get("data")
                continue
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._rest = (self._rest + self._read(min(left, 0.5)))[-_MAX_LINE:]

    def _read(self, seconds):
        data = self._line.read(seconds)
        if data and self._log:
            self._log(data)
        return data


def _parsed(line):
    """The object in a line that may have an echo or a prompt before it, or None."""
    begin = line.find(b"{")
    if begin < 0:
        return None
    try:
        found = json.loads(line[begin:])
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
