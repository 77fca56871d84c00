"""Finds a receiver's baud rate, configures it if it is a u-blox, and notices when it forgets.

    SEARCH   listen at each rate of a list until checksums say that this is it
    PROBE    ask for the version (MON-VER); no answer: not a u-blox, it is used as it is (PLAIN)
    STEP     one message of the configuration at a time, each until it is acknowledged
    DRAIN    the message that changes the rate is on its way out at the old one
    CONFIRM  anything valid at the new rate: the acknowledgement is often lost in the change
    RUN      ask for antenna and jamming now and then; watch for signs of a reset

Signs of a reset: the start-up banner, sentences that were turned off, another rate of epochs, or
output after silence. Each leads to a new configuration, at growing intervals, so that a receiver
that never obeys is left in peace. Silence or garbage that lasts leads back to SEARCH.

In: bytes of the UART, and the time. Out: bytes to write, the rate the UART should have, events:
    ('baud', rate, t)            the receiver's rate was found, or changed as wanted
    ('receiver', text, t)        software version; '' when it is not a u-blox
    ('configured', failed, t)    all steps were made, so many of them in vain
    ('refused', step, t)         the receiver said no            ('unanswered', step, t)
    ('reset', sign, t)           'banner', 'sentences', 'rate', 'silence'; 'unanswered': steps again
    ('lost', '', t)              nothing valid comes any more
    ('antenna', state, t)        one of ubx.ANTENNA, when it changes
    ('jamming', state, t)        one of ubx.JAMMING, when it changes
"""

from agent import port
from agent.const import const
from agent.gps import ubx
from agent.gps.framer import Framer
from agent.gps.settings import BITS
from agent.gps.watch import Backoff, Watch, banner

# At 1 Hz two epochs begin within this time, ms.
_LISTEN_MS = const(2500)
# Valid sentences that settle the rate (a frame counts twice): the checksum of one may be chance.
_EVIDENCE = const(2)
# Messages are acknowledged within 1 s (interface description, UBX-ACK), and the line takes time.
_ANSWER_MS = const(1500)
_TRIES = const(3)
# After the last bit of the message that changes the rate, ms: UART buffers of USB adapters.
_DRAIN_MS = const(30)
# Silence, ms, after which output is that of a receiver that may have been off; and twice that long
# the receiver is lost. Never less than three epochs.
_SILENCE_MS = const(3000)
# A receiver that is no u-blox is asked again so often, ms: it may have been starting, or deaf.
_ASK_MS = const(60_000)
# Configurations made anew because steps were not answered, until something else happens: each
# attempt at the rate may cost some seconds of fixes.
_RETRIES = const(3)
# Events not taken: the newest are kept.
MAX_EVENTS = const(32)
# Text of a version that is passed on.
_MAX_TEXT = const(30)

# Protocol x100 above which CFG-VALSET takes the place of the older messages.
_LEGACY_MAX = const(2301)

SEARCH = const(0)
PROBE = const(1)
STEP = const(2)
DRAIN = const(3)
CONFIRM = const(4)
RUN = const(5)
PLAIN = const(6)


