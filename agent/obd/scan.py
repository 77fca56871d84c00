"""Everything a technician wants to know first: one pass through the car, as a machine without I/O.

Scan knows what to ask and reads the answers; whoever drives the adapter asks for it, between its
own requests if it has some (a poller), or for nothing else (scanner.py):

    scan = Scan()
    while not scan.done:
        service, data = scan.next()
        ... the driver's request(service, data, 0, now), then its event "reply" ...
        scan.reply(kind, messages, clean)
    scan.result

next() repeats itself until reply() came; lost() ends the scan where the adapter is gone.

The result is plain data:

    {"vin": text or None,
     "ecus": [{"id", "name", "acronym", "calibrations", "verifications", "pids", "standard",
               "fuel", "readiness", "cycle", "stored", "pending", "permanent", "freeze",
               "tracking", "tests"}, ...]        in order of id; what could not be had is not there
     "missing": [{"what", "ecu": id or None, "reason"}, ...]}

"standard" and "fuel" are the codes of PIDs 1C and 51, "readiness" and "cycle" as in readiness.py;
"stored", "pending" and "permanent" are lists of codes, [] = none; "freeze" is {"code", "values":
[(signal id, raw), ...]}, its code None where there is no frame; "tests" [(mid, tid, uasid, value,
lowest, highest), ...] only with `tests`. A value is there only where ECU, service, PID and lengths
fit; everything else is in "missing" with its reason.
"""

from agent.obd import freeze, monitors, pids, readiness, replies, services
from agent.obd import vehicle_info as info

MAX_ECUS = 8  # as in isotp.py
TRIES = 2  # times that a question is put before its answer counts as missing
MAX_MISSING = 64  # rows: eight ECUs with as many questions each

_LIMITS = (0x4F, 0x50)  # PIDs that tell other full scales

_CODES = (("stored", 0x03), ("pending", 0x07), ("permanent", 0x0A))

# Why there is no answer, by the kind of the adapter's reply
_REASONS = {
    replies.NO_DATA: "no answer",
    replies.CORRUPT: "corrupt answer",
    replies.UNSUPPORTED: "the adapter does not know the request",
    replies.BUS_ERROR: "bus error",
    replies.NO_BUS: "no bus",
    replies.OVERFLOW: "the answer is too long for the adapter",
    replies.STOPPED: "interrupted",
    replies.RESET: "the adapter was reset",
    replies.TIMEOUT: "the adapter is silent",
}


