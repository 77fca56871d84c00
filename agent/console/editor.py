"""A line as it is typed: editing, history, and whatever a terminal or a bad cable sends.

    echo, event, rest = editor.feed(data)

event: None, or ("line", text), ("overlong",), ("interrupt",) for Ctrl-C, ("end",) for Ctrl-D on an
empty line, ("tab",), ("clear",) for Ctrl-L. echo: bytes for the terminal. After a "tab" whoever
knows the words calls `insert` and `redraw`.

Keys are those of VT100 and xterm terminals (ECMA-48, 5.4: ESC [ parameters final). UTF-8 is read
as RFC 3629 has it; half a character, control bytes and what is no UTF-8 are dropped and counted. A
break on a serial line comes as NUL and drops what was typed.
"""

from agent.console.limits import MAX_HISTORY
from agent.const import const

_ESC = const(1)  # after ESC
_CSI = const(2)  # after ESC [
_SS3 = const(3)  # after ESC O
_MAX_CSI = const(8)  # bytes of a sequence; a longer one is noise
_BELL = b"\x07"

# What keys of two names do: final bytes of ESC [ and ESC O, numbers of ESC [ n ~.
_FINALS = {"A": 16, "B": 14, "C": 6, "D": 2, "H": 1, "F": 5}
_NUMBERS = {"1": 1, "7": 1, "4": 5, "8": 5, "3": 127 + 128}


