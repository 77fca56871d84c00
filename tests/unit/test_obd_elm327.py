"""The adapter driver: set-up, the table of replies, deadlines, resets, silence."""

from agent.obd import driver, lines, replies, services
from agent.obd.elm327 import Elm
from agent.obd.replies import classify, millivolts


class Dialogue:
    """Answers commands from a dict; times are given."""

    def __init__(self, memory=None):
        self.counters = {}
        self.memory = {} if memory is None else memory
        self.elm = Elm(self.counters, self.memory)
        self.events = []
        self.sent = []
        self.now = 0
        self.answers = {
            "ATZ": "\r\rELM327 v1.5",
            "ATI": "ELM327 v1.5",
            "ATRV": "12.4V",
            "ATDPN": "A6",
            "STI": "?",
            "0100": "SEARCHING...\r7E8064100BE3FA813",
        }
        self.elm.start(0)

    def feed(self, text):
        data = text if isinstance(text, bytes) else bytes([ord(c) for c in text])
        self.elm.feed(data, self.now)
        self.events += self.elm.take()

    def poll(self):
        out = self.elm.poll(self.now)
        self.events += self.elm.take()
        if out and out != b" ":
            self.sent.append(out[:-1].decode())
        return out

    def step(self, ms):
        self.now += ms
        return self.poll()

    def set_up(self, limit=60):
        """Runs the set-up until the car answers or nothing happens any more."""
        while not self.elm.idle and limit:
            limit -= 1
            out = self.poll()
            if out is None:
                wait = self.elm.wake(self.now)
                self.now += max(1, min(wait, 1000))
            elif out != b" ":
                command = out[:-1].decode()
                answer = self.answers.get(command, "OK" if command[:2] == "AT" else "NO DATA")
                if answer is not None:
                    self.feed(answer + "\r\r>")
        return self

    def ask(self, service, data, frames=0):
        return self.elm.request(service, data, frames, self.now)

    def of(self, name):
        return [event for event in self.events if event[0] == name]


def test_set_up_sequence():
    talk = Dialogue().set_up()
    assert talk.sent == [
        "ATZ", "ATE0", "ATL0", "ATS0", "ATH1", "ATAT1", "ATI", "STI", "ATRV", "ATSP0", "0100",
        "ATDPN",
    ]  # fmt: skip
    assert talk.events == [
        ("found",),
        ("adapter", "ELM327 v1.5", "clone"),
        ("voltage", 12400),
        ("bus", "6"),
    ]
    assert talk.memory["protocol"] == "6" and talk.counters["no_ok"] == 0


def test_drains_before_the_reset():
    talk = Dialogue()
    assert talk.poll() == b" "  # ends what is under way, wakes a sleeper
    talk.feed("41 0C 1A F8\r\rSTOPPED\r\r>")
    assert talk.step(100) is None
    assert talk.step(101) == b"ATZ\r"
    talk.feed(">")  # a prompt from before the reset is not the reset's answer
    assert talk.step(10) is None
    talk.feed("\r\rELM327 v1.5\r\r>")
    assert talk.poll() == b"ATE0\r"


def test_protocol_that_worked_last_comes_first():
    talk = Dialogue({"protocol": "7", "unsupported": []}).set_up()
    assert "ATSP7" in talk.sent and "ATSP0" not in talk.sent
    talk = Dialogue({"protocol": "7"})
    talk.answers["0100"] = None
    real = {"ATSP7": "UNABLE TO CONNECT", "ATSP0": "7E8064100BE3FA813"}
    while not talk.elm.idle:
        out = talk.poll()
        if out is None:
            talk.now += 1
        elif out != b" ":
            command = out[:-1].decode()
            answer = talk.answers.get(command, "OK")
            if command == "0100":
                answer = real[talk.sent[-2]]
            talk.feed(answer + "\r\r>")
    assert talk.sent[-5:] == ["ATSP7", "0100", "ATSP0", "0100", "ATDPN"]
    assert talk.memory["protocol"] == "6"


def test_echo_noise_linefeeds_and_missing_ok_are_tolerated():
    def decorated(text, command):
        return command + "\r\n" + chr(0) + text[:2] + chr(0) + text[2:] + chr(0xFF)

    talk = Dialogue()
    plain = dict(talk.answers)
    for command in list(plain):
        talk.answers[command] = decorated(plain[command], command)
    for command in ("ATE0", "ATL0", "ATS0", "ATH1", "ATAT1", "ATSP0"):
        talk.answers[command] = ""
    talk.set_up()
    assert talk.events[-1] == ("bus", "6") and ("voltage", 12400) in talk.events
    assert talk.counters["no_ok"] == 6 and talk.counters["noise"] > 0


