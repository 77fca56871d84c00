"""What the car is and what is wrong with it: VIN, trouble codes, freeze frames, readiness.

Trouble codes (services 03, 07, 0A) are read on a timer and at once when the MIL or the number of
codes changes (PID 01, which is polled anyway); where a code has appeared its ECU's freeze frame is
read, too. Diagnosis is told when it may ask, between the polls; events:

    ("vin", text, t)
    ("dtc", "stored" | "pending" | "permanent", (code, ...), t)   all ECUs together; () = none
    ("freeze", ecu, code, ((signal id, raw), ...), t)
    ("readiness", ecu, number, t)         the four bytes of PID 01 as one number: see readiness.py
"""

from agent import port
from agent.obd import services

_VIN_TRIES = 3
RETRY_MS = 10000  # after a failed exchange
_DTC_TRIES = 5  # readings without an ECU that used to answer, until they are believed
_SILENT_TRIES = 3  # readings that nobody answers, until they become rare
_RARE_MS = 600000
MAX_ECUS = 8
_MAX_CODES = 64  # of one ECU that are compared; a car with more has one problem
MAX_VALUES = 64  # of a freeze frame

KINDS = (("stored", 0x03), ("pending", 0x07), ("permanent", 0x0A))


class _Codes:
    """One kind of trouble codes."""

    def __init__(self, name, service):
        self.name = name
        self.service = service
        self.due = 0
        self.tries = 0  # readings in a row without an ECU that used to answer, all the same
        self.last = None  # the last of them
        self.silent = 0  # readings in a row without any answer
        self.ecus = []  # that answered the last complete reading