class Scan:
    """One pass. `can`: the bus is CAN; `tests`: monitor results (service 06), too; `only`: names of
    the parts to ask for, of "status", "identity", "codes", "freeze" and "tests"."""

    def __init__(self, can=True, tests=False, only=None):
        self.can = can
        self.done = False
        self.result = {"vin": None, "ecus": [], "missing": []}
        self._parts = only or ("status", "identity", "codes", "freeze", tests and "tests")
        self._ecus = {}  # id -> its dict in the result
        self._steps = self._run()
        self._question = None
        self._advance(None)

    def next(self):
        """-> (service, data) that is asked now, or None when the scan is done."""
        return self._question

    def reply(self, kind, messages, clean):
        """The driver's answer to next(): kind as in replies.py, messages as in isotp.py."""
        if not self.done:
            self._advance((kind, messages, clean))

    def lost(self, reason):
        """The adapter or the bus is gone: the scan ends with what it has."""
        if not self.done:
            self._miss("the rest", None, reason)
            self._finish()

    def _advance(self, answer):
        try:
            self._question = self._steps.send(answer)
        except StopIteration:
            self._finish()

    def _finish(self):
        self.done = True
        self._question = None
        self.result["ecus"] = [self._ecus[ecu] for ecu in sorted(self._ecus)]

    def _miss(self, what, ecu, reason):
        missing = self.result["missing"]
        if len(missing) < MAX_MISSING:
            missing.append({"what": what, "ecu": ecu, "reason": reason})

    # The pass

    def _run(self):
        yield from self._supported()
        if not self._ecus:
            return
        for name, part in (
            ("status", self._status),
            ("identity", self._identity),
            ("codes", self._all_codes),
            ("freeze", self._freeze_frames),
            ("tests", self._monitor_tests),
        ):
            if name in self._parts:
                yield from part()

    def _ask(self, what, service, data, read, expected, again=False):
        """One question to all ECUs -> {ecu: what read(payload) made of its answer}.

        `expected`: the ECUs that ought to answer; those that do not are missing. Answers from
        others count where they fit, but only of ECUs that the scan knows. `again`: the question
        is put TRIES times however it is answered.
        """
        found = {}
        reasons = {}
        late = []
        for _ in range(TRIES):
            kind, messages, clean = yield service, data
            for ecu, payloads in self._by_ecu(messages):
                if ecu in found or (self._ecus and ecu not in self._ecus):
                    continue
                refusal = services.negative(payloads[-1])
                if refusal is not None:
                    if refusal[0] == service:
                        reasons[ecu] = "refused: " + services.nrc_name(refusal[1])
                    continue
                try:
                    found[ecu] = read(payloads)
                except services.ReplyError as e:
                    reasons[ecu] = str(e)
            late = [ecu for ecu in expected if ecu not in found]
            if clean and not late and not again:
                break
        for ecu in late:
            self._miss(what, ecu, reasons.get(ecu) or _REASONS.get(kind, "no answer"))
        for ecu in reasons:
            if ecu not in found and ecu not in late:
                self._miss(what, ecu, reasons[ecu])
        if not found and not late and not reasons:
            self._miss(what, None, _REASONS.get(kind, "no answer"))
        return found

    def _by_ecu(self, messages):
        """Messages by ECU, "response pending" left out -> [(ecu, [payload, ...]), ...]."""
        order = []
        found = {}
        for ecu, payload, _ in messages:
            refusal = services.negative(payload)
            if refusal is not None and refusal[1] == services.WAIT:
                continue
            if ecu not in found:
                found[ecu] = []
                order.append(ecu)
            found[ecu].append(payload)
        return [(ecu, found[ecu]) for ecu in order[:MAX_ECUS]]

    def _one(self, payloads):
        """The one payload of an answer. On CAN an ECU answers once."""
        if len(payloads) != 1:
            raise services.ReplyError("%d answers to one question" % len(payloads))
        return payloads[0]

    # Service 01

    def _supported(self):
        """The ECUs and their PIDs."""
        expected = []
        for base in pids.BITMAPS:
            what = "supported PIDs from %02X" % base
            read = self._data(base)
            found = yield from self._ask(what, 0x01, bytes([base]), read, expected, not base)
            for ecu in sorted(found):
                if ecu not in self._ecus:
                    if len(self._ecus) >= MAX_ECUS:
                        continue
                    self._ecus[ecu] = {"id": ecu, "pids": []}
                self._ecus[ecu]["pids"].extend(_numbers(found[ecu], base))
            after = base + 0x20
            expected = self._having(after)
            if not expected:
                break
        for ecu in self._ecus:
            have = self._ecus[ecu]["pids"]
            self._ecus[ecu]["pids"] = [pid for pid in have if pid not in pids.BITMAPS]

    def _data(self, pid):
        """A reader of one PID's data bytes."""

        def read(payloads):
            payload = self._one(payloads)
            return payload[services.live(payload, bytes([pid]))[0][1] :]

        return read

    def _having(self, pid):
        return [ecu for ecu in sorted(self._ecus) if pid in self._ecus[ecu]["pids"]]

    def _status(self):
        for pid, key in ((0x01, "readiness"), (0x41, "cycle"), (0x1C, "standard"), (0x51, "fuel")):
            having = self._having(pid)
            if not having:
                continue
            found = yield from self._ask(key, 0x01, bytes([pid]), self._data(pid), having)
            for ecu in found:
                data = found[ecu]
                self._ecus[ecu][key] = data[0] if len(data) == 1 else readiness.decode(data)

    # Service 09

    def _identity(self):
        """VIN, calibrations, names and counters. Old cars do not say which of them they have."""
        found = yield from self._ask(
            "vehicle information", 0x09, b"\x00", lambda p: info.bitmap(self._one(p)), []
        )
        kinds = {}
        for ecu in found:
            kinds[ecu] = _numbers(found[ecu], 0)
        for kind, what, read in (
            (info.VIN, "VIN", info.vin),
            (info.ECU_NAME, "name", info.ecu_name),
            (info.CALIBRATIONS, "calibrations", info.calibrations),
            (info.VERIFICATIONS, "verifications", info.verifications),
            (info.SPARK_TRACKING, "tracking", lambda p: info.tracking(p, info.SPARK_TRACKING)),
            (info.COMPRESSION_TRACKING, "tracking",
             lambda p: info.tracking(p, info.COMPRESSION_TRACKING)),
        ):  # fmt: skip
            having = [ecu for ecu in sorted(kinds) if kind in kinds[ecu]]
            if not having and (kinds or kind != info.VIN):
                if kind == info.VIN:
                    self._miss(what, None, "not supported")
                continue
            found = yield from self._ask(what, 0x09, bytes([kind]), self._item(kind, read), having)
            for ecu in sorted(found):
                self._identified(ecu, what, found[ecu])

    def _item(self, kind, read):
        def reader(payloads):
            if self.can:
                return read(self._one(payloads))
            return read(info.join(payloads, kind))

        return reader

    def _identified(self, ecu, what, value):
        entry = self._ecus[ecu]
        if what == "VIN":
            known = self.result["vin"]
            if known is None:
                self.result["vin"] = value
            elif known != value:
                self._miss("VIN", ecu, "says %s, another ECU %s" % (value, known))
        elif what == "name":
            entry["acronym"], entry["name"] = value
        else:
            entry[what] = value

    # Services 03, 07, 0A

    def _all_codes(self):
        for what, service in _CODES:
            yield from self._trouble_codes(what, service)

    def _trouble_codes(self, what, service):
        def read(payloads):
            if self.can:
                return list(services.trouble_codes(self._one(payloads), service))
            codes = []
            for payload in payloads:
                codes.extend(services.trouble_codes(payload, service, False))
            return codes

        # On CAN whoever knows the service answers, with a zero where there is no code; that an
        # ECU without one says nothing on older buses, or without permanent ones, is no fault.
        expected = self._having(0x01) if self.can and service == 0x03 else []
        found = yield from self._ask(what, service, b"", read, expected)
        for ecu in found:
            self._ecus[ecu][what] = found[ecu]

    # Service 02

    def _freeze_frames(self):
        found = yield from self._ask(
            "freeze frame", 0x02, freeze.ask(b"\x02"), lambda p: freeze.trigger(self._one(p)), []
        )
        holders = []
        for ecu in sorted(found):
            self._ecus[ecu]["freeze"] = {"code": found[ecu], "values": []}
            if found[ecu] is not None:
                holders.append(ecu)
        have = yield from self._freeze_supported(holders)
        limits = yield from self._freeze_limits(have)
        for pid in sorted(set([pid for ecu in have for pid in have[ecu]])):
            if pids.row(pid) is None:
                self._miss("freeze frame PID %02X" % pid, None, "its length is not known")
                continue
            if not pids.row(pid)[3]:
                continue
            asked = bytes([pid])
            found = yield from self._ask(
                "freeze frame PID %02X" % pid,
                0x02,
                freeze.ask(asked),
                lambda p, asked=asked: freeze.values(self._one(p), asked),
                [ecu for ecu in holders if pid in have[ecu]],
            )
            for ecu in found:
                if ecu in holders:
                    for signal, raw in found[ecu]:
                        raw = pids.scaled(signal, raw, limits.get(ecu, bytes(5)))
                        self._ecus[ecu]["freeze"]["values"].append((signal, raw))

    def _freeze_supported(self, holders):
        """-> {ecu: PIDs of its freeze frame}"""
        have = {}
        for ecu in holders:
            have[ecu] = []
        expected = holders
        for base in pids.BITMAPS:
            if not expected:
                break

            def read(payloads, base=base):
                payload = self._one(payloads)
                return payload[freeze.parts(payload, bytes([base]))[0][1] :]

            what = "freeze frame PIDs from %02X" % base
            asked = freeze.ask(bytes([base]))
            found = yield from self._ask(what, 0x02, asked, read, expected)
            for ecu in found:
                if ecu in have:
                    have[ecu].extend(_numbers(found[ecu], base))
            expected = [ecu for ecu in holders if base + 0x20 in have[ecu]]
        for ecu in have:
            have[ecu] = [pid for pid in have[ecu] if pid not in pids.BITMAPS]
        return have

    def _freeze_limits(self, have):
        """-> {ecu: full scales for pids.scaled()}, of the ECUs that tell them."""
        limits = {}
        for pid in _LIMITS:
            having = [ecu for ecu in self._having(pid) if ecu in have]
            if not having:
                continue
            what = "full scales"
            found = yield from self._ask(what, 0x01, bytes([pid]), self._data(pid), having)
            for ecu in found:
                known = limits.get(ecu, bytes(5))
                if pid == _LIMITS[0]:
                    limits[ecu] = found[ecu][:4] + known[4:]
                else:
                    limits[ecu] = known[:4] + found[ecu][:1]
        return limits

    # Service 06

    def _monitor_tests(self):
        have = {}
        expected = []
        for base in monitors.BITMAPS:
            what = "supported tests from %02X" % base
            found = yield from self._ask(
                what,
                0x06,
                bytes([base]),
                lambda p, base=base: monitors.bitmap(self._one(p), base),
                expected,
            )
            for ecu in found:
                have.setdefault(ecu, []).extend(_numbers(found[ecu], base))
            expected = [ecu for ecu in sorted(found) if base + 0x20 in have[ecu]]
            if not expected:
                break
        for mid in sorted(set([mid for ecu in have for mid in have[ecu]])):
            if mid in monitors.BITMAPS:
                continue
            found = yield from self._ask(
                "tests %02X" % mid,
                0x06,
                bytes([mid]),
                lambda p, mid=mid: monitors.results(self._one(p), mid),
                [ecu for ecu in sorted(have) if mid in have[ecu]],
            )
            for ecu in found:
                rows = self._ecus[ecu].setdefault("tests", [])
                rows.extend([(mid,) + row for row in found[ecu]])


def _numbers(bitmap, base):
    """Four bytes, highest bit first: what of base + 1 .. base + 32 is supported."""
    found = []
    for index in range(32):
        if bitmap[index >> 3] & 0x80 >> (index & 7):
            found.append(base + 1 + index)
    return found
