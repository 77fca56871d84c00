"""A cellular modem's chat, from a modem that may be off, asleep or in the middle of a call, to the
CONNECT after which PPP has the line.

    modem = Modem("internet", pin="1234", presses=("power_key",))
    modem.start(now)
    modem.feed(data, now)                 what came on the line
    for action in modem.poll(now): ...    ("write", bytes), ("press", name of a pin), ("data", None)

`state` is OFF, CHATTING or DATA; `cause` says why a chat ended without CONNECT, by the rows of
`uplinks.BACKOFF`. A machine without I/O. The commands are those of 3GPP TS 27.007 (CMEE, CPIN,
CGDCONT, CREG, CEREG, CSQ) and ITU-T V.250 (AT, E, D, H and the escape +++), which modems of all
makers have; what a board's modem wants beside them is in the configuration (`commands`).

A SIM locks itself after three wrong PINs: the PIN is given once, and never again once refused.
"""

from agent.const import const

OFF = "off"
CHATTING = "chatting"
DATA = "data"

_ANSWER_MS = const(5000)  # to a command that asks the modem alone
_AT_MS = const(1000)
_AWAKE_TRIES = const(3)
_BOOT_TRIES = const(25)  # modules of this kind take 10 to 15 s from key or supply to an answer
_GUARD_MS = const(1100)  # silence around +++: a second, V.250's S12 as modems are delivered
_SIM_TRIES = const(15)  # a SIM is read for seconds after the modem answers
_SIM_PAUSE_MS = const(1000)
_PIN_MS = const(10000)
_REGISTER_TRIES = const(40)
_REGISTER_PAUSE_MS = const(2000)
_DENIED = const(8)  # times: a roaming SIM may be refused by the first network it asks
_DIAL_MS = const(60000)
_RESETS = const(3)  # in one chat; a modem that starts again and again lacks current
# A line of an answer is far shorter; what is longer is noise, or PPP.
_LONGEST = const(128)
_MOST_LINES = const(4)  # of one answer that are kept
_HOME, _SEARCHING, _REFUSED, _ROAMING = 1, 2, 3, 5  # <stat> [27.007, 7.2]
_FAILURES = ("NO CARRIER", "NO DIALTONE", "BUSY", "NO ANSWER")
_BOOTED = ("RDY", "*ATREADY: 1")  # Quectel's and SIMCom's first words
_OK = "OK"
_ERROR = "ERROR"


class _Ended(Exception):
    """The chat cannot go on; the argument is the cause."""


