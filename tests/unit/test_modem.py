"""agent/comms/modem.py: the chat with a modem, and the faults of its line and its SIM."""

from agent.comms.modem import CHATTING, DATA, OFF, Modem
from agent.comms.uplinks import BACKOFF

PIN = "4711"


class Line:
    """A modem that answers by a table {command: text, or a list of them, one after the other}; what
    is not in it is answered by OK, None by silence. Time goes on in steps of 100 ms."""

    def __init__(self, modem, answers=None, piece=None):
        self.modem = modem
        self.answers = answers or {}
        self.piece = piece  # so many bytes at once
        self.now = 0
        self.sent = []
        self.pressed = []
        self.asked = {}
        self.times = []

    def run(self, seconds=400):
        end = self.now + seconds * 1000
        while self.now < end and self.modem.state == CHATTING:
            for action, value in self.modem.poll(self.now):
                if action == "write":
                    self.times.append((self.now, value))
                    self.write(value)
                elif action == "press":
                    self.pressed.append(value)
                    self.on_press(value)
            self.now += 100
        return self

    def write(self, data):
        text = data.decode().rstrip("\r")
        self.sent.append(text)
        answer = self.answers.get(text, "OK")
        if isinstance(answer, list):
            place = self.asked.get(text, 0)
            self.asked[text] = place + 1
            answer = answer[min(place, len(answer) - 1)]
        if answer is not None:
            self.say(answer)

    def say(self, text):
        data = b"\r\n" + text.replace("|", "\r\n\r\n").encode() + b"\r\n"
        step = self.piece or len(data)
        for i in range(0, len(data), step):
            self.modem.feed(data[i : i + step], self.now)

    def on_press(self, pin):
        pass


def good(**more):
    found = {
        "AT+CPIN?": "+CPIN: READY|OK",
        "AT+CSQ": "+CSQ: 21,0|OK",
        "AT+CEREG?": "+CEREG: 0,1|OK",
        "AT+CREG?": "+CREG: 0,0|OK",
        "ATD*99#": "CONNECT 115200",
    }
    for name in more:
        found[{"pin": "AT+CPIN?", "lte": "AT+CEREG?", "old": "AT+CREG?", "dial": "ATD*99#",
               "csq": "AT+CSQ", "at": "AT"}[name]] = more[name]  # fmt: skip
    return found


def started(is_cold=False, **options):
    modem = Modem("internet", **options)
    modem.start(0, is_cold)
    return modem


def test_a_modem_that_is_awake_is_led_to_data():
    modem = started()
    line = Line(modem, good()).run()
    assert modem.state == DATA and modem.cause is None
    assert line.sent == [
        "AT", "ATE0", "AT+CMEE=1", "AT+CPIN?", 'AT+CGDCONT=1,"IP","internet"', "AT+CSQ",
        "AT+CEREG?", "ATD*99#",
    ]  # fmt: skip
    assert modem.signal == -71
    assert modem.counters["asked"] == 8 and modem.counters["errors"] == 0
    assert line.now < 2000


def test_bytes_one_by_one_are_the_same():
    for piece in (1, 2, 3, 7):
        modem = started()
        line = Line(modem, good(), piece).run()
        assert modem.state == DATA and len(line.sent) == 8


def test_an_echo_is_no_answer():
    class Echo(Line):
        def write(self, data):
            if "ATE0" not in self.sent:
                self.modem.feed(data, self.now)
            super().write(data)

    modem = started()
    assert Echo(modem, good()).run().modem.state == DATA


def test_the_end_is_told_once_and_nothing_is_said_afterwards():
    modem = started()
    line = Line(modem, good()).run()
    modem.feed(b"~\xff}#\xc0!" * 100 + b"\r\nRDY\r\n", line.now)
    assert modem.poll(line.now + 100000) == [] and modem.state == DATA


def test_the_boards_own_commands_come_first_and_an_error_does_not_matter():
    answers = good()
    answers["AT+CGNSSPWR=1"] = "ERROR"
    modem = started(commands=("AT+CGDRT=1,1", "AT+CGNSSPWR=1"))
    line = Line(modem, answers).run()
    assert modem.state == DATA and modem.counters["errors"] == 1
    assert line.sent[3:6] == ["AT+CGDRT=1,1", "AT+CGNSSPWR=1", "AT+CPIN?"]


def test_another_word_for_dialling():
    answers = good()
    answers['AT+CGDATA="PPP",1'] = "CONNECT"
    modem = started(dial='AT+CGDATA="PPP",1')
    assert Line(modem, answers).run().modem.state == DATA


