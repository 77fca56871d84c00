"""The car's condition: OBD on its line, and what becomes of what it reports.

The line is an adapter on a UART, or a CAN interface of Linux. Values go to whoever drew them up
(`on_value`), everything else becomes an event (`on_event(name, t, ...)`); what was learned about
adapter and car is kept for the next start.
"""

import json

from agent import port
from agent.const import const
from agent.obd.poller import Obd

_MEMORY = "obd"  # file beside the journal
_MEMORY_BYTES = const(1024)  # what is learned takes some 200
_KEEP_MS = const(60000)  # at most one write to the flash in this time


class Condition:
    """config: the section `obd`; `storage`: a port.Storage; `run()` for ever."""

    def __init__(self, config, now, log, storage, on_value, on_event, battery_v=12):
        self._config = config
        self._now = now
        self._log = log
        self._storage = storage
        self._on_value = on_value
        self._on_event = on_event
        self._kept = self._read()
        self._keep_at = 0
        self._codes = {}  # kind -> the trouble codes that were told last
        self.state = None  # searching, polling, asleep or lost
        self.adapter = None  # what it says that it is, once it has
        self.heard = None  # uptime of the last byte
        self.is_open = False  # the line
        self.tap = None  # called with "<" or ">" and the bytes, while somebody traces the line
        self.on_done = None  # called with the name of an order, its result, and why it failed
        settings = {"signals": config["signals"], "memory": self._kept, "battery_v": battery_v}
        if not config["sleep"]:
            settings["asleep_ms"] = 0
        self._is_serial = _is_serial(config["port"])
        if self._is_serial:
            settings["rates"] = (config["baud"], config["set_baud"])
            self.obd = Obd(settings)
        else:
            from agent.obd.can_bus import CanBus

            name, rate = config["port"], config["bitrate"]
            self.obd = Obd(settings, lambda c, m, retry: CanBus(c, m, retry, name, rate))

    @property
    def counters(self):
        return self.obd.counters

    def reading(self, signal):
        """The raw value of a signal, or None: there is none, or it is too old to be true."""
        return self.obd.readings.get(signal, self._now())

    def readings(self):
        """[(signal id, raw, age in ms), ...] of all that is true now."""
        return self.obd.readings.live(self._now())

    def ignition(self, level):
        """The ignition's input: True, False, or None where there is none."""
        self.obd.ignition(level, self._now())

    def moving(self):
        """The car drives, as GPS says."""
        self.obd.moving(self._now())

    @property
    def protocol(self):
        """The car's, by the letter that ATDPN has; None while it is unknown."""
        return self.obd.memory.get("protocol")

    def scan(self, only=None):
        """Orders everything about the car, or parts of it; `on_done` brings it. Why not, or
        None."""
        if self.obd.order_scan(only):
            return None
        return "the car does not answer now, or another order is under way"

    def clear(self):
        """Orders the trouble codes cleared, as a technician does. Why not, or None."""
        from agent.obd.services import CLEAR_ORDER, ServiceRefused

        try:
            self.obd.order_clear(CLEAR_ORDER, self._now())
        except ServiceRefused as e:
            return str(e)
        return None

    # The line

    async def run(self):
        uart = self._open()
        self.is_open = True
        obd = self.obd
        obd.start(self._now())
        try:
            while True:
                request = obd.poll(self._now())
                if request:
                    uart.write(request)
                    if self.tap:
                        self.tap(">", request)
                self._take(obd.take(), uart)
                data = await uart.read(obd.wake(self._now()))
                if data:
                    self.heard = self._now()
                    if self.tap:
                        self.tap("<", data)
                self._take(obd.feed(data, self._now()), uart)
        finally:
            self.is_open = False
            uart.close()

    def _open(self):
        name = self._config["port"]
        if self._is_serial:
            return port.Uart(name, self._config["baud"])
        from agent.port.socketcan import CanUart  # Linux alone has it

        return CanUart(name)

    # What it reports

    def _take(self, events, uart):
        for event in events:
            if event[0] == "baud":
                uart.set_baud(event[1])
                self._log.line(event[2], "obd: %d baud" % event[1])
            else:
                self._report(event)

    def _report(self, event):
        kind = event[0]
        t = event[-1]
        if kind == "value":
            self._on_value(event[1], event[2], t)
        elif kind == "state":
            self.state = event[1]
            self._log.line(t, "obd: %s" % event[1])
            self._on_event("obd_state", t, event[1])
            if event[1] == "polling":
                self._keep(t)
        elif kind == "dtc":
            if self._codes.get(event[1]) != event[2]:
                self._codes[event[1]] = event[2]
                self._on_event("dtc", t, event[1], *event[2])
            self._keep(t)
        elif kind == "freeze":
            fields = [0] * (2 * len(event[3]))  # at once: a list that grows takes twice as much
            for i, (signal, raw) in enumerate(event[3]):
                fields[2 * i] = signal
                fields[2 * i + 1] = raw
            self._on_event("freeze_frame", t, event[1], event[2], *fields)
        elif kind == "readiness":
            self._on_event("readiness", t, event[1], event[2])
        elif kind == "vin":
            self._on_event("vin", t, event[1])
        elif kind == "adapter":
            self.adapter = event[1]
            self._log.line(t, "obd: %s, %s" % (event[1], event[2]))
            self._on_event("obd_adapter", t, event[1], event[2])
        elif kind == "cleared":
            self._on_event("dtc_cleared", t, int(event[1]), event[2])
            self._done("clear", None, None if event[1] else event[2])
        elif kind == "scan":
            self._done("scan", event[1], None)
        elif kind == "error":
            self._log.fault(t, "obd", event[1], str(event[2]))

    def _done(self, name, result, why):
        call, self.on_done = self.on_done, None
        if call:
            call(name, result, why)

    # What was learned

    def _read(self):
        """What an earlier start has kept, or None."""
        try:
            if _MEMORY not in self._storage.names():
                return None
            data = self._storage.read(_MEMORY)
            kept = json.loads(data) if len(data) <= _MEMORY_BYTES else None
        except (port.StorageError, ValueError):
            return None
        return kept if isinstance(kept, dict) else None

    def _keep(self, now):
        memory = self.obd.memory
        if memory == self._kept or now < self._keep_at:
            return
        self._keep_at = now + _KEEP_MS
        try:
            self._storage.replace(_MEMORY, json.dumps(memory).encode())
            self._kept = json.loads(json.dumps(memory))
        except port.StorageError as e:
            self._log.fault(now, "obd", type(e).__name__, str(e))


def _is_serial(name):
    """A device file, a chip's UART or a Windows port; anything else is a CAN interface."""
    return "/" in name or name[:4] == "uart" or name[:3].upper() == "COM"