def test_unsupported_commands_are_remembered():
    talk = Dialogue()
    talk.answers["ATAT1"] = "?"
    talk.set_up()
    assert talk.memory["unsupported"] == ["ATAT1"]
    again = Dialogue(talk.memory).set_up()
    assert "ATAT1" not in again.sent and again.elm.idle


def test_missing_prompt_costs_the_deadline_only():
    talk = Dialogue().set_up()
    talk.ask(1, b"\x0c")
    talk.feed("7E804410C1AF8\r")
    talk.step(driver.QUIET_MS - 1)
    assert talk.of("reply") == []
    talk.step(1)
    assert talk.of("reply")[0][2] == [(0x7E8, b"\x41\x0c\x1a\xf8", talk.now - driver.QUIET_MS)]
    assert talk.counters["no_prompt"] == 1


def test_replies_table():
    for text, kind in (
        ("?", replies.UNSUPPORTED),
        ("OK", replies.DONE),
        ("O\xffK", replies.DONE),
        ("NO DATA", replies.NO_DATA),
        ("NODATA", replies.NO_DATA),
        ("UNABLE TO CONNECT", replies.NO_BUS),
        ("NOT CONNECTED", replies.NO_BUS),
        ("BUS INIT: ...ERROR", replies.NO_BUS),
        ("BUS INIT: ERROR", replies.NO_BUS),
        ("BUS INIT: OK", replies.PROGRESS),
        ("SEARCHING...", replies.PROGRESS),
        ("BUS BUSY", replies.BUS_ERROR),
        ("BUS ERROR", replies.BUS_ERROR),
        ("CAN ERROR", replies.BUS_ERROR),
        ("FB ERROR", replies.BUS_ERROR),
        ("ERR71", replies.BUS_ERROR),
        ("DATA ERROR", replies.CORRUPT),
        ("7E8064100BE3 <DATA ERROR", replies.CORRUPT),
        ("7E8064100BE3<RX ERROR", replies.CORRUPT),
        ("BUFFER FULL", replies.OVERFLOW),
        ("STOPPED", replies.STOPPED),
        ("LV RESET", replies.RESET),
        ("ERR94", replies.RESET),
        ("ACT ALERT", replies.ALERT),
        ("!ACT ALERT", replies.ALERT),
        ("LP ALERT", replies.ALERT),
        ("ELM327 v2.1", replies.BANNER),
        ("STN1110 v4.0.1", replies.BANNER),
        ("WHAT IS THIS", replies.UNKNOWN),
    ):
        assert classify(bytes([ord(c) for c in text])) == kind, text


def test_volts():
    for text, expected in (
        ("12.4V", 12400),
        ("12.47V", 12470),
        (" 9.8v ", 9800),
        ("14V", None),  # ".2" is gone
        ("12.", None),
        ("2.6V", None),  # "1" is gone
        ("126V", None),
        ("36.1V", None),
        ("12.4", 12400),
        ("00", None),  # the rest of a frame
        ("12", None),
        ("?", None),
        ("", None),
        ("V", None),
        ("123.4V", None),
        ("12.x", None),
        ("-1.0V", None),
    ):
        assert millivolts(text) == expected, text


def reply_to(text):
    talk = Dialogue().set_up()
    talk.events.clear()
    talk.ask(1, b"\x0c")
    talk.feed(text + "\r\r>")
    return talk.of("reply")[0][1:], talk


def test_lines_with_errors_are_void():
    kind, messages, clean = reply_to("7E804410C1AF8 <DATA ERROR")[0]
    assert (kind, messages, clean) == (replies.CORRUPT, [], False)
    kind, messages, clean = reply_to("7E804410C1AF8\rBUFFER FULL")[0]
    assert (kind, messages, clean) == (replies.OVERFLOW, [], False)
    kind, messages, clean = reply_to("SEARCHING...7E804410C1AF8")[0]
    assert len(messages) == 1 and clean


def test_no_data_keeps_the_bus_and_no_connection_gives_it_up():
    (kind, messages, clean), talk = reply_to("NO DATA")
    assert kind == replies.NO_DATA and clean and talk.elm.idle
    (kind, messages, clean), talk = reply_to("UNABLE TO CONNECT")
    assert kind == replies.NO_BUS and not talk.elm.idle and talk.of("nobus")
    assert talk.elm.wake(talk.now) == 5000


def test_bus_errors_are_retried_before_the_bus_is_searched():
    talk = Dialogue().set_up()
    for _ in range(driver.BUS_ERRORS):
        assert talk.elm.idle
        talk.ask(1, b"\x0c")
        talk.feed("CAN ERROR\r\r>")
    assert not talk.elm.idle and len(talk.of("nobus")) == 1


