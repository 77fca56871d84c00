"""The OBD subject as one machine: adapter up, bus found, PIDs discovered, then polled for ever.

    obd = Obd({"signals": ["rpm", "speed"]})
    obd.start(now)
    write(obd.poll(now))                  whenever it returns bytes
    for event in obd.feed(data, now):     after every read; with b"" when wake() has run out

`now` is session uptime in ms. Call poll() after every feed() and when the time that wake() named
is over. Events come from feed(); take() fetches those that poll() caused (a silent adapter).
Events:

    ("value", signal id, raw, t)          raw as in agent/signals.py, t = arrival of the reply
    ("vin", text, t)
    ("dtc", kind, (code, ...), t)         stored, pending, permanent; all ECUs together; () = none
    ("freeze", ecu, code, ((signal id, raw), ...), t)   a code has appeared
    ("readiness", ecu, number, t)         the four bytes of PID 01
    ("cleared", done, reason, t)          what came of order_clear()
    ("scan", result, t)                   what came of order_scan(): see scan.py
    ("adapter", text, kind, t)            kind: elm327, stn, clone
    ("state", name, t)                    searching, polling, asleep, lost
    ("baud", rate, t)                     the owner sets the line to this rate, at once
    ("error", name, detail, t)

Nothing is repeated from memory: no reply, no value. `readings` holds the newest value of each
signal as long as it is true. Live data is in polling.py, trouble codes and freeze frames in
diagnosis.py, the car's sleep in resting.py.
"""

from agent import signals
from agent.obd import plan, polling, replies, services, sleep
from agent.obd.abilities import Abilities
from agent.obd.diagnosis import Diagnosis
from agent.obd.elm327 import Elm
from agent.obd.polling import Polling
from agent.obd.readings import Readings
from agent.obd.resting import Resting
from agent.obd.timing import Timing

# Settings and their defaults, beside those of sleep.py. Times in ms.
DEFAULTS = {
    # signals to poll, short names, VSS paths or ids; None = what the PID table thinks worth it
    "signals": None,
    # period of each tier in agent/obd/pids.py: fast, medium, slow, on demand
    "tiers": (500, 1000, 10000, 1000),
    # signal -> its own period; 0 = as fast as the adapter can; adds to what `signals` names
    "periods": {},
    "status_ms": 5000,  # PID 01: MIL, number of trouble codes, readiness; 0 = never
    "dtc_ms": 60000,  # trouble codes; 0 = never
    "freeze": True,  # the freeze frame of a code that has appeared
    "vin": True,
    "voltage_ms": 30000,  # battery at the diagnostic connector, by the adapter; 0 = never
    "voltage_signal": signals.BATTERY_VOLTAGE,  # None where an input of its own measures it
    "bus_retry_ms": 5000,  # ignition off: how often the bus is tried
    "rates": None,  # (rate of the line, rate to raise it to)
    # what an earlier Obd.memory held about adapter and car
    "memory": None,
}

MAX_ECUS = 8  # as in isotp.py
_HEADERLESS_LIMIT = 2  # replies without a header where there used to be one

COUNTERS = (
    "negative",  # negative responses
    "headerless",  # the adapter lost its settings unnoticed
)