class Diagnosis:
    """`events`: list that takes the events; `maps`: plan.Maps, who has which PID."""

    def __init__(self, settings, counters, events, maps):
        self._settings = settings
        self._counters = counters
        self._events = events
        self._maps = maps
        self.vin = None
        self._codes = [_Codes(name, service) for name, service in KINDS]
        self._known = {}  # ecu -> its stored codes
        self._states = {}  # ecu -> the four bytes of PID 01
        self._frames = {}  # ecu -> code of the freeze frame that was told
        self._to_capture = []  # ECUs
        self._capturing = None  # freeze.capture() while it runs
        self.restart()

    def restart(self):
        """The bus has come (back): everything is read again."""
        self._vin_due = 0
        self._vin_tries = 0
        self._question = None
        self._doing = None
        self._capturing = None
        for codes in self._codes:
            codes.due = 0

    def hurry(self):
        """The trouble codes are read at once."""
        for codes in self._codes:
            codes.due = 0

    # Questions

    def due(self, now):
        """ms until next() has something to ask."""
        if self._capturing is not None or (self._to_capture and self._settings["freeze"]):
            return 0
        due = now + 1000
        if self._vin_wanted():
            due = min(due, self._vin_due)
        if self._settings["dtc_ms"]:
            for codes in self._codes:
                due = min(due, codes.due)
        return due - now

    def next(self, now, can):
        """-> (service, data), or None."""
        if self._vin_wanted() and now >= self._vin_due:
            self._vin_tries += 1
            self._vin_due = now + RETRY_MS
            self._doing = "vin"
            return 0x09, b"\x02"
        if self._settings["dtc_ms"]:
            for codes in self._codes:
                if now >= codes.due:
                    codes.due = now + min(RETRY_MS, self._settings["dtc_ms"])
                    self._doing = codes
                    return codes.service, b""
        if self._capturing is None and self._to_capture and self._settings["freeze"]:
            self._begin_capture(can)
        if self._capturing is not None:
            self._doing = "freeze"
            return self._question
        return None

    def _vin_wanted(self):
        return self._settings["vin"] and self.vin is None and self._vin_tries < _VIN_TRIES

    # Answers

    def reply(self, messages, clean, now, can, refusing=()):
        """messages: as in isotp.py, without negative responses; `refusing`: the ECUs of these."""
        doing = self._doing
        self._doing = None
        if doing == "vin":
            self._vin_read(messages, can)
        elif doing == "freeze":
            self._captured(messages, now)
        elif doing is not None:
            self._codes_read(doing, messages, clean, now, can, refusing)

    def _vin_read(self, messages, can):
        best = None
        for ecu, payload, t in messages if can else _joined(messages):
            try:
                text = services.vin(payload)
            except services.ReplyError:
                self._counters["refused"] += 1
                continue
            if best is None or ecu < best[0]:
                best = (ecu, text, t)
        if best is not None:
            self.vin = best[1]
            self._events.append(("vin", best[1], best[2]))

    def _codes_read(self, codes, messages, clean, now, can, refusing):
        """All ECUs' codes, or nothing: half a list would look like codes that went away."""
        found = ()
        by_ecu = {}
        for ecu, payload, _ in messages:
            try:
                new = services.trouble_codes(payload, codes.service, can)
            except services.ReplyError:
                clean = False
                continue
            clean = clean and not (can and ecu in by_ecu)  # on CAN one message holds all codes
            by_ecu[ecu] = by_ecu.get(ecu, ()) + new
            found += new
        if not messages:
            codes.silent += 1
            if codes.silent >= _SILENT_TRIES and codes.service != 0x03:
                codes.due = now + _RARE_MS  # old cars have no such service
            return
        codes.silent = 0
        if not clean:
            self._counters["refused"] += 1
            codes.tries = 0
            return
        for ecu in codes.ecus or self._ought(codes, can):
            if ecu not in by_ecu and ecu not in refusing:
                codes.tries = codes.tries + 1 if by_ecu == codes.last else 1
                codes.last = by_ecu
                if codes.tries < _DTC_TRIES:
                    return
                break
        codes.tries = 0
        codes.ecus = sorted(by_ecu)
        t = messages[-1][2]
        codes.due = t + self._settings["dtc_ms"]
        self._events.append(("dtc", codes.name, found, t))
        if codes.service == 0x03:
            self._compare(by_ecu)

    def _ought(self, codes, can):
        """Who has to answer before anybody has: on CAN each ECU with a lamp (SAE J1979)."""
        if not can:
            return []
        return [ecu for ecu in self._maps.ecus if self._maps.supports(ecu, 0x01)]

    def _compare(self, by_ecu):
        """Where a code has appeared the freeze frame is worth reading."""
        for ecu in sorted(by_ecu)[:MAX_ECUS]:
            known = self._known.get(ecu, ())
            if [code for code in by_ecu[ecu] if code not in known]:
                self._frames.pop(ecu, None)
                if ecu not in self._to_capture:
                    self._to_capture.append(ecu)
            self._known[ecu] = by_ecu[ecu][:_MAX_CODES]

    # Freeze frames

    def _begin_capture(self, can):
        from agent.obd import freeze  # seldom used: a code must have appeared

        self._capturing = freeze.capture(self._to_capture, freeze.MOST if can else 1)
        self._question = next(self._capturing)

    def _captured(self, messages, now):
        try:
            self._question = self._capturing.send(messages)
            return
        except StopIteration as end:
            found = end.value or []
        self._capturing = self._question = None
        self._to_capture = []
        port.forget("agent.obd.freeze")
        for ecu, code, values in found:
            if self._frames.get(ecu) != code:
                self._frames[ecu] = code
                self._events.append(("freeze", ecu, code, tuple(values[:MAX_VALUES]), now))

    # Readiness

    def status(self, ecu, data, t):
        """The four bytes of PID 01, as one of the ECUs told them."""
        known = self._states.get(ecu)
        if known == data:
            return
        if known is None and len(self._states) >= MAX_ECUS:
            return
        self._states[ecu] = data
        if known is not None and known[0] != data[0]:
            self.hurry()
        number = data[0] << 24 | data[1] << 16 | data[2] << 8 | data[3]
        self._events.append(("readiness", ecu, number, t))


def _joined(messages):
    """Messages of an older bus, put together by ECU."""
    from agent.obd import vehicle_info  # only there

    by_ecu = {}
    for ecu, payload, t in messages:
        by_ecu.setdefault(ecu, []).append((payload, t))
    found = []
    for ecu in by_ecu:
        try:
            payload = vehicle_info.join([row[0] for row in by_ecu[ecu]], vehicle_info.VIN)
        except services.ReplyError:
            continue
        found.append((ecu, payload, by_ecu[ecu][-1][1]))
    return found
