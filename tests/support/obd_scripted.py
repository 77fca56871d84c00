"""A car, an adapter and the whole OBD machine under simulated time: no time passes but what we say.

Runs on both interpreters. For scripted answers; the emulator (`tools/emulator`) is the other way.
"""

from agent import signals
from agent.obd.poller import Obd

ENGINE = 0x7E8
GEARBOX = 0x7E9
RPM = signals.by_name("rpm")
SPEED = signals.by_name("speed")
VIN = "1HGCM82633A004210"


def bitmap(have, base):
    bits = 0
    for pid in have:
        if base < pid <= base + 32:
            bits |= 1 << (32 - (pid - base))
    return bytes([bits >> 24, bits >> 16 & 255, bits >> 8 & 255, bits & 255])


class Car:
    """ECUs with their service 01 data; answers a request with one payload an ECU."""

    def __init__(self):
        self.data = {
            ENGINE: {
                0x01: b"\x00\x07\xe5\x00",
                0x04: b"\x80",
                0x05: b"\x7b",
                0x0C: b"\x1a\xf8",
                0x0D: b"\x32",
                0x0F: b"\x46",
                0x11: b"\x40",
                0x2F: b"\x99",
                0x42: b"\x35\xe8",
                0x46: b"\x3c",
            }
        }
        self.codes = {ENGINE: b""}
        self.pending = {ENGINE: b""}
        self.permanent = {}
        self.frozen = {}  # ecu -> (bytes of the code, {pid: data})
        self.refusal = None  # of service 04
        self.vin = VIN
        self.alive = True

    def freeze_frame(self, ecu, request):
        code, frame = self.frozen[ecu]
        reply = b"\x42"
        for at in range(1, len(request), 2):
            pid = request[at]
            if pid == 2:
                reply += b"\x02\x00" + code
            elif pid in frame:
                reply += bytes([pid, 0]) + frame[pid]
            elif pid == 0:
                reply += b"\x00\x00" + bitmap(list(frame) + [2], 0)
        return reply if len(reply) > 1 else None

    def answer(self, ecu, request):
        have = self.data[ecu]
        if request[0] == 1:
            reply = b"\x41"
            for pid in request[1:]:
                if pid in have:
                    reply += bytes([pid]) + have[pid]
                elif pid % 32 == 0 and (pid == 0 or max(have) > pid):
                    more = list(have) + list(range(32, max(have), 32))
                    reply += bytes([pid]) + bitmap(more, pid)
            return reply if len(reply) > 1 else None
        if request[0] in (3, 7, 0x0A):
            codes = {3: self.codes, 7: self.pending, 0x0A: self.permanent}[request[0]].get(ecu)
            head = bytes([0x40 + request[0], len(codes or b"") // 2])
            return None if codes is None else head + codes
        if request[0] == 2 and ecu in self.frozen:
            return self.freeze_frame(ecu, request)
        if request[0] == 4:
            if ecu != ENGINE or self.refusal:
                return self.refusal
            self.codes[ecu] = self.pending[ecu] = b""
            return b"\x44"
        if request[0] == 9 and ecu == ENGINE:
            return b"\x49\x02\x01" + self.vin.encode()
        return None


def latin(text):
    return bytes([ord(character) for character in text])


def frame_lines(ecu, payload):
    """ISO-TP frames as an ELM327 prints them with headers on and spaces off."""
    head = f"{ecu:03X}" if ecu < 0x1000 else f"{ecu:08X}"
    if len(payload) <= 7:
        return [head + hexed(bytes([len(payload)]) + payload + bytes(7 - len(payload)))]
    size = len(payload)
    lines = [head + hexed(bytes([0x10 | size >> 8, size & 255]) + payload[:6])]
    number = 1
    for at in range(6, size, 7):
        part = payload[at : at + 7]
        lines.append(head + hexed(bytes([0x20 | number & 15]) + part + bytes(7 - len(part))))
        number += 1
    return lines


def hexed(data):
    return "".join([f"{byte:02X}" for byte in data])


class Adapter:
    """A scripted ELM327. Hooks: `limit` PIDs it passes on, `refuse` more than so many,
    `digit` known or not, `silent`, `mangle(text) -> text` on every answer to a request."""

    def __init__(self, car):
        self.car = car
        self.limit = 6
        self.refuse = 6
        self.digit = True
        self.silent = False
        self.mangle = None
        self.protocol = "A6"
        self.volts = "12.6V"
        self.answers = {}  # to further commands
        self.focus = None  # what ATCRA asked for
        self.asleep = False
        self.log = []
        self.latency = 10
        self._out = []  # (time, bytes)

    def write(self, data, now):
        if self.silent:
            return
        if self.asleep:
            self.asleep = False
            self._out.append((now + self.latency, b"\r\rELM327 v1.5\r\r>"))
            return
        if data == b" ":
            return
        assert data.endswith(b"\r"), data
        text = data[:-1].decode()
        self.log.append((now, text))
        self._out.append((now + self.latency, latin(self.reply(text) + "\r\r>")))

    def read(self, now):
        if self._out and self._out[0][0] <= now:
            return self._out.pop(0)[1]
        return b""

    def next(self):
        return self._out[0][0] if self._out else None

    def say(self, data, now):
        self._out.append((now, data))

    def reply(self, text):
        if text == "ATZ":
            return "\r\rELM327 v1.5"
        if text == "ATI":
            return "ELM327 v1.5"
        if text == "ATRV":
            return self.volts
        if text in self.answers:
            return self.answers[text]
        if text == "ATLP":
            self.asleep = True
        if text == "ATZ" or text == "ATAR":
            self.focus = None
        if text.startswith("ATCRA"):
            self.focus = int(text[5:], 16) if text[5:] else None
        if text == "ATDPN":
            return self.protocol
        if text.startswith("AT"):
            return "OK"
        if text.startswith("ST"):
            return "?"
        count = 99
        if len(text) & 1:
            if not self.digit:
                return "?"
            count = int(text[-1], 16)
            text = text[:-1]
        request = bytes([int(text[at : at + 2], 16) for at in range(0, len(text), 2)])
        if len(request) > 1 + self.refuse:
            return "?"
        request = request[: 1 + self.limit]
        lines = []
        if self.car.alive:
            for ecu in sorted(self.car.data):
                if self.focus not in (None, ecu):
                    continue
                payload = self.car.answer(ecu, request)
                if payload is not None:
                    lines.extend(frame_lines(ecu, payload))
        answer = "\r".join(lines[:count]) or "NO DATA"
        return self.mangle(answer) if self.mangle else answer


class Bench:
    """Runs an Obd against an adapter under simulated time."""

    def __init__(self, settings=None, car=None):
        self.car = car or Car()
        self.adapter = Adapter(self.car)
        self.obd = Obd(settings)
        self.now = 0
        self.events = []
        self.chop = None
        self.obd.start(0)

    def run(self, until):
        while self.now < until:
            data = self.adapter.read(self.now)
            if data and self.chop:
                for at in range(0, len(data), self.chop):
                    self.events += self.obd.feed(data[at : at + self.chop], self.now)
            else:
                self.events += self.obd.feed(data, self.now)
            out = self.obd.poll(self.now)
            self.events += self.obd.take()
            if out:
                self.adapter.write(out, self.now)
                continue
            wake = self.obd.wake(self.now)
            assert 0 <= wake <= 1000
            after = self.now + max(1, wake)
            due = self.adapter.next()
            self.now = min(after, max(due, self.now + 1)) if due is not None else after
        return self.events

    def of(self, kind):
        return [event for event in self.events if event[0] == kind]

    def asked(self, since=0):
        """Requests to the car: what is no command to the adapter."""
        return [text for t, text in self.adapter.log if t >= since and text[:2] not in ("AT", "ST")]

    def codes(self, kind="stored"):
        """The codes of each reading."""
        return [event[2] for event in self.events if event[:2] == ("dtc", kind)]

    def values(self, signal):
        return [event for event in self.events if event[0] == "value" and event[1] == signal]

    def states(self):
        return [event[1] for event in self.events if event[0] == "state"]
