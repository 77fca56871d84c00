"""Live data: which ECU has which PID, and their polling by tiers, several PIDs a request.

Polling is told when it may ask and gives (data, frames, ecu) for service 01; answers go to reply().
First the bitmaps of supported PIDs, then the full scales that some cars tell (PIDs 4F and 50), then
the schedule of plan.py for ever.

A value comes only from a reply in which service, PID, ECU, ISO-TP length and data length all fit;
anything else is counted and gives nothing.
"""

from agent.obd import pids, plan, replies, services

_SILENT_LIMIT = 5  # poll requests in a row without a word, then the bus is tested
_ABSENT_LIMIT = 5  # replies in a row without an ECU, until the others are believed alone
_UNHEARD_LIMIT = 3  # replies in a row without the one ECU that is shown, until all are
_MAP_TRIES = 3
_MOST_DIGIT = 15  # frames that one digit can name
_FULL_SCALES = (0x4F, 0x50)  # four bytes and one: see pids.scaled()

# What reply() says beside None
READY = 1  # the PIDs are known, polling begins
DEAD = 2  # nobody answers

COUNTERS = (
    "values",
    "refused",  # replies that did not fit the request
    "other_ecu",  # PIDs answered by an ECU that isn't the one we listen to for them
    "incomplete",  # replies without an ECU that should have answered
    "silent_pids",  # PIDs that were asked for and not answered
)