class Modem:
    """`signal`: dBm as told last, or None; `pin_refused`: the PIN is wrong; whoever knows that from
    before sets it. `counters`: commands, those refused or not answered, noise, starts of its own.
    """

    def __init__(self, apn=None, pin=None, commands=(), dial="ATD*99#", presses=()):
        """presses: pins that may wake a modem that does not answer, in the order of trying."""
        self._apn = apn
        self._pin = pin
        self._commands = commands
        self._dial = dial
        self._presses = presses
        self.state = OFF
        self.cause = None
        self.signal = None
        self.pin_refused = False
        self.counters = {"asked": 0, "errors": 0, "silent": 0, "noise": 0, "resets": 0}
        self._script = None
        self._buffer = b""
        self._is_skipping = False  # up to the end of a line that is too long
        self._asked = None  # the command whose answer is waited for
        self._is_awake = False  # it has answered since it started
        self._lines = []
        self._error = None  # number of +CME ERROR
        self._result = None
        self._until = 0
        self._resets = 0

    def start(self, now, is_cold=False):
        """is_cold: its supply was switched on just now."""
        self.state = CHATTING
        self.cause = None
        self._resets = 0
        self._begin(now, is_cold)

    def stop(self):
        self.state = OFF
        self._script = None

    def _begin(self, now, is_cold):
        self._script = self._chat(is_cold)
        self._buffer = b""
        self._is_skipping = self._is_awake = False
        self._asked = self._result = None
        self._is_begun = False
        self._until = now

    # What comes

    def feed(self, data, now):
        """What comes after CONNECT is PPP's and is passed over: PPP says it again."""
        if self.state != CHATTING:
            return
        pieces = (self._buffer + data).replace(b"\n", b"\r").split(b"\r")
        self._buffer = pieces.pop()
        for piece in pieces:
            if self._is_skipping:
                self._is_skipping = False
            elif piece:
                self._take(piece, now)
        if len(self._buffer) > _LONGEST:
            self._buffer = b""
            if not self._is_skipping:
                self.counters["noise"] += 1
            self._is_skipping = True

    def _take(self, piece, now):
        """One line."""
        if len(piece) > _LONGEST or not all([32 <= c < 127 for c in piece]):
            self.counters["noise"] += 1
            return
        line = piece.decode()
        if line in _BOOTED and self._is_awake:
            self._restarted(now)
        elif self._asked is None or self._result is not None or line == self._asked:
            return  # a word of its own, or its echo
        elif line == _OK or line in _FAILURES:
            self._result = line
        elif line.startswith("CONNECT"):
            self._result = "CONNECT"
        elif line == _ERROR or line.startswith("+CME ERROR:") or line.startswith("+CMS ERROR:"):
            self._result = _ERROR
            number = line[11:].strip()
            self._error = int(number) if number.isdigit() else None
        elif len(self._lines) < _MOST_LINES:
            self._lines.append(line)

    def _restarted(self, now):
        """It has lost all that it was told."""
        self.counters["resets"] += 1
        self._resets += 1
        if self._resets > _RESETS:
            self._fail("reset")
        else:
            self._begin(now, True)

    # What to do

    def poll(self, now):
        """List of actions to carry out now."""
        actions = []
        while self.state == CHATTING and (self._result is not None or now >= self._until):
            if self._asked is not None and self._result is None:
                self.counters["silent"] += 1
            elif self._result == _ERROR:
                self.counters["errors"] += 1
            result = self._result
            self._asked = self._result = None
            try:
                kind, value, ms = self._script.send(result if self._is_begun else None)
            except StopIteration:
                self.state = DATA
                actions.append(("data", None))
                break
            except _Ended as e:
                self._fail(e.args[0])
                break
            self._is_begun = True
            self._until = now + ms
            if kind == "ask":
                self.counters["asked"] += 1
                self._asked = value
                self._lines = []
                self._error = None
                actions.append(("write", value.encode() + b"\r"))
            elif kind is not None:
                actions.append((kind, value))
        return actions

    def _fail(self, cause):
        self.state = OFF
        self.cause = cause

    # The chat. A generator: it yields (what, value, ms) and is given the result, None for silence.

    def _chat(self, is_cold):
        yield from self._wake(is_cold)
        self._is_awake = True
        yield from self._must("ATE0")
        yield ("ask", "AT+CMEE=1", _ANSWER_MS)
        for command in self._commands:
            yield ("ask", command, _ANSWER_MS)
        yield from self._unlock()
        if self._apn:
            yield from self._must('AT+CGDCONT=1,"IP","%s"' % self._apn)
        yield from self._register()
        if (yield ("ask", self._dial, _DIAL_MS)) != "CONNECT":
            raise _Ended("dial")

    def _must(self, command):
        """Twice: a modem that has just woken may swallow the first."""
        for _ in range(2):
            if (yield ("ask", command, _ANSWER_MS)) == _OK:
                return
        raise _Ended("silent")

    def _wake(self, is_cold):
        if (yield from self._answers(_BOOT_TRIES if is_cold else _AWAKE_TRIES)):
            return
        # In the middle of a call, perhaps, which a restart of ours has left behind.
        yield (None, None, _GUARD_MS)
        yield ("write", b"+++", _GUARD_MS)
        if (yield from self._answers(_AWAKE_TRIES)):
            yield ("ask", "ATH", _ANSWER_MS)
            return
        for pin in self._presses:
            yield ("press", pin, _AT_MS)
            if (yield from self._answers(_BOOT_TRIES)):
                return
        raise _Ended("silent")

    def _answers(self, tries):
        for _ in range(tries):
            if (yield ("ask", "AT", _AT_MS)) == _OK:
                return True
        return False

    def _unlock(self):
        is_given = False
        for _ in range(_SIM_TRIES):
            yield ("ask", "AT+CPIN?", _ANSWER_MS)
            state = self._value("+CPIN:")
            if state == "READY":
                return
            if state == "SIM PIN":
                if is_given:
                    self.pin_refused = True
                if self._pin is None or self.pin_refused:
                    raise _Ended("pin")
                is_given = True
                if (yield ("ask", 'AT+CPIN="%s"' % self._pin, _PIN_MS)) == _ERROR:
                    self.pin_refused = True
                    raise _Ended("pin")
            elif state is not None and state != "NOT READY":
                raise _Ended("pin")  # a PUK, or the lock of a maker or an operator
            yield (None, None, _SIM_PAUSE_MS)
        raise _Ended("sim")

    def _register(self):
        refused = 0
        for i in range(_REGISTER_TRIES):
            yield ("ask", "AT+CSQ", _ANSWER_MS)
            self.signal = _dbm(self._value("+CSQ:"))
            # LTE's registration, and every other one of the networks before it.
            name = "REG" if i % 2 else "EREG"
            yield ("ask", "AT+C%s?" % name, _ANSWER_MS)
            state = _second(self._value("+C%s:" % name))
            if state in (_HOME, _ROAMING):
                return
            if state == _REFUSED:
                refused += 1
            elif state == _SEARCHING:
                refused = 0
            if refused >= _DENIED:
                raise _Ended("denied")
            yield (None, None, _REGISTER_PAUSE_MS)
        raise _Ended("away")

    def _value(self, name):
        """What stands behind this name in the answer, or None."""
        for line in self._lines:
            if line.startswith(name):
                return line[len(name) :].strip()
        return None


def _second(text):
    """The second number of '0,1'; of an answer with one number that one."""
    numbers = (text or "").split(",")
    number = numbers[1] if len(numbers) > 1 else numbers[0]
    return int(number) if number.isdigit() else None


def _dbm(text):
    """Of +CSQ's <rssi>: -113 dBm or less, 2 dB a step up to 31; 99: unknown [27.007, 8.5]."""
    number = (text or "").split(",")[0]
    if not number.isdigit() or int(number) > 31:
        return None
    return 2 * int(number) - 113