class Obd:
    """One adapter on one car. `memory` is worth keeping for the next start. `driver(counters,
    memory, bus_retry_ms)` makes another driver than that of adapters: can_bus.CanBus."""

    def __init__(self, settings=None, driver=None):
        self.settings = dict(DEFAULTS)
        self.settings.update(sleep.DEFAULTS)
        for key in settings or {}:
            if key not in self.settings:
                raise ValueError("obd.%s is not a setting" % key)
            self.settings[key] = settings[key]
        self.counters = {}
        for key in COUNTERS:
            self.counters[key] = 0
        self.memory = dict(self.settings["memory"] or {})
        self.readings = Readings()
        self._wanted = plan.wanted(self.settings)
        self._lives = {}  # signal -> ms for which its values are true
        self._events = []
        retry = self.settings["bus_retry_ms"]
        if driver is None:
            self._elm = Elm(self.counters, self.memory, retry, self.settings["rates"])
        else:
            self._elm = driver(self.counters, self.memory, retry)
        self._can_focus = "focus" in self.memory  # a driver that has this puts it there
        self._abilities = Abilities(self.memory)
        self._timing = Timing()
        maps = plan.Maps(MAX_ECUS)
        self._diagnosis = Diagnosis(self.settings, self.counters, self._events, maps)
        self._polling = Polling(
            self._wanted, self._abilities, self.counters, maps, self._value, self._watched
        )
        self._resting = Resting(self._elm, self.settings)
        self._sleep = self._resting.policy
        self._state = None
        self._job = None  # what the request in flight is for
        self._last_job = None
        self._pending = None  # (job, service, data, frames, ecu) once the right ECUs are shown
        self._headerless = 0
        self._order = None  # a technician's, while it is carried out
        self._voltage_due = 0

    # What the owner calls

    def start(self, now):
        self._give_up("the line to the adapter was opened anew", now)
        self._voltage_due = now + self.settings["voltage_ms"]
        self._restart()
        self._enter("searching", now)
        self._elm.start(now)

    def feed(self, data, now):
        """Bytes from the adapter, cut anywhere -> list of events."""
        self._elm.feed(data, now)
        self._drain(now)
        return self.take()

    def take(self):
        """The events since the last call; only needed for those that poll() caused."""
        events = list(self._events)
        self._events.clear()
        return events

    def poll(self, now):
        """-> bytes to write, or None."""
        state = self._resting.watch(now)
        if state is not None and self._state != "lost":
            self._give_up("the car sleeps", now)
            self._enter(state, now)
        out = self._elm.poll(now)
        self._drain(now)
        if out is None:
            if self._elm.idle:
                out = self._next(now)
            elif self._elm.parked:
                out = self._resting.ask(now)
        return out

    def wake(self, now):
        """-> ms until poll() should be called again, 0..1000."""
        wait = self._elm.wake(now)
        if wait is None:
            wait = self._due(now)
        return max(0, min(wait, 1000))

    def ignition(self, level, now):
        """The ignition's input: True, False, or None where there is none."""
        self._resting.ignition(level, now, self._state == "searching")

    def moving(self, now):
        """The car drives, as GPS says: a sleeping one is asked again."""
        self._sleep.moving(now)

    def order_clear(self, order, now):
        """A technician orders the trouble codes cleared: see orders.Clearing. An event
        ("cleared", ...) tells the outcome. Raises services.ServiceRefused where it cannot even be
        tried."""
        if self._state != "polling":
            raise services.ServiceRefused("service 04: the car does not answer now")
        if self._order is not None:
            raise services.ServiceRefused("service 04: another order is under way")
        from agent.obd.orders import Clearing  # seldom used

        maps = self._polling.maps
        self._order = Clearing(order, [e for e in maps.ecus if maps.supports(e, plan.RPM)])

    def order_scan(self, only=None):
        """Everything about the car once, or the parts that scan.Scan names, between the polls; an
        event ("scan", ...) brings it. False where the car does not answer now, or another order is
        under way."""
        if self._state != "polling" or self._order is not None:
            return False
        from agent.obd.orders import Scanning  # seldom used

        self._order = Scanning(self._elm.can, only)
        return True

    # Events of the adapter

    def _drain(self, now):
        for event in self._elm.take():
            name = event[0]
            if name == "reply":
                self._reply(event[1], event[2], event[3], now)
            elif name == "voltage":
                self._measured(event[1], now)
            elif name == "adapter":
                self._abilities.identified()
                self._events.append(("adapter", event[1], event[2], now))
            elif name == "bus":
                self._bus_found(now)
            elif name == "nobus":
                self._bus_lost(now)
            elif name == "lost":
                self._give_up("the adapter does not answer", now)
                self._enter("lost", now)
            elif name == "found":
                self._enter("asleep" if self._sleep.asleep else "searching", now)
            elif name == "baud":
                self._events.append(("baud", event[1], now))
            elif name == "error":
                self._events.append(("error", event[1], event[2], now))
                if event[1] == "adapter_reset":
                    self._was_reset(now)

    def _restart(self):
        """Everything that must be asked again when the bus comes (back)."""
        self._polling.restart()
        self._diagnosis.restart()
        self._timing.restart()
        self._job = self._last_job = self._pending = None
        self._headerless = 0

    def _bus_found(self, now):
        self._restart()
        if self._resting.bus_found(now):
            self._enter("searching", now)

    def _bus_lost(self, now):
        self._give_up("the car does not answer", now)
        self._enter("asleep" if self._resting.bus_lost(now) else "searching", now)

    def _was_reset(self, now):
        self._give_up("the adapter was reset", now)
        if not self._sleep.asleep:
            self._enter("searching", now)
        self._resting.was_reset(now)

    def _enter(self, state, now):
        if state != self._state:
            self._state = state
            self._events.append(("state", state, now))

    def _measured(self, millivolts, now):
        self._resting.voltage(millivolts, now)
        signal = self.settings["voltage_signal"]
        if signal is not None and (not self._sleep.asleep or now >= self._voltage_due):
            life = plan.LIFE_PERIODS * max(self.settings["voltage_ms"], 1000) + plan.LIFE_MS
            self.counters["values"] += 1
            self.readings.take(signal, millivolts, now, life)
            self._events.append(("value", signal, millivolts, now))
        if now >= self._voltage_due or not self._sleep.asleep:
            self._voltage_due = now + self.settings["voltage_ms"]

    def _value(self, signal, raw, t):
        """A value that polling has found."""
        life = self._lives.get(signal)
        if life is None:
            life = self._lives[signal] = self._wanted.life(signal)
        self.readings.take(signal, raw, t, life)
        self._events.append(("value", signal, raw, t))

    def _watched(self, ecu, pid, data, t):
        """What other parts want of an ECU's raw data, wanted as a value or not."""
        if pid == plan.STATUS:
            self._diagnosis.status(ecu, data, t)
        elif pid == plan.RPM:
            self._sleep.engine(data[0] or data[1], t)
        elif data[0]:  # speed: a hybrid's engine may stand
            self._sleep.moving(t)

    # Requests

    def _next(self, now):
        """The request that is most due -> bytes or None."""
        can = self._elm.can
        if self._resting.asleep:
            self._elm.rest()
            return None
        if self._pending is not None:
            return self._ask_pending(now)
        if not self._polling.ready:
            return self._ask_polling(now, can)
        units = self._timing.wanted() if can and self.memory["digit"] is False else None
        if units is not None:
            return self._elm.timeout(units, now)
        if self.settings["voltage_ms"] and now >= self._voltage_due:
            self._voltage_due = now + self.settings["voltage_ms"]
            return self._elm.voltage(now)
        # One poll, one of the others: neither waits for the other's end.
        out = None
        if self._last_job != "poll":
            out = self._ask_polling(now, can)
        return out or self._ask_others(now, can) or self._ask_polling(now, can)

    def _ask_polling(self, now, can):
        found = self._polling.next(now, can)
        if found is None:
            return None
        return self._ask("poll", 0x01, found[0], found[1], found[2], now)

    def _ask_others(self, now, can):
        question = None if self._order else self._diagnosis.next(now, can)
        if question is not None:
            return self._ask("diagnosis", question[0], question[1], 0, None, now)
        if self._order is None:
            return None
        if self._focus() is not None:
            return self._elm.listen(None, now)
        self._job = self._last_job = "order"
        try:
            return self._order.next(self._elm, now)
        except services.ServiceRefused as e:
            self._give_up(str(e), now)
            return None

    def _ask(self, job, service, data, frames, ecu, now):
        """A request, once the adapter shows the answers of `ecu` alone, or of all (None)."""
        if self._focus() != ecu:
            self._pending = (job, service, data, frames, ecu)
            return self._elm.listen(ecu, now)
        self._job = self._last_job = job
        return self._elm.request(service, data, frames, now)

    def _focus(self):
        return self._elm.focus if self._can_focus else None

    def _ask_pending(self, now):
        job, service, data, frames, ecu = self._pending
        self._pending = None
        if self._focus() != ecu:
            if job == "poll":
                self._polling.cancel(now)
            return None
        self._job = self._last_job = job
        return self._elm.request(service, data, frames, now)

    def _due(self, now):
        """ms until poll() has something to ask."""
        if self._elm.parked:
            return self._resting.due(now)
        if self._elm.asleep:
            return 1000
        if self._order is not None:
            return 0
        due = min(self._polling.due(now), self._diagnosis.due(now))
        if self.settings["voltage_ms"]:
            due = min(due, self._voltage_due - now)
        return due

    # Replies

    def _reply(self, kind, messages, clean, now):
        job = self._job
        self._job = None
        can = self._elm.can
        if job == "order":
            if self._order is not None and self._order.reply(kind, messages, clean):
                self._end_order(now)
            return
        heard = bool(messages)
        messages, refusing = self._without_refusals(messages, now)
        if kind == replies.RESET or job is None:
            return
        if job == "diagnosis":
            self._diagnosis.reply(messages, clean, now, can, refusing)
        elif job == "poll":
            if heard and not messages:
                return  # refused or put off: the bus lives
            before = self.counters["incomplete"]
            tail = getattr(self._elm, "tail", 0)  # a CAN bus has no prompt to wait for
            result = self._polling.reply(kind, messages, clean, now, can, tail)
            self._learn(clean and self.counters["incomplete"] == before)
            if result == polling.READY:
                self._enter("polling", now)
            elif result == polling.DEAD:
                self._elm.search(now)
                self._drain(now)

    def _learn(self, whole):
        if whole and self._elm.latency is not None:
            self._timing.answered(self._elm.latency)
        elif not whole:
            self._timing.missed()

    def _without_refusals(self, messages, now):
        """(messages but for negative responses, the ECUs that refuse); notices an adapter that has
        lost its settings."""
        kept = []
        refusing = []
        ecus = self._polling.maps.ecus
        for message in messages:
            refusal = services.negative(message[1])
            if refusal is not None:
                self.counters["negative"] += 1
                self._polling.alive()
                if refusal[1] != services.WAIT:
                    refusing.append(message[0])
            elif message[0] == 0 and ecus and 0 not in ecus:
                self.counters["headerless"] += 1
                self._headerless += 1
            else:
                self._headerless = 0
                kept.append(message)
        if self._headerless >= _HEADERLESS_LIMIT:
            self._headerless = 0
            self._enter("searching", now)
            self._elm.start(now)
        return kept, refusing

    def _give_up(self, reason, now):
        """An order that cannot be carried out any more."""
        if self._order is not None:
            self._order.lost(reason)
            self._end_order(now)

    def _end_order(self, now):
        self._job = None
        self._events.append(self._order.event + (now,))
        if self._order.event[0] == "cleared":
            self._diagnosis.hurry()
        self._order = None
