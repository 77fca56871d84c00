"""One vehicle: the agent's own parts, wired as `agent/app.py` wires them, on a simulated machine.

Journal, recorder, clock, inbox, link, session and the uplink's task are the product's. What is left
out of the application is what makes records: `workload.py` stands for the sensors. Every step of
the agent's code goes through `enter`, where power may go, the process may die, and the promises
are looked at.
"""

import traceback

from agent import config as configuration
from agent import port
from agent.clock import Clock
from agent.comms import session as sessions
from agent.comms.bootcount import BootCountError, next_boot
from agent.comms.budget import Budget
from agent.comms.inbox import Inbox
from agent.comms.journal import Journal, JournalError
from agent.comms.link import ONLINE, Link
from agent.log import Log
from agent.recorder import OFFLINE_MS, Recorder
from agent.records import ALERT, EVENT, EVENT_CODES, event_lane
from agent.uplink import Uplink
from tests.faults.simulation import invariants
from tests.faults.simulation.client import Client
from tests.faults.simulation.disk import Disk, Killed, PowerCut
from tests.faults.simulation.ledger import Ledger, Violation
from tests.faults.simulation.tasks import Task, sleep
from tests.faults.simulation.workload import Workload
from tools.room.core import Room

RESTART_MS = 5000  # the service manager's pause
DRAIN_MS = 3000  # of a clean end
REPORT_MS = 10000
NOT_BEFORE = 1_750_000_000_000  # UTC ms: what a receiver says from before is not believed


class Parts:
    """The product's classes; a test of the test puts a broken one in place of one of them."""

    Journal = Journal
    Recorder = Recorder
    Clock = Clock
    Inbox = Inbox
    Link = Link
    Uplink = Uplink
    Room = Room


class _Judged:
    """A session whose sealing the ledger watches."""

    def __init__(self, session, vehicle):
        self._session = session
        self._vehicle = vehicle

    def __getattr__(self, name):
        return getattr(self._session, name)

    def seal(self, plaintext):
        number, frame = self._session.seal(plaintext)
        self._vehicle.watch.sealed(self._vehicle.lane, frame)
        self._vehicle.ledger.sealed(self.sid, number, self._vehicle.lane, plaintext, frame)
        return number, frame