def test_without_an_apn_the_modems_own_is_used():
    modem = Modem()
    modem.start(0)
    assert not any(["CGDCONT" in text for text in Line(modem, good()).run().sent])


# Waking it


def test_a_modem_in_the_middle_of_a_call_is_called_back():
    modem = started()

    class InData(Line):
        data = True

        def write(self, data):
            if data == b"+++":
                self.data = False
                self.sent.append("+++")
                self.say("OK")
            elif not self.data:
                super().write(data)

    line = InData(modem, good()).run()
    assert modem.state == DATA and line.sent[:3] == ["+++", "AT", "ATH"]
    at = [now for now, data in line.times if data == b"+++"][0]
    around = [now for now, data in line.times if data != b"+++"]
    before = max([t for t in around if t < at])
    after = min([t for t in around if t > at])
    assert at - before >= 1000 and after - at >= 1000  # the guard times


def test_a_modem_that_is_off_is_woken_by_its_key():
    modem = started(presses=("power_key", "reset"))
    answers = good(at=None)
    line = Line(modem, answers)

    def on_press(pin):
        answers["AT"] = [None] * 9 + ["OK"]

    line.on_press = on_press
    line.run()
    assert modem.state == DATA and line.pressed == ["power_key"]


def test_a_modem_that_hangs_is_reset():
    modem = started(presses=("power_key", "reset"))
    answers = good(at=None)
    line = Line(modem, answers)

    def on_press(pin):
        if pin == "reset":
            answers.pop("AT")

    line.on_press = on_press
    line.run()
    assert modem.state == DATA and line.pressed == ["power_key", "reset"]


def test_one_that_never_answers_is_silent():
    modem = started(presses=("reset",))
    line = Line(modem, good(at=None)).run()
    assert (modem.state, modem.cause) == (OFF, "silent") and line.pressed == ["reset"]
    assert line.now < 60000 and modem.counters["silent"] > 20


def test_one_whose_supply_was_just_switched_on_is_given_its_time():
    modem = started(is_cold=True)
    line = Line(modem, good(at=[None] * 13 + ["OK"])).run()
    assert modem.state == DATA and "+++" not in line.sent


# The SIM


def test_the_pin_is_given_once():
    modem = started(pin=PIN)
    answers = good(pin=["+CPIN: SIM PIN|OK", "+CPIN: READY|OK"])
    line = Line(modem, answers).run()
    assert modem.state == DATA and line.sent.count('AT+CPIN="4711"') == 1
    assert not modem.pin_refused


def test_a_wrong_pin_is_never_given_again():
    modem = started(pin=PIN)
    answers = good(pin="+CPIN: SIM PIN|OK")
    answers['AT+CPIN="4711"'] = "+CME ERROR: 16"
    line = Line(modem, answers).run()
    assert (modem.state, modem.cause, modem.pin_refused) == (OFF, "pin", True)
    for _ in range(5):
        modem.start(line.now)
        line.run()
        assert modem.cause == "pin"
    assert line.sent.count('AT+CPIN="4711"') == 1


def test_a_pin_that_is_taken_and_asked_for_again_was_wrong():
    modem = started(pin=PIN)
    line = Line(modem, good(pin="+CPIN: SIM PIN|OK")).run()
    assert modem.cause == "pin" and modem.pin_refused
    assert line.sent.count('AT+CPIN="4711"') == 1


def test_a_modem_that_starts_anew_is_given_a_good_pin_again():
    modem = started(pin=PIN)
    line = Line(modem, good(pin=["+CPIN: SIM PIN|OK", "+CPIN: READY|OK"])).run()
    modem.stop()
    line.asked.pop("AT+CPIN?")
    modem.start(line.now)
    line.run()
    assert modem.state == DATA and line.sent.count('AT+CPIN="4711"') == 2


def test_a_pin_known_to_be_wrong_is_not_given_at_all():
    modem = started(pin=PIN)
    modem.pin_refused = True
    line = Line(modem, good(pin="+CPIN: SIM PIN|OK")).run()
    assert modem.cause == "pin" and 'AT+CPIN="4711"' not in line.sent


def test_what_a_sim_says_of_itself():
    for answer, cause in (
        ("+CPIN: SIM PIN|OK", "pin"),  # and none is configured
        ("+CPIN: SIM PUK|OK", "pin"),
        ("+CPIN: PH-NET PIN|OK", "pin"),
        ("+CME ERROR: 10", "sim"),
        ("+CPIN: NOT READY|OK", "sim"),
        ("ERROR", "sim"),
        (None, "sim"),
    ):
        modem = started()
        line = Line(modem, good(pin=answer)).run()
        assert (modem.state, modem.cause) == (OFF, cause), answer
        assert line.now < 100000


