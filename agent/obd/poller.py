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
    ("dtc", "stored", (code, ...), t)     all ECUs together; () = none
    ("adapter", text, t)
    ("state", name, t)                    searching, polling, asleep, lost
    ("error", name, detail, t)

A value comes only from a reply in which service, PID, ECU, ISO-TP length and data length all fit;
anything else is counted and gives nothing. Nothing is repeated from memory: no reply, no value.
"""

from agent import signals
from agent.obd import pids, plan, replies, services
from agent.obd.abilities import Abilities
from agent.obd.elm327 import Elm

# Settings and their defaults. Times in ms.
DEFAULTS = {
    # signals to poll, short names, VSS paths or ids; None = what the PID table thinks worth it
    "signals": None,
    # period of each tier in agent/obd/pids.py: fast, medium, slow, on demand
    "tiers": (500, 1000, 10000, 1000),
    # signal -> its own period; 0 = as fast as the adapter can; adds to what `signals` names
    "periods": {},
    "status_ms": 5000,  # PID 01: MIL and number of trouble codes; 0 = never
    "dtc_ms": 60000,  # stored trouble codes; 0 = never
    "vin": True,
    "voltage_ms": 30000,  # battery at the diagnostic connector, by the adapter; 0 = never
    "voltage_signal": signals.BATTERY_VOLTAGE,  # None where an input of its own measures it
    "bus_retry_ms": 5000,  # ignition off: how often the bus is tried
    # what an earlier Obd.memory held about adapter and car
    "memory": None,
}

PID_STATUS = 0x01
MAX_ECUS = 8  # as in isotp.py
SILENT_LIMIT = 5  # poll requests in a row without a word, then the bus is tested
ABSENT_LIMIT = 5  # replies in a row without an ECU, until the others are believed alone
MAP_TRIES = 3
VIN_TRIES = 3
DTC_TRIES = 5  # readings without an ECU that used to answer, until they are believed
RETRY_MS = 10000  # VIN and trouble codes after a failed exchange

COUNTERS = (
    "values",
    "refused",  # replies that did not fit the request
    "other_ecu",  # PIDs answered by an ECU that isn't the one we listen to for them
    "incomplete",  # replies without an ECU that should have answered
    "negative",  # negative responses
    "headerless",  # the adapter lost its settings unnoticed
    "silent_pids",  # PIDs that were asked for and not answered
)


class Obd:
    """One adapter on one car. `memory` is worth keeping for the next start."""

    def __init__(self, settings=None):
        self.settings = dict(DEFAULTS)
        for key in settings or {}:
            if key not in DEFAULTS:
                raise ValueError("obd.%s is not a setting" % key)
            self.settings[key] = settings[key]
        self.counters = {}
        for key in COUNTERS:
            self.counters[key] = 0
        self.memory = dict(self.settings["memory"] or {})
        self._abilities = Abilities(self.memory)
        self._wanted = plan.wanted(self.settings)
        self._elm = Elm(self.counters, self.memory, self.settings["bus_retry_ms"])
        self._events = []
        self._state = None
        self._vin = None
        self._maps = plan.Maps(MAX_ECUS)
        self._dtc_ecus = []  # that answered the last complete reading
        self._dtc_tries = 0
        self._rediscover()
        self._voltage_due = 0

    def _rediscover(self):
        """Everything that must be asked again when the bus comes back. What the ECUs said before
        that they support stays: it is the same car, and one that is late must still be missed."""
        self._map_index = 0
        self._map_tries = 0
        self._plan = None  # list of plan.Entry once the PIDs are known
        self._doing = None  # what the request in flight is for
        self._asked = b""
        self._batch = []  # its entries of the plan
        self._with_digit = False
        self._silent = 0
        self._headerless = 0
        self._absent = {}  # ecu -> replies in a row without it although it has the PID
        self._status = {}  # ecu -> first byte of PID 01
        self._dtc_due = 0
        self._vin_due = 0
        self._vin_tries = 0

    # What the owner calls

    def start(self, now):
        self._voltage_due = now + self.settings["voltage_ms"]
        self._rediscover()
        self._enter("searching", now)
        self._elm.start(now)

    def feed(self, data, now):
        """Bytes from the adapter, cut anywhere -> list of events."""
        self._elm.feed(data, now)
        self._drain(now)
        return self.take()

    def take(self):
        """The events since the last call; only needed for those that poll() caused."""
        events = self._events
        self._events = []
        return events

    def poll(self, now):
        """-> bytes to write, or None."""
        out = self._elm.poll(now)
        self._drain(now)
        if out is None and self._elm.idle:
            out = self._next(now)
        return out

    def wake(self, now):
        """-> ms until poll() should be called again, 0..1000."""
        wait = self._elm.wake(now)
        if wait is None:
            wait = self._due(now)
        return max(0, min(wait, 1000))

    # Events of the adapter

    def _drain(self, now):
        for event in self._elm.take():
            name = event[0]
            if name == "reply":
                self._reply(event[1], event[2], event[3], now)
            elif name == "voltage":
                self._voltage_due = now + self.settings["voltage_ms"]
                if self.settings["voltage_signal"] is not None:
                    self._value(self.settings["voltage_signal"], event[1], now)
            elif name == "adapter":
                self._abilities.identified(event[1])
                self._events.append(("adapter", event[1], now))
            elif name == "bus":
                self._rediscover()
            elif name == "lost":
                self._enter("lost", now)
            elif name in ("nobus", "found"):
                self._enter("searching", now)
            elif name == "error":
                self._events.append(("error", event[1], event[2], now))
                if event[1] == "adapter_reset":
                    self._enter("searching", now)

    def _enter(self, state, now):
        if state != self._state:
            self._state = state
            self._events.append(("state", state, now))

    def _value(self, signal, raw, t):
        self.counters["values"] += 1
        self._events.append(("value", signal, raw, t))

    # Requests

    def _next(self, now):
        """The request that is most due -> bytes or None."""
        settings = self.settings
        if self._plan is None:
            self._doing = "map"
            return self._ask(0x01, bytes([pids.BITMAPS[self._map_index]]), 0, now)
        if self._silent >= SILENT_LIMIT:
            self._doing = "ping"
            return self._ask(0x01, b"\x00", 0, now)
        if self._vin_wanted() and now >= self._vin_due:
            self._vin_tries += 1
            self._vin_due = now + RETRY_MS
            self._doing = "vin"
            return self._ask(0x09, b"\x02", 0, now)
        if settings["dtc_ms"] and now >= self._dtc_due:
            self._dtc_due = now + min(RETRY_MS, settings["dtc_ms"])
            self._doing = "dtc"
            return self._ask(0x03, b"", 0, now)
        if settings["voltage_ms"] and now >= self._voltage_due:
            self._voltage_due = now + settings["voltage_ms"]
            return self._elm.voltage(now)
        return self._next_batch(now)

    def _next_batch(self, now):
        can = self._elm.can
        batch = plan.pick(self._plan, self._abilities.batch(can), now)
        if not batch:
            return None
        for entry in batch:
            entry.sent(now)
        asked = bytes([entry.pid for entry in batch])
        frames = 0
        if can and self._abilities.digit(len(batch)):
            frames = self._maps.frames(asked)
        self._batch = batch
        self._with_digit = 0 < frames <= 15
        self._doing = "poll"
        return self._ask(0x01, asked, frames if self._with_digit else 0, now)

    def _ask(self, service, data, frames, now):
        self._asked = data
        return self._elm.request(service, data, frames, now)

    def _due(self, now):
        """ms until _next() has something to ask."""
        if self._plan is None or self._silent >= SILENT_LIMIT:
            return 0
        due = now + 1000
        for entry in self._plan:
            due = min(due, entry.due)
        if self.settings["dtc_ms"]:
            due = min(due, self._dtc_due)
        if self.settings["voltage_ms"]:
            due = min(due, self._voltage_due)
        if self._vin_wanted():
            due = min(due, self._vin_due)
        return due - now

    def _vin_wanted(self):
        return self.settings["vin"] and self._vin is None and self._vin_tries < VIN_TRIES

    # Replies

    def _reply(self, kind, messages, clean, now):
        doing = self._doing
        self._doing = None
        messages = self._headers(messages, now)
        if kind == replies.RESET or doing is None:
            return
        if doing == "poll":
            self._polled(kind, messages, clean, now)
        elif doing == "map":
            self._mapped(messages, now)
        elif doing == "vin":
            self._vin_read(messages)
        elif doing == "dtc":
            self._codes_read(messages, clean)
        elif self._bitmaps(messages, b"\x00"):  # ping
            self._silent = 0
        else:
            self._elm.search(now)
            self._drain(now)

    def _headers(self, messages, now):
        """Drops negative responses; notices an adapter that has lost its settings."""
        kept = []
        for message in messages:
            if services.negative(message[1]) is not None:
                self.counters["negative"] += 1
            elif message[0] == 0 and self._maps.ecus and 0 not in self._maps.ecus:
                self.counters["headerless"] += 1
                self._headerless += 1
            else:
                self._headerless = 0
                kept.append(message)
        if self._headerless > 1:
            self._headerless = 0
            self._enter("searching", now)
            self._elm.start(now)
        return kept

    def _bitmaps(self, messages, asked):
        """The valid answers to a request for one bitmap -> list of (ecu, payload)."""
        found = []
        for ecu, payload, _ in messages:
            try:
                services.live(payload, asked)
                found.append((ecu, payload))
            except services.ReplyError:
                self.counters["refused"] += 1
        return found

    def _mapped(self, messages, now):
        base = pids.BITMAPS[self._map_index]
        found = self._bitmaps(messages, self._asked)
        for ecu, payload in found:
            self._maps.add(ecu, base, payload[2:])
        self._map_tries += 1
        if not found and self._map_tries < MAP_TRIES:
            return
        if not self._maps.ecus:
            self._elm.search(now)
            self._drain(now)
            return
        self._map_tries = 0
        while True:
            self._map_index += 1
            if self._map_index >= len(pids.BITMAPS):
                break
            if self._maps.owner(pids.BITMAPS[self._map_index]) is not None:
                return
        self._plan = plan.build(self._wanted, self._maps, now)
        self._enter("polling", now)

    def _vin_read(self, messages):
        best = None
        for message in messages:
            try:
                text = services.vin(message[1])
            except services.ReplyError:
                self.counters["refused"] += 1
                continue
            if best is None or message[0] < best[0]:
                best = (message[0], text, message[2])
        if best is not None:
            self._vin = best[1]
            self._events.append(("vin", best[1], best[2]))

    def _codes_read(self, messages, clean):
        """All ECUs' codes, or nothing: half a list would look like codes that went away."""
        can = self._elm.can
        found = ()
        answered = []
        for ecu, payload, _ in messages:
            try:
                found += services.trouble_codes(payload, 0x03, can)
            except services.ReplyError:
                clean = False
            if ecu in answered:
                clean = clean and not can  # on CAN one message holds all codes of an ECU
            else:
                answered.append(ecu)
        if not messages:
            return
        t = messages[-1][2]
        if not clean:
            self.counters["refused"] += 1
            return
        self._dtc_tries += 1
        for ecu in self._dtc_ecus:
            if ecu not in answered and self._dtc_tries < DTC_TRIES:
                return
        self._dtc_tries = 0
        self._dtc_ecus = answered
        self._dtc_due = t + self.settings["dtc_ms"]
        self._events.append(("dtc", "stored", found, t))

    def _polled(self, kind, messages, clean, now):
        got = []
        fits = True
        self._silent = 0 if messages else self._silent + 1
        if messages and self._someone_missing(messages):
            self.counters["incomplete"] += 1
            return
        for ecu, payload, t in messages:
            try:
                found = services.live(payload, self._asked)
            except services.ReplyError:
                self.counters["refused"] += 1
                fits = False
                continue
            for pid, start in found:
                if self._maps.owner(pid) != ecu or pid in got:
                    self.counters["other_ecu"] += 1
                else:
                    got.append(pid)
                    for signal, raw in pids.values(pid, payload, start):
                        if signal in self._wanted:
                            self._value(signal, raw, t)
                if pid == PID_STATUS:
                    self._watch_status(ecu, payload[start])
        self._account(kind, got, fits, clean, now)
        if self._elm.can:
            self._abilities.learn(kind, len(self._batch), len(got), self._with_digit)

    def _someone_missing(self, messages):
        """True when an ECU is missing that answered not long ago.

        Characters lost from one ECU's frame into the next one's can leave a frame of the right
        length with wrong content; what gives it away is the other ECU's silence.
        """
        heard = [message[0] for message in messages]
        missing = False
        for ecu in self._maps.ecus:
            if ecu in heard:
                self._absent[ecu] = 0
            elif self._maps.answers(ecu, self._asked):
                times = self._absent.get(ecu, 0)
                if times < ABSENT_LIMIT:
                    self._absent[ecu] = times + 1
                    missing = True
        return missing

    def _watch_status(self, ecu, status):
        """Trouble codes are read at once when the MIL or their number changes."""
        known = self._status.get(ecu)
        if known is not None and known != status:
            self._dtc_due = 0
        if known is not None or len(self._status) < MAX_ECUS:
            self._status[ecu] = status

    def _account(self, kind, got, fits, clean, now):
        """Who answered, who didn't, and when to ask them again."""
        for entry in self._batch:
            if entry.pid in got:
                entry.answered()
            elif not fits:
                # One PID of an unexpected length spoils its whole message: ask each by itself.
                if entry.alone or len(self._batch) == 1:
                    entry.missed(now)
                entry.alone = True
            elif clean or kind == replies.NO_DATA:
                self.counters["silent_pids"] += 1
                entry.missed(now)
