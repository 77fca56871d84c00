"""The whole OBD machine against a small scripted adapter: no time passes but what we say."""

from agent import signals
from agent.obd import pids, plan
from agent.obd.poller import Obd
from tests.support.obd_scripted import ENGINE, GEARBOX, RPM, SPEED, VIN, Bench, Car, bitmap


def test_from_start_to_values():
    bench = Bench()
    bench.run(30000)
    assert bench.states() == ["searching", "polling"]
    assert bench.of("adapter")[0][1] == "ELM327 v1.5"
    assert bench.of("vin") == [("vin", VIN, bench.of("vin")[0][2])]
    assert bench.codes()[0] == bench.codes("pending")[0] == ()
    rpm = bench.values(RPM)
    assert set([event[2] for event in rpm]) == {0x1AF8}
    assert signals.physical(RPM, rpm[0][2]) == 1726.0
    assert 50 <= len(rpm) <= 62  # 2 Hz
    assert 25 <= len(bench.values(signals.by_name("load"))) <= 35  # 1 Hz
    assert 2 <= len(bench.values(signals.by_name("coolant"))) <= 4  # 0.1 Hz
    assert bench.values(signals.by_name("coolant"))[0][2] == 0x7B
    assert bench.values(14)[0][2] == 12600
    assert bench.obd.counters["refused"] == 0


def test_requests_are_batched_with_the_computed_frame_count():
    bench = Bench()
    bench.run(20000)
    asked = [text for _, text in bench.adapter.log if text.startswith("01")]
    assert "010C0D1" in asked  # 41 0C xx xx 0D xx: six bytes, one frame
    assert bench.obd.memory["digit"] is True and bench.obd.memory["batch"] == 6
    for text in asked:
        if len(text) & 1:
            length = 1
            for at in range(2, len(text) - 1, 2):
                length += 1 + pids.LENGTHS[int(text[at : at + 2], 16)]
            assert int(text[-1], 16) == pids.frames(length), text


def test_two_ecus_frames_are_counted_and_the_engine_is_believed():
    car = Car()
    car.data[GEARBOX] = {0x0D: b"\x99", 0x05: b"\x01"}
    bench = Bench(None, car)
    bench.run(20000)
    asked = [text for _, text in bench.adapter.log]
    assert "ATCRA7E8" in asked and "010C0D1" in asked  # the engine's frames alone
    assert set([event[2] for event in bench.values(SPEED)]) == {0x32}
    assert set([event[2] for event in bench.values(signals.by_name("coolant"))]) == {0x7B}
    assert bench.obd.counters["other_ecu"] > 0


def test_an_adapter_that_cannot_show_one_ecu_alone():
    car = Car()
    car.data[GEARBOX] = {0x0D: b"\x32", 0x05: b"\x01"}
    bench = Bench(None, car)
    bench.adapter.answers["ATCRA7E8"] = "?"
    bench.run(20000)
    asked = [text for _, text in bench.adapter.log]
    assert asked.count("ATCRA7E8") == 1 and "010C0D2" in asked
    assert bench.obd.memory["focus"] is False and bench.obd.memory["digit"] is True
    assert len(bench.values(RPM)) > 25


def test_all_ecus_are_shown_again_by_the_older_command_too():
    for missing in (False, True):
        car = Car()
        car.data[GEARBOX] = {0x0D: b"\x32", 0x01: b"\x00\x04\x00\x00"}
        car.codes[GEARBOX] = car.pending[GEARBOX] = b"\x07\x00"
        bench = Bench({"vin": False, "dtc_ms": 10000}, car)
        if missing:
            bench.adapter.answers["ATCRA"] = "?"
        bench.run(60000)
        asked = [text for _, text in bench.adapter.log]
        assert asked.count("ATCRA") == 1 if missing else "ATAR" not in asked
        assert len(bench.codes()) >= 4 and set(bench.codes()) == {("P0700",)}
        assert bench.adapter.focus in (None, ENGINE) and len(bench.values(RPM)) > 90
        bench.car.alive = False  # a search begins with all of them, too
        bench.run(75000)
        assert bench.adapter.focus is None


