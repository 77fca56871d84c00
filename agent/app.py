"""The whole agent on one screen: its parts, how they are wired, and the tasks that drive them.

    UART -> gps.Receiver --fix--+
    UART <-> obd.Obd ---value---+-> reporting -> recorder -> journal -> link -> MQTT -> room
    inputs --------------change-+   zones, driving  ^           ^        ^        |
                                      clock --------+           +-- inbox --------+

What stands left of MQTT are machines that take time as an argument; the tasks here and in
`uplink.py` are all the I/O there is. A fault in one part is counted, told once a minute at most,
and survived: the other parts never notice.
"""

import asyncio

from agent import config as configuration
from agent import port, records, signals
from agent.clock import Clock
from agent.comms import session as sessions
from agent.comms.bootcount import next_boot
from agent.comms.inbox import Inbox
from agent.comms.journal import Journal, JournalError
from agent.comms.link import ONLINE, Link
from agent.driving import Driving
from agent.gps.receiver import Receiver
from agent.log import Log
from agent.obd.poller import Obd
from agent.recorder import Recorder
from agent.reporting import Reporting, position_record, profiles
from agent.uplink import Uplink
from agent.vehicle.inputs import Inputs
from agent.zones import Zones

VERSION = "0.1.0"
_TICK_MS = 50  # inputs are looked at, batches and flushes checked so often
_REOPEN_MS = 3000  # a serial port that is not there is tried again so often
_RESTART_MS = 1000  # a task that failed is started again after that long
_GPS_LOST_MS = 10000
_SPEED = signals.by_name("speed")


def _random(n):
    return int.from_bytes(port.random_bytes(4), "big") % n