class Editor:
    """prompt: bytes. most: characters of a line. is_secret: nothing is echoed or remembered.

    counters: `noise` bytes that were no key and no character, `overlong` lines."""

    def __init__(self, prompt):
        self.prompt = prompt
        self.most = 0
        self.is_secret = False
        self.counters = {"noise": 0, "overlong": 0}
        self.chars = []
        self.at = 0
        self._history = []
        self._place = 0  # in the history; its length: the line that is typed
        self._state = 0
        self._sequence = ""
        self._utf8 = b""
        self._want = 0  # bytes that the character still needs
        self._was_cr = False
        self._is_over = False

    def text(self):
        return "".join(self.chars)

    def redraw(self):
        """Bytes that show the line anew."""
        shown = b"" if self.is_secret else self.text().encode()
        back = 0 if self.is_secret else len(self.chars) - self.at
        return b"\r\x1b[K" + self.prompt + shown + b"\b" * back

    def insert(self, text):
        """At the cursor; False where there is no room."""
        if len(self.chars) + len(text) > self.most:
            return False
        self.chars = self.chars[: self.at] + list(text) + self.chars[self.at :]
        self.at += len(text)
        return True

    def clear(self):
        """Forgets what was typed."""
        self.chars = []
        self.at = 0
        self._is_over = False
        self._place = len(self._history)

    def forget(self):
        """The lines that were typed before: a password may be in one."""
        self._history = []
        self._place = 0

    def without_line_feed(self, data):
        """The same without the second half of a line's end that was read already."""
        was_cr, self._was_cr = self._was_cr, False
        return data[1:] if was_cr and data[:1] == b"\n" else data

    def feed(self, data):
        """-> (echo, events, bytes that are left): stops behind the first event, for what follows
        may be meant for another machine."""
        out = b""
        for i in range(len(data)):
            echo, event = self._byte(data[i])
            out += echo
            if event is not None:
                return out, event, data[i + 1 :]
        return out, None, b""

    def _byte(self, c):
        """-> (echo, event or None)"""
        if self._want and c & 0xC0 != 0x80:
            self.counters["noise"] += len(self._utf8)
            self._want = 0
        if self._state:
            return self._escape(c)
        was_cr, self._was_cr = self._was_cr, c == 13
        if c >= 0x80:
            return self._high(c), None
        if c == 10 and was_cr:
            return b"", None
        if c in (10, 13):
            return self._enter()
        if c == 27:
            self._state = _ESC
            return b"", None
        if c >= 32 and c != 127:
            return self._type(chr(c)), None
        return self._control(c)

    # Characters

    def _high(self, c):
        """A byte of a character beyond ASCII."""
        if not self._want:
            self._utf8 = b""
            if 0xC2 <= c <= 0xDF:
                self._want = 1
            elif 0xE0 <= c <= 0xEF:
                self._want = 2
            elif 0xF0 <= c <= 0xF4:
                self._want = 3
            else:
                self.counters["noise"] += 1
                return b""
            self._utf8 = bytes((c,))
            return b""
        self._utf8 += bytes((c,))
        self._want -= 1
        if self._want:
            return b""
        try:
            text = self._utf8.decode()
        except (UnicodeError, ValueError):
            text = ""
        if len(text) != 1 or 0x80 <= ord(text) < 0xA0:
            self.counters["noise"] += len(self._utf8)
            return b""
        return self._type(text)

    def _type(self, c):
        if self._is_over or len(self.chars) >= self.most:
            was_over, self._is_over = self._is_over, True
            return b"" if was_over else _BELL
        self.chars.insert(self.at, c)
        self.at += 1
        if self.is_secret:
            return b""
        rest = "".join(self.chars[self.at :]).encode()
        return c.encode() + rest + b"\b" * (len(self.chars) - self.at)

    # Keys

    def _escape(self, c):
        if c in (10, 13, 24) or not 32 <= c < 127:
            self._state = 0  # the sequence was cut off
            return self._byte(c)
        if self._state == _ESC:
            self._state = {91: _CSI, 79: _SS3}.get(c, 0)
            self._sequence = ""
            return b"", None
        if self._state == _CSI and (48 <= c < 64):
            self._sequence += chr(c)
            if len(self._sequence) > _MAX_CSI:
                self.counters["noise"] += len(self._sequence)
                self._state = 0
            return b"", None
        self._state = 0
        key = _NUMBERS.get(self._sequence.split(";")[0]) if c == 126 else _FINALS.get(chr(c))
        return self._control(key) if key else (b"", None)

    def _control(self, c):
        """A control character, or the one that does what a key of two names does."""
        if c == 0:
            was = bool(self.chars) or self._is_over
            self.clear()
            return (self.redraw() if was else b""), None
        if c == 3:
            self.clear()
            return b"^C\r\n", ("interrupt",)
        if c == 4 and not self.chars:
            return b"", ("end",)
        if c == 9:
            return (b"", None) if self.is_secret else (b"", ("tab",))
        if c == 12:
            return b"", ("clear",)
        if c in (14, 16):
            return self._recall(1 if c == 14 else -1), None
        if c in (8, 127):
            return (self._cut(self.at - 1, self.at) if self.at else _BELL), None
        if c in (4, 255):
            return self._cut(self.at, self.at + 1), None
        if c == 21:
            return self._cut(0, self.at), None
        if c == 11:
            return self._cut(self.at, len(self.chars)), None
        if c == 23:
            return self._cut(self._word(), self.at), None
        moved = {1: 0, 5: len(self.chars), 2: self.at - 1, 6: self.at + 1}.get(c)
        if moved is None:
            self.counters["noise"] += 1
            return b"", None
        return self._move(max(0, min(moved, len(self.chars)))), None

    def _move(self, to):
        was, self.at = self.at, to
        if self.is_secret:
            return b""
        if to < was:
            return b"\b" * (was - to)
        return "".join(self.chars[was:to]).encode()

    def _word(self):
        """Where the word before the cursor begins."""
        at = self.at
        while at and self.chars[at - 1] == " ":
            at -= 1
        while at and self.chars[at - 1] != " ":
            at -= 1
        return at

    def _cut(self, begin, end):
        end = min(end, len(self.chars))
        self.chars = self.chars[:begin] + self.chars[end:]
        self.at = begin
        self._is_over = False
        return self.redraw()

    # Lines

    def _recall(self, step):
        place = self._place + step
        if self.is_secret or not 0 <= place <= len(self._history):
            return _BELL
        self._place = place
        line = self._history[place] if place < len(self._history) else ""
        self.chars = list(line)
        self.at = len(self.chars)
        return self.redraw()

    def _enter(self):
        text = self.text()
        is_over = self._is_over
        if text.strip() and not is_over and not self.is_secret and text not in self._history[-1:]:
            self._history.append(text)
            if len(self._history) > MAX_HISTORY:
                self._history.pop(0)
        self.clear()
        if is_over:
            self.counters["overlong"] += 1
            return b"\r\n", ("overlong",)
        return b"\r\n", ("line", text)