class Vehicle:
    """`boot()` at any time; `lose_power` and `die` too."""

    def __init__(self, world, name, identity):
        self.world = world
        self.name = name
        self.settings = world.plan.settings
        self.scheduler = world.scheduler
        self.ledger = Ledger(self.scheduler)
        self.identity = identity
        self.disk = Disk(
            self.scheduler, self.ledger, self.settings["system"], self.settings["capacity"]
        )
        self.workload = Workload(self)
        self.lane = None  # of the frame that is being sealed
        self.life = 0  # counts the runs of the agent
        self.is_up = False
        self.client = None
        self.was_power_cut = False
        self.was_behind_ledger = False  # it ended between two operations of the journal
        self.read_errors = 0  # at starts
        self.off_ms = 2000  # how long the next loss of power lasts
        self._tasks = []
        self._booting = None
        self._tick_at = None
        self._tick_item = None
        self._last_add = 0
        self.counters = dict.fromkeys(("boots", "power_cuts", "kills", "stops", "sent", "acked"), 0)
        self.config = configuration.check(self._raw())
        self._past = {}  # part -> its counters of earlier runs

    def _raw(self):
        s = self.settings
        return {
            "vehicle": self.name,
            "keys": {"room_key_id": "00112233", "room_public": "ab" * 32, "psk": "cd" * 32},
            "mqtt": {
                "brokers": [{"host": f"site-{n}"} for n in range(s["sites"])],
                "keepalive_s": s["keepalive"],
                "window": s["window"],
                "backlog_bytes_per_s": s["backlog_rate"],
                "budget_bytes_per_day": s["budget"],
                "budget_floor_bytes": s["budget"] // 4,
            },
            "journal": {"dir": "/journal"},
        }

    # Life

    def now(self):
        """Session uptime in ms."""
        return self.scheduler.now - self._began

    def boot_after(self, ms):
        self.scheduler.cancel(self._booting)
        self._booting = self.scheduler.after(ms, self.enter, self._boot)

    def enter(self, call, *arguments):
        """Runs one step of the agent."""
        try:
            call(*arguments)
            if self.is_up:
                invariants.after_step(self)
        except PowerCut:
            self.was_behind_ledger = self.disk.is_behind_ledger
            self.lose_power()
        except Killed:
            self.was_behind_ledger = self.disk.is_behind_ledger
            self.die()
        except Violation:
            raise
        except Exception as e:
            where = traceback.format_tb(e.__traceback__)[-1].strip().replace("\n", " ")
            self.ledger.fail("exception", f"{type(e).__name__}: {e}, {where}")

    def _boot(self):
        s = self.settings
        self.life += 1
        self.ledger.life = self.life
        self.counters["boots"] += 1
        self._began = self.scheduler.now
        self.scheduler.trace(self.name, "boots", self.life)
        parts = self.world.parts
        self.log = Log(lambda text: None)
        self.clock = parts.Clock(NOT_BEFORE)
        self.journal = parts.Journal(self.disk, s["quota"], s["segment"], s["flush_ms"])
        acknowledge = self.journal.acknowledge
        self.journal.acknowledge = lambda *said: self._acknowledge(acknowledge, *said)
        append = self.journal.append
        self.journal.append = lambda lane, *rest: self._append(append, lane, *rest)
        if hasattr(self.journal, "report"):
            report = self.journal.report
            self.journal.report = lambda lane, *rest: self._append(report, lane, *rest)
        self.recorder = parts.Recorder(self.journal, self.clock)
        self.recorder.report_ms = REPORT_MS
        mqtt = self.config["mqtt"]
        budget = None
        if mqtt["budget_bytes_per_day"]:
            budget = Budget(self.disk, mqtt["budget_bytes_per_day"], mqtt["budget_floor_bytes"])
        self.link = parts.Link(
            self.journal,
            self.scheduler.random.randrange,
            mqtt["window"],
            mqtt["backlog_bytes_per_s"],
            len(mqtt["brokers"]),
            budget,
        )
        self.inbox = parts.Inbox()
        self.uplink = parts.Uplink(
            self.config,
            self.now,
            self.log,
            self.link,
            self.inbox,
            self.journal,
            self.clock,
            budget,
        )
        self.uplink.on_connected = self._on_connected
        self.watch = invariants.Watch(self)
        invariants.watch_polls(self)
        self.is_over = False
        try:
            self.journal.recover()
            is_whole = not self.journal.counters["read_errors"]
            self.read_errors += not is_whole
            sizes = {segment.name: segment.size for segment in self.journal.segments}
            self.ledger.recovered(sizes, self.was_power_cut, is_whole)
            self.was_power_cut = False
            if self.was_behind_ledger:
                # Written down as lost, and then the agent ended before the file was removed.
                for entry in self.ledger.owed.values():
                    entry.is_given_up |= invariants.is_known_lost(self.journal, entry)
            self.was_behind_ledger = False
            self.watch.recovered_bytes = self.journal.size()
            self._new_session()
        except (port.StorageError, BootCountError) as e:
            # The process ends with one line, and the service manager starts it anew.
            self.scheduler.trace(self.name, "cannot start", e)
            self.boot_after(RESTART_MS)
            return
        self.is_up = True
        self.event("boot", self.session.boot, "sim", "sim")
        self._tasks = [Task(self.scheduler, self.uplink.run(), self.enter)]
        self._plan_tick(self.scheduler.now)
        self.workload.start()

    def _acknowledge(self, acknowledge, sid, upto, ranges):
        self.ledger.acknowledged(sid, upto, ranges)
        return acknowledge(sid, upto, ranges)

    def _append(self, append, lane, *rest):
        self.lane = lane
        return append(lane, *rest)

    def _new_session(self):
        boot = next_boot(self.disk)
        seed = self.world.random_bytes(32)
        steps = sessions.open_steps(self.identity, boot, seed, self.now())
        while True:
            try:
                next(steps)
            except StopIteration as end:
                self.session = _Judged(end.value, self)
                break
        self.ledger.began[self.session.sid] = self.world.utc() - self.now()
        self.keep(self.journal.begin, self.session)
        self.uplink.set_session(self.session)
        self.recorder.new_session()
        self.scheduler.trace(self.name, "session", self.session.sid.hex(), boot)

    def keep(self, action, *arguments):
        """As `App._keep`: what the journal refuses is counted, never raised."""
        try:
            return action(*arguments)
        except (JournalError, port.StorageError) as e:
            self.log.fault(self.now(), "journal", type(e).__name__, str(e))
            return None

    def product_counters(self):
        """What the agent's parts counted, in all runs."""
        self._keep_counters()
        return self._past

    def _keep_counters(self):
        if not self.is_up:
            return
        parts = {
            "journal": self.journal.counters,
            "link": self.link.counters,
            "link ended by": self.link.causes,
            "inbox": self.inbox.counters,
            "clock": self.clock.counters,
        }
        for part, counters in parts.items():
            past = self._past.setdefault(part, {})
            for name, count in counters.items():
                past[name] = past.get(name, 0) + count

    def _end(self):
        self._keep_counters()
        self.is_up = False
        self.life += 1
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        self.scheduler.cancel(self._booting)
        self.scheduler.cancel(self._tick_item)
        self._tick_at = None
        self.workload.stop()

    def abandon(self):
        """The world ends: nothing is left that waits."""
        for task in self._tasks:
            task.cancel()

    def lose_power(self):
        self.counters["power_cuts"] += 1
        self.scheduler.trace(self.name, "loses power")
        self._end()
        if self.client is not None:
            self.client.crash(True)
            self.client = None
        self.disk.power_cut()
        self.was_power_cut = True
        self.boot_after(self.off_ms)

    def die(self):
        """The process is killed."""
        self.counters["kills"] += 1
        self.scheduler.trace(self.name, "is killed")
        self._end()
        if self.client is not None:
            self.client.crash(False)
            self.client = None
        self.disk.kill()
        self.ledger.process_ended()
        self.boot_after(RESTART_MS)

    def stop(self):
        """A clean end, and a start after `off_ms`."""
        if self.is_up and not self.is_over:
            self.workload.stop()
            self._tasks.append(Task(self.scheduler, self._finish(), self.enter))

    async def _finish(self):
        """As `App.finish`."""
        self.counters["stops"] += 1
        self.scheduler.trace(self.name, "stops")
        self.event("stop", "asked to")
        self.is_over = True
        self.scheduler.cancel(self._tick_item)
        self.keep(self.recorder.flush, self.now())
        end = self.now() + DRAIN_MS
        while self.journal.frames_left() and self.now() < end:
            self.uplink.wake()
            await sleep(0.05)
        self._tasks[0].cancel()
        await self.uplink.close()
        self.keep(self.journal.close)
        # Not here: a task cannot end itself.
        self.scheduler.after(0, self.enter, self._stopped, self.life)

    def _stopped(self, life):
        if life != self.life:
            return
        self._end()
        self.disk.kill()
        self.ledger.process_ended()
        self.client = None
        self.boot_after(self.off_ms)

    # Recording

    def record(self, lane, record):
        """As `App._record`."""
        if self.is_over:
            return
        self._last_add = self.scheduler.now
        if self.keep(self.recorder.add, lane, record, self.now()) or lane == ALERT:
            self.uplink.wake()
        self._plan_tick(self.scheduler.now + self.recorder.report_ms)

    def event(self, name, *fields):
        self.record(event_lane(name), (EVENT, self.now(), EVENT_CODES[name], *fields))

    def event_if_up(self, name, *fields):
        if self.is_up:
            self.event(name, *fields)

    def has_unwritten(self):
        """True while records, or gaps to tell, wait in RAM for a frame."""
        return self.recorder.is_due(self.now() + 2 * OFFLINE_MS)

    def _plan_tick(self, when):
        if self._tick_at is None or when < self._tick_at:
            self.scheduler.cancel(self._tick_item)
            self._tick_at = when
            self._tick_item = self.scheduler.at(when, self.enter, self._tick)

    def _tick(self):
        """As `App._tick_task`, but only when something may be due."""
        if not self.is_up or self.is_over:
            return
        self._tick_at = None
        now = self.now()
        recorder = self.recorder
        recorder.is_online = self.link.state == ONLINE and self.link.proved
        if recorder.is_online and recorder.is_due(now):
            self.keep(recorder.close_all, now)
            self.uplink.wake()
        elif self.keep(recorder.poll, now):
            self.uplink.wake()
        wait = self.keep(self.journal.poll, now)
        if self.session.is_spent(now) or now - self.session.started >= self.settings["session_ms"]:
            try:
                self._new_session()
            except BootCountError:
                wait = 1000
        is_quiet = self.scheduler.now - self._last_add > 2 * OFFLINE_MS
        rest = OFFLINE_MS if is_quiet else recorder.report_ms
        self._plan_tick(self.scheduler.now + min(rest, rest if wait is None else max(50, wait)))

    def _on_connected(self):
        """As `App._on_connected`."""
        self.watch.connected()
        self.keep(self.recorder.close_all, self.now())

    # Connection

    def connect(self, options, notify):
        """The MQTT client that the uplink asks for."""
        site = self.world.sites[int(options.host[-1])]
        options = {
            "keepalive": options.keepalive,
            "connect_timeout": options.connect_timeout,
            "window": options.window,
            "will": options.will,
            "clean": True,
            "manual": False,
        }
        self.client = invariants.Watched(
            Client(self.scheduler, site.road, site.broker, notify, self.name, options),
            self,
        )
        return self.client
