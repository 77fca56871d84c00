"""The modem's side of the chat: a machine without I/O, fed with bytes and seconds.

    modem = ModemChat(clock_s)
    modem.feed(data, t)
    for at, data in modem.poll(t): ...      what leaves the modem, and when

It answers the commands of 3GPP TS 27.007 and ITU-T V.250 that `agent/comms/modem.py` gives, with an
echo until ATE0, and OK to all others that begin with AT. What it is like is `state`, by name; what
happens to it are the methods `reset`, `hang_up` and `garbage`.
"""

import random

# name -> (default, what it may be). Seconds where a number is.
STATE = {
    "power": ("on", ("on", "off", "hangs")),  # hangs: it neither hears nor says anything
    "sim": ("ready", ("ready", "none", "busy", "pin", "puk")),
    "pin": ("1234", None),
    "network": ("home", ("home", "roaming", "searching", "denied")),
    "signal": ("21", None),  # of +CSQ: 0 to 31, 99
    "dial": ("connect", ("connect", "no-carrier", "error", "silent")),
    "ppp": ("up", ("up", "silent", "refused")),  # what comes of a call
    "delay": ("0.05", None),  # until a command is answered
    "boot": ("3", None),
}
_FIRST_WORDS = "*ATREADY: 1"
_CREG = {"home": 1, "roaming": 5, "searching": 2, "denied": 3}
_GUARD = 1.0  # s of silence around +++
_LONGEST = 512  # a line of input
# What stands for PPP.
OPEN, UP, REFUSED, CLOSE, CLOSED = b"~open~", b"~up~", b"~refused~", b"~close~", b"~closed~"


class StateError(ValueError):
    """A name or a value that STATE has not."""


