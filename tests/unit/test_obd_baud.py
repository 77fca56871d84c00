"""Raising the line's rate: the handshake, its failures, and an adapter found at the other rate."""

from agent.obd import baud
from agent.obd.elm327 import Elm

RATES = (38400, 115200)


class Line:
    """An adapter that hears only what is sent at its own rate. `module`: something between, a
    Bluetooth chip, that stays at the usual rate."""

    def __init__(self, memory=None, module=False, knows=True):
        self.counters = {}
        self.memory = {} if memory is None else memory
        self.elm = Elm(self.counters, self.memory, 5000, RATES)
        self.module = module
        self.knows = knows
        self.rate = 38400  # the adapter's
        self.ours = 38400
        self.trial = None  # (deadline, what comes then)
        self.events = []
        self.sent = []
        self.now = 0
        self.elm.start(0)

    def say(self, text):
        heard = self.rate == (38400 if self.module else self.ours)
        self.elm.feed(text.encode() if heard else b"\xf8\x80\xfe", self.now)
        self.take()

    def take(self):
        for event in self.elm.take():
            self.events.append(event)
            if event[0] == "baud":
                self.ours = event[1]

    def run(self, ms, until=lambda line: False):
        end = self.now + ms
        while self.now < end and not until(self):
            if self.trial and self.now >= self.trial[0]:
                step, self.trial = self.trial[1], None
                step()
            out = self.elm.poll(self.now)
            self.take()
            if out is None:
                self.elm.feed(b"", self.now)
                self.take()
                self.now += 10
            elif self.ours == self.rate and not (self.module and self.rate != 38400):
                self.hear(out)
        return self

    def hear(self, out):
        if out == b"\r":
            self.trial = None
            self.say("OK\r\r>")
        elif out != b" ":
            self.command(out[:-1].decode())

    def command(self, text):
        self.sent.append(text)
        if text.startswith("ATBR") and not self.knows:
            self.say("?\r\r>")
        elif text.startswith("ATBRD"):
            self.say("OK\r")
            self.rate = 115200
            self.trial = (self.now + baud.WAIT_MS, self.name)
        else:
            if text == "ATZ":
                self.rate = 38400
            fixed = {"ATZ": "\r\rELM327 v2.2", "ATI": "ELM327 v2.2", "ATRV": "12.4V",
                     "ATWS": "\r\rELM327 v2.2", "ATDPN": "A6", "STI": "?",
                     "0100": "7E8064100BE3FA813"}  # fmt: skip
            self.say(fixed.get(text, "OK") + "\r\r>")

    def name(self):
        self.say("ELM327 v2.2\r")
        self.trial = (self.now + baud.WAIT_MS, self.fall_back)

    def fall_back(self):
        self.rate = 38400
        self.say("\r>")

    def rates(self):
        return [event[1] for event in self.events if event[0] == "baud"]


def ready(line):
    return line.elm.idle


def test_commands():
    assert baud.commands(115200, False) == (b"ATBRT28", b"ATBRD23")
    assert baud.commands(500000, False) == (b"ATBRT28", b"ATBRD08")
    assert baud.commands(460800, False) is None  # 4 MHz have no such divisor
    assert baud.commands(921600, True) == (b"STBRT200", b"STBR921600")


def test_raised_and_set_up_goes_on():
    line = Line().run(10000, ready)
    assert line.elm.idle and line.rates() == [115200] and line.rate == line.ours == 115200
    assert line.memory["rate"] is True
    assert line.sent[-5:] == ["ATBRD23", "ATRV", "ATSP0", "0100", "ATDPN"]
    assert line.now < 2000


def test_a_module_between_that_cannot_follow():
    line = Line(module=True).run(10000, ready)
    assert line.elm.idle and line.rates() == [115200, 38400] and line.rate == 38400
    assert line.memory["rate"] is False
    again = Line(line.memory, module=True).run(10000, ready)
    assert again.rates() == [] and again.elm.idle


def test_an_adapter_that_does_not_know_it():
    line = Line(knows=False).run(10000, ready)
    assert line.elm.idle and line.rates() == [] and line.memory["rate"] is False


def test_no_name_at_the_new_rate():
    line = Line()
    line.name = lambda: setattr(line, "trial", (line.now + baud.WAIT_MS, line.fall_back))
    line.run(10000, ready)
    assert line.elm.idle and line.rates() == [115200, 38400] and line.memory["rate"] is False


def test_a_reset_puts_the_adapter_back_to_the_old_rate():
    line = Line().run(10000, ready)
    line.rate = 38400  # the starter turned
    start = line.now
    line.elm.request(1, b"\x0c", 0, line.now)
    line.run(10000, ready)
    assert line.elm.idle and line.rates() == [115200, 38400, 115200]
    assert line.now - start < 5000


def test_a_new_start_finds_an_adapter_at_the_raised_rate():
    first = Line().run(10000, ready)
    line = Line(first.memory)
    line.rate = 115200
    line.run(20000, ready)
    assert line.elm.idle and line.ours == line.rate == 115200
    assert line.sent[0] == "ATWS" or "ATWS" in line.sent
    assert line.now < 8000


def test_without_rates_nothing_is_raised():
    line = Line()
    line.elm = Elm(line.counters, line.memory, 5000, (38400, None))
    line.elm.start(0)
    line.run(5000, ready)
    assert line.elm.idle and line.rates() == [] and "ATBRD23" not in line.sent