def test_an_adapter_that_shows_nobody_when_it_should_show_one():
    car = Car()
    car.data[GEARBOX] = {0x0D: b"\x32", 0x05: b"\x01"}
    bench = Bench(None, car)
    reply = bench.adapter.reply
    bench.adapter.reply = lambda text: (
        "NO DATA" if bench.adapter.focus and text[:2] == "01" else reply(text)
    )
    bench.run(20000)
    assert bench.obd.memory["focus"] is False
    assert len(bench.values(RPM)) > 25


def test_each_ecus_lamp_is_seen():
    car = Car()
    car.data[GEARBOX] = {0x0D: b"\x32", 0x01: b"\x00\x04\x00\x00"}
    car.codes[GEARBOX] = car.pending[GEARBOX] = b""
    bench = Bench(None, car)
    bench.run(20000)
    assert [event[1] for event in bench.of("readiness")] == [ENGINE, GEARBOX]
    car.data[GEARBOX][0x01] = b"\x81\x04\x00\x00"
    car.codes[GEARBOX] = b"\x07\x00"
    bench.run(27000)
    assert bench.of("readiness")[-1][1:3] == (GEARBOX, 0x81040000)
    assert bench.codes()[-1] == ("P0700",)


def test_full_scales_of_another_kind_are_asked_for():
    car = Car()
    car.data[ENGINE][0x0B] = b"\x64"
    car.data[ENGINE][0x4F] = b"\x00\x00\x00\x33"  # manifold pressure up to 510 kPa
    bench = Bench({"signals": ["map"]}, car)
    bench.run(10000)
    assert set([event[2] for event in bench.values(signals.by_name("map"))]) == {200}


def test_a_second_byte_is_a_third_bank():
    car = Car()
    car.data[ENGINE][0x06] = b"\x80\x90"
    bench = Bench({"signals": ["rpm", "stft1", 133]}, car)
    bench.run(20000)
    assert set([event[2] for event in bench.values(133)]) == {0x90}
    assert set([event[2] for event in bench.values(signals.by_name("stft1"))]) == {0x80}


def test_slow_bus_slows_all_tiers_by_the_same_factor():
    bench = Bench({"status_ms": 0, "dtc_ms": 0, "vin": False})
    bench.adapter.refuse = 1
    bench.adapter.latency = 250  # a K-line: four requests a second for what wants seven
    bench.run(90000)
    rpm = len(bench.values(RPM))
    load = len(bench.values(signals.by_name("load")))
    coolant = len(bench.values(signals.by_name("coolant")))
    assert rpm > 60 and load > 30 and coolant >= 3
    assert 1.3 < rpm / load < 2.6


def test_pending_answers_do_not_make_a_dead_bus():
    bench = Bench({"dtc_ms": 0, "vin": False})
    bench.run(5000)
    bench.events.clear()
    bench.adapter.mangle = lambda text: "7E8037F017800000000"
    bench.run(12000)
    assert bench.states() == []
    bench.adapter.mangle = None
    bench.run(20000)
    assert bench.values(RPM)[-1][3] > 19000


def test_every_cut_gives_the_same_events():
    whole = Bench()
    whole.run(8000)
    for chop in (1, 2, 3, 5, 7, 11):
        other = Bench()
        other.chop = chop
        other.run(8000)
        assert other.events == whole.events, chop


def test_rpm_request_answered_with_speed_gives_no_value():
    bench = Bench({"signals": ["rpm"], "status_ms": 0, "dtc_ms": 0, "vin": False})
    bench.run(3000)
    bench.events.clear()
    bench.adapter.mangle = lambda text: "7E803410D2800000000"
    bench.run(5000)
    assert bench.values(RPM) == [] and bench.values(SPEED) == []
    assert bench.obd.counters["refused"] > 0


def mangled(answer):
    """The values that come while every reply is `answer`."""
    bench = Bench({"status_ms": 0, "dtc_ms": 0, "vin": False, "voltage_signal": None})
    bench.run(3000)
    bench.events.clear()
    bench.adapter.mangle = lambda text: answer
    bench.run(6000)
    return bench.of("value")


def test_replies_that_do_not_fit_give_no_value():
    for answer in (
        "7E803410C1A",  # RPM with one byte
        "7E804410C1A",  # shorter than its length says
        "7E803410D",
        "7E80141",
        "7E8037F0112",  # negative response
        "7E8037F0178",
        "7E804620C1AF8",  # another service
        "7E906410C1AF80D32",  # another ECU
        "7DF06410C1AF80D32",
        "18DAF11006410C1AF80D32",  # 29-bit on a car that speaks 11-bit
        "410C1AF80D32",  # no header
        "7E807410C1AF80D3200",  # a byte too many
        "7E805410C1AF80D",
        "7E806410C1AF80C1AF8",  # twice the same
        "7E806410C1AF80D32<DATA ERROR",
        "7E806410C1AF80D32 <RX ERROR",
        "7E806410C1AF80DG2",
        "7E8210D32",
        "",
    ):
        assert mangled(answer) == [], answer


