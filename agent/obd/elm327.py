"""Driver for ELM327 and STN adapters, as a machine fed with bytes and time.

It brings the adapter up, finds the car's bus, keeps one command at a time in flight with a hard
deadline, and comes back by itself from resets, silence and a dead bus. Sources: ELM327 data sheet
(commands, replies), STN1100 reference manual, the behaviour of clones in the field.

Use: start(now); write what poll(now) returns; feed(data, now) with what comes back; then take()
the events:

    ("adapter", text, kind)      what it says that it is, and what it is: see identity.py
    ("voltage", millivolts)      what ATRV says
    ("bus", protocol)            the car answers; requests may follow while `idle`
    ("nobus",)                   adapter alive, car silent; retried slowly
    ("parked",)                  adapter alive, car left alone, as rest() wants it
    ("lost",)                    adapter silent; looked for until it answers
    ("found",)                   adapter answers again after start or "lost"
    ("baud", rate)               the line has another rate from now on
    ("reply", kind, messages, clean)   the answer to request(): messages as in isotp.py; clean
                                 tells that every line of it was understood
    ("error", name, detail)      resets, alerts

Only AT and ST commands of the tables here and in setup.py, and requests built by services.py are
ever sent. Lines are read in answer.py.
"""

from agent.obd import services
from agent.obd.driver import (
    ASLEEP,
    BUSLESS,
    DOWN,
    DRAIN,
    FALL_BACK,
    LOOK,
    LOOK_FOR_MS,
    MAX_TIMEOUT,
    OFF,
    PARKED,
    READY,
    RESYNC,
    SEARCHING,
    SETUP,
    SLEEP,
    Driver,
)
from agent.obd.isotp import LEGACY
from agent.obd.setup import SEARCH_MS


class Elm(Driver):
    """One adapter. `memory`: see setup.SetUp. `rates`: (rate of the line, rate to raise it to), or
    None where it stays as it is."""

    # What the owner calls

    @property
    def idle(self):
        """True when a request may be made."""
        return self._mode == READY

    @property
    def parked(self):
        """True while the adapter is awake and the car is left alone."""
        return self._mode == PARKED

    @property
    def can(self):
        """True when the car's bus is CAN: several PIDs a request, frames counted."""
        protocol = self._setup.protocol
        return protocol is None or protocol not in LEGACY

    def start(self, now):
        """(Re)starts from nothing: drain, reset, set up, search."""
        self._begin(now)

    def request(self, service, data, frames, now):
        """-> bytes to write. Only while idle. Raises services.ServiceRefused."""
        return self._ask(services.request(service, data, frames), now)

    def clear(self, order, rpm, age, now):
        """Clears trouble codes, as services.clear_request() allows it -> bytes to write."""
        return self._ask(services.clear_request(order, rpm, age), now)

    def voltage(self, now):
        """Asks for the battery's voltage -> bytes to write. Only while idle or parked."""
        return self._set(b"ATRV", now)

    def timeout(self, units, now):
        """How long the adapter waits for ECUs, in units of 4.096 ms; 0: its own default."""
        return self._set(b"ATST%02X" % min(units, MAX_TIMEOUT), now)

    @property
    def focus(self):
        """The ECU whose answers alone are shown; None: all are."""
        return self._setup.focus

    def listen(self, ecu, now):
        """Shows the answers of one ECU alone, or of all (None) -> bytes to write. Where the adapter
        cannot, `focus` stays None and memory["focus"] becomes False."""
        self._wanted_focus = ecu
        if ecu is None:
            return self._set(self._setup.show_all, now)
        return self._set(b"ATCRA" + (b"%03X" if ecu < 0x800 else b"%08X") % ecu, now)

    def search(self, now):
        """The owner finds the bus dead (nothing but NO DATA): look for it again."""
        self._no_bus(now, False)

    def rest(self):
        """Leave the car alone until release(): no request, no search."""
        self._setup.hold = True
        if self._mode in (READY, BUSLESS):
            self._setup.search(False)
            self._clear()
            self._mode = PARKED

    def release(self, now):
        """The end of rest(), or of waiting for a bus: it is searched at once."""
        self._setup.hold = False
        if self._mode == BUSLESS:
            self._until = now
        elif self._mode == PARKED:
            self._mode = SETUP
        elif self._mode == ASLEEP:
            self._begin(now)

    def sleep(self, now):
        """Low power until wake_up() -> bytes to write. Only while parked."""
        return self._set(SLEEP[1 if self._setup.is_stn else 0], now)

    @property
    def asleep(self):
        return self._mode == ASLEEP

    @property
    def can_sleep(self):
        name = SLEEP[1 if self._setup.is_stn else 0].decode()
        return name not in self._setup.memory["unsupported"]

    def wake_up(self, now):
        """Out of low power; the car is still left alone until release()."""
        if self._mode == ASLEEP:
            self._begin(now)

    def take(self):
        """The events since the last call."""
        events = list(self._events)
        self._events.clear()
        return events

    def feed(self, data, now):
        """Bytes from the adapter, cut anywhere (or none, to let deadlines pass)."""
        if data:
            for line in self._lines.feed(data):
                self._take_line(line, now)
            if self._sent is not None and self._lines.begun.startswith(SEARCHING):
                # The line ends only when the search does.
                self._more_time(self._sent_at + SEARCH_MS)
        self._expire(now)

    def poll(self, now):
        """-> bytes to write, or None."""
        self._expire(now)
        if self._now_out is not None:
            out = self._now_out
            self._now_out = None
            return out
        if self._sent is not None:
            return None
        if self._mode in (DRAIN, RESYNC) and self._wakeup:
            # Any character ends what the adapter is doing or wakes it; a space, unlike a
            # carriage return, does not make it repeat its last command.
            self._wakeup = False
            return b" "
        if now >= self._until:
            if self._mode in (DRAIN, BUSLESS, FALL_BACK):
                self._mode = SETUP
            elif self._mode == RESYNC:
                self._mode = self._back_to
            elif self._mode == DOWN:
                return self._send(LOOK, LOOK_FOR_MS, now)
        if self._mode == SETUP:
            text, limit = self._setup.command()
            if self._setup.changing:
                self._rate.offer()
            return self._send(text, limit, now)
        return None

    def wake(self, now):
        """-> ms until poll() has something to do; None when the owner's next request decides."""
        if self._now_out is not None:
            return 0
        if self._sent is not None:
            due = self._deadline
        elif self._mode in (READY, OFF, PARKED, ASLEEP):
            return None
        elif self._mode in (DRAIN, RESYNC, BUSLESS, DOWN, FALL_BACK) and not self._wakeup:
            due = self._until
        else:
            return 0
        return max(0, due - now)
