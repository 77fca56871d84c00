"""Trouble codes of all kinds, freeze frames when a code appears, readiness."""

from agent import signals
from agent.obd import readiness
from tests.support.obd_scripted import ENGINE, GEARBOX, RPM, SPEED, Bench, Car

LOAD = signals.by_name("load")
FRAME = (b"\x03\x01", {0x04: b"\x80", 0x0C: b"\x1a\xf8", 0x0D: b"\x32", 0x05: b"\x7b"})


def test_all_kinds_of_codes():
    car = Car()
    car.codes = {ENGINE: b"\x03\x01", GEARBOX: b"\x07\x00"}
    car.data[GEARBOX] = {0x0D: b"\x32"}
    car.pending = {ENGINE: b"\x01\x33\xc1\x00"}
    car.permanent = {ENGINE: b""}
    bench = Bench(None, car)
    bench.run(5000)
    assert bench.codes() == [("P0301", "P0700")]
    assert bench.codes("pending") == [("P0133", "U0100")]
    assert bench.codes("permanent") == [()]


def test_the_first_reading_is_whole_too():
    """Both ECUs have a lamp, so both have to answer; what does not come is waited for in vain."""
    car = Car()
    car.data[GEARBOX] = {0x0D: b"\x32", 0x01: b"\x00\x04\x00\x00"}
    car.codes = {ENGINE: b"\x03\x01", GEARBOX: b"\x07\x00"}
    bench = Bench({"vin": False}, car)
    bench.adapter.mangle = lambda text: text if "4301" not in text else text[: text.find("7E9") - 1]
    bench.run(9000)
    assert bench.codes() == []
    bench.adapter.mangle = None
    bench.run(25000)
    assert bench.codes() == [("P0301", "P0700")]
    assert bench.codes("pending") == []  # the gearbox knows no such service
    bench.run(60000)
    assert bench.codes("pending") == [()]


def test_an_ecu_that_refuses_has_answered():
    car = Car()
    car.data[GEARBOX] = {0x0D: b"\x32", 0x01: b"\x00\x04\x00\x00"}
    car.codes[GEARBOX] = car.pending[GEARBOX] = b""
    car.permanent = {ENGINE: b"\x03\x01"}
    bench = Bench({"vin": False}, car)
    answer = car.answer
    car.answer = lambda ecu, request: (
        b"\x7f\x0a\x11" if (ecu, request[0]) == (GEARBOX, 0x0A) else answer(ecu, request)
    )
    bench.run(5000)
    assert bench.codes("permanent") == [("P0301",)]


def test_a_car_without_permanent_codes_is_seldom_asked():
    bench = Bench()
    bench.run(400000)
    assert bench.codes("permanent") == []
    assert 3 <= bench.asked().count("0A") <= 6
    assert bench.asked().count("03") >= 6


def test_a_freeze_frame_when_a_code_appears():
    bench = Bench()
    bench.run(10000)
    assert bench.of("freeze") == [] and "020200" not in bench.asked()
    bench.car.codes[ENGINE] = b"\x03\x01"
    bench.car.frozen[ENGINE] = FRAME
    bench.car.data[ENGINE][0x01] = b"\x81\x07\xe5\x00"
    bench.run(20000)
    frames = bench.of("freeze")
    assert len(frames) == 1 and frames[0][1:3] == (ENGINE, "P0301")
    assert dict(frames[0][3])[RPM] == 0x1AF8 and dict(frames[0][3])[SPEED] == 0x32
    assert dict(frames[0][3])[LOAD] == 0x80
    assert frames[0][4] < 17000  # with the next look at the lamp
    bench.run(200000)
    assert len(bench.of("freeze")) == 1  # told once


def test_another_code_another_frame():
    car = Car()
    car.codes[ENGINE] = b"\x03\x01"
    car.frozen[ENGINE] = FRAME
    bench = Bench(None, car)
    bench.run(10000)
    assert len(bench.of("freeze")) == 1  # it was there before we came
    car.codes[ENGINE] = b"\x03\x01\x01\x71"
    car.frozen[ENGINE] = (b"\x01\x71", {0x0C: b"\x0c\x00"})
    bench.run(80000)
    assert [event[2] for event in bench.of("freeze")] == ["P0301", "P0171"]


def test_no_frame_and_half_a_frame_give_none():
    for frozen in ((b"\x00\x00", {}), (b"\x03\x01", {0x0C: b"\x1a", 0x0D: b"\x32"})):
        car = Car()
        car.codes[ENGINE] = b"\x03\x01"
        car.frozen[ENGINE] = frozen
        bench = Bench(None, car)
        bench.run(20000)
        assert bench.of("freeze") == []
        assert bench.states() == ["searching", "polling"]


def test_freeze_frames_can_be_left_out():
    car = Car()
    car.codes[ENGINE] = b"\x03\x01"
    car.frozen[ENGINE] = FRAME
    bench = Bench({"freeze": False}, car)
    bench.run(20000)
    assert bench.of("freeze") == [] and "020200" not in bench.asked()


def test_readiness_when_it_changes():
    bench = Bench()
    bench.run(20000)
    told = bench.of("readiness")
    assert len(told) == 1 and told[0][1:3] == (ENGINE, 0x0007E500)
    bench.car.data[ENGINE][0x01] = b"\x00\x07\xe5\x01"
    bench.run(40000)
    told = bench.of("readiness")
    assert len(told) == 2
    found = readiness.decode(bytes([told[1][2] >> 8 * at & 255 for at in (3, 2, 1, 0)]))
    assert readiness.incomplete(found) == ["catalyst"]


def test_old_buses_have_three_codes_a_message():
    bench = Bench()
    bench.adapter.protocol = "A3"
    table = {
        "0100": "486B104100BE3FA813",
        "03": "486B1043030101710133\r486B1043C10000000000",
        "07": "486B1047000000000000",
        "0A": "NO DATA",
        "0902": "\r".join(
            ["486B104902%02X%s" % (n + 1, part) for n, part in enumerate(
                ("00000031", "4847434D", "38323633", "33413030", "34323130"))]
        ),
    }  # fmt: skip
    reply = bench.adapter.reply

    def old(text):
        if text[:2] in ("AT", "ST"):
            return reply(text)
        answer = table.get(text, "NO DATA")
        lines = []
        for line in answer.split("\r"):
            if line.startswith("48"):
                data = bytes([int(line[at : at + 2], 16) for at in range(0, len(line), 2)])
                line += "%02X" % (sum(data) & 0xFF)
            lines.append(line)
        return "\r".join(lines)

    bench.adapter.reply = old
    bench.run(20000)
    assert bench.codes() == [("P0301", "P0171", "P0133", "U0100")]
    assert bench.codes("pending") == [()]
    assert [event[1] for event in bench.of("vin")] == ["1HGCM82633A004210"]
