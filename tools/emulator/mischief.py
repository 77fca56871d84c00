"""What spoils an adapter's words on their way: faults of the line, the adapter and the bus.

Each method takes what would be said at a second `at` and returns what is said instead.
"""

_HEX = "0123456789ABCDEF"
_STRANGE = "GJKQZ@#~\x7f"  # what a digit may become that stays none


class Mischief:
    def __init__(self, faults, kind, rng):
        self._faults, self._kind, self._random = faults, kind, rng
        self._left = {}  # fault's second -> bytes it still lets pass

    def deaf(self, now):
        """The adapter hears nothing."""
        row = self._faults.active("obd", "mid-reply", now)
        cranking = self._faults.active("car", "cranking", now)
        return (
            self._faults.active("obd", "silent", now) is not None
            or (row is not None and self._left.get(row.at) == 0)
            or (cranking is not None and not cranking.values["survives"])
        )

    def data(self, text, rows, at):
        """(text, rows) of a line of data: digits gone wrong, or marked by the adapter itself."""
        row = self._faults.active("obd", "corrupt", at)
        if row is not None:
            spoilt = self._corrupt(text, row.values)
            text, rows = spoilt, (rows if spoilt == text else ())
        row = self._faults.active("obd", "line-error", at)
        if row is not None and self._random.random() < row.values["rate"]:
            text, rows = text.rstrip("\r") + row.values["text"] + "\r", ()
        return text, rows

    def _corrupt(self, text, values):
        made = ""
        for digit in text:
            if digit in _HEX and self._random.random() < values["rate"]:
                others = _HEX.replace(digit, "") if values["hex"] else _STRANGE
                digit = self._random.choice(others)
            made += digit
        return made

    def ok(self, text, at):
        row = self._faults.active("obd", "no-ok", at)
        gone = text == "OK" and row is not None and self._random.random() < row.values["rate"]
        return "" if gone else text

    def prompt(self, at):
        row = self._faults.active("obd", "no-prompt", at)
        rate = max(self._kind.lost_prompt, row.values["rate"] if row else 0.0)
        return "" if rate and self._random.random() < rate else ">"

    def raw(self, data, at):
        """Bytes: noise gets between them, or they stop in the middle for good."""
        noise = self._faults.active("obd", "noise", at)
        if noise is not None:
            data = self._noisy(data, noise.values["rate"])
        row = self._faults.active("obd", "mid-reply", at)
        if row is not None:
            left = self._left.setdefault(row.at, row.values["after"])
            data = data[:left]
            self._left[row.at] = left - len(data)
        return data

    def _noisy(self, data, rate):
        made = bytearray()
        for byte in data:
            if self._random.random() < rate:
                made.append(self._random.choice((0x00, 0xFF)))
            made.append(byte)
        return bytes(made)