def test_searching_may_take_ten_seconds():
    talk = Dialogue().set_up()
    talk.ask(1, b"\x0c")
    talk.feed("SEARCHING...")
    talk.step(9999)
    assert talk.of("reply") == []
    talk.feed("\r7E804410C1AF8\r\r>")
    assert len(talk.of("reply")[0][2]) == 1


def test_response_pending_extends_the_deadline_but_not_for_ever():
    talk = Dialogue().set_up()
    talk.ask(9, b"\x02")
    talk.feed("7E8037F0978\r")
    talk.step(4900)
    assert talk.of("reply") == []
    for _ in range(10):
        talk.feed("7E8037F0978\r")
        talk.step(4900)
    assert len(talk.of("reply")) == 1


def test_deadlines_then_lost_then_found():
    talk = Dialogue().set_up()
    for _ in range(driver.LOST_AFTER):
        while not talk.elm.idle:
            talk.step(100)
        talk.ask(1, b"\x0c")
        talk.step(1000)
    assert [event[1] for event in talk.of("reply")] == [replies.TIMEOUT] * driver.LOST_AFTER
    assert len(talk.of("lost")) == 1
    talk.events.clear()
    start = talk.now
    looks = 0
    while talk.now < start + 60000:
        if talk.poll() == b"ATI\r":
            looks += 1
        talk.now += 50
    assert 60 <= looks <= 90 and talk.of("lost") == []  # said once
    while talk.poll() != b"ATI\r":
        talk.now += 50
    talk.sent.clear()
    back = talk.now
    talk.feed("ELM327 v1.5\r\r>")
    talk.set_up()
    assert talk.elm.idle and talk.events[0] == ("found",)
    assert talk.sent[0] == "ATZ" and talk.now - back < 1000


def test_silence_in_the_set_up_is_tried_twice():
    talk = Dialogue()
    talk.answers["ATS0"] = None
    talk.set_up(30)
    assert talk.sent.count("ATS0") >= 2 and talk.of("lost")


def test_resets_start_the_set_up_again():
    for text in ("LV RESET\r\r>", "\r\rELM327 v1.5\r\r>", "ERR94\r\r>"):
        for busy in (False, True):
            talk = Dialogue().set_up()
            talk.events.clear()
            talk.sent.clear()
            if busy:
                talk.ask(1, b"\x0c")
            talk.feed(text)
            assert talk.of("error")[0][1] == "adapter_reset"
            assert len(talk.of("reply")) == (1 if busy else 0)
            talk.set_up()
            assert talk.sent[0] == "ATZ" and talk.elm.idle
            assert ("ATFE" in talk.sent) == text.startswith("ERR94")


def test_alerts_are_told():
    talk = Dialogue().set_up()
    talk.feed("!ACT ALERT\r")
    assert talk.of("error") == [("error", "adapter_alert", "!ACT ALERT")]


def test_older_buses_have_headers_and_check_bytes_and_one_pid_at_a_time():
    for protocol, line in (
        ("A1", "416B104100BE3FA81391"),
        ("A2", "486B104100BE3FA813FB"),
        ("A3", "486B104100BE3FA813BC"),
        ("A4", "86F1104100BE3FA81380"),
        ("5", "80F110064100BE3FA81380"),
    ):
        talk = Dialogue()
        talk.answers["ATDPN"] = protocol
        talk.answers["0100"] = "BUS INIT: ...OK\r" + line
        talk.set_up()
        assert talk.elm.idle and not talk.elm.can, protocol
        assert talk.sent[-1] == "ATDPN" and talk.of("bus") == [("bus", protocol[-1])]
        talk.ask(1, b"\x00")
        talk.feed(line + "\r\r>")
        payload = b"\x41\x00\xbe\x3f\xa8\x13"
        assert talk.of("reply")[-1][2] == [(0x10, payload, talk.now)], protocol
        wrong = line[:-3] + ("4" if line[-3] != "4" else "5") + line[-2:]
        talk.ask(1, b"\x00")
        talk.feed(wrong + "\r\r>")
        assert talk.of("reply")[-1][2] == [] and not talk.of("reply")[-1][3], protocol


def test_nothing_but_the_tables_and_read_requests_is_sent():
    talk = Dialogue().set_up()
    for service in (4, 0x14, 0x27, 0x2E, 0x2F, 0x31):
        try:
            talk.ask(service, b"")
        except services.ServiceRefused:
            continue
        raise AssertionError(service)
    assert talk.elm.idle


