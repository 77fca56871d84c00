"""The adapter's programmable parameters (ATPP): values that outlive a reset.

Numbers, types and defaults as ELM Electronics' data sheet has them. The emulator obeys those in
EFFECTIVE; the others are only kept.
"""

_LAST = 0x2F
_ALL = 0xFF  # PP FF ON, PP FF OFF: all of them at once
HEADERS, TIMEOUT, ADAPTIVE, ECHO, BAUD = 0x01, 0x03, 0x04, 0x09, 0x0C
EFFECTIVE = (HEADERS, TIMEOUT, ADAPTIVE, ECHO, BAUD)
_DEFAULTS = {
    0x03: 0x32, 0x04: 0x01, 0x06: 0xF1, 0x07: 0x09, 0x09: 0x00, 0x0A: 0x0A, 0x0C: 0x68, 0x0D: 0x0D,
    0x0E: 0x9A, 0x0F: 0xD5, 0x10: 0x0D, 0x11: 0x00, 0x13: 0x55, 0x14: 0x50, 0x15: 0x0A, 0x17: 0x92,
    0x18: 0x00, 0x19: 0x28, 0x24: 0x00, 0x25: 0x00, 0x26: 0x00, 0x29: 0xFF, 0x2A: 0x38, 0x2B: 0x02,
    0x2C: 0xE0, 0x2D: 0x04, 0x2E: 0x80, 0x2F: 0x0A,
}  # fmt: skip


class Parameters:
    def __init__(self, timeout):
        self._values = [_DEFAULTS.get(n, 0xFF) for n in range(_LAST + 1)]
        self._values[TIMEOUT] = timeout
        self._on = [False] * (_LAST + 1)

    def value(self, number, default):
        """Its value if it is switched on, else `default`."""
        return self._values[number] if self._on[number] else default

    def set(self, number, value):
        """False: there is no such parameter."""
        if number > _LAST:
            return False
        self._values[number] = value
        return True

    def switch(self, number, on):
        if number == _ALL:
            self._on = [on] * len(self._on)
            return True
        if number > _LAST:
            return False
        self._on[number] = on
        return True

    def summary(self):
        """Four in a line: number, value, N or F for on or off."""
        cells = [
            f"{n:02X}:{v:02X} {'N' if on else 'F'}"
            for n, (v, on) in enumerate(zip(self._values, self._on, strict=True))
        ]
        return "\r".join("  ".join(cells[i : i + 4]) for i in range(0, len(cells), 4))
