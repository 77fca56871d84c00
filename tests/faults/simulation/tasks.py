"""The product's coroutines under virtual time.

The agent's uplink is a coroutine that waits by `port.wait` and `asyncio.sleep`. Here it runs
unchanged: both names are put in place of the real ones for as long as a world runs, and what it
awaits is an event of the scheduler.
"""


class Event:
    """In place of asyncio.Event."""

    def __init__(self):
        self._is_set = False
        self._task = None

    def set(self):
        self._is_set = True
        if self._task is not None:
            self._task.wake()

    def clear(self):
        self._is_set = False

    def is_set(self):
        return self._is_set


class _Wait:
    def __init__(self, event, ms):
        self.event = event
        self.ms = ms

    def __await__(self):
        return (yield self)


async def wait(event, ms):
    """In place of port.wait: True when the event came within so many ms."""
    return await _Wait(event, ms)


async def sleep(seconds):
    await _Wait(None, int(seconds * 1000))


class Asyncio:
    """In place of the module asyncio in `agent/uplink.py`."""

    Event = Event
    sleep = staticmethod(sleep)


class Task:
    """Drives one coroutine. enter(call): every step goes through it, so that the owner sees what
    the step raised and can look at the world after it."""

    def __init__(self, scheduler, coroutine, enter):
        self._scheduler = scheduler
        self._coroutine = coroutine
        self._enter = enter
        self._event = None
        self._timer = None
        self.is_done = False
        self._resume(None)

    def _resume(self, value):
        self._timer = self._scheduler.after(0, self._enter, self._step, value)

    def _step(self, value):
        if self.is_done:
            return
        self._event = None
        try:
            request = self._coroutine.send(value)
        except StopIteration:
            self.is_done = True
            return
        self._event = request.event
        if self._event is not None and self._event.is_set():
            self._event = None
            self._resume(True)
            return
        if self._event is not None:
            self._event._task = self
        self._timer = self._scheduler.after(request.ms, self._enter, self._step, False)

    def wake(self):
        """The event that it waits for has come."""
        if self._event is not None and not self.is_done:
            self._event._task = None
            self._event = None
            self._scheduler.cancel(self._timer)
            self._resume(True)

    def cancel(self):
        self.is_done = True
        self._scheduler.cancel(self._timer)
        if self._event is not None:
            self._event._task = None
        self._coroutine.close()
