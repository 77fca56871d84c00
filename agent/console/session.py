"""The console's dialogue as a machine: typed bytes in; bytes for the terminal and calls out.

    out, calls = session.feed(data, now)     also with b"" when a call has ended: what was typed
                                             meanwhile is read then
    session.show(lines)                      the answer to a call: an iterator of texts
    out = session.output(now)                the next piece of it, b"" when there is none now
    session.tick(now)                        True when nobody has typed for too long

calls, each to be ended by `show`:
    ("call", Call)             a command of the registry, checked (grammar.py)
    ("help", words)            ("login", words)          ("answer", text) to a challenge
    ("logout",)                ("complete", text before the cursor), ended by `completed`
and without an end: ("cancel",) what runs; ("end",) the technician has gone.

Answers are drawn line by line, as the terminal takes them, so that the longest costs no memory;
after a screenful the machine waits for a key. Answers in JSON are one line and never wait; what is
given as bytes instead of text is a piece of a line.
"""

import json

from agent.console.editor import Editor
from agent.console.limits import MAX_AHEAD, MAX_ANSWER, MAX_LINE

IDLE_MS = 600000  # as long as a technician looks under a bonnet; then he is logged out
_PIECE = 256  # bytes of output made at a time
_CANCEL = b"\x03q\x1b"
_ROWS = 24  # of a terminal, as long as nobody says otherwise
_MORE = b"--more--"

_IDLE = 0
_BUSY = 1  # a call is carried out
_SHOWING = 2
_MORE_KEY = 3  # waits for a key after a screenful
_FIRST = ()  # stands for the line that comes next, as long as nothing was shown