class App:
    """`await start()`, `await run()` until `stop()`, `await finish()`; `status()` at any time."""

    def __init__(self, config, write):
        """config: of `config.load`; write(text): prints a line. Raises PortError."""
        self._config = config
        self._began = port.uptime_ms()
        self.log = Log(write)
        self.clock = Clock(config["time"]["not_before_utc_ms"])
        self._profiles = profiles(config["reporting"]["profiles"])
        self._profile = config["reporting"]["profile"]
        self.reporting = Reporting(self._profiles[self._profile])
        self.zones = Zones(config["reporting"]["zones"], list(self._profiles))
        self.driving = Driving()
        self.driving.set_limit(self.reporting.profile.limit)
        self.receiver = Receiver() if config["gps"] else None
        self.obd = Obd() if config["obd"] else None
        self.inputs = Inputs()
        self._levels = port.Inputs(_present(config["inputs"] or {}))
        self._watchdog = port.Watchdog()
        kept = config["journal"]
        self.journal = Journal(
            port.Storage(kept["dir"]), kept["quota_bytes"], kept["segment_bytes"], kept["flush_ms"]
        )
        self.recorder = Recorder(self.journal, self.clock)
        self.recorder.report_ms = self.reporting.profile.report_ms
        mqtt = config["mqtt"]
        self.link = Link(self.journal, _random, mqtt["window"], mqtt["backlog_bytes_per_s"])
        self.inbox = Inbox()
        self.uplink = Uplink(
            config, self.now, self.log, self.link, self.inbox, self.journal, self.clock
        )
        self.uplink.on_connected = self._on_connected
        self.session = None
        self.position = None  # the last POSITION record, recorded or not
        self.readings = {}  # signal id -> (raw, uptime)
        self._fix_at = None  # uptime of the last valid fix
        self._dtc = None  # the trouble codes last reported
        self._stopping = asyncio.Event()
        self._is_over = False  # nothing more is recorded
        self._tasks = []

    def now(self):
        """Session uptime in ms."""
        return port.uptime_ms() - self._began

    # Start and end

    async def start(self):
        """Journal and session: from here on what is recorded is kept."""
        left = self.journal.recover()
        self.log.line(self.now(), "journal: %d frames of earlier sessions to deliver" % left)
        await self._new_session()
        self._event("boot", self.session.boot, VERSION, port.NAME)

    async def _new_session(self):
        boot = next_boot(self.journal.storage)
        identity = configuration.identity(self._config)
        steps = sessions.open_steps(identity, boot, port.random_bytes(32), self.now())
        while True:
            try:
                next(steps)
            except StopIteration as end:
                self.session = end.value
                break
            await asyncio.sleep(0)  # a chip computes for seconds: the UARTs are served meanwhile
        self._keep(self.journal.begin, self.session)
        self.uplink.set_session(self.session)
        self.log.line(self.now(), "session %s, boot %d" % (self.session.sid.hex(), boot))

    async def run(self):
        """Drives all parts until `stop()`."""
        self._spawn("tick", self._tick_task)
        self._spawn("link", self.uplink.run)
        if self.receiver:
            self._spawn("gps", self._gps_task)
        if self.obd:
            self._spawn("obd", self._obd_task)
        await self._stopping.wait()

    def stop(self):
        """Ends `run`; `finish` then delivers what there is."""
        self._stopping.set()

    async def finish(self, drain_ms):
        """Records no more, waits up to `drain_ms` for the room, leaves a clean journal."""
        for part, task in self._tasks:
            if part != "link":
                task.cancel()
        self._driven(self.driving.flush())
        self._event("stop", "asked to")
        self._is_over = True
        self._keep(self.recorder.flush, self.now())
        end = self.now() + drain_ms
        while self.journal.frames_left() and self.now() < end:
            self.uplink.wake()
            await asyncio.sleep(0.05)
        for _, task in self._tasks:
            task.cancel()
        await self.uplink.close()
        self._keep(self.journal.close)
        self.log.line(self.now(), "stopped: %d frames left" % self.journal.frames_left())

    def _spawn(self, part, job):
        self._tasks.append((part, asyncio.create_task(self._guard(part, job))))

    async def _guard(self, part, job):
        """Runs a part's task; whatever it dies of is counted and told, and it is started again."""
        while True:
            try:
                await job()
            except port.UartError as e:
                self.log.fault(self.now(), part, "UartError", str(e))
                await asyncio.sleep(_REOPEN_MS / 1000)
            except Exception as e:
                self._fault(part, e)
                await asyncio.sleep(_RESTART_MS / 1000)

    def _fault(self, part, e):
        name = type(e).__name__
        if self.log.fault(self.now(), part, name, str(e)):
            self._event("fault", part, name, str(e)[:80])

    def _keep(self, action, *args):
        """Calls something of the journal; what it refuses is counted and told, never raised."""
        try:
            return action(*args)
        except (JournalError, port.StorageError) as e:
            self.log.fault(self.now(), "journal", type(e).__name__, str(e))
            return None

    # Recording

    def _record(self, lane, record):
        # A cancelled task ends at its next wait: what it brings until then would be in no frame.
        if self._is_over:
            return
        # An alert goes out also when the storage refused it: then it waits in RAM.
        if self._keep(self.recorder.add, lane, record, self.now()) or lane == records.ALERT:
            self.uplink.wake()

    def _event(self, name, *fields):
        lane = records.EVENT_LANES[name]
        self._record(lane, (records.EVENT, self.now(), records.EVENT_CODES[name]) + fields)

    def _driven(self, events):
        """Events of `driving.py`, which have a time of their own."""
        for name, t, peak, lasted, extra in events:
            record = (records.EVENT, t, records.EVENT_CODES[name], peak, lasted, extra)
            self._record(records.EVENT_LANES[name], record)
            if name == "collision":
                self.reporting.event()

    def _choose_profile(self):
        """Panic goes before the siren, the siren before the zone the car is in."""
        if self.inputs.level("panic"):
            self.use_profile("event")
        elif self.inputs.level("siren"):
            self.use_profile("pursuit")
        else:
            self.use_profile(self.zones.profile() or self._profile)
        limit = self.zones.limit() or self.reporting.profile.limit
        self._driven(self.driving.set_limit(limit))

    def use_profile(self, name):
        """Another reporting profile is in force from here on."""
        if self.reporting.profile.name != name:
            self.reporting.use(self._profiles[name])
            self.recorder.report_ms = self.reporting.profile.report_ms
            self._event("profile", name)

    # Tasks

    async def _tick_task(self):
        """All that is due by time alone."""
        while True:
            now = self.now()
            self.recorder.is_online = self.link.state == ONLINE and self.link.proved
            for name, level in self.inputs.feed(self._levels.read(), now):
                self._on_input(name, level)
            if self.receiver:
                self._watch_gps(now)
            self._driven(self.driving.poll(now))
            if self._keep(self.recorder.poll, now):
                self.uplink.wake()
            self._keep(self.journal.poll, now)
            if self.session.is_spent(now):
                await self._new_session()
            self._watchdog.feed()
            await asyncio.sleep(_TICK_MS / 1000)

    async def _gps_task(self):
        uart = port.Uart(self._config["gps"]["port"], self._config["gps"]["baud"])
        try:
            while True:
                data = await uart.read(_TICK_MS)
                now = self.now()
                for fix in self.receiver.feed(data, now) if data else self.receiver.poll(now):
                    self._on_fix(fix)
        finally:
            uart.close()

    async def _obd_task(self):
        uart = port.Uart(self._config["obd"]["port"], self._config["obd"]["baud"])
        self.obd.start(self.now())
        try:
            while True:
                request = self.obd.poll(self.now())
                if request:
                    uart.write(request)
                for event in self.obd.take():
                    self._on_obd(event)
                data = await uart.read(self.obd.wake(self.now()))
                for event in self.obd.feed(data, self.now()):
                    self._on_obd(event)
        finally:
            uart.close()

    # What the parts report

    def _on_fix(self, fix):
        if not fix.valid:
            return
        t = self.clock.gnss(fix.utc, fix.t)
        if self._fix_at is None:
            self._event("gps_state", "fix")
        self._fix_at = fix.t
        record = position_record(fix, t, fix.quality)
        self.position = record
        # Zones first: their profile is in force for this fix already.
        crossed = self.zones.feed(record, t)
        for event in crossed:
            self._event("zone_" + event[0], *event[1:])
        if crossed:
            self._choose_profile()
        self._driven(self.driving.feed_position(record))
        if self.reporting.position(record):
            lane = records.CRUMB if self.reporting.is_crumb(record) else records.FINE
            self._record(lane, record)

    def _on_connected(self):
        """What gathered while there was no link goes out at once, ahead of the backlog: the room
        first of all wants to know where the car is now."""
        self._keep(self.recorder.close_all, self.now())

    def _watch_gps(self, now):
        if self._fix_at is not None and now - self._fix_at > _GPS_LOST_MS:
            self._fix_at = None
            self._event("gps_state", "lost")

    def _on_obd(self, event):
        kind = event[0]
        if kind == "value":
            _, signal, raw, t = event
            self.readings[signal] = (raw, t)
            if signal == _SPEED:
                self._driven(self.driving.feed_speed(raw * 250 // 9, t))  # km/h to cm/s
            record = self.reporting.value(signal, raw, t)
            if record:
                self._record(records.FINE, record)
        elif kind == "state":
            self.log.line(self.now(), "obd: %s" % event[1])
            self._event("obd_state", event[1])
        elif kind == "dtc":
            if event[1:3] != self._dtc:
                self._dtc = event[1:3]
                self.reporting.event()
                self._event("dtc", event[1], *event[2])
        elif kind == "vin":
            self._event("vin", event[1])
        elif kind == "adapter":
            self._event("obd_adapter", event[1])
        elif kind == "error":
            self.log.fault(self.now(), "obd", event[1], str(event[2]))

    def _on_input(self, name, level):
        if level is None:
            self._event("input_unknown", name)
            return
        self.reporting.event()
        self._event(name, int(level))
        self._choose_profile()

    # What people ask

    def status(self):
        """What a person wants to know at a glance, as a dict."""
        flying, unproved = self.link.outstanding()
        return {
            "uptime_ms": self.now(),
            "session": self.session.sid.hex() if self.session else None,
            "records": self.recorder.records,
            "frames": self.journal.counters["frames_journalled"],
            "acknowledged": self.journal.counters["frames_acknowledged"],
            "left": self.journal.frames_left(),
            "lost": self.journal.counters["frames_lost"],
            "sent": self.link.counters["sent"],
            "delivered": self.link.counters["pubacks"],
            "link": self.link.state,
            "pubacks_outstanding": flying,
            "unproved": unproved,
            "faults": self.log.counters,
        }

    def counters(self):
        """{part: {counter: how often}} of every part."""
        found = {
            "journal": self.journal.counters,
            "link": self.link.counters,
            "link_causes": self.link.causes,
            "inbox": self.inbox.counters,
            "clock": self.clock.counters,
            "faults": self.log.counters,
        }
        if self.receiver:
            found["gps"] = self.receiver.counters
        if self.obd:
            found["obd"] = self.obd.counters
        return found


def _present(sources):
    return {name: source for name, source in sources.items() if source is not None}
