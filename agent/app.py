"""The whole agent on one screen: its parts, how they are wired, and the tasks that drive them.

    UART <-> positioning --fix--+
    UART <-> condition --value--+-> tracking -> recorder -> journal -> link -> MQTT -> room
    inputs --------------change-+                ^           ^        ^        |
                                      clock -----+           +-- inbox --------+

What stands left of MQTT are machines that take time as an argument; the tasks here, in
`positioning.py`, `condition.py` and `uplink.py` are all the I/O there is. A fault in one part is
counted, told once a minute at most, and survived: the other parts never notice.
"""

import asyncio

from agent import port, records, signals, summary
from agent.clock import Clock, lateness
from agent.comms import session as sessions
from agent.comms.inbox import Inbox
from agent.comms.journal import Journal, JournalError
from agent.comms.link import ONLINE, Link
from agent.condition import Condition
from agent.console import entry
from agent.const import const
from agent.log import Log
from agent.machine_clock import MachineClock
from agent.ordering import Ordering
from agent.positioning import Positioning
from agent.recorder import Recorder
from agent.tracking import Tracking
from agent.uplink import Uplink, random_below
from agent.vehicle.inputs import Inputs

VERSION = "0.1.0"
_TICK_MS = const(50)  # batches and flushes are checked so often
_INPUTS_MS = const(20)  # the inputs are looked at so often: a panic press waits no longer than that
_REOPEN_MS = const(3000)  # a serial port that is not there is tried again so often
_RESTART_MS = const(1000)  # a task that failed is started again after that long
_MOVING = const(300)  # cm/s by GPS from which on the car cannot be asleep
KEY_SET = "room-keys"  # the file of `update/keyset.py`, which is imported when it is there
_SPEED = signals.by_name("speed")