def test_clone_that_takes_one_pid():
    bench = Bench()
    bench.adapter.limit = 1
    bench.run(20000)
    assert bench.obd.memory["batch"] == 1 and bench.obd.memory["digit"] is True
    assert len(bench.values(RPM)) > 25 and len(bench.values(SPEED)) > 25


def test_clone_that_refuses_many_pids():
    for most, learned in ((1, 1), (2, 1), (3, 3), (5, 3)):
        bench = Bench()
        bench.adapter.refuse = most
        bench.run(20000)
        assert bench.obd.memory["batch"] == learned and bench.obd.memory["digit"] is True
        assert len(bench.values(RPM)) > 25


def test_clone_that_does_not_know_the_digit():
    bench = Bench()
    bench.adapter.digit = False
    bench.run(20000)
    assert bench.obd.memory["digit"] is False and bench.obd.memory["batch"] == 6
    assert len(bench.values(RPM)) > 25
    refused = [text for _, text in bench.adapter.log if text[:2] == "01" and len(text) & 1]
    assert len(refused) == 1  # asked once, remembered


def test_memory_saves_probing():
    first = Bench()
    first.adapter.digit = False
    first.run(5000)
    second = Bench({"memory": first.obd.memory})
    second.adapter.digit = False
    second.run(5000)
    asked = [text for _, text in second.adapter.log]
    assert "ATSP6" in asked and "ATSP0" not in asked
    assert [text for text in asked if text[:2] == "01" and len(text) & 1] == []


def test_memory_of_another_adapter_is_void():
    bench = Bench({"memory": {"identity": "STN1110 v4", "digit": False, "batch": 1}})
    bench.run(5000)
    assert bench.obd.memory["digit"] is True and bench.obd.memory["batch"] == 6


def test_reset_banner_in_mid_polling():
    bench = Bench()
    bench.run(5000)
    bench.events.clear()
    bench.adapter.say(b"\r\rELM327 v1.5\r\r>", bench.now + 3)
    bench.run(12000)
    assert bench.states() == ["searching", "polling"]
    assert bench.of("error")[0][1] == "adapter_reset"
    assert [text for _, text in bench.adapter.log].count("ATZ") == 2
    assert bench.values(RPM)[-1][3] > 11000


def test_low_voltage_reset_while_a_request_is_in_flight():
    bench = Bench()
    bench.run(5000)
    bench.events.clear()
    bench.adapter.mangle = lambda text: "LV RESET"
    bench.run(6000)
    bench.adapter.mangle = None
    bench.run(20000)
    assert bench.of("error")[0][1:3] == ("adapter_reset", "LV RESET")
    assert bench.states()[-1] == "polling"


def test_silent_adapter_is_lost_and_found():
    bench = Bench()
    bench.run(5000)
    bench.events.clear()
    bench.adapter.silent = True
    start = bench.now
    bench.run(40000)
    assert bench.states() == ["lost"]
    lost = bench.of("state")[0][2]
    assert lost - start < 6000
    bench.adapter.silent = False
    assert [event for event in bench.of("value") if event[3] > start + 20] == []
    bench.run(60000)
    assert bench.states() == ["lost", "searching", "polling"]
    assert bench.values(RPM)[-1][3] > 59000


def test_adapter_silent_from_the_start():
    bench = Bench()
    bench.adapter.silent = True
    bench.run(30000)
    assert bench.states() == ["searching", "lost"]
    bench.adapter.silent = False
    bench.run(50000)
    assert bench.states() == ["searching", "lost", "searching", "polling"]


def test_ignition_off_and_on():
    bench = Bench()
    bench.run(5000)
    bench.events.clear()
    bench.car.alive = False
    bench.run(30000)
    assert bench.states() == ["searching"]
    assert [e for e in bench.of("value") if e[1] != 14 and e[3] > 5600] == []
    assert bench.values(14)[-1][3] > 20000  # the battery is still watched
    bench.car.alive = True
    bench.run(50000)
    assert bench.states() == ["searching", "polling"]
    assert len(bench.of("vin")) == 0  # known already


