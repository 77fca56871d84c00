"""The line that MicroPython itself speaks on, as a console: USB of an ESP32-S3, or UART 0."""

import asyncio
import select
import sys

import micropython

from agent.const import const

_READ = const(64)
_LOOK_MS = const(10)  # between two looks at the line: faster than anybody types
_NO_KEY = const(-1)
_CTRL_C = const(3)


class UsbTerminal:
    """As `Terminal`. Ctrl-C is a key like others while it is open, and no interrupt."""

    def __init__(self):
        self._keys = select.poll()
        self._keys.register(sys.stdin, select.POLLIN)
        micropython.kbd_intr(_NO_KEY)

    async def read(self, ms):
        """What has come, after waiting for it at most `ms`; b"" when nothing came."""
        while not self._keys.poll(0):
            if ms <= 0:
                return b""
            await asyncio.sleep_ms(min(ms, _LOOK_MS))
            ms -= _LOOK_MS
        data = b""
        # One byte at a time: more would be waited for.
        while len(data) < _READ and self._keys.poll(0):
            byte = sys.stdin.buffer.read(1)
            if not byte:  # a line at its end, which says for ever that it can be read
                await asyncio.sleep_ms(max(_LOOK_MS, ms))
                break
            data += byte
        return data

    def write(self, data):
        """-> how many bytes the line took. The firmware drops what nobody fetches."""
        sys.stdout.buffer.write(data[:_READ])
        return min(len(data), _READ)

    def close(self):
        micropython.kbd_intr(_CTRL_C)
