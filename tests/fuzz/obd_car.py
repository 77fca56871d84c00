"""A car whose values are known, on an adapter whose answers can be spoilt, for the OBD fuzz.

Runs on both interpreters. Every reply is made of lines, each with the role of every character:

    h header   p ISO-TP length, kind and number   s service   i PID or type   n number of items
    d data     x padding

so that what spoils it (obd_spoil.py) can choose. Values differ by ECU, PID and epoch, so that a
value from the wrong place or the wrong time shows.
"""

from agent.obd import dtc, pids
from tests.support import obd_car

# What the ECUs have, lowest id first. Some of it twice: the second ECU's is another value.
PIDS = (
    (0x01, 0x04, 0x05, 0x06, 0x07, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F, 0x10, 0x11, 0x1F, 0x21, 0x2F,
     0x31, 0x33, 0x3C, 0x42, 0x46, 0x49, 0x5C, 0x5E, 0x63, 0xA6),
    (0x01, 0x05, 0x0C, 0x0D, 0x42, 0xA4),
    (0x01, 0x0D, 0x46, 0x5B),
)  # fmt: skip
NAMES_11 = ("7E8", "7E9", "7EB")
NAMES_29 = ("18DAF110", "18DAF118", "18DAF11A")
VIN = "W0L000051T2123456"
FROZEN = (0x02, 0x04, 0x05, 0x0C, 0x0D)  # PIDs of each ECU's freeze frame, as far as it has them
FROZEN_CODE = b"\x07\x77"
SERVICES = {0x03: 1, 0x07: 2, 0x0A: 3}
EPOCH_REPLIES = 24  # after so many replies the car's values are others


class Chance:
    """The same numbers each time, on both interpreters (xorshift of 32 bits)."""

    def __init__(self, seed):
        self.state = (seed * 2654435761 + 88172645) & 0xFFFFFFFF or 1

    def below(self, limit):
        state = self.state
        state ^= state << 13 & 0xFFFFFFFF
        state ^= state >> 17
        state ^= state << 5 & 0xFFFFFFFF
        self.state = state
        return (state >> 3) % limit

    def of(self, things):
        return things[self.below(len(things))]


class Style:
    """How adapter and car write: identifiers, spaces, headers, padding, several frames at once."""

    def __init__(self, chance):
        self.names = NAMES_29 if chance.below(4) == 0 else NAMES_11
        self.ecus = 1 + chance.below(3)
        self.spaces = chance.below(4) == 0
        self.padding = chance.of((0x00, 0x55, 0xAA, 0xFF))
        self.is_trimmed = chance.below(6) == 0  # only the bytes that count are printed
        self.mixes = chance.below(2) == 0
        self.echoes = chance.below(8) == 0


