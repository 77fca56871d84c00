"""agent/port/reading.py: a time-out that meets the bytes loses none of them."""

import asyncio
import time

from agent.port.reading import Reading

try:
    from agent.port.micropython import within
except ImportError:
    from agent.port.cpython import within


class Line:
    """What asyncio's reader is: gone is gone, once it was read."""

    def __init__(self):
        self._ready = asyncio.Event()
        self._data = b""

    def put(self, data):
        self._data += data
        self._ready.set()

    async def read(self, n):
        await self._ready.wait()
        self._ready.clear()
        data = self._data[:n]
        self._data = self._data[n:]
        return data


class FillingLine(Line):
    """As MicroPython's is."""

    async def readinto(self, buffer):
        data = await self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def read(put, *waits):
    """What reads of so many ms give, one after the other; `put(line)` runs beside them."""
    found = [_read(kind(), put, waits) for kind in (Line, FillingLine)]
    assert found[0] == found[1]
    return found[0]


def _read(line, put, waits):
    async def main():
        reading = Reading(line, within)
        task = asyncio.create_task(put(line))
        found = []
        for ms in waits:
            found.append(await reading.read(ms))
        await task
        return found

    return asyncio.run(main())


async def nothing(line):
    pass


def test_what_comes_in_time_and_what_does_not():
    async def soon(line):
        line.put(b"abc")

    assert read(nothing, 1) == [None]
    assert read(soon, 1000, 1) == [b"abc", None]


def test_the_end_of_a_line_is_told():
    async def end(line):
        line.put(b"")

    assert read(end, 1000) == [b""]


def test_bytes_that_meet_the_time_out_are_not_lost():
    async def late(line):
        await asyncio.sleep(0.01)
        line.put(b"$GPRMC")
        time.sleep(0.05)  # the loop is held up: when it goes on, the time is up as well

    assert [data for data in read(late, 20, 500) if data] == [b"$GPRMC"]


def test_an_error_of_the_line_is_the_readers():
    class Broken:
        async def read(self, n):
            raise OSError(5)

    async def main():
        await Reading(Broken(), within).read(100)

    try:
        asyncio.run(main())
    except OSError as e:
        assert e.args[0] == 5
        return
    raise AssertionError("no error")