class App:
    """`await start()`, `await run()` until `stop()`, `await finish()`; `status()` at any time."""

    def __init__(self, config, write):
        """config: of `config.load`; write(text): prints a line. Raises PortError."""
        self.config = config
        self.version = VERSION
        self.config_path = None  # of its file, where an order may change what holds
        self._began = port.uptime_ms()
        self.log = Log(write)
        self.clock = Clock(config["time"]["not_before_utc_ms"])
        self.tracking = Tracking(config["reporting"], self._record, self._event_at)
        self.gps = self._positioning(config) if config["gps"] else None
        self.privacy = None  # while nothing asks for it
        self.inputs = Inputs()
        wired = _present(config["inputs"] or {})
        self._levels = port.Inputs(wired)
        self._machine_clock = MachineClock(self.clock)
        kept = config["journal"]
        storage = port.Storage(kept["dir"])
        self.journal = Journal(
            storage, kept["quota_bytes"], kept["segment_bytes"], kept["flush_ms"], storage.unit()
        )
        self.recorder = Recorder(self.journal, self.clock)
        self.obd = self._condition(config) if config["obd"] else None
        mqtt = config["mqtt"]
        self.budget = self._budget(mqtt)
        self.link = Link(
            self.journal, random_below, mqtt["window"], mqtt["backlog_bytes_per_s"],
            len(mqtt["brokers"]), self.budget,
        )  # fmt: skip
        self.inbox = Inbox()
        self.uplink = Uplink(
            config, self.now, self.log, self.link, self.inbox, self.journal, self.clock, self.budget
        )
        self.uplink.on_connected = self._on_connected
        self.uplinking = self._uplinking(config["uplink"]) if config["uplink"] else None
        self.ordering = Ordering(self, config["orders"]["role"], self._event, self._fault)
        self.uplink.on_order = self.ordering.take
        self.updating = self._updating(config) if config["update"] else None
        self.settings = self.starting = None  # where there is something for them to look after
        self.powering = self._powering(config["power"], wired) if config["power"] else None
        self.is_restarting = self.is_wiping = False
        self.session = None
        self._is_renewing = False  # a new session is due whatever the old one's age
        self._stopping = asyncio.Event()
        self._is_over = False  # nothing more is recorded
        self._tasks = []
        if (config["inputs"] or {}).get("off_duty") is not None:
            from agent.vehicle.privacy import Privacy

            self.privacy = Privacy()
            self.tracking.set_private(True, 0)  # until the switch was read

    def _budget(self, mqtt):
        """Of a metered SIM, or None; only who has one pays for its code."""
        if not mqtt["budget_bytes_per_day"]:
            return None
        from agent.comms.budget import Budget

        return Budget(
            self.journal.storage, mqtt["budget_bytes_per_day"], mqtt["budget_floor_bytes"]
        )

    def _uplinking(self, config):
        from agent.uplinking import Uplinking  # elsewhere than on a chip the system does it

        return Uplinking(self, config)

    def _powering(self, config, wired):
        from agent.powering import Powering  # a gateway that never sleeps pays nothing for it

        return Powering(self, config, wired, self._record, self._event)

    def _positioning(self, config):
        not_before = config["time"]["not_before_utc_ms"]
        return Positioning(
            config["gps"], not_before, self.now, self.log, self._on_fix, self._event_at
        )

    def _condition(self, config):
        storage = self.journal.storage
        volts = config["power"]["battery_v"] if config["power"] else 12
        return Condition(
            config["obd"], self.now, self.log, storage, self._on_value, self._on_condition, volts
        )

    def _updating(self, config):
        from agent.updating import Updating

        updating = Updating(self, config["update"], config["vehicle"], self._event, self._fault)
        self.uplink.on_chunk = updating.chunk
        return updating

    def now(self):
        """Session uptime in ms."""
        return port.uptime_ms() - self._began

    # Start and end

    async def start(self):
        """Journal and session: from here on what is recorded is kept."""
        left = self.journal.recover()
        self.log.line(self.now(), "journal: %d frames of earlier sessions to deliver" % left)
        await self._new_session()
        cause = port.wake_cause(self.powering.sources() if self.powering else [])
        if self.powering:
            cause = self.powering.begin(cause, self.now())
        self._event("boot", self.session.boot, VERSION, port.NAME, cause)
        if self.starting:
            self.starting.tell(self, self._event, self._fault)
        if self.powering:
            self.powering.tell_cause(self._on_input, self.now())
        self.ordering.start(self.now())
        if self.updating:
            self.updating.start()

    async def _new_session(self):
        boot = sessions.next_boot(self.journal.storage)
        identity = sessions.identity(self.config)
        key_set = self._use_room_key(identity)
        self._is_renewing = False
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
        self.recorder.new_session()
        self.log.line(self.now(), "session %s, boot %d" % (self.session.sid.hex(), boot))
        if key_set:
            self._event("room_key", identity.room_key_id.hex(), key_set)

    def _use_room_key(self, identity):
        if KEY_SET not in (self._keep(self.journal.storage.names) or ()):
            return 0
        from agent import upkeep

        return upkeep.use_room_key(self, identity, self._fault)

    async def run(self):
        """Drives all parts until `stop()`; before, the boot code watches (docs/starting.md)."""
        self._watchdog = port.Watchdog((self.config["power"] or {}).get("watchdog"))
        self._spawn("tick", self._tick_task)
        self._spawn("inputs", self._inputs_task)
        self._spawn("link", self.uplink.run)
        self._spawn("orders", self.ordering.run)
        for part, its in (("uplink", self.uplinking), ("update", self.updating), ("gps", self.gps),
                          ("obd", self.obd), ("power", self.powering)):  # fmt: skip
            if its:
                self._spawn(part, its.run)
        for way in entry.ways(self, self.config["console"], self._event):
            self._spawn("console", way)
        await self._stopping.wait()

    def stop(self):
        """Ends `run`; `finish` then delivers what there is."""
        self._stopping.set()

    async def finish(self, drain_ms):
        """Records no more, waits up to `drain_ms` for the room, leaves a clean journal."""
        is_to_rest = self.powering and self.powering.rest
        for part, task in self._tasks:
            if part != "link" and not (is_to_rest and part == "inputs"):
                task.cancel()
        self.tracking.end()
        self._event("stop", "asleep" if is_to_rest else "asked to")
        self._is_over = True
        if self.powering:
            drain_ms = self.powering.drain_ms(drain_ms)
        self._keep(self.recorder.flush, self.now())
        end = self.now() + drain_ms
        while self.journal.frames_left() and self.now() < end:
            self.uplink.wake()
            await asyncio.sleep(0.05)
        for _, task in self._tasks:
            task.cancel()
        await self.uplink.close()
        if self.uplinking:
            await self.uplinking.close(is_to_rest)
        self._keep(self.journal.close)
        if self.budget:
            self.budget.close()
        if self.powering and self.powering.ended():
            self.is_restarting = True
        self.log.line(self.now(), "stopped: %d frames left" % self.journal.frames_left())

    def _spawn(self, part, job):
        self._tasks.append((part, asyncio.create_task(self._guard(part, job))))

    async def _guard(self, part, job):
        """Runs a part's task; whatever it dies of is counted and told, and it is started again."""
        while True:
            try:
                await job()
            except (port.UartError, port.TcpError) as e:
                self.log.fault(self.now(), part, type(e).__name__, str(e))
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
        if self._is_over or (self.tracking.is_private and self.privacy.hides(record)):
            return
        # An alert goes out also when the storage refused it: then it waits in RAM.
        if self._keep(self.recorder.add, lane, record, self.now()) or lane == records.ALERT:
            self.uplink.wake()

    def _event_at(self, name, t, *fields):
        self.log.event(name, t, fields)
        lane = records.event_lane(name)
        self._record(lane, (records.EVENT, t, records.EVENT_CODES[name]) + fields)

    def _event(self, name, *fields):
        self._event_at(name, self.now(), *fields)

    # Tasks

    async def _tick_task(self):
        """All that is due by time alone."""
        while True:
            now = self.now()
            self.recorder.is_online = self.link.state == ONLINE and self.link.proved
            if self.gps:
                self.gps.quality.ignition(self.inputs.level("ignition"), now)
                self.gps.poll(now)
            if self.obd:
                self.obd.ignition(self.inputs.level("ignition"))
            self._poll_records(now)
            self._keep(self.journal.poll, now)
            self._machine_clock.poll(now)
            if self.privacy:
                self._poll_privacy(now)
            if self.settings and self.settings.is_pending:
                self._poll_settings(now)
            if self.starting and self.starting.poll(self, now, self._fault):
                self.starting = None
            if self._is_renewing or self.session.is_spent(now):
                await self._new_session()
            self._watchdog.feed()
            await asyncio.sleep(_TICK_MS / 1000)

    async def _inputs_task(self):
        while self.config["inputs"]:
            now = self.now()
            for name, level in self.inputs.feed(self._levels.read(), now):
                self._on_input(name, level, now)
            for name in self.inputs.newly_stuck(now):
                self._event("input_stuck", name)
            await asyncio.sleep(_INPUTS_MS / 1000)
        await self._stopping.wait()

    def _poll_privacy(self, now):
        level = self.inputs.level
        is_private = self.privacy.is_private(level("off_duty"), level("panic"), now)
        self.tracking.set_private(is_private, now)

    def _poll_settings(self, now):
        from agent import upkeep

        upkeep.poll_settings(self, now, self._event, self._fault)

    def _poll_records(self, now):
        """Batches that are due go out, and with them the newest position."""
        self.recorder.report_ms = self.tracking.profile.report_ms
        is_due = self.recorder.is_due(now) if self.recorder.is_online else None
        if self.tracking.poll(now, is_due) or is_due:
            # All lanes: the newest position may be in either.
            self._keep(self.recorder.close_all, now)
            self.uplink.wake()
        elif self._keep(self.recorder.poll, now):
            self.uplink.wake()

    # What the parts report

    def _on_fix(self, fix):
        if fix.valid:
            self.tracking.fix(fix, self.clock.gnss(fix.utc, fix.t, self._lateness()))
            if self.obd and fix.speed is not None and fix.speed > _MOVING:
                self.obd.moving()
            if self.powering and fix.speed is not None:
                self.powering.gps_speed(fix.speed, self.now())

    def _lateness(self):
        """ms from an epoch to when its first sentence has come."""
        gps = self.config["gps"]
        receiver = self.gps.receiver
        baud = (receiver.baud(self.now()) or gps["baud"]) if receiver else None
        return lateness(self.config["time"]["gnss_late_ms"], baud)

    def _on_connected(self):
        """What gathered while there was no link goes out at once, ahead of the backlog: the room
        first of all wants to know where the car is now."""
        now = self.now()
        # Also where the room draws it rightly by now: it cannot know that it does.
        self.tracking.flush()
        self.tracking.poll(now, True)
        self._keep(self.recorder.close_all, now)

    def _on_value(self, signal, raw, t):
        if signal == _SPEED:
            self._on_speed(raw * 250 // 9, t)  # km/h to cm/s
        if not self.powering or self.powering.value(signal, raw, t):
            self.tracking.value(signal, raw, t)

    def _on_condition(self, name, t, *fields):
        if name in ("dtc", "freeze_frame"):
            self.tracking.something_happened()
        self._event_at(name, t, *fields)

    def _on_speed(self, speed, t):
        self.tracking.speed(speed, t)
        if self.gps:
            self.gps.quality.obd_speed(speed, t)

    def _on_input(self, name, level, now):
        if self.privacy:
            self._poll_privacy(now)
        if name == "confirm" and level is not None:
            if level:
                self.ordering.confirm(now)
            return
        if level is None:
            self._event("input_unknown", name)
        else:
            self.tracking.something_happened()
            self._event(name, int(level))
        self.tracking.urge(self._urgent(), now)
        if self.powering:
            self.powering.input(name, level, now)

    def _urgent(self):
        """The profile that the inputs ask for: panic's goes before the siren's."""
        if self.inputs.level("panic"):
            return "event"
        return "pursuit" if self.inputs.level("siren") else None

    # What the room orders (see `duties.py`)

    def report(self, now):
        """Where the car is goes out at once."""
        self.tracking.something_happened()
        self._keep(self.recorder.close_all, now)
        self.uplink.wake()

    def is_proved(self):
        """Connected, and the room holds frames of this session: the way there and back works."""
        return self.link.state == ONLINE and self.link.is_held

    def renew(self):
        """A new session as soon as what is recorded now is sealed."""
        self._is_renewing = True

    def wipe(self):
        """Ends; whoever runs the agent then erases the secrets (`update/wipe.py`)."""
        self.is_wiping = True
        self.stop()

    def flush(self, now):
        """All that was recorded is on the medium and goes out."""
        self._keep(self.recorder.flush, now)
        self.uplink.wake()

    def restart(self):
        """Ends cleanly; whoever runs the agent starts it anew."""
        self.is_restarting = True
        self.stop()

    def status(self):
        return summary.status(self)

    def counters(self):
        return summary.counters(self)


def _present(sources):
    return {name: source for name, source in sources.items() if source is not None}
