"""A plain TCP line, for both interpreters: gpsd on this machine."""

import asyncio

from agent.port.errors import TcpError
from agent.port.reading import Reading


def _number(e):
    return e.args[0] if e.args else e


class TcpLine:
    """`await read(ms)`, `await write(data)`, `close()`; raises TcpError."""

    @staticmethod
    async def open(host, port, ms, within):
        """within(awaitable, ms): waits so long, then raises asyncio.TimeoutError."""
        where = "%s:%d" % (host, port)
        try:
            reader, writer = await within(asyncio.open_connection(host, port), ms)
        except asyncio.TimeoutError:
            raise TcpError("%s: no connection within %d ms" % (where, ms))
        except OSError as e:
            raise TcpError("%s: no connection: error %s" % (where, _number(e)))
        return TcpLine(where, within, reader, writer)

    def __init__(self, where, within, reader, writer):
        self._where = where
        self._reading = Reading(reader, within)
        self._writer = writer

    async def read(self, ms):
        """What has come, after waiting for it at most `ms`; b"" when nothing came."""
        try:
            data = await self._reading.read(ms)
        except OSError as e:
            raise TcpError("%s was lost: error %s" % (self._where, _number(e)))
        if data is None:
            return b""
        if not data:
            raise TcpError("%s was lost: closed by the other side" % self._where)
        return data

    async def write(self, data):
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as e:
            raise TcpError("%s: write: error %s" % (self._where, _number(e)))

    def close(self):
        self._writer.close()