class Session:
    """name: of the vehicle, for the prompt; texts: a Texts; role: number of the caller's."""

    def __init__(self, name, texts, role=0):
        self.name = name
        self.texts = texts
        self.role = role
        self.who = None  # logged in as
        self.rows = _ROWS
        self.counters = {"lines": 0, "wrong": 0, "broken": 0}
        self.is_answer_json = False  # of the call under way
        self.answer_id = None
        self._state = _IDLE
        self._watching = False  # any key ends what is under way
        self._editor = Editor(b"")
        self._lines = None
        self._next = None  # the line that comes next
        self._left = 0  # lines until the screen is full
        self._ahead = b""
        self._last = None  # when something was typed

    @property
    def noise(self):
        """Bytes that were no key and no character, and lines that were too long."""
        return self._editor.counters

    @property
    def is_idle(self):
        return self._state == _IDLE

    def greet(self, now):
        """Bytes to begin with."""
        self._last = now
        self._ready()
        text = self.texts.get("hello", self.name)
        return b"\r\n" + text.encode() + b"\r\n" + self._editor.redraw()

    def tick(self, now):
        if self._watching:
            return False
        return self._last is not None and now - self._last >= IDLE_MS

    def feed(self, data, now):
        if data:
            self._last = now
        out = b""
        calls = []
        data = self._ahead + data
        self._ahead = b""
        while data:
            if self._state == _BUSY:
                data = self._while_busy(data, calls)
            elif self._state == _SHOWING:
                data = self._while_showing(data)
            elif self._state == _MORE_KEY:
                echo, data = self._key(data)
                out += echo
                continue
            else:
                echo, event, data = self._editor.feed(data)
                out += echo
                if event:
                    out += self._event(event, calls)
                continue
            self._ahead = data[:MAX_AHEAD]
            break
        return out, calls

    # While something runs

    def _while_busy(self, data, calls):
        if self._watching:
            data = self._editor.without_line_feed(data)
            if data:
                calls.append(("cancel",))
                self._watching = False
            return data[1:]
        place = data.rfind(b"\x03")
        if place >= 0:
            calls.append(("cancel",))
        return data[place + 1 :]

    def _while_showing(self, data):
        place = data.rfind(b"\x03")
        if place >= 0:
            self._next = None
            self._lines = iter(())
        return data[place + 1 :]

    def _key(self, data):
        """A key at the end of a screenful -> (echo, bytes that are left)."""
        key, data = data[:1], data[1:]
        if key in (b" ", b"\r", b"\n"):
            self._left = 1 if key != b" " else self.rows - 1
            self._state = _SHOWING
        elif key in (b"q", b"Q", b"\x03"):
            self._next = None
            self._lines = iter(())
            self._state = _SHOWING
        else:
            return b"", data
        return b"\r\x1b[K", data

    # Lines

    def _event(self, event, calls):
        kind = event[0]
        if kind == "line":
            return self._line(event[1], calls)
        if kind == "overlong":
            if self._editor.is_secret:
                calls.append(("answer", ""))
                self._state = _BUSY
                return b""
            return self._refuse(self.texts.get("overlong", self._editor.most))
        if kind == "interrupt":
            if self._editor.is_secret:
                calls.append(("answer", ""))
                self._state = _BUSY
                return b""
            return self._editor.redraw()
        if kind == "end":
            calls.append(("end",))
            return b"\r\n"
        if kind == "clear":
            return b"\x1b[H\x1b[2J" + self._editor.redraw()
        self._state = _BUSY
        calls.append(("complete", self._editor.text()[: self._editor.at]))
        return b""

    def _line(self, text, calls):
        if self._editor.is_secret:
            self._state = _BUSY
            calls.append(("answer", text))
            return b""
        from agent.console import grammar

        self.counters["lines"] += 1
        as_json, id_ = "--json" in text, None
        self.is_answer_json = False
        try:
            words, as_json, id_ = grammar.options(grammar.words(text))
            if not words:
                return self._editor.redraw()
            call = self._builtin(words)
            if call is None:
                return self._editor.redraw()
            if not call:
                words = grammar.alias(words)
                call = ("call", grammar.call(words, self.role, as_json, id_))
        except grammar.CommandError as e:
            return self._refuse(answer(None, id_, None, str(e)) if as_json else str(e))
        self.is_answer_json = as_json
        self.answer_id = id_
        self._state = _BUSY
        self._watching = call[0] == "call" and call[1].name == "watch"
        calls.append(call)
        return b""

    def _builtin(self, words):
        """What is no command of the registry: the call; None where it is done, () for others."""
        name = words[0]
        if name in ("help", "?"):
            return ("help", words[1:])
        if name == "login":
            return ("login", words[1:])
        if name == "logout":
            return ("logout",)
        if name in ("exit", "quit"):
            return ("end",)
        if name == "page":
            self.rows = int(words[1]) if len(words) > 1 and words[1].isdigit() else _ROWS
            return None
        return ()

    def _refuse(self, text):
        self.counters["wrong"] += 1
        return self._tell(self.texts.fit(text))

    def _tell(self, text):
        return text.encode() + b"\r\n" + self._editor.redraw()

    # Answers

    def ask(self, lines):
        """The same as `show`; the next line is the answer to what they ask, and is not echoed."""
        self.show(lines)
        self._editor.is_secret = True

    def show(self, lines):
        self._watching = False
        self._lines = iter(lines)
        self._next = _FIRST
        self._left = 0 if self.is_answer_json else self.rows - 1
        self._state = _SHOWING

    def refresh(self, lines):
        """A picture of what goes on: shown whole, and the call goes on."""
        out = b"" if self.is_answer_json else b"\x1b[H\x1b[J"
        for line in lines:
            out += _ended(line)
        return out

    def completed(self, words):
        """What the text before the cursor may go on as: the ends of words."""
        self._state = _IDLE
        editor = self._editor
        if not words:
            return b"\x07"
        common = words[0]
        for word in words[1:]:
            while not word.startswith(common):
                common = common[:-1]
        if len(words) == 1:
            common += " "
        if common:
            editor.insert(common)
            return editor.redraw()
        begun = editor.text()[: editor.at].split(" ")[-1]
        shown = "  ".join([begun + word for word in sorted(words)[:24]])
        return b"\r\n" + shown.encode() + b"\r\n" + editor.redraw()

    def _take(self):
        """The next line of the answer, None at its end."""
        try:
            return next(self._lines)
        except StopIteration:
            return None
        except Exception as e:
            # Data of a form that whoever draws it does not know.
            self.counters["broken"] += 1
            self._lines = iter(())
            return "%s: %s" % (type(e).__name__, e)

    def output(self, now):
        if self._state != _SHOWING:
            return b""
        out = b""
        while len(out) < _PIECE:
            if self._next is _FIRST:
                self._next = self._take()
            if self._next is None:
                self._lines = None
                self._ready()
                return out + self._editor.redraw()
            out += _ended(self._next)
            self._next = self._take()
            if self._left:
                self._left -= 1
                if not self._left and self._next is not None:
                    self._state = _MORE_KEY
                    return out + _MORE
        return out

    def log_out(self):
        """The role is given back, and whoever is next recalls no line of this one."""
        self.who = None
        self.role = 0
        self._editor.forget()

    def _ready(self):
        """The next line may be typed."""
        self._state = _IDLE
        editor = self._editor
        editor.most = MAX_ANSWER if editor.is_secret else MAX_LINE
        role = ("", " service", " danger")[self.role]
        editor.prompt = (self.name + role + "> ").encode()
        if editor.is_secret:
            editor.prompt = self.texts.get("answer").encode() + b" "

    def answered(self):
        """The answer to a challenge was read: lines are commands again."""
        self._editor.is_secret = False


def _ended(line):
    return line if isinstance(line, bytes) else line.encode() + b"\r\n"


def answer(name, id_, data, error=None):
    """An answer as one line of JSON."""
    row = {"command": name, "ok": error is None}
    if id_ is not None:
        row["id"] = id_
    row["data" if error is None else "error"] = data if error is None else error
    return json.dumps(row)