class Polling:
    """`value(signal, raw, t)` is called for what is wanted and comes, `watched(ecu, pid, data, t)`
    for the data bytes of the PIDs in plan.WATCHED, by any ECU; `wanted`: plan.Wanted; `abilities`:
    abilities.Abilities; `maps`: plan.Maps, to be filled."""

    def __init__(self, wanted, abilities, counters, maps, value, watched):
        self.counters = counters
        for key in COUNTERS:
            counters.setdefault(key, 0)
        self.maps = maps
        self._wanted = wanted
        self._abilities = abilities
        self._value = value
        self._watched = watched
        self._scales = {}  # ecu -> bytearray(5)
        self.restart()

    def restart(self):
        """The bus has come (back). What the ECUs said before that they support stays: it is the
        same car, and one that is late must still be missed."""
        self._map_index = 0
        self._tries = 0
        self._to_scale = None  # PIDs of _FULL_SCALES that are still to be asked
        self._plan = None  # list of plan.Entry once the PIDs are known
        self._asked = b""
        self._batch = []  # its entries of the plan
        self._with_digit = False
        self._silent = 0
        self._focus = None  # the ECU that is listened to alone
        self._unheard = 0  # replies in a row without it
        self._absent = {}  # ecu -> replies in a row without it although it has the PID

    @property
    def ready(self):
        return self._plan is not None

    def due(self, now):
        """ms until next() has something to ask."""
        if self._plan is None or self._silent >= _SILENT_LIMIT:
            return 0
        due = now + 1000
        for entry in self._plan:
            due = min(due, entry.due)
        return due - now

    # Questions

    def next(self, now, can):
        """-> (data, frames, ecu) for a request of service 01, or None. `ecu`: the one whose answers
        alone are to be shown, or None."""
        self._focus = None
        if self._plan is None:
            if self._to_scale:
                self._asked = bytes(self._to_scale[:1])
            else:
                self._asked = bytes([pids.BITMAPS[self._map_index]])
            return self._asked, self._sure_frames(can), None
        if self._silent >= _SILENT_LIMIT:
            self._asked = b"\x00"
            return self._asked, 0, None
        focus = can and len(self.maps.ecus) > 1 and self._abilities.focus()
        batch = plan.pick(self._plan, self._abilities.batch(can), now, not focus)
        if not batch:
            return None
        for entry in batch:
            entry.sent(now)
        asked = bytes([entry.pid for entry in batch])
        if focus:
            self._focus = batch[0].owner
        frames = 0
        if self._abilities.digit(len(batch)):
            # Before CAN an answer is one message, where it fits in.
            frames = self.maps.frames(asked, self._focus)
            if not can and frames > len(self.maps.ecus):
                frames = 0
        self._batch = batch
        self._with_digit = 0 < frames <= _MOST_DIGIT
        self._asked = asked
        return asked, frames if self._with_digit else 0, self._focus

    def _sure_frames(self, can):
        """Frames that answer the question about one PID of four bytes or less: one of each ECU
        that has said that it has it. Who answers PID 00 is not known before."""
        if not can or not self._map_index or self._tries or not self._abilities.digit_is_known():
            return 0
        return len([ecu for ecu in self.maps.ecus if self.maps.supports(ecu, self._asked[0])])

    def cancel(self, now):
        """What next() gave was not asked after all."""
        for entry in self._batch:
            entry.due = now

    # Replies

    def reply(self, kind, messages, clean, now, can, tail=0):
        """messages: as in isotp.py, without negative responses; `tail`: see Abilities.learn()
        -> READY, DEAD or None."""
        if self._plan is None:
            return self._scaled(messages, now) if self._to_scale else self._mapped(messages, now)
        if self._silent >= _SILENT_LIMIT:
            if not self._bitmaps(messages):
                return DEAD
            self._silent = 0
            return None
        self._polled(kind, messages, clean, now, can, tail)
        return None

    def alive(self):
        """The bus has been heard otherwise: "response pending", another service."""
        if self._silent < _SILENT_LIMIT:
            self._silent = 0

    def _bitmaps(self, messages):
        """The valid answers to the request for one bitmap -> list of (ecu, payload)."""
        found = []
        for ecu, payload, _ in messages:
            try:
                services.live(payload, self._asked)
                found.append((ecu, payload))
            except services.ReplyError:
                self.counters["refused"] += 1
        return found

    def _mapped(self, messages, now):
        base = pids.BITMAPS[self._map_index]
        found = self._bitmaps(messages)
        for ecu, payload in found:
            self.maps.add(ecu, base, payload[2:])
        self._tries += 1
        if not found and self._tries < _MAP_TRIES:
            return None
        if not self.maps.ecus:
            return DEAD
        self._tries = 0
        while True:
            self._map_index += 1
            if self._map_index >= len(pids.BITMAPS):
                break
            if self.maps.owner(pids.BITMAPS[self._map_index]) is not None:
                return None
        self._to_scale = [pid for pid in _FULL_SCALES if self.maps.owner(pid) is not None]
        return None if self._to_scale else self._begin(now)

    def _scaled(self, messages, now):
        """Full scales of another kind than the usual one, from the ECUs that have them."""
        pid = self._to_scale[0]
        missing = [ecu for ecu in self.maps.ecus if self.maps.supports(ecu, pid)]
        for ecu, payload, _ in messages:
            try:
                start = services.live(payload, self._asked)[0][1]
            except services.ReplyError:
                self.counters["refused"] += 1
                continue
            if ecu in missing:
                missing.remove(ecu)
                scale = self._scales.setdefault(ecu, bytearray(5))
                if pid == _FULL_SCALES[0]:
                    scale[:4] = payload[start : start + 4]
                else:
                    scale[4] = payload[start]
        self._tries += 1
        if missing and self._tries < _MAP_TRIES:
            return None
        self._tries = 0
        self._to_scale.pop(0)
        return None if self._to_scale else self._begin(now)

    def _begin(self, now):
        self._plan = plan.build(self._wanted, self.maps, now)
        return READY

    def _polled(self, kind, messages, clean, now, can, tail):
        got = []
        self._silent = 0 if messages else self._silent + 1
        if self._focus is not None:
            self._unheard = 0 if messages else self._unheard + 1
            if self._unheard >= _UNHEARD_LIMIT:
                self._abilities.no_focus()  # all of them are listened to again
        answers = []
        for ecu, payload, t in messages:
            try:
                answers.append((ecu, payload, t, services.parts(payload, self._asked)))
            except services.ReplyError:
                self.counters["refused"] += 1
        fits = len(answers) == len(messages)
        if answers and self._someone_missing(answers, clean):
            self.counters["incomplete"] += 1
            if not fits:
                for entry in self._batch:
                    entry.alone = True  # as in _account()
            return
        for ecu, payload, t, found in answers:
            for pid, start, length in found:
                if self.maps.owner(pid) != ecu or pid in got:
                    self.counters["other_ecu"] += 1
                else:
                    got.append(pid)
                    self._tell(ecu, pid, payload, start, length, t)
                if pid in plan.WATCHED:
                    self._watched(ecu, pid, payload[start : start + length], t)
        self._account(kind, got, fits, clean, now)
        if can or self._with_digit:
            self._abilities.learn(kind, len(self._batch), len(got), self._with_digit, tail)

    def _tell(self, ecu, pid, payload, start, length, t):
        scale = self._scales.get(ecu)
        for signal, raw in pids.values(pid, payload, start, length):
            if signal in self._wanted:
                if scale is not None:
                    raw = pids.scaled(signal, raw, scale)
                self.counters["values"] += 1
                self._value(signal, raw, t)

    def _someone_missing(self, answers, clean):
        """True when an ECU is missing that answered not long ago: what does not fit is no answer.

        Characters lost from one ECU's frame into the next one's can leave a frame of the right
        length with wrong content; what gives it away is the other ECU's silence. It is believed
        after some times in a row in which nothing else was wrong.
        """
        heard = [answer[0] for answer in answers]
        missing = False
        for ecu in self.maps.ecus if self._focus is None else (self._focus,):
            if ecu in heard:
                self._absent[ecu] = 0
            elif self.maps.answers(ecu, self._asked):
                times = self._absent.get(ecu, 0)
                if times < _ABSENT_LIMIT:
                    self._absent[ecu] = times + 1 if clean else 0
                    missing = True
        return missing

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
