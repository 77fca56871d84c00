"""The console's ways in: a serial line, and on a Raspberry Pi a socket for who is logged in there.

Only this stays in memory while nobody is there. With the first key what it takes is imported, and
forgotten again when the technician goes.
"""

from agent import port
from agent.const import const

_QUIET_MS = const(10000)  # between two looks at a line that is silent


class Door:
    """config: the group `console`; event(name, *fields): records one. `ways()` gives the tasks,
    each for ever or until UartError. counters: `opened` sessions."""

    def __init__(self, app, config, event):
        self._app = app
        self._config = config
        self._event = event
        self._lock = [0, 0]  # see login.Login; outlives a session
        self._guests = 0
        self.counters = {"opened": 0}

    def ways(self):
        found = []
        if self._config["port"] is not None:
            found.append(self._run_serial)
        if self._config["socket"] is not None:
            found.append(self._run_socket)
        return found

    async def _run_serial(self):
        line = port.Terminal(self._config["port"], self._config["baud"])
        try:
            while True:
                data = await line.read(_QUIET_MS)
                if data:
                    await self._serve(line, data)
        finally:
            line.close()

    async def _run_socket(self):
        await port.serve_local(self._config["socket"], self._welcome)

    async def _welcome(self, line):
        """Somebody has connected; there he expects to be greeted."""
        await self._serve(line, b"\r")

    async def _serve(self, line, data):
        from agent.console import shell

        self._guests += 1
        self.counters["opened"] += 1
        try:
            await shell.Shell(self._app, line, self._lock, self._event).run(data)
        finally:
            self._guests -= 1
            if not self._guests:
                shell.forget(self._app.ordering.has_begun)