def test_a_sim_that_is_busy_is_waited_for():
    modem = started()
    Line(modem, good(pin=["+CME ERROR: 14"] * 5 + ["+CPIN: READY|OK"])).run()
    assert modem.state == DATA


# The network


def test_registration_is_waited_for_and_roaming_counts():
    modem = started()
    answers = good(lte=["+CEREG: 0,2|OK"] * 5 + ["+CEREG: 0,5|OK"])
    assert Line(modem, answers).run().modem.state == DATA


def test_an_older_network_will_do():
    modem = started()
    answers = good(lte="+CEREG: 0,0|OK", old="+CREG: 0,1|OK")
    assert Line(modem, answers).run().modem.state == DATA


def test_nowhere_in_reach():
    modem = started()
    line = Line(modem, good(lte="+CEREG: 0,2|OK", csq="+CSQ: 99,99|OK")).run()
    assert (modem.state, modem.cause, modem.signal) == (OFF, "away", None)
    assert 60000 < line.now < 180000


def test_a_network_that_refuses_the_sim():
    modem = started()
    Line(modem, good(lte="+CEREG: 0,3|OK", old="+CREG: 0,3|OK")).run()
    assert modem.cause == "denied"


def test_strange_words_of_registration_are_no_registration():
    for answer in ("+CEREG: |OK", "+CEREG: x,y|OK", "+CEREG: 0|OK", "+CREG: 0,1|OK", "OK", "ERROR"):
        modem = started()
        Line(modem, good(lte=answer, old="OK")).run()
        assert modem.cause == "away", answer


def test_signal():
    for text, dbm in (("0,0", -113), ("31,99", -51), ("99,99", None), ("x", None), ("", None)):
        modem = started()
        Line(modem, good(csq="+CSQ: %s|OK" % text)).run()
        assert modem.signal == dbm, text


def test_a_call_that_does_not_come_about():
    for answer in ("NO CARRIER", "BUSY", "ERROR", "+CME ERROR: 30", "OK", None):
        modem = started()
        Line(modem, good(dial=answer)).run()
        assert (modem.state, modem.cause) == (OFF, "dial"), answer


# What goes wrong on the line


def test_a_modem_that_starts_anew_in_the_middle_is_begun_with_anew():
    for word in ("RDY", "*ATREADY: 1"):
        modem = started(commands=("AT+CGNSSPWR=1",))
        line = Line(modem, good(lte=[word, "+CEREG: 0,1|OK"]))
        line.run()
        assert modem.state == DATA and modem.counters["resets"] == 1
        assert line.sent.count("AT+CGNSSPWR=1") == 2  # it had forgotten it


def test_one_that_starts_anew_again_and_again_is_given_up():
    modem = started()
    Line(modem, good(lte="RDY")).run()
    assert (modem.state, modem.cause) == (OFF, "reset") and modem.counters["resets"] == 4


def test_its_first_words_while_it_is_woken_are_no_fault():
    class Boots(Line):
        def write(self, data):
            if self.now < 5000:
                self.say("*ATREADY: 1|+CPIN: READY|SMS DONE")
                return
            super().write(data)

    modem = started(is_cold=True)
    assert Boots(modem, good()).run().modem.state == DATA
    assert modem.counters["resets"] == 0


def test_words_of_its_own_are_no_answers():
    class Talks(Line):
        def write(self, data):
            self.say("+CPIN: READY|SMS DONE|PB DONE|+CEREG: 1|RING")
            super().write(data)

    modem = started()
    assert Talks(modem, good()).run().modem.state == DATA


def test_garbage_is_counted_and_its_room_is_bounded():
    modem = started()
    line = Line(modem, good(at=None))
    line.run(1)
    for _ in range(200):
        modem.feed(b"\x00\xff~}" * 50, line.now)
        assert len(modem._buffer) <= 128
    modem.feed(b"\r\n\x80\x81\r\n" + b"x" * 500 + b"\r\n", line.now)
    assert modem.counters["noise"] >= 3
    line.answers.pop("AT")
    assert line.run().modem.state == DATA


def test_every_cause_has_its_back_off():
    for cause in ("silent", "reset", "sim", "pin", "denied", "away", "dial"):
        assert cause in BACKOFF


def test_no_secret_is_kept_where_it_is_shown():
    modem = started(pin=PIN)
    answers = good(pin="+CPIN: SIM PIN|OK")
    answers['AT+CPIN="4711"'] = "+CME ERROR: 16"
    Line(modem, answers).run()
    assert PIN not in str(modem.counters) + str(modem.cause) + str(modem.state)
