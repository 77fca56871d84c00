"""The car's GPS: the task around the receiver on its serial line, or around gpsd.

UART <-> gps.Receiver --+--fix----> on_fix(fix)
TCP  <-> gps.Gpsd ------+--event--> on_event(name, t, fields ...)
         ^ wheels' speed, ignition: gps.Quality judges, holds and reckons by them
"""

from agent import port
from agent.const import const
from agent.gps.quality import Quality
from agent.gps.receiver import Receiver
from agent.gps.settings import from_config

# Messages written at one time. The set-up asks for one after the other; it is a chip that would
# otherwise do nothing else.
_MAX_WRITES = const(20)
_CONNECT_MS = const(5000)  # gpsd is on this machine, or beside it
# Events of the set-up that the room hears of, as (event, and whether its own name is a field).
_TOLD = {
    "receiver": ("gps_receiver", False),
    "configured": ("gps_setup", True),
    "refused": ("gps_setup", True),
    "unanswered": ("gps_setup", True),
    "reset": ("gps_setup", True),
    "antenna": ("gps_antenna", False),
    "jamming": ("gps_jamming", False),
}


class Positioning:
    """`await run()` for as long as the line lasts; `poll(now)` in any case, a few times a second.

    on_fix(fix): each fix, valid or not, judged; also those that are reckoned while GPS is lost.
    """

    def __init__(self, config, not_before, now, log, on_fix, on_event):
        """config: the group `gps`; not_before: UTC ms before which no date is true; now: function
        that gives the uptime in ms."""
        self._config = config
        self._now = now
        self._log = log
        self._tell_fix = on_fix
        self._on_event = on_event
        self.fix = None  # the last one, valid or not
        self.heard = self.said = None  # uptime of the last byte, of the last sound sentence
        self._count = 0  # sound sentences
        self.is_open = False  # the line
        self.tap = None  # called with the bytes, while somebody traces the line
        self.quality = Quality(None, not_before, hold_by_gps=True)
        self.gpsd = self.receiver = None
        if config["gpsd"]:
            from agent.gps.gpsd import Gpsd  # 10 KB of a chip's heap that most cars do not need

            self.gpsd = Gpsd(config["gpsd"]["device"], None, self.quality)
        else:
            self.receiver = Receiver(from_config(config), self.quality, config["sky"])
        self.counters = (self.gpsd or self.receiver).counters
        self.sky = None if self.gpsd else self.receiver.sky

    async def run(self):
        """Raises UartError, TcpError when the line is not there, or no more."""
        if self.gpsd:
            await self._run_gpsd()
        else:
            await self._run_receiver()

    def _on_fix(self, fix):
        self.fix = fix
        self._tell_fix(fix)

    def poll(self, now):
        """What is due by time also while the line is silent or gone."""
        fix = self.quality.poll(now)
        if fix is not None:
            self._on_fix(fix)
        for event in self.quality.take_events():
            self._on_event(event[0], event[-1], *event[1:-1])

    # The receiver on its serial line

    async def _run_receiver(self):
        receiver = self.receiver
        rate = receiver.baud(self._now()) or self._config["baud"]
        uart = port.Uart(self._config["port"], rate)
        self.is_open = True
        try:
            while True:
                data = await uart.read(receiver.wake(self._now()))
                now = self._now()
                if data:
                    self._heard(data, now)
                for fix in receiver.feed(data, now) if data else receiver.poll(now):
                    self._on_fix(fix)
                rate = self._set_up(uart, rate)
        finally:
            self.is_open = False
            uart.close()

    def _heard(self, data, now):
        """For whoever asks how the line is: `said` is late by a read, as the sentences of this one
        are not looked at yet."""
        self.heard = now
        if self.tap:
            self.tap(data)
        count = self.counters["sentences"]
        if count != self._count:
            self._count = count
            self.said = now

    def _set_up(self, uart, rate):
        """Writes what the set-up wants to say; the rate that the UART then has."""
        receiver = self.receiver
        for _ in range(_MAX_WRITES):
            data = receiver.output(self._now())
            if not data:
                break
            uart.write(data)
        wanted = receiver.baud(self._now()) or rate
        if wanted != rate:
            uart.set_baud(wanted)
        for name, value, t in receiver.take_events():
            self._on_set_up(name, value, t)
        return wanted

    def _on_set_up(self, name, value, t):
        self._log.line(t, ("gps: %s %s" % (name, value)).rstrip())
        told = _TOLD.get(name)
        if told:
            event, is_named = told
            if is_named:
                self._on_event(event, t, name, value)
            else:
                self._on_event(event, t, value)

    # gpsd

    async def _run_gpsd(self):
        gpsd, where = self.gpsd, self._config["gpsd"]
        line = await port.open_tcp(where["host"], where["port"], _CONNECT_MS)
        self.is_open = True
        try:
            gpsd.connected(self._now())
            while True:
                data = gpsd.poll(self._now())
                if data:
                    await line.write(data)
                data = await line.read(gpsd.wake(self._now()))
                if data:
                    self.heard = self.said = self._now()
                    if self.tap:
                        self.tap(data)
                for fix in gpsd.feed(data, self._now()):
                    self._on_fix(fix)
        finally:
            self.is_open = False
            line.close()
