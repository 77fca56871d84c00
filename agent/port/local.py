"""Sockets of this machine (AF_UNIX) as lines for the console: CPython on Linux."""

import asyncio
import os
import stat

from agent.port.errors import UartError

_READ = 512
_MAX_WAITING = 4096  # bytes that the other side has not fetched
_MAX_GUESTS = 4


class LocalLine:
    """As `Terminal`; UartError when the other side has gone."""

    def __init__(self, reader, writer):
        self._reader = reader
        self._writer = writer

    async def read(self, ms):
        """What has come, after waiting for it at most `ms`; b"" when nothing came."""
        try:
            async with asyncio.timeout(ms / 1000):
                data = await self._reader.read(_READ)
        except TimeoutError:
            return b""
        except OSError as e:
            raise UartError("console: %s" % e) from e
        if not data:
            raise UartError("console: closed by the other side")
        return data

    def write(self, data):
        """-> how many bytes the line took."""
        transport = self._writer.transport
        if transport.is_closing():
            raise UartError("console: closed by the other side")
        if transport.get_write_buffer_size() > _MAX_WAITING:
            return 0
        self._writer.write(data)
        return len(data)

    def close(self):
        self._writer.close()


async def serve(path, welcome):
    """For ever. The socket is for its owner alone (mode 600)."""
    try:
        if stat.S_ISSOCK(os.stat(path).st_mode):
            os.unlink(path)  # of an agent that was killed
    except FileNotFoundError:
        pass
    guests = set()

    async def connected(reader, writer):
        line = LocalLine(reader, writer)
        if len(guests) >= _MAX_GUESTS:
            line.close()
            return
        guests.add(asyncio.current_task())
        try:
            await welcome(line)
        except UartError:
            pass  # the guest went; nothing of ours has failed
        finally:
            guests.discard(asyncio.current_task())
            line.close()

    before = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(connected, path)
    except OSError as e:
        raise UartError("console socket %s: %s" % (path, e.strerror)) from e
    finally:
        os.umask(before)
    try:
        await server.serve_forever()
    finally:
        for guest in list(guests):
            guest.cancel()
