"""The task around the ways to the network: between the machine that decides (`comms/uplinks.py`),
the port's drivers, and the link.

    drivers --up, down--> Uplinks --start, stop--> drivers
    link ----failures---> Uplinks --use, leave---> link

Only where the configuration has a group `uplink`; elsewhere nothing of it is loaded.
"""

import asyncio

from agent import port
from agent.comms.link import ONLINE
from agent.comms.uplinks import STARTING, UP, Uplinks
from agent.const import const

_POLL_MS = const(500)
_STARTING_MS = const(100)  # while a modem is talked to: each of a dozen answers waits for the next
_PIN_FILE = "sim-pin"  # beside the journal: a check of the PIN that the SIM has refused
_CHECK_BYTES = const(8)


class Uplinking:
    """app: of app.py; config: the group `uplink`. Raises PortError."""

    def __init__(self, app, config):
        self._app = app
        self._order = order = config["order"]
        self._drivers = {name: port.uplink_driver(name, config[name]) for name in order}
        self._machine = Uplinks(
            order,
            {name: self._drivers[name].patience for name in order},
            config["fails"],
            config["return_s"] * 1000,
            config["hold_s"] * 1000,
        )
        self._seen = {}  # causes of the link, as far as they are told to the machine
        self._running = []
        self._pin_check = None
        if "lte" in order and config["lte"]["pin"]:
            self._pin_check = port.sha256(config["lte"]["pin"].encode())[:_CHECK_BYTES]
            self._drivers["lte"].modem.pin_refused = self._was_refused()
        app.uplink.cut()  # until a way is found

    async def run(self):
        """For ever."""
        while True:
            self.poll(self._app.now())
            is_starting = any([self._state(name) == STARTING for name in self._order])
            await asyncio.sleep((_STARTING_MS if is_starting else _POLL_MS) / 1000)

    def poll(self, now):
        machine = self._machine
        for name in list(self._running):
            said = self._ask(name, self._drivers[name].poll, now)
            if said == UP:
                machine.up(name, now)
            elif said:
                if said == "pin":
                    self._keep_pin()
                machine.down(name, said, now)
        self._tell(now)
        for action, name in machine.poll(self._is_busy(), now):
            self._do(action, name, now)

    def _ask(self, name, action, now):
        """What a driver answers. What it dies of is told and ends its way alone: the other one goes
        on."""
        try:
            return action(now)
        except Exception as e:  # whatever a network stack comes up with
            self._app.log.fault(now, "uplink", type(e).__name__, "%s: %s" % (name, e))
            return "fault"

    def _do(self, action, name, now):
        app = self._app
        if action == "start":
            self._running.append(name)
            if self._ask(name, self._drivers[name].start, now):
                self._machine.down(name, "fault", now)
        elif action == "stop":
            if name in self._running:
                self._running.remove(name)
                self._ask(name, self._drivers[name].stop, now)
            app.log.line(now, "uplink: %s ends: %s" % (name, self._machine.state(name)[2]))
        elif action == "use":
            app.log.line(now, "uplink: %s is used" % name)
            app.uplink.mend()
        else:
            app.uplink.cut()

    def _tell(self, now):
        """What became of the link since the last look."""
        link = self._app.link
        for cause in link.causes:
            count = link.causes[cause]
            for _ in range(count - self._seen.get(cause, 0)):
                self._machine.failed(cause, now)
            self._seen[cause] = count
        if link.state == ONLINE and link.proved:
            self._machine.worked(now)

    def _is_busy(self):
        """Frames are under way: another way would mean to send them again."""
        flying, unproved = self._app.link.outstanding()
        return bool(flying or unproved)

    # A PIN that was refused once is not given again, whatever restarts.

    def _was_refused(self):
        storage = self._app.journal.storage
        try:
            return _PIN_FILE in storage.names() and storage.read(_PIN_FILE) == self._pin_check
        except port.StorageError:
            return False

    def _keep_pin(self):
        if self._pin_check is None or not self._drivers["lte"].modem.pin_refused:
            return
        try:
            if not self._was_refused():
                self._app.journal.storage.replace(_PIN_FILE, self._pin_check)
        except port.StorageError as e:
            self._app.log.fault(self._app.now(), "uplink", type(e).__name__, str(e))

    # What people ask

    def _state(self, name):
        return self._machine.state(name)[0]

    def state(self, now):
        """[[name, state, its age in ms, dBm or None, cause of its last end or None], ...] in order
        of preference."""
        found = []
        for name in self._order:
            state, since, cause = self._machine.state(name)
            signal = self._drivers[name].signal() if name in self._running else None
            found.append([name, state, max(0, now - since), signal, cause])
        return found

    def counters(self):
        machine = self._machine
        found = {"used": machine.current}
        for name in machine.counters:
            found[name] = machine.counters[name]
        for cause in machine.causes:
            found["ended_" + cause] = machine.causes[cause]
        for name in self._order:
            counters = self._drivers[name].counters
            for key in counters:
                found["%s_%s" % (name, key)] = counters[key]
            found[name + "_dbm"] = self._drivers[name].signal() if name in self._running else None
        return found

    async def close(self, is_to_rest):
        """is_to_rest: the machine is about to sleep, and a modem must not stay awake."""
        now = self._app.now()
        for name in list(self._running):
            self._running.remove(name)
            self._ask(name, self._drivers[name].stop, now)
            if is_to_rest:
                await self._drivers[name].off()
