"""What CPython's port must do that no unit test under both interpreters can show."""

import asyncio

import pytest

from agent.port import cpython


def test_a_cancellation_that_meets_the_event_ends_the_task():
    async def main():
        event = asyncio.Event()

        async def job():
            while True:
                await cpython.wait(event, 10000)
                event.clear()

        for _ in range(50):
            task = asyncio.create_task(job())
            await asyncio.sleep(0)
            event.set()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(asyncio.shield(task), 1)

    asyncio.run(main())


def test_wait_tells_whether_the_event_came():
    async def main():
        event = asyncio.Event()
        assert await cpython.wait(event, 1) is False
        event.set()
        assert await cpython.wait(event, 1) is True

    asyncio.run(main())