def test_endless_line_is_bounded():
    talk = Dialogue().set_up()
    talk.ask(1, b"\x0c")
    for _ in range(1000):
        talk.feed("7E804410C1AF8" * 10)
        assert len(talk.elm._lines.begun) <= lines.MAX_LINE
    talk.feed("\r\r>")
    assert talk.of("reply")[0][2] == [] and talk.counters["overlong"] == 1


def test_every_cut_gives_the_same_reply():
    text = "010C0D\r\n7E8 06 41 0C 1A F8 0D 32 \r7E9 03 41 0D 32 \r\r>"
    for first in range(len(text)):
        for second in range(first, len(text), 3):
            talk = Dialogue().set_up()
            talk.events.clear()
            talk.ask(1, b"\x0c\x0d")
            for part in (text[:first], text[first:second], text[second:]):
                talk.feed(part)
            kind, messages, clean = talk.of("reply")[0][1:]
            assert kind == replies.SILENT and clean and len(talk.events) == 1
            assert messages == [
                (0x7E8, b"\x41\x0c\x1a\xf8\x0d\x32", talk.now),
                (0x7E9, b"\x41\x0d\x32", talk.now),
            ]


def test_endless_answers_are_bounded():
    talk = Dialogue().set_up()
    talk.elm.voltage(talk.now)
    talk.feed("12.4V\r" * 500 + ">")
    assert talk.of("voltage")[-1] == ("voltage", 12400)
    talk.ask(1, b"\x0c")
    talk.feed("7E804410C1AF8\r" * 500 + ">")
    assert len(talk.of("reply")[-1][2]) < 100 and talk.counters["isotp_too_long"] > 0


# Who it is


def test_an_stn_says_its_own_name():
    talk = Dialogue()
    talk.answers["ATI"] = "ELM327 v1.4b"
    talk.answers["STI"] = "STN1110 v4.2.0"
    talk.answers["STDI"] = "OBDLink SX r4.2"
    talk.set_up()
    assert talk.of("adapter") == [("adapter", "STN1110 v4.2.0, OBDLink SX r4.2", "stn")]


def test_clones_are_told_from_what_they_copy():
    for name, refused, kind in (
        ("ELM327 v2.2", (), "elm327"),
        ("ELM327 v1.3a", (), "elm327"),
        ("ELM327 v1.0", ("ATAT1", "ATS0"), "elm327"),  # they came later
        ("ELM327 v1.2", ("ATS0",), "elm327"),
        ("ELM327 v1.5", (), "clone"),  # there never was one
        ("ELM327 v1.5a", (), "clone"),
        ("ELM327 v2.1", ("ATAT1",), "clone"),
        ("OBDII v2.1", ("ATS0",), "clone"),
        ("vgate", (), "clone"),
        ("", (), None),
    ):
        talk = Dialogue()
        talk.answers["ATZ"] = "\r\r" + (name or "X")
        talk.answers["ATI"] = name
        for command in refused:
            talk.answers[command] = "?"
        talk.set_up()
        found = talk.of("adapter")
        assert (found[0][2] if found else None) == kind, name
        assert talk.memory["unsupported"] == [c for c in ("ATS0", "ATAT1") if c in refused]


def test_another_adapter_voids_what_was_learned():
    memory = {"identity": "ELM327 v1.5", "unsupported": ["ATAT1"], "digit": False, "rate": True}
    talk = Dialogue(memory)
    talk.answers["ATI"] = "ELM327 v2.2"
    talk.set_up()
    assert talk.memory["identity"] == "ELM327 v2.2" and talk.memory["unsupported"] == []
    assert talk.memory["digit"] is None and talk.memory["rate"] is None


def test_err94_that_stays_wants_the_power_off():
    talk = Dialogue()
    talk.answers["0100"] = "UNABLE TO CONNECT"
    talk.set_up(60)
    talk.feed("ERR94\r\r>")
    talk.set_up(200)
    told = [event for event in talk.of("error") if event[1] == "adapter_blocked"]
    assert len(told) == 1 and talk.sent.count("ATFE") == 1


def test_user_defined_can_and_lorries():
    for number, found in (("AB", "B"), ("C", "C"), ("A8", "8"), ("A9", "9")):
        talk = Dialogue()
        talk.answers["ATDPN"] = number
        talk.set_up()
        assert talk.of("bus") == [("bus", found)] and talk.elm.can, number
        again = Dialogue(talk.memory).set_up()
        assert "ATSP" + found in again.sent
    talk = Dialogue()  # J1939 knows no service 01: a lorry is no car
    talk.answers["0100"] = "18FEF100 FF FF FF 00 00 FF FF FF"
    talk.set_up(40)
    assert talk.of("nobus") and not talk.of("bus")