class ModemChat:
    """`carries`: a call stands; `calls`: how many there were. `asked`: commands, without the PIN's
    digits."""

    def __init__(self, seed=0):
        self.state = {name: default for name, (default, _) in STATE.items()}
        self._rng = random.Random(seed)
        self._out = []  # (when, bytes)
        self._ready = 0.0  # it hears from then on
        self._line = b""
        self._echo = True
        self._is_unlocked = False
        self._pin_tries = 3
        self._is_data = False
        self._escape = None  # when +++ came
        self._heard = -10.0
        self.carries = False
        self.calls = 0
        self.asked = []

    def set(self, name, value):
        """Raises StateError."""
        if name not in STATE:
            raise StateError(f"{name}: there are {', '.join(STATE)}")
        choices = STATE[name][1]
        if choices and value not in choices:
            raise StateError(f"{name}: {value} is none of {', '.join(choices)}")
        self.state[name] = value

    # What happens to it

    def reset(self, t):
        """It starts anew: the call is gone without a word, its echo is back."""
        self.carries = self._is_data = self._is_unlocked = False
        self._echo = True
        self._line = b""
        self._out = []
        self._escape = None
        self._ready = t + float(self.state["boot"])
        self._say(self._ready, _FIRST_WORDS)
        if self.state["sim"] == "ready":
            self._say(self._ready + 0.2, "+CPIN: READY")
            self._say(self._ready + 0.5, "SMS DONE")

    def hang_up(self, t):
        """The network ends the call."""
        if self._is_data:
            self._out.append((t, CLOSED))
            self._end_call(t)

    def garbage(self, t, count=200):
        """Noise on the line: a loose plug."""
        self._out.append((t, self._rng.randbytes(count)))

    # What it hears

    def feed(self, data, t):
        if self.state["power"] != "on" or t < self._ready:
            return
        if self._is_data:
            self._feed_data(data, t)
            return
        for byte in data:
            if byte in b"\r\n":
                line, self._line = self._line, b""
                if line:
                    self._command(line.decode(errors="replace"), t)
            elif len(self._line) < _LONGEST:
                self._line += bytes([byte])
        self._heard = t

    def _feed_data(self, data, t):
        silent = t - self._heard
        self._heard = t
        if data == b"+++" and silent >= _GUARD:
            self._escape = t
            return
        self._escape = None
        self._line = (self._line + data)[-_LONGEST:]
        if OPEN in self._line:
            self._line = b""
            if self.state["ppp"] == "up":
                self.carries = True
                self.calls += 1
                self._out.append((t + float(self.state["delay"]), UP))
            elif self.state["ppp"] == "refused":
                self._out.append((t, REFUSED))
                self._end_call(t)
        elif CLOSE in self._line:
            self._out.append((t + float(self.state["delay"]), CLOSED))
            self._end_call(t)

    def poll(self, t):
        """[(when, bytes), ...] that are due."""
        if self._escape is not None and t - self._escape >= _GUARD:
            self._escape = None
            self._is_data = False  # the call stands
            self._say(t, "OK")
        due = [row for row in self._out if row[0] <= t]
        self._out = [row for row in self._out if row[0] > t]
        return [] if self.state["power"] != "on" else due

    def wake(self, t):
        """Seconds until `poll` has something, or None."""
        times = [at for at, _ in self._out]
        if self._escape is not None:
            times.append(self._escape + _GUARD)
        return max(0.0, min(times) - t) if times else None

    # Commands

    def _command(self, line, t):
        word = line.upper()
        self.asked.append('AT+CPIN="..."' if word.startswith("AT+CPIN=") else line)
        if self._echo:
            self._out.append((t, line.encode() + b"\r"))
        at = t + float(self.state["delay"])
        if not word.startswith("AT"):
            self._say(at, "ERROR")
        elif word.startswith("ATD") or word.startswith("AT+CGDATA"):
            self._dial(at)
        elif word.startswith("AT+CPIN="):
            self._unlock(word.partition("=")[2].strip('"'), at)
        elif word == "AT+CPOF":
            self._say(at, "OK")
            self.set("power", "off")
        else:
            self._say(at, *self._answer(word, at))

    def _answer(self, word, at):
        if word == "ATE0":
            self._echo = False
        elif word == "ATH":
            self._end_call(at, is_told=False)
        elif word == "AT+CPIN?":
            return self._sim()
        elif word == "AT+CSQ":
            return f"+CSQ: {self.state['signal']},99", "OK"
        elif word in ("AT+CREG?", "AT+CEREG?"):
            is_lte = word == "AT+CEREG?"
            number = _CREG[self.state["network"]] if is_lte and self._is_open() else 0
            return f"{word[2:-1]}: 0,{number}", "OK"
        return ("OK",)

    def _sim(self):
        sim = self.state["sim"]
        if sim == "none":
            return ("+CME ERROR: 10",)
        if sim == "busy":
            return ("+CME ERROR: 14",)
        if sim == "puk" or not self._pin_tries:
            return "+CPIN: SIM PUK", "OK"
        return ("+CPIN: READY" if self._is_open() else "+CPIN: SIM PIN"), "OK"

    def _is_open(self):
        return self.state["sim"] == "ready" or (self.state["sim"] == "pin" and self._is_unlocked)

    def _unlock(self, pin, at):
        if self._pin_tries and pin == self.state["pin"]:
            self._is_unlocked = True
            self._pin_tries = 3
            self._say(at, "OK", "+CPIN: READY")
        else:
            self._pin_tries = max(0, self._pin_tries - 1)
            self._say(at, "+CME ERROR: 16")

    def _dial(self, at):
        dial = self.state["dial"]
        if self.state["network"] not in ("home", "roaming") or not self._is_open():
            dial = "no-carrier"
        if dial == "connect":
            self._is_data = True
            self._say(at, "CONNECT 115200")
        elif dial != "silent":
            self._say(at, {"no-carrier": "NO CARRIER", "error": "ERROR"}[dial])

    def _end_call(self, t, is_told=True):
        self.carries = self._is_data = False
        self._line = b""
        if is_told:
            self._say(t + float(self.state["delay"]), "NO CARRIER")

    def _say(self, at, *lines):
        self._out.append((at, b"".join(b"\r\n" + line.encode() + b"\r\n" for line in lines)))