class Setup:
    """`feed(data, now)`, `poll(now) -> bytes or None`, `wake(now) -> ms`, `baud(now) -> rate`.

    `poll` after every feed and when the wake time has come. `now` is uptime in ms.
    counters: `searches` rounds through all rates in vain; `steps` acknowledged; `refused`;
    `unanswered`; `resets`; `lost`; `events_lost`; `ubx_field` frames that make no sense.
    """

    def __init__(self, settings, counters=None):
        self.settings = settings
        self.counters = {} if counters is None else counters
        for name in ("searches", "steps", "refused", "unanswered", "resets", "lost",
                     "events_lost", "ubx_field"):  # fmt: skip
            self.counters[name] = 0
        self.events = []
        self.state = SEARCH
        self.version = None  # software, hardware, protocol of a u-blox
        self.antenna = self.jamming = None
        self._scanner = ubx.Scanner(self.counters)
        self._framer = None  # where nobody else frames the sentences
        self._rate = settings.bauds[0]
        self._old = None  # the rate before the change under way
        self._told = None  # the rate last given in an event
        self._origin = 0  # index of the rate the search began at
        self._passed = 0  # rates tried since
        self._keep = False  # a change of the rate failed: work with the one there is
        self._until = None  # the state's deadline; None: not begun
        self._again = None  # when to ask once more, while listening
        self._evidence = 0
        self._valid_at = 0
        self._out = None
        self._tries = 0
        self._steps = ()
        self._step = 0
        self._failed = 0
        self._unanswered = False  # a step of this configuration, or the rate before it
        self._held = ()  # names of steps that failed: their effect is not watched
        self._since = 0  # the state RUN or PLAIN
        self._quiet = False
        self._retry_at = None  # when to make the steps again that were not answered
        self._retries = 0
        self._watching = Watch(settings)
        self._backoff = Backoff()
        self._silence = max(_SILENCE_MS, 3 * settings.period)

    # --- interface ---

    def feed(self, data, now, sentences=None):
        """Take bytes; `sentences` are those that a Framer found in them, if one is used anyway."""
        self._begun(now)
        if sentences is None:
            if self._framer is None:
                self._framer = Framer()
            sentences = self._framer.feed(data)
        for sentence in sentences:
            self._valid(1, now)
            self._sentence(sentence, now)
        for message, payload in self._scanner.feed(data):
            self._valid(2, now)
            self._frame(message, payload, now)

    def poll(self, now):
        """Bytes to write, or None."""
        self._begun(now)
        if self.state >= RUN:
            self._watch(now)
        elif self._again is not None and now >= self._again:
            self._again = None
            self._out = ubx.frame(ubx.MON_VER)
        if now >= self._until:
            self._expired(now)
        out = self._out
        self._out = None
        return out

    def wake(self, now):
        """ms until poll should be called, 0..1000."""
        if self._out is not None or self._until is None:
            return 0
        due = self._until if self._again is None else min(self._until, self._again)
        return max(0, min(1000, due - now))

    def baud(self, now):
        """The rate that the UART should have."""
        self._begun(now)
        return self._rate

    def take_events(self):
        """The events since the last call, oldest first."""
        events = self.events
        self.events = []
        return events

    # --- states ---

    def _begun(self, now):
        if self._until is None:
            self._listen(now)

    def _expired(self, now):
        state = self.state
        if state == SEARCH:
            self._passed += 1
            bauds = self.settings.bauds
            if self._passed % len(bauds) == 0:
                self.counters["searches"] += 1
            self._set_rate(bauds[(self._origin + self._passed) % len(bauds)])
            self._listen(now)
        elif state == PROBE:
            if self._tries < _TRIES:
                self._send(ubx.frame(ubx.MON_VER), now)
            else:
                self.version = None
                self._event("receiver", "", now)
                self._settle(PLAIN, now)
        elif state == STEP:
            if self._tries < _TRIES:
                self._send_step(now)
            else:
                self._failed_step("unanswered", now)
        elif state == DRAIN:
            self._set_rate(self.settings.baud)
            self.state = CONFIRM
            self._listening(now)
        elif state == CONFIRM:
            self._keep = True
            self._failed += 1
            self.counters["unanswered"] += 1
            self._event("unanswered", "port", now)
            self._search(self._old, now)
        elif state == RUN and self.settings.monitor:
            self._out = ubx.frame(ubx.MON_RF if self._modern() else ubx.MON_HW)
            self._until = now + self.settings.monitor
        elif state == PLAIN:
            if now - self._since >= _ASK_MS:
                self._since = now
                self._out = ubx.frame(ubx.MON_VER)
            self._until = now + 1000
        else:
            self._until = now + 1000

    def _search(self, rate, now):
        """Listen at `rate`, then at the others."""
        bauds = self.settings.bauds
        self._origin = bauds.index(rate)
        self._passed = 0
        self._set_rate(rate)
        self._listen(now)

    def _listen(self, now):
        self.state = SEARCH
        self._listening(now)
        # A receiver that sends nothing by itself may answer; to any other this is noise.
        self._out = ubx.frame(ubx.MON_VER)

    def _listening(self, now):
        self._evidence = 0
        self._until = now + _LISTEN_MS
        self._again = now + _LISTEN_MS // 2

    def _set_rate(self, rate):
        self._rate = rate
        self._scanner.reset()
        if self._framer is not None:
            self._framer = Framer()

    def _probe(self, now):
        self._tell_rate(now)
        self.state = PROBE
        self._again = None
        self._tries = 0
        self._send(ubx.frame(ubx.MON_VER), now)

    def _send(self, data, now):
        self._out = data
        self._tries += 1
        self._until = now + _ANSWER_MS

    def _modern(self):
        return self.version[2] is not None and self.version[2] > _LEGACY_MAX

    def _configure(self, payload, now):
        from agent.gps import ubx_setup  # 7 KB of a chip's heap, for a moment

        self.version = ubx_setup.mon_ver(payload)
        self._tell_rate(now)
        self._event("receiver", self.version[0][:_MAX_TEXT], now)
        self._again = None
        baud = self._rate if self._keep or self.settings.baud is None else self.settings.baud
        self._steps = ubx_setup.steps(self.settings, self._modern(), baud)
        port.forget("agent.gps.ubx_setup")
        self._step = -1
        self._failed = 1 if self._keep else 0
        self._unanswered = self._keep
        self._retry_at = None
        self._held = ()
        self._next(now)

    def _next(self, now):
        self._step += 1
        if self._step == len(self._steps):
            self._event("configured", self._failed, now)
            if self._unanswered and self._retries < _RETRIES:
                self._retry_at = now + self._backoff.pause
            elif not self._failed:
                self._retries = 0
            self._steps = ()
            self._settle(RUN, now)
            return
        self._tries = 0
        self._send_step(now)

    def _send_step(self, now):
        name, _, data = self._steps[self._step]
        self._send(data, now)
        self.state = STEP
        wanted = self.settings.baud
        if name == "port" and wanted is not None and wanted != self._rate and not self._keep:
            self._old = self._rate
            self.state = DRAIN
            self._until = now + len(data) * BITS * 1000 // self._rate + _DRAIN_MS

    def _done(self, now):
        self.counters["steps"] += 1
        self._again = None
        self._tell_rate(now)
        self._next(now)

    def _failed_step(self, how, now):
        name = self._steps[self._step][0]
        if name != "off" or how != "refused":
            self.counters[how] += 1
            self._failed += 1
            self._held += (name,)
            self._event(how, name, now)
            if how == "unanswered":
                self._unanswered = True
        if name == "port":
            self._keep = True
        self._next(now)

    def _settle(self, state, now):
        self.state = state
        self._since = now
        self._watching.start(now)
        self._quiet = False
        self._again = None
        self._until = now + 1  # the first question about the antenna at once
        self._valid_at = now

    # --- what comes ---

    def _valid(self, weight, now):
        self._evidence += weight
        if self._quiet and self.state >= RUN:
            self._quiet = False
            self._reset("silence", now)
        self._valid_at = now

    def _sentence(self, sentence, now):
        if self._evidence >= _EVIDENCE:
            if self.state == SEARCH:
                self._probe(now)
            elif self.state == CONFIRM:
                self._done(now)
        if self.state < RUN:
            return
        comma = sentence.find(b",")
        kind = sentence[comma - 3 : comma] if comma >= 5 else b""
        sign = "banner" if banner(kind, sentence) else None
        if sign is None and self.state == RUN:
            sign = self._watching.sentence(kind, sentence, now)
            if "off" in self._held or "sentences" in self._held:
                sign = None  # it was never told so, or did not agree
        if sign is not None:
            self._reset(sign, now)

    def _frame(self, message, payload, now):
        if message == ubx.ACK_ACK or message == ubx.ACK_NAK:
            self._answer(message == ubx.ACK_ACK, payload, now)
            return
        try:
            if message == ubx.MON_VER and (self.state <= PROBE or self.state == PLAIN):
                self._configure(payload, now)
            elif message == ubx.MON_HW:
                self._condition(ubx.mon_hw(payload), now)
            elif message == ubx.MON_RF:
                self._condition(ubx.mon_rf(payload), now)
        except ubx.UbxError:
            self.counters["ubx_field"] += 1
        if self.state == SEARCH and self._evidence >= _EVIDENCE:
            self._probe(now)
        elif self.state == CONFIRM:
            self._done(now)

    def _answer(self, agreed, payload, now):
        if not STEP <= self.state <= CONFIRM or len(payload) != 2:
            return
        if payload[0] << 8 | payload[1] != self._steps[self._step][1]:
            return
        if not agreed and self.state != CONFIRM:
            self._failed_step("refused", now)
        elif self.state == DRAIN:
            self._until = now  # acknowledged at the old rate: the change comes now
        else:
            self._done(now)

    def _condition(self, found, now):
        antenna, jamming = found
        if antenna != self.antenna:
            self.antenna = antenna
            self._event("antenna", antenna, now)
        if jamming != self.jamming:
            self.jamming = jamming
            self._event("jamming", jamming, now)

    # --- what goes wrong ---

    def _watch(self, now):
        """Silence, the rate of epochs, and steps to be made again."""
        if self._retry_at is not None and now >= self._retry_at and not self._backoff.holds(now):
            self._retry_at = None
            self._retries += 1
            self._reset("unanswered", now)
            return
        silent = now - self._valid_at
        if silent >= 2 * self._silence:
            self.counters["lost"] += 1
            self._event("lost", "", now)
            self._search(self._rate, now)
            return
        if silent >= self._silence:
            self._quiet = True
        sign = self._watching.rate(now) if self.state == RUN else None
        if sign is not None and not self._quiet and "rate" not in self._held:
            self._reset(sign, now)

    def _reset(self, sign, now):
        if not self._backoff.allowed(now):
            return
        self.counters["resets"] += 1
        self._event("reset", sign, now)
        self._keep = False
        self._probe(now)

    def _tell_rate(self, now):
        if self._told != self._rate:
            self._told = self._rate
            self._event("baud", self._rate, now)

    def _event(self, name, value, now):
        if len(self.events) >= MAX_EVENTS:
            self.events = self.events[1:]
            self.counters["events_lost"] += 1
        self.events.append((name, value, now))
