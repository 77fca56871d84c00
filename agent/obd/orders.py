"""What a technician orders, carried out between the polls; only imported when somebody does.

order.next(elm, now) -> bytes          the next request, by an idle elm327.Elm
order.reply(kind, messages, clean)     True: it is over, and order.event says how
order.lost(reason)                     the adapter or the car has gone: it is over
"""

from agent.const import const
from agent.obd import services
from agent.obd.scan import Scan

_RPM = const(0x0C)


class Clearing:
    """Service 04, clear trouble codes: the one request that changes something in the car.

    The engine's speed is asked for first, and only where every ECU that has it says that the
    engine stands still does the request come into being (services.clear_request()).
    event: ("cleared", done, reason).
    """

    def __init__(self, order, ecus):
        """`order`: services.CLEAR_ORDER, as the technician gave it; `ecus`: those that have an
        engine speed. Raises ServiceRefused."""
        if order != services.CLEAR_ORDER:
            raise services.ServiceRefused("service 04: nobody ordered it")
        self._order = order
        self._ecus = ecus
        self._rpm = None
        self._rpm_at = None
        self.event = None

    def next(self, elm, now):
        if self._rpm is None:
            return elm.request(0x01, bytes([_RPM]), 0, now)
        return elm.clear(self._order, self._rpm, now - self._rpm_at, now)

    def reply(self, kind, messages, clean):
        if self._rpm is None:
            self._engine_told(messages, clean)
        else:
            self._told(messages)
        return self.event is not None

    def lost(self, reason):
        self.event = ("cleared", False, reason)

    def _engine_told(self, messages, clean):
        """The engine's speed, by whichever ECU says most; one that is not heard may be the one
        whose engine runs."""
        missing = list(self._ecus)
        for ecu, payload, at in messages:
            try:
                start = services.live(payload, bytes([_RPM]))[0][1]
            except services.ReplyError:
                clean = False
                continue
            if ecu in missing:
                missing.remove(ecu)
            told = payload[start] << 8 | payload[start + 1]
            if self._rpm is None or told > self._rpm:
                self._rpm, self._rpm_at = told, at
        if self._rpm:
            self.lost("service 04: the engine runs")
        elif self._rpm is None or missing or not clean:
            self.lost("service 04: the engine's speed is not known")

    def _told(self, messages):
        """An ECU that has cleared its codes says 44 and nothing else."""
        done = False
        for _, payload, _ in messages:
            refusal = services.negative(payload)
            if refusal is not None and refusal[0] == services.CLEAR:
                if refusal[1] != services.WAIT:
                    self.lost("refused: " + services.nrc_name(refusal[1]))
                    return
            elif payload == b"\x44":
                done = True
        self.event = ("cleared", done, "" if done else "no ECU answered")


class Scanning:
    """Everything about the car once, or some parts of it (scan.py). event: ("scan", result)."""

    def __init__(self, can, only):
        self._scan = Scan(can, only=only)

    @property
    def event(self):
        return ("scan", self._scan.result)

    def next(self, elm, now):
        service, data = self._scan.next()
        return elm.request(service, data, 0, now)

    def reply(self, kind, messages, clean):
        self._scan.reply(kind, messages, clean)
        return self._scan.done

    def lost(self, reason):
        self._scan.lost(reason)
