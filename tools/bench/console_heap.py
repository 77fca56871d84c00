"""What the console costs a chip's heap, under MicroPython: `patrol bench console` runs this.

    micropython -X heapsize=512K -m tools.bench.console_heap CONFIG

The agent's own parts and console, compiled as a gateway carries them; the serial line is one that
only counts. The heap is swept and looked at whenever output goes out and whenever the agent is
about to forget a module, that is when most is in memory. Prints one JSON line.
"""

import asyncio
import gc
import json
import sys

from agent import config, port
from agent.app import App

COMMANDS = (
    "help", "help watch", "status", "selftest", "link", "obd", "inputs", "power", "journal",
    "events", "log", "counters", "time", "config get mqtt", "watch rpm speed", "gps", "zones",
    "status --json", "login tech",
)  # fmt: skip


_NAMES = 1500


class Heap:
    """Bytes in use after a sweep; the most that was ever seen."""

    def __init__(self):
        self.peak = 0

    def look(self):
        gc.collect()
        used = gc.mem_alloc()
        self.peak = max(self.peak, used)
        return used


class Line:
    """Gives what is typed, and looks at the heap while output goes out."""

    def __init__(self, heap):
        self._heap = heap
        self._typed = b""
        self.seen = b""

    def type(self, text):
        self._typed += text.encode()

    async def read(self, ms):
        await asyncio.sleep_ms(1)
        data, self._typed = self._typed, b""
        return data

    def write(self, data):
        self._heap.look()
        self.seen = (self.seen + data)[-64:]
        return len(data)

    def close(self):
        pass


async def _until(line, end):
    for _ in range(20000):
        await asyncio.sleep_ms(1)
        if line.seen.endswith(end):
            return
    raise AssertionError(line.seen)


async def run(path):
    # The table of names doubles when it is full, whoever comes last: here it is made large enough
    # before anything is measured.
    for i in range(_NAMES):
        exec("patrol_name_" + str(i) + " = None")
    heap = Heap()
    # All that is written down later has its place now.
    found = {"closed": 0, "open": 0, "open_again": 0, "left": 0, "left_again": 0, "peak": 0}
    found["commands"] = rows = [[command, 0, 0] for command in COMMANDS]
    settings = config.load(path)
    port.forget("agent.config")
    settings["console"]["port"] = None
    app = App(settings, lambda text: None)
    app.config_path = path
    await app.start()
    forget = port.forget

    def forgetting(name):
        heap.look()
        forget(name)

    port.forget = forgetting
    for _ in range(3):  # until nothing comes any more that was not there before
        await asyncio.sleep_ms(20)
        before = heap.look()
    from agent.console.door import Door

    line = Line(heap)
    port.Terminal = lambda path, baud: line
    settings["console"]["port"] = "line"
    app.console = Door(app, settings["console"], lambda *fields: None)
    task = asyncio.create_task(app.console.ways()[0]())
    await asyncio.sleep_ms(10)
    closed = heap.look() - before
    base = before
    found["closed"] = closed
    for time in range(2):
        line.type("\r")
        await _until(line, b"> ")
        await asyncio.sleep_ms(20)
        heap.peak = 0
        opened = heap.look() - base
        for row in rows if time == 0 else rows[2:3]:
            command = row[0]
            heap.peak = 0
            line.seen = b""
            line.type("page 0\r")
            await _until(line, b"> ")
            line.seen = b""
            line.type(command + "\r")
            if command[:5] == "watch":
                await _until(line, b"\n")
                line.type("q")
            await _until(line, b"> ")
            await asyncio.sleep_ms(20)
            idle = heap.look() - base
            row[1] = max(row[1], heap.peak - base)
            row[2] = max(row[2], idle)
        line.seen = b""
        line.type("exit\r")
        await _until(line, b"exit\r\n")
        await asyncio.sleep_ms(1500)
        found["open" if time == 0 else "open_again"] = opened
        found["left" if time == 0 else "left_again"] = heap.look() - base
    task.cancel()
    found["peak"] = max([row[1] for row in found["commands"]])
    return found


def main(argv):
    print(json.dumps(asyncio.run(run(argv[0]))))


if __name__ == "__main__":
    main(sys.argv[1:])