def test_trouble_codes_are_read_when_the_mil_comes_on():
    bench = Bench()
    bench.run(10000)
    assert len(bench.codes()) == 1
    bench.car.data[ENGINE][0x01] = b"\x82\x07\xe5\x00"
    bench.car.codes = {ENGINE: b"\x03\x01\xc1\x23"}
    bench.run(20000)
    assert bench.codes() == [(), ("P0301", "U0123")]
    assert bench.values(signals.by_name("mil"))[-1][2] == 1
    assert bench.values(signals.by_name("dtc_count"))[-1][2] == 2
    bench.run(90000)
    assert len(bench.codes()) == 3  # every 60 s


def test_half_a_list_of_codes_is_no_list():
    bench = Bench({"vin": False})
    bench.car.codes = {ENGINE: b"\x03\x01\x01\x71\xc1\x23\x41\x00"}

    def lose_a_frame(text):
        return "\r".join([line for line in text.split("\r") if line[3:5] != "21"])

    bench.run(2000)
    bench.events.clear()
    bench.obd._diagnosis.hurry()
    bench.adapter.mangle = lose_a_frame
    bench.run(4000)
    assert bench.codes() == []
    bench.adapter.mangle = None
    bench.run(20000)
    assert bench.codes()[0] == ("P0301", "P0171", "U0123", "C0100")


def test_silent_pid_backs_off_and_comes_back():
    bench = Bench({"signals": ["rpm", "speed"], "status_ms": 0, "dtc_ms": 0})
    bench.run(5000)
    speed = bench.car.data[ENGINE].pop(0x0D)
    bench.adapter.log.clear()
    bench.run(65000)
    asked = [text for _, text in bench.adapter.log if "0D" in text[2:]]
    assert len(asked) < 15
    assert bench.values(RPM)[-1][3] > 64000
    bench.car.data[ENGINE][0x0D] = speed
    bench.run(130000)
    assert bench.values(SPEED)[-1][3] > 129000


def test_a_pid_of_odd_length_does_not_spoil_its_neighbours():
    car = Car()
    car.data[ENGINE][0x0F] = b"\x80\x80"  # the standard has one byte
    bench = Bench({"signals": ["rpm", "speed", "intake_temp"], "status_ms": 0}, car)
    bench.run(20000)
    assert bench.values(signals.by_name("intake_temp")) == []
    assert len(bench.values(RPM)) > 25


def test_periods_override_tiers():
    bench = Bench({"signals": ["speed"], "periods": {"coolant": 2000}, "status_ms": 0})
    bench.run(21000)
    assert 9 <= len(bench.values(signals.by_name("coolant"))) <= 11
    assert bench.values(RPM) == []


def test_as_fast_as_possible():
    bench = Bench({"signals": [], "periods": {"rpm": 0}, "status_ms": 0, "dtc_ms": 0})
    bench.run(3000)
    bench.events.clear()
    bench.run(4000)
    assert len(bench.values(RPM)) > 80  # 10 ms latency


def test_29_bit_car():
    car = Car()
    car.data = {0x18DAF110: car.data[ENGINE]}
    car.codes = {0x18DAF110: b"\x04\x20"}
    bench = Bench({"vin": False}, car)
    bench.adapter.protocol = "A7"
    bench.run(5000)
    assert bench.values(RPM)[0][2] == 0x1AF8
    assert bench.of("dtc")[0][2] == ("P0420",)


def test_settings_lost_without_a_word():
    bench = Bench({"dtc_ms": 0, "vin": False})
    bench.run(5000)
    bench.events.clear()
    bench.adapter.mangle = lambda text: "410C1AF8"
    bench.run(7000)
    bench.adapter.mangle = None
    bench.run(14000)
    assert bench.obd.counters["headerless"] >= 2
    assert bench.states()[-1] == "polling"


def test_unknown_settings_are_named():
    for settings in ({"speeed": 1}, {"signals": ["speeed"]}, {"periods": {"speeed": 5}}):
        try:
            Obd(settings)
        except ValueError as error:
            assert "speeed" in str(error)
        else:
            raise AssertionError(settings)