class Car:
    """`data(ecu, pid)` is true now; ecu counts from 0."""

    def __init__(self, style):
        self.style = style
        self.epoch = 0

    def data(self, ecu, pid, epoch=None):
        epoch = self.epoch if epoch is None else epoch
        seed = (pid * 37 + ecu * 101 + epoch * 59) & 0xFFFF
        return bytes([(seed + index * 71) % 251 + 1 for index in range(pids.LENGTHS[pid])])

    def has(self, ecu, pid):
        return pid in PIDS[ecu]

    def bitmap(self, ecu, base):
        bits = 0
        for pid in PIDS[ecu]:
            if base < pid <= base + 0x20:
                bits |= 1 << (base + 0x20 - pid)
        if max(PIDS[ecu]) > base + 0x20:
            bits |= 1
        return bytes([bits >> 24, bits >> 16 & 0xFF, bits >> 8 & 0xFF, bits & 0xFF])

    def codes(self, ecu, kind):
        """Trouble codes of a service, as bytes of two each."""
        count = (self.epoch + ecu + kind) % 4
        return bytes(
            [(0x01 if at % 2 == 0 else 16 + at + ecu * 5 + kind * 31) for at in range(2 * count)]
        )

    def true_values(self, epoch):
        """{signal: [raw, ...]} of the ECUs whose word counts: the first that has the PID."""
        found = {}
        seen = []
        for ecu in range(self.style.ecus):
            for pid in PIDS[ecu]:
                if pid in seen:
                    continue
                seen.append(pid)
                for signal, raw in pids.values(pid, self.data(ecu, pid, epoch), 0):
                    found.setdefault(signal, []).append(raw)
        return found

    def true_codes(self, service, epoch):
        """Codes of all ECUs together, sorted."""
        now = self.epoch
        self.epoch = epoch
        found = []
        for ecu in range(self.style.ecus):
            found.extend(dtc.codes(self.codes(ecu, SERVICES[service]), 0))
        self.epoch = now
        return sorted(found)

    def answer(self, ecu, request):
        """(payload, role of each byte) of one ECU, or None."""
        service = request[0]
        if service == 0x01:
            return self._live(ecu, request[1:])
        if service in SERVICES and len(request) == 1:
            codes = self.codes(ecu, SERVICES[service])
            return bytes([service + 0x40, len(codes) // 2]) + codes, "sn" + "d" * len(codes)
        if service == 0x02:
            return self._frozen(ecu, request[1:])
        if request == b"\x09\x02" and ecu == 0:
            return b"\x49\x02\x01" + VIN.encode(), "sin" + "d" * 17
        return None

    def frozen(self, ecu, pid):
        """Data of a freeze frame, which never changes; None: the frame does not have it."""
        if pid == 0x00:
            bits = sum([1 << (32 - each) for each in FROZEN if each == 2 or self.has(ecu, each)])
            return bytes([bits >> 24, bits >> 16 & 0xFF, bits >> 8 & 0xFF, bits & 0xFF])
        if pid == 0x02:
            return FROZEN_CODE
        return self.data(ecu, pid, 0) if pid in FROZEN and self.has(ecu, pid) else None

    def _frozen(self, ecu, asked):
        payload = b"\x42"
        roles = "s"
        for at in range(0, len(asked), 2):
            pid = asked[at]
            data = self.frozen(ecu, pid)
            if data is not None:
                payload += bytes([pid, 0]) + data
                roles += "in" + "d" * len(data)
        return (payload, roles) if len(payload) > 1 else None

    def _live(self, ecu, asked):
        payload = b"\x41"
        roles = "s"
        for pid in asked:
            if pid in pids.BITMAPS:
                if pid and max(PIDS[ecu]) <= pid:
                    continue
                data = self.bitmap(ecu, pid)
            elif pid in PIDS[ecu]:
                data = self.data(ecu, pid)
            else:
                continue
            payload += bytes([pid]) + data
            roles += "i" + "d" * len(data)
        return (payload, roles) if len(payload) > 1 else None


def frames(name, payload, roles, style):
    """A message as lines -> [(text, roles), ...]."""
    size = len(payload)
    if size <= 7:
        bodies = [(bytes([size]) + payload, "p" + roles)]
    else:
        bodies = [(bytes([0x10 | size >> 8, size & 0xFF]) + payload[:6], "pp" + roles[:6])]
        for number, at in enumerate(range(6, size, 7)):
            part = payload[at : at + 7]
            bodies.append((bytes([0x20 | number + 1 & 15]) + part, "p" + roles[at : at + 7]))
    lines = []
    for body, marks in bodies:
        if not style.is_trimmed:
            marks += "x" * (8 - len(body))
            body += bytes([style.padding] * (8 - len(body)))
        text = name + obd_car.text_of(body)
        marks = "h" * len(name) + "".join([mark * 2 for mark in marks])
        lines.append((text, marks))
    return lines


def spaced(text, roles, name_size):
    """The same with spaces, as ATS1 writes it."""
    out = text[:name_size]
    marks = roles[:name_size]
    if name_size == 8:
        out = " ".join([text[at : at + 2] for at in (0, 2, 4, 6)])
        marks = "h" * len(out)
    for at in range(name_size, len(text), 2):
        out += " " + text[at : at + 2]
        marks += roles[at] + roles[at : at + 2]
    return out, marks


class Adapter(obd_car.Elm327):
    """Answers commands; replies to requests go through `spoil(request, lines)` once it is set."""

    def __init__(self, car, chance):
        obd_car.Elm327.__init__(self, {})
        self.car = car
        self.chance = chance
        self.requests = 0
        self.focus = None  # of ATCRA

    def lines(self, request):
        """The lines of the right reply to a request (bytes)."""
        style = self.car.style
        queues = []
        for ecu in range(style.ecus):
            name = style.names[ecu]
            if self.focus is not None and self.focus != name:
                continue
            found = self.car.answer(ecu, request)
            if found is not None:
                queues.append(frames(name, found[0], found[1], style))
        lines = []
        while queues:
            # ECUs answer at once: the frames of each stay in order, between them anything goes.
            queue = self.chance.of(queues) if style.mixes else queues[0]
            lines.append(queue.pop(0))
            queues = [queue for queue in queues if queue]
        if style.spaces:
            lines = [spaced(text, roles, len(style.names[0])) for text, roles in lines]
        return lines

    def setting(self, text):
        """The answer to an AT or ST command."""
        if text.startswith("ATCRA"):
            self.focus = text[5:] or None
            return "OK"
        if text in ("ATAR", "ATZ", "ATD", "ATWS"):
            self.focus = None
        if text == "ATDPN":
            return "A7" if self.car.style.names is NAMES_29 else "A6"
        return obd_car.Elm327._reply(self, text)
