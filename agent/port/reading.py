"""Reading a line with a time-out that loses nothing.

MicroPython's `wait_for` reads in a task of its own. Where bytes come in the very moment in which
the time is up, that task has taken them from the line and nobody asks for its result any more: on a
busy machine a sentence now and then was without its head. So whoever reads puts down here what it
has, before anybody can be told that the time is up.
"""

import asyncio

from agent.const import const

_READ = const(512)


class Reading:
    """reader: of asyncio; within(awaitable, ms): waits so long, then raises TimeoutError."""

    def __init__(self, reader, within):
        self._reader = reader
        self._within = within
        self._data = None
        # Made once, where the reader can fill it: most reads bring a few bytes of the 512.
        self._buffer = bytearray(_READ) if hasattr(reader, "readinto") else None

    async def read(self, ms):
        """What has come, b"" at the line's end; None when nothing came in `ms`. Raises OSError."""
        try:
            await self._within(self._fill(), ms)
        except asyncio.TimeoutError:
            pass
        data = self._data
        self._data = None
        return data

    async def _fill(self):
        if self._buffer is None:
            self._data = await self._reader.read(_READ)
        else:
            count = await self._reader.readinto(self._buffer)
            self._data = bytes(memoryview(self._buffer)[:count]) if count else b""