def test_endless_output_does_not_grow_memory():
    for noise in (b"7E8064100BE3FA813\r", b"\xff\x00A", b"0" * 50, b"14:", b"SEARCHING...", b"BUS"):
        bench = Bench()
        bench.run(3000)
        for _ in range(300):
            bench.now += 20
            bench.obd.feed(noise * 20, bench.now)
            bench.obd.poll(bench.now)
            bench.obd.take()
        elm = bench.obd._elm
        answer = elm._answer
        assert len(elm._lines.begun) <= 200 and len(answer.texts) <= 10 and len(elm._events) <= 10
        assert len(answer.isotp.messages) <= 80 and len(answer.isotp._open) <= 10
        bench.adapter._out = []
        bench.run(bench.now + 30000)
        assert bench.states()[-1] == "polling", noise


def test_frames_are_summed_over_ecus():
    maps = plan.Maps(8)
    maps.add(0x7E8, 0, b"\xff\xff\xff\xff")
    maps.add(0x7E9, 0, bitmap([0x0D], 0))
    assert maps.owner(0x0D) == 0x7E8 and maps.owner(0x21) is None
    assert maps.frames(b"\x0c") == 1
    assert maps.frames(b"\x0c\x0d") == 2
    assert maps.frames(b"\x0c\x0d\x04\x11") == 3


class Random:
    """The same numbers on every interpreter (xorshift32)."""

    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        x = self.state
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        self.state = x
        return x % limit


PHRASES = ("NO DATA", "?", "STOPPED", "BUFFER FULL", "<DATA ERROR", "CAN ERROR", "SEARCHING...")


def damage(text, random):
    """Damages a reply as serial lines and adapters do: without ever turning one hexadecimal
    digit into another, which nothing on this line could notice."""
    kind = random.below(11)
    at = random.below(len(text) + 1)
    if kind == 0:
        return text[:at]
    if kind == 1:
        return text[:at] + text[at + 1 :]  # a character lost
    if kind == 2:
        return text[:at] + chr(0xFF) + text[at:]
    if kind == 3:
        return text[:at] + chr(0) + text[at:]
    if kind == 4:
        return text[:at] + PHRASES[random.below(len(PHRASES))] + text[at:]
    if kind == 5:
        lines = text.split("\r")
        lines.insert(random.below(len(lines) + 1), lines[random.below(len(lines))])
        return "\r".join(lines)
    if kind == 6:
        lines = text.split("\r")
        lines.pop(random.below(len(lines)))
        return "\r".join(lines)
    if kind == 7:
        return text[:at] + "\r" + text[at:]
    if kind == 8:
        return text[:at] + text[at + 1 + random.below(24) :]  # an overflow of the serial line
    if kind == 9:
        for _ in range(2):
            at = random.below(len(text) + 1)
            text = text[:at] + chr(255 * random.below(2)) + text[at + 1 :]
        return text
    return text[:at] + chr(33 + random.below(14)) + text[at + 1 :]


def test_fuzz_no_exception_no_wrong_value():
    car = Car()
    car.data[GEARBOX] = {0x0D: b"\x32", 0x05: b"\x7b"}
    car.codes[GEARBOX] = b"\xc1\x00"
    car.codes[ENGINE] = b"\x03\x01\x04\x20\x01\x71\x43\x21"
    car.pending[ENGINE] = b"\x01\x33"
    right = {}
    for pid in car.data[ENGINE]:
        for signal, raw in pids.values(pid, car.data[ENGINE][pid], 0):
            right[signal] = raw
    right[14] = 12600
    bench = Bench({"periods": {"rpm": 0, "speed": 0}, "dtc_ms": 700, "bus_retry_ms": 500}, car)
    bench.run(3000)
    bench.events.clear()
    random = Random(20261123)
    count = [0]

    def mangle(text):
        count[0] += 1
        return damage(text, random) if random.below(2) else text

    bench.adapter.mangle = mangle
    values = 0
    while count[0] < 4000:
        bench.run(bench.now + 1000)
        for event in bench.events:
            if event[0] == "value":
                values += 1
                assert event[2] == right[event[1]], event
            elif event[0] == "dtc" and event[1] == "pending":
                assert event[2] == ("P0133",), event
            elif event[0] == "dtc":
                assert event[2] == ("P0301", "P0420", "P0171", "C0321", "U0100"), event
            elif event[0] == "vin":
                assert event[1] == VIN
        bench.events.clear()
        bench.adapter.log.clear()
    assert values > 2000
